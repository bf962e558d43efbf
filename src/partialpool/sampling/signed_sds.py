"""Coordinates for NUTS in which a standard deviation passes through zero.

If the data are compatible with an sd of zero, its log has a long left tail, in which steps are too short for all other
elements. On the line x = asinh(s / c), s an sd with a sign, the density has light tails on both sides and is smooth
through zero: Sigma = diag(s) R diag(s) is a smooth function of s, and the sign of s_k is equivalent to that of all
correlations of effect k. So

    sd_k = |s_k|,    z_kj = sign(s_k) sign(s_j) tanh(x_kj)

for the partial correlations z (flipping an effect flips the partial correlations it takes part in, and no others).
Mirror images are equally likely: chains may stay in any of them.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.sampling.mode import Peak, widths
from partialpool.sampling.target import Target

__all__ = ["Signed", "choose_signed"]

_SMALLEST: Final = 1e-10
"""Smallest |x|: nearer to zero the log of the sd would be minus infinity."""
_LARGEST: Final = 500.0
_STEP: Final = 1e-3
"""Step of differences of gradients."""
_FLATTEST: Final = 0.1
"""Smallest curvature used: 3 units of these coordinates are wider than any posterior that has data."""


@dataclass(frozen=True, eq=False)
class Signed:
    """The density of a target in coordinates with signed sds.

    Attributes
    ----------
    target
        The target that defines theta.
    sds, log_scale
        Positions in theta of the log sds, and log c of each.
    partials, first, second
        Positions in theta of the partial correlations, and of the sds of the two effects of each.
    """

    target: Target
    sds: np.ndarray
    log_scale: np.ndarray
    partials: np.ndarray
    first: np.ndarray
    second: np.ndarray

    def to_theta(self, x: np.ndarray) -> np.ndarray:
        """Map x (elements,) to theta."""
        return self._theta_and_signs(x)[0]

    def from_theta(self, theta: np.ndarray) -> np.ndarray:
        """Map theta (elements,) to x with every sign positive."""
        x = theta.copy()
        x[self.sds] = np.arcsinh(np.exp(theta[self.sds] - self.log_scale))
        return x

    def gradient(self, x: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the log density of x and its gradient (elements,).

        With g = d log p / d log sd, d log |d log sd / dx| included: d log p / dx = (g - 1) coth x + tanh x.
        """
        theta, signs, flips = self._theta_and_signs(x)
        value, gradient = self.target.gradient(theta)
        gradient[self.partials] *= flips
        slope = np.tanh(np.maximum(np.abs(x[self.sds]), _SMALLEST))
        gradient[self.sds] = signs * ((gradient[self.sds] - 1.0) / slope + slope)
        return value - float(np.log(slope).sum()), gradient

    def covariance(self, peak: Peak) -> np.ndarray:
        """Return the inverse negative Hessian at a peak, by differences of the gradient, (elements, elements)."""
        x = self.from_theta(peak.theta)
        steps = _STEP * np.eye(len(x))
        slopes = np.array([self.gradient(x + step)[1] - self.gradient(x - step)[1] for step in steps])
        return widths(-(slopes + slopes.T) / (4 * _STEP), _FLATTEST)

    def _theta_and_signs(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return theta, the sign of each log sd, and that of each partial correlation."""
        theta, signs = x.copy(), np.ones_like(x)
        signs[self.sds] = np.where(x[self.sds] < 0, -1.0, 1.0)
        size = np.clip(np.abs(x[self.sds]), _SMALLEST, _LARGEST)
        theta[self.sds] = self.log_scale + np.log(np.sinh(size))
        flips = signs[self.first] * signs[self.second]
        theta[self.partials] *= flips
        return theta, signs[self.sds], flips


def choose_signed(target: Target, peak: Peak) -> Signed:
    """Give every sd on the log scale a sign; the peak sets the scales."""
    sds = target.log_sds
    return Signed(target, sds, peak.theta[sds], *target.partial_correlations)
