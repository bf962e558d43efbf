"""Coordinates in which a standard deviation near zero has no long tail.

The density of log sd decreases only as exp(log sd) if the data are compatible with sd = 0: a ridge that a t-mixture
covers badly. On the line x = +- asinh(sd / c) it is smooth through zero and has light tails on both sides, so a
proposal on the whole line is folded: both signs of x mean the same sd, and the density of |x| is the sum over signs.
"""

from dataclasses import dataclass
from itertools import product

import numpy as np

from partialpool.sampling.mode import Peak
from partialpool.sampling.target import Target

__all__ = ["Folding", "choose_folding"]

_FOLD_FROM = 0.25
"""Sd of log sd at the mode at or above which zero is near enough to matter: some 5 sds of x away."""
_FAR_BELOW = 8.0
"""Distance of log sd below its mode at which its density is taken as that at zero."""
_MATTERS = -14.0
"""Log density of an sd at zero, relative to its mode, at or above which draws in the tail decide whether weights are
reliable: e^-14 is one draw in a million."""
_MOST_FOLDED, _FEWEST_FOLDED = 6, 3
"""Most elements folded at once, for a few and for many elements in all: the density sums 2^folded signs."""
_FOLDED_BY_SIZE = 40
"""Limit of elements x folded: the cost of every mirror image grows with the number of elements."""


@dataclass(frozen=True, eq=False)
class Folding:
    """Which elements of theta are folded, and their scale.

    Attributes
    ----------
    folded
        Positions in theta of the folded elements.
    log_scale
        log c of each, shape (folded,).
    """

    folded: np.ndarray
    log_scale: np.ndarray

    def to_theta(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Map x (n, elements) to theta; also return log |d theta / dx|, (n,)."""
        theta = x.copy()
        size = np.maximum(np.abs(x[:, self.folded]), 1e-300)
        theta[:, self.folded] = self.log_scale + np.log(np.sinh(np.minimum(size, 700.0)))
        return theta, -np.log(np.tanh(size)).sum(axis=1)

    def from_theta(self, theta: np.ndarray) -> np.ndarray:
        """Map theta (n, elements) to x, folded elements positive."""
        x = theta.copy()
        x[:, self.folded] = np.arcsinh(np.exp(theta[:, self.folded] - self.log_scale))
        return x

    def slopes(self, theta: np.ndarray) -> np.ndarray:
        """Return d x / d theta at one theta (elements,)."""
        slopes = np.ones_like(theta)
        slopes[self.folded] = np.tanh(self.from_theta(theta[None])[0, self.folded])
        return slopes

    def images(self, x: np.ndarray) -> np.ndarray:
        """Return all sign combinations of each x (n, elements): shape (images, n, elements)."""
        signs = np.ones((2 ** len(self.folded), x.shape[1]))
        signs[:, self.folded] = np.array(list(product((1.0, -1.0), repeat=len(self.folded))))
        return x * signs[:, None, :]


def choose_folding(target: Target, peaks: tuple[Peak, ...], *, workers: int = 1) -> Folding:
    """Fold the sds that the data do not keep away from zero.

    A narrow peak is no proof that an sd is away from zero: under a prior that pulls to zero, against the data, the
    density at zero may be small and draws still occur there, far outside the range that the peak's curvature implies.

    Parameters
    ----------
    target
        The posterior of theta.
    peaks
        Modes and covariances, the largest first, which sets the scales.
    """
    log_sds = target.log_sds
    spread = np.max([np.sqrt(np.diagonal(peak.covariance))[log_sds] for peak in peaks], axis=0)
    at_zero = np.max([_at_zero(target, peak, workers) for peak in peaks], axis=0)
    most = max(_FEWEST_FOLDED, min(_MOST_FOLDED, _FOLDED_BY_SIZE // max(len(peaks[0].theta), 1)))
    widest = np.argsort(-spread)[:most]
    near = (spread > _FOLD_FROM) | (at_zero > _MATTERS)
    folded = np.sort(log_sds[widest[near[widest]]])
    return Folding(folded, peaks[0].theta[folded])


def _at_zero(target: Target, peak: Peak, workers: int) -> np.ndarray:
    """Return the log density of each sd (not of its log) at zero, relative to the mode, others at it, (log sds,)."""
    points = np.tile(peak.theta, (len(target.log_sds), 1))
    points[np.arange(len(points)), target.log_sds] -= _FAR_BELOW
    return target.log_densities(points, workers=workers) + _FAR_BELOW - peak.value
