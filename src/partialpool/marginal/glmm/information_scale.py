"""How the rows' information changes with the family's own parameters, and coordinates that follow it.

The stand-in has weights W_i of one value of the own parameters, x_0 on the real line. Elsewhere the rows carry about

    kappa(x) W_i,    log kappa = sum_k g_k(x_k),    g_k(x_k) = log (sum_i W_i with x_k / sum_i W_i at x_0),

which is exact for a residual sd (sigma^-2) and for the shape of a gamma. Without kappa a residual sd, a shape or a
dispersion that the data determine poorly would be at the end of a funnel. With it A = I + kappa Lambda'W'W Lambda,
c = L^-1 (kappa Lambda'W'r + mu): the same elimination of Lambda, the scales of the fixed effects and the right-hand
side, all times sqrt(kappa). g_k is a table on a grid, between whose points it is a cubic with a continuous slope
(Catmull-Rom), and a line beyond its ends.

The derivative along log sqrt(kappa) is the sum of those along all log scales and right-hand sides that are pulled
back.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Scales
from partialpool.marginal.gaussian.elimination_gradient import PulledScales

__all__ = [
    "InformationScale",
    "add_slopes_along_root",
    "constant_information",
    "divide_by_root",
    "log_root",
    "measure_information",
    "slope_along_root",
    "with_root",
]

_REACH, _STEP = 10.0, 0.5
"""The grid's reach to either side of x_0, and its step; coordinates are logarithms, or as wide."""


class InformationScale(NamedTuple):
    """g of every own parameter on a grid.

    Attributes
    ----------
    first
        First point of the grid, (estimated,).
    growth
        g at the points of the grid, (estimated, points); without points it is 0.
    """

    first: np.ndarray
    growth: np.ndarray


def constant_information(estimated: int) -> InformationScale:
    """Return that the information does not change."""
    return InformationScale(np.zeros(estimated), np.zeros((estimated, 0)))


def measure_information(information: Callable[[np.ndarray], np.ndarray], at: np.ndarray) -> InformationScale:
    """Measure g of every own parameter, the others at x_0.

    Parameters
    ----------
    information
        Of each row at one linear predictor, (rows,), given the own parameters' places on the real line.
    at
        x_0, (estimated,).
    """
    grid = np.arange(-_REACH, _REACH + _STEP / 2, _STEP)
    growth = np.zeros((len(at), len(grid)))
    with np.errstate(all="ignore"):  # at the ends the information may overflow, or vanish
        here = information(at).sum()
        for k, unit in enumerate(np.eye(len(at))):
            growth[k] = np.log(np.array([information(at + step * unit).sum() for step in grid]) / here)
            finite = np.isfinite(growth[k])
            growth[k] = np.interp(grid, grid[finite], growth[k][finite]) if finite.any() else 0.0
    return InformationScale(at - _REACH, growth)


@part
def _growth(scale: InformationScale, k: int, x: float) -> tuple[float, float]:
    """Return g_k at x, and its slope."""
    points = scale.growth.shape[1]
    if points == 0:
        return 0.0, 0.0
    row = scale.growth[k]
    place = (x - scale.first[k]) / _STEP
    if not place > 1.0:
        slope = (row[2] - row[0]) / 2.0
        return row[1] + (place - 1.0) * slope, slope / _STEP
    if not place < points - 2.0:
        slope = (row[points - 1] - row[points - 3]) / 2.0
        return row[points - 2] + (place - (points - 2.0)) * slope, slope / _STEP
    i = int(place)
    t = place - i
    left, right = (row[i + 1] - row[i - 1]) / 2.0, (row[i + 2] - row[i]) / 2.0
    rise = row[i + 1] - row[i]
    # The cubic with these values and slopes at both ends: row[i] + left t + b t^2 + c t^3.
    b, c = 3.0 * rise - 2.0 * left - right, left + right - 2.0 * rise
    return row[i] + t * (left + t * (b + t * c)), (left + t * (2.0 * b + t * 3.0 * c)) / _STEP


@part
def log_root(scale: InformationScale, at: np.ndarray, first: int) -> float:
    """Return log sqrt(kappa); the own parameters' places begin at position `first`."""
    total = 0.0
    for k in range(len(scale.first)):
        total += 0.5 * _growth(scale, k, at[first + k])[0]
    return total


@part
def with_root(scales: Scales, common: Common, root: float) -> tuple[Scales, Common]:
    """Multiply all scales and the right-hand side by sqrt(kappa)."""
    factors, most = scales.relative.shape[0], scales.relative.shape[1]
    relative = np.empty((factors, most, most))
    for f in range(factors):
        for a in range(most):
            for b in range(most):
                relative[f, a, b] = scales.relative[f, a, b] * root
    return (
        Scales(relative, scales.sigma, _times(scales.combine, root)),
        Common(_times(common.scale, root), common.mean, common.precision),
    )


@part
def _times(x: np.ndarray, root: float) -> np.ndarray:
    """Return x (n,) times a number, by a loop: an array expression compiles slowly."""
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = x[i] * root
    return out


@part
def divide_by_root(slopes: np.ndarray, effects: np.ndarray, root: float) -> float:
    """Turn slopes along effects, in place, into those along the offsets' images under the scales with the root.

    Effects are these images divided by the root. Returned is the derivative along log sqrt(kappa) of that division.
    """
    total = 0.0
    for j in range(len(slopes)):
        total -= slopes[j] * effects[j]
        slopes[j] /= root
    return total


@part
def add_slopes_along_root(
    scale: InformationScale, along_root: float, at: np.ndarray, first: int, out: np.ndarray
) -> None:
    """Add the derivatives along the own parameters' places, given that along log sqrt(kappa)."""
    for k in range(len(scale.first)):
        out[first + k] += 0.5 * _growth(scale, k, at[first + k])[1] * along_root


@part
def slope_along_root(scales: Scales, pulled: PulledScales) -> float:
    """Return the derivative along log sqrt(kappa) of all that is pulled back to the scales.

    `scales` are those after `with_root`.
    """
    products, combine, right = pulled.products, pulled.combine, scales.combine
    total = pulled.common
    for f in range(products.shape[0]):
        for a in range(products.shape[1]):
            total += products[f, a, a]
    for m in range(len(combine)):
        total += right[m] * combine[m]
    return total
