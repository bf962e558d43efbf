"""The table of a fit, or of any labelled draws."""

import arviz_stats as azs
import pandas as pd
import xarray as xr

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
        as tables (HTML in a notebook) and are numbers in `.frame`; for draws ArviZ's summary table.
    """
    if isinstance(x, Fit):
        return x.digest
    draws = x.to_dataset(name=x.name or "x") if isinstance(x, xr.DataArray) else x
    return azs.summary(xr.DataTree.from_dict({"posterior": draws}))
