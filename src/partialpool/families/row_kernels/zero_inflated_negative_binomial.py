"""Row kernels of the zero-inflated negative binomial family: own parameters alpha, the shape, and zi.

Counts above 0 have log(1 - zi) + log p of the negative binomial family, zeros log(zi + (1 - zi) p0), log p0 =
-alpha log(1 + mean / alpha) (`extra_zeros`). Left out: y log y - y - log(y!). The information about the linear
predictor and about zi is the expected one, that about alpha (1 - zi) times the one of the negative binomial family.

With share = mean / (mean + alpha), the slopes of log p0 are -alpha share in the linear predictor and, r = 1 - share,
log r + 1 - r in alpha; the information of the negative binomial about the linear predictor is alpha share.
"""

import numpy as np

from partialpool.families.row_kernels.binary_links import logistic
from partialpool.families.row_kernels.extra_zeros import extra_zero, mixed_information
from partialpool.families.row_kernels.gamma_functions import tail
from partialpool.families.row_kernels.negative_binomial import constant, information_of_shape, row_log
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive, is_share
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import log, log1p, log_excess
from partialpool.kernels import REORDERED, kernel

__all__ = ["constant", "each_log", "rows_log"]


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`, zi in `values[2]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        eta, alpha, zi = values[0, i], values[1, i], values[2, i]
        usable &= is_positive(alpha) & is_share(zi) & (eta <= np.inf)  # not NaN
        log_alpha = log(alpha)
        _, log_rest, less, share, _, _ = logistic(eta - log_alpha)
        remainder, remainder_slope = tail(alpha)
        count, up, _, of_alpha = row_log(y[i], alpha, log_alpha, eta)
        log_zero, from_count, rest, none, of_zi = extra_zero(zi, alpha * log_rest)
        # Both cases are computed before the choice between them: the loop has no branches, and runs on vectors.
        log_count, down, from_zero = log1p(-zi) + count - remainder, of_alpha - remainder_slope, log_excess(less)
        of_kept = -1.0 / (1.0 - zi)
        above = y[i] > 0.0
        total += log_count if above else log_zero
        slopes[0, i] = up if above else -from_count * alpha * share
        slopes[1, i] = down if above else -from_count * from_zero
        slopes[2, i] = of_kept if above else of_zi
        informations[0, i] = mixed_information(zi, alpha * share, none, alpha * share, rest)
        informations[1, i] = bounded((1.0 - zi) * information_of_shape(alpha, share))
        informations[2, i] = bounded(of_zi / (1.0 - zi))
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
    """Sum log p under the log link with the same alpha and zi in all rows; write its slopes and informations."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
