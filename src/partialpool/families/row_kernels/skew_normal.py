"""Row kernels of the skew-normal family, own parameters sigma, the sd, and alpha, of which 0 is the normal.

With delta = alpha / sqrt(1 + alpha^2), q = sqrt(2 / pi) delta and c = sqrt(1 - q^2), the sd and minus the mean of a
standard skew normal, z = c (y - mean) / sigma + q has the density 2 phi(z) Phi(alpha z), and

    log p = log 2 - log(2 pi) / 2 + log c - log sigma - z^2 / 2 + log Phi(alpha z).

Left out: log 2 - log(2 pi) / 2. The density is logarithmically concave in the mean; the information is the observed
one. That about sigma is within a tenth of the expected one; that about alpha is near it where alpha is above 1, and
positive at 0, where the expected one is 0 (Azzalini 1985, Scandinavian Journal of Statistics 12:171).
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import normal
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, log
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_identity", "rows_identity"]

_LN2: Final = 0.6931471805599453
_ROOT_TWO_OVER_PI: Final = 0.7978845608028654
_MOST: Final = 1e100
"""Largest size of alpha, whose powers are then finite."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of log 2 - log(2 pi) / 2."""
    return len(y) * (_LN2 - HALF_LOG_TWO_PI)


@part(fastmath=FUSED, inlined=True)
def _row(residual: float, sigma: float, alpha: float) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in the mean, sigma and alpha, and -d^2 log p / d mean^2, given y - mean."""
    root = 1.0 / np.sqrt(1.0 + alpha * alpha)
    q = _ROOT_TWO_OVER_PI * alpha * root
    c = np.sqrt(1.0 - q * q)
    q_slope = _ROOT_TWO_OVER_PI * root * root * root
    c_slope = -q * q_slope / c
    relative = c / sigma
    away = residual / sigma
    z = c * away + q
    log_chance, _, hazard, _, curvature, _ = normal(alpha * z)
    push = alpha * hazard - z
    of_sigma = -(1.0 + push * c * away) / sigma
    of_alpha = z * hazard + push * (c_slope * away + q_slope) + c_slope / c
    log_p = log(relative) - 0.5 * z * z + log_chance
    return log_p, -push * relative, of_sigma, of_alpha, (1.0 + alpha * alpha * curvature) * relative * relative


@kernel(fastmath=REORDERED)
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma and alpha in `values[1:]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        sigma, alpha = values[1, i], values[2, i]
        usable &= is_positive(sigma) & (abs(alpha) < _MOST)
        log_p, slopes[0, i], slopes[1, i], slopes[2, i], curvature = _row(y[i] - values[0, i], sigma, alpha)
        square = alpha * alpha
        root = np.sqrt(1.0 + square)
        share = square / (square + 4.0)
        informations[0, i] = bounded(curvature)
        informations[1, i] = bounded(2.0 * np.sqrt(1.0 + square / 18.5) / (sigma * sigma))
        informations[2, i] = bounded(0.9 * (0.02 + share * share) / (root * root * root))
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel
def rows_identity(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the identity link; write its slopes and the observed information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_identity(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
