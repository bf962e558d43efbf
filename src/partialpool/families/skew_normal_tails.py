"""Tail probabilities of the standard skew normal distribution, each to its own digits.

P(Z < z) = Phi(z) - 2 T(z, alpha) with Owen's T (Azzalini 1985, Scandinavian Journal of Statistics 12:171). On the side
away from the skew the two nearly cancel: there the density 2 phi(t) Phi(alpha t), which falls at least as fast as an
exponential, is integrated by Gauss-Laguerre quadrature.
"""

from typing import Final

import numpy as np
from scipy import special

__all__ = ["skew_normal_tails"]

_LIGHT: Final = -2.0
"""The alpha z below which the light tail is integrated: at -2 the difference has lost a digit or two."""
_NODES, _WEIGHTS = special.roots_laguerre(60)


def skew_normal_tails(z: np.ndarray, alpha: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return P(Z < z) and P(Z > z) of a standard skew normal variable, elementwise.

    Examples
    --------
    >>> below, above = skew_normal_tails(np.array([-1.0, 1.0]), np.array([2.0]))
    >>> below.round(6).tolist(), (below + above).round(12).tolist()
    ([0.001719, 0.684408], [1.0, 1.0])
    """
    z, alpha = np.broadcast_arrays(z, alpha)
    owen = 2 * special.owens_t(z, alpha)
    below, above = special.ndtr(z) - owen, special.ndtr(-z) + owen
    # For alpha < 0 the light tail is the upper one.
    for side, sign in ((below, 1.0), (above, -1.0)):
        light = (alpha * z < _LIGHT) & (sign * alpha > 0)
        side[light] = _light_tail(np.abs(z[light]), np.abs(alpha[light]))
    return below, above


def _light_tail(distance: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return P(Z < -distance), alpha > 0, distance > 0: with t = distance + s / rate, the integral over s > 0."""
    rate = distance * (1 + alpha**2)
    total = np.zeros(distance.shape)
    for node, weight in zip(_NODES, _WEIGHTS, strict=True):
        t = distance + node / rate
        total += weight * np.exp(node - 0.5 * t**2 + special.log_ndtr(-alpha * t)) / rate
    return np.sqrt(2 / np.pi) * total
