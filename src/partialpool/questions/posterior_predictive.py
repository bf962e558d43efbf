"""New responses of the fit's rows or of new rows, drawn from the posterior."""

from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.new_levels import NewLevels, check_new_levels
from partialpool.design.newdata import new_rows, own_rows
from partialpool.fitting.answer import Answer
from partialpool.fitting.fit import Fit
from partialpool.fitting.over_tables import over_tables
from partialpool.memory import check_fits
from partialpool.model.chunks import pieces_of
from partialpool.model.predictor import linear_predictor, with_new_levels
from partialpool.model.response import replicate
from partialpool.sampling.pack import label_responses
from partialpool.seeds import seed_sequence
from partialpool.spec.keywords import explains_keywords

__all__ = ["posterior_predictive"]


@explains_keywords
@over_tables
def posterior_predictive(
    fit: Fit, data: Any = None, *, new_levels: NewLevels = "error", seed: int | None = None
) -> xr.Dataset:
    """Draw a new response for every row and posterior draw, given the effects of each level.

    New responses are never censored, also those of a model with `cens(...)`: they are the responses themselves. Those
    of a model with `trunc(...)` are within its bounds.

    Parameters
    ----------
    fit
        A fit by any engine.
    data
        New rows, passed through the same specification; the fit's own rows if left out.
    new_levels
        How to treat a level that is not in the fit: `error` refuses it, `sample` draws its effects from
        the population (independently for each new level), `population` sets them to zero.
    seed
        Makes the draws reproducible.

    Returns
    -------
    xarray.Dataset
        One variable, named as the response, dims (chain, draw, obs). For a binary or ordinal response it holds codes
        from 0, whose labels are in its `attrs["categories"]`, in the order of the codes. For ArviZ's
        posterior-predictive checks, `fit.tree["posterior_predictive"] = xarray.DataTree(posterior_predictive(fit))`.

    Raises
    ------
    EngineError
        The draws of all rows do not fit into memory.
    """
    check_new_levels(new_levels)
    draws = fit.stacked()
    rows = own_rows(fit.design) if data is None else new_rows(fit.design, data, new_levels=new_levels)
    total, n = len(next(iter(draws.values()))), len(rows.index)
    check_fits(
        8.0 * total * n,
        wrong="the draws of the response do not fit into memory",
        got=f"{total} draws x {n} rows",
        do="pass some of the rows at a time, or fit with fewer draws",
    )
    # Independent streams: with the same one, responses would depend on the random numbers of their effects.
    effects, responses = (np.random.default_rng(child) for child in seed_sequence(seed).spawn(2))
    values, at = np.empty((total, n)), 0
    for some, _ in pieces_of(draws, n, None):
        whole = with_new_levels(fit.design, rows, some, seed=effects)
        eta = linear_predictor(fit.design, rows, whole)
        values[at : at + len(eta)] = replicate(fit.design, rows, eta, whole, seed=responses)
        at += len(eta)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    return Answer.of(label_responses(fit.design, values.reshape(shape), rows.index))
