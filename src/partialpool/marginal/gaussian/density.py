"""The collapsed posterior density of theta, compiled: log p(y | theta) + log p(theta)."""

import numpy as np

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.cholesky import Forward, eliminate, make_workspace
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scales_of, unpack
from partialpool.marginal.gaussian.precision import is_rounding
from partialpool.marginal.gaussian.variance_prior import joint_log_prior

__all__ = ["evaluate", "log_likelihood", "log_prior"]


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


@kernel
def evaluate(system: System, layout: Layout, normals: Normals, thetas: np.ndarray, out: np.ndarray) -> None:
    """Evaluate the log posterior density, up to p(y), of each row of thetas (n, elements) into out (n,)."""
    room = make_workspace(system.tail)
    for i in range(len(thetas)):
        out[i] = -np.inf
        prior = log_prior(layout, thetas, i)
        parameters = unpack(layout, thetas, i)
        if (layout.sigma >= 0 and is_rounding(parameters.sigma, system.rows)) or not np.isfinite(prior):
            continue
        scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
        forward = eliminate(system, scales, common, room)
        if not forward.ok:
            continue
        total = prior + log_likelihood(system.rows, normals, parameters.sigma, forward)
        if np.isfinite(total):
            out[i] = total
