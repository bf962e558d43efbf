"""Logs of the regularised incomplete gamma functions, which keep their digits where a probability underflows.

P(a, x) = x^a e^-x / Gamma(a + 1) 1F1(1; a + 1; x), the series with positive terms, and by the continued fraction

    Q(a, x) = x^a e^-x / Gamma(a) / (x + 1 - a - 1 (1 - a) / (x + 3 - a - 2 (2 - a) / (x + 5 - a - ...)))

(DLMF 8.7.1 and 8.9.2), each where it is too small for SciPy's.
"""

from typing import Final

import numpy as np
from scipy import special

__all__ = ["log_incomplete_gamma"]

_UNDERFLOWING: Final = 1e-290
_LEVELS: Final = 400
"""Levels of the continued fraction: where Q underflows, x is so far above a that a few would do."""


def log_incomplete_gamma(a: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return log P(a, x) and log Q(a, x), elementwise, a > 0 and x >= 0.

    Examples
    --------
    >>> below, above = log_incomplete_gamma(np.array([2.0]), np.array([1e-200, 1.0, 2000.0]))
    >>> below.round(4).tolist(), above.round(4).tolist()
    ([-921.7272, -1.3309, -0.0], [-0.0, -0.3069, -1992.3986])
    """
    a, x = np.broadcast_arrays(np.asarray(a, float), np.asarray(x, float))
    below, above = special.gammainc(a, x), special.gammaincc(a, x)
    few, many = (below < _UNDERFLOWING) & (x > 0), (above < _UNDERFLOWING) & (x < np.inf)
    with np.errstate(divide="ignore"):
        log_below = np.where(below < 0.5, np.log(below), np.log1p(-above))
        log_above = np.where(above < 0.5, np.log(above), np.log1p(-below))
    if few.any():
        b, z = a[few], x[few]
        log_below[few] = b * np.log(z) - z - special.gammaln(b + 1) + np.log(special.hyp1f1(1.0, b + 1, z))
    if many.any():
        b, z = a[many], x[many]
        tail = z + 2 * _LEVELS + 1 - b
        for k in range(_LEVELS, 0, -1):
            tail = z + 2 * k - 1 - b - k * (k - b) / tail
        log_above[many] = b * np.log(z) - z - special.gammaln(b) - np.log(tail)
    return log_below, log_above
