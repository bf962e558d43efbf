"""A variable that is known within bounds only, given its tails at the bounds: log probability and its derivatives.

Along u, in which the bounds move up against the distribution, P_j' = h_j at both ends, P_j the probability below, and
with q_j = h_j / P, L = log P and P = P_2 - P_1,

    dL/du = q_2 - q_1,   -d^2 L/du^2 = (dL/du)^2 - q_2 s_2 + q_1 s_1,   s_j = d log h_j / du.

The difference of probabilities is taken from the smaller tail; in an interval of relative width d, it and its
derivatives lose 1 / d in digits.
"""

from typing import Final

from partialpool.families.row_kernels.vector_math import excess_of_exp, exp, log, log1p
from partialpool.kernels import FUSED, part

__all__ = ["complement", "within_tails"]

_LN2: Final = 0.6931471805599453
_LARGEST_FINITE: Final = 1.7976931348623157e308
_CERTAIN: Final = -745.0


@part(fastmath=FUSED)
def complement(log_p: float, slope: float) -> tuple[float, float]:
    """Return log(1 - p) and its derivative, given log p and its own."""
    if log_p < _CERTAIN:
        return 0.0, 0.0
    less_one = excess_of_exp(log_p)[0]
    p = exp(log_p)
    rest = log1p(-p) if log_p < -_LN2 else log(-less_one)
    return rest, slope * p / less_one


@part(fastmath=FUSED)
def within_tails(
    y: float,
    end: float,
    low: tuple[float, float, float, float, float, float],
    high: tuple[float, float, float, float, float, float],
) -> tuple[float, float, float, float, float]:
    """Return L, q_1, q_2, -d^2 L/du^2 and the derivative of L in a shape.

    Parameters
    ----------
    y, end
        The response and its other end: above y where that is infinite, y or below where it is -infinity.
    low, high
        At y and at `end`, or anything where that is infinite: logs of the probabilities below and above, their
        derivatives in the shape, log h, and s.
    """
    if end > _LARGEST_FINITE:
        q = exp(low[4] - low[1])
        return low[1], q, 0.0, q * (low[5] + q), low[3]
    if end < -_LARGEST_FINITE:
        q = exp(low[4] - low[0])
        return low[0], 0.0, q, q * (q - low[5]), low[2]
    from_below = high[0] < low[1]
    large, small = (high[0], low[0]) if from_below else (low[1], high[1])
    large_slope, small_slope = (high[2], low[2]) if from_below else (low[3], high[3])
    rest, _ = complement(small - large, 0.0)
    log_p = large + rest
    q_low, q_high = exp(low[4] - log_p), exp(high[4] - log_p)
    moved = q_high - q_low
    curved = moved * moved - q_high * high[5] + q_low * low[5]
    shape = exp(large - log_p) * large_slope - exp(small - log_p) * small_slope
    return log_p, q_low, q_high, curved, shape
