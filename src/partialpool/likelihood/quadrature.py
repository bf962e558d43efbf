"""Likelihoods of generalised models whose group effects are integrated out by a rule that refines itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from partialpool.likelihood.boundary_optimizer import NO_DENSITY, limited
from partialpool.likelihood.free_parameters import FreeParameters, Point
from partialpool.marginal.glmm.posterior import Response

__all__ = ["Integrated", "Quadrature"]


@dataclass(frozen=True, eq=False)
class Integrated:
    """log p(y) without the response's constant, a bound of its error, and its gradient in a point's three parts."""

    value: float
    error: float
    roots: np.ndarray
    beta: np.ndarray
    own: np.ndarray


@dataclass(frozen=True, eq=False)
class Quadrature(ABC):
    """-2 log p(y | parameters).

    Attributes
    ----------
    parameters
        The coordinates.
    response
        The response and its row kernels.
    address
        Of the family's row kernel.
    """

    parameters: FreeParameters
    response: Response
    address: int

    @abstractmethod
    def integrate(self, point: Point) -> Integrated:
        """Integrate the group effects out."""

    def value(self, t: np.ndarray) -> float:
        """Evaluate -2 log p(y | t)."""
        return self.slope(t)[0]

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate -2 log p(y | t) and its gradient, (size,); `NO_DENSITY` where a row has none."""
        found = self.integrate(self.parameters.point(t))
        if not np.isfinite(found.value):
            return NO_DENSITY, np.zeros(len(t))
        gradient = self.parameters.pull_back(t, found.roots, found.beta, found.own)
        return limited(-2 * (found.value + self.response.constant)), -2 * gradient

    def error(self, t: np.ndarray) -> float:
        """Return a bound of the error of log p(y | t)."""
        return self.integrate(self.parameters.point(t)).error
