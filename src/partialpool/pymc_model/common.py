"""The population part of a linear predictor: intercept and fixed effects."""

from collections.abc import Mapping
from types import MappingProxyType

import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, COEF, OBS
from partialpool.pymc_model.random import random_vector

__all__ = ["common_predictor"]


def common_predictor(
    design: Design, priors: PriorSet, unit: float, names: Mapping[str, str] = MappingProxyType({})
) -> tuple[pt.TensorVariable, pt.TensorVariable]:
    """Return the population part of eta, shape (rows,), and the shift from centred to original zero, X-bar beta.

    `names` has other names of `beta` and its dimension, for the predictor of a parameter.
    """
    beta, coef = names.get(BETA, BETA), names.get(COEF, COEF)
    common = design.common
    if not common.coefs:
        return pt.zeros(design.n_rows), pt.constant(0.0)
    first = 1 if common.intercept else 0
    coordinates = coefficient_prior(design, priors)
    own = [prior.in_units_of(unit) for prior in coordinates.priors]
    scaled = random_vector(f"{beta}_scaled", own, common.coefs, dims=coef)
    eta = pt.zeros(design.n_rows) + (scaled[0] * unit if common.intercept else 0.0)
    if not common.names:
        pm.Deterministic(beta, scaled * unit, dims=coef)
        return eta, pt.constant(0.0)
    slopes = (common.basis.inverse @ coordinates.turn[first:, first:] * unit) @ scaled[first:]
    shift = pt.dot(common.center, slopes)
    columns = pm.Data(
        f"common_values{beta.removeprefix(BETA)}", coordinates.columns(design)[:, first:], dims=(OBS, f"{coef}_slope")
    )
    eta = eta + columns @ (scaled[first:] * unit)
    original = pt.concatenate([pt.atleast_1d(scaled[0] * unit - shift), slopes]) if common.intercept else slopes
    pm.Deterministic(beta, original, dims=coef)
    return eta, shift
