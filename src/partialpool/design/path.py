"""A path through the space of the predictors: one numeric predictor varies, the others are fixed."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from partialpool.design.design import Design
from partialpool.design.grid import Points, covariate_points
from partialpool.design.held import Held, categories_of, is_number, numbers_among, range_of, read_columns
from partialpool.errors import DataError, nearest
from partialpool.spec.terms import factor_columns

__all__ = ["Along", "Course", "read_course"]

Along = str | Mapping[str, Any] | None
"""A numeric predictor; or its values, and one value for each of the others; or None for the one whose slope varies."""


@dataclass(frozen=True, eq=False)
class Course:
    """The model's columns along the values of one predictor.

    Attributes
    ----------
    column
        The predictor that varies.
    values
        Its values, (places,).
    points
        The model's columns at these values.
    held
        The values of all other predictors, in words; empty where there are none.
    """

    column: str
    values: np.ndarray
    points: Points
    held: str


def read_course(design: Design, along: Along) -> Course | None:
    """Find the predictor along which the response is followed, and evaluate the model's columns along it.

    Parameters
    ----------
    design
        The model's design.
    along
        A column: its range in the rows. A mapping: several values of one numeric column, and one value for others.
        Numeric predictors that are not named are set to their means, categorical ones to their first category. None:
        the numeric predictor whose slope varies, where there is exactly one.

    Returns
    -------
    Course or None
        None for an empty mapping, and for `along=None` where no predictor, or more than one, has a varying slope.

    Raises
    ------
    DataError
        A column that the model does not read, or a categorical one; fewer than two values, or several for two columns.
    """
    if along is None:
        found = _with_varying_slope(design)
        if len(found) != 1:
            return None
        try:
            return _evaluated(design, found[0], _range_of(design, found[0]), {})
        except DataError:  # not requested by the user: where the columns cannot be evaluated, the result has no path
            return None
    if isinstance(along, str):
        _check_numeric(design, along)
        return _evaluated(design, along, _range_of(design, along), {})
    if not isinstance(along, Mapping):
        raise DataError(
            "along= must name a predictor",
            got=repr(along),
            allowed="a column, or values by column",
            do="write for instance along='Days' or along={'Days': [0, 5, 9]}",
        )
    return _as_given(design, along) if along else None


def _as_given(design: Design, along: Mapping[str, Any]) -> Course:
    several = [name for name, values in along.items() if np.ndim(values) > 0 and len(values) > 1]
    running = several or (list(along) if len(along) == 1 else [])
    if len(running) != 1:
        raise DataError(
            "a response can be followed along one predictor only",
            got=f"several values of {', '.join(map(repr, running)) or 'no column'}",
            allowed="several values of one column, and one value of each other",
            do="write for instance along={'Days': [0, 5, 9]}, and call the function once for each predictor",
        )
    (column,) = running
    _check_numeric(design, column)
    try:
        values = np.asarray(along[column], dtype=float)
    except (TypeError, ValueError):
        values = np.array([np.nan])
    if values.ndim != 1 or len(values) < 2 or not np.isfinite(values).all():
        raise DataError(
            f"a line along {column!r} needs two values or more",
            got=repr(along[column]),
            allowed="a list of two finite numbers or more",
            do=f"write for instance along={{{column!r}: [0, 1]}}, or along={column!r} for its range in the rows",
        )
    return _evaluated(design, column, values, {name: given for name, given in along.items() if name != column})


def _evaluated(design: Design, column: str, values: np.ndarray, given: Mapping[str, Any]) -> Course:
    # A list of one value counts as that value, for categories and numbers.
    fixed = {name: value[0] if np.ndim(value) > 0 and len(value) == 1 else value for name, value in given.items()}
    others = [name for name in read_columns(design, offset=True) if name not in fixed and name != column]
    held = [Held(name, value, "given") for name, value in fixed.items()]
    held += [Held(name, categories_of(design, name)[0], "first") for name in others if not is_number(design, name)]
    points = covariate_points(design, {column: values.tolist(), **{h.column: [h.value] for h in held}}, common=True)
    words = [*map(str, held), *([points.held_in_words] if points.held else [])]
    return Course(column, values, points, ", ".join(words))


def _with_varying_slope(design: Design) -> list[str]:
    """Return the numeric predictors that group effects read, in order."""
    # within(x, g) reads g as well, which is not a predictor if it is the factor itself.
    factors = {column for name in design.spec.factors for column in factor_columns(name)}
    return [c for c in numbers_among(design, read_columns(design, common=False)) if c not in factors]


def _range_of(design: Design, column: str) -> np.ndarray:
    return np.array(range_of(design, column))


def _check_numeric(design: Design, column: str) -> None:
    numeric = numbers_among(design, read_columns(design, offset=True))
    if column not in numeric:
        raise DataError(
            "a response is followed along a numeric predictor that the model reads",
            got=repr(column),
            allowed=nearest(str(column), numeric),
            do="name one of these in along=" if numeric else "leave along= out: this model has no numeric predictor",
        )
