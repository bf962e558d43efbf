"""Build a plain `pm.Model` from design and priors, to read, extend and sample."""

from collections.abc import Mapping
from types import MappingProxyType

import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.design.labels import coordinates
from partialpool.errors import SpecError, nearest
from partialpool.model.prior_scales import predictor_unit
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import is_decomposed
from partialpool.names import CUTPOINTS, OBS, SIGMA, sd_name
from partialpool.pymc_model.categories import category_predictors
from partialpool.pymc_model.common import common_predictor
from partialpool.pymc_model.cutpoints import cutpoints
from partialpool.pymc_model.effects import (
    PARAMETRIZATIONS,
    Parametrization,
    effect_sds,
    group_effects,
    group_predictor,
)
from partialpool.pymc_model.likelihood import likelihood
from partialpool.pymc_model.predictors import all_predictors
from partialpool.pymc_model.random import scalar_random
from partialpool.pymc_model.residual import residual_parameters
from partialpool.pymc_model.variance_prior import decomposed_parameters

__all__ = ["build_pymc_model"]


def build_pymc_model(
    design: Design,
    priors: PriorSet,
    *,
    parametrization: Mapping[str, Parametrization] = MappingProxyType({}),
) -> pm.Model:
    """Build the PyMC model: eta = beta_0 + Xc beta + sum_f Z_f b_f, y ~ family(link^-1(eta), ...).

    The sampled variable is `beta_scaled`, in units of the linear predictor: the intercept at the predictors' means,
    slopes of standardised predictors that have a separate prior, and directions of the coefficients that have a joint
    one (`model/coefficient_prior.py`); `beta` reports them on the original scale. Sds and correlations of correlated
    effects are sampled at the predictors' means, and reported at zero (`design/effect_basis.py`).

    Parameters
    ----------
    design, priors
        From `build_design` and `resolve_priors`.
    parametrization
        `noncentered` (the default) or `centered` by factor.

    Raises
    ------
    SpecError
        `parametrization` names something that is not a factor or not a parametrization.
    """
    _check_parametrization(design, parametrization)
    unit = predictor_unit(design)
    with pm.Model(coords=coordinates(design)) as model:
        if design.spec.family_record.has_predictors_of_categories:
            likelihood(design, *category_predictors(design, priors))
            return model
        if design.parameters:
            likelihood(design, *all_predictors(design, priors, parametrization))
            return model
        parts = decomposed_parameters(design, priors) if is_decomposed(priors) else {}
        sds = {f.name: parts[sd_name(f.name)] if parts else effect_sds(f, priors) for f in design.factors}
        eta, shift = common_predictor(design, priors, unit)
        if design.offset is not None:
            eta = eta + pm.Data("offset_values", design.offset, dims=OBS)
        for factor in design.factors:
            centered = parametrization.get(factor.name) == "centered"
            b = group_effects(factor, priors, sds[factor.name], unit=unit, centered=centered)
            eta = eta + group_predictor(factor, b)
        likelihood(design, eta, parts | _family_parameters(design, priors, shift))
    return model


def _family_parameters(design: Design, priors: PriorSet, shift: pt.TensorVariable) -> dict[str, pt.TensorVariable]:
    parameters: dict[str, pt.TensorVariable] = {}
    for name, _ in design.spec.family_record.parameters:
        if name == CUTPOINTS:
            parameters[name] = cutpoints(design, priors, shift)
        elif name == SIGMA and design.residual is not None:
            parameters |= residual_parameters(design.residual, priors)
        elif name in priors:
            parameters[name] = scalar_random(name, priors[name])
    return parameters


def _check_parametrization(design: Design, parametrization: Mapping[str, Parametrization]) -> None:
    factors = [factor.name for factor in design.factors]
    for name, choice in parametrization.items():
        if name not in factors:
            raise SpecError(
                "parametrization names a factor that the model does not have",
                got=repr(name),
                allowed=nearest(name, factors),
                do="name a grouping factor",
            )
        if choice not in PARAMETRIZATIONS:
            raise SpecError(
                f"unknown parametrization of {name}",
                got=repr(choice),
                allowed=" or ".join(repr(p) for p in PARAMETRIZATIONS),
                do="name one of these",
            )
    for factor in design.factors:
        if factor.root is not None and parametrization.get(factor.name) == "centered":
            raise SpecError(
                f"levels of {factor.name} have a known covariance, and are sampled non-centred",
                got=f"parametrization {{{factor.name!r}: 'centered'}}",
                allowed="'noncentered', or nothing",
                do="leave it out",
            )
