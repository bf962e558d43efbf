"""Row kernels of the gamma family, own parameter the shape alpha.

    log p = -alpha (y / mean - 1 - log(y / mean)) + alpha log alpha - alpha - log Gamma(alpha) - log y,

in which nothing cancels however large alpha is. The last term is left out. The expected information about alpha is
psi'(alpha) - 1 / alpha.
"""

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_excess
from partialpool.families.row_kernels.negative_binomial import information_of_shape
from partialpool.families.row_kernels.outcome import LEAST_RATE, bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import NORMAL, excess_of_exp, exp, log, log_excess
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_inverse", "each_log", "row_log", "rows_inverse", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log y."""
    return -float(np.sum(np.log(y)))


@part(fastmath=FUSED, inlined=True)
def row_log(y: float, alpha: float, eta: float) -> tuple[float, float, float]:
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
        log_p, slope[i], information[i] = row_log(y[i], alpha, eta[i])
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


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha = values[1, i]
        usable &= is_positive(alpha)
        log_p, slopes[0, i], informations[0, i] = row_log(y[i], alpha, values[0, i])
        excess, excess_slope = log_gamma_excess(alpha)
        slopes[1, i] = log_p - excess_slope
        informations[1, i] = information_of_shape(alpha, 1.0)
        total += alpha * log_p - excess
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_inverse(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the inverse link, alpha in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha = values[1, i]
        usable &= is_positive(alpha)
        log_p, slopes[0, i], informations[0, i] = _row_inverse(y[i], alpha, values[0, i])
        excess, excess_slope = log_gamma_excess(alpha)
        slopes[1, i] = log_p - excess_slope
        informations[1, i] = information_of_shape(alpha, 1.0)
        total += alpha * log_p - excess
    return finite_or_impossible(total) if usable else -np.inf
