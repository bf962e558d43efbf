"""A positive variable with a known hazard that is known within bounds only: log probability and its derivatives.

With H(y) the cumulated hazard, P(Y > y) = exp(-H), and H_1 at the lower end, D = H_2 - H_1 > 0,

    L = log P(y_1 < Y <= y_2) = -H_1 + log(1 - exp(-D)).

Right censored rows have D infinite, left censored ones H_1 = 0. Where all H are multiplied by e^s,

    dL/ds = -H_1 + g,   -d^2 L/ds^2 = H_1 + g (D + g - 1) > 0,   g = D / (exp(D) - 1).
"""

from typing import Final

from partialpool.families.row_kernels.vector_math import excess_of_exp, exp, log, log1p
from partialpool.kernels import FUSED, part

__all__ = ["ENDLESS", "within_hazards"]

ENDLESS: Final = 700.0
"""exp(-D) is 0 from here on, as far as L and its derivatives go."""
_LN2: Final = 0.6931471805599453
_SMALL: Final = 1e-3


@part(fastmath=FUSED)
def within_hazards(first: float, more: float) -> tuple[float, float, float, float]:
    """Return L, dL/ds, -d^2 L/ds^2 and 1 / (exp(D) - 1), given H_1 and D."""
    d = min(more, ENDLESS)
    less_one = excess_of_exp(-d)[0]
    gone = exp(-d)
    log_p = log(-less_one) if d < _LN2 else log1p(-gone)
    odds = -gone / less_one
    g = d * odds
    # D + g - 1 = D / 2 + D^2 / 12 - D^4 / 720 + ...
    bent = d * (0.5 + d * (1.0 / 12.0 - d * d / 720.0)) if d < _SMALL else d + g - 1.0
    return log_p - first, g - first, first + g * bent, odds
