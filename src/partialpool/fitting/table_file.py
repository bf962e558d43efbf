"""Read a table as people save it: CSV with commas, semicolons or tabs, Parquet, Feather, Excel; or CSV as text."""

import codecs
import csv
from collections.abc import Callable, Mapping, Sequence
from io import BytesIO, StringIO, TextIOWrapper
from itertools import islice
from pathlib import Path
from types import MappingProxyType
from typing import Final, TextIO

import pandas as pd

from partialpool.design.numbers_as_text import may_be_thousands
from partialpool.design.row_names import LINE, SHEET_ROW
from partialpool.errors import DataError, FileError
from partialpool.fitting.uneven_lines import UnevenLinesError, check_even_lines, is_empty

__all__ = ["read_table_file", "read_table_text", "separator_of"]

_SEPARATORS: Final = (",", ";", "\t", "|")
"""Tried in this order; the first of those that give the most columns is taken."""
_ENCODING: Final = "utf-8-sig"
"""UTF-8, with or without the mark that Excel puts first."""
_LINES: Final = 50
"""Lines from which the separator is found."""
_LEADING_ZERO: Final = r"0\d+"
_NUMBER: Final = r"-?(0|[1-9]\d{0,17})(\.\d+)?"
_DECIMAL_COMMA: Final = r"\s*[-+]?\d+,\d+([eE][-+]?\d+)?\s*"
_OTHER_NUMBER: Final = r"\s*[-+]?\d+([eE][-+]?\d+)?\s*"


_SHEET: Final = ".xlsx"
_BINARY: Final[Mapping[str, Callable[[Path], pd.DataFrame]]] = MappingProxyType(
    {".parquet": pd.read_parquet, ".feather": pd.read_feather, ".arrow": pd.read_feather}
)
_READABLE: Final = "a text file in UTF-8 (columns between commas, semicolons, tabs or |), .parquet, .feather or .xlsx"
_EVEN: Final = "as many parts in every line as in the first one, which has the names of the columns"
_MEND_LINES: Final = (
    "correct this line and those like it: put quotation marks around a value that has a separator in it, add a value "
    "that is missing, or drop a separator at the end"
)
_DECIMAL_COMMAS: Final = (
    "if the numbers have decimal commas, such as 2,5, put semicolons between the columns, or write 2.5"
)
_WESTERN: Final = "cp1252"
"""Of Windows and Excel in Western Europe; Latin-1 has the same letters."""


def read_table_file(
    path: Path, factors: set[str], *, encoding: str | None = None, na_values: Sequence[str] = ()
) -> pd.DataFrame:
    """Read a table from a file.

    The separator of a text file, and whether decimals have a comma, are found from its content. Labels are kept as they
    are in the file: `1`, `01` and `1.0` are three levels. A grouping factor's labels become numbers only where all are
    written as numbers and no two are the same number, so that a dose can be both a factor and a predictor. A column
    with an integer that begins with 0, such as a postal code, stays text.

    Parameters
    ----------
    path
        The file; the first sheet of an Excel file is read.
    factors
        Names of the columns of grouping factors.
    encoding
        Encoding of a text file, for instance "cp1252"; UTF-8 if left out.
    na_values
        Words that stand for a missing value in a text file or an Excel file, besides an empty cell, NA and the like.

    Returns
    -------
    pandas.DataFrame
        Indexed by the lines of a text file, or the rows of an Excel sheet, from 1: messages name them.

    Raises
    ------
    FileError
        The file cannot be read; no such encoding; an encoding of a file that is not text; words for missing values of
        a file that has its own.
    """
    ending = path.suffix.lower()
    read = _BINARY.get(ending)
    known = _known_encoding(path, encoding, is_text=read is None and ending != _SHEET)
    if na_values and read is not None:
        raise FileError(
            "this kind of file has missing values of its own",
            got=f"{', '.join(map(repr, na_values))} as missing values in {path}",
            allowed="words for missing values in .csv, .tsv, .txt and other text files, and in .xlsx",
            do="leave them out, or save the table as CSV",
        )
    try:
        if read is not None:
            return read(path)
        if ending == _SHEET:
            return _read_excel(path, na_values)
        content = path.read_bytes()
        table = _read_text(content, known, factors, na_values)
        return table.set_axis(_line_numbers(content, known, len(table)))
    except ImportError as error:
        raise FileError(
            "this kind of file needs another package",
            got=f"{path}: {error}",
            allowed=_READABLE,
            do="pip install openpyxl, or save the table as CSV",
        ) from error
    except UnicodeError as error:
        raise FileError(
            "cannot read the data file: its text has another encoding",
            got=f"{path}: {error}",
            allowed="text in UTF-8, or in the encoding that is named",
            do=_advice_on_encoding(path, known),
        ) from error
    except UnevenLinesError as error:
        raise FileError(
            "the lines of the data file do not have the same number of columns",
            got=f"{path}: {error}",
            allowed=_EVEN,
            do=_mend_lines(error),
        ) from error
    except (OSError, ValueError, csv.Error) as error:
        raise FileError(
            "cannot read the data file",
            got=f"{path}: {error}",
            allowed=_READABLE,
            do="check the file's name and its first lines",
        ) from error


