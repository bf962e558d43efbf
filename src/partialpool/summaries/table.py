"""The table of a fit, or of any labelled draws."""

import arviz_stats as azs
import numpy as np
import pandas as pd
import xarray as xr

from partialpool.errors import DataError
from partialpool.fitting import Fit
from partialpool.overview.digest import Digest

__all__ = ["summary"]


def summary(x: Fit | xr.Dataset | xr.DataArray) -> Digest | pd.DataFrame:
    """Summarise a fit, or the draws that any question of a fit returns.

    Parameters
    ----------
    x
        A fit; or labelled draws with dims (chain, draw, ...).

    Returns
    -------
    Digest or pandas.DataFrame
        For a fit its variance components with correlations, common effects, ICC and diagnostics, which print
        as tables (HTML in a notebook) and are numbers in `.frame`; for draws ArviZ's summary table, of what has draws.

    Raises
    ------
    DataError
        Nothing in it was drawn.
    """
    if isinstance(x, Fit):
        return x.digest
    every = x.to_dataset(name=x.name or "x") if isinstance(x, xr.DataArray) else x
    drawn = [name for name, values in every.data_vars.items() if {"chain", "draw"} <= set(values.dims)]
    if not drawn:
        raise DataError(
            "nothing here was drawn",
            got=", ".join(map(str, every.data_vars)) or "no variable",
            allowed="variables with dimensions chain and draw",
            do="show it as a table by .to_dataframe()",
        )
    with np.errstate(invalid="ignore", divide="ignore"):  # a correlation with itself does not vary
        return azs.summary(xr.DataTree.from_dict({"posterior": every[drawn]}))
