"""The table as the model reads it: the columns it names, the rows that are complete."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import narwhals as nw
import numpy as np
import pandas as pd

from partialpool.errors import DataError, DataWarning, nearest

__all__ = ["Missing", "Table", "read_table"]

Missing = Literal["drop", "error"]


@dataclass(frozen=True, eq=False)
class Table:
    """Complete rows of the columns a model reads.

    Attributes
    ----------
    frame
        The columns, as pandas; numbers, booleans or categories.
    rows
        Row numbers in the table as given, from 0.
    n_given
        Rows in the table as given.
    """

    frame: pd.DataFrame
    rows: np.ndarray
    n_given: int


def read_table(data: Any, columns: tuple[str, ...], *, missing: Missing = "drop") -> Table:
    """Select the columns a model reads from any data frame, and drop incomplete rows.

    Parameters
    ----------
    data
        A pandas, polars or pyarrow table (anything narwhals knows), or a mapping of columns.
    columns
        The columns to read.
    missing
        `drop` drops rows with a missing value in these columns and warns with their count; `error` refuses them.

    Raises
    ------
    DataError
        Not a table; no rows; duplicate names; a column that is not there; missing values under `error`;
        infinite values; a column that is neither numbers nor categories.
    """
    if missing not in ("drop", "error"):
        raise DataError(
            "unknown treatment of missing values",
            got=repr(missing),
            allowed="'drop' or 'error'",
            do="name one",
        )
    frame = _select(data, columns)
    if len(frame) == 0:
        raise DataError(
            "the table is empty",
            got="0 rows",
            allowed="one row or more",
            do="check how it was read or filtered",
        )
    for name in columns:
        frame[name] = _plain(name, frame[name])
    incomplete = frame.isna()
    keep = ~incomplete.any(axis=1).to_numpy()
    if not keep.all():
        _report_missing(incomplete, keep, missing)
        frame = frame.loc[keep]
    for name in columns:
        if pd.api.types.is_float_dtype(frame[name]) and not np.isfinite(frame[name].to_numpy()).all():
            at = int(np.flatnonzero(keep)[~np.isfinite(frame[name].to_numpy())][0])
            raise DataError(
                f"column {name!r} has infinite values",
                got=f"{frame[name].to_numpy()[~np.isfinite(frame[name].to_numpy())][0]} in row {at}",
                allowed="finite numbers",
                do="mend these rows, or mark them missing to have them dropped",
            )
    return Table(frame.reset_index(drop=True), np.flatnonzero(keep), len(keep))


def _select(data: Any, columns: tuple[str, ...]) -> pd.DataFrame:
    if isinstance(data, Mapping):
        data = pd.DataFrame(dict(data))
    if isinstance(data, pd.DataFrame):  # narwhals refuses duplicates with an error of its own
        _check_names([str(c) for c in data.columns], columns)
        return data.loc[:, list(columns)].copy()
    try:
        table = nw.from_native(data, eager_only=True)
    except TypeError as error:
        raise DataError(
            "this is not a table",
            got=f"a {type(data).__name__}",
            allowed="a pandas, polars or pyarrow table, or a dictionary of columns",
            do="collect a lazy frame first; read a file with pandas.read_csv",
        ) from error
    except nw.exceptions.DuplicateError as error:
        raise _duplicates(str(error)) from error
    _check_names(list(table.columns), columns)
    return table.select(list(columns)).to_pandas()


def _check_names(names: list[str], columns: tuple[str, ...]) -> None:
    doubled = sorted({n for n in names if names.count(n) > 1})
    if doubled:
        raise _duplicates(", ".join(repr(n) for n in doubled))
    for column in columns:
        if column not in names:
            raise DataError(
                f"the table has no column {column!r}",
                got=f"{len(names)} columns",
                allowed=nearest(column, names),
                do="correct the name in the model or in the table",
            )


def _duplicates(got: str) -> DataError:
    return DataError(
        "the table has two columns of one name", got=got, allowed="each name once", do="rename or drop one"
    )


def _plain(name: str, column: pd.Series) -> pd.Series:
    """Numbers as numbers, booleans as booleans, the rest as categories; anything else is refused."""
    if pd.api.types.is_bool_dtype(column) and not column.isna().any():
        return column.astype(bool)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.remove_unused_categories()
    if pd.api.types.is_numeric_dtype(column):
        plain = column.astype("float64") if column.isna().any() or column.dtype.kind not in "iuf" else column
        return pd.Series(plain.to_numpy(), index=column.index)
    inferred = pd.api.types.infer_dtype(column, skipna=True)
    if inferred == "boolean":
        return column.astype("category")
    if inferred in ("string", "empty"):
        _check_not_broken_numbers(name, column)
        labels = column.astype(object).where(column.notna(), None)
        return labels.astype("category")
    if inferred in ("integer", "floating", "mixed-integer-float", "decimal"):
        return column.astype("float64")
    raise DataError(
        f"column {name!r} is neither numbers nor categories",
        got=f"values of kind {inferred}, such as {column.dropna().iloc[0]!r}",
        allowed="numbers, booleans, text, categories",
        do="convert the column (dates, for instance, to days since the first)",
    )


def _check_not_broken_numbers(name: str, column: pd.Series) -> None:
    """Numbers read as text because of a few odd cells would become hundreds of categories."""
    labels = pd.Series(column.dropna().unique()).astype(str)
    numeric = pd.to_numeric(labels, errors="coerce").notna()
    if len(labels) > 10 and numeric.mean() > 0.8 and not numeric.all():
        raise DataError(
            f"column {name!r} has text where numbers are needed",
            got=", ".join(repr(v) for v in labels[~numeric].head(3)) + f" among {int(numeric.sum())} numbers",
            allowed="numbers; or categories, declared as such",
            do="mark these cells missing, or make the column a categorical",
        )


def _report_missing(incomplete: pd.DataFrame, keep: np.ndarray, missing: Missing) -> None:
    counts = ", ".join(f"{name} ({int(n)})" for name, n in incomplete.sum().items() if n)
    dropped, total = int((~keep).sum()), len(keep)
    if missing == "error":
        raise DataError(
            "the table has missing values",
            got=f"{dropped} of {total} rows, in {counts}",
            allowed="no missing value in the model's columns under missing='error'",
            do="mend these rows, or pass missing='drop'",
        )
    if dropped == total:
        raise DataError(
            "no row is complete",
            got=f"missing values in {counts}",
            allowed="one complete row or more",
            do="check how the table was read or joined",
        )
    warnings.warn(f"dropped {dropped} of {total} rows with missing values, in {counts}", DataWarning, stacklevel=2)
