"""A digest of a table, by which stored results are recognised as those of the same data."""

import hashlib
import json

import pandas as pd

__all__ = ["table_digest"]


def table_digest(table: pd.DataFrame) -> str:
    """Return a digest of a table: its columns, their kinds and its values."""
    # The order of categories decides which one is the reference, and is the order of an ordinal response.
    kinds = [
        [str(t), *((list(t.categories), t.ordered) if isinstance(t, pd.CategoricalDtype) else ())] for t in table.dtypes
    ]
    digest = hashlib.sha256(json.dumps([list(table.columns), kinds], default=str).encode())
    digest.update(pd.util.hash_pandas_object(table, index=False).to_numpy().tobytes())
    return digest.hexdigest()
