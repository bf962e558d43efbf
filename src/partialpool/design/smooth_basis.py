"""The basis of a penalised smooth: cubic splines by their values at knots, without constant and straight line.

A cubic spline with knots t is determined by its values at them, gamma; its column for knot j is the spline that is 1
at t_j and 0 at the others (Wood 2017, section 5.3.1). The penalty, the integral of its squared second derivative, is
gamma' D' B^-1 D gamma. The spline is centred to have mean 0 over the rows, as in mgcv, and the penalty of what is left
is decomposed: its null space is the straight line, whose coefficient is a fixed effect; in the range, scaled by the
roots of the eigenvalues, the penalty is that of independent normal effects with one sd. The columns are divided by the
root of the mean over rows of the sum of their squares, so that this sd is the root mean square of the departures from a
straight line, in the units of the linear predictor.

The straight line is removed by the penalty's null space alone: the columns of the range need not be orthogonal to it.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import CubicSpline

__all__ = ["SmoothBasis", "learn_basis"]


@dataclass(frozen=True, eq=False)
class SmoothBasis:
    """How the columns of a smooth's departures are computed.

    Attributes
    ----------
    knots
        Shape (knots,).
    weights
        From values at the knots to columns, (knots, effects); for a cyclic spline the last knot is the first.
    center
        Subtracted from each column: its mean over the rows that it was learned from, (effects,).
    cyclic
        Whether the ends of the spline meet.
    """

    knots: np.ndarray
    weights: np.ndarray
    center: np.ndarray
    cyclic: bool

    def of(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the columns, (rows,) to (rows, effects); beyond the knots a natural spline is a straight line."""
        return cardinal(self.knots, x, cyclic=self.cyclic) @ self.weights - self.center


def learn_basis(x: np.ndarray, k: int, *, cyclic: bool = False) -> SmoothBasis:
    """Learn knots and columns from the values of a predictor, (rows,), which has k distinct values or more."""
    low, wide = float(x.min()), float(np.ptp(x))
    u = (x - low) / wide  # the curve does not depend on origin and unit of x; rounding must not either
    distinct = np.unique(u)
    knots = np.quantile(distinct, np.linspace(0.0, 1.0, k))
    columns, penalty = cardinal(knots, u, cyclic=cyclic), _penalty(knots, cyclic=cyclic)
    # The constraint 1'X gamma = 0 is absorbed by the null space of the columns' sums.
    null = np.linalg.qr(columns.sum(axis=0)[:, None], mode="complete")[0][:, 1:]
    values, vectors = np.linalg.eigh(null.T @ penalty @ null)
    line = 0 if cyclic else 1  # the null space; eigenvalues are in ascending order
    weights = null @ (vectors[:, line:] / np.sqrt(values[line:]))
    center = (columns @ weights).mean(axis=0)
    size = np.sqrt(((columns @ weights - center) ** 2).sum(axis=1).mean())
    return SmoothBasis(low + wide * knots, weights / size, center / size, cyclic)


def cardinal(knots: np.ndarray, x: np.ndarray, *, cyclic: bool) -> np.ndarray:
    """Evaluate the spline that is 1 at one knot, for each knot, at x: (rows, knots), one knot less if cyclic."""
    ends = knots[0], knots[-1]
    if cyclic:
        values = np.eye(len(knots) - 1)
        spline = CubicSpline(knots, np.vstack([values, values[:1]]), bc_type="periodic")
        return np.asarray(spline(ends[0] + np.mod(x - ends[0], ends[1] - ends[0])))
    spline = CubicSpline(knots, np.eye(len(knots)), bc_type="natural")
    inside = np.clip(x, *ends)
    return np.asarray(spline(inside) + (x - inside)[:, None] * spline(inside, 1))


def _penalty(knots: np.ndarray, *, cyclic: bool) -> np.ndarray:
    """Integrate products of second derivatives, which are piecewise linear, (knots, knots)."""
    values = np.eye(len(knots) - cyclic)
    values = np.vstack([values, values[:1]]) if cyclic else values
    second = CubicSpline(knots, values, bc_type="periodic" if cyclic else "natural")(knots, 2)
    a, b, h = second[:-1], second[1:], np.diff(knots)[:, None]
    return np.asarray((a.T @ (h * a) + b.T @ (h * b)) / 3 + (a.T @ (h * b) + b.T @ (h * a)) / 6)
