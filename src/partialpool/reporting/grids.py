"""Along which predictors a picture is worth drawing, and where the others are held meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.build import Design
from partialpool.design.kinds import first_category, is_quantity
from partialpool.design.labels import coordinate_of

__all__ = ["Grid", "predictor_grids", "slope_grids"]

_PLACES = 25


@dataclass(frozen=True, eq=False)
class Grid:
    """A numeric predictor's range, with every category held at its first.

    Attributes
    ----------
    column
        The predictor.
    at
        What questions take: values by column.
    read
        Every predictor the model reads.
    """

    column: str
    at: dict[str, Sequence[Any]]
    read: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many places there are."""
        return len(self.at[self.column])

    def along(self, answer: xr.Dataset) -> xr.Dataset:
        """Drop the categories, of which one was asked for, from an answer's dimensions."""
        return answer.isel({coordinate_of(answer, name): 0 for name in self.at if name != self.column}, drop=True)

    def held(self, answer: xr.Dataset) -> str:
        """Say where the other predictors were held, as a sentence; nothing where there are none."""
        chosen = [f"{name}={values[0]}" for name, values in self.at.items() if name != self.column]
        others = chosen + ([answer.attrs["held"]] if "held" in answer.attrs else [])
        return f" Held meanwhile: {', '.join(others)}." if others else ""


def slope_grids(design: Design) -> list[Grid]:
    """Return a grid for each numeric predictor whose effect varies over some factor."""
    recipes = [recipe for factor in design.factors for recipe in factor.recipes]
    varying = dict.fromkeys(column for recipe in recipes for column in recipe.numeric)
    read = varying | dict.fromkeys(design.common.recipe.numeric)
    categories = {c: [first_category(design.frame[c])] for c in read if not is_quantity(design.frame[c])}
    grids = []
    for column in varying:
        values = design.frame[column]
        if is_quantity(values):
            grids.append(
                Grid(column, {column: np.linspace(values.min(), values.max(), _PLACES).tolist(), **categories})
            )
    return grids


def predictor_grids(design: Design, *, most: int = 4) -> list[Grid]:
    """Return a grid for each of the first predictors of the common effects: a number's range, a category's values."""
    read = tuple(design.common.recipe.numeric)
    every = tuple(dict.fromkeys([*read, *(c for f in design.factors for r in f.recipes for c in r.numeric)]))
    categories = {c: [first_category(design.frame[c])] for c in every if not is_quantity(design.frame[c])}
    grids = []
    for column in read[:most]:
        values = design.frame[column]
        places = (
            np.linspace(values.min(), values.max(), _PLACES).tolist() if is_quantity(values) else _categories(values)
        )
        grids.append(Grid(column, {**categories, column: places}, every))
    return grids


def _categories(values: pd.Series) -> list[Any]:
    return [False, True] if pd.api.types.is_bool_dtype(values) else list(values.cat.categories)
