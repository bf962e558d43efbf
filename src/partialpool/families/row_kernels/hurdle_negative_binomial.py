"""Row kernels of the hurdle negative binomial family: own parameters alpha, the shape, and hu.

A zero has log hu. A count y above 0 has the zero-truncated negative binomial distribution,

    log p = log(1 - hu) + log p of the negative binomial - log(1 - exp(-t)),   t = alpha log(1 + mean / alpha).

With share = mean / (mean + alpha), r = 1 - share and q = 1 / (exp(t) - 1), the slopes of log(1 - exp(-t)) are
alpha share q in the linear predictor and q (r - 1 - log r) in alpha. A count of 1 has, without a cancelling term,

    log p = log(1 - hu) - log((exp(t) - 1) / (alpha share)),
    exp(t) - 1 = alpha share + (exp(t) - 1 - t) + alpha (r - 1 - log r).

The information about the linear predictor is the expected one: (1 - hu) r^2 times the variance of the truncated
distribution, m (mean (1 + 1 / alpha) - (m - 1)), m = mean / (1 - exp(-t)). Left out: y log y - y - log(y!) of counts
above 1.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import logistic
from partialpool.families.row_kernels.gamma_functions import tail
from partialpool.families.row_kernels.hurdle_poisson import constant
from partialpool.families.row_kernels.hurdle_rows import hurdle
from partialpool.families.row_kernels.negative_binomial import information_of_shape, row_log
from partialpool.families.row_kernels.outcome import SMALLEST, bounded, finite_or_impossible, is_positive, is_share
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import excess_of_exp, exp, log, log1p, log_excess
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_log", "rows_log"]

_TINY: Final = 1e-290
"""Share below which alpha share and t are the mean before truncation."""


@part(fastmath=FUSED, inlined=True)
def _row(y: float, alpha: float, eta: float) -> tuple[float, float, float, float, float]:
    """Return log p of a count given that it is above 0, its slopes and its expected information, and the share."""
    log_alpha = log(alpha)
    log_share, log_rest, rest, share, _, _ = logistic(eta - log_alpha)
    remainder, remainder_slope = tail(alpha)
    count, up, _, of_alpha = row_log(y, alpha, log_alpha, eta)
    vanishes = share < _TINY
    t = exp(eta) if vanishes else -alpha * log_rest
    less_one, excess = excess_of_exp(t)
    lost, _ = excess_of_exp(-t)
    some = -lost
    apart = log_excess(rest)
    grown = exp(eta) if vanishes else alpha * share
    log_some = log(some) if t < 1.0 else log1p(-exp(-t))
    log_one = -log1p((excess + alpha * apart) / grown) if t < 1.0 else log_alpha + log_share - t - log_some
    spare = grown / less_one
    mean = grown / rest
    factor = mean * (1.0 + 1.0 / alpha)
    past = factor / 2.0 if factor < 1e-5 else (mean - some) / some
    information = bounded(rest * rest * (1.0 + past) * max(factor - past, SMALLEST))
    log_p = log_one if y == 1.0 else count - remainder - log_some
    return log_p, up - spare, of_alpha - remainder_slope - apart / less_one, information, share


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`, hu in `values[2]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        eta, alpha, hu = values[0, i], values[1, i], values[2, i]
        usable &= is_positive(alpha) & is_share(hu) & (eta <= np.inf)  # not NaN
        log_p, slope, of_alpha, information, share = _row(y[i], alpha, eta)
        of_hurdle, slopes[2, i], informations[2, i] = hurdle(y[i], hu)
        above = y[i] > 0.0
        total += of_hurdle + (log_p if above else 0.0)
        slopes[0, i] = slope if above else 0.0
        slopes[1, i] = of_alpha if above else 0.0
        informations[0, i] = bounded((1.0 - hu) * information)
        informations[1, i] = bounded((1.0 - hu) * information_of_shape(alpha, share))
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
    """Sum log p under the log link with the same alpha and hu in all rows; write its slopes and informations."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
