"""Checks of the columns that were counted or measured, and their values as a model takes them."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import pandas as pd

from partialpool.errors import DataError, nearest

__all__ = [
    "PERCENTAGE",
    "as_yes",
    "check_both_outcomes",
    "check_percentages",
    "check_repeats",
    "check_yes_and_no",
    "make_numbers",
    "written",
]

PERCENTAGE: Final = r"\s*\d+([.,]\d+)?\s*%\s*"
_MOST_LISTED: Final = 5
_MOST_SHOWN: Final = 60
"""Characters of a name or value that an error repeats."""


def check_percentages(table: pd.DataFrame, who: str, name: str) -> None:
    """Refuse percentages, which do not tell the attempts."""
    wrong = table[name].map(lambda value: isinstance(value, str)) & table[name].astype(str).str.fullmatch(PERCENTAGE)
    if wrong.any():
        raise DataError(
            "a percentage does not tell how many attempts: give hits and attempts",
            got=f"{table[name][wrong].iloc[0][:_MOST_SHOWN]!r} in {name!r}, {_of(table, who, wrong)}",
            allowed="7 and 10 in two columns, in place of 70 %",
            do="write the hits in place of the percentages, and the attempts in a column of their own; leave out the "
            "sign % if these are measurements",
        )


def check_both_outcomes(hits: float, attempts: float) -> None:
    """Refuse a table with hits only, or without any: its pupils do not differ, and no mean fits them best."""
    if attempts > 0 and hits in (0, attempts):
        all_hits = hits > 0
        raise DataError(
            "every attempt was a hit; at least one miss is needed" if all_hits else
            "no attempt was a hit; at least one hit is needed",
            got=f"{hits:g} hits in {attempts:g} attempts",
            allowed="at least one hit and at least one miss in the whole table",
            do="add rows with misses" if all_hits else "add rows with hits",
        )  # fmt: skip


def check_yes_and_no(values: pd.Series) -> None:
    """Refuse values of `as_yes` that are all alike."""
    found = values.dropna()
    yes = found.cat.categories[-1] if isinstance(found.dtype, pd.CategoricalDtype) else 1
    check_both_outcomes(float((found == yes).sum()), float(len(found)))


def check_repeats(table: pd.DataFrame, who: str, response: str) -> None:
    """Refuse measurements of which every name has one: differences between names cannot be told from noise."""
    counts = table.dropna(subset=[who, response])[who].value_counts()
    if len(counts) and counts.max() == 1:
        raise DataError(
            "one number per name is not enough",
            got=f"{len(counts)} names with one row each",
            allowed="several rows of a name, for at least some of the names",
            do="measure again, and write each number in a row of its own; one number does not tell how much those of "
            "the same name differ",
        )


def make_numbers(table: pd.DataFrame, who: str, columns: Sequence[str], *, is_whole: bool) -> None:
    """Make columns numeric; refuse values that are not, or not whole, and of two columns hits above the attempts."""
    for name in columns:
        numbers = pd.to_numeric(table[name], errors="coerce")
        wrong = table[name].notna() & numbers.isna()
        if is_whole:
            wrong |= (numbers < 0) | (numbers != numbers.round()) & numbers.notna()
        if wrong.any():
            raise DataError(
                f"{name!r} has values that are not {'whole numbers from 0' if is_whole else 'numbers'}",
                got=f"{str(table[name][wrong].iloc[0])[:_MOST_SHOWN]!r}, {_of(table, who, wrong)}",
                allowed="0, 1, 2, ..." if is_whole else "numbers such as 12.5",
                do="correct these rows, or choose another column or another kind",
            )
        table[name] = numbers  # 05 is kept as text by the reader, because a label could be so
    for hits, attempts in pairwise(columns):
        wrong = table[hits] > table[attempts]
        if wrong.any():
            raise DataError(
                "more hits than attempts",
                got=f"{table[hits][wrong].iloc[0]:g} of {table[attempts][wrong].iloc[0]:g}, {_of(table, who, wrong)}",
                allowed="hits from 0 to the attempts",
                do="correct these rows, or choose the columns the other way round",
            )


def _of(table: pd.DataFrame, who: str, wrong: pd.Series) -> str:
    """Name the first of the wrong rows, and count them."""
    count = int(wrong.sum())
    return f"of {str(table[who][wrong].iloc[0])[:_MOST_SHOWN]!r}; {count} such row{'s' if count > 1 else ''}"


def written(value: object) -> str:
    """Return a value as it is written in the table: a blank cell makes whole numbers of its column decimal ones.

    Examples
    --------
    >>> written(1.0), written(0.5), written("yes"), written(True)
    ('1', '0.5', 'yes', 'True')
    """
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def as_yes(values: pd.Series, success: str) -> pd.Series:
    """Return the values as two categories, the second of which counts as yes; numbers 0 and 1 stay as they are."""
    labels = values.map(written, na_action="ignore")
    shown = sorted(labels.dropna().unique())
    if not success and set(values.dropna().unique()) <= {0, 1}:
        return values
    if len(shown) > 2:
        some = ", ".join(shown[:_MOST_LISTED]) + (" ..." if len(shown) > _MOST_LISTED else "")
        are_counts = pd.to_numeric(values.dropna(), errors="coerce").notna().all()
        raise DataError(
            f"{values.name!r} has more than two values, and cannot be read as yes or no",
            got=f"{len(shown)} different values: {some[:_MOST_SHOWN]}",
            allowed="two values, one of which counts as yes; or 0 and 1",
            do="if these are numbers of hits, choose 'hits out of attempts', and the column of the attempts; if they "
            "are counts without a number of attempts, choose 'a count'"
            if are_counts
            else "write the same two words in every row, such as hit and miss",
        )
    if success not in shown:
        raise DataError(
            f"{values.name!r} cannot be read as yes or no",
            got=f"{len(shown)} different values" + (f", and none is {success[:_MOST_SHOWN]!r}" if success else ""),
            allowed="two values, one of which counts as yes; or 0 and 1",
            do=f"name the value that counts as yes: {nearest(success, shown)}",
        )
    others = [label for label in shown if label != success]
    return labels.astype(pd.CategoricalDtype([*others, success]))
