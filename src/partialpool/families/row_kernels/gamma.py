"""Row kernels of the gamma family, own parameter the shape alpha.

    log p = -alpha (y / mean - 1 - log(y / mean)) + alpha log alpha - alpha - log Gamma(alpha) - log y,

in which nothing cancels however large alpha is. The last term is left out.
"""

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_excess
from partialpool.families.row_kernels.outcome import LEAST_RATE, bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import NORMAL, excess_of_exp, exp, log, log_excess
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "rows_inverse", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log y."""
    return -float(np.sum(np.log(y)))


@part(fastmath=FUSED, inlined=True)
def _row_log(y: float, alpha: float, eta: float) -> tuple[float, float, float]:
    """Return log p / alpha, the slope alpha (e^t - 1) and the information alpha e^t, with t = log y - eta."""
    t = log(y) - eta
    less_one, excess = excess_of_exp(t)
    return -excess, alpha * less_one, bounded(alpha * exp(t))


@part(fastmath=FUSED, inlined=True)
def _row_inverse(y: float, alpha: float, eta: float) -> tuple[float, float, float]:
    """Return log p / alpha, the slope alpha (1 - y eta) / eta and the information alpha / eta^2.

    -infinity where the mean is not positive, or above 1e150, or more than 1e307 times y.
    """
    possible = (eta > LEAST_RATE) & (y * eta >= NORMAL)
    at = eta if possible else 1.0
    log_p = -log_excess(y * at) if possible else -np.inf
    return log_p, alpha * (1.0 - y * at) / at, bounded(alpha / at / at)


@kernel(fastmath=REORDERED)
def rows_log(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the log link; write its slopes and the observed information."""
    alpha = own[0]
    if not is_positive(alpha):
        return -np.inf
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i] = _row_log(y[i], alpha, eta[i])
        total += log_p
    excess, excess_slope = log_gamma_excess(alpha)
    own_slope[0] = total - len(y) * excess_slope
    return finite_or_impossible(alpha * total - len(y) * excess)


@kernel(fastmath=REORDERED)
def rows_inverse(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the inverse link; write its slopes and the observed, and expected, information."""
    alpha = own[0]
    if not is_positive(alpha):
        return -np.inf
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i] = _row_inverse(y[i], alpha, eta[i])
        total += log_p
    excess, excess_slope = log_gamma_excess(alpha)
    own_slope[0] = total - len(y) * excess_slope
    return finite_or_impossible(alpha * total - len(y) * excess)
