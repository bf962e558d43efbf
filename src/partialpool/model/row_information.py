"""Approximate information of each row about its linear predictor, before any fit.

Samplers use it to choose coordinates; it does not enter the posterior. An inaccurate value costs speed, not accuracy.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsmr

from partialpool.design.design import Design

__all__ = ["row_information"]


def row_information(design: Design) -> np.ndarray:
    """Estimate the Fisher information of each row about its linear predictor, (d mu / d eta)^2 / Var(y), shape (rows,).

    Gaussian and Student t: 1 / s^2 with s^2 the residual variance around level means (or the squared
    known standard errors); counts: at y + 1/2; proportions, gamma: at the overall mean and variance; ordinal:
    1 / (variance of the latent variable).
    """
    y, family, link = design.response.values, design.spec.family_record, design.spec.link_record

    def residual() -> np.ndarray:
        if design.se is not None:
            return design.se**2
        return np.asarray(_residual_variance(design, np.log(y) if family.on_log_scale else y))

    return np.broadcast_to(family.pilot_information(link, y, design.response.n_trials, residual), len(y)).copy()


def _residual_variance(design: Design, y: np.ndarray) -> float:
    """Return the residual variance of least squares on the fixed effects and every level's own effects."""
    n = design.n_rows
    columns = [sparse.csr_array(design.common.standardised)]
    columns.append(sparse.csr_array(np.ones((n, 1))))
    for factor in design.factors:
        columns.append(factor.matrix)
    matrix = sparse.hstack(columns, format="csr")
    residual = y - np.mean(y)
    residual = residual - matrix @ lsmr(matrix, residual, maxiter=200)[0]
    spent = min(matrix.shape[1], n - 1)
    estimate = float(residual @ residual) / max(n - spent, 1)
    return float(np.clip(estimate, 1e-4 * np.var(y), np.var(y)))
