"""Priors of parameters beside theta on the real line, compiled: the family's own, and degrees of freedom of effects."""

from typing import NamedTuple

import numpy as np

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernels import part
from partialpool.marginal.glmm.cutpoints import CutpointsPrior, place_cutpoints, pull_cutpoints

__all__ = ["OwnPriors", "place_own", "pull_own"]


class OwnPriors(NamedTuple):
    """Priors of parameters: distribution, coordinate and arguments of each; its value if it is fixed.

    `fixed` is NaN for a parameter that is estimated. `estimated` counts those. A family has either such scalars, or
    cutpoints. A parameter whose prior is truncated at `lower` is `lower` plus what its coordinate gives; others have 0.
    """

    kinds: np.ndarray
    coordinates: np.ndarray
    arguments: np.ndarray
    fixed: np.ndarray
    lower: np.ndarray
    estimated: int
    cutpoints: CutpointsPrior


@part
def place_own(own: OwnPriors, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write the family's own parameters into values; return their log prior density on the real line."""
    if own.cutpoints.number > 0:
        return place_cutpoints(own.cutpoints, x, first, values)
    kinds, coordinates, arguments, fixed, lower = own.kinds, own.coordinates, own.arguments, own.fixed, own.lower
    total, at = 0.0, first
    for k in range(len(kinds)):
        values[k] = fixed[k]
        if np.isnan(fixed[k]):
            v, _, log_slope, _ = place(coordinates[k], arguments, k, x[at])
            values[k] = v + lower[k]
            total += log_slope + log_density(kinds[k], arguments, k, values[k])[0]
            at += 1
    return total


@part
def pull_own(own: OwnPriors, x: np.ndarray, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray) -> None:
    """Write the derivatives along the own parameters' places, given those of the rows in the parameters."""
    if own.cutpoints.number > 0:
        pull_cutpoints(own.cutpoints, x, first, values, slope, out)
        return
    kinds, coordinates, arguments, fixed = own.kinds, own.coordinates, own.arguments, own.fixed
    at = first
    for k in range(len(kinds)):
        if np.isnan(fixed[k]):
            _, by, _, by_log = place(coordinates[k], arguments, k, x[at])
            out[at] = by_log + by * (slope[k] + log_density(kinds[k], arguments, k, values[k])[1])
            at += 1
