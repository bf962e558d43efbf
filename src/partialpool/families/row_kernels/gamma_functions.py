"""Log gamma and its derivatives in plain arithmetic, as differences that keep their digits for large arguments.

With m = x + 8 and Q(x) = x (x + 1) ... (x + 7),

    log Gamma(x) = (m - 1/2) log m - m + log(2 pi) / 2 + tail(x),      tail(x) = delta(m) - log Q(x),
    delta(m) = 1 / (12 m) - 1 / (360 m^3) + 1 / (1260 m^5) - ...

(Stirling's series, Abramowitz & Stegun 6.1.41). From m = 8 on eight terms of it are exact to 1e-16.
"""

from typing import Final

import numpy as np
from scipy import special

from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, log, log1p
from partialpool.kernels import FUSED, part

__all__ = [
    "SHIFT",
    "log_gamma_excess",
    "log_gamma_half_step",
    "log_gamma_of_successor",
    "log_poisson_at_count",
    "stirling_remainder",
    "successor_tail",
    "tail",
    "trigamma_from_eight",
]

SHIFT: Final = 8.0
"""m - x."""
_LARGE_COUNT: Final = 16.0
_SERIES: Final = 0.25
"""Largest argument of the series about 1."""
_ONE_LESS_EULER: Final = 0.42278433509846713
"""1 - gamma, Euler's constant."""


@part(fastmath=FUSED, inlined=True)
def stirling_remainder(m: float) -> tuple[float, float]:
    """Return delta(m) and its derivative, m >= 8."""
    inverse = 1.0 / m
    z = inverse * inverse
    d = 0.00641025641025641 - z * 0.029550653594771242
    d = -0.0019175269175269176 + z * d
    d = 0.0008417508417508417 + z * d
    d = -0.0005952380952380953 + z * d
    d = 0.0007936507936507937 + z * d
    d = -0.002777777777777778 + z * d
    d = 0.08333333333333333 + z * d
    s = 13.0 * 0.00641025641025641 - z * (15.0 * 0.029550653594771242)
    s = -11.0 * 0.0019175269175269176 + z * s
    s = 9.0 * 0.0008417508417508417 + z * s
    s = -7.0 * 0.0005952380952380953 + z * s
    s = 5.0 * 0.0007936507936507937 + z * s
    s = -3.0 * 0.002777777777777778 + z * s
    s = 0.08333333333333333 + z * s
    return inverse * d, -z * s


@part(fastmath=FUSED, inlined=True)
def tail(x: float) -> tuple[float, float]:
    """Return tail(x) and psi(x) - log m = -1 / (2 m) + delta'(m) - Q'(x) / Q(x), psi being digamma, x > 0."""
    q, slope = x, 1.0
    for j in range(1, 8):
        slope = slope * (x + j) + q
        q = q * (x + j)
    m = x + SHIFT
    delta, delta_slope = stirling_remainder(m)
    return delta - log(q), delta_slope - 0.5 / m - slope / q


@part(fastmath=FUSED, inlined=True)
def successor_tail(x: float) -> tuple[float, float, float]:
    """Return tail(x) + log x, psi(x + 1) - log m and the sum of 1 / (x + j)^2, j = 1 to 7, for x >= 0.

    These are the parts of log Gamma(x + 1) and its first two derivatives, as those of `tail` with P = (x + 1) ...
    (x + 7) in place of Q. The sum is (P' / P)^2 - P'' / P.
    """
    q, slope, half_second = 1.0, 0.0, 0.0
    for j in range(1, 8):
        half_second = half_second * (x + j) + slope
        slope = slope * (x + j) + q
        q = q * (x + j)
    m = x + SHIFT
    delta, delta_slope = stirling_remainder(m)
    relative = slope / q
    return delta - log(q), delta_slope - 0.5 / m - relative, relative * relative - 2.0 * half_second / q


@part(fastmath=FUSED, inlined=True)
def trigamma_from_eight(m: float) -> float:
    """Evaluate psi'(m) = 1 / m + 1 / (2 m^2) + 1 / (6 m^3) - 1 / (30 m^5) + ..., m >= 8 (6.4.12)."""
    inverse = 1.0 / m
    z = inverse * inverse
    s = -0.2531135531135531 + z * 1.1666666666666667
    s = 0.07575757575757576 + z * s
    s = -0.03333333333333333 + z * s
    s = 0.023809523809523808 + z * s
    s = -0.03333333333333333 + z * s
    s = 0.16666666666666666 + z * s
    return inverse + z * (0.5 + inverse * s)


