"""Responses outside bounds that are not in the table: the bounds of each row's response."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.censoring import Censoring
from partialpool.design.column_types import is_quantity
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.design.row_names import such_rows_in_words
from partialpool.errors import DataError, SpecError
from partialpool.families.support import POSITIVE, Support
from partialpool.spec.additions import TRUNC, trunc_bounds
from partialpool.spec.formula import ResponseTerm
from partialpool.spec.whitelist import quote_name

__all__ = [
    "GIVEN_THE_BOUNDS",
    "Truncation",
    "before_truncation",
    "check_within",
    "ends_of_all_rows",
    "is_same_truncation",
    "read_truncation",
    "truncation_in_words",
]

GIVEN_THE_BOUNDS: Final = "each row counts with its probability given that it is within them"
"""How truncated rows enter the likelihood, in words."""


@dataclass(frozen=True, eq=False)
class Truncation:
    """The bounds of each row's response, which is in (low, high].

    Attributes
    ----------
    low, high
        Shape (rows,). `high` is the upper bound, rounded down for counts; `low` the lower bound, for counts the largest
        integer below it: both bounds are possible responses, as in brms. Infinite where there is no bound, or the
        family makes no response beyond it.

    Examples
    --------
    >>> Truncation(np.array([0.0, -np.inf]), np.array([np.inf, 9.0])).take(np.array([1])).high.tolist()
    [9.0]
    """

    low: np.ndarray
    high: np.ndarray

    def take(self, rows: np.ndarray) -> "Truncation":
        """Return some of the rows, by position or by a mask."""
        return Truncation(self.low[rows], self.high[rows])

    def with_rows(self, other: "Truncation") -> "Truncation":
        """Return these rows and others after them."""
        return Truncation(np.concatenate([self.low, other.low]), np.concatenate([self.high, other.high]))


def before_truncation(truncation: Truncation | None) -> dict[str, str]:
    """Return what an answer says that is about the response before truncation, by the name of its attribute."""
    said = "of the response before truncation; pp.predict is within the bounds"
    return {} if truncation is None else {"before_truncation": said}


def truncation_in_words(trunc: str) -> str:
    """Say which responses are in the table.

    Examples
    --------
    >>> truncation_in_words("lb=0, ub=`the limit`"), truncation_in_words("lb=1")
    ('the table has only responses from 0 to `the limit`', 'the table has only responses of 1 and above')
    """
    bounds = trunc_bounds(trunc).items()
    ends = {end: quote_name(bound) if isinstance(bound, str) else f"{bound:g}" for end, bound in bounds}
    if len(ends) == 2:
        return f"the table has only responses from {ends['lb']} to {ends['ub']}"
    side = "above" if "lb" in ends else "below"
    return f"the table has only responses of {ends.get('lb', ends.get('ub'))} and {side}"


def is_same_truncation(one: Truncation | None, two: Truncation | None) -> bool:
    """Return whether rows have the same bounds, or none of them has any."""
    if one is None or two is None:
        return one is two
    return np.array_equal(one.low, two.low) and np.array_equal(one.high, two.high)


def read_truncation(trunc: str, support: Support, frame: pd.DataFrame) -> Truncation:
    """Read the bounds of each row.

    Parameters
    ----------
    trunc
        The bounds, as `ModelSpec.trunc` states them.
    support
        Of the model's family.
    frame
        The table.

    Raises
    ------
    DataError
        A column of bounds that are no numbers; a lower bound that is not below the upper one.

    Examples
    --------
    >>> from partialpool.families.support import COUNT
    >>> bounds = read_truncation("lb=1, ub=most", COUNT, pd.DataFrame({"most": [9.0, np.inf]}))
    >>> bounds.low.tolist(), bounds.high.tolist()
    ([0.0, 0.0], [9.0, inf])
    """
    stated = trunc_bounds(trunc)
    low = _bound(stated.get("lb", -np.inf), frame)
    high = _bound(stated.get("ub", np.inf), frame)
    if support.is_whole:
        low, high = np.ceil(low) - 1, np.floor(high)
    wrong = ~(low < high)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(
            "a lower bound of the response is not below the upper one",
            got=f"{low[at] + support.is_whole:g} and {high[at]:g} "
            f"{such_rows_in_words(frame.index, at, int(wrong.sum()))}",
            allowed="integers from lb to ub" if support.is_whole else "lb below ub",
            do="correct the rows",
        )
    beyond = low < 0 if support.is_whole else low <= 0 if support is POSITIVE else np.zeros(len(low), bool)
    return Truncation(np.where(beyond, -np.inf, low), high)


def ends_of_all_rows(bounds: Truncation) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Return low and high, (rows,), None where no row has one, as a PyMC model needs them.

    Raises
    ------
    SpecError
        Some rows have a bound, and others have not.
    """
    ends = bounds.low, bounds.high
    for name, end in zip(("lower", "upper"), ends, strict=True):
        if 0 < np.isinf(end).sum() < len(end):
            raise SpecError(
                f"a PyMC model is not available where only some rows have the {name} bound",
                got=f"{np.isfinite(end).sum()} of {len(end)} rows with the {name} bound",
                allowed="a bound in every row, or in none",
                do="give the other rows a bound that no response reaches, or fit without PyMC, engine='auto'",
            )
    low, high = (None if np.isinf(end).all() else end for end in ends)
    return low, high


