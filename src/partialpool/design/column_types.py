"""Types of the table's columns: quantities or categories."""

import pandas as pd

from partialpool.spec.columns_read import evaluated_texts, smooths_of
from partialpool.spec.model import ModelSpec
from partialpool.spec.uses import column_uses

__all__ = ["computed_columns", "is_quantity", "value_columns"]


def is_quantity(values: pd.Series) -> bool:
    """Whether values are numbers; booleans are categories, although NumPy computes with them."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def value_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Name the columns whose values terms read: not those that only name categories (`C(x)`) or groups."""
    texts = evaluated_texts(spec)
    named = [name for name, uses in column_uses(texts).items() if uses & {"term", "number"}]
    return tuple(dict.fromkeys([*named, *(smooth.x for smooth in smooths_of(spec))]))


def computed_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Name the columns that predictors or offsets compute with, such as x in `log(x)`: they must be numbers."""
    texts = evaluated_texts(spec)
    uses = column_uses(texts)
    return tuple(name for name in uses if "number" in uses[name] or name in spec.offsets)
