"""A standard normal variable that is known within bounds only: log probability and its derivatives.

With z_1 and z_2 the ends, P = Phi(z_2) - Phi(z_1), r_j = phi(z_j) / P and L = log P, a larger location, by s scales,
has

    dL/ds = r_1 - r_2,   -d^2 L/ds^2 = z_2 r_2 - z_1 r_1 + (r_2 - r_1)^2,

and a larger scale -dL / d log(scale) = z_1 dL/dz_1 + z_2 dL/dz_2 = z_2 r_2 - z_1 r_1. L is concave in s. Two ends on
one side of 0 are mirrored to the left, where Phi keeps its digits; a narrow interval, of width d about m, has

    P = d phi(m) (1 + d^2 (m^2 - 1) / 24 + O(d^4 (1 + m^4))).
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import normal
from partialpool.families.row_kernels.outcome import bounded
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, excess_of_exp, exp, log, log1p
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, width_of
from partialpool.kernels import FUSED, part

__all__ = ["bounded_row"]

_LARGEST_FINITE: Final = 1.7976931348623157e308
"""The largest finite number: other ends beyond are infinite."""
_NARROW: Final = 1e-3
_LN2: Final = 0.6931471805599453


@part(fastmath=FUSED, inlined=True)
def _seen(z: float) -> tuple[float, float, float, float]:
    """Return -z^2 / 2, its slope z along the location and information 1, and -z^2, all in units of the scale."""
    return -0.5 * z * z, z, 1.0, -z * z


@part(fastmath=FUSED)
def _above(z: float) -> tuple[float, float, float, float]:
    """Return the same of log P(Z > z)."""
    _, log_p, _, hazard, _, curved = normal(z)
    return log_p, hazard, curved, -z * hazard


@part(fastmath=FUSED)
def _below(z: float) -> tuple[float, float, float, float]:
    """Return the same of log P(Z <= z)."""
    log_p, _, slope, _, curved, _ = normal(z)
    return log_p, -slope, curved, z * slope


@part(fastmath=FUSED)
def _between(low: float, high: float) -> tuple[float, float, float, float]:
    """Return the same of log P(low < Z <= high)."""
    width, middle = high - low, 0.5 * (low + high)
    if width * (1.0 + abs(middle)) < _NARROW:
        small = width * width / 12.0
        correction = 0.5 * small * (middle * middle - 1.0)
        bent = 1.0 + correction
        log_p = log(width) - 0.5 * middle * middle - HALF_LOG_TWO_PI + log1p(correction)
        of_middle = -middle + small * middle / bent
        return log_p, -of_middle, 1.0 - small, middle * of_middle + 1.0 + 2.0 * correction / bent
    flipped = middle > 0.0
    a, b = (-high, -low) if flipped else (low, high)
    log_a, log_b = normal(a)[0], normal(b)[0]
    gap = log_a - log_b
    # log(1 - exp(gap)), from the form that keeps its digits.
    rest = log1p(-exp(gap)) if gap < -_LN2 else log(-_expm1(gap))
    log_p = log_b + rest
    r_a = exp(-0.5 * a * a - HALF_LOG_TWO_PI - log_p)
    r_b = exp(-0.5 * b * b - HALF_LOG_TWO_PI - log_p)
    moved = r_a - r_b
    turned = b * r_b - a * r_a
    return log_p, -moved if flipped else moved, turned + moved * moved, turned


@part(fastmath=FUSED, inlined=True)
def _expm1(x: float) -> float:
    """Return exp(x) - 1."""
    return excess_of_exp(x)[0]


@part(fastmath=FUSED)
def _censored_normal(y: float, end: float, z: float, z_end: float) -> tuple[float, float, float, float]:
    """Return the same of a row with response y and other end `end`, which are z and `z_end` in standard units.

    `z_end` is not read where `end` is infinite.
    """
    if end == y:
        return _seen(z)
    if end > _LARGEST_FINITE:
        return _above(z)
    if end < -_LARGEST_FINITE:
        return _below(z)
    return _between(z, z_end)


@part(fastmath=FUSED)
def _censored_row(
    y: float, end: float, location: float, sigma: float, of_log: bool
) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in the location and in sigma, and the informations about both.

    Where `of_log`, the normal variable is the logarithm of the response.
    """
    inverse = 1.0 / sigma
    is_finite = abs(end) <= _LARGEST_FINITE
    at, at_end = log(y) if of_log else y, log(end) if of_log and is_finite else end
    z, z_end = (at - location) * inverse, (at_end - location) * inverse if is_finite else 0.0
    log_p, slope, information, turned = _censored_normal(y, end, z, z_end)
    seen = 1.0 if end == y else 0.0
    return (
        log_p - seen * log(sigma),
        slope * inverse,
        -(turned + seen) * inverse,
        information * inverse * inverse,
        bounded(2.0 * inverse * inverse),
    )


@part(fastmath=FUSED)
def bounded_row(
    i: int, y: np.ndarray, known: np.ndarray, location: float, sigma: float, of_log: bool
) -> tuple[float, float, float, float, float]:
    """Return the same of row i, given its bounds where it has some (`within_bounds.py`)."""
    width = width_of(known, y)
    log_p, slope, own_slope, information, own_information = _censored_row(
        y[i], known[width * i], location, sigma, of_log
    )
    if has_bounds(known, width, i):
        log_all, slope_all, own_all, information_all, _ = _censored_row(
            known[width * i + 1], known[width * i + 2], location, sigma, of_log
        )
        log_p, slope, own_slope = log_p - log_all, slope - slope_all, own_slope - own_all
        information = left_over(information, information_all, 1.0 / (sigma * sigma))
    return log_p, slope, own_slope, information, own_information
