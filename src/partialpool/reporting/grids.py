"""Predictors along which the report draws figures, and the values at which the other predictors are fixed."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.held import Held, categories_of, hold, is_number, numbers_among, range_of, read_columns
from partialpool.design.labels import coordinate_of
from partialpool.labels.labels import parts_by_name
from partialpool.labels.names_shown import NamesShown
from partialpool.reporting.wording import offset_held, others_held
from partialpool.spec.expression import columns_of

__all__ = ["Grid", "held_in", "interacting_category", "predictor_grids", "slope_grids"]

_MOST_COLOURS: Final = 6
"""Most categories of an interacting predictor that are drawn in colours."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Values of one predictor, with every other categorical predictor fixed at its first category.

    Attributes
    ----------
    column
        The predictor.
    at
        Values by column, as the questions take them.
    """

    column: str
    at: dict[str, Sequence[Any]]

    def along(self, answer: xr.Dataset) -> xr.Dataset:
        """Drop the dimensions of the other categorical predictors, which have one value each, from an answer."""
        return answer.isel({coordinate_of(answer, name): 0 for name in self.at if name != self.column}, drop=True)

    def held(self, answer: xr.Dataset, names: NamesShown) -> str:
        """State the values of the other predictors and of the offset, in sentences; empty where there are none."""
        chosen = [Held(names.column(c), values[0], "first") for c, values in self.at.items() if c != self.column]
        others = [*map(str, chosen), *([names.told(answer.attrs["held"])] if "held" in answer.attrs else [])]
        return others_held(", ".join(others)) + offset_held(answer)


def held_in(names: NamesShown, rows: pd.DataFrame, *, leave_out: Collection[str] = ()) -> str:
    """List the values of the predictors that `datagrid` fixed in a table of rows; empty where there are none.

    Parameters
    ----------
    names, rows
        Names of the model, and rows from `datagrid`. The number of trials is no predictor: a probability does not
        depend on it.
    leave_out
        Columns that are not fixed, or do not matter.
    """
    design = names.design
    fixed = [*design.spec.expression_columns, *design.spec.columns_of_rows.values()]
    held = [hold(design, name) for name in rows.columns if name in fixed and name not in leave_out]
    return ", ".join(str(replace(one, column=names.column(one.column))) for one in held)


def slope_grids(design: Design) -> list[Grid]:
    """Return a grid for each numeric predictor whose effect varies over some factor."""
    categories = _first_categories(design)
    varying = numbers_among(design, read_columns(design, common=False))
    return [Grid(column, {column: range_of(design, column), **categories}) for column in varying]


def predictor_grids(design: Design, *, most: int = 4) -> list[Grid]:
    """Return a grid for each of the first `most` predictors of the fixed effects: a range, or all categories."""
    categories = _first_categories(design)
    own = [column for name in design.thresholds for column in design.parameters[name].common.recipe.numeric]
    read = list(dict.fromkeys([*design.common.recipe.numeric, *own, *(smooth.x for smooth in design.spec.smooths)]))
    return [
        Grid(column, {**categories, column: range_of(design, column) if is_number(design, column) else list(values)})
        for column in read[:most]
        for values in [() if is_number(design, column) else categories_of(design, column)]
    ]


def interacting_category(design: Design, column: str) -> str | None:
    """Return the predictor whose categories a figure along a column shows in colours: the first that interacts with it.

    None where there is none, where it has many categories, and for ordered responses, where colours are grades.
    """
    if not design.spec.family_record.has_mean:
        return None
    parts_of = parts_by_name(design)
    for parts in (parts_of.get(name, ()) for name in design.common.names):
        if len(parts) != 2:
            continue
        for mine, other in (parts, parts[::-1]):
            is_mine = column in ({mine.column} if mine.column else columns_of(mine.text))
            if is_mine and other.column and len(categories_of(design, other.column)) <= _MOST_COLOURS:
                return other.column
    return None


def _first_categories(design: Design) -> dict[str, list[Any]]:
    """Return every categorical predictor that the model uses, at its first category."""
    read = read_columns(design)
    return {column: [categories_of(design, column)[0]] for column in read if not is_number(design, column)}
