"""Group effects of one factor: b = z (diag(sd) L)', non-centred or centred."""

from typing import Final, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt
from pytensor.tensor.linalg import solve_triangular

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.member_effects import MemberEffects
from partialpool.model.prior_set import PriorSet
from partialpool.names import (
    OBS,
    at_means_name,
    b_name,
    codes_name,
    corr_name,
    effect_bis_dim,
    effect_dim,
    nu_name,
    sd_name,
    values_name,
    weights_name,
    z_name,
)
from partialpool.pymc_model.covariance import block_cholesky
from partialpool.pymc_model.random import random_vector, scalar_random

__all__ = [
    "PARAMETRIZATIONS",
    "Parametrization",
    "effect_sds",
    "group_effects",
    "group_predictor",
    "sds_name",
]

Parametrization = Literal["noncentered", "centered"]
PARAMETRIZATIONS: Final = ("noncentered", "centered")


def sds_name(factor: FactorEffects) -> str:
    """Return the name of the variable with a factor's sds in the coordinates in which priors are stated."""
    return sd_name(factor.name) if factor.basis.is_plain else at_means_name(factor.name)


def effect_sds(factor: FactorEffects, priors: PriorSet) -> pt.TensorVariable:
    """Create the sds of a factor's effects, as priors are stated for them, (effects,), each with a separate prior."""
    structure, name, dim = factor.structure, sds_name(factor), effect_dim(factor.name)
    names = [factor.sd_parameters[at] for at in structure.own_sds]
    chosen = [priors[f"{sd_name(factor.name)}[{effect}]"] for effect in names]
    if len(names) == len(factor.names):
        return random_vector(name, chosen, names, dims=dim)
    own = pt.stack([scalar_random(f"{name}[{effect}]", prior) for effect, prior in zip(names, chosen, strict=True)])
    places = [structure.own_sds.index(at) for at in structure.sd_of]
    return pm.Deterministic(name, own[places], dims=dim)


def group_effects(
    factor: FactorEffects,
    priors: PriorSet,
    sd: pt.TensorVariable,
    *,
    unit: float,
    centered: bool,
) -> pt.TensorVariable:
    """Create corr and b of one factor; return b*, shape (levels, effects), on the original scale.

    b* are the effects for which priors are stated, at the predictors' means; `b_<f>`, `sd_<f>` and `corr_<f>` report
    them at zero (`design/effect_basis.py`). The two are the same if the columns are not shifted.

    Non-centred effects suit levels with little data, centred ones levels with much data (Papaspiliopoulos, Roberts &
    Skold 2007). A centred effect is sampled in units of `unit / sd(z)`. Levels with a known covariance K = L L' have
    b = L z (diag(sd) L_corr)' and are always non-centred. z are standard normal, or multivariate Student t by level.
    """
    name, n = factor.name, len(factor.names)
    effect = effect_dim(name)
    dims = (name, effect)
    cholesky = None
    if factor.correlated:
        cholesky = block_cholesky(name, factor.blocks, n, priors[corr_name(name)], factor.structure.kind)
        _report_covariance(factor, sd, cholesky)
    nu = scalar_random(nu_name(name), priors[nu_name(name)]) if factor.is_heavy else None
    if not centered or factor.root is not None:
        if nu is None:
            z = pm.Normal(z_name(name), 0.0, 1.0, dims=dims)
        else:
            z = pm.MvStudentT(z_name(name), nu=nu, mu=np.zeros(n), scale=np.eye(n), dims=dims)
        related = z if factor.root is None else pt.dot(factor.root, z)
        own = (related if cholesky is None else related @ cholesky.T) * sd
    else:
        units = unit / factor.basis.scale
        scaled_name = f"{b_name(name)}_scaled"
        if nu is not None:
            root = pt.diag(sd / units) if cholesky is None else (sd / units)[:, None] * cholesky
            scaled = pm.MvStudentT(scaled_name, nu=nu, mu=np.zeros(n), chol=root, dims=dims)
        elif cholesky is None:
            scaled = pm.Normal(scaled_name, 0.0, sd / units, dims=dims)
        else:
            scaled = pm.MvNormal(scaled_name, mu=np.zeros(n), chol=(sd / units)[:, None] * cholesky, dims=dims)
        own = scaled * units
        spread = pt.diag(sd) if cholesky is None else sd[:, None] * cholesky
        pm.Deterministic(z_name(name), solve_triangular(spread, own.T, lower=True).T, dims=dims)
    pm.Deterministic(b_name(name), own if factor.basis.is_plain else own @ factor.basis.to_zero.T, dims=dims)
    return own


def _report_covariance(factor: FactorEffects, sd: pt.TensorVariable, cholesky: pt.TensorVariable) -> None:
    """Report correlations at zero, and sds if they differ from those for which priors are stated."""
    name = factor.name
    effect = effect_dim(name)
    dims = (effect, effect_bis_dim(name))
    if factor.basis.is_plain:
        pm.Deterministic(corr_name(name), cholesky @ cholesky.T, dims=dims)
        return
    half = factor.basis.to_zero @ (sd[:, None] * cholesky)
    sizes = pt.sqrt((half**2).sum(axis=1))
    pm.Deterministic(sd_name(name), sizes, dims=effect)
    unit = half / sizes[:, None]
    pm.Deterministic(corr_name(name), unit @ unit.T, dims=dims)


def group_predictor(factor: FactorEffects, b: pt.TensorVariable) -> pt.TensorVariable:
    """Sum a row's effects, z* b*[level] over effects, shape (rows,)."""
    if isinstance(factor, MemberEffects):
        return _weighted_predictor(factor, b)
    codes = pm.Data(codes_name(factor.name), factor.codes.astype("int64"), dims=OBS)
    if np.all(factor.values == 1.0):
        return b[codes, 0]
    columns = factor.freed_values
    values = pm.Data(values_name(factor.name), columns, dims=(OBS, effect_dim(factor.name)))
    return (values * b[codes]).sum(axis=-1)


def _weighted_predictor(factor: MemberEffects, b: pt.TensorVariable) -> pt.TensorVariable:
    """Sum a row's effects, z* sum_j w_j b*[j] over effects, its levels side by side: those it lacks have weight 0."""
    starts = factor.weights.indptr
    entries = np.diff(starts)
    beside = np.arange(entries.max())
    there = beside < entries[:, None]
    levels, weights = np.zeros(there.shape, np.int64), np.zeros(there.shape)
    levels[there], weights[there] = factor.weights.indices, factor.weights.data
    codes = pm.Data(codes_name(factor.name), levels)
    shares = pm.Data(weights_name(factor.name), weights)
    own = (shares[:, :, None] * b[codes]).sum(axis=1)
    if np.all(factor.values == 1.0):
        return own[:, 0]
    values = pm.Data(values_name(factor.name), factor.freed_values, dims=(OBS, effect_dim(factor.name)))
    return (values * own).sum(axis=-1)
