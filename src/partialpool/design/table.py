"""Read the table: the columns that the model names, and the complete rows."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from partialpool.design.censoring import interval_rows
from partialpool.design.columns import read_column, sort_undeclared, unused_categories
from partialpool.design.memberships import fill_blank_members
from partialpool.design.row_names import from_file, rows_in_words
from partialpool.errors import DataError, DataWarning, nearest, warn

__all__ = [
    "Missing",
    "Table",
    "check_missing",
    "check_names",
    "column_names",
    "read_table",
    "report_missing",
    "select_columns",
]

Missing = Literal["drop", "error"]
_SEPARATED: Final = MappingProxyType({";": 'sep=";", decimal=","', "\t": 'sep="\\t"', "|": 'sep="|"', ",": 'sep=","'})
"""By separator in the name of the only column, the arguments that read such a file."""
_CORRECT: Final = "correct the name in the model or in the table"
_NUMBERS_ROWS: Final = frozenset({"case", "id", "index", "obs", "observation", "olre", "row", "row_id", "rowid"})
"""Names of grouping factors with a level for each row, in lower case, in papers and in other packages' manuals."""


@dataclass(frozen=True, eq=False)
class Table:
    """Complete rows of the columns a model reads.

    Attributes
    ----------
    frame
        The columns, as pandas; numbers, booleans or categories. Its index has the rows' names (`row_names`): lines of
        the file that the package read, else `rows`.
    rows
        Row numbers in the table as given, from 0.
    n_given
        Number of rows in the table as given.
    text
        Columns that were text and not declared as categories.
    unused
        By column, declared categories that have no row here.
    incomplete
        The rows with missing values, which are left out.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    n_given: int
    text: frozenset[str] = frozenset()
    unused: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    incomplete: pd.DataFrame = field(default_factory=pd.DataFrame)


def read_table(
    data: Any,
    columns: tuple[str, ...],
    *,
    missing: Missing = "drop",
    predictors: Collection[str] = (),
    computed: Collection[str] = (),
    optional: Collection[str] = (),
    blank: Mapping[str, str] = MappingProxyType({}),
    cens: str | None = None,
    endless: Collection[str] = (),
) -> Table:
    """Select the columns a model reads from any data frame, and drop incomplete rows.

    Parameters
    ----------
    data
        A pandas, polars or pyarrow table (anything that narwhals supports), or a mapping of columns.
    columns
        The columns to read.
    missing
        `drop` drops rows with a missing value in these columns and warns with their count; `error` refuses them.
    predictors
        Columns whose values terms read; the others only name groups or categories, where dates or mixed ids are treated
        as text.
    computed
        Those of them that expressions compute with, which categories cannot be.
    optional
        Columns that are read only if the table has them.
    blank
        Columns of members that may be missing where their weight is 0, by name: the column of weights.
    cens
        Columns of censoring (`ModelSpec.cens`): upper ends may be missing in rows that are no intervals.
    endless
        Columns of bounds, which may be infinite.

    Raises
    ------
    DataError
        Not a table; no rows; duplicate names; a column that does not exist; missing values under `error`;
        infinite values; a column that is neither numbers nor categories.
    """
    check_missing(missing)
    if optional:
        there = column_names(data)
        columns = tuple(name for name in columns if name in there or name not in optional)
    raw = interval_rows(fill_blank_members(select_columns(data, columns), dict(blank)), cens)
    if len(raw) == 0:
        raise DataError(
            "the table is empty", got="0 rows", allowed="one row or more", do="check how it was read or filtered"
        )
    # Rows with missing values are dropped first: such values turn integers into floats and booleans into objects.
    incomplete = raw.isna()
    keep = ~incomplete.any(axis=1).to_numpy(dtype=bool)
    if not keep.all():
        counts = {str(name): int(n) for name, n in incomplete.sum().items() if n}
        report_missing(counts, int((~keep).sum()), len(keep), missing)
    rows = np.flatnonzero(keep)
    complete = raw.iloc[rows]
    complete = complete if from_file(complete.index) else complete.set_axis(rows)
    read = {name: read_column(name, complete[name], name in predictors, name in computed) for name in columns}
    frame = pd.DataFrame(read, index=complete.index)
    for name in columns:
        values = frame[name]
        if name not in endless and pd.api.types.is_float_dtype(values) and not np.isfinite(values.to_numpy()).all():
            row = int(values.index[~np.isfinite(values.to_numpy())][0])
            raise DataError(
                f"column {name!r} has infinite values",
                got=f"{values[row]} {rows_in_words(values.index, [row])}",
                allowed="finite numbers",
                do="correct these rows, or mark the values as missing to drop the rows",
            )
    text = frozenset(name for name in columns if pd.api.types.infer_dtype(complete[name], skipna=False) == "string")
    unused = {name: lacking for name in columns if (lacking := unused_categories(complete[name]))}
    return Table(frame, rows, len(keep), text, MappingProxyType(unused), raw[~keep])


def select_columns(data: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return some columns of anything that is a table, as pandas, with missing values.

    Raises
    ------
    DataError
        Not a table; duplicate names; a column that does not exist.
    """
    if isinstance(data, Mapping):
        try:
            data = pd.DataFrame(dict(data))
        except (ValueError, TypeError) as error:
            raise _not_a_table(f"a dictionary: {error}") from error
    if isinstance(data, pd.DataFrame):  # narwhals has its own errors for duplicates and some index types
        names = [str(c) for c in data.columns]
        check_names(names, columns)
        return data.iloc[:, [names.index(c) for c in columns]].set_axis(list(columns), axis=1)
    try:
        table = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise _not_a_table(f"a {type(data).__name__}") from error
    except nw.exceptions.DuplicateError as error:
        raise _duplicates(str(error)) from error
    check_names(list(table.columns), columns)
    # An intercept-only model reads no column: one column is selected to keep the number of rows.
    chosen = list(columns) or list(table.columns)[:1]
    frame = table.select(chosen).to_pandas()[list(columns)]
    return frame if table.implementation.is_pandas_like() else frame.apply(sort_undeclared)