@part(fastmath=FUSED, inlined=True)
def log_gamma_excess(x: float) -> tuple[float, float]:
    """Return log Gamma(x) - x log x + x and its derivative psi(x) - log x, x > 0.

    They are x log(1 + 8 / x) - 8 + 7.5 log m + log(2 pi) / 2 + tail(x) and log(1 + 8 / x) + tail'(x).
    """
    remainder, remainder_slope = tail(x)
    growth = log1p(SHIFT / x)
    excess = (x * growth - SHIFT) + (SHIFT - 0.5) * log(x + SHIFT) + (HALF_LOG_TWO_PI + remainder)
    return excess, growth + remainder_slope


@part(fastmath=FUSED)
def log_gamma_half_step(x: float) -> tuple[float, float]:
    """Return log(Gamma(x + 1/2) / Gamma(x)) - log(x) / 2 and its derivative, x > 0.

    For large x they are -1 / (8 x) and 1 / (8 x^2). With m = x + 8 they are the sum of m log(1 + 1 / (2 m)) - 1/2,
    log(1 + 8 / x) / 2, delta(m + 1/2) - delta(m) and -log(1 + 1 / (2 (x + j))), j = 0 to 7, each small.
    """
    m = x + SHIFT
    low, low_slope = stirling_remainder(m)
    high, high_slope = stirling_remainder(m + 0.5)
    growth = np.log1p(0.5 / m)
    step = (m * growth - 0.5) + 0.5 * np.log1p(SHIFT / x) + (high - low)
    slope = (growth - 0.5 / (m + 0.5)) - 0.5 * SHIFT / (x * m) + (high_slope - low_slope)
    for j in range(8):
        step -= np.log1p(0.5 / (x + j))
        slope += 0.5 / ((x + j) * (x + j + 0.5))
    return step, slope


@part(fastmath=FUSED)
def log_gamma_of_successor(h: float) -> tuple[float, float]:
    """Return log Gamma(1 + h) and psi(1 + h), h > 0; the first to a few units in its last place, also near h = 0.

    Up to h = 1/4 by the series -log(1 + h) + (1 - gamma) h + sum over k from 2 of (zeta(k) - 1) (-h)^k / k (Abramowitz
    & Stegun 6.1.33), of which the terms up to k = 17 are exact to 1e-17 of the value; above as `successor_tail`.
    """
    if h > _SERIES:
        remainder, remainder_slope, _ = successor_tail(h)
        m = h + SHIFT
        return (m - 0.5) * np.log(m) - m + (HALF_LOG_TWO_PI + remainder), np.log(m) + remainder_slope
    d = 9.55141213040742e-07 + h * -4.492469198764566e-07
    d = -2.039215753801366e-06 + h * d
    d = 4.374866789907487e-06 + h * d
    d = -9.439488275268395e-06 + h * d
    d = 2.0507212775670694e-05 + h * d
    d = -4.492623673813314e-05 + h * d
    d = 9.945751278180853e-05 + h * d
    d = -0.00022315475845357936 + h * d
    d = 0.0005096695247430425 + h * d
    d = -0.001192753911703261 + h * d
    d = 0.0028905103307415234 + h * d
    d = -0.007385551028673986 + h * d
    d = 0.020580808427784546 + h * d
    d = -0.0673523010531981 + h * d
    d = 0.3224670334241132 + h * d
    s = 1.528225940865187e-05 + h * -7.637197637899763e-06
    s = -3.058823630702049e-05 + h * s
    s = 6.124813505870483e-05 + h * s
    s = -0.00012271334757848915 + h * s
    s = 0.0002460865533080483 + h * s
    s = -0.0004941886041194645 + h * s
    s = 0.0009945751278180853 + h * s
    s = -0.0020083928260822143 + h * s
    s = 0.00407735619794434 + h * s
    s = -0.008349277381922827 + h * s
    s = 0.01734306198444914 + h * s
    s = -0.03692775514336993 + h * s
    s = 0.08232323371113819 + h * s
    s = -0.2020569031595943 + h * s
    s = 0.6449340668482264 + h * s
    return h * (_ONE_LESS_EULER + h * d) - np.log1p(h), _ONE_LESS_EULER + h * s - 1.0 / (1.0 + h)


def log_poisson_at_count(y: np.ndarray) -> np.ndarray:
    """Evaluate y log y - y - log(y!), the log probability of a count under a Poisson whose mean is that count.

    For large counts it is -log(2 pi y) / 2 - delta(y), in which nothing cancels.
    """
    large = np.maximum(y, _LARGE_COUNT)
    delta = 1 / (12 * large) - 1 / (360 * large**3) + 1 / (1260 * large**5) - 1 / (1680 * large**7)
    exact = special.xlogy(y, y) - y - special.gammaln(y + 1.0)
    return np.where(y < _LARGE_COUNT, exact, -0.5 * np.log(2 * np.pi * large) - delta)
