"""Likelihoods of generalised models whose group effects are integrated out by a rule that refines itself."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

from partialpool.likelihood.boundary_optimizer import NO_DENSITY, limited
from partialpool.likelihood.free_parameters import FreeParameters, Point
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.posterior import Response
from partialpool.marginal.glmm.row_density import RowDensity
from partialpool.marginal.glmm.weighted_rows import Rows, collect_rows
from partialpool.model.log_concave import is_log_concave

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
    density
        How rows are evaluated.
    rows
        The rows as the rule reads them, from `sort`.
    """

    parameters: FreeParameters
    response: Response
    density: RowDensity
    rows: Any

    @classmethod
    def of(cls, marginal: Marginal, response: Response, parameters: FreeParameters) -> Self:
        """Sort the rows; `marginal` keeps all coefficients and determines the columns."""
        spec = marginal.design.spec
        is_concave = is_log_concave(spec)
        rows = cls.sort(collect_rows(marginal, response.y, response.known), is_concave=is_concave)
        return cls(parameters, response, response.row_density, rows)

    @staticmethod
    @abstractmethod
    def sort(rows: Rows, *, is_concave: bool) -> Any:
        """Sort the rows as the rule reads them."""

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
