"""Numbers that a table has as text, because some cells are not numbers: which cells, and how to read the file."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.row_names import from_file, labels_in_words

__all__ = ["NumbersAsText", "cells_by_label", "cells_in_words", "may_be_thousands", "numbers_as_text"]

_SHOWN: Final = 3
"""Most labels that a message names."""
_LISTED: Final = 6
"""Most labels that the advice lists."""
_THOUSANDS: Final = re.compile(r"\s*[-+]?[1-9]\d{0,2},\d{3}\s*")
_COMMA: Final = re.compile(r"\s*[-+]?\d+,\d+\s*")


@dataclass(frozen=True)
class NumbersAsText:
    """A column of text most of whose cells are numbers.

    Attributes
    ----------
    column
        Name of the column.
    n_numbers, distinct
        Cells that are numbers, and different ones among them.
    odd
        The labels that are not numbers, in the order of the rows, each with its rows.
    index
        Of the column: the names of its rows.
    example
        A number; one with a decimal comma where there are such.
    has_comma
        Whether some numbers have a comma.
    may_be_thousands
        Whether each of their commas may as well separate thousands.
    """

    column: str
    n_numbers: int
    distinct: int
    odd: tuple[tuple[str, tuple[int, ...]], ...]
    index: pd.Index
    example: str
    has_comma: bool
    may_be_thousands: bool

    @property
    def n_odd(self) -> int:
        """Number of cells that are not numbers."""
        return sum(len(rows) for _, rows in self.odd)

    @property
    def odd_in_words(self) -> str:
        """The cells that are not numbers.

        Examples
        --------
        >>> numbers_as_text(pd.Series(["3", "k.A.", "5"], name="count")).odd_in_words
        "'k.A.' in row 1 (counted from 0)"
        """
        return cells_in_words(self.odd, self.index)

    @property
    def got(self) -> str:
        """What was found, for an error.

        Examples
        --------
        >>> numbers_as_text(pd.Series(["3", "k.A.", "5"], name="count")).got
        "'k.A.' in row 1 (counted from 0); the other 2 are numbers"
        """
        kind = "comma" if self.may_be_thousands else "decimal comma"
        comma = f"numbers with a {kind}, such as {self.example!r}"
        if not self.odd:
            return comma if self.has_comma else f"numbers written as text, such as {self.example!r}"
        return f"{self.odd_in_words}; the other {self.n_numbers} are {comma if self.has_comma else 'numbers'}"

    @property
    def do(self) -> str:
        """How to read the file, or convert the column.

        Examples
        --------
        >>> numbers_as_text(pd.Series(["3", "k.A.", "5"], name="count")).do
        "pd.read_csv(..., na_values=['k.A.']), or correct the cells"
        """
        if from_file(self.index):
            return self._do_in_file()
        comma = "decimal=',' or thousands=','" if self.may_be_thousands else "decimal=','"
        options = [comma] if self.has_comma else []
        if not self.odd:
            read = f"pd.read_csv(..., {', '.join(options)})"
            return read if options else f"convert the column: pd.to_numeric(data[{self.column!r}])"
        listed = [repr(label) for label, _ in self.odd[:_LISTED]] + ["..."] * (len(self.odd) > _LISTED)
        options.append(f"na_values=[{', '.join(listed)}]")
        return f"pd.read_csv(..., {', '.join(options)}), or correct the cells"

    def _do_in_file(self) -> str:
        """Say how to read the file by the command line, or by a model file."""
        if not self.odd:
            return "write these numbers with a decimal point, or without quotation marks"
        words = [json.dumps(label, ensure_ascii=False) for label, _ in self.odd[:_LISTED]]
        more = ["..."] * (len(self.odd) > _LISTED)
        return (
            f"read them as missing values: {' '.join(['--na-values', *words, *more])} on the command line, na_values = "
            f"[{', '.join([*words, *more])}] in [data] of a model file; or correct the cells"
        )


def numbers_as_text(column: pd.Series) -> NumbersAsText | None:
    """Find the cells of a column of text that are not numbers; None where they are not the smaller part.

    Parameters
    ----------
    column
        Text, or categories, without missing values; its index has the row numbers of the table as given.
    """
    codes, labels = pd.factorize(column.astype(object))
    if not all(isinstance(label, str) for label in labels):
        return None
    comma = np.array([_COMMA.fullmatch(label) is not None for label in labels], dtype=bool)
    number = comma | pd.to_numeric(pd.Series(labels, dtype=object), errors="coerce").notna().to_numpy()
    cells = number[codes]
    if 2 * cells.sum() <= len(cells):
        return None
    odd = cells_by_label(column, codes, labels, ~number)
    example = str(labels[np.flatnonzero(comma if comma.any() else number)[0]])
    counts, has_comma = (int(cells.sum()), int(number.sum())), bool(comma.any())
    thousands = has_comma and may_be_thousands(labels[comma])
    return NumbersAsText(str(column.name), *counts, odd, column.index, example, has_comma, thousands)


def may_be_thousands(numbers: Iterable[str]) -> bool:
    """Whether the comma of every number may as well separate thousands as decimals.

    Examples
    --------
    >>> may_be_thousands(["1,250", "-12,500"]), may_be_thousands(["1,250", "0,250"]), may_be_thousands(["1,25"])
    (True, False, False)
    """
    return all(_THOUSANDS.fullmatch(number) for number in numbers)


def cells_by_label(
    column: pd.Series, codes: np.ndarray, labels: pd.Index, chosen: np.ndarray
) -> tuple[tuple[str, tuple[int, ...]], ...]:
    """Return some labels of a column, each with its rows, in the order of their first rows.

    Parameters
    ----------
    column
        Text; its index has the row numbers.
    codes, labels
        From `pandas.factorize`, (rows,) and (labels,).
    chosen
        The labels that are meant, (labels,).
    """
    order = np.argsort(codes, kind="stable")
    rows = np.split(column.index.to_numpy()[order], np.cumsum(np.bincount(codes, minlength=len(labels)))[:-1])
    return tuple((str(labels[int(code)]), tuple(rows[code].tolist())) for code in np.flatnonzero(chosen))


def cells_in_words(cells: Sequence[tuple[str, tuple[int, ...]]], index: pd.Index) -> str:
    """Name some cells by their labels, each with its rows, which are values of the table's index.

    Examples
    --------
    >>> cells_in_words([("?", (3,)), ("k.A.", (1, 4, 6, 7))], pd.RangeIndex(9))
    "'?' in row 3, 'k.A.' in rows 1, 4, 6 and 1 more (counted from 0)"
    """
    more = len(cells) - _SHOWN
    return labels_in_words(index, cells[:_SHOWN]) + (
        f" and {more} more label{'s' if more > 1 else ''}" if more > 0 else ""
    )
