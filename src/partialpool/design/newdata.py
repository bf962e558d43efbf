"""The predictors of a table's rows, evaluated as in the model: for its own rows or new ones."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from partialpool.design.censoring import Censoring
from partialpool.design.column_types import computed_columns, value_columns
from partialpool.design.design import Design
from partialpool.design.evaluate import evaluate_trials
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.member_effects import MemberEffects
from partialpool.design.memberships import read_memberships
from partialpool.design.new_levels import NewLevels, check_new_levels
from partialpool.design.residual_rows import ResidualRows
from partialpool.design.response_values import check_trials, read_positive
from partialpool.design.table import Missing, Table, read_table
from partialpool.design.truncation import Truncation, read_truncation
from partialpool.errors import DataError, nearest
from partialpool.spec.additions import trunc_columns
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import blank_where_zero, factor_columns, members_of

__all__ = [
    "GroupRows",
    "Rows",
    "as_new_levels",
    "effect_values",
    "expression_rows",
    "new_rows",
    "own_rows",
    "rows_of_table",
    "smooth_rows",
]


@dataclass(frozen=True, eq=False)
class GroupRows:
    """Levels and effects' values of some rows, for one factor.

    Attributes
    ----------
    codes
        Level of each row, shape (rows,), or the weights of the levels of each row, (rows, levels), where it has
        several; from `n_levels` on for levels the model has not seen; None where levels are not used.
    values
        The effects' values, shape (rows, effects).
    new_labels
        Levels the model has not seen, in order of their codes.
    is_smooth
        Whether it is a smooth, which is part of every prediction.
    """

    factor: str
    codes: np.ndarray | sparse.csr_array | None
    values: np.ndarray
    new_labels: tuple[str | int | float | bool, ...] = ()
    is_smooth: bool = False

    @property
    def play_a_part(self) -> bool:
        """Whether the levels of this factor are used."""
        return self.codes is not None

    def apply(self, b: np.ndarray) -> np.ndarray:
        """Sum the contributions of the level's effects in each row, (draws, levels, effects) to (draws, rows).

        Effects are added one at a time: all at once would multiply the memory needed.
        """
        out = np.zeros((len(b), len(self.values)))
        if isinstance(self.codes, sparse.csr_array):
            weights = self.codes[:, : b.shape[1]]
            for effect in range(b.shape[2]):
                out += (weights @ b[:, :, effect].T).T * self.values[:, effect]
        elif self.codes is not None:
            for effect in range(b.shape[2]):
                out += b[:, self.codes, effect] * self.values[:, effect]
        return out

    def take(self, index: np.ndarray) -> "GroupRows":
        """Return some of the rows, by position."""
        return replace(self, codes=None if self.codes is None else self.codes[index], values=self.values[index])

    def restricted_to(self, levels: np.ndarray) -> "GroupRows":
        """Return the same rows, with values of 0 where the level is not selected; `levels` is boolean, (levels,)."""
        if isinstance(self.codes, sparse.csr_array):
            return replace(self, codes=sparse.csr_array(self.codes @ sparse.diags_array(levels.astype(float))))
        return replace(self, values=self.values * levels[self.codes][:, None])


@dataclass(frozen=True, eq=False)
class Rows:
    """Everything that a prediction needs about some rows.

    Attributes
    ----------
    common
        X without the intercept, original scale, shape (rows, columns).
    groups
        One entry per factor, in the design's order.
    offset, se, precision, trials
        Shape (rows,), or None where the model has none.
    residual
        Strata and series, or None where the model has none, or rows lack their columns.
    index
        Row numbers in the table as given, shape (rows,).
    frame
        The columns that were read.
    new_levels
        Treatment of levels the model has not seen.
    unobserved
        Whether each row belongs to a cell of categories that no row of the data informs, shape (rows,); None where
        every cell is informed.
    censoring, truncation
        Which of the model's own responses are bounds only, None where all were seen, and for new rows; bounds of every
        response, None where there are none.
    parameters
        The same rows, with the terms of the predictors of the family's parameters.
    """

    common: np.ndarray
    groups: tuple[GroupRows, ...]
    offset: np.ndarray | None
    se: np.ndarray | None
    precision: np.ndarray | None
    residual: ResidualRows | None
    trials: np.ndarray | None
    index: np.ndarray
    frame: pd.DataFrame
    new_levels: NewLevels = "error"
    unobserved: np.ndarray | None = None
    censoring: Censoring | None = None
    truncation: Truncation | None = None
    parameters: Mapping[str, "Rows"] = MappingProxyType({})

    def take(self, index: np.ndarray) -> "Rows":
        """Return some of the rows, by position."""
        return replace(
            self,
            common=self.common[index],
            groups=tuple(group.take(index) for group in self.groups),
            index=self.index[index],
            frame=self.frame.iloc[index],
            offset=None if self.offset is None else self.offset[index],
            se=None if self.se is None else self.se[index],
            precision=None if self.precision is None else self.precision[index],
            residual=None if self.residual is None else self.residual.take(index),
            trials=None if self.trials is None else self.trials[index],
            unobserved=None if self.unobserved is None else self.unobserved[index],
            censoring=None if self.censoring is None else self.censoring.take(index),
            truncation=None if self.truncation is None else self.truncation.take(index),
            parameters={name: other.take(index) for name, other in self.parameters.items()},
        )

    def with_levels_of(self, factors: Collection[str]) -> "Rows":
        """Return the same rows, without the levels of other factors; smooths stay."""
        groups = tuple(
            g if g.factor in factors or g.is_smooth else replace(g, codes=None, new_labels=()) for g in self.groups
        )
        others = {name: other.with_levels_of(factors) for name, other in self.parameters.items()}
        return replace(self, groups=groups, parameters=others)


def own_rows(design: Design) -> Rows:
    """Return the rows the model was built on."""
    groups = tuple(
        GroupRows(f.name, f.weights if isinstance(f, MemberEffects) else f.codes, f.values, is_smooth=f.is_smooth)
        for f in design.factors
    )
    trials = design.response.trials
    return Rows(
        common=design.common.values,
        groups=groups,
        offset=design.offset,
        se=design.se,
        precision=design.precision,
        residual=design.residual,
        trials=trials,
        index=design.rows,
        frame=design.frame,
        censoring=design.response.censoring,
        truncation=design.response.truncation,
        parameters={name: own_rows(other) for name, other in design.parameters.items()},
    )


def as_new_levels(design: Design) -> Rows:
    """Return the rows the model was built on, with every level replaced by one that the model has not seen.

    Raises
    ------
    DataError
        Levels with a known covariance: the relations of the new levels to the others are not defined.
    """
    for factor in design.factors:
        factor.check_unrelated("a new level in place of each")
    rows = own_rows(design)
    groups = tuple(
        g if f.is_smooth else replace(g, codes=f.codes + f.n_levels, new_labels=f.levels.labels)
        for f, g in zip(design.factors, rows.groups, strict=True)
    )
    others = {name: as_new_levels(other) for name, other in design.parameters.items()}
    return replace(rows, groups=groups, new_levels="sample", parameters=others)


def expression_rows(design: Design, frame: pd.DataFrame) -> Rows:
    """Evaluate a model's columns on a table of predictors, without levels, trials or standard errors.

    Parameters
    ----------
    design
        The model's design.
    frame
        Complete rows of the columns that terms read, as `read_table` gives them.

    Raises
    ------
    DataError
        A category that is new, a value that is not finite.
    """
    spec = design.spec
    common = design.common.recipe.apply(frame)[:, 1 if spec.intercept else 0 :]
    groups = tuple(
        GroupRows(f.name, f.levels.encode(frame)[0] if f.is_smooth else None, effect_values(f, frame), (), f.is_smooth)
        for f in design.factors
    )
    index, unobserved = np.arange(len(frame)), _unobserved(design, frame)
    others = {name: expression_rows(other, frame) for name, other in design.parameters.items()}
    return Rows(
        common,
        groups,
        _offset(design, frame),
        None,
        None,
        None,
        None,
        index,
        frame,
        unobserved=unobserved,
        parameters=others,
    )


def smooth_rows(design: Design, frame: pd.DataFrame) -> tuple[GroupRows, ...]:
    """Evaluate the columns of every smooth on a table of predictors."""
    smooths = (factor for factor in design.factors if factor.is_smooth)
    return tuple(GroupRows(f.name, f.levels.encode(frame)[0], effect_values(f, frame), (), True) for f in smooths)


def effect_values(factor: FactorEffects, frame: pd.DataFrame) -> np.ndarray:
    """Evaluate the columns of a factor's effects on a table of predictors, (rows, effects)."""
    return np.concatenate([recipe.apply(frame) for recipe in factor.recipes], axis=1)


