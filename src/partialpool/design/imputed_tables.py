"""Designs of several completed tables, which share codings, centres, knots and priors."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.build import build_design, build_design_of_means
from partialpool.design.design import Design
from partialpool.design.residual_rows import ResidualRows
from partialpool.design.subset import keep_rows
from partialpool.design.table import Missing, column_names, select_columns
from partialpool.errors import DataError, DataWarning, nearest
from partialpool.spec.model import ModelSpec

__all__ = ["ImputedTables", "build_imputed_designs"]

_SAME = "impute again, so that the tables differ only in values that were missing"


@dataclass(frozen=True, eq=False)
class ImputedTables:
    """The designs of completed tables of the same rows.

    Attributes
    ----------
    whole
        The design of all tables, one below the other: what is learned from the data (categories, means, knots, scales
        of priors) is learned from it, so that it depends neither on the first table nor on their order.
    each
        The design of each table, with what was learned from all of them.
    imputed
        The columns of the model whose values differ between tables.
    """

    whole: Design
    each: tuple[Design, ...]
    imputed: tuple[str, ...]


def build_imputed_designs(spec: ModelSpec, tables: Iterable[Any], *, missing: Missing = "drop") -> ImputedTables:
    """Build the designs of completed tables.

    Parameters
    ----------
    spec
        The model.
    tables
        Two tables or more, with the same rows in the same order; each as for `build_design`.
    missing
        What to do with rows that still have missing values: `drop` them or raise an `error`.

    Raises
    ------
    DataError
        Not several tables; tables of different rows; tables in which the model has other levels, categories or
        coefficients; tables that are all equal.
    """
    given = _listed(tables)
    first = build_design(spec, given[0], missing=missing)
    frames = [select_columns(table, spec.columns) for table in given]
    _check_categories(frames)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # given for the first table
        alone = (first, *(_build_alone(spec, table, k, missing) for k, table in enumerate(given[1:], start=2)))
        _check_rows(alone)
        imputed = _imputed_columns([design.frame for design in alone])
        whole = _build_whole(frames, alone)
    each = tuple(_part_of(whole, k, own) for k, own in enumerate(alone))
    for k, (part, own) in enumerate(zip(each, alone, strict=True)):
        _check_same_model(k, part, own, whole)
    return ImputedTables(whole, each, imputed)


def _build_alone(spec: ModelSpec, table: Any, number: int, missing: Missing) -> Design:
    """Build the design of one table, and say in errors which one it is."""
    try:
        return build_design(spec, table, missing=missing)
    except DataError as error:
        raise DataError(f"table {number}: {error.wrong}", got=error.got, allowed=error.allowed, do=error.do) from error


def _build_whole(frames: Sequence[pd.DataFrame], alone: Sequence[Design]) -> Design:
    """Build the design of all tables, with the series and strata of each table's residuals."""
    whole = build_design_of_means(alone[0].spec, pd.concat(frames, ignore_index=True))
    # A series of residuals is in every table: it is not read from all rows, where its times would occur repeatedly.
    residual = alone[0].residual
    if residual is not None:
        strata = _stacked_strata(residual, [own.residual for own in alone if own.residual is not None])
        residual = replace(residual, stratum=strata)
    return replace(whole, residual=residual, units=alone[0].units)


def _stacked_strata(first: ResidualRows, each: Sequence[ResidualRows]) -> np.ndarray:
    """Return the stratum of each row of all tables, whose residuals must have parameters of the same meaning."""
    for k, own in enumerate(each, start=1):
        changed = first.changed_by(own)
        if changed is not None:
            raise DataError(
                "the parameters of the residuals mean something else in another table",
                got=f"table {k} has {changed}",
                allowed="the strata, visits, distances in time and lengths of series of table 1",
                do=_SAME,
            )
    return np.concatenate([own.stratum for own in each])


