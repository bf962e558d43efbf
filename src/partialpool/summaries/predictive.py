"""What the model says of data: replicates of the response, from the prior and from the posterior."""

import warnings
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.build import Design, build_design
from partialpool.design.rows import NewLevels, new_rows, own_rows
from partialpool.design.scaling import resolve_priors
from partialpool.design.table import Missing
from partialpool.errors import DataError, DataWarning
from partialpool.fitting import Fit, as_spec
from partialpool.infer.pack import label_draws, label_rows
from partialpool.names import OBS
from partialpool.observe.plausible import implausible_share
from partialpool.observe.predictor import linear_predictor
from partialpool.observe.prior import draw_prior
from partialpool.observe.response import replicate
from partialpool.seeds import seed_sequence
from partialpool.spec.model import ModelSpec
from partialpool.variance.places import partition_over_rows

__all__ = ["posterior_predictive", "prior_predictive"]

MOST = 0.5
"""Share of implausible replicates that gives a warning."""


def posterior_predictive(
    fit: Fit, data: Any = None, *, new_levels: NewLevels = "error", seed: int | None = None
) -> xr.Dataset:
    """Draw a new response for every row and posterior draw, given each level's own effects.

    Parameters
    ----------
    fit
        A fit by any engine.
    data
        New rows, passed through the same specification; the fit's own rows if left out.
    new_levels
        What a level is that the model has not seen: `error` refuses it, `sample` draws its effects from
        the population (independently for each new level), `population` sets them to zero.
    seed
        Repeats the draws.

    Returns
    -------
    xarray.Dataset
        One variable, named as the response, dims (chain, draw, obs). For ArviZ's posterior-predictive checks,
        `fit.tree["posterior_predictive"] = xarray.DataTree(posterior_predictive(fit))`.
    """
    draws = fit.stacked()
    rows = own_rows(fit.design) if data is None else new_rows(fit.design, data, new_levels=new_levels)
    # Independent streams: the same one must not tie responses to the effects they are drawn given.
    effects_seed, response_seed = seed_sequence(seed).spawn(2)
    eta = linear_predictor(fit.design, rows, draws, seed=effects_seed)
    values = replicate(fit.design, rows, eta, draws, seed=response_seed)
    shape = (fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], -1)
    return label_rows(fit.design.response.name, values.reshape(shape), rows.index)


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
    missing: Missing = "drop",
) -> xr.DataTree:
    """Draw parameters, group effects and responses from the prior.

    Parameters
    ----------
    model, data, family, link, priors, se, missing
        As for `fit`.
    draws
        How many.
    seed
        Repeats the draws.

    Returns
    -------
    xarray.DataTree
        Groups `prior` (the variables of a posterior) and `prior_predictive` (the response), with one chain,
        `observed_data`, and `derived`: `icc` (chain, draw, factor) and `sd` (chain, draw), of responses given the
        common effects, averaged over the rows, as the prior has them (left out where the response has no variance).
        attrs: `implausible`, the share of replicates where no data of this kind can be, and `implausible_means`. More
        than half of them give a warning.

    Examples
    --------
    >>> import partialpool as pp
    >>> tree = pp.prior_predictive("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), draws=500, seed=1)
    >>> tree.attrs["implausible"] < 0.05
    True
    """
    design = build_design(as_spec(model, family=family, link=link, priors=priors, se=se), data, missing=missing)
    parameter_seed, response_seed = seed_sequence(seed).spawn(2)
    stacked = draw_prior(design, resolve_priors(design), draws, seed=parameter_seed)
    rows = own_rows(design)
    eta = linear_predictor(design, rows, stacked)
    with np.errstate(over="ignore"):  # a wide prior on a log scale may overflow: that is its message
        replicates = replicate(design, rows, eta, stacked, seed=response_seed)
    name = design.response.name
    tree = xr.DataTree.from_dict(
        {
            "prior": label_draws(design, {k: v[None] for k, v in stacked.items()}),
            "prior_predictive": label_rows(name, replicates[None], rows.index),
            "observed_data": xr.Dataset({name: (OBS, design.response.values)}, coords={OBS: design.rows}),
        }
    )
    derived = _derived(tree["prior"].to_dataset(), design)
    if derived is not None:
        tree["derived"] = xr.DataTree(derived)
    share, means = implausible_share(design, replicates)
    tree.attrs = {
        "formula": design.spec.to_formula(),
        "family": design.spec.family,
        "response": name,
        "implausible": share,
        "implausible_means": means,
    }
    if share > MOST:
        warnings.warn(
            f"the priors put {100 * share:.0f} % of their mass on {means}: look at pp.priors(...), and tighten them",
            DataWarning,
            stacklevel=2,
        )
    return tree


def _derived(prior: xr.Dataset, design: Design) -> xr.Dataset | None:
    """ICC and sd of a response, per prior draw; None where there are none."""
    try:
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            partition = partition_over_rows(prior, design)
            total = partition.total[..., 0]
            shares = [values[..., 0] / total for values in partition.factors.values()]
    except DataError:
        return None
    variables: dict[str, Any] = {"sd": (("chain", "draw"), np.sqrt(total))}
    if shares:
        variables["icc"] = (("chain", "draw", "factor"), np.stack(shares, axis=-1))
    coords = {"chain": prior["chain"], "draw": prior["draw"], "factor": list(partition.factors)}
    return xr.Dataset(variables, coords=coords if shares else {n: coords[n] for n in ("chain", "draw")})
