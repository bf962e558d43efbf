"""Densities for the page: kernel density estimates of draws, with quantiles as their summary."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from arviz_stats.base import array_stats

from partialpool.intervals import DEFAULT_PROB, central_ends

__all__ = ["Outline", "outline"]


@dataclass(frozen=True, eq=False)
class Outline:
    """Densities of a posterior and its prior along one axis.

    Attributes
    ----------
    posterior, prior
        Densities at the axis' points, divided by a common number so that the larger of the two peaks is near 1.
    low, median, high
        Lower end of the draws' central interval, their median, and the upper end.
    beyond
        Share of the draws beyond the axis.
    """

    posterior: np.ndarray
    prior: np.ndarray
    low: float
    median: float
    high: float
    beyond: float


def outline(
    draws: np.ndarray,
    prior: np.ndarray | Callable[[np.ndarray], np.ndarray],
    points: np.ndarray,
    top: float,
    *,
    prob: float = DEFAULT_PROB,
) -> Outline:
    """Estimate the density of draws of a positive quantity, beside its prior.

    Kernel density estimates are ArviZ's, reflected at the bounds of the quantity; that of a prior has Silverman's
    bandwidth, which is wider: priors spread over the axis, and their sampling noise would look like modes.

    Parameters
    ----------
    draws
        Draws from the posterior, (draws,).
    prior
        The prior's density, or draws from it.
    points
        Points of the axis, from 0.
    top
        The largest value the quantity can have; infinity for an sd.
    prob
        Probability of the interval.
    """
    posterior = _smooth(draws, points, top)
    before = prior(points) if callable(prior) else _smooth(prior, points, top, bandwidth="silverman")
    # A prior with a spike at 0 may exceed the picture; the posterior never does.
    before = np.nan_to_num(before, nan=0.0, posinf=np.finfo(float).max)
    peak = max(float(posterior.max()), min(float(before.max()), 1.2 * float(posterior.max()))) or 1.0
    lower, upper = central_ends(prob)
    low, median, high = (float(q) for q in np.quantile(draws, [lower, 0.5, upper]))
    return Outline(
        posterior / peak, np.minimum(before / peak, 2.0), low, median, high, float((draws > points[-1]).mean())
    )


def _smooth(draws: np.ndarray, points: np.ndarray, top: float, bandwidth: str = "experimental") -> np.ndarray:
    """Return the density at the points; draws far beyond them count in the normalisation but not in the estimate."""
    end = min(top, 2 * float(points[-1]))
    near = draws[draws <= end]
    if len(near) < 2 or np.ptp(near) == 0:
        return np.zeros(len(points))
    grid, density, _ = array_stats.kde(near, custom_lims=(0.0, end), grid_len=1024, bw=bandwidth)
    return np.interp(points, grid, density) * len(near) / len(draws)