def column_names(data: Any) -> list[str]:
    """Return the column names of anything that may be a table; `select_columns` refuses other objects."""
    if isinstance(data, Mapping):
        return [str(name) for name in data]
    listed = getattr(data, "column_names", None)  # pyarrow's own columns are arrays
    return [str(name) for name in (getattr(data, "columns", ()) if listed is None else listed)]


def _not_a_table(got: str) -> DataError:
    return DataError(
        "this is not a table",
        got=got,
        allowed="a pandas, polars or pyarrow table, or a dictionary of columns of one length",
        do="collect a lazy frame first; read a file with pandas.read_csv or pandas.read_parquet",
    )


def check_names(names: list[str], columns: tuple[str, ...]) -> None:
    """Refuse names of columns that are there twice, and columns that are not there.

    Raises
    ------
    DataError
        The message has the nearest names.
    """
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise _duplicates(", ".join(repr(n) for n in doubled))
    for column in columns:
        if column not in names:
            raise DataError(
                f"the table has no column {column!r}",
                got=f"{len(names)} columns",
                allowed=nearest(column, names),
                do=_advice_on_separator(names) or _advice_on_rows(column, names) or _CORRECT,
            )


def _advice_on_rows(column: str, names: list[str]) -> str:
    """Say how to make a column that numbers the rows, for a name that such columns have; empty for other names."""
    if column.lower() not in _NUMBERS_ROWS:
        return ""
    return f"{_CORRECT}; for an effect of each row add a column that numbers the rows: table['row'] = range(len(table))"


def _advice_on_separator(names: list[str]) -> str:
    """Advise on a file whose whole lines became one column; empty where the table is another."""
    if len(names) != 1:
        return ""
    found = next((how for separator, how in _SEPARATED.items() if separator in names[0]), "")
    return found and f"the file was read with another separator: read it with pd.read_csv(path, {found})"


def _duplicates(got: str) -> DataError:
    return DataError(
        "the table has two columns of the same name", got=got, allowed="each name once", do="rename or drop one"
    )


def check_missing(missing: str) -> None:
    """Refuse an unknown treatment of missing values.

    Raises
    ------
    DataError
        It is neither `drop` nor `error`.
    """
    if missing not in ("drop", "error"):
        raise DataError(
            "unknown treatment of missing values", got=repr(missing), allowed="'drop' or 'error'", do="name one"
        )


def report_missing(lacking: Mapping[str, int], dropped: int, total: int, missing: Missing) -> None:
    """Warn of rows with missing values, or refuse them.

    Parameters
    ----------
    lacking
        By column, the number of rows without a value.
    dropped, total
        Number of rows without some value, and of all rows.
    missing
        `drop` or `error`.

    Raises
    ------
    DataError
        Under `error`; or no row is complete.
    """
    counts = ", ".join(f"{name} ({n})" for name, n in lacking.items())
    if missing == "error":
        raise DataError(
            "the table has missing values",
            got=f"{dropped} of {total} rows, in {counts}",
            allowed="no missing value in the model's columns under missing='error'",
            do="correct these rows, or pass missing='drop'",
        )
    if dropped == total:
        raise DataError(
            "no row is complete",
            got=f"missing values in {counts}",
            allowed="one complete row or more",
            do="check how the table was read or joined",
        )
    warn(f"dropped {dropped} of {total} rows with missing values, in {counts}", DataWarning)
