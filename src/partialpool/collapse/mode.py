"""Where the collapsed posterior peaks, and how sharply: the first guess of a proposal."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from partialpool.collapse.marginal import Marginal

__all__ = ["Peak", "find_peak"]

_STEP = 1e-4
"""Of first differences: log and atanh coordinates are all of order 1."""
_SECOND_STEP = 3e-3
"""Of second differences."""
_FLATTEST = 0.04
"""Smallest curvature trusted: beyond 5 units of a log or atanh coordinate the mode says nothing about the mass."""


@dataclass(frozen=True, eq=False)
class Peak:
    """A mode with the covariance of its Gaussian approximation.

    Attributes
    ----------
    theta
        Shape (elements,).
    covariance
        Inverse of the negative Hessian, its flat directions cut to a finite width, (elements, elements).
    """

    theta: np.ndarray
    covariance: np.ndarray


def find_peak(marginal: Marginal, *, workers: int = 1) -> Peak:
    """Climb to a mode by BFGS.

    A proposal needs no more of a mode than differences give, and they are evaluated side by side; the exact gradient
    would only add its compilation to the first run. Where BFGS does not move (a prior that cuts off) the covariance
    there is wide, and the proposal adapts.
    """

    def descend(theta: np.ndarray) -> tuple[float, np.ndarray]:
        steps = _STEP * np.eye(len(theta))
        values = marginal.log_densities(np.concatenate([theta[None], theta + steps, theta - steps]), workers=workers)
        if not np.isfinite(values).all():
            return 1e300, np.zeros_like(theta)
        ahead, behind = values[1:].reshape(2, -1)
        return -values[0], (behind - ahead) / (2 * _STEP)

    found = minimize(descend, marginal.start, jac=True, method="BFGS", options={"gtol": 1e-3, "maxiter": 200})
    theta = np.asarray(found.x)
    return Peak(theta, _covariance(marginal, theta, workers))


def _covariance(marginal: Marginal, theta: np.ndarray, workers: int) -> np.ndarray:
    d, h = len(theta), _SECOND_STEP
    steps = h * np.eye(d)
    first, second = np.tril_indices(d)
    corners = [theta + s * steps[first] + t * steps[second] for s in (1, -1) for t in (1, -1)]
    values = marginal.log_densities(np.concatenate(corners), workers=workers).reshape(4, -1)
    with np.errstate(invalid="ignore"):
        entries = (values[0] - values[1] - values[2] + values[3]) / (4 * h * h)
    hessian = np.zeros((d, d))
    hessian[first, second] = hessian[second, first] = np.where(np.isfinite(entries), -entries, 0.0)
    curvature, axes = np.linalg.eigh(hessian)
    return (axes / np.maximum(curvature, _FLATTEST)) @ axes.T
