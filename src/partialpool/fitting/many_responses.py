"""The columns of many responses that share the rows of a table: names, and numbers as one array."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.table import column_names, select_columns
from partialpool.errors import DataError

__all__ = ["Responses", "read_responses"]


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses as columns of one array.

    Attributes
    ----------
    names
        Name of each response.
    values
        Shape (rows, responses); NaN where a value is missing.
    unreadable
        Why a response has no numbers, by name.
    """

    names: tuple[str, ...]
    values: np.ndarray
    unreadable: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


def read_responses(responses: Any, rows: int, index: pd.Index | None = None) -> Responses:
    """Read responses from a table, an array or a labelled array.

    Parameters
    ----------
    responses
        A pandas, polars or pyarrow table or a dictionary, with one column per response; a NumPy array (rows,
        responses), whose responses are called `0`, `1`, ...; an `xarray.DataArray` of these dimensions, with names from
        the coordinate of the second one.
    rows
        Number of rows of the table with the predictors.
    index
        Index of that table where it is a pandas table: a pandas table of responses must have the same.

    Raises
    ------
    DataError
        Not a table or an array of two dimensions; no responses; names that occur twice; another number of rows; an
        index in another order.

    Examples
    --------
    >>> read_responses({"a": [1.0, 2.0], "b": [3, None]}, 2).values
    array([[ 1.,  3.],
           [ 2., nan]])
    """
    is_array = isinstance(responses, np.ndarray | xr.DataArray)
    found = _of_array(responses) if is_array else _of_table(responses)
    if not found.names:
        raise DataError(
            "there are no responses", got="0 columns", allowed="one column or more", do="check how they were selected"
        )
    if doubled := [name for name, count in Counter(found.names).items() if count > 1]:
        raise DataError(
            "responses have the same name",
            got=", ".join(map(repr, doubled[:5])),
            allowed="a name of its own for each response",
            do="rename them: seeds and results go by name",
        )
    if len(found.values) != rows:
        turned = is_array and found.values.shape[1] == rows
        raise DataError(
            "the responses have another number of rows than the table",
            got=f"{len(found.values)} rows of responses, {rows} of the table",
            allowed="one row of responses for each row of the table, in the same order",
            do="transpose the array: responses are columns" if turned else "select the same rows of both",
        )
    if isinstance(responses, pd.DataFrame) and index is not None:
        _check_same_order(responses.index, index)
    return found


def _of_array(responses: np.ndarray | xr.DataArray) -> Responses:
    if responses.ndim != 2:
        raise DataError(
            "responses are not an array of two dimensions",
            got=f"{responses.ndim} dimensions, shape {responses.shape}",
            allowed="rows in the first dimension, responses in the second",
            do="reshape it: array.reshape(rows, -1)",
        )
    names = [str(at) for at in range(responses.shape[1])]
    if isinstance(responses, xr.DataArray) and responses.dims[1] in responses.coords:
        names = [str(name) for name in responses[responses.dims[1]].to_numpy()]
    try:
        plain = responses.to_numpy() if isinstance(responses, xr.DataArray) else responses
        values = np.array(np.ma.filled(np.ma.asarray(plain, dtype=float), np.nan))  # masked values are missing
    except (TypeError, ValueError) as error:
        raise DataError(
            "an array of responses has values that are no numbers",
            got=str(error),
            allowed="numbers, NaN where a value is missing",
            do="convert it, or pass a table, of which columns of text are left out with a reason",
        ) from error
    return Responses(tuple(names), values)


def _of_table(responses: Any) -> Responses:
    names = column_names(responses)
    if len(set(names)) < len(names):
        return Responses(tuple(names), np.empty((0, len(names))))  # refused by the caller, by name
    table = select_columns(responses, tuple(names))
    values = np.full((len(table), len(names)), np.nan)
    unreadable = {}
    for at, name in enumerate(names):
        column = table[name]
        if pd.api.types.is_numeric_dtype(column):
            values[:, at] = column.to_numpy(dtype=float, na_value=np.nan)
        elif column.isna().all():
            continue
        else:
            unreadable[name] = f"not numbers ({column.dropna().iloc[0]!r})"
    return Responses(tuple(names), values, MappingProxyType(unreadable))


def _check_same_order(own: pd.Index, other: pd.Index) -> None:
    """Refuse pandas tables whose rows are labelled differently: they would be paired by position."""
    plain = pd.RangeIndex(len(own))
    permuted = own.is_unique and other.is_unique and set(own) == set(other)
    if own.equals(other) or ((own.equals(plain) or other.equals(plain)) and not permuted):
        return
    at = int(np.flatnonzero(own.to_numpy() != other.to_numpy())[0])
    raise DataError(
        "the rows of the responses have other labels than those of the table",
        got=f"{own[at]!r} and {other[at]!r} in row {at}",
        allowed="the same index, in the same order",
        do="put them in the table's order: responses.loc[data.index]; or reset_index(drop=True) of either",
    )
