"""Group effects of one factor: b = z (diag(sd) L)', non-centred, adapted to the data, or centred."""

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.build import Design, FactorEffects
from partialpool.design.scaling import PriorSet
from partialpool.names import b_name, corr_name, effect_bis_dim, effect_dim, sd_name, z_name
from partialpool.pymc_model.adapted import MAX_LEVELS, adapted_offsets, informed_basis
from partialpool.pymc_model.covariance import block_cholesky
from partialpool.pymc_model.random import random_vector

__all__ = ["PARAMETRIZATIONS", "Parametrization", "group_effects", "group_predictor"]

Parametrization = Literal["noncentered", "adapted", "centered"]
PARAMETRIZATIONS: Final = ("noncentered", "adapted", "centered")


def group_effects(
    design: Design, factor: FactorEffects, priors: PriorSet, parametrization: Parametrization, unit: float
) -> pt.TensorVariable:
    """Make sd, corr and b of one factor; returns b, shape (levels, effects), on the original scale.

    Non-centred effects suit levels with little data of their own, centred ones levels with much
    (Papaspiliopoulos, Roberts & Skold 2007); `adapted` finds the middle by itself where effects are
    independent and levels few enough, and is non-centred elsewhere. A centred effect is sampled in units
    of `unit / sd(z)`.
    """
    name, n = factor.name, len(factor.names)
    effect = effect_dim(name)
    sd = random_vector(
        sd_name(name), [priors[f"{sd_name(name)}[{e}]"] for e in factor.names], factor.names, dims=effect
    )
    if factor.correlated:
        cholesky = block_cholesky(name, factor.blocks, n, priors[corr_name(name)].arguments["eta"])
        pm.Deterministic(corr_name(name), cholesky @ cholesky.T, dims=(effect, effect_bis_dim(name)))
    dims = (name, effect)
    if parametrization == "adapted" and not factor.correlated and factor.n_levels <= MAX_LEVELS:
        z = pm.Deterministic(z_name(name), pt.stack(list(_adapted_columns(design, factor, sd)), axis=1), dims=dims)
        return pm.Deterministic(b_name(name), z * sd, dims=dims)
    if parametrization != "centered":
        z = pm.Normal(z_name(name), 0.0, 1.0, dims=dims)
        return pm.Deterministic(b_name(name), (z @ cholesky.T if factor.correlated else z) * sd, dims=dims)
    units = unit / factor.scale
    if factor.correlated:
        scaled = pm.MvNormal(f"{b_name(name)}_scaled", mu=np.zeros(n), chol=(sd / units)[:, None] * cholesky, dims=dims)
    else:
        scaled = pm.Normal(f"{b_name(name)}_scaled", 0.0, sd / units, dims=dims)
    return pm.Deterministic(b_name(name), scaled * units, dims=dims)


def _adapted_columns(design: Design, factor: FactorEffects, sd: pt.TensorVariable) -> Iterator[pt.TensorVariable]:
    for number, effect in enumerate(factor.names):
        suffix = "" if len(factor.names) == 1 else f"[{effect}]"
        basis = informed_basis(design, factor, number)
        yield adapted_offsets(f"{z_name(factor.name)}_adapted{suffix}", basis, sd[number], factor.name)


def group_predictor(factor: FactorEffects, b: pt.TensorVariable) -> pt.TensorVariable:
    """Add up a row's effects: sum over effects of z b[level], shape (rows,)."""
    codes = pm.Data(f"{factor.name}_codes", factor.codes.astype("int64"), dims="obs")
    if np.all(factor.values == 1.0):
        return b[codes, 0]
    values = pm.Data(f"{factor.name}_values", factor.values, dims=("obs", effect_dim(factor.name)))
    return (values * b[codes]).sum(axis=-1)
