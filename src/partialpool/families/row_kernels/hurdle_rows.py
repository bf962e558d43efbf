"""The hurdle of a response that is 0 with probability hu: log hu for a zero, log(1 - hu) for what is above it."""

from partialpool.families.row_kernels.outcome import bounded
from partialpool.families.row_kernels.vector_math import log, log1p
from partialpool.kernels import FUSED, part

__all__ = ["hurdle"]


@part(fastmath=FUSED, inlined=True)
def hurdle(y: float, hu: float) -> tuple[float, float, float]:
    """Return the log probability of being 0, or of not being, its slope in hu and its expected information."""
    rest = 1.0 - hu
    zero = not y > 0.0
    return log(hu) if zero else log1p(-hu), 1.0 / hu if zero else -1.0 / rest, bounded(1.0 / (hu * rest))
