"""The likelihood of a generalised model with one grouping factor, exact to the error of a quadrature rule."""

from dataclasses import dataclass
from typing import Self, override

import numpy as np

from partialpool.design.design import Design
from partialpool.kernel_address import address_of
from partialpool.likelihood.free_parameters import FreeParameters, Point
from partialpool.likelihood.quadrature import Integrated, Quadrature
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.density import ROWS_ARGUMENTS
from partialpool.marginal.glmm.level_integrals import integrate_levels
from partialpool.marginal.glmm.level_rows import LevelRows, rows_by_level
from partialpool.marginal.glmm.posterior import Response
from partialpool.marginal.glmm.weighted_rows import collect_rows
from partialpool.model.quadrature import MOST_EFFECTS

__all__ = ["LevelQuadrature"]


@dataclass(frozen=True, eq=False)
class LevelQuadrature(Quadrature):
    """-2 log p(y | parameters), every level's effects integrated out.

    Attributes
    ----------
    rows
        The rows by level.
    """

    rows: LevelRows

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
        return cls(parameters, response, address_of(response.kernels.rows, ROWS_ARGUMENTS), rows)

    @override
    def integrate(self, point: Point) -> Integrated:
        root, beta, own = np.empty_like(point.roots[0]), np.empty_like(point.beta), np.empty_like(point.own)
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
        return Integrated(value, error, root[None], beta, own)
