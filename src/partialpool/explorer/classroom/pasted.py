"""A table that was pasted into the form, as columns."""

import csv
import re
from collections.abc import Sequence
from typing import Final

import pandas as pd

from partialpool.errors import DataError
from partialpool.fitting.table_file import read_table_text

__all__ = ["MOST_ROWS", "read_pasted"]

MOST_ROWS: Final = 5_000
_SEPARATORS: Final = "\t;|,"
"""The comma is the last one: it may stand within numbers."""
_MOST_SHOWN: Final = 60
_NUMBER: Final = r"\s*[-+]?\d+([.,]\d+)*\s*"
_NO_NAME: Final = rf"{_NUMBER}|Unnamed: \d+"
"""A number, or what the reader calls a column without a name."""


def read_pasted(text: str, factors: set[str]) -> pd.DataFrame:
    """Read a pasted table of at most `MOST_ROWS` rows; spaces around column names and around cells are dropped.

    Raises
    ------
    DataError
        It is not a table of two columns and a row, or has too many rows; or the first line does not seem to have the
        names of the columns.
    """
    names, _, rows = text.replace("\r\n", "\n").strip("\n\ufeff").partition("\n")
    # The reader takes names as they are written; spaces after the separators are not meant as parts of them.
    table = read_table_text(f"{_without_spaces(names)}\n{rows}\n", factors).rename(columns=str)
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
    for name in table.columns:
        if not pd.api.types.is_numeric_dtype(table[name]):
            cells = table[name].map(lambda cell: cell.strip() if isinstance(cell, str) else cell)
            table[name] = cells.where(cells.ne(""))
    return table


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


def _without_spaces(names: str) -> str:
    """Drop the spaces beside separators in the line of column names.

    Examples
    --------
    >>> _without_spaces(" name ; my hits;shots ")
    'name;my hits;shots'
    """
    for separator in ",;\t|":
        if separator in names and '"' not in names:
            names = separator.join(name.strip(" ") for name in names.split(separator))
    return names.strip(" ")
