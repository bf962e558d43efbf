"""A table that was pasted into the form, as columns."""

import csv
import re
from collections.abc import Sequence
from io import StringIO
from typing import Final

import pandas as pd

from partialpool.errors import DataError
from partialpool.explorer.classroom.missing import MISSING_WORDS
from partialpool.fitting.table_file import read_table_text, separator_of

__all__ = ["MOST_COLUMNS", "MOST_ROWS", "read_cells", "read_pasted"]

MOST_ROWS: Final = 5_000
MOST_COLUMNS: Final = 100
"""The form offers each column in three lists."""
_SEPARATORS: Final = "\t;|,"
"""The comma is the last one: it may stand within numbers."""
_MOST_SHOWN: Final = 60
_NUMBER: Final = r"\s*[-+]?\d+([.,]\d+)*\s*"
_NO_CELLS: Final = r"^[ \t,;|]+$"
_NO_NAME: Final = rf"{_NUMBER}|Unnamed: \d+"
"""A number, or what the reader calls a column without a name."""


def read_pasted(text: str, factors: set[str]) -> pd.DataFrame:
    """Read a pasted table of at most `MOST_ROWS` rows; spaces around column names and around cells are dropped.

    Empty cells are missing, and words such as `NA` in columns that are not labels, as in a file. In a column of labels
    that is not of numbers, such a word is a label: a pupil may be called so.

    Parameters
    ----------
    text
        The table.
    factors
        Names of the columns of labels.

    Raises
    ------
    DataError
        It is not a table of two columns and a row, or has too many rows or columns; or the first line does not seem to
        have the names of the columns.
    """
    lines, names = _lines(text), _first_line(text)
    _check_columns(lines)
    table = read_table_text(lines, factors).rename(columns=str)
    if table.shape[1] < 2:
        raise DataError(
            "the lines of the table do not have the same number of columns, or only one",
            got=f"read as one column, {str(table.columns[0])[:_MOST_SHOWN]!r}",
            allowed="two columns or more in every line, between commas, semicolons or tabs",
            do="compare the lines with the first one; put quotation marks around a name that has a comma",
        )
    if not 0 < len(table) <= MOST_ROWS:
        raise DataError(
            "the table has no rows" if table.empty else "the table has too many rows",
            got=f"{len(table)} rows",
            allowed=f"1 to {MOST_ROWS} rows below the line of column names",
            do="paste the rows too" if table.empty else "paste a part of the rows, or use pp.fit and pp.explore",
        )
    _check_names(names, table)
    labels = read_cells(text, factors) if factors & {*table.columns} else pd.DataFrame()
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            cells = labels[name] if name in labels and not _is_numeric(table[name]) else table[name]
            cells = cells.map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
            table[name] = cells.where(~cells.isin(["", *(() if name in labels else MISSING_WORDS)]))
    return table


def read_cells(text: str, columns: set[str]) -> pd.DataFrame:
    r"""Return every cell of some columns as it is written, whatever it is; columns that do not exist are left out.

    Examples
    --------
    >>> read_cells("who, hits\nNone, 3\nAda,NA\n", {"who", "hits"}).to_dict("list")
    {'who': ['None', 'Ada'], 'hits': [' 3', 'NA']}
    """
    lines = _lines(text)
    every = pd.read_csv(StringIO(lines), sep=separator_of(lines), dtype=str, keep_default_na=False).rename(columns=str)
    return every[[name for name in every if name in columns]]


def _lines(text: str) -> str:
    """Return the lines of a table, with the spaces around the names of its columns dropped.

    The reader takes names as they are written; spaces after the separators are not meant as parts of them. A line
    without a value, such as `,,` of a spreadsheet, becomes an empty line.
    """
    lines = re.sub(_NO_CELLS, "", text.replace("\r\n", "\n").strip("\n\ufeff"), flags=re.MULTILINE)
    names, _, rows = lines.partition("\n")
    try:
        return f"{_without_spaces(names, separator_of(lines))}\n{rows}\n"
    except csv.Error:
        return f"{lines}\n"  # the reader says what is wrong


def _first_line(text: str) -> str:
    return text.replace("\r\n", "\n").strip("\n\ufeff").partition("\n")[0]


def _check_columns(lines: str) -> None:
    """Refuse too many columns before the table is read, which takes long with many of them."""
    try:
        first = next(csv.reader(StringIO(lines, newline=""), delimiter=separator_of(lines)), [])
    except csv.Error:
        return  # the reader says what is wrong
    if len(first) > MOST_COLUMNS:
        raise DataError(
            "the table has too many columns",
            got=f"{len(first):,} columns",
            allowed=f"2 to {MOST_COLUMNS}",
            do="paste only the columns that are needed: whose row it is, and what was counted or measured; or write "
            "the numbers of one name below each other, in rows of their own",
        )


def _check_names(first: str, table: pd.DataFrame) -> None:
    """Refuse a table whose first line has numbers where the lines below it have numbers, as one without names."""
    numeric = [name for name in table.columns if _is_numeric(table[name])]
    named = [name for name in numeric if not re.fullmatch(_NO_NAME, name)]
    if named or not any(re.fullmatch(_NUMBER, name) for name in numeric):
        return
    parts = {sign: len(next(csv.reader([first], delimiter=sign), [])) for sign in _SEPARATORS}
    separator = next((sign for sign, count in parts.items() if count == table.shape[1]), ",")
    raise DataError(
        "Does the first line have the names of the columns?",
        got=f"{first[:_MOST_SHOWN]!r}, with numbers where the lines below have numbers too",
        allowed="a first line with the name of each column",
        do=f"add a line above it, such as {separator.join(_names_to_add(table, numeric))}\nIf it does have the names, "
        "write a word in place of each number",
    )


def _names_to_add(table: pd.DataFrame, numeric: Sequence[str]) -> list[str]:
    """Return names for the columns of a table without them."""
    numbers = ["hits", "attempts"] if len(numeric) == 2 else ["value"]
    free = {True: iter([*numbers, *(f"value{k}" for k in range(2, 1_000_000))]),
            False: iter(["name", *(f"name{k}" for k in range(2, 1_000_000))])}  # fmt: skip
    return [next(free[name in numeric]) for name in table.columns]


def _is_numeric(values: pd.Series) -> bool:
    """Whether all values that are not missing are numbers, also where they were kept as text."""
    found = values.dropna()
    return (
        bool(len(found))
        and not pd.api.types.is_bool_dtype(found)
        and bool(pd.to_numeric(found, errors="coerce").notna().all())
    )


def _without_spaces(names: str, separator: str) -> str:
    r"""Drop the spaces around each name in the line of column names, and none within a name.

    Examples
    --------
    >>> _without_spaces(" name ; my hits, of 10;shots ", ";")
    'name;my hits, of 10;shots'
    >>> _without_spaces('name , "hits, of 10"', ",")
    'name,"hits, of 10"'
    """
    if names.count('"') % 2:
        return names  # a name of several lines
    parts = next(csv.reader([names], delimiter=separator, skipinitialspace=True), [])
    line = StringIO()
    csv.writer(line, delimiter=separator, lineterminator="").writerow([part.strip() for part in parts])
    return line.getvalue()
