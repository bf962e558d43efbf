"""Correlations of the effects of one level: their default priors, densities, and matrices that depend on one rho."""

from collections.abc import Mapping

import numpy as np

from partialpool.design.effect_structure import correlation_bounds
from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError
from partialpool.model.default_correlation import default_matrix, default_single
from partialpool.model.lkj import lkj_log_density
from partialpool.names import corr_name, sd_name

__all__ = ["check_stated_structure", "correlation_log_density", "default_effect_correlation", "structured_correlation"]


def default_effect_correlation(factor: FactorEffects) -> tuple[Prior, str]:
    """Return the default prior of a factor's correlations, and its reason."""
    if not factor.structure.has_one_correlation:
        return default_matrix()
    bounds = correlation_bounds(factor.structure.kind, max(map(len, factor.blocks)))
    return default_single(bounds, "two effects" if factor.structure.kind == "cs" else "neighbouring effects")


def check_stated_structure(factor: FactorEffects, priors: Mapping[str, Prior], *, decomposed: bool) -> None:
    """Refuse priors that a factor's covariance cannot have.

    Raises
    ------
    PriorError
        A correlation outside its bounds; a joint prior of variances where effects share an sd.
    """
    structure, name = factor.structure, corr_name(factor.name)
    if decomposed and len(structure.own_sds) < len(factor.names):
        raise PriorError(
            f"effects over {factor.name} share one sd: a joint prior of variances is not available",
            got="a prior of icc, total_sd or shares",
            allowed="priors of the sds",
            do=f"state a prior for {sd_name(factor.name)}, or leave out hom",
        )
    if not structure.has_one_correlation or name not in priors:
        return
    low, high = correlation_bounds(structure.kind, max(map(len, factor.blocks)))
    if priors[name].arguments["lower"] < low - 1e-12:
        raise PriorError(
            f"correlations over {factor.name} would not be positive definite",
            got=str(priors[name]),
            allowed=f"from {low:.4g} to {high:.4g}: {structure.in_words} of {max(map(len, factor.blocks))} effects",
            do=f"state lower={low:.4g} or more",
        )


def structured_correlation(kind: str, rho: np.ndarray, effects: int) -> np.ndarray:
    """Return correlation matrices of effects with one correlation rho (draws,), (draws, effects, effects)."""
    apart = np.abs(np.subtract.outer(np.arange(effects), np.arange(effects)))
    if kind == "cs":
        apart = np.minimum(apart, 1)
    return np.asarray(rho)[:, None, None] ** apart


def correlation_log_density(factor: FactorEffects, prior: Prior, corr: np.ndarray) -> np.ndarray:
    """Return the log prior density of a factor's correlations (draws, effects, effects), summed over blocks, (draws,).

    That of rho where all correlations of a block depend on one.
    """
    if factor.structure.has_one_correlation:
        return np.sum([frozen(prior).logpdf(corr[:, i, j]) for i, j in factor.parameter_pairs], axis=0)
    matrices = [corr[:, list(b)][:, :, list(b)] for b in factor.blocks if len(b) > 1]
    return np.sum([lkj_log_density(matrix, prior.arguments["eta"]) for matrix in matrices], axis=0)
