"""A row for each quantity of an answer: which one it is, its estimate, sd and interval."""

from collections.abc import Hashable
from typing import Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.fitting.point_estimate import MEAN, MEDIAN, has_mean, has_median, means_known, quantiles
from partialpool.names import OBS, answer_name
from partialpool.tabulate import number

__all__ = ["SAMPLE", "TIDY", "flat_draws", "places_of", "quantity_names", "tidy_rows", "with_row_names"]

SAMPLE: Final = ("chain", "draw")
TIDY: Final = ("term", "estimate", "std_error", "conf_low", "conf_high", "statistic")
"""Columns of a tidy frame beside the places of its quantities."""


def flat_draws(values: xr.DataArray) -> np.ndarray:
    """Return the draws of each quantity as a column, (draws, quantities)."""
    return np.asarray(values.to_numpy(), float).reshape(values.sizes["chain"] * values.sizes["draw"], -1)


def places_of(values: xr.DataArray) -> pd.DataFrame:
    """Say which quantity each column of `flat_draws` is: coordinates of its dimensions, and those along one of them."""
    dims = values.dims[2:]
    index = pd.MultiIndex.from_product([range(values.sizes[d]) for d in dims], names=dims) if dims else pd.RangeIndex(1)
    at = index.to_frame(index=False) if dims else pd.DataFrame(index=index)
    found: dict[Hashable, np.ndarray] = {d: values[d].to_numpy()[at[d]] for d in dims}
    for name, along in values.coords.items():
        if len(along.dims) == 1 and along.dims[0] in dims and name not in dims:
            found[name] = along.to_numpy()[at[along.dims[0]]]
    return pd.DataFrame(found, index=at.index)


def quantity_names(name: str, values: xr.DataArray) -> list[str]:
    """Name each quantity as ArviZ does: the variable, and the places along its dimensions in brackets.

    Examples
    --------
    >>> quantity_names("mean", xr.DataArray(np.zeros((1, 1, 2)), {"arm": ["a", "b"]}, ("chain", "draw", "arm")))
    ['mean[a]', 'mean[b]']
    """
    places = places_of(values)[list(values.dims[2:])]
    if not len(places.columns):
        return [name]
    return [f"{name}[{', '.join(map(str, row))}]" for row in places.itertuples(index=False)]


def tidy_rows(name: str, values: xr.DataArray, ends: tuple[float, float]) -> pd.DataFrame:
    """Estimate each quantity of a variable.

    Parameters
    ----------
    name
        The variable's name, for the column `term`.
    values
        Its draws, dimensions chain and draw first.
    ends
        The probabilities below the ends of the intervals.

    Returns
    -------
    pandas.DataFrame
        `term`; the places of the quantity, with `_column` added to a name that another column has; `estimate`,
        `std_error`, `conf_low`, `conf_high`, `statistic`.
    """
    table, draws = places_of(values), flat_draws(values)
    taken = {c: answer_name(str(c), TIDY) for c in table.columns if c in TIDY}
    table = table.rename(columns=taken)
    known = means_known(draws) | has_mean(values)
    averaged = known & (not has_median(values))
    with np.errstate(invalid="ignore"):  # variances may be infinite
        sd = draws.std(axis=0, ddof=1) if len(draws) > 1 else np.nan
    low, high = quantiles(draws, ends, axis=0)
    table.insert(0, "term", name)
    table["estimate"] = np.where(averaged, MEAN.of(draws, axis=0), MEDIAN.of(draws, axis=0))
    table["std_error"] = np.where(known, sd, np.nan)
    table["conf_low"], table["conf_high"] = low, high
    table["statistic"] = np.where(averaged, MEAN.kind, MEDIAN.kind)
    return table


def with_row_names(answer: xr.Dataset) -> xr.Dataset:
    """Name rows by their predictors, `Days=9`, in place of their numbers, where the answer has predictors of its rows.

    Predictors that have the same value in every row are left out, unless there is one row. Rows that would have the
    same name keep their numbers in front.

    Examples
    --------
    >>> rows = xr.Dataset({"y": (("obs",), [1.0, 2.0])}, {"obs": [0, 1], "Days": ("obs", [0, 9]), "g": ("obs", [1, 1])})
    >>> with_row_names(rows)["obs"].to_numpy().tolist()
    ['Days=0', 'Days=9']
    """
    known = [name for name, along in answer.coords.items() if along.dims == (OBS,) and name != OBS]
    known = [name for name in known if answer[name].dtype != bool]
    if not known or OBS not in answer.coords:
        return answer
    columns = {name: answer[name].to_numpy() for name in known}
    varying = {name: values for name, values in columns.items() if len(pd.unique(values)) > 1} or columns
    said = [
        ", ".join(f"{name}={_written(value)}" for name, value in zip(varying, row, strict=True))
        for row in zip(*varying.values(), strict=True)
    ]
    if len(set(said)) < len(said):
        said = [f"{row}: {text}" for row, text in zip(answer[OBS].to_numpy(), said, strict=True)]
    return answer.drop_vars(known).assign_coords({OBS: said})


def _written(value: object) -> str:
    return number(float(value), 6) if isinstance(value, float | np.floating) else str(value)
