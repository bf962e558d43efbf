"""What a column of the table is: quantities to average and to run along, or categories."""

import pandas as pd

__all__ = ["first_category", "is_quantity"]


def is_quantity(values: pd.Series) -> bool:
    """Whether values are numbers; truth values are categories, though NumPy counts with them."""
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def first_category(values: pd.Series) -> str | bool:
    """Return the category that others are compared with."""
    return False if pd.api.types.is_bool_dtype(values) else values.cat.categories[0]
