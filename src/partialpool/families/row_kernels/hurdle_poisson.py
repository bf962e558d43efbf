"""Row kernels of the hurdle Poisson family, own parameter hu, the probability of a zero.

A zero has log hu. A count y above 0 has the zero-truncated Poisson distribution,

    log p = log(1 - hu) + y eta - mean - log(y!) - log(1 - exp(-mean)),

with slope y - mean - k, k = mean / (exp(mean) - 1), and information mean - k (k + mean - 1), which are those of an
exponential family: eta is its natural parameter. A count of 1 has log p = log(1 - hu) + log k, in which nothing
cancels. Left out: y log y - y - log(y!) of counts above 1.
"""

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log
from partialpool.families.row_kernels.gamma_functions import log_poisson_at_count
from partialpool.families.row_kernels.hurdle_rows import hurdle
from partialpool.families.row_kernels.outcome import SMALLEST, bounded, finite_or_impossible, is_share
from partialpool.families.row_kernels.poisson import row_log
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import excess_of_exp, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_log", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of y log y - y - log(y!) of counts above 1."""
    return float(np.sum(log_poisson_at_count(y[y > 1])))


@part(fastmath=FUSED, inlined=True)
def _row(y: float, eta: float) -> tuple[float, float, float]:
    """Return log p of a count given that it is above 0, its slope and its information."""
    count, up, mean = row_log(y, eta)
    log_some, _, k, _, curve, _ = complementary_log_log(eta)
    _, excess = excess_of_exp(min(mean, 1.0))
    log_one = -log1p(excess / mean) if mean < 1.0 else eta - mean - log_some
    return log_one if y == 1.0 else count - log_some, up - k, bounded(mean - curve)


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, hu in `values[1]`; write its slopes and the observed information of each row."""
    total, usable = 0.0, True
    for i in range(len(y)):
        eta, hu = values[0, i], values[1, i]
        usable &= is_share(hu) & (eta <= np.inf)  # not NaN
        log_p, slope, information = _row(y[i], eta)
        of_hurdle, slopes[1, i], informations[1, i] = hurdle(y[i], hu)
        above = y[i] > 0.0
        total += of_hurdle + (log_p if above else 0.0)
        slopes[0, i] = slope if above else 0.0
        informations[0, i] = information if above else SMALLEST
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
    """Sum log p under the log link with the same hu in all rows; write its slopes and the observed information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
