"""Starting points in the search for modes of theta: corners of the possible decompositions of the variance.

A posterior of standard deviations can have several modes: the variance is attributed to one factor, to another, or to
neither; if a predictor is far from its zero, intercepts and slopes have another correlation; a coefficient with a
heavy-tailed prior follows the prior or the data.
"""

from typing import Final

import numpy as np

from partialpool.distributions.density_kernel import IDENTITY, INTERVAL, LOG, unplaced
from partialpool.likelihood.covariance_factor import relative_coordinates
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.parameters import Layout

__all__ = ["starts"]

_SD, _SIGMA = 0.5, 0.8
"""Where most posteriors are: group sds at half the data's scale, sigma at most of it."""
_LOW: Final = 0.05
_HIGH: Final = 2.0
_CORRELATION: Final = np.arctanh(0.9)
_MOST_CORNERS: Final = 8


def starts(marginal: Marginal) -> np.ndarray:
    """Return points to climb from, the likeliest to succeed first, shape (starts, elements)."""
    layout, size = marginal.layout, marginal.size
    sds, partials = np.arange(layout.sds), np.unique(layout.partial_at)
    kept = np.arange(layout.kept, size)
    base = np.zeros(size)
    _put(layout, base, sds, np.full(len(sds), _SD))
    if layout.sigma >= 0:
        _put(layout, base, np.array([layout.sigma]), np.array([_SIGMA]))
    _put(layout, base, kept, marginal.least_squares() + layout.kept_shift)
    found = [base]

    def vary(at: np.ndarray, values: np.ndarray) -> np.ndarray:
        point = base.copy()
        _put(layout, point, at, values)
        found.append(point)
        return point

    if len(kept):
        location = layout.arguments[kept, 0]
        width = np.where(layout.coordinates[kept] == IDENTITY, 0.0, layout.arguments[kept, 1] / 2)
        vary(kept, np.where(layout.coordinates[kept] == LOG, np.maximum(location + width, 1e-3), location + width))
    if any(np.abs(f.shift - np.eye(len(f.shift))).max() > 1 for f in marginal.units.factors):
        relative = relative_coordinates(marginal)
        point = base.copy()
        point[: relative.size] = relative.to_theta(relative.start(_SD))
        found.append(point)
    if len(sds):
        vary(sds, np.full(len(sds), _LOW))
        vary(sds, np.full(len(sds), _HIGH))
    for k in sds[: _MOST_CORNERS if len(sds) > 1 else 0]:
        vary(sds, np.where(sds == k, 1.0, _LOW))
    for sign in (1, -1) if len(partials) else ():
        point = base.copy()
        point[partials] = sign * _CORRELATION
        found.append(point)
    return np.array(found)


def _put(layout: Layout, theta: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    """Write values of parameters, in `Units`, at positions of theta, whatever their coordinate."""
    for x, value in zip(at, values, strict=True):
        coordinate, (lower, width) = layout.coordinates[x], layout.arguments[x, :2]
        inside = value
        if coordinate == LOG:
            inside = max(value, 1e-3)
        elif coordinate == INTERVAL:
            inside = np.clip(value, lower + 0.01 * width, lower + 0.99 * width)
        theta[x] = unplaced(coordinate, layout.arguments[x], inside)
