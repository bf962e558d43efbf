"""Row kernels of the inverse Gaussian family, own parameter the shape lam: the variance is mean^3 / lam.

With t = log y - eta,

    log p = (log lam - lam (e^t - 1)^2 / y) / 2 - log(2 pi) / 2 - 3 / 2 log y.

The last two terms are left out. The information about eta is the expected one, lam / mean; that about lam is
1 / (2 lam^2) (Tweedie 1957, Annals of Mathematical Statistics 28:362).
"""

import numpy as np

from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, excess_of_exp, exp, log
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_log", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log(2 pi) / 2 - 3 / 2 log y."""
    return -float(len(y) * HALF_LOG_TWO_PI + 1.5 * np.sum(np.log(y)))


@part(fastmath=FUSED, inlined=True)
def _row(y: float, lam: float, eta: float) -> tuple[float, float, float, float]:
    """Return log p, its slopes in eta, lam (e^t - 1) / mean, and in lam, and the information about eta."""
    less_one, _ = excess_of_exp(log(y) - eta)
    of_mean = lam * exp(-eta)
    square = less_one * less_one / y
    return 0.5 * (log(lam) - lam * square), of_mean * less_one, 0.5 * (1.0 / lam - square), bounded(of_mean)


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, lam in `values[1]`; write its slopes and the expected informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        lam = values[1, i]
        usable &= is_positive(lam)
        log_p, slopes[0, i], slopes[1, i], informations[0, i] = _row(y[i], lam, values[0, i])
        informations[1, i] = bounded(0.5 / (lam * lam))
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
    """Sum log p under the log link; write its slopes and the expected information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
