"""Logs of the regularised incomplete beta function and of its complement, which keep their digits where one underflows.

Where SciPy's is too small, I_x(a, b) = x^a y^b / B(a, b) / (t_0 + s_1 / (t_1 + ...)), the continued fraction of
Didonato & Morris (1992, ACM Trans. Math. Softw. 18:360, equation 9); `row_kernels/beta_tails.py` has its terms.
"""

from typing import Final

import numpy as np
from scipy import special

__all__ = ["log_incomplete_beta"]

_UNDERFLOWING: Final = 1e-290
_LEVELS: Final = 400
"""Levels of the fraction: where I underflows, it is so far out that a few would do."""


def log_incomplete_beta(a: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log I_x(a, b) and log I_y(b, a), the complement, elementwise; y is 1 - x, given with all its digits.

    Examples
    --------
    >>> small = np.array([1e-200])
    >>> one, other = log_incomplete_beta(np.array([2.0]), np.array([1.0]), small, 1 - small)  # x^2
    >>> one.round(3).tolist(), other.round(3).tolist()
    ([-921.034], [-0.0])
    """
    a, b, x, y = np.broadcast_arrays(*(np.asarray(part, float) for part in (a, b, x, y)))
    # From the smaller of x and y, which has all its digits relative to itself.
    is_left = x < y
    first, second, at = np.where(is_left, a, b), np.where(is_left, b, a), np.minimum(x, y)
    inside, outside = special.betainc(first, second, at), special.betaincc(first, second, at)
    below, above = np.where(is_left, inside, outside), np.where(is_left, outside, inside)
    with np.errstate(divide="ignore"):
        log_below = np.where(below < 0.5, np.log(below), np.log1p(-above))
        log_above = np.where(above < 0.5, np.log(above), np.log1p(-below))
    for out, small, parts in ((log_below, below, (a, b, x, y)), (log_above, above, (b, a, y, x))):
        some = (small < _UNDERFLOWING) & (parts[2] > 0)
        if some.any():
            out[some] = _log_by_fraction(*(part[some] for part in parts))
    return log_below, log_above


def _log_by_fraction(a: np.ndarray, b: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    m = a * y - b * x
    fraction = np.full(a.shape, np.inf)
    for n in range(_LEVELS, -1, -1):
        under, over = 1 / (a + 2 * n - 1), 1 / (a + 2 * n + 1)
        level = n + n * (b - n) * x * under + (a + n) * over * (m + 1 + n * (1 + y))
        following = n + 1
        top = (a + n) * (a + b + n) * following * (b - following) * (x * over) ** 2
        fraction = level + top / fraction
    return special.xlogy(a, x) + special.xlog1py(b, -x) - special.betaln(a, b) - np.log(fraction)
