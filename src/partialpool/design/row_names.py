"""How messages name rows: by the line of the file that they are from, else by their position in the table."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

__all__ = ["BATCH_ROW", "LINE", "SHEET_ROW", "from_file", "labels_in_words", "rows_in_words", "such_rows_in_words"]

LINE: Final = "line of the file"
"""Name of the index of a table that was read from a text file: the number of each row's line, from 1."""
SHEET_ROW: Final = "row of the sheet"
"""Name of the index of a table that was read from a spreadsheet: the number of each row there, from 1."""
BATCH_ROW: Final = "row of a batch"
"""Name of the index of rows that were read in a batch, of which the position in the whole table is not known."""
_SHOWN: Final = 3


def from_file(index: pd.Index) -> bool:
    """Whether the rows are those of a file that the package read."""
    return index.name in (LINE, SHEET_ROW)


def rows_in_words(index: pd.Index, rows: Sequence[int]) -> str:
    """Name some rows, with a preposition.

    Parameters
    ----------
    index
        Of the table: positions from 0, or lines of a file.
    rows
        Values of the index.

    Examples
    --------
    >>> rows_in_words(pd.RangeIndex(9), [3]), rows_in_words(pd.RangeIndex(9), [1, 4, 6, 7])
    ('in row 3 (counted from 0)', 'in rows 1, 4, 6 and 1 more (counted from 0)')
    >>> rows_in_words(pd.RangeIndex(2, 99, name=LINE), [74]), rows_in_words(pd.RangeIndex(2, 99, name=SHEET_ROW), [74])
    ('in line 74 of the file', 'in row 74 of the sheet')
    """
    return _numbered(index, rows) + _counted(index)


def labels_in_words(index: pd.Index, cells: Sequence[tuple[str, Sequence[int]]]) -> str:
    """Name some labels, each with its rows.

    Examples
    --------
    >>> labels_in_words(pd.RangeIndex(2, 9, name=LINE), [("?", (3,)), ("k.A.", (4, 7))])
    "'?' in line 3, 'k.A.' in lines 4, 7 of the file"
    """
    return ", ".join(f"{label!r} {_numbered(index, rows)}" for label, rows in cells) + _counted(index)


def _counted(index: pd.Index) -> str:
    return {LINE: " of the file", SHEET_ROW: " of the sheet", BATCH_ROW: " of one batch of rows"}.get(
        str(index.name), " (counted from 0)"
    )


def _numbered(index: pd.Index, rows: Sequence[int]) -> str:
    kind = "line" if index.name == LINE else "row"
    more = f" and {len(rows) - _SHOWN} more" if len(rows) > _SHOWN else ""
    return f"in {kind}{'s' if len(rows) > 1 else ''} {', '.join(map(str, rows[:_SHOWN]))}{more}"


def such_rows_in_words(index: pd.Index, at: int, count: int) -> str:
    """Name the first of some rows by its position, and say how many there are.

    Examples
    --------
    >>> such_rows_in_words(pd.RangeIndex(2, 99, name=LINE), 0, 3)
    'in line 2 of the file, 3 such rows'
    """
    return f"{rows_in_words(index, [int(index[at])])}, {count} such row{'' if count == 1 else 's'}"
