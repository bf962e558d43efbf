"""Along which predictors a picture is worth drawing, and where the others are held meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import xarray as xr

from partialpool.design.design import Design
from partialpool.design.held import Held, categories_of, is_number, numbers_among, range_of, read_columns
from partialpool.design.labels import coordinate_of
from partialpool.reporting.wording import others_held

__all__ = ["Grid", "predictor_grids", "slope_grids"]


@dataclass(frozen=True, eq=False)
class Grid:
    """A predictor's values, with every other category held at its first.

    Attributes
    ----------
    column
        The predictor.
    at
        What questions take: values by column.
    """

    column: str
    at: dict[str, Sequence[Any]]

    def along(self, answer: xr.Dataset) -> xr.Dataset:
        """Drop the categories, of which one was asked for, from an answer's dimensions."""
        return answer.isel({coordinate_of(answer, name): 0 for name in self.at if name != self.column}, drop=True)

    def held(self, answer: xr.Dataset) -> str:
        """Say where the other predictors and the offset were held, in sentences; nothing where there are none."""
        chosen = [str(Held(name, values[0], "first")) for name, values in self.at.items() if name != self.column]
        others = chosen + ([answer.attrs["held"]] if "held" in answer.attrs else [])
        offset = f" Offset: {answer.attrs['offset']}." if "offset" in answer.attrs else ""
        return others_held(", ".join(others)) + offset


def slope_grids(design: Design) -> list[Grid]:
    """Return a grid for each number whose effect varies over some factor."""
    categories = _first_categories(design)
    varying = numbers_among(design, read_columns(design, common=False))
    return [Grid(column, {column: range_of(design, column), **categories}) for column in varying]


def predictor_grids(design: Design, *, most: int = 4) -> list[Grid]:
    """Return a grid for each of the first predictors of the fixed effects: a number's range, a category's values."""
    categories = _first_categories(design)
    read = list(design.common.recipe.numeric)
    return [
        Grid(column, {**categories, column: range_of(design, column) if is_number(design, column) else list(values)})
        for column in read[:most]
        for values in [() if is_number(design, column) else categories_of(design, column)]
    ]


def _first_categories(design: Design) -> dict[str, list[Any]]:
    """Return every category that effects read, at its first."""
    read = read_columns(design)
    return {column: [categories_of(design, column)[0]] for column in read if not is_number(design, column)}
