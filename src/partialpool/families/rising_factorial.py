"""Ratios of gamma functions, x (x + 1) ... (x + k - 1) = Gamma(x + k) / Gamma(x), without cancelling terms."""

from typing import Final

import numpy as np
from scipy import special

__all__ = ["log_rising"]

_SMALL: Final = 10.0
"""Below this, differences of log gammas are computed as such; above it by Stirling's series."""


def log_rising(times: np.ndarray, log_x: np.ndarray) -> np.ndarray:
    """Evaluate log Gamma(x + k) - log Gamma(x) - k log x, k = times, given log x; 0 for k = 0."""
    k, x = np.maximum(times, 1.0), np.exp(log_x)
    small = special.gammaln(np.minimum(x, _SMALL) + k) - special.gammaln(np.minimum(x, _SMALL) + 1) + (1 - k) * log_x
    large = np.maximum(x, _SMALL)
    growth = large * (np.log1p(k / large) - k / large) + (k - 0.5) * np.log1p(k / large)
    series = growth + _stirling(large + k) - _stirling(large)
    return np.where(times > 0, np.where(x < _SMALL, small, series), 0.0)


def _stirling(x: np.ndarray) -> np.ndarray:
    """Evaluate log Gamma(x) less (x - 1/2) log x - x + log(2 pi) / 2, x >= 10."""
    z = 1 / x**2
    return (1 / 12 - z * (1 / 360 - z * (1 / 1260 - z * (1 / 1680 - z / 1188)))) / x