def check_within(
    term: ResponseTerm,
    trunc: str,
    y: np.ndarray,
    censoring: Censoring | None,
    *,
    bounds: Truncation,
    index: pd.Index,
    whole: bool,
) -> None:
    """Refuse responses that the model says cannot be in the table.

    Parameters
    ----------
    term, trunc
        The response, and its bounds as `ModelSpec.trunc` states them.
    y, censoring
        Its values, (rows,), and which of them are bounds of their own.
    bounds
        The bounds of each row.
    index
        Of the table.
    whole
        Whether responses are counts.

    Raises
    ------
    DataError
        A response outside its bounds, or a censored one of which it is known that it is.
    """
    ends = y if censoring is None else censoring.other_end
    seen = ends == y
    least, most = np.where(ends < y, -np.inf, y), np.where(ends < y, y, ends)
    # On a continuous scale the lower bound itself is a possible response.
    below = (y < bounds.low) if not whole else (y <= bounds.low)
    below = np.where(seen, below, most <= bounds.low)
    above = np.where(seen, y > bounds.high, least >= bounds.high)
    outside = below | above
    if outside.any():
        at = int(np.flatnonzero(outside)[0])
        raise DataError(
            f"a response {term.text!r} is outside the bounds of its row",
            got=f"{_known(y[at], ends[at])}, {TRUNC}({trunc}), {such_rows_in_words(index, at, int(outside.sum()))}",
            allowed="lb <= response <= ub in every row: others are not in a truncated table",
            do="correct the rows or the bounds; a response that was recorded as its bound is censored, cens(status)",
        )


def _known(y: float, end: float) -> str:
    """Say what is known of a response."""
    if end == y:
        return f"{y:g}"
    return f"above {y:g}" if end == np.inf else f"{y:g} or below" if end == -np.inf else f"{y:g} to {end:g}"


def _bound(stated: str | float, frame: pd.DataFrame) -> np.ndarray:
    """Return a bound of each row."""
    if not isinstance(stated, str):
        return np.full(len(frame), stated)
    column = frame[stated]
    if not is_quantity(column):
        numbers = numbers_as_text(column)
        raise DataError(
            f"the bounds {stated!r} of the response are no numbers",
            got=numbers.got if numbers else repr(column.tolist()[0]),
            allowed="numbers; infinite where a row has no bound",
            do=numbers.do if numbers else "name a column of bounds",
        )
    return column.to_numpy(dtype=float)
