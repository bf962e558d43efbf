"""Row kernels of the zero-inflated Poisson family, own parameter zi, the probability of an extra zero.

Counts above 0 have log(1 - zi) + log p of the Poisson family, zeros log(zi + (1 - zi) exp(-mean))
(`extra_zeros`). Left out: y log y - y - log(y!). The information is the expected one.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.extra_zeros import extra_zero, mixed_information
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_share
from partialpool.families.row_kernels.poisson import constant, row_log
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import log1p
from partialpool.kernels import REORDERED, kernel

__all__ = ["constant", "each_log", "rows_log"]

_LARGEST_MEAN: Final = 1e150


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, zi in `values[1]`; write its slopes and the expected informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        zi = values[1, i]
        usable &= is_share(zi) & (values[0, i] <= np.inf)  # not NaN
        count, up, mean = row_log(y[i], values[0, i])
        mean = min(mean, _LARGEST_MEAN)
        log_zero, share, rest, none, of_zi = extra_zero(zi, -mean)
        above = y[i] > 0.0
        total += log1p(-zi) + count if above else log_zero
        slopes[0, i] = up if above else -share * mean
        slopes[1, i] = -1.0 / (1.0 - zi) if above else of_zi
        informations[0, i] = mixed_information(zi, mean, none, mean, rest)
        informations[1, i] = bounded(of_zi / (1.0 - zi))
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
    """Sum log p under the log link with the same zi in all rows; write its slopes and the expected information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
