"""Row kernels of the gamma family for rows known within bounds only, or given bounds (`gamma_tails.py`).

`known`: see `within_bounds.py`. y alpha / mean is gamma distributed with shape alpha; own parameter alpha, up to 1e9.
Left out: log y of each row that was seen. The information about alpha is that of a row that was seen (`gamma.py`).
"""

import numpy as np

from partialpool.families.row_kernels.gamma import row_log
from partialpool.families.row_kernels.gamma_functions import log_gamma_excess
from partialpool.families.row_kernels.gamma_tails import LARGEST_SHAPE, gamma_tails
from partialpool.families.row_kernels.negative_binomial import information_of_shape
from partialpool.families.row_kernels.outcome import LEAST_RATE, bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import exp, log
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, other_ends, width_of
from partialpool.families.row_kernels.within_tails import within_tails
from partialpool.kernels import FUSED, kernel, part

__all__ = ["constant", "each_inverse", "each_log", "rows_inverse", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log y over the rows that were seen."""
    return -float(np.sum(np.log(y[y == other_ends(y, known)])))


@part(fastmath=FUSED)
def _tails(y: float, alpha: float, eta: float) -> tuple[float, float, float, float, float, float]:
    """Return the tails at y as `within_tails` reads them, with derivatives in alpha at the same mean."""
    below, above, of_below, of_above, log_density, moved = gamma_tails(alpha, alpha * exp(log(y) - eta))
    of_below += exp(log_density - below) / alpha
    of_above -= exp(log_density - above) / alpha
    return below, above, of_below, of_above, log_density, moved


@part(fastmath=FUSED)
def _censored_row(y: float, end: float, alpha: float, eta: float) -> tuple[float, float, float, float]:
    """Return log p, its slopes in eta and alpha, and the information about eta."""
    if end == y:
        log_p, slope, information = row_log(y, alpha, eta)
        excess, excess_slope = log_gamma_excess(alpha)
        return alpha * log_p - excess, slope, log_p - excess_slope, information
    low = _tails(y, alpha, eta)
    high = _tails(end, alpha, eta) if abs(end) < np.inf else low
    log_p, q_low, q_high, curved, own = within_tails(y, end, low, high)
    return log_p, q_low - q_high, own, curved


@part(fastmath=FUSED)
def _row(i: int, y: np.ndarray, known: np.ndarray, alpha: float, eta: float) -> tuple[float, float, float, float]:
    """Return the same of row i, given its bounds where it has some.

    The information of a response that was seen is then the expected one, given the bounds: alpha plus its slope in eta,
    whose expectation is that of the bounds' log probability.
    """
    width = width_of(known, y)
    log_p, slope, own, information = _censored_row(y[i], known[width * i], alpha, eta)
    if has_bounds(known, width, i):
        log_all, slope_all, own_all, information_all = _censored_row(
            known[width * i + 1], known[width * i + 2], alpha, eta
        )
        information = alpha + slope_all if known[width * i] == y[i] else information
        information = left_over(information, information_all, alpha)
        log_p, slope, own = log_p - log_all, slope - slope_all, own - own_all
    return log_p, slope, own, bounded(information)


@kernel
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha = values[1, i]
        usable &= is_positive(alpha) & (alpha < LARGEST_SHAPE)
        alpha = min(alpha, LARGEST_SHAPE)
        log_p, slopes[0, i], slopes[1, i], informations[0, i] = _row(i, y, known, alpha, values[0, i])
        informations[1, i] = information_of_shape(alpha, 1.0)
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel
def each_inverse(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the inverse link, alpha in `values[1]`; the linear predictor is the rate 1 / mean."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha, rate = values[1, i], max(values[0, i], LEAST_RATE)
        usable &= is_positive(alpha) & (alpha < LARGEST_SHAPE) & (values[0, i] > LEAST_RATE)
        alpha = min(alpha, LARGEST_SHAPE)
        log_p, slope, slopes[1, i], information = _row(i, y, known, alpha, -log(rate))
        slopes[0, i] = -slope / rate
        # d^2 / d rate^2 of what is a function of -log(rate); that of a row that was seen is alpha.
        informations[0, i] = bounded(max(information - slope, 1e-4 * alpha) / rate / rate)
        informations[1, i] = information_of_shape(alpha, 1.0)
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


@kernel
def rows_inverse(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the inverse link; write its slopes and the observed information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_inverse(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
