"""How much each row tells about the linear predictor: a rough number per row, before any fit.

Samplers use it to choose coordinates, never the model to choose a posterior: a wrong number costs speed, not truth.
"""

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import lsmr
from scipy.stats import norm

from partialpool.design.build import Design

__all__ = ["row_information"]

_ORDINAL_INFORMATION = {"logit": 3 / np.pi**2, "probit": 1.0, "cloglog": 6 / np.pi**2}
_PILOT_SHAPE = 2.0
"""Negative binomial shape that the pilot assumes."""


def row_information(design: Design) -> np.ndarray:
    """Estimate the Fisher information of each row about its linear predictor, (d mu / d eta)^2 / Var(y), shape (rows,).

    Gaussian and Student t: 1 / s^2 with s^2 the residual variance once every level has its own mean (or the
    known standard errors); counts: at y + 1/2; proportions, gamma: at the overall mean and variance; ordinal:
    1 / (variance of the latent variable).
    """
    y, family, link = design.response.values, design.spec.family_record, design.spec.link
    if family.name in ("gaussian", "student_t", "lognormal"):
        slope = np.mean(y) if link == "log" else 1.0
        variance = (
            _residual_variance(design, np.log(y) if family.on_log_scale else y) if design.se is None else design.se**2
        )
        return np.broadcast_to(slope**2 / variance, len(y)).copy()
    if family.kind == "count":
        mean = y + 0.5
        variance = mean if family.name == "poisson" else mean + mean**2 / _PILOT_SHAPE
        return (mean if link == "log" else 2 * np.sqrt(mean)) ** 2 / variance
    if family.kind == "ordinal":
        return np.full(len(y), _ORDINAL_INFORMATION[link])
    trials = design.response.trials if design.response.trials is not None else np.ones(len(y))
    if family.kind == "positive":
        return np.full(len(y), (np.mean(y) if link == "log" else np.mean(y) ** 2) ** 2 / np.var(y))
    p = (y.sum() + 0.5) / (trials.sum() + 1)
    variance = np.var(y) if family.kind == "proportion" else p * (1 - p)
    return trials * _probability_slope(p, link) ** 2 / variance


def _probability_slope(p: float, link: str) -> float:
    """Return d mu / d eta at probability p."""
    if link == "logit":
        return p * (1 - p)
    if link == "cloglog":
        return -(1 - p) * np.log1p(-p)
    return float(norm.pdf(norm.ppf(p)))


def _residual_variance(design: Design, y: np.ndarray) -> float:
    """Residual variance of least squares on the common effects and every level's own effects."""
    n = design.n_rows
    columns = [sparse.csr_array(design.common.standardised)]
    columns.append(sparse.csr_array(np.ones((n, 1))))
    for factor in design.factors:
        for values in factor.values.T:
            columns.append(sparse.csr_array((values, (np.arange(n), factor.codes)), shape=(n, factor.n_levels)))
    matrix = sparse.hstack(columns, format="csr")
    residual = y - np.mean(y)
    residual = residual - matrix @ lsmr(matrix, residual, maxiter=200)[0]
    spent = min(matrix.shape[1], n - 1)
    estimate = float(residual @ residual) / max(n - spent, 1)
    return float(np.clip(estimate, 1e-4 * np.var(y), np.var(y)))
