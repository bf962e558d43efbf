"""The likelihood of a generalised model with two nested factors, exact to the error of a quadrature rule."""

from dataclasses import dataclass
from typing import Final, override

import numpy as np

from partialpool.design.design import Design
from partialpool.design.nesting import nesting
from partialpool.likelihood.free_parameters import Point
from partialpool.likelihood.quadrature import Integrated, Quadrature
from partialpool.marginal.glmm.level_rows import NestedRows, rows_by_parent
from partialpool.marginal.glmm.nested_integrals import integrate_parents
from partialpool.marginal.glmm.weighted_rows import Rows
from partialpool.model.log_concave import is_log_concave

__all__ = ["NestedQuadrature"]

_MOST_ROWS: Final = 1000
"""Rows up to which an evaluation takes less than about 0.1 s: every row is visited some 2,000 times."""


@dataclass(frozen=True, eq=False)
class NestedQuadrature(Quadrature):
    """-2 log p(y | parameters), the effects of every parent and its children integrated out."""

    @staticmethod
    def applies(design: Design) -> bool:
        """Whether there are two factors, one nested in the other, with one effect each, and few enough rows.

        The log density of a row must be concave in the linear predictor, so that the integrands have one mode.
        """
        factors, spec = design.factors, design.spec
        if len(factors) != 2 or design.n_rows > _MOST_ROWS:
            return False
        if not is_log_concave(spec):
            return False
        if any(factor.root is not None or factor.is_smooth or len(factor.names) > 1 for factor in factors):
            return False
        return any(nesting(design).values())

    @staticmethod
    @override
    def sort(rows: Rows, *, is_concave: bool) -> NestedRows:
        return rows_by_parent(rows, is_concave=is_concave)

    @override
    def integrate(self, point: Point) -> Integrated:
        roots, beta, own = np.empty(2), np.empty_like(point.beta), np.empty_like(point.own)
        value, error, _ = integrate_parents(
            self.density,
            self.rows,
            np.ascontiguousarray(point.roots[:, 0, 0]),
            np.ascontiguousarray(point.beta),
            np.ascontiguousarray(point.own),
            np.empty(len(self.rows.parents) - 1),
            roots,
            beta,
            own,
        )
        return Integrated(value, error, roots.reshape(2, 1, 1), beta, own)
