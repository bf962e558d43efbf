"""What if a predictor had another value? The changes to a table that an average effect compares."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from partialpool.design.build import Design
from partialpool.design.held import categories_of, columns_compared_by, is_number
from partialpool.errors import DataError, nearest

__all__ = ["Scenarios", "check_known_means", "slope_scenarios", "value_scenarios"]

_STEP: Final = 1e-4
"""Of the predictor's sd in the model's rows: half the distance over which a slope is taken."""
_Change = Callable[[pd.Series], Any]


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Changes of one predictor, and which of them are compared.

    Attributes
    ----------
    predictor
        The column.
    changes
        From the column as it is to what it becomes.
    contrasts
        Label, and the positions of the change before and the one after.
    step
        What differences are divided by: the distance of a slope, else 1.
    """

    predictor: str
    changes: tuple[_Change, ...]
    contrasts: tuple[tuple[str, int, int], ...]
    step: float = 1.0

    def tables(self, frame: pd.DataFrame) -> list[pd.DataFrame]:
        """Return the table under each change."""
        return [frame.assign(**{self.predictor: change(frame[self.predictor])}) for change in self.changes]


def slope_scenarios(design: Design, predictor: str) -> Scenarios:
    """Step a little down and up from each row's own value.

    Raises
    ------
    DataError
        The predictor has categories.
    """
    column = design.frame[predictor]
    if not is_number(design, predictor):
        raise DataError(
            "a slope is of a number, at each row's own value",
            got=f"{predictor!r}, which has categories",
            allowed="a numeric predictor",
            do="use measure='difference'",
        )
    # The step is the model's own: other rows may be one, or all alike.
    step = _STEP * float(column.std(ddof=0))
    changes = (lambda own: own - step, lambda own: own + step)
    return Scenarios(predictor, changes, (("slope", 0, 1),), 2 * step)


def value_scenarios(design: Design, predictor: str, values: Sequence[Any] | None) -> Scenarios:
    """Set the predictor to a first value, and to each of the others.

    Parameters
    ----------
    design, predictor
        The model, and a column it reads.
    values
        Left out: all categories, both values of a column with two; other numbers, the row's own and one unit more.

    Raises
    ------
    DataError
        Fewer than two values, one twice, a value of another kind, a category the model has not seen.
    """
    column = design.frame[predictor]
    if values is None:
        number = is_number(design, predictor)
        found = sorted(column.unique().tolist()) if number else list(categories_of(design, predictor))
        if number and len(found) > 2:
            return Scenarios(predictor, (lambda own: own, lambda own: own + 1), (("+1", 0, 1),))
        values = found
    if isinstance(values, str) or len(values) < 2 or len(set(values)) < len(values):
        raise DataError(
            "an effect compares two values or more, each named once",
            got=repr(values),
            allowed="a list of two different values or more",
            do="write for instance values=[0, 1]",
        )
    changes = tuple(_constant(column, predictor, value) for value in values)
    contrasts = tuple((f"{value} against {values[0]}", 0, at) for at, value in enumerate(values[1:], start=1))
    return Scenarios(predictor, changes, contrasts)


def check_known_means(design: Design, frame: pd.DataFrame) -> None:
    """Refuse other rows whose levels have no mean of their own that a change could leave as it is.

    `within(x, g)` and `between(x, g)` learn a new level's mean from its rows: changing x would change it.

    Raises
    ------
    DataError
        A level that the model has not seen.
    """
    for text, by in columns_compared_by(design.spec):
        unseen = sorted(set(frame[by].astype(str)) - set(design.frame[by].astype(str)))
        if unseen:
            raise DataError(
                f"{text!r} knows no mean of these levels of {by!r}",
                got=", ".join(unseen[:5]),
                allowed="levels of the table the model was fitted to",
                do="average over rows of levels that it has seen",
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
            f"{predictor!r} holds numbers", got=f"values= with {value!r}", allowed="numbers", do="name numbers"
        )
    return lambda own: value


def _is_categorical(column: pd.Series) -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)
