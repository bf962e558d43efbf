"""Row kernels of the negative binomial family for rows known within bounds only, or given bounds (`beta_tails.py`).

`known`: see `within_bounds.py`. With x = mean / (mean + alpha), n = y + 1 and p the probability of a count,

    P(Y > y) = I_x(n, alpha),   P(Y <= y) = I_(1 - x)(alpha, n),   h = n p(n)

is the factor in front of either fraction, and the derivative of P(Y > y) in the log of the mean. Own parameter alpha,
up to 1e12. Left out: y log y - y - log y! of each row that was seen. The information about alpha is that of a row that
was seen (`negative_binomial.py`).
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.beta_tails import beta_fraction
from partialpool.families.row_kernels.binary_links import logistic
from partialpool.families.row_kernels.gamma_functions import log_gamma_excess, log_poisson_at_count, tail
from partialpool.families.row_kernels.negative_binomial import information_of_shape, row_log
from partialpool.families.row_kernels.outcome import NO_MEAN, bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import exp, log
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, other_ends, width_of
from partialpool.families.row_kernels.within_tails import complement, within_tails
from partialpool.kernels import FUSED, kernel, part

__all__ = ["constant", "each_log", "each_sqrt", "rows_log", "rows_sqrt"]

_LARGEST_SHAPE: Final = 1e12
_LARGEST_LOG_MEAN: Final = 23.0
"""Means above 1e10 are impossible: the fraction would have too many levels."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of y log y - y - log(y!) over the rows that were seen."""
    return float(np.sum(log_poisson_at_count(y[y == other_ends(y, known)])))


@part(fastmath=FUSED)
def _tails(y: float, alpha: float, eta: float) -> tuple[float, float, float, float, float, float]:
    """Return the tails at y as `within_tails` reads them, with derivatives in alpha at the same mean."""
    n, log_alpha = y + 1.0, log(alpha)
    log_p, slope, _, of_alpha = row_log(n, alpha, log_alpha, eta)
    remainder, remainder_slope = tail(alpha)
    excess, _ = log_gamma_excess(n)
    log_density, of_density = log_p - remainder - excess, of_alpha - remainder_slope
    _, _, rest, share, _, _ = logistic(eta - log_alpha)
    distance = n * rest - alpha * share
    moved = share * rest / alpha
    if distance > 0.0:
        fraction, of_fraction = beta_fraction(n, alpha, share, rest, distance, 0.0, 1.0, -moved)
        above, of_above = min(log_density - log(fraction), -1e-300), of_density - of_fraction
        below, of_below = complement(above, of_above)
    else:
        fraction, of_fraction = beta_fraction(alpha, n, rest, share, -distance, 1.0, 0.0, moved)
        below, of_below = min(log_density - log(fraction), -1e-300), of_density - of_fraction
        above, of_above = complement(below, of_below)
    return below, above, of_below, of_above, log_density, -slope


@part(fastmath=FUSED)
def _censored_row(y: float, end: float, alpha: float, eta: float) -> tuple[float, float, float, float]:
    """Return log p, its slopes in the log of the mean and alpha, and the information about the first."""
    if end == y:
        log_p, slope, information, of_alpha = row_log(y, alpha, log(alpha), eta)
        remainder, remainder_slope = tail(alpha)
        return log_p - remainder, slope, of_alpha - remainder_slope, information
    low = _tails(y, alpha, eta)
    high = _tails(end, alpha, eta) if abs(end) < np.inf else low
    log_p, q_low, q_high, curved, own = within_tails(y, end, low, high)
    return log_p, q_low - q_high, own, curved


@part(fastmath=FUSED)
def _row(i: int, y: np.ndarray, known: np.ndarray, alpha: float, eta: float) -> tuple[float, float, float, float]:
    """Return the same of row i, given its bounds where it has some.

    The information of a response that was seen is then the expected one, given the bounds: without them it is
    alpha x, and (y - mean) is proportional to its slope.
    """
    if not eta < _LARGEST_LOG_MEAN:
        return -np.inf, 0.0, 0.0, 1.0
    width = width_of(known, y)
    log_p, slope, own, information = _censored_row(y[i], known[width * i], alpha, eta)
    if has_bounds(known, width, i):
        log_all, slope_all, own_all, information_all = _censored_row(
            known[width * i + 1], known[width * i + 2], alpha, eta
        )
        share = 1.0 / (1.0 + alpha * exp(-eta))
        information = share * (alpha + slope_all) if known[width * i] == y[i] else information
        information = left_over(information, information_all, alpha * share)
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
        usable &= is_positive(alpha) & (alpha < _LARGEST_SHAPE)
        alpha = min(alpha, _LARGEST_SHAPE)
        log_p, slopes[0, i], slopes[1, i], informations[0, i] = _row(i, y, known, alpha, values[0, i])
        informations[1, i] = information_of_shape(alpha, 1.0 / (1.0 + alpha * exp(-values[0, i])))
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel
def each_sqrt(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the square root, alpha in `values[1]`; the information is that of log mean, times 4 / mean."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha, mean = values[1, i], values[0, i] * values[0, i]
        usable &= is_positive(alpha) & (alpha < _LARGEST_SHAPE) & (mean > NO_MEAN)
        alpha, mean = min(alpha, _LARGEST_SHAPE), max(mean, NO_MEAN)
        log_p, slope, slopes[1, i], information = _row(i, y, known, alpha, log(mean))
        slopes[0, i] = 2.0 * slope / values[0, i]
        informations[0, i] = bounded(4.0 * information / mean)
        informations[1, i] = information_of_shape(alpha, mean / (mean + alpha))
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
def rows_sqrt(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the square-root link; write its slopes and the information about log mean times 4 / mean."""
    values, slopes, informations = spread(eta, own)
    log_p = each_sqrt(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
