"""One column of a table as the model reads it: numbers, booleans, or categories with their order."""

import datetime
import uuid
from collections.abc import Hashable, Iterable
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.errors import DataError
from partialpool.spec.whitelist import quote_name

__all__ = ["label_text", "read_column", "sort_undeclared", "unused_categories"]

_LABELS: Final = (
    str,
    int,
    float,
    np.generic,
    datetime.date,
    datetime.time,
    datetime.timedelta,
    pd.Period,
    pd.Interval,
    uuid.UUID,
)
"""Types of values that may name a group."""
_LARGEST: Final = 2**63 - 1
_FEW: Final = 10
"""Most labels that are accepted as categories although they are numbers."""
_ODD: Final = 0.2
"""Share of the cells, or of the labels, from which on text that is not a number is taken for a label."""
_TIMES: Final = frozenset({"datetime64", "datetime", "date", "timedelta64", "timedelta", "time", "period"})


def read_column(name: str, column: pd.Series, is_value: bool, is_computed: bool = False) -> pd.Series:
    """Read numbers in full precision, booleans as booleans, all other values as categories.

    Parameters
    ----------
    name, column
        A column without missing values.
    is_value
        Whether terms read its values. If it only names groups or categories, then dates, times, periods and ids that
        are part number and part text are categories too, labelled by their text: `2024-05-01`, `2024-05`, `3b`.
    is_computed
        Whether an expression computes with its values, so that it cannot be made a category.

    Raises
    ------
    DataError
        The column is neither numbers nor categories; numbers written as text in a column of values.
    """
    if isinstance(column.dtype, pd.ArrowDtype):
        column = _from_arrow(column)
    if isinstance(column.dtype, pd.CategoricalDtype):
        return _declared(column.cat.remove_unused_categories())
    kind = pd.api.types.infer_dtype(column, skipna=False)
    if kind == "boolean":
        return column.astype(bool)
    if kind == "integer":
        return _whole(name, column)
    if kind in ("floating", "mixed-integer-float", "decimal"):
        return column.astype("float64")
    if kind in ("string", "empty"):
        if is_value:
            _check_not_broken_numbers(name, column, is_computed)
        return column.astype(object).astype("category")
    if is_value or kind == "complex" or not all(isinstance(value, _LABELS) for value in column):
        raise _neither(name, kind, column.iloc[0])
    values = column.drop_duplicates().tolist()
    if kind.startswith("timedelta"):  # the two types of timedelta are written differently
        column, values = pd.to_timedelta(column), [pd.Timedelta(value) for value in values]
    return _labelled(column.astype(object), _in_order(values))


def label_text(value: Any) -> str:
    """Write a label as text: whole numbers without a decimal point, midnight as its date.

    Examples
    --------
    >>> label_text(3.0), label_text(pd.Timestamp("2024-05-01")), label_text(pd.Period("2024-05", "M"))
    ('3', '2024-05-01', '2024-05')
    """
    if isinstance(value, float | np.floating) and float(value).is_integer():
        return str(int(value))
    if isinstance(value, datetime.datetime) and value.tzinfo is None and pd.Timestamp(value).time() == datetime.time():
        return str(value.date())
    return str(value)


def unused_categories(column: pd.Series) -> tuple[str, ...]:
    """Return the categories that a column declares and that no row has, in their order; empty for other columns.

    Examples
    --------
    >>> unused_categories(pd.Series(pd.Categorical(["a", "c"], categories=["c", "b", "a"])))
    ('b',)
    """
    if isinstance(column.dtype, pd.ArrowDtype) and pa.types.is_dictionary(column.dtype.pyarrow_dtype):
        column = _from_arrow(column)
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return ()
    rows = np.bincount(column.cat.codes[column.cat.codes >= 0], minlength=len(column.cat.categories))
    return tuple(label_text(label) for label in column.cat.categories[rows == 0])


def sort_undeclared(column: pd.Series) -> pd.Series:
    """Sort the categories of a column whose table keeps them in order of appearance and declares no order."""
    if not isinstance(column.dtype, pd.CategoricalDtype) or column.cat.ordered:
        return column
    return column.cat.reorder_categories(_in_order(column.cat.categories))


def _from_arrow(column: pd.Series) -> pd.Series:
    plain = pa.chunked_array(pa.array(column)).to_pandas()
    if isinstance(plain.dtype, pd.CategoricalDtype):
        return sort_undeclared(plain.set_axis(column.index))
    return pd.Series(plain.to_numpy(), index=column.index)


def _declared(column: pd.Series) -> pd.Series:
    """Keep the order of a categorical; categories that are not all text, all numbers or all booleans become text."""
    categories = column.cat.categories.tolist()
    if len({_kind(category) for category in categories} | {"other"}) <= 2 and _kind(categories[0]) != "other":
        return column
    return _labelled(column.astype(object), categories, ordered=bool(column.cat.ordered))


def _kind(value: Any) -> str:
    for kind, types in (("text", str), ("truth", bool | np.bool_), ("number", int | float | np.number)):
        if isinstance(value, types):
            return kind
    return "other"


def _labelled(column: pd.Series, values: Iterable[Any], *, ordered: bool = False) -> pd.Series:
    """Write values as text, as categories in the order of the values; 1 and '1' are one label."""
    texts = list(dict.fromkeys(label_text(value) for value in values))
    return pd.Series(pd.Categorical(column.map(label_text), categories=texts, ordered=ordered), index=column.index)


def _in_order(values: Iterable[Any]) -> list[Any]:
    """Sort values of one kind; else numbers first, then text."""
    listed = list(values)
    try:
        return sorted(listed)
    except TypeError:
        return sorted(listed, key=_numbers_first)


def _numbers_first(value: Any) -> tuple[bool, float, str]:
    number = _kind(value) in ("number", "truth")
    return not number, float(value) if number else 0.0, label_text(value)


def _neither(name: str, kind: str, example: Hashable) -> DataError:
    return DataError(
        f"column {name!r} is neither numbers nor categories",
        got=f"values of kind {kind}, such as {example!r}",
        allowed="numbers, booleans, text, categories",
        do="convert the column to numbers (for instance days since the first)"
        if kind in _TIMES
        else "convert the column: numbers, or text where it names categories",
    )


def _whole(name: str, column: pd.Series) -> pd.Series:
    """Return integers as int64: narrower types would overflow when squared."""
    # Unsigned integers would wrap.
    if len(column) and (int(column.max()) > _LARGEST or int(column.min()) < -_LARGEST - 1):
        raise DataError(
            f"column {name!r} has integers that are too large",
            got=f"{column.max()}",
            allowed="up to 2**63 - 1",
            do="make the column text if it is a label, or floats if it is a quantity",
        )
    return column.astype("int64")


def _check_not_broken_numbers(name: str, column: pd.Series, is_computed: bool) -> None:
    """Refuse numbers read as text because of a few unusual cells: they would become hundreds of categories."""
    numbers = numbers_as_text(column)
    if numbers is None or numbers.distinct + len(numbers.odd) <= _FEW:
        return
    if numbers.n_odd < _ODD * len(column) or len(numbers.odd) < _ODD * (numbers.distinct + len(numbers.odd)):
        raise DataError(
            f"column {name!r} has text where numbers are needed",
            got=numbers.got,
            allowed="numbers" if is_computed else "numbers; or categories, declared as such",
            do=numbers.do if is_computed else f"{numbers.do}; or make it a categorical: C({quote_name(name)})",
        )
