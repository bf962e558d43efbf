"""Residuals with several standard deviations, or correlated within series, in a PyMC model.

The joint density of a series is the product of each row's density given the rows before it: with correlations
C = L L' and standardised residuals s = L z,

    s_i | s_1, ..., s_(i-1) ~ N(s_i - L_ii z_i, L_ii^2),

so that the response stays one observed variable.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.design.residual_rows import ResidualRows, Series
from partialpool.model.prior_set import PriorSet
from partialpool.names import RESIDUAL_CORRELATION, SIGMA, STRATUM, VISIT, VISIT_BIS
from partialpool.pymc_model.covariance import lkj_cholesky
from partialpool.pymc_model.random import random_vector, scalar_random

__all__ = ["Located", "given_earlier", "residual_parameters"]


@dataclass(frozen=True, eq=False)
class Located:
    """Mean and standard deviation of each row's response, (rows,)."""

    mean: pt.TensorVariable
    sd: pt.TensorVariable


def residual_parameters(residual: ResidualRows, priors: PriorSet) -> dict[str, pt.TensorVariable]:
    """Register `sigma`, (strata,) if there are several, and `residual_corr`."""
    found: dict[str, pt.TensorVariable] = {}
    if residual.is_stratified:
        own = [priors[name] for name in residual.sigma_names]
        found[SIGMA] = random_vector(SIGMA, own, residual.strata, dims=STRATUM)
    else:
        found[SIGMA] = scalar_random(SIGMA, priors[SIGMA])
    series = residual.series
    if series is not None and series.visits:
        eta = priors[RESIDUAL_CORRELATION].arguments["eta"]
        rows = lkj_cholesky(f"{RESIDUAL_CORRELATION}_partial", len(series.visits), eta)
        half = pt.stack([pt.stack(row) for row in rows])
        found[RESIDUAL_CORRELATION] = pm.Deterministic(RESIDUAL_CORRELATION, half @ half.T, dims=(VISIT, VISIT_BIS))
    elif series is not None:
        found[RESIDUAL_CORRELATION] = scalar_random(RESIDUAL_CORRELATION, priors[RESIDUAL_CORRELATION])
    return found


def given_earlier(
    design: Design, eta: pt.TensorVariable, sd: pt.TensorVariable, parameters: Mapping[str, pt.TensorVariable]
) -> Located:
    """Return mean and sd of each row given the earlier rows of its series; those of the row itself without series."""
    series = None if design.residual is None else design.residual.series
    if series is None:
        return Located(eta, sd)
    standardised = (design.response.values - eta) / sd
    mean, own = pt.zeros(design.n_rows), pt.ones(design.n_rows)
    for rows in series.patterns:
        half = pt.linalg.cholesky(_correlation(series, rows[0], parameters[RESIDUAL_CORRELATION]))
        s = standardised[rows]
        z = pt.linalg.solve_triangular(half, s.T, lower=True).T
        scale = pt.diagonal(half)
        mean = pt.set_subtensor(mean[rows], s - z * scale)
        own = pt.set_subtensor(own[rows], pt.zeros(rows.shape) + scale)
    return Located(eta + sd * mean, sd * own)


def _correlation(series: Series, rows: np.ndarray, parameter: pt.TensorVariable) -> pt.TensorVariable:
    """Return the correlations of rows of one series, (m, m)."""
    if series.kind == "unstr":
        visits = series.time[rows].astype(np.int64)
        return parameter[visits[:, None], visits]
    same = np.eye(len(rows))
    if series.kind == "cosy":
        return same + parameter * (1 - same)
    gap = np.abs(series.time[rows][:, None] - series.time[rows])
    if not series.is_discrete:
        return pt.power(parameter, gap)
    whole = np.round(gap)
    return pt.power(pt.abs(parameter), whole) * pt.where(parameter < 0, (-1.0) ** whole, 1.0)
