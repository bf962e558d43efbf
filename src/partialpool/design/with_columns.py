"""A table with some columns replaced or added, whatever their names are."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

__all__ = ["with_columns"]


def with_columns(frame: pd.DataFrame, columns: Mapping[str, Any]) -> pd.DataFrame:
    """Return a table with these columns in place of its own of the same names; the table is not changed.

    `DataFrame.assign` takes names as keywords, so that a column named `self` is an error.

    Examples
    --------
    >>> with_columns(pd.DataFrame({"self": [1, 2]}), {"self": 0, "x": [3, 4]}).to_dict("list")
    {'self': [0, 0], 'x': [3, 4]}
    """
    out = frame.copy(deep=False)
    for name, values in columns.items():
        out[name] = values
    return out
