"""Row kernels of the cumulative family, own parameters the cutpoints; y is the code of a category, from 0.

A category from l to u, distances of its cutpoints from eta, has the probability F(u) - F(l). With the width d = u - l,
g = 1 - exp(-d), G = 1 - F and h(x) = exp(x),

    logit:    log p = log F(u) + log G(l) + log g,
    cloglog:  log p = -h(l) + log(1 - exp(-g h(u))) = log G(l) + log F(u + log g),

in which nothing cancels. Probit is described at `_row_probit`. The lowest and the highest category end at
+-1e50, where F is 0 or 1. Nothing is left out.

Rows are taken in blocks of 256. The ends of their categories are copied side by side into one array, on which the
arithmetic vectorises; the slopes in l and u are then added to those of the cutpoints.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, mills_ratio, normal
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, exp, log, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "rows_cloglog", "rows_logit", "rows_probit"]

_LOGIT: Final = 0
_PROBIT: Final = 1
_CLOGLOG: Final = 2
_END: Final = 1e50
"""The outer categories' ends; cutpoints beyond are impossible."""
_BLOCK: Final = 256
_LOWER: Final = 0
_UPPER: Final = 1
_GAP: Final = 2
_INVERSE: Final = 3
_ETA: Final = 4
"""Columns of a block: l and u, later the slopes in them; log g; 1 / (exp(d) - 1), later the information; eta, later
its slope."""
_NARROW: Final = 0.01
"""A normal category is narrow if its width times the larger of 1 and its middle is less."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part
def _describe(cutpoints: np.ndarray, ends: np.ndarray, gaps: np.ndarray, inverses: np.ndarray) -> bool:
    """Write the K + 1 ends of the categories, log g and 1 / (exp(d) - 1) of each; False unless they ascend."""
    count = len(cutpoints)
    ends[0], ends[count + 1] = -_END, _END
    gaps[0] = gaps[count] = inverses[0] = inverses[count] = 0.0
    for k in range(count):
        if not abs(cutpoints[k]) < _END:
            return False
        ends[k + 1] = cutpoints[k]
        if k > 0:
            width = cutpoints[k] - cutpoints[k - 1]
            if not width > 0.0:
                return False
            gaps[k] = np.log(-np.expm1(-width)) if width < 1.0 else np.log1p(-np.exp(-width))
            inverses[k] = 1.0 / np.expm1(width)
    return True


@part
def _gather(
    y: np.ndarray,
    eta: np.ndarray,
    start: int,
    count: int,
    ends: np.ndarray,
    gaps: np.ndarray,
    inverses: np.ndarray,
    block: np.ndarray,
) -> None:
    """Fill a block with the ends and gaps of its rows' categories."""
    for j in range(count):
        k = int(y[start + j])
        block[_LOWER * _BLOCK + j] = ends[k]
        block[_UPPER * _BLOCK + j] = ends[k + 1]
        block[_GAP * _BLOCK + j] = gaps[k]
        block[_INVERSE * _BLOCK + j] = inverses[k]
        block[_ETA * _BLOCK + j] = eta[start + j]


