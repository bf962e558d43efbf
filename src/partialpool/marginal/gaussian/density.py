"""The two terms of the collapsed posterior density of theta, compiled: log p(y | theta) and log p(theta)."""

import numpy as np

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Forward
from partialpool.marginal.gaussian.parameters import Layout, Normals
from partialpool.marginal.gaussian.variance_prior import joint_log_prior

__all__ = ["log_likelihood", "log_prior"]


@part
def log_likelihood(rows: int, normals: Normals, sigma: float, forward: Forward) -> float:
    """Return log p(y* | theta); flat common columns are integrated against d beta."""
    flat = 0.0
    for i in range(len(normals.precision)):
        flat += 1.0 - normals.precision[i]
    return -0.5 * (
        (rows - flat) * np.log(2.0 * np.pi * sigma**2)
        + forward.log_det
        + forward.log_det_common
        + forward.quadratic / sigma**2
    )


@part
def log_prior(layout: Layout, thetas: np.ndarray, i: int) -> float:
    """Return the log prior density of row i of thetas, as a density on the real line."""
    total = 0.0
    for x in range(thetas.shape[1]):
        v, _, log_slope, _ = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])
        total += log_slope + log_density(layout.kinds[x], layout.arguments, x, v)[0]
    if len(layout.joint.places):
        total += joint_log_prior(layout.joint, layout.sigma, thetas, i)
    return total
