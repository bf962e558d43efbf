"""The mean over levels of a response within its bounds: the average of the levels' own means within them.

With m(eta) = E(new | eta, low < new <= high) and u ~ N(0, s^2) the effects of a level in a row,

    E m(eta + u) = int m(eta + s z) phi(z) dz.

m has no closed form over u. The trapezoidal rule is refined, its step halved, until the integral no longer changes:
with a normal weight it converges geometrically (`families/normal_integral.py`), the slower the smaller the residual sd
is beside s, since m bends near its bounds. Every level counts the same, however many of its responses are within the
bounds, as where new levels are drawn.
"""

from typing import Final

import numpy as np

from partialpool.design.truncation import Truncation
from partialpool.families.family import Family
from partialpool.families.given import Given

__all__ = ["mean_over_levels_within"]

_REACH: Final = 6.5
"""Distance of the outermost nodes, in sds, beyond the largest part of the integral: the weight beyond is 1e-10."""
_STEP: Final = 1.2
"""Distance of the nodes to begin with: for the normal weight alone the error is 1e-6, and 1e-24 at half of it."""
_HALVINGS: Final = 7
_CLOSE: Final = 1e-4
"""Change of the integral, relative to that of |m|, at which the last step is small enough: the convergence is
geometric, so that half the step has the square of the error."""


def mean_over_levels_within(family: Family, given: Given, spread: np.ndarray, bounds: Truncation) -> np.ndarray:
    """Evaluate the mean within bounds, averaged over levels.

    Parameters
    ----------
    family, given
        The distribution of each row at a level whose effects are 0.
    spread
        s^2, (draws, rows).
    bounds
        Bounds of the rows.

    Returns
    -------
    numpy.ndarray
        (draws, rows), to about 1e-7 where the residual sd is above half of s; 1e-4 however small it is.
    """
    s = np.sqrt(np.broadcast_to(spread, given.eta.shape))
    # Under a log link the largest part of the integral is s sds from 0.
    further = min(float(s.max(initial=0.0)), _REACH) if given.link.coefficients_are_log_ratios else 0.0
    total, size, weight = np.zeros(given.eta.shape), np.zeros(given.eta.shape), 0.0
    found, step = total, _STEP
    most = np.ceil((_REACH + further) / step)
    nodes = step * np.arange(-most, most + 1)
    for _ in range(_HALVINGS):
        for z in nodes:
            here = Given(given.link, given.eta + s * z, given.parameters, given.trials)
            mean, density = family.mean_within(here, bounds.low, bounds.high), float(np.exp(-0.5 * z * z))
            total = total + density * mean
            size = size + density * np.abs(mean)
            weight += density
        before, found = found, total / weight
        if step < _STEP and np.all(np.abs(found - before) <= _CLOSE * size / weight):
            break
        step /= 2
        nodes = step * np.arange(1 - 2 * most, 2 * most, 2)
        most *= 2
    return found