def _part_of(whole: Design, number: int, own: Design) -> Design:
    """Return the design of one table, with the row numbers, names and residuals of that table."""
    mine = np.repeat(np.arange(whole.n_rows // own.n_rows), own.n_rows) == number
    part = keep_rows(replace(whole, residual=None), mine)
    frame = part.frame.set_axis(own.frame.index)
    return replace(part, residual=own.residual, rows=own.rows, n_given=own.n_given, frame=frame, left_out=own.left_out)


def _listed(tables: Iterable[Any]) -> list[Any]:
    """Return the tables as a list."""
    is_one = hasattr(tables, "columns") or hasattr(tables, "column_names") or isinstance(tables, str | dict)
    given = [] if is_one or not isinstance(tables, Iterable) else list(tables)
    if len(given) < 2:
        raise DataError(
            "fit_imputed needs several completed tables",
            got="one table" if is_one or len(given) == 1 else f"{type(tables).__name__} without tables",
            allowed="a list of two tables or more, each with its own imputed values",
            do="pass a list of tables; for one table use pp.fit",
        )
    wanted = set(column_names(given[0]))
    for k, table in enumerate(given[1:], start=2):
        lacking = sorted(wanted - set(column_names(table)))
        if lacking:
            raise DataError(
                f"table {k} has no column {lacking[0]!r}",
                got=f"{len(column_names(table))} columns",
                allowed=nearest(lacking[0], column_names(table)),
                do="pass tables with the same columns",
            )
    return given


def _check_rows(alone: Sequence[Design]) -> None:
    """Refuse tables that are not the same rows."""
    for k, own in enumerate(alone[1:], start=2):
        if own.n_given != alone[0].n_given or not np.array_equal(own.rows, alone[0].rows):
            raise DataError(
                "the tables do not have the same rows",
                got=f"{own.n_rows} complete rows of {own.n_given} in table {k}, "
                f"{alone[0].n_rows} of {alone[0].n_given} in table 1",
                allowed="the same rows in the same order; rows with missing values in all tables or in none",
                do="pass the completed tables of one imputation, without filtering them separately",
            )


def _check_categories(frames: Sequence[pd.DataFrame]) -> None:
    """Refuse declared categories that differ between tables: their order would be lost."""
    for k, frame in enumerate(frames[1:], start=2):
        for name in frame.columns:
            first, own = _declared(frames[0][name]), _declared(frame[name])
            if first != own:
                raise DataError(
                    f"the declared categories of {name!r} differ between tables",
                    got=f"{', '.join(own) or 'none'} in table {k}",
                    allowed=f"{', '.join(first) or 'none'}, as in table 1",
                    do=f"declare the same categories of {name!r} in every table, in the same order",
                )


def _declared(column: pd.Series) -> list[str]:
    return list(map(str, column.cat.categories)) if isinstance(column.dtype, pd.CategoricalDtype) else []


def _imputed_columns(frames: Sequence[pd.DataFrame]) -> tuple[str, ...]:
    """Return the columns that differ between tables."""
    names = [str(name) for name in frames[0].columns]
    values = [{name: frame[name].to_numpy() for name in names} for frame in frames]
    found = tuple(n for n in names if any(not np.array_equal(own[n], values[0][n]) for own in values[1:]))
    if not found:
        raise DataError(
            "the completed tables are equal in the columns of the model",
            got=f"{len(frames)} tables with the same {', '.join(names)}",
            allowed="tables that differ in the values that were imputed",
            do="use pp.fit with one of them if no value was missing; else impute with random draws, several times",
        )
    return found


def _check_same_model(number: int, part: Design, own: Design, whole: Design) -> None:
    """Refuse a table in which the model has other coefficients or levels than over all tables."""
    found: dict[str, tuple[Sequence[Any], Sequence[Any]]] = {"coefficients": (own.common.coefs, whole.common.coefs)}
    for every, mine, alone in zip(whole.factors, part.factors, own.factors, strict=True):
        found[f"effects over {every.name}"] = (alone.names, every.names)
        found[f"levels of {every.name}"] = (mine.levels.labels, every.levels.labels)
    for what, (here, anywhere) in found.items():
        if tuple(here) != tuple(anywhere):
            lacking = [str(one) for one in anywhere if one not in here] or [str(one) for one in here]
            raise DataError(
                f"the {what} differ between tables",
                got=f"table {number + 1} lacks or does not identify {', '.join(lacking[:5])}",
                allowed=f"the same {what} in every table",
                do=_SAME,
            )
