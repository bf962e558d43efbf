"""Rows divided by the root of their residual covariance, so that least squares on them is generalised least squares.

Given the parameters of the residuals, R = D C D: D the rows' residual sds, C their correlations, a block for each
series. With C = L L' of a series, the whitened rows are

    w* = L^-1 D^-1 w,    so that    W*'W* = W'R^-1 W,

and W* has independent residuals of sd 1. A whitened row is a combination of rows of one series, and so belongs to the
level of that series.
"""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from scipy.linalg import solve_triangular

from partialpool.design.design import Design
from partialpool.names import RESIDUAL_CORRELATION, SIGMA, STRATUM, VISIT, VISIT_BIS

__all__ = ["ResidualScale", "residual_scale", "whiten"]


@dataclass(frozen=True, eq=False)
class ResidualScale:
    """Values of the residuals' parameters.

    Attributes
    ----------
    sigma
        The sd of each stratum, (strata,); one without strata. Of each row, (rows,), where sigma has a predictor.
    correlation
        Of `ar` and `cosy`, (1,); of `unstr`, (1, visits, visits); empty without.
    """

    sigma: np.ndarray
    correlation: np.ndarray


def residual_scale(posterior: xr.Dataset) -> ResidualScale:
    """Return the posterior medians of the residual sds, and the posterior means of their correlations.

    A mean of correlation matrices is one, while a matrix of medians need not be.
    """
    strata = [STRATUM] if STRATUM in posterior[SIGMA].dims else []
    sigma = np.atleast_1d(posterior[SIGMA].transpose("chain", "draw", *strata).median(("chain", "draw")).to_numpy())
    if RESIDUAL_CORRELATION not in posterior:
        return ResidualScale(sigma, np.zeros(0))
    found = posterior[RESIDUAL_CORRELATION].mean(("chain", "draw"))
    visits = [VISIT, VISIT_BIS] if VISIT in found.dims else []
    return ResidualScale(sigma, found.transpose(*visits).to_numpy()[None])


def whiten(design: Design, scale: ResidualScale, columns: np.ndarray) -> np.ndarray:
    """Return R^-1/2 times columns (rows, columns), in the places of the rows.

    Parameters
    ----------
    design
        A model whose residuals have several sds, or are correlated, or whose sigma has a predictor.
    scale
        The residuals' parameters.
    columns
        Columns of the rows, (rows, columns), or one column, (rows,).
    """
    residual = design.residual
    if residual is None:  # sigma has a predictor: neither precisions nor series go with it
        return np.asarray((columns.T / scale.sigma).T)
    sd = scale.sigma[residual.stratum]
    if design.precision is not None:
        sd = sd / np.sqrt(design.precision)
    out = (columns.T / sd).T
    series = residual.series
    if series is None:
        return out
    for rows in series.patterns:
        half = np.linalg.cholesky(series.correlation(rows[0], rows[0], scale.correlation)[0])
        flat = np.moveaxis(out[rows], 1, 0).reshape(len(half), -1)
        solved = solve_triangular(half, flat, lower=True).reshape(len(half), len(rows), *out.shape[1:])
        out[rows] = np.moveaxis(solved, 0, 1)
    return np.asarray(out)
