"""Log density of each row, per draw."""

import xarray as xr

from partialpool.design.labels import observed_name
from partialpool.design.newdata import own_rows
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.sampling.pack import label_rows
from partialpool.spec.keywords import explains_keywords

__all__ = ["log_likelihood"]


@explains_keywords
@over_tables
def log_likelihood(fit: Fit) -> xr.Dataset:
    """Evaluate log p(y_i | beta, b, ...) of every row, given each level's own effects.

    Returns
    -------
    xarray.Dataset
        One variable, named as the response, dims (chain, draw, obs). For ArviZ's LOO,
        `fit.tree["log_likelihood"] = xarray.DataTree(log_likelihood(fit))`.
    """
    draws, rows = fit.stacked(), own_rows(fit.design)
    values = log_density(fit.design, rows, linear_predictor(fit.design, rows, draws), draws)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    return Answer.of(label_rows(observed_name(fit.design), values.reshape(shape), rows.index))
