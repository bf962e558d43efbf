"""The predictors of categories without an order: differences to the first category, made of orthonormal contrasts.

Contrasts are sampled, as `beta_<category>_contrast` and `sd_<category>_<f>_contrast`; what is reported under the names
of posteriors are differences.
"""

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members, joined_turn
from partialpool.families.helmert import differences_of_contrasts
from partialpool.model.prior_scales import predictor_scales
from partialpool.model.prior_set import PriorSet
from partialpool.names import (
    BETA,
    OBS,
    across_bis_dim,
    across_dim,
    across_name,
    effect_bis_dim,
    effect_dim,
    names_of_predictor,
    predictor_name,
    sd_name,
    z_name,
)
from partialpool.pymc_model.common import common_predictor
from partialpool.pymc_model.covariance import block_cholesky
from partialpool.pymc_model.effects import group_predictor
from partialpool.pymc_model.random import random_vector

__all__ = ["category_predictors"]


def category_predictors(design: Design, priors: PriorSet) -> tuple[pt.TensorVariable, dict[str, pt.TensorVariable]]:
    """Create the predictors of the categories; return 0 for the first, (rows,), and the others by category."""
    mix = differences_of_contrasts(len(design.response.categories))
    joined = {one.factor: _joined_contrasts(one, design, priors) for one in joined_factors(design)}
    etas, betas = [], []
    for name, one in design.parameters.items():
        names = names_of_predictor(name, ())
        raw = {**names, BETA: f"{names[BETA]}_contrast"}
        eta, _ = common_predictor(one, priors, predictor_scales(design, name).unit, raw)
        for factor in one.factors:
            eta = eta + group_predictor(factor.called(predictor_name(name, factor.name)), joined[factor.name][name])
        etas.append(eta)
        betas.append(pm.modelcontext(None)[raw[BETA]] if one.common.coefs else None)
    offset = next(iter(design.parameters.values())).offset
    parameters = {}
    for k, name in enumerate(design.parameters):
        names = names_of_predictor(name, ())
        parameters[name] = pt.sum(pt.stack([w * eta for w, eta in zip(mix[k], etas, strict=True)]), axis=0)
        if offset is not None:
            parameters[name] = parameters[name] + pm.Data(f"offset_values_{name}", mix[k].sum() * offset, dims=OBS)
        if betas[0] is not None:
            mixed = pt.sum(pt.stack([w * beta for w, beta in zip(mix[k], betas, strict=True)]), axis=0)
            pm.Deterministic(names[BETA], mixed, dims=names["coef"])
    return pt.zeros(design.n_rows), parameters


def _joined_contrasts(joined: JoinedFactor, design: Design, priors: PriorSet) -> dict[str, pt.TensorVariable]:
    """Create effects on the contrasts, at the predictors' means; return them by category, (levels, effects)."""
    members, size = joined_members(joined, design), len(joined.effects)
    shown = [
        one.factor.called(predictor_name(name, joined.factor))
        for (name, _), one in zip(joined.parts, members, strict=True)
    ]
    stated = [priors[f"{sd_name(joined.factor)}[{effect}]"] for effect in members[0].factor.sd_parameters]
    sds = [
        random_vector(f"{one.sd}_contrast", stated, factor.names, dims=effect_dim(factor.name))
        for one, factor in zip(members, shown, strict=True)
    ]
    sd, name = pt.concatenate(sds), across_name(joined.factor)
    cholesky = block_cholesky(f"across_{joined.factor}", joined.blocks, size, priors[name])
    z = pt.concatenate([pm.Normal(z_name(f.name), 0.0, 1.0, dims=(f.name, effect_dim(f.name))) for f in shown], axis=1)
    contrasts = (z @ cholesky.T) * sd
    turn = joined_turn(joined, design)
    half = turn @ (sd[:, None] * cholesky)
    sizes = pt.sqrt((half**2).sum(axis=1))
    unit = half / sizes[:, None]
    corr = pm.Deterministic(name, unit @ unit.T, dims=(across_dim(joined.factor), across_bis_dim(joined.factor)))
    differences = contrasts @ np.asarray(turn).T
    found = {}
    for (category, _), one, factor in zip(joined.parts, members, shown, strict=True):
        effect = effect_dim(factor.name)
        pm.Deterministic(one.sd, sizes[one.place], dims=effect)
        if factor.correlated:
            pm.Deterministic(one.corr, corr[one.place, one.place], dims=(effect, effect_bis_dim(factor.name)))
        pm.Deterministic(one.b, differences[:, one.place], dims=(factor.name, effect))
        found[category] = contrasts[:, one.place]
    return found
