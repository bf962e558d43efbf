"""Row kernels of the hurdle lognormal family: own parameters sigma and hu, the probability of a zero.

A zero has log hu, a response above 0 log(1 - hu) + log p of the lognormal family. Left out: -log(2 pi) / 2 - log y of
those above 0. The information about the linear predictor is the observed one, none in a zero.
"""

import numpy as np

from partialpool.families.row_kernels.hurdle_rows import hurdle
from partialpool.families.row_kernels.lognormal import row_identity
from partialpool.families.row_kernels.outcome import SMALLEST, bounded, finite_or_impossible, is_positive, is_share
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import log
from partialpool.kernels import REORDERED, kernel

__all__ = ["constant", "each_identity", "rows_identity"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log(2 pi) / 2 - log y of the responses above 0."""
    return -float(np.sum(np.log(y[y > 0]) + 0.5 * np.log(2 * np.pi)))


@kernel(fastmath=REORDERED)
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma in `values[1]`, hu in `values[2]`; write slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        eta, sigma, hu = values[0, i], values[1, i], values[2, i]
        usable &= is_positive(sigma) & is_share(hu) & (eta <= np.inf)  # not NaN
        above = y[i] > 0.0
        square, slope, information = row_identity(y[i] if above else 1.0, sigma, eta)
        of_hurdle, slopes[2, i], informations[2, i] = hurdle(y[i], hu)
        total += of_hurdle - (0.5 * square + log(sigma) if above else 0.0)
        slopes[0, i] = slope if above else 0.0
        slopes[1, i] = (square - 1.0) / sigma if above else 0.0
        informations[0, i] = information if above else SMALLEST
        informations[1, i] = bounded((1.0 - hu) * 2.0 / (sigma * sigma))
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def rows_identity(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the identity link with parameters of all rows; write its slopes and the observed information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_identity(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
