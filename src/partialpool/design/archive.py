"""Convert the model's table to a Dataset and back: the design of a saved fit is rebuilt from it."""

import json
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.names import OBS
from partialpool.spec.relationship import Relationship
from partialpool.spec.terms import Group

__all__ = ["covariances_to_dataset", "dataset_to_covariances", "dataset_to_frame", "frame_to_dataset"]


def frame_to_dataset(frame: pd.DataFrame, rows: np.ndarray, n_given: int) -> xr.Dataset:
    """Store columns under neutral names: a column may have any name, a netCDF variable may not."""
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


def covariances_to_dataset(groups: Iterable[Group]) -> xr.Dataset:
    """Store the known covariance among levels of each factor that has one, as numbers: labels and lower triangle.

    As text, a matrix would take several times the space, and its numbers would have to be parsed one by one.
    """
    known = {group.factor: group.cov for group in groups if group.cov is not None}
    variables = {}
    for k, cov in enumerate(known.values()):
        variables[f"levels_{k}"] = xr.Variable(f"level_{k}", np.array(cov.levels, dtype=object))
        # Most pairs in a pedigree are unrelated, so that the entries compress well.
        lower = np.array(cov.lower)
        variables[f"lower_{k}"] = xr.Variable(f"entry_{k}", lower, encoding={"zlib": True, "complevel": 4})
    return xr.Dataset(variables, attrs={"factors": json.dumps(list(known))})


def dataset_to_covariances(dataset: xr.Dataset) -> dict[str, Relationship]:
    """Restore the covariances, by factor."""
    return {
        factor: Relationship(
            tuple(map(str, dataset[f"levels_{k}"].to_numpy())), tuple(dataset[f"lower_{k}"].to_numpy().tolist())
        )
        for k, factor in enumerate(json.loads(dataset.attrs["factors"]))
    }


def dataset_to_frame(dataset: xr.Dataset) -> pd.DataFrame:
    """Restore the columns, with their types and categories."""
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
