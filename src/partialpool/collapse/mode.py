"""Where the collapsed posterior peaks, and how sharply: the first guess of a proposal."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

from partialpool.collapse.marginal import Marginal

__all__ = ["Peak", "find_peak"]

_STEP = 1e-4
"""Of the central differences of the gradient: log and atanh coordinates are all of order 1."""
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


def find_peak(marginal: Marginal) -> Peak:
    """Climb to a mode by BFGS on the exact gradient; the Hessian from central differences of it.

    A start from which BFGS does not move (a prior that cuts off) leaves a wide covariance there: the proposal adapts.
    """

    def descend(theta: np.ndarray) -> tuple[float, np.ndarray]:
        value, gradient = marginal.gradient(theta)
        return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros_like(theta))

    found = minimize(descend, marginal.start, jac=True, method="BFGS", options={"gtol": 1e-4, "maxiter": 200})
    theta = np.asarray(found.x)
    return Peak(theta, _covariance(marginal, theta))


def _covariance(marginal: Marginal, theta: np.ndarray) -> np.ndarray:
    steps = _STEP * np.eye(len(theta))
    hessian = np.array(
        [(marginal.gradient(theta + s)[1] - marginal.gradient(theta - s)[1]) / (2 * _STEP) for s in steps]
    )
    hessian = np.where(np.isfinite(hessian), -(hessian + hessian.T) / 2, 0.0)
    curvature, axes = np.linalg.eigh(hessian)
    return (axes / np.maximum(curvature, _FLATTEST)) @ axes.T
