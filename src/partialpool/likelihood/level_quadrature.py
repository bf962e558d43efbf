"""The likelihood of a generalised model with one grouping factor, exact to the error of a quadrature rule."""

from dataclasses import dataclass
from typing import override

import numpy as np

from partialpool.design.design import Design
from partialpool.likelihood.free_parameters import Point
from partialpool.likelihood.quadrature import Integrated, Quadrature
from partialpool.marginal.glmm.level_integrals import MOST_EFFECTS, integrate_levels
from partialpool.marginal.glmm.level_rows import LevelRows, rows_by_level
from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["LevelQuadrature"]


@dataclass(frozen=True, eq=False)
class LevelQuadrature(Quadrature):
    """-2 log p(y | parameters), every level's effects integrated out."""

    @staticmethod
    def applies(design: Design) -> bool:
        """Whether the levels are independent given the parameters, with few enough effects.

        The effects of a curve are in all rows, where Laplace's approximation is accurate, and nodes are expensive.
        """
        factors = design.factors
        if len(factors) != 1 or factors[0].root is not None or factors[0].is_smooth:
            return False
        return len(factors[0].names) <= MOST_EFFECTS

    @staticmethod
    @override
    def sort(rows: Rows, *, is_concave: bool) -> LevelRows:
        return rows_by_level(rows, is_concave=is_concave)

    @override
    def integrate(self, point: Point) -> Integrated:
        root, beta, own = np.empty_like(point.roots[0]), np.empty_like(point.beta), np.empty_like(point.own)
        value, error, _ = integrate_levels(
            self.density,
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
