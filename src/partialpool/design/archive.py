"""The model's table as a Dataset and back: a saved fit carries what its design is rebuilt from."""

import json
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.names import OBS

__all__ = ["dataset_to_frame", "frame_to_dataset"]


def frame_to_dataset(frame: pd.DataFrame, rows: np.ndarray, n_given: int) -> xr.Dataset:
    """Store columns under neutral names: a column may be called anything, a netCDF variable may not."""
    variables, columns = {}, []
    for number, name in enumerate(frame.columns):
        column = frame[name]
        fact: dict[str, object] = {"name": str(name), "kind": str(column.dtype)}
        if isinstance(column.dtype, pd.CategoricalDtype):
            fact |= {
                "kind": "category",
                "categories": column.cat.categories.tolist(),
                "ordered": bool(column.cat.ordered),
            }
            values = column.cat.codes.to_numpy(dtype=np.int64)
        else:
            values = column.to_numpy()
            values = values.astype(np.int8) if values.dtype == bool else values
        variables[f"column_{number}"] = (OBS, values)
        columns.append(fact)
    attrs = {"columns": json.dumps(columns), "n_given": n_given}
    return xr.Dataset(variables, coords={OBS: rows}, attrs=attrs)


def dataset_to_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """Restore the columns, with their kinds and categories."""
    frame: dict[str, Any] = {}
    for number, fact in enumerate(json.loads(dataset.attrs["columns"])):
        values = dataset[f"column_{number}"].to_numpy()
        if fact["kind"] == "category":
            frame[fact["name"]] = pd.Categorical.from_codes(
                values, categories=fact["categories"], ordered=fact["ordered"]
            )
        else:
            frame[fact["name"]] = values.astype(fact["kind"])
    return pd.DataFrame(frame, index=dataset[OBS].to_numpy())
