"""Row kernels of the Weibull family, own parameter the shape alpha.

With c = log Gamma(1 + 1 / alpha) and w = alpha (log y - eta + c), so that e^w is a standard exponential variable,

    log p = -(e^w - 1 - w) + log alpha - 1 - log y.

Left out: -1 - log y. The information about alpha is the expected one: with psi being digamma

    ((psi(1 + 1 / alpha) - psi(2))^2 + pi^2 / 6) / alpha^2.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_of_successor
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import excess_of_exp, exp, log
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_log", "rows_log"]

_DIGAMMA_OF_TWO: Final = 0.42278433509846713
_SIXTH_OF_PI_SQUARED: Final = 1.6449340668482264


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -1 - log y."""
    return -float(len(y) + np.sum(np.log(y)))


@part(fastmath=FUSED)
def _row(y: float, alpha: float, eta: float) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in eta, alpha (e^w - 1), and in alpha, and the informations about both.

    The first is the observed one, alpha^2 e^w.
    """
    inverse = 1.0 / alpha
    log_mean, digamma = log_gamma_of_successor(inverse)
    away = log(y) - eta
    w = alpha * away + alpha * log_mean
    less_one, excess = excess_of_exp(w)
    of_alpha = inverse - less_one * ((away + log_mean) - digamma * inverse)
    distance = digamma - _DIGAMMA_OF_TWO
    squares = (distance * distance + _SIXTH_OF_PI_SQUARED) * inverse * inverse
    return np.log(alpha) - excess, alpha * less_one, of_alpha, bounded(alpha * alpha * exp(w)), bounded(squares)


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        usable &= is_positive(values[1, i])
        log_p, slopes[0, i], slopes[1, i], informations[0, i], informations[1, i] = _row(
            y[i], values[1, i], values[0, i]
        )
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel
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
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
