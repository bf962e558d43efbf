"""A joint prior on ICC and total sd: every group sd and sigma follow from them (`model/variance_prior.py`)."""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import decompose
from partialpool.names import ICC, SHARES, SIGMA, TOTAL_SD, effect_dim, sd_name
from partialpool.pymc_model.effects import sds_name
from partialpool.pymc_model.random import scalar_random

__all__ = ["decomposed_parameters"]


def decomposed_parameters(design: Design, priors: PriorSet) -> dict[str, pt.TensorVariable]:
    """Create `icc`, `total_sd` and `shares`; return `sd_<f>` by name, shape (effects,), and `sigma` if it is free."""
    parts = decompose(design)
    icc = scalar_random(ICC, priors[ICC])
    total = scalar_random(TOTAL_SD, priors[TOTAL_SD]) if parts.residual is None else parts.total(icc)
    if parts.is_split:
        shares = pm.Dirichlet(SHARES, a=np.array([priors[name].arguments["a"] for name in parts.shares]))
    else:
        shares = pt.ones(1)
    found = parts.parameters(pt.atleast_1d(total), pt.atleast_1d(icc), shares)
    kinds = {sd_name(f.name): (sds_name(f), effect_dim(f.name)) for f in design.factors} | {SIGMA: (SIGMA, None)}
    return {name: pm.Deterministic(kinds[name][0], value, dims=kinds[name][1]) for name, value in found.items()}
