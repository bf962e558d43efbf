"""The likelihood of a generalised model with one grouping factor, exact to the error of a quadrature rule."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from partialpool.design.design import Design
from partialpool.kernel_address import address_of
from partialpool.likelihood.boundary_optimizer import NO_DENSITY, limited
from partialpool.likelihood.free_parameters import FreeParameters
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.density import ROWS_ARGUMENTS
from partialpool.marginal.glmm.level_integrals import integrate_levels
from partialpool.marginal.glmm.level_rows import LevelRows, rows_by_level
from partialpool.marginal.glmm.posterior import Response
from partialpool.marginal.glmm.weighted_rows import collect_rows
from partialpool.model.quadrature import MOST_EFFECTS

__all__ = ["LevelQuadrature"]


@dataclass(frozen=True, eq=False)
class LevelQuadrature:
    """-2 log p(y | parameters), every level's effects integrated out by a rule that refines itself.

    Attributes
    ----------
    parameters
        The coordinates.
    response
        The response and its row kernels.
    rows
        The rows by level.
    address
        Of the family's row kernel.
    """

    parameters: FreeParameters
    response: Response
    rows: LevelRows
    address: int

    @staticmethod
    def applies(design: Design) -> bool:
        """Whether the levels are independent given the parameters, with few enough effects."""
        factors = design.factors
        return len(factors) == 1 and factors[0].root is None and len(factors[0].names) <= MOST_EFFECTS

    @classmethod
    def of(cls, marginal: Marginal, response: Response, parameters: FreeParameters) -> Self:
        """Sort the rows; `marginal` keeps all coefficients and determines the columns."""
        spec = marginal.design.spec
        rows = rows_by_level(
            collect_rows(marginal, response.y, response.known),
            is_concave=spec.family_record.is_log_concave(spec.link_record),
        )
        return cls(parameters, response, rows, address_of(response.kernels.rows, ROWS_ARGUMENTS))

    def value(self, t: np.ndarray) -> float:
        """Evaluate -2 log p(y | t)."""
        return self.slope(t)[0]

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate -2 log p(y | t) and its gradient, (size,); `NO_DENSITY` where a row has none."""
        value, _, gradient = self._integrated(t)
        if not np.isfinite(value):
            return NO_DENSITY, np.zeros(len(t))
        return limited(-2 * (value + self.response.constant)), -2 * gradient

    def error(self, t: np.ndarray) -> float:
        """Return a bound of the error of log p(y | t)."""
        return self._integrated(t)[1]

    def _integrated(self, t: np.ndarray) -> tuple[float, float, np.ndarray]:
        """Return log p(y | t) without the constant, the bound of its error, and its gradient in t."""
        point = self.parameters.point(t)
        root, beta, own = np.zeros_like(point.roots[0]), np.zeros_like(point.beta), np.zeros_like(point.own)
        value, error, _ = integrate_levels(
            self.address,
            self.rows,
            np.ascontiguousarray(point.roots[0]),
            np.ascontiguousarray(point.beta),
            np.ascontiguousarray(point.own),
            np.empty(len(self.rows.first) - 1),
            root,
            beta,
            own,
        )
        return value, error, self.parameters.pull_back(t, root[None], beta, own)
