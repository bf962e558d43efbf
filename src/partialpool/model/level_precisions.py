"""The precision of each level whose effects have a Student t distribution, as a scale mixture of normal ones."""

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.model.covariance import effects_at_means
from partialpool.names import b_name, nu_name

__all__ = ["level_precisions"]


def level_precisions(factor: FactorEffects, posterior: xr.Dataset, rng: np.random.Generator) -> np.ndarray:
    """Draw the precision tau of each level, (chains, draws, levels), from its posterior given the level's effects.

    A level's q effects are u / sqrt(tau), u ~ N(0, Sigma), tau ~ Gamma(nu / 2, rate nu / 2). Given them and theta, tau
    does not depend on the responses, and

        tau ~ Gamma((nu + q) / 2, rate (nu + b' Sigma^-1 b) / 2).

    With a draw of it for each draw of the effects, these are draws of their joint posterior.

    Parameters
    ----------
    factor
        A factor with Student t effects.
    posterior
        Its scales, correlations, degrees of freedom and effects.
    rng
        Of the Gamma draws.
    """
    sd, corr = effects_at_means(posterior, factor)
    b = posterior[b_name(factor.name)].transpose("chain", "draw", ...).to_numpy() @ factor.basis.to_means.T
    standard = b / sd[:, :, None]
    whitened = np.linalg.solve(corr, np.swapaxes(standard, 2, 3))
    distance = np.einsum("cdle,cdel->cdl", standard, whitened)
    nu = posterior[nu_name(factor.name)].transpose("chain", "draw").to_numpy()[:, :, None]
    return np.asarray(rng.gamma((nu + b.shape[-1]) / 2, 2 / (nu + distance)))
