"""What was done with the rows of a pasted table, in sentences that stand above the page."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

__all__ = ["added_up", "complete_rows", "without_attempts"]

_MOST_NAMED: Final = 5
_MOST_SHOWN: Final = 40
"""Characters of a name."""


def without_attempts(table: pd.DataFrame, who: str, attempts: str) -> tuple[pd.DataFrame, list[str]]:
    """Drop rows with 0 attempts, and return the sentence that names them.

    Names that have other rows too keep those.

    Examples
    --------
    >>> table = pd.DataFrame({"name": ["Ada", "Ben"], "shots": [3, 0]})
    >>> without_attempts(table, "name", "shots")[1]
    ['No attempts: Ben. Rows with 0 attempts tell nothing, and are left out.']
    """
    empty = table[attempts].eq(0)
    if not empty.any():
        return table, []
    names = list(dict.fromkeys(table[who][empty].dropna().astype(str)))
    said = f"No attempts: {_listed(names)}. Rows with 0 attempts tell nothing, and are left out."
    return table[~empty].reset_index(drop=True), [said]


def complete_rows(table: pd.DataFrame, who: str, columns: Sequence[str]) -> tuple[pd.DataFrame, list[str]]:
    """Drop rows with an empty cell in one of the columns of the model, and return the sentences that name them.

    Examples
    --------
    >>> table = pd.DataFrame({"name": ["Ada", "Ben", None], "hits": [3, None, 2]})
    >>> for said in complete_rows(table, "name", ["name", "hits"])[1]:
    ...     print(said)
    Left out, because there is no value of hits: Ben.
    Left out, because there is no name: 1 row.
    """
    missing, said = table[[*columns]].isna(), []
    nameless = missing[who]
    for column in columns:
        rows = missing[column] & ~nameless
        if column != who and rows.any():
            names = list(dict.fromkeys(table[who][rows].astype(str)))
            said.append(f"Left out, because there is no value of {_short(column)}: {_listed(names)}.")
    if nameless.any():
        count = int(nameless.sum())
        said.append(f"Left out, because there is no {_short(who)}: {count} row{'s' if count > 1 else ''}.")
    return table[~missing.any(axis=1)].reset_index(drop=True), said


def added_up(table: pd.DataFrame, who: str) -> list[str]:
    """Say which names have several rows of hits and attempts.

    Examples
    --------
    >>> added_up(pd.DataFrame({"name": ["Ada", "Ben", "Ada"]}), "name")
    ['Ada has 2 rows; they are added up.']
    """
    counts = table[who].astype(str).value_counts(sort=False)
    several = counts[counts > 1]
    if len(several) > _MOST_NAMED:
        return [f"{len(several)} names have several rows; those of each name are added up."]
    return [f"{_short(name)} has {count} rows; they are added up." for name, count in several.items()]


def _listed(names: Sequence[str]) -> str:
    more = len(names) - _MOST_NAMED
    return ", ".join(map(_short, names[:_MOST_NAMED])) + (f" and {more} more" if more > 0 else "")


def _short(name: object) -> str:
    text = str(name)
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 1]}\N{HORIZONTAL ELLIPSIS}"