def _offset(design: Design, frame: pd.DataFrame) -> np.ndarray | None:
    return np.sum([r.apply(frame)[:, 0] for r in design.offset_recipes], axis=0) if design.spec.offsets else None


def new_rows(
    design: Design,
    data: Any,
    *,
    new_levels: NewLevels = "error",
    factors: Collection[str] | None = None,
    missing: Missing = "drop",
    responses: bool = True,
) -> Rows:
    """Evaluate new data as in the model: with the same levels, coding, learned means and knots.

    Parameters
    ----------
    design
        The model's design.
    data
        A table with the predictors and factors; the response is not needed.
    new_levels
        What to do with a level that the model has not seen: `error` refuses it; `sample` draws its
        effects from the population of levels; `population` sets them to zero.
    factors
        Factors whose levels are used, by default all; the columns of others may be missing.
    responses
        Whether responses will be drawn for these rows. Otherwise the columns of known standard errors and of trials may
        be missing; then `se` or `trials` is None.

    Raises
    ------
    DataError
        A column that is missing, a category or level that is new, a value that is not finite.
    """
    spec = design.spec
    check_new_levels(new_levels)
    known = tuple(spec.all_factors if factors is None else factors)
    columns = spec.predictor_columns_with(known)
    needed = {*spec.expression_columns, *(column for name in known for column in factor_columns(name))}
    needed |= {*trunc_columns(spec.trunc)}
    needed |= {column for name in known if (found := members_of(spec.groups, name)) for column in found.weights}
    optional = () if responses else set(columns) - needed
    values, computed = value_columns(spec), computed_columns(spec)
    table = read_table(
        data,
        columns,
        missing=missing,
        predictors=values,
        computed=computed,
        optional=optional,
        blank=blank_where_zero(spec.groups),
        endless=trunc_columns(spec.trunc),
    )
    return rows_of_table(design, table, known, new_levels=new_levels)


