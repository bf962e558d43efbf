"""Points in the space of the predictors at which a variance, a correlation or an expectation is computed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from partialpool.design.design import Design
from partialpool.design.held import Held, categories_of, evaluated_offset, hold, is_number, read_columns
from partialpool.design.newdata import GroupRows, Rows, effect_values, expression_rows, smooth_rows
from partialpool.errors import DataError, nearest
from partialpool.names import answer_name

__all__ = ["At", "Points", "check_places", "check_values", "covariate_points"]

At = Mapping[str, Sequence[Any] | float | str]
"""Values of predictors, by column of the table; several columns define a grid."""

_TAKEN: Final = frozenset(
    {
        *("chain", "draw", "factor", "part", "variance", "parts", "mean", "covariance"),
        *("icc", "same", "total", "unadjusted", "level_line", "typical_line"),
    }
)
"""Dimensions and variables of results at points; `_column` is appended to a predictor of such a name."""


@dataclass(frozen=True, eq=False)
class Points:
    """A grid of predictor values, evaluated.

    Attributes
    ----------
    columns
        The columns named, in the grid's order.
    coords
        Their values, by the name of the grid's dimension in a result: that of the column, with `_column` appended where
        the result itself has a variable or dimension of that name.
    held
        Value of every other numeric predictor that is read: its mean over the rows.
    common
        X without the intercept, shape (points, columns); None where it was not requested.
    effects
        Z's columns per grouping factor, shape (points, effects).
    offset
        Known part of the linear predictor, shape (points,); None where the model has none, or where
        `common` was not requested.
    curves
        Columns of each smooth; none where `common` was not requested.
    parameters
        The points as rows of the predictors of the family's parameters.
    """

    columns: tuple[str, ...]
    coords: Mapping[str, np.ndarray]
    held: Mapping[str, float]
    common: np.ndarray | None
    effects: tuple[np.ndarray, ...]
    offset: np.ndarray | None = None
    curves: tuple[GroupRows, ...] = ()
    parameters: Mapping[str, Rows] = MappingProxyType({})

    @property
    def held_in_words(self) -> str:
        """The values of the other predictors, for the attrs of a result."""
        return ", ".join(str(Held(name, value, "mean")) for name, value in self.held.items())

    @property
    def labels(self) -> dict[str, tuple[str, np.ndarray, dict[str, str]]]:
        """The grid's coordinates in xarray's format; their attrs have the column's full name."""
        return {
            dim: (dim, values, {"long_name": column})
            for column, (dim, values) in zip(self.columns, self.coords.items(), strict=True)
        }

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
        Values by column; several columns define a grid, the first varying slowest. Predictors that are not named are
        set to their means; a categorical predictor has no mean and must be named where it is read.
    common
        Whether to evaluate also the fixed effects' columns and the offset, and so to include the predictors they read.

    Raises
    ------
    DataError
        A column the model does not read; a category that must be named; values that are not finite.
    """
    check_places(at)
    known = design.spec.expression_columns
    chosen = {name: np.atleast_1d(np.asarray(_listed(at[name]))) for name in at}
    for name, values in chosen.items():
        _check_column(name, values, known)
        check_values(design, name, values)
    common = common or bool(design.parameters)
    read = read_columns(design, common=common, offset=common)
    grid = pd.DataFrame(list(product(*chosen.values())), columns=list(chosen))
    held = {}
    for column in sorted(set(read) - set(chosen)):
        held[column] = _mean_of(design, column)
        grid[column] = held[column]
    if not len(grid.columns):
        grid = pd.DataFrame(index=range(1))
    effects = tuple(effect_values(factor, grid) for factor in design.grouping)
    columns = design.common.recipe.apply(grid)[:, 1 if design.spec.intercept else 0 :] if common else None
    offset = evaluated_offset(design, grid) if common else None
    curves = smooth_rows(design, grid) if common else ()
    others = {name: expression_rows(other, grid) for name, other in design.parameters.items()}
    return Points(tuple(chosen), _named(chosen), held, columns, effects, offset, curves, others)


def check_places(at: Any) -> None:
    """Refuse anything other than a mapping from columns to values."""
    if not isinstance(at, Mapping):
        raise DataError(
            "values of predictors must be given by column",
            got=" ".join(repr(at).split())[:60],
            allowed="a dictionary from columns to values",
            do="write for instance {'x': [0, 5]}",
        )


def _named(chosen: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return values by dimension, with names unique also among those of a second point (`_bis`)."""
    coords: dict[str, np.ndarray] = {}
    for column, values in chosen.items():
        taken = _TAKEN.union(coords, (f"{name}_bis" for name in coords))
        dim = answer_name(column, taken)
        while f"{dim}_bis" in taken:
            dim = answer_name(f"{dim}_column", taken)
        coords[dim] = values
    return coords


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
    if values.ndim != 1 or not len(values):
        raise DataError(
            f"values of {name!r} must be a list",
            got=repr(values),
            allowed="one value or more",
            do="write for instance [0, 5]",
        )


def check_values(design: Design, name: str, values: np.ndarray) -> None:
    """Refuse values that the column cannot have, whether or not the result depends on them.

    Parameters
    ----------
    design, name
        The model, and a column of the table.
    values
        Shape (values,).

    Raises
    ------
    DataError
        A category that the model has not seen; for a number, text or a value that is missing or infinite.
    """
    if name not in design.frame:
        return
    if not is_number(design, name):
        known = categories_of(design, name)
        wrong = [v for v in values.tolist() if not any(v == k or str(v) == str(k) for k in known)]
        if wrong:
            raise DataError(
                f"values of {name!r} include categories that the model has not seen",
                got=repr(wrong[0]),
                allowed=nearest(str(wrong[0]), map(str, known)),
                do="name categories that the model has seen",
            )
        return
    numbers = pd.to_numeric(pd.Series(values.tolist(), dtype=object), errors="coerce").to_numpy(float)
    if not np.isfinite(numbers).all():
        raise DataError(
            f"values of {name!r} must be finite numbers",
            got=repr(values[~np.isfinite(numbers)].tolist()[0]),
            allowed="finite numbers",
            do="write for instance [0, 5]",
        )


def _mean_of(design: Design, column: str) -> float:
    if not is_number(design, column):
        raise DataError(
            f"{column!r} has categories: it cannot be set to its mean",
            got="no value for it",
            allowed=nearest("", [str(value) for value in categories_of(design, column)]),
            do=f"name it: at={{..., {column!r}: [...]}}",
        )
    return float(hold(design, column).value)
