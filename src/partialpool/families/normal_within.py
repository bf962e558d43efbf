"""The mean of a standard normal variable that is between two ends."""

from typing import Final

import numpy as np
from scipy import special

__all__ = ["mean_of_normal_within"]

_HALF_ROOT_TWO_PI: Final = 1.2533141373155003
_ROOT_TWO_PI: Final = 2.5066282746310002


def mean_of_normal_within(low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Evaluate E(Z | low < Z <= high) = (phi(low) - phi(high)) / (Phi(high) - Phi(low)), elementwise.

    Ends on one side of 0 are mirrored to the right. There, with Mills' ratio R = (1 - Phi) / phi and
    E = phi(high) / phi(low), it is (1 - E) / (R(low) - E R(high)), in which nothing underflows.

    Examples
    --------
    >>> mean_of_normal_within(np.array([-np.inf, 0.0, 1000.0]), np.array([np.inf, np.inf, np.inf])).round(4).tolist()
    [0.0, 0.7979, 1000.001]
    """
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        mirrored = low + high < 0  # not where both ends are infinite
        a, b = np.where(mirrored, -high, low), np.where(mirrored, -low, high)
        right = a > 0
        shrunk = np.where(b < np.inf, np.exp(-0.5 * (b - a) * (b + a)), 0.0)
        outer = np.where(b < np.inf, _mills_ratio(np.where(right & (b < np.inf), b, 1.0)), 0.0)
        beyond = (1 - shrunk) / (_mills_ratio(np.where(right, a, 1.0)) - shrunk * outer)
        around = (np.exp(-0.5 * a**2) - np.exp(-0.5 * b**2)) / _ROOT_TWO_PI / (special.ndtr(b) - special.ndtr(a))
    mean = np.where(right, beyond, around)
    return np.where(mirrored, -mean, mean)


def _mills_ratio(z: np.ndarray) -> np.ndarray:
    """Evaluate (1 - Phi(z)) / phi(z), z > 0."""
    return _HALF_ROOT_TWO_PI * special.erfcx(z / np.sqrt(2))