def rows_of_table(design: Design, table: Table, known: Collection[str], *, new_levels: NewLevels) -> Rows:
    """Evaluate the rows of a table that has been read, with the levels of the `known` factors; see `new_rows`."""
    spec, frame = design.spec, table.frame
    common = design.common.recipe.apply(frame)[:, 1 if spec.intercept else 0 :]
    groups = []
    for factor in design.factors:
        here = factor.name in known or factor.is_smooth
        codes, unseen = _levels_of(spec, factor, frame) if here else (None, ())
        strangers = [] if factor.kinship is None else factor.kinship.without_relatives(unseen)
        if strangers:
            raise DataError(
                f"new levels of {factor.name!r} have no row in the covariance of its levels",
                got=", ".join(strangers[:5]) + (f" and {len(strangers) - 5} more" if len(strangers) > 5 else ""),
                allowed="levels of the data, or other levels of the stated matrix",
                do="fit with a matrix that has them: it may have levels without rows of data",
            )
        if unseen and new_levels == "error":
            raise _new_level(factor, unseen)
        groups.append(GroupRows(factor.name, codes, effect_values(factor, frame), unseen, factor.is_smooth))
    offset = _offset(design, frame)
    se = read_positive("standard errors", frame[spec.se]) if spec.se and spec.se in frame else None
    weighted = spec.precision is not None and spec.precision in frame
    precision = read_positive("precisions", frame[spec.precision]) if weighted else None
    trials = spec.response_term.trials
    counted = trials is not None and (trials.isdigit() or set(columns_of(trials)) <= set(frame))
    counts = evaluate_trials(spec.response_term, frame) if counted else None
    checked = None if counts is None else check_trials(counts)
    unobserved = _unobserved(design, frame)
    residual = None if design.residual is None else design.residual.of(frame)
    others = {
        name: rows_of_table(other, table, known, new_levels=new_levels) for name, other in design.parameters.items()
    }
    return Rows(
        common,
        tuple(groups),
        offset,
        se,
        precision,
        residual,
        checked,
        table.rows,
        frame,
        new_levels,
        unobserved,
        truncation=None if spec.trunc is None else read_truncation(spec.trunc, spec.family_record.support, frame),
        parameters=others,
    )


def _levels_of(
    spec: ModelSpec, factor: FactorEffects, frame: pd.DataFrame
) -> tuple[np.ndarray | sparse.csr_array, tuple[str | int | float | bool, ...]]:
    members = members_of(spec.groups, factor.name)
    return factor.levels.encode(frame) if members is None else read_memberships(members, factor.levels, frame)


def _unobserved(design: Design, frame: pd.DataFrame) -> np.ndarray | None:
    found = [recipe.unobserved(frame) for recipe in design.recipes if recipe.dropped]
    return np.any(found, axis=0) if found and np.any(found) else None


def _new_level(factor: FactorEffects, unseen: tuple[str | int | float | bool, ...]) -> DataError:
    shown = ", ".join(repr(label) for label in unseen[:5]) + (f" and {len(unseen) - 5} more" if len(unseen) > 5 else "")
    labels = factor.levels.labels
    texts = all(isinstance(label, str) for label in labels)
    known = (
        nearest(unseen[0], map(str, labels))
        if texts
        else ", ".join([*map(repr, labels[:8]), *(["..."] * (len(labels) > 8))])
    )
    return DataError(
        f"the new table has levels of {factor.name!r} that the model has not seen",
        got=shown,
        allowed=f"the model's {factor.n_levels} levels, {known}; others if new_levels= is given",
        do="pass new_levels='sample' to draw their effects from the population, or 'population' for its typical level",
    )
