"""Roots of covariances of which some have a structure, as functions of t (`covariance_factor.Relative`).

Where sds are shared or correlations depend on one, Lambda = B diag(sd) L is no linear function of t: it is computed
from theta, and its slopes by central differences.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.likelihood.covariance_factor import Relative
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.unpacked import unpack_many

__all__ = ["StructuredRoots"]

_STEP: Final = 1e-6


@dataclass(frozen=True, eq=False)
class StructuredRoots:
    """Roots of the covariance of every factor's effects in the algebra.

    Attributes
    ----------
    marginal
        The marginal, whose theta has the structure.
    relative
        The coordinates.
    """

    marginal: Marginal
    relative: Relative

    def of(self, t: np.ndarray) -> np.ndarray:
        """Return Lambda of every factor in order of elimination, (factors, most effects, most effects)."""
        layout, design = self.marginal.layout, self.marginal.design
        theta = np.zeros((1, self.marginal.size))
        theta[0, : self.relative.size] = self.relative.to_theta(t)
        found = unpack_many(layout, theta)
        sd, half = found.sd, found.corr
        most = layout.shifts.shape[1]
        out = np.tile(np.eye(most), (len(self.marginal.arrangement.order), 1, 1))
        for place, f in enumerate(self.marginal.arrangement.order):
            q = len(design.factors[f].names)
            own = sd[0, place, :q, None] * half[0, place, :q, :q]
            out[place, :q, :q] = self.marginal.units.factors[f].shift @ own
        return out

    def pull_back(self, slope: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Turn a gradient with respect to Lambda, in its shape, into one with respect to t, (size,)."""
        steps = _STEP * np.maximum(np.abs(t), 1e-3)
        out = np.empty(len(t))
        for k, step in enumerate(steps):
            ahead, behind = t.copy(), t.copy()
            ahead[k] += step
            behind[k] -= step
            out[k] = np.sum(slope * (self.of(ahead) - self.of(behind))) / (2 * step)
        return out
