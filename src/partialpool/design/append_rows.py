"""Add rows to a design, which keeps everything that it learned from its first rows."""

import warnings
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
from scipy import sparse

from partialpool.design.censoring import Censoring
from partialpool.design.column_types import computed_columns, value_columns
from partialpool.design.columns import label_text
from partialpool.design.design import Design
from partialpool.design.evaluate import evaluate_response, evaluate_trials
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.factors import Levels
from partialpool.design.frequencies import repeat_rows
from partialpool.design.known_bounds import with_known_bounds
from partialpool.design.left_out import count_left_out
from partialpool.design.member_effects import MemberEffects
from partialpool.design.newdata import GroupRows, Rows, rows_of_table
from partialpool.design.residual_rows import ResidualRows, read_residual_rows
from partialpool.design.response import Response
from partialpool.design.response_values import read_response_values
from partialpool.design.structured_blocks import check_structure
from partialpool.design.table import Missing, Table, read_table
from partialpool.design.truncation import Truncation
from partialpool.errors import DataError, DataWarning, nearest
from partialpool.spec.additions import trunc_columns
from partialpool.spec.expression import columns_of
from partialpool.spec.terms import blank_where_zero

__all__ = ["FIT_TOGETHER", "Appended", "append_rows"]

FIT_TOGETHER: Final = "fit all rows together with pp.fit"
"""Advice where rows cannot be added to a design."""


@dataclass(frozen=True, eq=False)
class Appended:
    """A design with more rows, and the design of the added rows alone.

    Attributes
    ----------
    whole
        All rows; levels that are new come after the others, in order of appearance.
    added
        The added rows, with the levels of `whole`.
    """

    whole: Design
    added: Design


