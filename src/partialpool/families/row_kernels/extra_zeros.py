"""Zeros of a mixture: a count that is 0 for certain with probability zi, else from a distribution with zeros.

With p0 the probability of a zero of that distribution, P(0) = d = zi + (1 - zi) p0 = 1 - (1 - zi) (1 - p0). Given a
zero, w = (1 - zi) p0 / d is the probability that it is one of the distribution's.

    d log d / d log p0 = w,   d log d / d zi = (1 - p0) / d.

A count above 0 has log p = log(1 - zi) + log p of the distribution, with slope -1 / (1 - zi) in zi, so that the
expected information about zi is (1 - p0) / (d (1 - zi)). With J the information of the distribution about its linear
predictor and s the slope of log p0 along that, the mixture's is (1 - zi) (J - p0 s^2 (1 - w)).
"""

from typing import Final

from partialpool.families.row_kernels.outcome import bounded
from partialpool.families.row_kernels.vector_math import NORMAL, excess_of_exp, exp, log, log1p
from partialpool.kernels import FUSED, part

__all__ = ["extra_zero", "mixed_information"]

_NEVER: Final = -700.0
"""log p0 below which p0 is 0."""


@part(fastmath=FUSED, inlined=True)
def extra_zero(zi: float, log_none: float) -> tuple[float, float, float, float, float]:
    """Return log d, w, 1 - w, p0 and (1 - p0) / d, given zi and log p0."""
    kept = 1.0 - zi
    less_one, _ = excess_of_exp(log_none)
    possible = exp(max(log_none, _NEVER))
    none = possible if log_none > _NEVER else 0.0
    chance = zi + kept * none
    of_some, of_chance = log1p(kept * less_one), log(max(chance, NORMAL))
    log_chance = of_some if chance > 0.5 else of_chance
    return log_chance, kept * none / chance, zi / chance, none, -less_one / chance


@part(fastmath=FUSED, inlined=True)
def mixed_information(zi: float, own: float, none: float, slope: float, rest: float) -> float:
    """Return (1 - zi) (J - p0 s^2 (1 - w)), which is above 0."""
    return bounded((1.0 - zi) * (own - none * slope * slope * rest))
