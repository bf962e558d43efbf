"""Minimisation over Cholesky factors, whose diagonal may end at 0.

At 0 the slope of a deviance in a diagonal element is not informative: in the last one of a block it vanishes whether or
not the boundary is the minimum, in others it depends on which of several equivalent factors is the current one. So an
element that ended at 0 is lifted again, from each of these factors and by several amounts, and the search continues
from any point with a lower deviance.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
from scipy.optimize import minimize

from partialpool.likelihood.covariance_factor import Relative

__all__ = ["Minimum", "descend"]

_NEGLIGIBLE: Final = 1e-9
"""Difference of deviances, relative to their size if that is above 1, that counts as zero."""
_NEAR_ZERO: Final = 1e-2
"""Diagonal elements below this are tried at 0."""
_LIFTS: Final = tuple(float(lift) for lift in np.geomspace(1e-5, 30, 14))
_ROUNDS: Final = 6
_FARTHEST: Final = 1e6
"""Beyond this relative sd the residual is mostly rounding error, and the deviance meaningless."""
_NEWTON_STEPS: Final = 5

Function = Callable[[np.ndarray], tuple[float, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Minimum:
    """The minimum of a deviance.

    Attributes
    ----------
    t
        Elements at the minimum, (size,).
    deviance
        Deviance at the minimum.
    steepest
        Largest slope of half the deviance over the elements that are not at their bound.
    """

    t: np.ndarray
    deviance: float
    steepest: float


def descend(function: Function, coordinates: Relative, starts: Sequence[np.ndarray]) -> Minimum:
    """Minimise a deviance.

    Parameters
    ----------
    function
        Deviance and its gradient, (size,), at t (size,).
    coordinates
        The coordinates t; their diagonal elements are bounded below by 0.
    starts
        Starting points; the search continues from the lowest of their minima.
    """
    diagonal = coordinates.diagonal
    best = min((_slide(function, diagonal, start) for start in starts), key=lambda m: m.deviance)
    for _ in range(_ROUNDS):
        best = _at_bounds(function, diagonal, best)
        lifted = _lifted(function, coordinates, best)
        if lifted is None:
            break
        best = min(best, _slide(function, diagonal, lifted), key=lambda m: m.deviance)
    return _polished(function, diagonal, best)


def _slide(function: Function, diagonal: np.ndarray, start: np.ndarray) -> Minimum:
    if len(start) == 0:
        return Minimum(start, function(start)[0], 0.0)
    bounds = [(0.0 if bounded else -_FARTHEST, _FARTHEST) for bounded in diagonal]
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7, "maxls": 40}
    found = minimize(function, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Minimum(np.asarray(found.x), float(found.fun), float("nan"))


def _at_bounds(function: Function, diagonal: np.ndarray, at: Minimum) -> Minimum:
    """Set diagonal elements to 0 where that does not raise the deviance."""
    allowed = _NEGLIGIBLE * max(1.0, abs(at.deviance))
    for k in np.flatnonzero(diagonal & (at.t > 0) & (at.t < _NEAR_ZERO)):
        moved = at.t.copy()
        moved[k] = 0.0
        deviance = function(moved)[0]
        if deviance <= at.deviance + allowed:
            at = Minimum(moved, deviance, at.steepest)
    return at


def _lifted(function: Function, coordinates: Relative, at: Minimum) -> np.ndarray | None:
    """Lift an element at its bound to a point with a clearly lower deviance; None if there is none."""
    lowest, place = at.deviance - _NEGLIGIBLE * max(1.0, abs(at.deviance)), None
    for k in np.flatnonzero(coordinates.diagonal & (at.t == 0)):
        for t, lift in product([at.t, *coordinates.same(at.t, int(k))], _LIFTS):
            moved = t.copy()
            moved[k] = lift
            deviance = function(moved)[0]
            if deviance < lowest:
                lowest, place = deviance, moved
    return place


def _polished(function: Function, diagonal: np.ndarray, at: Minimum) -> Minimum:
    """Take Newton steps on the gradient of the free elements, which is not affected by rounding of the deviance."""
    free = ~(diagonal & (at.t == 0))
    t, allowed = at.t, _NEGLIGIBLE * max(1.0, abs(at.deviance))

    def slopes(x: np.ndarray) -> np.ndarray:
        moved = t.copy()
        moved[free] = x
        return function(moved)[1][free]

    for _ in range(_NEWTON_STEPS if free.any() else 0):
        x, step = t[free], 1e-4 * np.maximum(np.abs(t[free]), 1e-2)
        slope = slopes(x)
        with np.errstate(invalid="ignore"):
            rows = [(slopes(x + h) - slopes(x - h)) / (2 * h.max()) for h in np.diag(step)]
        hessian = np.array(rows)
        if not np.isfinite(hessian).all():
            break
        curvature, axes = np.linalg.eigh((hessian + hessian.T) / 2)
        if not curvature[0] > 0:
            break
        move = axes @ ((axes.T @ slope) / curvature)
        moved = t.copy()
        moved[free] = x - move
        if np.abs(move).max() > 0.1 * np.abs(x).max() or (moved[diagonal] < 0).any():
            break
        if function(moved)[0] > at.deviance + allowed:
            break
        t = moved
        if np.abs(move).max() < 1e-11:
            break
    deviance, slope = function(t)
    return Minimum(t, deviance, float(np.abs(slope[free]).max(initial=0.0)) / 2)