def append_rows(design: Design, data: Any, *, missing: Missing = "drop") -> Appended:
    """Add the rows of a table to a design.

    Only the added rows are evaluated. Codings, learned means and knots, the predictors' centres and the basis of the
    effects stay those of the first rows, and with them the resolved priors.

    Parameters
    ----------
    design
        The model's design.
    data
        A table with all columns of the model.
    missing
        What to do with incomplete rows: `drop` them with a warning, or raise an `error`.

    Raises
    ------
    DataError
        The rows do not fit the design, or need what it cannot add: see `Fit.update`.
    """
    spec = design.spec
    table = read_table(
        data,
        spec.columns,
        missing=missing,
        predictors=value_columns(spec),
        computed=computed_columns(spec),
        blank=blank_where_zero(spec.groups),
        cens=spec.cens,
        endless=trunc_columns(spec.trunc),
    )
    if spec.frequency is not None:
        table = repeat_rows(table, spec.frequency)
    frame = _aligned(design.frame, table.frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of cells without rows, which are refused below
        rows = rows_of_table(design, replace(table, frame=frame), spec.all_factors, new_levels="sample")
    _check_columns_kept(design, rows)
    for factor, group in zip(design.factors, rows.groups, strict=True):
        _check_unrelated(factor, group)
    response = with_known_bounds(spec, _read_response(design, frame), frame)
    added = _added(design, table, frame, rows, response)
    whole = _joined(design, added)
    _check_levels_keep_their_category(whole)
    return Appended(whole, added)


def _check_levels_keep_their_category(whole: Design) -> None:
    """Refuse new rows in which a level has another category of `by` than in the rows so far."""
    for group in whole.spec.groups:
        if group.by is not None:
            check_structure(group, next(f for f in whole.factors if f.name == group.factor), whole.frame)


def _aligned(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Return the new rows with the types of the old columns; categories that are new come after the others."""
    return pd.DataFrame({name: _aligned_column(old[name], new[name]) for name in old.columns}, index=new.index)


def _aligned_column(old: pd.Series, new: pd.Series) -> pd.Series:
    if isinstance(old.dtype, pd.CategoricalDtype):
        known = old.cat.categories
        values = new.astype(object)
        if all(isinstance(label, str) for label in known):
            values = values.map(label_text)
        extra = [label for label in pd.unique(values) if label not in set(known)]
        every = [*known, *extra]
        return pd.Series(pd.Categorical(values, categories=every, ordered=old.cat.ordered), new.index, name=new.name)
    if isinstance(new.dtype, pd.CategoricalDtype):
        raise DataError(
            f"column {new.name!r} has text, and it had numbers in the first rows",
            got=f"{new.tolist()[0]!r}",
            allowed=f"numbers, such as {old.tolist()[0]!r}",
            do=f"convert the column: pd.to_numeric(table[{new.name!r}]); or correct it",
        )
    if pd.api.types.is_bool_dtype(old.dtype) and new.isin([0, 1]).all():
        return new.astype(bool)
    return new


def _check_columns_kept(design: Design, rows: Rows) -> None:
    """Refuse rows that would identify a column that the first rows do not, and which was left out."""
    if rows.unobserved is None or not rows.unobserved.any():
        return
    raise DataError(
        "the new rows identify columns that were left out",
        got=f"{int(rows.unobserved.sum())} rows that inform {', '.join(design.dropped[:3])}",
        allowed="rows of the cells of categories that the first rows have",
        do=FIT_TOGETHER,
    )


def _check_unrelated(factor: FactorEffects, group: GroupRows) -> None:
    if factor.kinship is not None and group.new_labels:
        raise DataError(
            f"related levels of {factor.name!r} cannot be added to a fit",
            got=", ".join(map(repr, group.new_labels[:5])),
            allowed="new rows of the levels that the fit has, since the levels of this factor have a known covariance",
            do=FIT_TOGETHER,
        )


def _read_response(design: Design, frame: pd.DataFrame) -> Response:
    """Read the response of new rows, with the categories of the first rows."""
    term, known = design.spec.response_term, design.response
    column, trials = evaluate_response(term, frame), evaluate_trials(term, frame)
    if not term.is_column:
        _check_row_by_row(design)
    if not known.categories:
        # Two old rows are read with the new ones: a batch may be constant, or have no trials, if the whole does not.
        old = [int(np.argmin(known.values)), int(np.argmax(known.values)), int(np.argmax(known.n_trials))]
        index = frame.index[[-1] * len(old)]
        column = pd.concat([column.astype(float), pd.Series(known.values[old], index)])
        if trials is not None:
            trials = pd.concat([trials.astype(float), pd.Series(known.n_trials[old], index)])
        read = read_response_values(term, design.spec.family_record, column, trials)
        of = None if read.trials is None else read.trials[: -len(old)]
        return replace(known, values=read.values[: -len(old)], trials=of)
    numeric = not isinstance(column.dtype, pd.CategoricalDtype)
    labels = column.astype(float).map("{:g}".format) if numeric else column.astype(str)
    unseen = sorted(set(labels) - set(known.categories))
    if unseen:
        raise DataError(
            f"the response {term.text!r} has categories that the first rows do not have",
            got=", ".join(map(repr, unseen[:5])),
            allowed=nearest(unseen[0], known.categories),
            do=f"correct them; or {FIT_TOGETHER}",
        )
    return replace(known, values=pd.Index(known.categories).get_indexer(pd.Index(labels)).astype(float))


def _check_row_by_row(design: Design) -> None:
    """Refuse an expression of the response whose value in a row depends on the other rows, such as scale(y)."""
    some = design.frame.iloc[: max(2, len(design.frame) // 2)]
    column = evaluate_response(design.spec.response_term, some)
    if design.response.categories or np.allclose(column.to_numpy(float), design.response.values[: len(some)]):
        return
    raise DataError(
        f"the response {design.spec.response_term.text!r} cannot be computed for new rows alone",
        got="an expression whose value in a row depends on the other rows",
        allowed="a column, or an expression that is computed row by row, such as log(y)",
        do="compute it as a column of the table, with the numbers of the first rows",
    )


def _added(design: Design, table: Table, frame: pd.DataFrame, rows: Rows, response: Response) -> Design:
    """Return the design of the new rows alone."""
    numbers = design.n_given + table.rows
    factors = tuple(_added_factor(f, group) for f, group in zip(design.factors, rows.groups, strict=True))
    return replace(
        design,
        response=response,
        common=replace(design.common, values=rows.common),
        factors=factors,
        offset=rows.offset,
        se=rows.se,
        precision=rows.precision,
        residual=rows.residual,
        rows=numbers,
        n_given=table.n_given,
        frame=frame.set_axis(numbers),
        left_out=count_left_out(
            table.incomplete, columns_of(design.spec.response_term.expression), design.spec.factors
        ),
        parameters={
            name: _added(other, table, frame, rows.parameters[name], response)
            for name, other in design.parameters.items()
        },
    )


def _added_factor(factor: FactorEffects, group: GroupRows) -> FactorEffects:
    if group.codes is None:
        raise AssertionError("new_rows reads the levels of all factors")
    labels = (*factor.levels.labels, *group.new_labels)
    levels = Levels(factor.name, labels) if group.new_labels else factor.levels
    if isinstance(factor, MemberEffects):
        return replace(factor, levels=levels, weights=group.codes, values=group.values)
    return replace(factor, levels=levels, codes=group.codes, values=group.values)


def _joined(design: Design, added: Design) -> Design:
    """Return all rows; the added rows have the levels of both."""
    response = replace(
        design.response,
        values=_stacked(design.response.values, added.response.values),
        trials=_both(design.response.trials, added.response.trials),
        censoring=_joined_censoring(design.response, added.response),
        truncation=_joined_truncation(design.response, added.response),
    )
    factors = tuple(_joined_factor(old, new) for old, new in zip(design.factors, added.factors, strict=True))
    frame = _joined_frame(design.frame.set_axis(design.rows), added.frame)
    left_out = design.left_out
    if added.left_out is not None:
        left_out = added.left_out if left_out is None else left_out.with_those_of(added.left_out)
    return replace(
        design,
        response=response,
        common=replace(design.common, values=_stacked(design.common.values, added.common.values)),
        factors=factors,
        offset=_both(design.offset, added.offset),
        se=_both(design.se, added.se),
        precision=_both(design.precision, added.precision),
        residual=None if design.residual is None else _joined_residual(design, design.residual, frame),
        rows=_stacked(design.rows, added.rows),
        n_given=design.n_given + added.n_given,
        frame=frame,
        left_out=left_out,
        parameters={name: _joined(other, added.parameters[name]) for name, other in design.parameters.items()},
    )


def _joined_censoring(old: Response, new: Response) -> Censoring | None:
    if old.censoring is None or new.censoring is None:
        return None
    return old.censoring.with_rows(new.censoring)


def _joined_truncation(old: Response, new: Response) -> Truncation | None:
    if old.truncation is None or new.truncation is None:
        return None
    return old.truncation.with_rows(new.truncation)


def _joined_factor(old: FactorEffects, new: FactorEffects) -> FactorEffects:
    values = _stacked(old.values, new.values)
    if isinstance(old, MemberEffects) and isinstance(new, MemberEffects):
        wider = sparse.csr_array(
            (old.weights.data, old.weights.indices, old.weights.indptr), (len(old.values), new.n_levels)
        )
        return replace(new, weights=sparse.csr_array(sparse.vstack([wider, new.weights])), values=values)
    return replace(new, codes=_stacked(old.codes, new.codes), values=values)


def _stacked(old: np.ndarray, new: np.ndarray) -> np.ndarray:
    return np.concatenate([old, new])


def _both(old: np.ndarray | None, new: np.ndarray | None) -> np.ndarray | None:
    return None if old is None or new is None else _stacked(old, new)


def _joined_frame(old: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Put the new rows below the old ones; `new` has the old categories first."""
    wider = {
        name: old[name].cat.set_categories(new[name].cat.categories)
        for name in old.columns
        if isinstance(old[name].dtype, pd.CategoricalDtype)
    }
    return pd.concat([pd.DataFrame({name: wider.get(name, old[name]) for name in old.columns}), new])


def _joined_residual(design: Design, old: ResidualRows, frame: pd.DataFrame) -> ResidualRows | None:
    """Read the series of all rows together; their strata, visits and unit of time must stay as they were."""
    found = read_residual_rows(frame, design.spec.residual, design.spec.sigma)
    changed = None if found is None else old.changed_by(found)
    if changed is None:
        return found
    raise DataError(
        "the new rows change what a parameter of the residuals means",
        got=changed,
        allowed="rows with the strata, visits and unit of time of the first rows",
        do=FIT_TOGETHER,
    )