def _mend_lines(error: UnevenLinesError) -> str:
    """Say what to do with lines of other numbers of parts; a decimal comma divides a number into two."""
    return f"{_DECIMAL_COMMAS}; else {_MEND_LINES}" if error.has_decimal_commas else _MEND_LINES


def _known_encoding(path: Path, encoding: str | None, *, is_text: bool) -> str:
    """Return the encoding to read a file with; refuse one that does not exist, or that the file cannot have."""
    if encoding is None:
        return _ENCODING
    if not is_text:
        raise FileError(
            "only a text file has an encoding",
            got=f"encoding {encoding!r} with {path}",
            allowed="an encoding of .csv, .tsv, .txt and other text files",
            do="leave the encoding out: the file states its own",
        )
    try:
        "".encode(encoding)
    except (LookupError, ValueError) as error:
        raise FileError(
            "this encoding does not exist",
            got=repr(encoding),
            allowed="utf-8, cp1252 (Windows, Western Europe), cp1250 (Windows, Central Europe), latin-1, mac-roman, "
            "utf-16, or another text encoding of Python",
            do="check the spelling",
        ) from error
    is_utf8 = codecs.lookup(encoding).name.startswith("utf-8")
    if not is_utf8 and _begins(path, codecs.BOM_UTF8):
        raise FileError(
            "the file states that it is in UTF-8",
            got=f"encoding {encoding!r} with {path}, which begins with the mark of UTF-8",
            allowed="utf-8",
            do="leave the encoding out",
        )
    return _ENCODING if is_utf8 else encoding


