"""The covariate side of a table, through the same specification as the model's own: its rows or new ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from partialpool.design.build import Design, FactorEffects
from partialpool.design.evaluate import evaluate
from partialpool.design.response import evaluate_trials
from partialpool.design.table import Missing, Table, read_table
from partialpool.errors import DataError
from partialpool.spec.expression import columns_of
from partialpool.spec.terms import factor_columns

__all__ = ["GroupRows", "NewLevels", "Rows", "new_rows", "own_rows"]

NewLevels = Literal["error", "sample", "population"]


@dataclass(frozen=True, eq=False)
class GroupRows:
    """One factor's side of the rows.

    Attributes
    ----------
    codes
        Level of each row, shape (rows,); from `n_levels` on for levels the model has not seen.
    values
        The effects' values, shape (rows, effects).
    new_labels
        Levels the model has not seen, in order of their codes.
    """

    factor: str
    codes: np.ndarray
    values: np.ndarray
    new_labels: tuple[str | int | float | bool, ...] = ()


@dataclass(frozen=True, eq=False)
class Rows:
    """Everything a prediction needs to know of some rows.

    Attributes
    ----------
    common
        X without the intercept, original scale, shape (rows, columns).
    groups
        One entry per factor, in the design's order.
    offset, se, trials
        Shape (rows,), or None where the model has none.
    index
        Row numbers in the table as given, shape (rows,).
    new_levels
        What becomes of levels the model has not seen.
    """

    common: np.ndarray
    groups: tuple[GroupRows, ...]
    offset: np.ndarray | None
    se: np.ndarray | None
    trials: np.ndarray | None
    index: np.ndarray
    new_levels: NewLevels = "error"


def own_rows(design: Design) -> Rows:
    """Return the rows the model was built on."""
    groups = tuple(GroupRows(f.name, f.codes, f.values) for f in design.factors)
    return Rows(design.common.values, groups, design.offset, design.se, design.response.trials, design.rows)


def new_rows(design: Design, data: Any, *, new_levels: NewLevels = "error", missing: Missing = "drop") -> Rows:
    """Pass new data through a model's specification: same levels, same coding, same learned means and knots.

    Parameters
    ----------
    design
        The model's design.
    data
        A table with the predictors and factors; the response is not needed.
    new_levels
        What to do with a level that the model has not seen: `error` refuses it; `sample` draws its
        effects from the population of levels; `population` sets them to zero.

    Raises
    ------
    DataError
        A column that is missing, a category or level that is new, a value that is not finite.
    """
    spec = design.spec
    if new_levels not in ("error", "sample", "population"):
        raise DataError(
            "unknown treatment of new levels",
            got=repr(new_levels),
            allowed="'error', 'sample', 'population'",
            do="name one of these",
        )
    trials = spec.response_term.trials
    trials_columns = columns_of(trials) if trials and not trials.isdigit() else ()
    frame_columns = dict.fromkeys(
        [
            *(c for text in (*spec.common, *spec.offsets) for c in columns_of(text)),
            *(c for group in spec.groups for slope in group.slopes for c in columns_of(slope)),
            *(c for factor in spec.factors for c in factor_columns(factor)),
            *trials_columns,
            *([spec.se] if spec.se else []),
        ]
    )
    table = read_table(data, tuple(frame_columns), missing=missing) if frame_columns else _count_only(data)
    frame = table.frame
    common = design.common.recipe.apply(frame)[:, 1 if spec.intercept else 0 :]
    groups = []
    for factor in design.factors:
        codes, unseen = factor.levels.encode(frame)
        if unseen and new_levels == "error":
            raise _new_level(factor, unseen)
        values = np.concatenate([recipe.apply(frame) for recipe in factor.recipes], axis=1)
        groups.append(GroupRows(factor.name, codes, values, unseen))
    offset = sum((evaluate(o, frame) for o in spec.offsets), np.zeros(len(frame))) if spec.offsets else None
    se = frame[spec.se].to_numpy(dtype=float) if spec.se else None
    counts = evaluate_trials(spec.response_term, frame) if trials else None
    return Rows(common, tuple(groups), offset, se, counts, table.rows, new_levels)


def _new_level(factor: FactorEffects, unseen: tuple[str | int | float | bool, ...]) -> DataError:
    shown = ", ".join(repr(label) for label in unseen[:5]) + (f" and {len(unseen) - 5} more" if len(unseen) > 5 else "")
    return DataError(
        f"the new table has levels of {factor.name!r} that the model has not seen",
        got=shown,
        allowed=f"the model's {factor.n_levels} levels; or say what a new level is",
        do="pass new_levels='sample' to draw their effects from the population, or 'population' for its typical level",
    )


def _count_only(data: Any) -> Table:
    """An intercept-only model reads no column: any table with rows will do."""
    n = len(next(iter(data.values()), ())) if isinstance(data, Mapping) else len(nw.from_native(data, eager_only=True))
    return Table(pd.DataFrame(index=range(n)), np.arange(n), n)
