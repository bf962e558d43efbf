"""What the model says of data: replicates of the response, from the prior and from the posterior."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.build import build_design
from partialpool.design.rows import own_rows
from partialpool.design.scaling import resolve_priors
from partialpool.fitting import Fit, as_spec
from partialpool.infer.pack import label_draws, label_rows
from partialpool.observe.predictor import linear_predictor
from partialpool.observe.prior import draw_prior
from partialpool.observe.response import replicate
from partialpool.spec.model import ModelSpec

__all__ = ["posterior_predictive", "prior_predictive"]


def posterior_predictive(fit: Fit, *, seed: int | None = None) -> xr.Dataset:
    """Draw a new response for every row and posterior draw, given each level's own effects.

    Parameters
    ----------
    fit
        A fit by any engine.
    seed
        Repeats the draws.

    Returns
    -------
    xarray.Dataset
        One variable, named as the response, dims (chain, draw, obs). For ArviZ's posterior-predictive checks,
        `fit.tree["posterior_predictive"] = xarray.DataTree(posterior_predictive(fit))`.
    """
    draws, rows = fit.stacked(), own_rows(fit.design)
    eta = linear_predictor(fit.design, rows, draws)
    values = replicate(fit.design, rows, eta, draws, seed=seed)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    return label_rows(fit.design, fit.design.response.name, values.reshape(shape), rows.index)


def prior_predictive(
    model: ModelSpec | str,
    data: Any,
    *,
    family: str | None = None,
    link: str | None = None,
    priors: Mapping[str, object] = MappingProxyType({}),
    se: str | None = None,
    draws: int = 1000,
    seed: int | None = None,
) -> xr.DataTree:
    """Draw parameters, group effects and responses from the prior.

    Parameters
    ----------
    model, data, family, link, priors, se
        As for `fit`.
    draws
        How many.
    seed
        Repeats the draws.

    Returns
    -------
    xarray.DataTree
        Groups `prior` (the variables of a posterior) and `prior_predictive` (the response), with one chain,
        and `observed_data`.
    """
    design = build_design(as_spec(model, family=family, link=link, priors=priors, se=se), data)
    stacked = draw_prior(design, resolve_priors(design), draws, seed=seed)
    rows = own_rows(design)
    eta = linear_predictor(design, rows, stacked)
    # An independent stream: the same seed must not tie responses to parameters.
    response_seed = None if seed is None else int(np.random.SeedSequence(seed).generate_state(2)[1])
    with np.errstate(over="ignore"):  # a wide prior on a log scale may overflow: that is its message
        replicates = replicate(design, rows, eta, stacked, seed=response_seed)
    name = design.response.name
    tree = xr.DataTree.from_dict(
        {
            "prior": label_draws(design, {k: v[None] for k, v in stacked.items()}),
            "prior_predictive": label_rows(design, name, replicates[None], rows.index),
            "observed_data": xr.Dataset({name: ("obs", design.response.values)}, coords={"obs": design.rows}),
        }
    )
    tree.attrs = {"formula": design.spec.to_formula(), "family": design.spec.family}
    return tree
