"""Axes of (theta, own) fitted to the shape of their posterior, which is skewed where an sd may be near 0.

Along each axis of the covariance at the mode, Laplace's approximation of the posterior is evaluated through the mode.
Quantiles of that slice are matched to those of the standard normal. The posterior is exact whatever the axes are.
"""

from typing import Final

import numpy as np
from scipy import optimize, stats
from scipy.interpolate import PchipInterpolator

from partialpool.marginal.glmm.axes import Axes, axes_about, bend
from partialpool.marginal.glmm.posterior import Posterior
from partialpool.sampling.mode import Peak

__all__ = ["skewed_axes"]

_FIRST_STEP, _GROWTH, _FARTHEST = 0.5, 1.25, 30.0
"""Steps away from the mode, in sds at the mode: the first one, the next relative to it, and how far they go."""
_NEGLIGIBLE = 8.0
"""A slice ends where its density is below exp(-8) of the mode's."""
_NORMAL_QUANTILES: Final = np.array([-2.5, -2.0, -1.0, 1.0, 2.0, 2.5])
_FINE: Final = 1000
_LEAST_SCALE = 0.1


def skewed_axes(posterior: Posterior, peak: Peak) -> Axes:
    """Fit axes about the mode.

    Parameters
    ----------
    posterior
        About the working response of the mode.
    peak
        The mode of (theta, own), with its covariance.
    """
    axes = axes_about(peak.theta, peak.covariance)
    straight = posterior.along(axes)
    for k in range(posterior.size):
        axes.middle[k], axes.scale[k], axes.left[k], axes.right[k] = _shape(*_slice(straight, k))
    return axes


def _slice(straight: Posterior, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Evaluate the log density along an axis as far as it is not negligible; return places, increasing, and values."""
    direction = np.eye(straight.size)[k]
    top = straight.gradient(0.0 * direction)[0]
    places, values = [0.0], [top]
    for side in (-1.0, 1.0):
        step, h = _FIRST_STEP, _FIRST_STEP
        while h < _FARTHEST:
            value = straight.gradient(side * h * direction)[0]
            if not np.isfinite(value):
                break
            places.append(side * h)
            values.append(value)
            if value < top - _NEGLIGIBLE:
                break
            step *= _GROWTH
            h += step
    order = np.argsort(places)
    return np.array(places)[order], np.array(values)[order]


def _shape(places: np.ndarray, values: np.ndarray) -> tuple[float, float, float, float]:
    """Return middle, scale, left and right by which normal quantiles become those of the slice, as near as they can."""
    if len(places) < 4:
        return 0.0, 1.0, 0.0, 0.0
    grid = np.linspace(places[0], places[-1], _FINE)
    density = np.exp(PchipInterpolator(places, values)(grid) - values.max())
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    z = _NORMAL_QUANTILES
    middle, *quantiles = np.interp(stats.norm.cdf(np.concatenate([[0.0], z])) * below[-1], below, grid)
    columns = np.stack([z, -bend(-z), bend(z)], axis=1)
    (scale, left, right), _ = optimize.nnls(columns, np.array(quantiles) - middle)
    return float(middle), max(float(scale), _LEAST_SCALE), float(left), float(right)
