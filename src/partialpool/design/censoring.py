"""Responses that are known within bounds only: right, left or interval censored rows."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.column_types import is_quantity
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.design.row_names import such_rows_in_words
from partialpool.errors import DataError
from partialpool.spec.additions import cens_columns
from partialpool.spec.formula import ResponseTerm

__all__ = ["KNOWN_WITHIN", "Censoring", "check_some_seen", "interval_rows", "read_censoring"]

_LEFT, _NONE, _RIGHT, _INTERVAL = -1, 0, 1, 2
KNOWN_WITHIN: Final = "each censored row counts with the probability of what is known of it"
"""How censored rows enter the likelihood, in words."""
_NUMBERS: Final[Mapping[float, int]] = MappingProxyType({code: code for code in (_LEFT, _NONE, _RIGHT, _INTERVAL)})
_WORDS: Final[Mapping[str, int]] = MappingProxyType(
    {"left": _LEFT, "none": _NONE, "right": _RIGHT, "interval": _INTERVAL}
    | {"true": _RIGHT, "false": _NONE}
    | {text: code for code in _NUMBERS.values() for text in (str(code), f"{code}.0")}
)
_ALLOWED: Final = (
    "'none', 'right', 'left', 'interval'; 0, 1, -1, 2; or True (right censored) and False: as in brms, 1 is a response "
    "that was not seen"
)


@dataclass(frozen=True, eq=False)
class Censoring:
    """Which responses are known within bounds only.

    Attributes
    ----------
    other_end
        Shape (rows,): what is known of a row's response lies between its value y and this. y itself where the response
        was seen, infinity where it is above y (right censored), -infinity where it is y or below (left censored); else
        it is in (y, other_end].

    Examples
    --------
    >>> Censoring(np.array([np.inf, 2.0, -np.inf])).kinds(np.array([3.0, 2.0, 1.0])).tolist()
    [1, 0, -1]
    """

    other_end: np.ndarray

    def kinds(self, y: np.ndarray) -> np.ndarray:
        """Return brms's codes, (rows,): -1 left, 0 seen, 1 right, 2 interval."""
        ends = self.other_end
        kinds = np.where(ends == y, _NONE, _INTERVAL)
        return np.where(np.isinf(ends), np.sign(ends), kinds).astype(int)

    def take(self, rows: np.ndarray) -> "Censoring":
        """Return some of the rows, by position or by a mask."""
        return Censoring(self.other_end[rows])

    def with_rows(self, other: "Censoring") -> "Censoring":
        """Return these rows and others after them."""
        return Censoring(np.concatenate([self.other_end, other.other_end]))

    def in_words(self, y: np.ndarray) -> str:
        """Say how many rows are censored, and how.

        Examples
        --------
        >>> Censoring(np.array([np.inf, 2.0, np.inf])).in_words(np.array([3.0, 2.0, 1.0]))
        '2 of 3 rows are censored: 2 right'
        """
        kinds = self.kinds(y)
        counts = {name: int((kinds == _WORDS[name]).sum()) for name in ("right", "left", "interval")}
        told = ", ".join(f"{count} {name}" for name, count in counts.items() if count)
        censored = sum(counts.values())
        verb = "is" if censored == 1 else "are"
        return f"{censored} of {len(kinds)} rows {verb} censored" + (f": {told}" if told else "")


def interval_rows(raw: pd.DataFrame, cens: str | None) -> pd.DataFrame:
    """Fill in upper ends that are missing where a row is not interval censored: they play no part."""
    columns = cens_columns(cens)
    if len(columns) < 2 or not set(columns) <= set(raw):
        return raw
    status, end = columns
    lacking = raw[end].isna() & raw[status].notna() & ~raw[status].map(_is_interval).fillna(False).astype(bool)
    told = raw[end].dropna()
    if not lacking.any() or not len(told):
        return raw
    return raw.assign(**{end: raw[end].where(~lacking, told.iloc[0])})


