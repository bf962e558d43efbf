"""Covariances of group effects, and the implied variances of rows: quadratic forms z' Sigma z, per draw."""

from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.model.heavy_effects import inflation
from partialpool.names import corr_name, sd_name

__all__ = [
    "correlation_root",
    "effect_covariance",
    "effects_at_means",
    "group_variance",
    "level_covariance",
    "row_covariance",
]


_LITTLE: Final = 1e-12
"""Added to the diagonal of correlations, which have no Cholesky factor where one is +-1 within rounding."""


def correlation_root(corr: np.ndarray) -> np.ndarray:
    """Return the Cholesky factor of correlations, (draws, effects, effects), also where one is +-1."""
    return np.linalg.cholesky(corr + _LITTLE * np.eye(corr.shape[-1]))


def effect_covariance(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Return Sigma = diag(sd) corr diag(sd) per draw, shape (chains, draws, effects, effects).

    It is the squared scale of effects with a Student t distribution, whose covariance is `inflation` times as large.
    """
    sd = posterior[sd_name(factor.name)].transpose("chain", "draw", ...).to_numpy()
    corr = np.eye(len(factor.names))
    if factor.correlated:
        corr = posterior[corr_name(factor.name)].transpose("chain", "draw", ...).to_numpy()
    return sd[..., :, None] * corr * sd[..., None, :]


def effects_at_means(posterior: xr.Dataset, factor: FactorEffects) -> tuple[np.ndarray, np.ndarray]:
    """Return sds and correlations of a factor's effects in the basis of their priors (`design/effect_basis.py`).

    Shapes (chains, draws, effects) and (chains, draws, effects, effects).
    """
    sd = posterior[sd_name(factor.name)].transpose("chain", "draw", ...).to_numpy()
    if not factor.correlated:
        return sd, np.broadcast_to(np.eye(sd.shape[-1]), (*sd.shape, sd.shape[-1]))
    return factor.basis.at_means(sd, posterior[corr_name(factor.name)].transpose("chain", "draw", ...).to_numpy())


def level_covariance(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Return the average covariance of the effects of a row's level, (chains, draws, effects, effects).

    It is Sigma times the mean diagonal entry of a known covariance, and Sigma without one.
    """
    return effect_covariance(posterior, factor) * factor.mean_own


def group_variance(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Return tr(Sigma M), M = sum_i k_i z_i z_i' / n: a factor's variance averaged over the rows, (chains, draws).

    k_i is the diagonal entry of the row's level in its known covariance, 1 without one. Johnson (2014), Methods in
    Ecology and Evolution 5:944. Of Student t effects it is infinite in draws with nu of 2 or less.
    """
    variance = np.einsum("cdij,ij->cd", effect_covariance(posterior, factor), factor.second_moment)
    return variance * inflation(factor, posterior)


def row_covariance(sigma: np.ndarray, z: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return z_p' Sigma other_p for every pair of points, shape (chains, draws, places).

    Parameters
    ----------
    sigma
        Covariance of a factor's effects, (chains, draws, effects, effects).
    z, other
        The effects' values at the two points of each pair, (places, effects).
    """
    return np.einsum("cdij,pi,pj->cdp", sigma, z, other, optimize=True)
