"""Row kernels of the Poisson family for rows that are known within bounds only, or given bounds.

`known`: see `within_bounds.py`. A count y was seen, or the count is above y, or y or below, or in (y, other end].
For counts within R,

    L = log sum_{k in R} mean^k / k! - mean,   dL / d log mean = E(k | R) - mean,
    -d^2 L / d(log mean)^2 = mean - Var(k | R) >= 0.

The sum begins at the largest term and goes to both sides until terms are lost in rounding: all of them are positive, so
that it keeps its digits however small it is. Left out: nothing.
"""

import math
from typing import Final

import numpy as np

from partialpool.families.row_kernels.outcome import NO_MEAN, bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import exp, log
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, width_of
from partialpool.kernels import FUSED, kernel, part

__all__ = ["constant", "rows_log", "rows_sqrt"]

_LOST: Final = 1e-18
_FAR: Final = 40.0
"""Sds below the mean from which P(new > y) is 1 to the last digit."""
_LARGEST_MEAN: Final = 1e10
"""Means above it are impossible: the sum would have too many terms."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(fastmath=FUSED)
def _censored_row(y: float, end: float, log_mean: float, mean: float) -> tuple[float, float, float]:
    """Return L, its slope in the log of the mean, and the negative second derivative."""
    if not mean < _LARGEST_MEAN:
        return -np.inf, 0.0, 1.0
    if end == y:
        return (y * log_mean if y > 0.0 else 0.0) - mean - math.lgamma(y + 1.0), y - mean, mean
    first = y + 1.0 if end > y else 0.0
    last = end if end > y else y
    if end == np.inf and y + _FAR * np.sqrt(mean + 1.0) < mean:
        return 0.0, 0.0, 0.0  # nearly certain
    start = min(max(np.floor(mean), first), last)
    # Moments about the first term that is added.
    total, moved, squared = 1.0, 0.0, 0.0
    term, k = 1.0, start
    while k < last:
        k += 1.0
        term *= mean / k
        if term < _LOST * total:
            break
        total += term
        moved += term * (k - start)
        squared += term * (k - start) * (k - start)
    term, k = 1.0, start
    while k > first:
        term *= k / mean
        k -= 1.0
        if term < _LOST * total:
            break
        total += term
        moved += term * (k - start)
        squared += term * (k - start) * (k - start)
    away = moved / total
    log_p = (start * log_mean if start > 0.0 else 0.0) - mean - math.lgamma(start + 1.0) + log(total)
    return min(log_p, 0.0), start + away - mean, mean - (squared / total - away * away)


@part(fastmath=FUSED)
def _row(i: int, y: np.ndarray, known: np.ndarray, log_mean: float, mean: float) -> tuple[float, float, float]:
    """Return the same of row i, given its bounds where it has some."""
    width = width_of(known, y)
    log_p, slope, curved = _censored_row(y[i], known[width * i], log_mean, mean)
    if has_bounds(known, width, i):
        log_all, slope_all, curved_all = _censored_row(known[width * i + 1], known[width * i + 2], log_mean, mean)
        log_p, slope, curved = log_p - log_all, slope - slope_all, left_over(curved, curved_all, mean)
    return log_p, slope, curved


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
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i], curved = _row(i, y, known, eta[i], exp(eta[i]))
        information[i] = bounded(curved)
        total += log_p
    return finite_or_impossible(total)


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
    """Sum log p under the square-root link; write its slopes, and the information about log mean times 4 / mean."""
    total = 0.0
    for i in range(len(y)):
        mean = eta[i] * eta[i]
        if not mean > NO_MEAN:
            return -np.inf
        log_p, upwards, curved = _row(i, y, known, log(mean), mean)
        slope[i] = 2.0 * upwards / eta[i]
        information[i] = bounded(4.0 * curved / mean)
        total += log_p
    return finite_or_impossible(total)
