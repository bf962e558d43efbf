"""Both tail probabilities of a gamma variable with their derivatives in the shape.

With h(a, x) = x^a e^-x / Gamma(a), the density of log x, the regularised incomplete gamma functions are

    P(a, x) = h / a (1 + x / (a + 1) + x^2 / ((a + 1) (a + 2)) + ...),
    Q(a, x) = h / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...)))

(DLMF 8.7.1 and 8.9.2). The series is used below x = a + 1, the continued fraction above, and 1 less it for the other
tail; derivatives in a are carried along, term by term, and level by level of Lentz's recurrence (Thompson & Barnett
1986, J. Comput. Phys. 64:490). Both need of the order of sqrt(a) steps near x = a.
"""

from typing import Final

from partialpool.families.row_kernels.gamma_functions import log_gamma_excess
from partialpool.families.row_kernels.vector_math import log, log_excess
from partialpool.families.row_kernels.within_tails import complement
from partialpool.kernels import FUSED, part

__all__ = ["LARGEST_SHAPE", "gamma_tails"]

LARGEST_SHAPE: Final = 1e9
"""Shapes above it are impossible: they would need too many steps."""
_LOST: Final = 1e-17
_MOST: Final = 2_000_000


@part(fastmath=FUSED)
def _series(a: float, x: float) -> tuple[float, float]:
    """Return the sum 1 + x / (a + 1) + ..., and the derivative of its logarithm in a."""
    total, moved = 1.0, 0.0
    term, harmonic, n = 1.0, 0.0, 0
    while n < _MOST:
        n += 1
        term *= x / (a + n)
        harmonic += 1.0 / (a + n)
        total += term
        moved += term * harmonic
        if term < _LOST * total and term * harmonic <= _LOST * moved:
            break
    return total, -moved / total


@part(fastmath=FUSED)
def _fraction(a: float, x: float) -> tuple[float, float]:
    """Return x + 1 - a - 1 (1 - a) / (x + 3 - a - ...), and the derivative of its logarithm in a."""
    base = x + 1.0 - a
    value, slope = base, -1.0 / base
    c, c_slope, d, d_slope = base, -1.0, 0.0, 0.0
    n = 0
    while n < _MOST:
        n += 1
        base += 2.0
        top, top_slope = n * (a - n), 1.0 * n
        d_slope = -1.0 + top_slope * d + top * d_slope
        d = 1.0 / (base + top * d)
        d_slope = -d * d * d_slope
        c_slope = -1.0 + (top_slope - top * c_slope / c) / c
        c = base + top / c
        change, step = c * d, c_slope / c + d_slope / d
        value *= change
        slope += step
        if abs(change - 1.0) < _LOST * 10.0 and abs(step) <= _LOST * 10.0 * abs(slope):
            break
    return value, slope


@part(fastmath=FUSED)
def gamma_tails(a: float, x: float) -> tuple[float, float, float, float, float, float]:
    """Return log P and log Q, their derivatives in a at this x, log h, and a - x, its derivative in log x."""
    excess, excess_slope = log_gamma_excess(a)
    log_density = -a * log_excess(x / a) - excess
    of_shape = log(x / a) - excess_slope
    if x < a + 1.0:
        total, slope = _series(a, x)
        below, of_below = log_density + log(total) - log(a), of_shape + slope - 1.0 / a
        below = min(below, -1e-300)
        above, of_above = complement(below, of_below)
    else:
        total, slope = _fraction(a, x)
        above, of_above = log_density - log(total), of_shape - slope
        below, of_below = complement(above, of_above)
    return below, above, of_below, of_above, log_density, a - x
