"""The predictors of the mean and of a family's parameters, of which group effects may be correlated with each other."""

from collections.abc import Mapping

import pymc as pm
import pytensor.tensor as pt
from scipy.linalg import block_diag

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import JoinedFactor, joined_factors, joined_members
from partialpool.model.prior_scales import predictor_scales, predictor_unit
from partialpool.model.prior_set import PriorSet
from partialpool.names import (
    CUTPOINTS,
    OBS,
    THRESHOLDS,
    across_bis_dim,
    across_dim,
    across_name,
    effect_bis_dim,
    effect_dim,
    names_of_predictor,
    predictor_name,
    z_name,
)
from partialpool.pymc_model.common import common_predictor
from partialpool.pymc_model.covariance import block_cholesky
from partialpool.pymc_model.cutpoints import cutpoints
from partialpool.pymc_model.effects import Parametrization, effect_sds, group_effects, group_predictor
from partialpool.pymc_model.random import scalar_random

__all__ = ["all_predictors"]


def all_predictors(
    design: Design, priors: PriorSet, parametrization: Mapping[str, Parametrization]
) -> tuple[pt.TensorVariable, dict[str, pt.TensorVariable]]:
    """Create the predictors of a model; return that of the mean, (rows,), and the family's parameters.

    Parameters
    ----------
    design, priors, parametrization
        As for `build_pymc_model`; effects that are correlated across predictors are always non-centred.
    """
    predictors = {"": (design, priors, predictor_unit(design))}
    for name, other in design.parameters.items():
        own = priors.of_predictor(names_of_predictor(name, other.spec.parts_with_sds))
        predictors[name] = other, own, predictor_scales(design, name).unit
    joined = {one.factor: _joined_effects(one, design, priors) for one in joined_factors(design)}
    etas, shifts = {}, {}
    for name, (one, own, unit) in predictors.items():
        names = names_of_predictor(name, ()) if name else {}
        eta, shifts[name] = common_predictor(one, own, unit, names)
        if one.offset is not None:
            eta = eta + pm.Data(f"offset_values{'_' if name else ''}{name}", one.offset, dims=OBS)
        for factor in one.factors:
            shown = _renamed(factor, name)
            if factor.name in joined:
                b = joined[factor.name][name]
            else:
                centered = parametrization.get(factor.name) == "centered"
                stated = own if not name else priors
                b = group_effects(shown, stated, effect_sds(shown, stated), unit=unit, centered=centered)
            eta = eta + group_predictor(shown, b)
        etas[name] = eta
    parameters = {}
    for name, _ in design.spec.family_record.parameters:
        if name == CUTPOINTS:
            own_shifts = pt.stack([shifts[one] for one in design.thresholds])
            parameters[name] = cutpoints(design, priors, shifts[""] + own_shifts)
            parameters[THRESHOLDS] = pt.stack([etas[one] for one in design.thresholds], axis=1)
        elif name in etas:
            link = design.spec.family_record.link_of(name)
            parameters[name] = etas[name] if link.is_identity else link.tensor_inverse(etas[name], pt)
        elif name in priors:
            parameters[name] = scalar_random(name, priors[name])
    return etas[""], parameters


def _renamed(factor: FactorEffects, parameter: str) -> FactorEffects:
    """Return a factor of a predictor under the name that its variables have in the posterior."""
    if not parameter:
        return factor
    return factor.called(predictor_name(parameter, factor.name))


def _joined_effects(joined: JoinedFactor, design: Design, priors: PriorSet) -> dict[str, pt.TensorVariable]:
    """Create effects that are correlated across predictors; return b* of each predictor, (levels, effects).

    sds and correlations are sampled at the predictors' means, and reported at zero.
    """
    members, size = joined_members(joined, design), len(joined.effects)
    shown = [_renamed(one.factor, name) for (name, _), one in zip(joined.parts, members, strict=True)]
    sd = pt.concatenate([effect_sds(factor, priors) for factor in shown])
    name = across_name(joined.factor)
    cholesky = block_cholesky(f"across_{joined.factor}", joined.blocks, size, priors[name])
    z = pt.concatenate([pm.Normal(z_name(f.name), 0.0, 1.0, dims=(f.name, effect_dim(f.name))) for f in shown], axis=1)
    effects = (z @ cholesky.T) * sd
    half = block_diag(*(one.factor.basis.to_zero for one in members)) @ (sd[:, None] * cholesky)
    sizes = pt.sqrt((half**2).sum(axis=1))
    unit = half / sizes[:, None]
    corr = pm.Deterministic(name, unit @ unit.T, dims=(across_dim(joined.factor), across_bis_dim(joined.factor)))
    found = {}
    for (parameter, _), one, factor in zip(joined.parts, members, shown, strict=True):
        own, effect = effects[:, one.place], effect_dim(factor.name)
        if not factor.basis.is_plain:
            pm.Deterministic(one.sd, sizes[one.place], dims=effect)
        if factor.correlated:
            pm.Deterministic(one.corr, corr[one.place, one.place], dims=(effect, effect_bis_dim(factor.name)))
        at_zero = own if factor.basis.is_plain else own @ factor.basis.to_zero.T
        pm.Deterministic(one.b, at_zero, dims=(factor.name, effect))
        found[parameter] = own
    return found