def read_censoring(cens: str, term: ResponseTerm, values: np.ndarray, frame: pd.DataFrame, *, whole: bool) -> Censoring:
    """Read status and upper ends.

    Parameters
    ----------
    cens
        Their columns, as `ModelSpec.cens` names them.
    term, values
        The response, and its values, (rows,).
    frame
        The table.
    whole
        Whether responses are counts.

    Raises
    ------
    DataError
        An unknown status; an interval without an upper end, or with one that is not above the response.
    """
    status = cens_columns(cens)[0]
    kinds = _read_status(frame[status])
    other = np.where(kinds == _RIGHT, np.inf, np.where(kinds == _LEFT, -np.inf, values.astype(float)))
    interval = kinds == _INTERVAL
    if interval.any():
        other[interval] = _read_ends(cens, term, values, frame, interval, whole=whole)
    return Censoring(other)


def check_some_seen(term: ResponseTerm, values: np.ndarray, censoring: Censoring) -> None:
    """Refuse a response of which nothing but bounds on one side is known.

    Raises
    ------
    DataError
        Every row is left or right censored.
    """
    if np.isinf(censoring.other_end).all():
        raise DataError(
            f"every row of {term.text!r} is censored on one side",
            got=censoring.in_words(values),
            allowed="rows whose response was seen, or intervals",
            do="check the coding: 1, True and 'right' are responses that were not seen; survival's event is 1 - this",
        )


def _read_status(column: pd.Series) -> np.ndarray:
    """Return brms's codes of each row."""
    kinds = column.astype(object).map(_code)
    if kinds.isna().any():
        at = int(np.flatnonzero(kinds.isna())[0])
        raise DataError(
            f"the status of censoring {column.name!r} has a value that is none of those known",
            got=f"{column.tolist()[at]!r} {such_rows_in_words(column.index, at, int(kinds.isna().sum()))}",
            allowed=_ALLOWED,
            do="recode the column",
        )
    return kinds.to_numpy(dtype=int)


def _read_ends(
    cens: str, term: ResponseTerm, values: np.ndarray, frame: pd.DataFrame, interval: np.ndarray, *, whole: bool
) -> np.ndarray:
    """Return the upper ends of the rows that are intervals."""
    columns = cens_columns(cens)
    if len(columns) < 2:
        raise DataError(
            "interval censored rows need the upper end of their interval",
            got=f"cens({cens}), and {int(interval.sum())} rows with status 'interval'",
            allowed="cens(status, y2): the response is in (y, y2]",
            do="name the column of upper ends",
        )
    if not term.is_column:
        raise DataError(
            "interval censored rows need a response that is a column",
            got=f"{term.text} | cens({cens})",
            allowed="a column and the upper ends of the same quantity",
            do="transform both in the table first",
        )
    name, column = term.name, frame[columns[1]]
    if not is_quantity(column):
        numbers = numbers_as_text(column)
        raise DataError(
            f"the upper ends {columns[1]!r} are no numbers",
            got=numbers.got if numbers else repr(column.tolist()[0]),
            allowed="numbers above the response",
            do=numbers.do if numbers else "name the column of upper ends",
        )
    ends = column.to_numpy(dtype=float)
    wrong = interval & ~(ends > values)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise DataError(
            f"an interval's upper end {columns[1]!r} is not above its lower end {name!r}",
            got=f"{values[at]:g} to {ends[at]:g} {such_rows_in_words(column.index, at, int(wrong.sum()))}",
            allowed=f"{columns[1]} above {name}: the response is in ({name}, {columns[1]}]",
            do="correct the rows; a response that was seen has status 'none'",
        )
    fractional = interval & (ends != np.floor(ends))
    if whole and fractional.any():
        at = int(np.flatnonzero(fractional)[0])
        raise DataError(
            f"upper ends {columns[1]!r} of counts must be integers",
            got=f"{ends[at]:g} {such_rows_in_words(column.index, at, int(fractional.sum()))}",
            allowed="integers above the response",
            do="correct the rows",
        )
    return ends[interval]


def _code(value: object) -> int | None:
    """Return brms's code of a status; None where it is none."""
    if isinstance(value, (bool, np.bool_)):
        return _RIGHT if value else _NONE
    if isinstance(value, str):
        return _WORDS.get(value.strip().lower())
    return _NUMBERS.get(float(value)) if isinstance(value, (int, float, np.number)) else None


def _is_interval(value: object) -> bool:
    return _code(value) == _INTERVAL
