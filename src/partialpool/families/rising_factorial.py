"""Ratios of gamma functions, x (x + 1) ... (x + k - 1) = Gamma(x + k) / Gamma(x), without cancelling terms."""

from typing import Final

import numpy as np
from scipy import special

__all__ = ["log_rising"]

_SMALL: Final = 10.0
"""Below this, differences of log gammas are computed as such; above it by Stirling's series."""


def log_rising(times: np.ndarray, log_x: np.ndarray) -> np.ndarray:
    """Evaluate log Gamma(x + k) - log Gamma(x) - k log x, k = times, given log x; 0 for k = 0.

    Examples
    --------
    >>> log_rising(np.array([0.0, 3.0]), np.log([2.0, 2.0])).round(6).tolist()
    [0.0, 1.098612]
    """
    k, x = np.maximum(times, 1.0), np.exp(log_x)
    is_small = x < _SMALL
    if is_small.all():  # the usual case, and half the work
        value = _by_gammas(k, x, log_x)
    else:
        value = np.where(is_small, _by_gammas(k, np.minimum(x, _SMALL), log_x), _by_series(k, np.maximum(x, _SMALL)))
    return np.where(times > 0, value, 0.0)


def _by_gammas(k: np.ndarray, x: np.ndarray, log_x: np.ndarray) -> np.ndarray:
    return special.gammaln(x + k) - special.gammaln(x + 1) + (1 - k) * log_x


def _by_series(k: np.ndarray, x: np.ndarray) -> np.ndarray:
    growth = np.log1p(k / x)
    return x * (growth - k / x) + (k - 0.5) * growth + _stirling(x + k) - _stirling(x)


def _stirling(x: np.ndarray) -> np.ndarray:
    """Evaluate log Gamma(x) less (x - 1/2) log x - x + log(2 pi) / 2, x >= 10."""
    z = 1 / x**2
    return (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z / 1188)))) / x
