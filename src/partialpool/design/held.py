"""Default values of predictors that are not named: the mean of a number, the first category of a categorical one.

Whether a column is categorical depends on its use in the formula: `C(period)` reads numbers as categories, which have
no mean. An offset is evaluated at the values of the columns that it reads.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from partialpool.design.categories import find_categories
from partialpool.design.column_types import is_quantity
from partialpool.design.design import Design
from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.spec.columns_read import evaluated_texts
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec
from partialpool.spec.uses import calls_around

__all__ = [
    "Held",
    "categories_of",
    "columns_compared_by",
    "evaluated_offset",
    "exposure_in_words",
    "hold",
    "is_number",
    "means_held",
    "numbers_among",
    "offset_in_words",
    "place_in_words",
    "range_of",
    "read_columns",
    "spline_range",
    "with_units",
]

_PLACES: Final = 25
_PLACE: Final = re.compile(r"((?P<column>[^=]+)=[-+.\de]+)(?P<how>( \(\w+\))?)")
"""A number of a column in the `held` of an answer: `weight=40.1 (mean)`."""


@dataclass(frozen=True)
class Held:
    """The value at which one predictor is fixed.

    Attributes
    ----------
    column
        The predictor.
    value
        Its value.
    how
        How the value was chosen.
    """

    column: str
    value: Any
    how: Literal["mean", "first", "given", "one trial"]

    def __str__(self) -> str:
        """Write it as in the `held` of a result."""
        place = place_in_words(self.column, self.value) if self.how == "mean" else f"{self.column}={self.value}"
        return f"{place} ({self.how})"


def place_in_words(column: str, value: Any) -> str:
    """Write a column's value on a figure or in the attributes of an answer; a float with four digits.

    Examples
    --------
    >>> place_in_words("weight", 40.1234), place_in_words("year", 1999), place_in_words("sex", "f")
    ('weight=40.12', 'year=1999', 'sex=f')
    """
    return f"{column}={value:.4g}" if isinstance(value, float) else f"{column}={value}"


def with_units(places: str, units: Units) -> str:
    """Add to the values of columns, written as in the `held` of an answer, the units that are known.

    Examples
    --------
    >>> with_units("effort_h=2.171 (mean), habitat=bog (first)", Units({"effort_h": "h"}))
    'effort_h=2.171 h (mean), habitat=bog (first)'
    """
    found = []
    for place in places.split(", "):
        numeric = _PLACE.fullmatch(place)
        unit = units.of(numeric["column"]) if numeric else ""
        # A unit of several words is the description of a code.
        found.append(f"{numeric[1]} {unit}{numeric['how']}" if numeric and len(unit.split()) == 1 else place)
    return ", ".join(found)


def exposure_in_words(offset: str, places: Mapping[str, str]) -> str:
    """Say at which exposure an answer is: by the columns of the offset, where these have one value.

    Parameters
    ----------
    offset
        The offset as answers write it (`offset_in_words`).
    places
        By column, its value with its name.

    Examples
    --------
    >>> exposure_in_words("log(h) = 0", {"h": "h=1 hour"}), exposure_in_words("log(h) = 0 to 2", {})
    ('at h=1 hour', 'at offset log(h) = 0 to 2')
    """
    columns = columns_of(offset.rpartition(" = ")[0])
    return f"at {', '.join(places[c] for c in columns) if {*columns} <= {*places} else f'offset {offset}'}"


def is_number(design: Design, column: str) -> bool:
    """Whether the formula uses a predictor as a number, so that one unit more of it is meaningful."""
    return column not in design.categories and is_quantity(design.frame[column])


def categories_of(design: Design, column: str) -> tuple[Any, ...]:
    """Return the categories of a predictor that is not a number, the reference first."""
    found = design.categories.get(column) or find_categories(design.frame[column], column)
    return (found.first, *(value for value in found.values if value != found.first))


def numbers_among(design: Design, columns: Iterable[str]) -> list[str]:
    """Return those of the columns that are numbers, in order, each once."""
    return [column for column in dict.fromkeys(columns) if is_number(design, column)]


def hold(design: Design, column: str, rows: pd.DataFrame | None = None) -> Held:
    """Return the default value of a predictor that is not named.

    Parameters
    ----------
    design, column
        The model, and a column it reads.
    rows
        The rows of the model over which a number is averaged, and whose category is taken if they have only one; if
        left out, a number is averaged over all rows.

    Raises
    ------
    DataError
        A factor of `within` or `between`: none of its levels is typical.
    """
    trials = design.spec.response_term.trials
    if trials and column in columns_of(trials) and column not in design.spec.expression_columns:
        return Held(column, 1, "one trial")
    compared = {by: text for text, by in columns_compared_by(design.spec)}
    if column in compared:
        raise DataError(
            f"no level of {column!r} is typical, and {compared[column]} needs a level",
            got=f"no value of {column!r}",
            allowed="one of its levels, or several",
            do=f"name levels, for instance {column}={design.frame[column].iloc[0]!r}",
        )
    if is_number(design, column):
        return Held(column, float((design.frame if rows is None else rows)[column].mean()), "mean")
    own = [] if rows is None else rows[column].unique().tolist()
    if len(own) == 1:
        return Held(column, own[0], "given")
    return Held(column, categories_of(design, column)[0], "first")


def columns_compared_by(spec: ModelSpec) -> list[tuple[str, str]]:
    """Return the terms that compare rows within or between the levels of a column, each with that column."""
    found = re.compile(r"\b(?:within|between)\([^,]+,\s*`?([^`)]+?)`?\s*\)")
    return [(text, by) for text in evaluated_texts(spec) for by in found.findall(text)]


def means_held(design: Design, column: str) -> str:
    """Describe the level means of a predictor that stay fixed when it changes; empty where the model has none.

    `within(x, g)` and `between(x, g)` use the means of x over g that were learned from the rows of the fit: a change
    of x in every row is therefore a change within the levels.
    """
    compared = [
        by for function, by in calls_around(evaluated_texts(design.spec), column) if function in ("within", "between")
    ]
    return " and ".join(f"means of {column} by {by} (effect within {by})" for by in dict.fromkeys(compared))


def spline_range(design: Design, column: str) -> tuple[float, float] | None:
    """Return the range of values that a spline of a predictor was fitted to; None where no spline reads it."""
    if not any(function == "bs" for function, _ in calls_around(evaluated_texts(design.spec), column)):
        return None
    return float(design.frame[column].min()), float(design.frame[column].max())


def read_columns(design: Design, *, common: bool = True, offset: bool = False) -> list[str]:
    """Return the columns that group effects read and, if requested, fixed effects, smooths and offset, each once."""
    recipes = [recipe for factor in (design.factors if common else design.grouping) for recipe in factor.recipes]
    recipes = ([design.common.recipe] if common else []) + recipes + (list(design.offset_recipes) if offset else [])
    recipes += [recipe for other in design.parameters.values() if common for recipe in other.recipes]
    return list(dict.fromkeys(column for recipe in recipes for column in recipe.numeric))


def range_of(design: Design, column: str, places: int = _PLACES) -> list[float]:
    """Return equally spaced values of a numeric predictor, from its lowest to its highest in the rows."""
    values = design.frame[column]
    return np.linspace(float(values.min()), float(values.max()), places).tolist()


def evaluated_offset(design: Design, frame: pd.DataFrame) -> np.ndarray | None:
    """Evaluate the offset on a table of predictors, (rows,); None where the model has none."""
    return np.sum([r.apply(frame)[:, 0] for r in design.offset_recipes], axis=0) if design.spec.offsets else None


def offset_in_words(design: Design, values: np.ndarray | None) -> str:
    """Write the offset's values on some rows: `log(days) = 2.3`; empty where the model has none.

    Parameters
    ----------
    design
        The model.
    values
        From `evaluated_offset`, (rows,).
    """
    if values is None:
        return ""
    low, high = float(values.min()), float(values.max())
    at = f"{low:.4g}" if np.isclose(low, high) else f"{low:.4g} to {high:.4g}"
    return f"{' + '.join(design.spec.offsets)} = {at}"
