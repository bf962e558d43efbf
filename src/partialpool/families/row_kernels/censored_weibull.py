"""Row kernels of the Weibull family for rows that are known within bounds only, or given bounds (`within_hazards.py`).

`known`: see `within_bounds.py`. The cumulated hazard is e^w, w = alpha (log y - eta + c), c = log Gamma(1 + 1 /
alpha); own parameter alpha. Left out: -1 - log y of each row that was seen. The information about alpha is that of a
row that was seen (`weibull.py`).
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_of_successor
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import excess_of_exp, exp, log
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, other_ends, width_of
from partialpool.families.row_kernels.within_hazards import ENDLESS, within_hazards
from partialpool.kernels import FUSED, kernel, part

__all__ = ["constant", "each_log", "rows_log"]

_DIGAMMA_OF_TWO: Final = 0.42278433509846713
_FAR: Final = -40.0
_SIXTH_OF_PI_SQUARED: Final = 1.6449340668482264


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -1 - log y over the rows that were seen."""
    seen = y[y == other_ends(y, known)]
    return -float(len(seen) + np.sum(np.log(seen)))


@part(fastmath=FUSED)
def _censored_row(y: float, end: float, alpha: float, eta: float) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in eta and alpha, and the informations about both."""
    inverse = 1.0 / alpha
    log_mean, digamma = log_gamma_of_successor(inverse)
    away = log(y) - eta
    w = alpha * (away + log_mean)
    # dw / d alpha, at the response.
    along = (away + log_mean) - digamma * inverse
    distance = digamma - _DIGAMMA_OF_TWO
    squares = bounded((distance * distance + _SIXTH_OF_PI_SQUARED) * inverse * inverse)
    if end == y:
        less_one, excess = excess_of_exp(w)
        of_alpha = inverse - less_one * along
        return np.log(alpha) - excess, alpha * less_one, of_alpha, bounded(alpha * alpha * exp(w)), squares
    hazard = exp(w)
    if end < y:
        log_p, slope, curved, _ = within_hazards(0.0, hazard)
        # exp keeps no digits below -708, where log(1 - exp(-H)) is w.
        log_p = w if w < _FAR else log_p
        return log_p, -alpha * slope, slope * along, bounded(alpha * alpha * curved), squares
    if end == np.inf:
        return -hazard, alpha * hazard, -hazard * along, bounded(alpha * alpha * hazard), squares
    apart = log(end) - log(y)
    more = hazard * excess_of_exp(alpha * apart)[0]
    log_p, slope, curved, odds = within_hazards(hazard, more)
    # The upper end's own part: dL / dw_2 = H_2 / (exp(D) - 1), and dw_2 / d alpha is larger by log y_2 - log y.
    of_alpha = slope * along + (hazard + min(more, ENDLESS)) * odds * apart
    return log_p, -alpha * slope, of_alpha, bounded(alpha * alpha * curved), squares


@part(fastmath=FUSED)
def _row(
    i: int, y: np.ndarray, known: np.ndarray, alpha: float, eta: float
) -> tuple[float, float, float, float, float]:
    """Return the same of row i, given its bounds where it has some.

    The information of a response that was seen is then the expected one, given the bounds (`censored_exponential.py`).
    """
    width = width_of(known, y)
    log_p, slope, of_alpha, curved, squares = _censored_row(y[i], known[width * i], alpha, eta)
    if has_bounds(known, width, i):
        log_all, slope_all, alpha_all, curved_all, _ = _censored_row(
            known[width * i + 1], known[width * i + 2], alpha, eta
        )
        whole = alpha * alpha
        curved = whole + alpha * slope_all if known[width * i] == y[i] else curved
        log_p, slope, of_alpha = log_p - log_all, slope - slope_all, of_alpha - alpha_all
        curved = left_over(curved, curved_all, whole)
    return log_p, slope, of_alpha, curved, squares


@kernel
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        usable &= is_positive(values[1, i])
        log_p, slopes[0, i], slopes[1, i], informations[0, i], informations[1, i] = _row(
            i, y, known, values[1, i], values[0, i]
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