def _advice_on_encoding(path: Path, tried: str) -> str:
    likely = "utf-16" if _begins(path, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else _WESTERN
    if tried != _ENCODING:
        return "name another encoding, or save the table as UTF-8"
    return (
        f"name its encoding, for a file of {'Excel (Unicode text)' if likely == 'utf-16' else 'Windows'} "
        f'--encoding {likely} on the command line, encoding = "{likely}" in [data] of a model file; or save it as UTF-8'
    )


def _begins(path: Path, *marks: bytes) -> bool:
    """Whether a file begins with one of these bytes; a file that cannot be read does not."""
    try:
        with path.open("rb") as file:
            return file.read(4).startswith(marks)
    except OSError:
        return False


def read_table_text(text: str, factors: set[str]) -> pd.DataFrame:
    r"""Read a table that was pasted, as `read_table_file` reads a text file.

    Parameters
    ----------
    text
        The lines, the column names first.
    factors
        As for `read_table_file`.

    Raises
    ------
    DataError
        The text is not a table.

    Examples
    --------
    >>> read_table_text("who;hits\n01;3\n02;5", {"who"}).to_dict("list")
    {'who': ['01', '02'], 'hits': [3, 5]}
    """
    try:
        return _read_text(text.encode(), "utf-8", factors)
    except UnevenLinesError as error:
        raise DataError(
            "the lines of the table do not have the same number of columns",
            got=str(error),
            allowed=_EVEN,
            do=_mend_lines(error),
        ) from error
    except (ValueError, csv.Error) as error:
        raise DataError(
            "cannot read the table",
            got=str(error).strip(),
            allowed="a line of column names, then a line per row; commas, semicolons, tabs or | between the columns",
            do="check the lines, and the quotation marks in them",
        ) from error


def separator_of(text: str) -> str:
    r"""Return the separator with which `read_table_text` reads a text.

    Raises
    ------
    csv.Error
        A value is longer than the reader takes.

    Examples
    --------
    >>> separator_of("who;hits, of 10\n01;3\n")
    ';'
    """
    return _separator(list(islice(StringIO(text, newline=""), _LINES)))


def _read_excel(path: Path, na_values: Sequence[str]) -> pd.DataFrame:
    """Read the first sheet; what is text there stays text, as the label 01."""
    table = pd.read_excel(path, dtype=object)
    if na_values:
        numbers = pd.to_numeric(pd.Series(na_values, dtype=object), errors="coerce").dropna()
        table = table.mask(table.isin([*na_values, *numbers]))
    return table.infer_objects().set_axis(pd.RangeIndex(2, len(table) + 2, name=SHEET_ROW))


def _read_text(content: bytes, encoding: str, factors: set[str], na_values: Sequence[str] = ()) -> pd.DataFrame:
    """Read a table of text, as text first, and then the columns of numbers among it."""
    missing = list(na_values)
    separator = _separator(list(islice(_lines(content, encoding), _LINES)))
    check_even_lines(_lines(content, encoding), separator, _SEPARATORS)
    text = pd.read_csv(BytesIO(content), sep=separator, encoding=encoding, dtype=str, na_values=missing)
    commas = [c for c in text if _has_decimal_commas(text[c])] if separator != "," else []
    with_comma = [text[c][text[c].str.contains(",", na=False)] for c in commas]
    if commas and all(map(may_be_thousands, with_comma)):
        raise _ambiguous(with_comma[0])
    kept = [
        c for c in text if text[c].str.fullmatch(_LEADING_ZERO).any() or (c in factors and not _are_numbers(text[c]))
    ]
    others = [k for k, c in enumerate(text) if c not in kept]
    if not others:
        return text
    # By their places: pandas renames columns of the same name.
    decimal = "," if commas else "."
    typed = pd.read_csv(
        BytesIO(content), sep=separator, encoding=encoding, decimal=decimal, usecols=others, na_values=missing
    )
    return pd.DataFrame({c: text[c] if c in kept else typed[c] for c in text})


def _line_numbers(content: bytes, encoding: str, n_rows: int) -> pd.Index:
    """Return the line of the file on which each row begins, from 1; row numbers where lines and rows do not match."""
    if content.count(b"\n") + (not content.endswith(b"\n")) == n_rows + 1:
        return pd.RangeIndex(2, n_rows + 2, name=LINE)
    rows = csv.reader(_lines(content, encoding), delimiter=_separator(list(islice(_lines(content, encoding), _LINES))))
    begins, before = [], 0
    for row in rows:
        if not is_empty(row):
            begins.append(before + 1)
        before = rows.line_num
    return pd.Index(begins[1:], name=LINE) if len(begins) == n_rows + 1 else pd.RangeIndex(n_rows)


def _lines(content: bytes, encoding: str) -> TextIO:
    """Return the lines of a table, which has been read from its file once; the bytes are not copied."""
    return TextIOWrapper(BytesIO(content), encoding=encoding, newline="")


def _separator(lines: list[str]) -> str:
    r"""Return the separator under which every line has the same number of columns, the most of them.

    Examples
    --------
    >>> _separator(["plot;dose;yield\n", "1;0,5;2,25\n"]), _separator(["y,note\n", '1,"a; b; c"\n'])
    (';', ',')
    """
    counts = {}
    for separator in _SEPARATORS:
        widths = {len(row) for row in csv.reader(lines, delimiter=separator) if not is_empty(row)}
        counts[separator] = min(widths, default=0) if len(widths) == 1 else 0
    return max(_SEPARATORS, key=lambda separator: counts[separator])


def _has_decimal_commas(column: pd.Series) -> bool:
    """Whether all values are numbers, some with a comma before the decimals (`1e-05` has none)."""
    values = column.dropna()
    if not values.str.contains(",", regex=False).any():
        return False
    return all(_are_decimals(some) for some in (values.head(_LINES), values))  # words are found out in the first rows


def _are_decimals(values: pd.Series) -> bool:
    return bool((values.str.fullmatch(_DECIMAL_COMMA) | values.str.fullmatch(_OTHER_NUMBER)).all())


def _ambiguous(with_comma: pd.Series) -> DataError:
    example = with_comma.iloc[0].strip()
    return DataError(
        "the commas in numbers may stand before decimals or between thousands",
        got=f"{example!r} in column {with_comma.name!r}, and no number that decides it",
        allowed="decimal commas, if one has another number of digits after it; thousands without a separator",
        do=f"write {example.replace(',', '')} for thousands, or {example.replace(',', '.')} for decimals",
    )


def _are_numbers(labels: pd.Series) -> bool:
    """Whether every label is written as a number, and no two labels are the same number."""
    distinct = labels.dropna().drop_duplicates()
    return bool(distinct.str.fullmatch(_NUMBER).all()) and pd.to_numeric(distinct).nunique() == len(distinct)
