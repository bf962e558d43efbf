"""Words that stand in place of a value, such as NA: which are missing values, and which are names."""

from collections.abc import Iterable
from typing import Final

import pandas as pd

__all__ = ["MISSING_WORDS", "said_of_words"]

MISSING_WORDS: Final = (
    "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA", "NULL",
    "NaN", "None", "n/a", "nan", "null",
)  # fmt: skip
"""What the reader of tables takes for a missing value, besides an empty cell: the words of `pandas.read_csv`."""


def said_of_words(cells: pd.DataFrame, table: pd.DataFrame, who: str) -> list[str]:
    """Say which words were read as missing values, and which as names.

    Parameters
    ----------
    cells
        The columns of the model as they are written.
    table
        The same columns as they were read.
    who
        The column of the names.

    Examples
    --------
    >>> cells = pd.DataFrame({"name": ["None", "Ada"], "hits": ["3", "NA"]})
    >>> table = pd.DataFrame({"name": ["None", "Ada"], "hits": [3, None]})
    >>> for said in said_of_words(cells, table, "name"):
    ...     print(said)
    'None' in name is read as a name. If it means that the name is not known, leave the cell empty.
    'NA' in hits is read as a missing value, in 1 row.
    """
    said = []
    for name in cells:
        stripped = cells[name].str.strip()
        words = stripped[stripped.isin(MISSING_WORDS)]
        missing = table[name].isna().to_numpy()[words.index]
        if name == who and len(words) and not missing.all():
            said.append(
                f"{_listed(words[~missing])} in {name} {_is_or_are(words[~missing])} read as a name. If it means that "
                "the name is not known, leave the cell empty."
            )
        if missing.any():
            count = int(missing.sum())
            said.append(
                f"{_listed(words[missing])} in {name} {_is_or_are(words[missing])} read as a missing value, in {count} "
                f"row{'s' if count > 1 else ''}."
            )
    return said


def _listed(words: Iterable[str]) -> str:
    return ", ".join(map(repr, dict.fromkeys(words)))


def _is_or_are(words: Iterable[str]) -> str:
    return "are each" if len({*words}) > 1 else "is"
