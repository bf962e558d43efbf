"""Row kernels of the hurdle gamma family: own parameters alpha, the shape, and hu, the probability of a zero.

A zero has log hu, a response above 0 log(1 - hu) + log p of the gamma family. Left out: -log y of those above 0. The
information about the linear predictor is the observed one, none in a zero.
"""

import numpy as np

from partialpool.families.row_kernels.gamma import row_log
from partialpool.families.row_kernels.gamma_functions import log_gamma_excess
from partialpool.families.row_kernels.hurdle_rows import hurdle
from partialpool.families.row_kernels.negative_binomial import information_of_shape
from partialpool.families.row_kernels.outcome import SMALLEST, bounded, finite_or_impossible, is_positive, is_share
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.kernels import REORDERED, kernel

__all__ = ["constant", "each_log", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log y of the responses above 0."""
    return -float(np.sum(np.log(y[y > 0])))


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`, hu in `values[2]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        eta, alpha, hu = values[0, i], values[1, i], values[2, i]
        usable &= is_positive(alpha) & is_share(hu) & (eta <= np.inf)  # not NaN
        above = y[i] > 0.0
        log_p, slope, information = row_log(y[i] if above else 1.0, alpha, eta)
        excess, excess_slope = log_gamma_excess(alpha)
        of_hurdle, slopes[2, i], informations[2, i] = hurdle(y[i], hu)
        # Computed before the choice, so that the loop has no branches, and runs on vectors.
        some, of_alpha = alpha * log_p - excess, log_p - excess_slope
        total += of_hurdle + (some if above else 0.0)
        slopes[0, i] = slope if above else 0.0
        slopes[1, i] = of_alpha if above else 0.0
        informations[0, i] = information if above else SMALLEST
        informations[1, i] = bounded((1.0 - hu) * information_of_shape(alpha, 1.0))
    return finite_or_impossible(total) if usable else -np.inf


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
    """Sum log p under the log link with parameters of all rows; write its slopes and the observed information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
