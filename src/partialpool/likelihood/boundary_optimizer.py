"""Minimisation over Cholesky factors, whose diagonal may end at 0.

At 0 the slope of a deviance in a diagonal element is not informative: in the last one of a block it vanishes whether or
not the boundary is the minimum, in others it depends on which of several equivalent factors is the current one. So an
element that ended at 0 is lifted again, from each of these factors and by several amounts, and the search continues
from any point with a lower deviance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol

import numpy as np
from scipy.optimize import minimize

__all__ = [
    "NO_DENSITY",
    "Coordinates",
    "Deviance",
    "Minimum",
    "curvature",
    "descend",
    "has_density",
    "limited",
    "polish",
]

_NEGLIGIBLE: Final = 1e-9
"""Difference of deviances, relative to their size if that is above 1, that counts as zero."""
_NEAR_ZERO: Final = 1e-2
"""Diagonal elements below this are tried at 0."""
_LIFTS: Final = tuple(float(lift) for lift in np.geomspace(1e-5, 30, 14))
_ROUNDS: Final = 6
_NEWTON_STEPS: Final = 5
NO_DENSITY: Final = 1e50
"""Deviance of parameters under which a row has no density: the search needs finite numbers."""


def has_density(deviance: float) -> bool:
    """Whether a deviance is of parameters under which every row has a density."""
    return deviance < NO_DENSITY


def limited(deviance: float) -> float:
    """Return a deviance, `NO_DENSITY` where it is larger or not a number."""
    return NO_DENSITY if np.isnan(deviance) else min(float(deviance), NO_DENSITY)


class Coordinates(Protocol):
    """Coordinates of which some are diagonal elements of Cholesky factors."""

    @property
    def diagonal(self) -> np.ndarray:
        """Which elements are on a diagonal, and so bounded below by 0, boolean (size,)."""

    @property
    def reach(self) -> np.ndarray:
        """How far from the start each element is searched, (size,)."""

    def same(self, t: np.ndarray, k: int) -> list[np.ndarray]:
        """Return other t of the same covariance, for a t whose diagonal element k is 0."""


class Deviance(Protocol):
    """A deviance."""

    def value(self, t: np.ndarray) -> float:
        """Evaluate it at t, (size,)."""

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate it and its gradient, (size,)."""


@dataclass(frozen=True, eq=False)
class Minimum:
    """The minimum of a deviance.

    Attributes
    ----------
    t
        Elements at the minimum, (size,).
    deviance
        Deviance at the minimum.
    """

    t: np.ndarray
    deviance: float


def descend(function: Deviance, coordinates: Coordinates, starts: Sequence[np.ndarray]) -> Minimum:
    """Minimise a deviance.

    Parameters
    ----------
    function
        The deviance.
    coordinates
        Its coordinates.
    starts
        Starting points; the search continues from the lowest of their minima.
    """
    diagonal = coordinates.diagonal
    best = min((_slide(function, coordinates, start) for start in starts), key=lambda m: m.deviance)
    for _ in range(_ROUNDS):
        best = _at_bounds(function, diagonal, best)
        lifted = _lifted(function, coordinates, best)
        if lifted is None:
            break
        best = min(best, _slide(function, coordinates, lifted), key=lambda m: m.deviance)
    return best


def _slide(function: Deviance, coordinates: Coordinates, start: np.ndarray) -> Minimum:
    if len(start) == 0:
        return Minimum(start, function.value(start))
    bounds = [
        (0.0 if bounded else at - far, at + far)
        for bounded, at, far in zip(coordinates.diagonal, start, coordinates.reach, strict=True)
    ]
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-7, "maxls": 40}
    found = minimize(function.slope, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    return Minimum(np.asarray(found.x), float(found.fun))


def _at_bounds(function: Deviance, diagonal: np.ndarray, at: Minimum) -> Minimum:
    """Set diagonal elements to 0 where that does not raise the deviance."""
    allowed = _NEGLIGIBLE * max(1.0, abs(at.deviance))
    for k in np.flatnonzero(diagonal & (at.t > 0) & (at.t < _NEAR_ZERO)):
        moved = at.t.copy()
        moved[k] = 0.0
        deviance = function.value(moved)
        if deviance <= at.deviance + allowed:
            at = Minimum(moved, deviance)
    return at


def _lifted(function: Deviance, coordinates: Coordinates, at: Minimum) -> np.ndarray | None:
    """Lift an element at its bound to a point with a clearly lower deviance; None if there is none."""
    lowest, place = at.deviance - _NEGLIGIBLE * max(1.0, abs(at.deviance)), None
    for k in np.flatnonzero(coordinates.diagonal & (at.t == 0)):
        for t, lift in product([at.t, *coordinates.same(at.t, int(k))], _LIFTS):
            moved = t.copy()
            moved[k] = lift
            deviance = function.value(moved)
            if deviance < lowest:
                lowest, place = deviance, moved
    return place


def polish(function: Deviance, diagonal: np.ndarray, at: Minimum) -> tuple[Minimum, float]:
    """Take Newton steps on the gradient of the free elements, which is not affected by rounding of the deviance.

    Returns
    -------
    Minimum, float
        The minimum, and the largest slope of half the deviance over the elements that are not at their bound.
    """
    free = ~(diagonal & (at.t == 0))
    t, allowed = at.t, _NEGLIGIBLE * max(1.0, abs(at.deviance))
    for _ in range(_NEWTON_STEPS if free.any() else 0):
        half = curvature(function, t, free, 1e-4 * np.maximum(np.abs(t[free]), 1e-2))
        if half is None:
            break
        values, axes = np.linalg.eigh(half)
        if not values[0] > 0:
            break
        move = axes @ ((axes.T @ function.slope(t)[1][free]) / values)
        moved = t.copy()
        moved[free] -= move
        if np.abs(move).max() > 0.1 * np.abs(t[free]).max() or (moved[diagonal] < 0).any():
            break
        if function.value(moved) > at.deviance + allowed:
            break
        t = moved
        if np.abs(move).max() < 1e-11:
            break
    deviance, slope = function.slope(t)
    return Minimum(t, deviance), float(np.abs(slope[free]).max(initial=0.0)) / 2


def curvature(function: Deviance, t: np.ndarray, free: np.ndarray, step: np.ndarray) -> np.ndarray | None:
    """Return the Hessian of a deviance in some elements by differences of its gradient; None where it is not finite.

    Parameters
    ----------
    function, t
        The deviance, and where.
    free
        Which elements, boolean (size,).
    step
        The step in each of them, (free elements,).
    """
    rows = []
    for k, h in zip(np.flatnonzero(free), step, strict=True):
        ahead, behind = t.copy(), t.copy()
        ahead[k] += h
        behind[k] -= h
        with np.errstate(invalid="ignore"):
            rows.append((function.slope(ahead)[1][free] - function.slope(behind)[1][free]) / (2 * h))
    hessian = np.array(rows)
    return (hessian + hessian.T) / 2 if np.isfinite(hessian).all() else None
