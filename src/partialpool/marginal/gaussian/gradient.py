"""The gradient of the collapsed posterior density of theta, exact."""

import numpy as np

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, eliminate, make_workspace
from partialpool.marginal.gaussian.conditional_moments import second_moments
from partialpool.marginal.gaussian.density import log_likelihood, log_prior
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.parameters import (
    Layout,
    Normals,
    Parameters,
    common_of,
    partial_of,
    scales_of,
    unpack,
)
from partialpool.marginal.gaussian.precision import is_rounding
from partialpool.marginal.gaussian.variance_prior import add_joint_gradient

__all__ = [
    "add_likelihood_gradient",
    "add_prior_gradient",
    "add_scales_gradient",
    "evaluate_gradient",
    "evaluate_likelihood_gradient",
]


@kernel
def evaluate_gradient(system: System, layout: Layout, normals: Normals, thetas: np.ndarray, out: np.ndarray) -> float:
    """Evaluate the log posterior density of thetas[0], up to p(y), and its gradient into out (elements,)."""
    prior = log_prior(layout, thetas, 0)
    if not np.isfinite(prior) or (layout.sigma >= 0 and is_rounding(unpack(layout, thetas, 0).sigma, system.rows)):
        return -np.inf
    total = prior + evaluate_likelihood_gradient(system, layout, normals, thetas, out)
    add_prior_gradient(layout, thetas, out)
    return total


@part
def add_prior_gradient(layout: Layout, thetas: np.ndarray, out: np.ndarray) -> None:
    """Add the gradient of the log prior density at thetas[0], as a density on the real line, to out (elements,)."""
    for x in range(thetas.shape[1]):
        v, slope, _, log_slope_slope = place(layout.coordinates[x], layout.arguments, x, thetas[0, x])
        out[x] += log_density(layout.kinds[x], layout.arguments, x, v)[1] * slope + log_slope_slope
    if len(layout.joint.places):
        add_joint_gradient(layout.joint, layout.sigma, thetas, 0, out)


@kernel
def evaluate_likelihood_gradient(
    system: System, layout: Layout, normals: Normals, thetas: np.ndarray, out: np.ndarray
) -> float:
    """Evaluate log p(y* | theta) at thetas[0] and its gradient into out (elements,)."""
    for x in range(thetas.shape[1]):
        out[x] = 0.0
    parameters = unpack(layout, thetas, 0)
    if not parameters.sigma > 0.0:
        return -np.inf
    scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
    forward = eliminate(system, scales, common, make_workspace(system.tail))
    total = log_likelihood(system.rows, normals, parameters.sigma, forward)
    if not (forward.ok and np.isfinite(total)):
        return -np.inf
    add_likelihood_gradient(system, layout, scales, common, parameters, forward, thetas, out)
    return total


@part
def add_likelihood_gradient(
    system: System,
    layout: Layout,
    scales: Scales,
    common: Common,
    parameters: Parameters,
    forward: Forward,
    thetas: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add the gradient of the log likelihood, from second moments of the effects given theta."""
    moments = second_moments(system, scales, common, forward)
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    skip = factors - len(system.tail.levels)  # leaf and branch, where there are any
    excess = np.zeros((factors, most, most))  # M - J I
    integrated = float(system.tail.common)
    for f in range(factors):
        q = layout.effects[f]
        if f == 0 and skip > 0:
            levels = system.leaf.multiplicity.sum()
        elif f < skip:
            levels = float(system.branch.gram.shape[0])
        else:
            levels = float(system.tail.levels[f - skip])
        integrated += levels * q
        for a in range(q):
            for b in range(q):
                if f == 0 and skip > 0:
                    excess[f, a, b] = moments.leaf[a, b]
                elif f < skip:
                    excess[f, a, b] = moments.branch[a, b]
                else:
                    excess[f, a, b] = moments.tail[f - skip, a, b]
            excess[f, a, a] -= levels
    add_scales_gradient(layout, parameters, excess, thetas, gradient)
    theta = thetas[0]
    if layout.sigma >= 0:
        by_log = forward.quadratic / parameters.sigma**2 - moments.squared + integrated - system.rows
        gradient[layout.sigma] += by_log * _log_slope(layout, theta, layout.sigma)
    for k in range(len(parameters.kept)):
        x = layout.kept + k
        slope = place(layout.coordinates[x], layout.arguments, x, theta[x])[1]
        gradient[x] += slope * moments.slope[k] / parameters.sigma**2


@part
def add_scales_gradient(
    layout: Layout, parameters: Parameters, products: np.ndarray, thetas: np.ndarray, gradient: np.ndarray
) -> None:
    """Add sum_f tr(P_f Lambda_f^-1 dLambda_f) along every sd and correlation in thetas[0].

    d Lambda = Lambda L^-1 e e' L for a log sd, Lambda L^-1 dL for a correlation. P is (factors, most effects, most
    effects).
    """
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    solved = np.zeros((factors, most, most))  # P L^-1
    theta = thetas[0]
    for f in range(factors):
        q, factor = layout.effects[f], parameters.corr[f]
        for a in range(q):
            # Row by row: x L = e  from the last column back.
            for b in range(q - 1, -1, -1):
                s = products[f, a, b]
                for c in range(b + 1, q):
                    s -= solved[f, a, c] * factor[c, b]
                solved[f, a, b] = s / factor[b, b]
        for a in range(q):
            s = 0.0
            for b in range(a + 1):
                s += factor[a, b] * solved[f, b, a]
            x = layout.sd_at[f, a]
            gradient[x] += s * _log_slope(layout, theta, x)
    for n in range(len(layout.partial_factor)):
        f, i, j = layout.partial_factor[n], layout.partial_row[n], layout.partial_column[n]
        z, rest, slope = partial_of(layout, n, thetas, 0)
        factor = parameters.corr[f]
        # s^2 times what the row had left before this partial correlation.
        left = factor[i, i]
        for m in range(n, len(layout.partial_factor)):
            if layout.partial_factor[m] == f and layout.partial_row[m] == i:
                left /= partial_of(layout, m, thetas, 0)[1]
        s = left * rest * rest * solved[f, j, i] - z * factor[i, i] * solved[f, i, i]
        for m in range(n + 1, len(layout.partial_factor)):
            if layout.partial_factor[m] == f and layout.partial_row[m] == i:
                k = layout.partial_column[m]
                s -= z * factor[i, k] * solved[f, k, i]
        gradient[layout.partial_at[n]] += s * slope


@part
def _log_slope(layout: Layout, theta: np.ndarray, x: int) -> float:
    """Return d log v / dx: 1 where the coordinate is log v, also at v = 0."""
    v, slope, _, _ = place(layout.coordinates[x], layout.arguments, x, theta[x])
    return slope / v if slope != v else 1.0
