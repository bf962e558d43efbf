"""Axes of (theta, own) fitted to the shape of their posterior, which is skewed where an sd may be near 0.

Quantiles along each axis are matched to those of the standard normal: quantiles of a slice through the mode, where the
density is evaluated at e = 0 about the working response of the mode, or those of draws. The columns of a Cholesky
factor are the axes, so that each moves one element of (theta, own) and those after it. The posterior is exact whatever
the axes are.
"""

from typing import Final

import numpy as np
from scipy import optimize, special
from scipy.interpolate import PchipInterpolator

from partialpool.marginal.glmm.axes import Axes, axes_about, bend
from partialpool.marginal.glmm.posterior import Posterior
from partialpool.sampling.mode import Peak

__all__ = ["axes_of_draws", "skewed_axes"]

_FIRST_STEP, _GROWTH, _FARTHEST = 0.5, 1.25, 30.0
"""Steps away from the mode, in sds at the mode: the first one, the next relative to it, and how far they go."""
_NEGLIGIBLE = 8.0
"""A slice ends where its density is below exp(-8) of its largest."""
_NORMAL_QUANTILES: Final = np.array([-2.5, -2.0, -1.0, 1.0, 2.0, 2.5])
_PROBABILITIES: Final = special.ndtr(np.concatenate([[0.0], _NORMAL_QUANTILES]))
"""Below the median, and below each of these quantiles."""
_FINE: Final = 1000
"""Points of the grid on which a slice is integrated."""
_LEAST_SCALE = 0.1
"""Of an axis, however much it is stretched: slopes stay away from 0."""
_FARTHEST_MIDDLE = 3.0
"""How far the middle of an axis may be from the mode, in sds there: the chains start about it."""
_STRAIGHT: Final = (0.0, 1.0, 0.0, 0.0)


def skewed_axes(posterior: Posterior, peak: Peak) -> Axes:
    """Fit axes about the mode.

    Parameters
    ----------
    posterior
        About the working response of the mode.
    peak
        The mode of (theta, own), with its covariance.
    """
    straight = axes_about(peak.theta, peak.covariance)
    along = posterior.along(straight)
    return _shaped(straight, [_shape(*_slice(along, k)) for k in range(posterior.size)])


def axes_of_draws(draws: np.ndarray) -> Axes:
    """Fit axes to draws of (theta, own), (draws, elements).

    Raises
    ------
    LinAlgError
        The draws have no positive definite covariance.
    """
    center = draws.mean(axis=0)
    straight = axes_about(center, np.cov(draws, rowvar=False).reshape(len(center), len(center)))
    places = np.linalg.solve(straight.factor, (draws - center).T)
    return _shaped(straight, [_matched(*np.quantile(h, _PROBABILITIES)) for h in places])


def _shaped(straight: Axes, shapes: list[tuple[float, float, float, float]]) -> Axes:
    """Give straight axes their middle, scale, left and right."""
    return Axes(straight.center, straight.factor, *np.array(shapes).reshape(-1, 4).T.copy())


def _slice(along: Posterior, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate the log density along an axis as far as it is not negligible; return places, increasing, and values."""
    direction = np.eye(along.size)[k]
    places, values = [0.0], [along.gradient(0.0 * direction)[0]]
    for side in (-1.0, 1.0):
        step, h = _FIRST_STEP, _FIRST_STEP
        while h < _FARTHEST:
            value = along.gradient(side * h * direction)[0]
            if not np.isfinite(value):
                break
            places.append(side * h)
            values.append(value)
            if value < max(values) - _NEGLIGIBLE:
                break
            step *= _GROWTH
            h += step
    order = np.argsort(places)
    return np.array(places)[order], np.array(values)[order]


def _shape(places: np.ndarray, values: np.ndarray) -> tuple[float, float, float, float]:
    """Return middle, scale, left and right of an axis, given the log density at places on it, increasing."""
    if len(places) < 4:
        return _STRAIGHT
    grid = np.linspace(places[0], places[-1], _FINE)
    density = np.exp(PchipInterpolator(places, values)(grid) - values.max())
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return _matched(*np.interp(_PROBABILITIES * below[-1], below, grid))


def _matched(middle: float, *quantiles: float) -> tuple[float, float, float, float]:
    """Return middle, scale, left and right by which normal quantiles become those given, as near as they can."""
    z = _NORMAL_QUANTILES
    columns = np.stack([z, -bend(-z), bend(z)], axis=1)
    wanted = np.array(quantiles) - middle - _LEAST_SCALE * z
    (scale, left, right), _ = optimize.nnls(columns, wanted, maxiter=100)
    bounded = float(np.clip(middle, -_FARTHEST_MIDDLE, _FARTHEST_MIDDLE))
    return bounded, float(scale) + _LEAST_SCALE, float(left), float(right)
