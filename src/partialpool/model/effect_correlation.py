"""Correlations of the effects of one level: their default priors, densities, and matrices that depend on one rho."""

import numpy as np

from partialpool.design.effect_structure import correlation_bounds
from partialpool.design.factor_effects import FactorEffects
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.model.lkj import lkj_log_density

__all__ = ["correlation_log_density", "default_correlation", "structured_correlation"]


def default_correlation(factor: FactorEffects) -> tuple[Prior, str]:
    """Return the default prior of a factor's correlations, and its reason."""
    if not factor.structure.has_one_correlation:
        return Prior("LKJ", eta=2), "mild pull to no correlation"
    low, high = correlation_bounds(factor.structure.kind, max(map(len, factor.blocks)))
    which = "two effects" if factor.structure.kind == "cs" else "neighbouring effects"
    return Prior("Uniform", lower=low, upper=high), f"every possible correlation of {which} equally likely"


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
