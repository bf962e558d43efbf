"""Z_j'R_j^-1 Z_j of every level under every draw, where residuals have several sds or are correlated.

R^-1 is a sum of fixed matrices with coefficients that depend on the residuals' parameters alone
(`marginal/gaussian/residual_sets.py`), so that

    Z_j'R_j^-1 Z_j = sum_k C_k(draw) sum_v z_v z_v',

v the virtual rows of set k in level j: the rows are read once, and not for every draw. Where sigma has a predictor,
every row has an sd of its own, and the sum is over rows.
"""

import numpy as np
import xarray as xr
from scipy import sparse

from partialpool.fitting.fit import Fit
from partialpool.marginal.gaussian.residual_sets import Parameters, find_sets
from partialpool.model.level_coefficients import LevelCoefficients
from partialpool.model.predicted_sigma import sigma_of_rows
from partialpool.names import RESIDUAL_CORRELATION, SIGMA, STRATUM, VISIT, VISIT_BIS

__all__ = ["level_grams", "level_grams_of_rows"]


def level_grams(posterior: xr.Dataset, coefficients: LevelCoefficients) -> np.ndarray:
    """Return Z_j'R_j^-1 Z_j, (chains, draws, levels, effects, effects).

    Parameters
    ----------
    posterior
        Posterior of a fit whose residuals have several sds, or are correlated within series that are within levels.
    coefficients
        Coefficients of the factor's levels.

    Raises
    ------
    EngineError
        The residuals have too many different patterns.
    """
    design, factor = coefficients.design, coefficients.factor
    assert design.residual is not None
    z = coefficients.own_columns
    if design.precision is not None:
        z = z * np.sqrt(design.precision)[:, None]
    q, levels = z.shape[1], factor.of_rows(np.arange(factor.n_levels))
    sets = find_sets(design.residual)
    products = np.empty((len(sets), factor.n_levels, q, q))
    for k, rows in enumerate(sets.rows):
        virtual, level = rows @ z, levels[rows.indices[rows.indptr[:-1]]]
        count = len(level)
        placed = sparse.csr_array((np.ones(count), (level, np.arange(count))), shape=(factor.n_levels, count))
        squares = (virtual[:, :, None] * virtual[:, None, :]).reshape(count, q * q)
        products[k] = (placed @ squares).reshape(factor.n_levels, q, q)
    weights, _ = sets.coefficients(_parameters(posterior))
    shape = posterior.sizes["chain"], posterior.sizes["draw"], factor.n_levels, q, q
    return np.asarray(weights @ products.reshape(len(sets), -1)).reshape(shape)


def level_grams_of_rows(fit: Fit, coefficients: LevelCoefficients) -> np.ndarray:
    """Return the same, where sigma has a predictor: sum_i z_i z_i' / sigma_i^2 over the rows of level j."""
    design, factor, z = coefficients.design, coefficients.factor, coefficients.own_columns
    q, levels = z.shape[1], factor.of_rows(np.arange(factor.n_levels))
    squares = (z[:, :, None] * z[:, None, :]).reshape(len(z), q * q)
    shape = fit.posterior.sizes["chain"], fit.posterior.sizes["draw"], factor.n_levels, q, q
    out = np.zeros((q * q, shape[0] * shape[1], factor.n_levels))
    for sigma, index in sigma_of_rows(design, fit.stacked()):
        size = len(index), factor.n_levels
        placed = sparse.csr_array((np.ones(len(index)), (np.arange(len(index)), levels[index])), shape=size)
        for k in range(q * q):
            out[k] += (placed.T @ (squares[index, k] / sigma**2).T).T
    return np.moveaxis(out, 0, -1).reshape(shape)


def _parameters(posterior: xr.Dataset) -> Parameters:
    """Return the residuals' parameters of all draws, chain after chain."""
    strata = [STRATUM] if STRATUM in posterior[SIGMA].dims else []
    sigma = posterior[SIGMA].transpose("chain", "draw", *strata).to_numpy()
    draws = sigma.shape[0] * sigma.shape[1]
    rho, matrices = np.zeros(draws), np.zeros((draws, 0, 0))
    if RESIDUAL_CORRELATION in posterior:
        found = posterior[RESIDUAL_CORRELATION]
        if VISIT in found.dims:
            matrices = found.transpose("chain", "draw", VISIT, VISIT_BIS).to_numpy()
            matrices = matrices.reshape(draws, *matrices.shape[2:])
        else:
            rho = found.transpose("chain", "draw").to_numpy().reshape(draws)
    return Parameters(sigma.reshape(draws, -1), rho, matrices)
