"""Places in the space of the predictors: where a variance, a correlation or an expectation is wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.build import Design
from partialpool.design.held import Held, categories_of, evaluated_offset, hold, is_number, read_columns
from partialpool.errors import DataError, nearest

__all__ = ["At", "Points", "covariate_points"]

At = Mapping[str, Sequence[Any] | float | str]
"""Values of predictors, by column of the table; several columns make a grid."""

_TAKEN = frozenset({"chain", "draw", "factor", "effect", "level", "component", "pair", "part"})


@dataclass(frozen=True, eq=False)
class Points:
    """A grid of predictor values, evaluated.

    Attributes
    ----------
    coords
        The values of each column named, in the grid's order.
    held
        What every other numeric predictor that is read is held at: its mean over the rows.
    common
        X without the intercept, shape (points, columns); None where it was not asked for.
    effects
        Z's columns per factor, shape (points, effects).
    offset
        Known part of the linear predictor, shape (points,); None where the model has none, or was not asked for with
        `common`.
    """

    coords: Mapping[str, np.ndarray]
    held: Mapping[str, float]
    common: np.ndarray | None
    effects: tuple[np.ndarray, ...]
    offset: np.ndarray | None = None

    @property
    def held_in_words(self) -> str:
        """What was held where, for an answer's attrs."""
        return ", ".join(str(Held(name, value, "mean")) for name, value in self.held.items())

    @property
    def dims(self) -> tuple[str, ...]:
        """Names of the grid's dimensions."""
        return tuple(self.coords)

    @property
    def shape(self) -> tuple[int, ...]:
        """Sizes of the grid's dimensions."""
        return tuple(len(values) for values in self.coords.values())


def covariate_points(design: Design, at: At, *, common: bool) -> Points:
    """Evaluate a model's columns at chosen values of predictors.

    Parameters
    ----------
    design
        The model's design.
    at
        Values by column; several columns make a grid, the first varying slowest. Predictors that are not named
        are held at their means; a category has no mean and must be named where it is read.
    common
        Whether the common effects' columns and the offset are wanted too, and so the predictors they read.

    Raises
    ------
    DataError
        A column the model does not read; a category that must be named; values that are not finite.
    """
    known = design.spec.expression_columns
    coords = {name: np.atleast_1d(np.asarray(_listed(at[name]))) for name in at}
    for name, values in coords.items():
        _check_column(name, values, known)
    read = read_columns(design, common=common, offset=common)
    grid = pd.DataFrame(list(product(*coords.values())), columns=list(coords))
    held = {}
    for column in sorted(set(read) - set(coords)):
        held[column] = _mean_of(design, column)
        grid[column] = held[column]
    if not len(grid.columns):
        grid = pd.DataFrame(index=range(1))
    effects = tuple(
        np.concatenate([recipe.apply(grid) for recipe in factor.recipes], axis=1) for factor in design.factors
    )
    columns = design.common.recipe.apply(grid)[:, 1 if design.spec.intercept else 0 :] if common else None
    return Points(coords, held, columns, effects, evaluated_offset(design, grid) if common else None)


def _listed(values: Any) -> Any:
    return [values] if isinstance(values, str) else values


def _check_column(name: str, values: np.ndarray, known: tuple[str, ...]) -> None:
    if name not in known:
        raise DataError(
            "the model does not read this column",
            got=repr(name),
            allowed=nearest(name, known),
            do="name a predictor of the model",
        )
    if name in _TAKEN:
        raise DataError(
            f"a predictor named {name!r} collides with a dimension of the answer",
            got=name,
            allowed="any name but " + ", ".join(sorted(_TAKEN)),
            do="rename the column and fit again",
        )
    if values.ndim != 1 or not len(values):
        raise DataError(
            f"values of {name!r} are a list",
            got=repr(values),
            allowed="one value or more",
            do="write for instance [0, 5]",
        )


def _mean_of(design: Design, column: str) -> float:
    if not is_number(design, column):
        raise DataError(
            f"{column!r} has categories: it cannot be held at its mean",
            got="no value for it",
            allowed=nearest("", [str(value) for value in categories_of(design, column)]),
            do=f"name it: at={{..., {column!r}: [...]}}",
        )
    return float(hold(design, column).value)