@part
def _scatter(
    y: np.ndarray,
    start: int,
    count: int,
    block: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> None:
    """Write a block's slopes and information, and add the slopes in l and u to the cutpoints'."""
    for j in range(count):
        k = int(y[start + j])
        slope[start + j] = block[_ETA * _BLOCK + j]
        information[start + j] = block[_INVERSE * _BLOCK + j]
        if k > 0:
            own_slope[k - 1] += block[_LOWER * _BLOCK + j]
        if k < len(own_slope):
            own_slope[k] += block[_UPPER * _BLOCK + j]


@part(inlined=True)
def _load(block: np.ndarray, j: int) -> tuple[float, float, float, float, float]:
    return (
        block[_ETA * _BLOCK + j],
        block[_LOWER * _BLOCK + j],
        block[_UPPER * _BLOCK + j],
        block[_GAP * _BLOCK + j],
        block[_INVERSE * _BLOCK + j],
    )


@part(inlined=True)
def _store(block: np.ndarray, j: int, row: tuple[float, float, float, float, float]) -> float:
    log_p, slope, information, upper, lower = row
    block[_ETA * _BLOCK + j] = slope
    block[_INVERSE * _BLOCK + j] = information
    block[_UPPER * _BLOCK + j] = upper
    block[_LOWER * _BLOCK + j] = lower
    return log_p


@part(fastmath=FUSED, inlined=True)
def _row_logit(
    eta: float, bottom: float, top: float, gap: float, inverse: float
) -> tuple[float, float, float, float, float]:
    """Return log p, its slope F(l) - G(u), the observed information, and its slopes in u and l.

    The information is f(u) + f(l), f = F G; the slopes are G(u) + 1 / (exp(d) - 1) and -F(l) - 1 / (exp(d) - 1).
    """
    log_below, _, above, _, upper, _ = logistic(top - eta)
    _, log_above, _, below, lower, _ = logistic(bottom - eta)
    return log_below + log_above + gap, below - above, bounded(upper + lower), above + inverse, -below - inverse


@part(fastmath=FUSED, inlined=True)
def _row_cloglog(
    eta: float, bottom: float, top: float, gap: float, inverse: float
) -> tuple[float, float, float, float, float]:
    """Return log p, its slope h(l) - k, the observed information, and its slopes in u and l.

    k is the slope of log F at x = u + log g; dx / du = 1 / g = 1 + 1 / (exp(d) - 1), dx / dl = -1 / (exp(d) - 1).
    """
    log_success, _, k, _, curved, _ = complementary_log_log(top - eta + gap)
    rate = exp(bottom - eta)
    return log_success - rate, rate - k, bounded(rate + curved), k + k * inverse, -rate - k * inverse


@part(fastmath=FUSED, inlined=True)
def _row_probit(
    eta: float, bottom: float, top: float, gap: float, inverse: float
) -> tuple[float, float, float, float, float]:
    """Return log p, its slope, the observed information, and its slopes in u and l.

    Reflected so that its middle c is not positive, a category has

        p = F(u) (1 - E),   E = F(l) / F(u) = exp(-d abs(c)) R(-l) / R(-u),   R being Mills' ratio,

    the last where u <= 0. The slopes in u and l are f(u) / p and -f(l) / p, that in eta is minus their sum s, and
    -d^2 log p / d eta^2 = s^2 + u f(u) / p - l f(l) / p. A narrow category has, in powers of d,

        log p = log phi(c) + log d + (c^2 - 1) d^2 / 24 - (c^4 / 2880 + c^2 / 720 - 1 / 1440) d^4 + O((c d)^6).
    """
    width = top - bottom
    middle = 0.5 * ((top - eta) + (bottom - eta))
    reflected = middle > 0.0
    high = eta - bottom if reflected else top - eta
    low = eta - top if reflected else bottom - eta
    log_high, _, hazard_high, _, _, _ = normal(high)
    log_low, _, hazard_low, _, _, _ = normal(low)
    ratio = exp(-width * abs(middle)) * mills_ratio(abs(low)) / mills_ratio(abs(high))
    share = ratio if high <= 0.0 else exp(log_low - log_high)
    wide_log = log_high + log1p(-min(share, 0.9999))
    of_high = hazard_high / (1.0 - share)
    of_low = -hazard_low * share / (1.0 - share)
    total = of_high + of_low
    wide_curved = total * total + high * of_high + low * of_low
    c = abs(middle)
    c2, d2 = c * c, width * width
    narrow = width * max(c, 1.0) < _NARROW
    narrow_log = (
        -0.5 * c2 - HALF_LOG_TWO_PI + log(width) + d2 * ((c2 - 1.0) / 24.0 - d2 * ((c2 + 4.0) * c2 - 2.0) / 2880.0)
    )
    half = 0.5 * c * (1.0 - d2 / 12.0 + d2 * d2 * (c2 + 2.0) / 720.0)
    along = 1.0 / width + width * (c2 - 1.0) / 12.0 - d2 * width * ((c2 + 4.0) * c2 - 2.0) / 720.0
    narrow_curved = 1.0 - d2 / 12.0 + d2 * d2 * (c2 / 240.0 + 1.0 / 360.0)
    log_p = narrow_log if narrow else wide_log
    slope = -2.0 * half if narrow else -total
    up = half + along if narrow else of_high
    down = half - along if narrow else of_low
    curved = bounded(narrow_curved if narrow else wide_curved)
    return (
        log_p,
        -slope if reflected else slope,
        curved,
        -down if reflected else up,
        -up if reflected else down,
    )


@part(fastmath=REORDERED)
def _block_logit(block: np.ndarray, count: int) -> float:
    """Sum log p of a block and write its slopes and information."""
    total = 0.0
    for j in range(count):
        eta, bottom, top, gap, inverse = _load(block, j)
        total += _store(block, j, _row_logit(eta, bottom, top, gap, inverse))
    return total


@part(fastmath=REORDERED)
def _block_probit(block: np.ndarray, count: int) -> float:
    """Sum log p of a block and write its slopes and information."""
    total = 0.0
    for j in range(count):
        eta, bottom, top, gap, inverse = _load(block, j)
        total += _store(block, j, _row_probit(eta, bottom, top, gap, inverse))
    return total


@part(fastmath=REORDERED)
def _block_cloglog(block: np.ndarray, count: int) -> float:
    """Sum log p of a block and write its slopes and information."""
    total = 0.0
    for j in range(count):
        eta, bottom, top, gap, inverse = _load(block, j)
        total += _store(block, j, _row_cloglog(eta, bottom, top, gap, inverse))
    return total


@part
def _sum(
    link: int,
    y: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p block by block; write its slopes and the observed information."""
    ends, gaps, inverses = np.empty(len(own) + 2), np.empty(len(own) + 1), np.empty(len(own) + 1)
    if not _describe(own, ends, gaps, inverses):
        return -np.inf
    block = np.empty(5 * _BLOCK)
    for k in range(len(own)):
        own_slope[k] = 0.0
    total = 0.0
    for start in range(0, len(y), _BLOCK):
        count = min(_BLOCK, len(y) - start)
        _gather(y, eta, start, count, ends, gaps, inverses, block)
        if link == _LOGIT:
            total += _block_logit(block, count)
        elif link == _PROBIT:
            total += _block_probit(block, count)
        else:
            total += _block_cloglog(block, count)
        _scatter(y, start, count, block, slope, information, own_slope)
    return finite_or_impossible(total)


@kernel
def rows_logit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the logit link; write its slopes and the observed information."""
    return _sum(_LOGIT, y, eta, own, slope, information, own_slope)


@kernel
def rows_probit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the probit link; write its slopes and the observed information."""
    return _sum(_PROBIT, y, eta, own, slope, information, own_slope)


@kernel
def rows_cloglog(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the cloglog link; write its slopes and the observed information."""
    return _sum(_CLOGLOG, y, eta, own, slope, information, own_slope)
