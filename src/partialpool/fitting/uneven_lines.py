"""Lines of a text table that do not have as many parts as its first line."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

__all__ = ["UnevenLinesError", "check_even_lines", "is_empty"]

_MOST_SHOWN: Final = 60
"""Characters of a line that the error repeats."""


class UnevenLinesError(ValueError):
    """A line has another number of parts than the first one.

    Parameters
    ----------
    text
        What was found.
    has_decimal_commas
        Whether commas within numbers may have divided the line.
    """

    def __init__(self, text: str, *, has_decimal_commas: bool = False) -> None:
        super().__init__(text)
        self.has_decimal_commas = has_decimal_commas


def check_even_lines(lines: Iterable[str], separator: str, separators: Sequence[str]) -> None:
    r"""Refuse a table whose lines have different numbers of parts; empty lines do not count.

    The reader would fill short lines with missing values, and take the first values of long ones as row names.

    Parameters
    ----------
    lines
        All lines, the column names first.
    separator
        The separator under which the first lines agree.
    separators
        Those that are known. If `separator` does not divide the first line, the one that gives it the most parts is
        meant.

    Raises
    ------
    UnevenLinesError
        The first such line, with its number.

    Examples
    --------
    >>> check_even_lines(["name,hits\n", "Ada,3\n"], ",", ",;")
    >>> check_even_lines(["name,hits\n", "Ada\n"], ",", ",;")
    Traceback (most recent call last):
    ...
    partialpool.fitting.uneven_lines.UnevenLinesError: line 2 'Ada' has 1 part, the first line has 2
    """
    seen = _Lines(lines)
    rows = csv.reader(seen, delimiter=separator)
    first = len(next((row for row in rows if not is_empty(row)), []))
    if first < 2:
        separator = max(separators, key=lambda one: len(next(csv.reader([seen.last], delimiter=one), [])))
        first = len(next(csv.reader([seen.last], delimiter=separator), []))
        if first < 2:
            return  # one column, whose values may have such signs
        rows = csv.reader(seen, delimiter=separator)
    for row in rows:
        if len(row) != first and any("\n" in part for part in row):
            return  # a quotation mark that may be left open: the reader says so
        if len(row) != first and not is_empty(row):
            line = seen.last.strip("\r\n")
            shown = repr(line if len(line) <= _MOST_SHOWN else f"{line[:_MOST_SHOWN]}...")
            parts = f"{len(row)} part{'s' if len(row) != 1 else ''}"
            raise UnevenLinesError(
                f"line {seen.count} {shown} has {parts}, the first line has {first}",
                has_decimal_commas=separator == "," and len(row) > first and re.search(r"\d,\d", line) is not None,
            )


class _Lines:
    """Lines, with the last one that was read and its number."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.last, self.count = "", 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self.last = next(self._lines)
        self.count += 1
        return self.last


def is_empty(row: Sequence[str]) -> bool:
    """Whether a line is empty, or has spaces only.

    Examples
    --------
    >>> is_empty([" "]), is_empty(["", ""])
    (True, False)
    """
    return len(row) < 2 and not "".join(row).strip()
