"""Changes of one predictor in a table, which an average effect compares."""

import re
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from partialpool.design.design import Design
from partialpool.design.held import categories_of, columns_compared_by, is_number, spline_range
from partialpool.design.with_columns import with_columns
from partialpool.errors import DataError, DataWarning, SpecError, nearest, warn

__all__ = ["PAIRS", "Scenarios", "check_known_means", "slope_scenarios", "value_scenarios", "within_spline"]

_STEP: Final = 1e-4
"""Half the distance over which a slope is taken, in units of the predictor's sd in the model's rows."""
_ONE_MORE: Final = "+1"
_Change = Callable[[pd.Series], Any]
PAIRS: Final[Mapping[str, Callable[[int], list[tuple[int, int]]]]] = MappingProxyType(
    {
        "reference": lambda count: [(0, after) for after in range(1, count)],
        "sequential": lambda count: [(after - 1, after) for after in range(1, count)],
        "pairwise": lambda count: list(combinations(range(count), 2)),
    }
)
"""Pairs of positions that are compared, the one before and the one after: each with the first, or with the one before
it, or with every other."""


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Changes of one predictor, and which of them are compared.

    Attributes
    ----------
    predictor
        The column.
    changes
        Functions from the column as it is to the changed column.
    contrasts
        Label, and the positions of the change before and the one after.
    step
        Divisor of the differences: the distance for a slope, else 1.
    """

    predictor: str
    changes: tuple[_Change, ...]
    contrasts: tuple[tuple[str, int, int], ...]
    step: float = 1.0

    def tables(self, frame: pd.DataFrame) -> list[pd.DataFrame]:
        """Return the table under each change."""
        return [with_columns(frame, {self.predictor: change(frame[self.predictor])}) for change in self.changes]


def slope_scenarios(design: Design, predictor: str) -> Scenarios:
    """Step a little down and up from each row's own value; at the ends of a spline, inwards by the same distance.

    Raises
    ------
    DataError
        The predictor has categories.
    """
    column = design.frame[predictor]
    if not is_number(design, predictor):
        raise DataError(
            "a slope needs a numeric predictor",
            got=f"{predictor!r}, which has categories",
            allowed="a numeric predictor",
            do="use measure='difference'",
        )
    # The step comes from the model's rows: the rows averaged over may be a single one, or all equal.
    step = _STEP * float(column.std(ddof=0))
    known = spline_range(design, predictor)

    def before(own: pd.Series) -> pd.Series:
        return own - step if known is None else _inside(own, own - step, known, (known[0], known[1] - 2 * step))

    def after(own: pd.Series) -> pd.Series:
        return own + step if known is None else _inside(own, own + step, known, (known[0] + 2 * step, known[1]))

    return Scenarios(predictor, (before, after), (("slope", 0, 1),), 2 * step)


def _inside(own: pd.Series, moved: pd.Series, known: tuple[float, float], ends: tuple[float, float]) -> pd.Series:
    """Keep moved values between two ends, except in rows whose own value is outside the known range."""
    return moved.clip(*ends).where(own.between(*known), moved)


@contextmanager
def within_spline(design: Design, scenarios: Scenarios, frame: pd.DataFrame) -> Iterator[None]:
    """Warn once, with the remedy, where one unit more takes rows beyond the range that a spline was fitted to.

    Parameters
    ----------
    design, scenarios
        The model, and what is compared.
    frame
        The rows that are averaged over.
    """
    name, known = scenarios.predictor, spline_range(design, scenarios.predictor)
    if known is None or scenarios.contrasts[0][0] != _ONE_MORE:
        yield
        return
    beyond = int((~frame[name].between(*known) | ~(frame[name] + 1).between(*known)).sum())
    if beyond:
        warn(
            f"one unit more of {name!r} is beyond the range its spline was fitted to ({known[0]:g} to {known[1]:g}) in "
            f"{beyond} of {len(frame)} rows, where the spline is arbitrary: name values inside with values=[...], "
            "or use measure='slope'",
            DataWarning,
        )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", f"the spline of {re.escape(repr(name))} was fitted to", DataWarning)
        yield


def value_scenarios(
    design: Design, predictor: str, values: Sequence[Any] | None, contrasts: str = "reference"
) -> Scenarios:
    """Set the predictor to each of several values, and compare pairs of them.

    Parameters
    ----------
    design, predictor
        The model, and a column it reads.
    values
        Default: all categories, or both values of a column with two; for other numbers each row's own value and one
        unit more.
    contrasts
        Which pairs: a name in `PAIRS`.

    Raises
    ------
    SpecError
        Unknown contrasts.
    DataError
        Fewer than two values, the same value twice, a value of another type, a category the model has not seen.
    """
    if contrasts not in PAIRS:
        raise SpecError(
            "unknown contrasts", got=repr(contrasts), allowed=nearest(str(contrasts), PAIRS), do="name one of these"
        )
    column = design.frame[predictor]
    if values is None:
        number = is_number(design, predictor)
        found = sorted(column.unique().tolist()) if number else list(categories_of(design, predictor))
        if number and len(found) > 2:
            return Scenarios(predictor, (lambda own: own, lambda own: own + 1), ((_ONE_MORE, 0, 1),))
        values = found
    if isinstance(values, str) or len(values) < 2 or len(set(values)) < len(values):
        raise DataError(
            "an effect compares two or more different values",
            got=repr(values),
            allowed="a list of two different values or more",
            do="write for instance values=[0, 1]",
        )
    changes = tuple(_constant(column, predictor, value) for value in values)
    compared = tuple(
        (f"{values[after]} against {values[before]}", before, after) for before, after in PAIRS[contrasts](len(values))
    )
    return Scenarios(predictor, changes, compared)


def check_known_means(design: Design, frame: pd.DataFrame) -> None:
    """Refuse other rows with levels whose mean was not learned from the fit and would change with the predictor.

    `within(x, g)` and `between(x, g)` compute a new level's mean from its rows: changing x would change that mean.

    Raises
    ------
    DataError
        A level that the model has not seen.
    """
    for text, by in columns_compared_by(design.spec):
        unseen = sorted(set(frame[by].astype(str)) - set(design.frame[by].astype(str)))
        if unseen:
            raise DataError(
                f"{text!r} has no learned mean for these levels of {by!r}",
                got=", ".join(unseen[:5]),
                allowed="levels of the table the model was fitted to",
                do="average over rows of levels that the model has seen",
            )


def _constant(column: pd.Series, predictor: str, value: Any) -> _Change:
    if _is_categorical(column):
        categories = column.cat.categories
        if value not in categories:
            raise DataError(
                f"{predictor!r} has no category {value!r}",
                got=repr(value),
                allowed=nearest(str(value), [str(c) for c in categories]),
                do="name categories in values=",
            )
        return lambda own: pd.Categorical([value] * len(own), categories=categories)
    if not isinstance(value, bool | int | float | np.number) or isinstance(value, str):
        raise DataError(
            f"{predictor!r} is numeric", got=f"values= with {value!r}", allowed="numbers", do="name numbers"
        )
    return lambda own: value


def _is_categorical(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)
