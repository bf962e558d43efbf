"""The collapsed density where residuals have several standard deviations or are correlated, its gradient, and draws.

Here sigma is 1 in the algebra: R^-1 is in the moments, and log |R| is taken off.
"""

import numpy as np

from partialpool.kernels import kernel
from partialpool.marginal.gaussian.blend import Sets, add_expected_products, blend
from partialpool.marginal.gaussian.cholesky import eliminate, make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_by_level, put_back
from partialpool.marginal.gaussian.density import log_likelihood, log_prior
from partialpool.marginal.gaussian.gradient import add_likelihood_gradient, add_prior_gradient
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scaled_factors, scales_of, unpack

__all__ = [
    "draw_effects_blended",
    "eliminate_blended",
    "evaluate_blended",
    "evaluate_blended_gradient",
    "evaluate_blended_likelihood_gradient",
]


@kernel
def evaluate_blended(
    sets: Sets,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    weights: np.ndarray,
    log_dets: np.ndarray,
    out: np.ndarray,
) -> None:
    """Evaluate the log posterior density, up to p(y), of each row of thetas (n, elements) into out (n,).

    `weights` are the coefficients of the sets (n, sets), `log_dets` is log |R| (n,).
    """
    room = make_workspace(sets.system.tail)
    for i in range(len(thetas)):
        out[i] = -np.inf
        prior = log_prior(layout, thetas, i)
        if not (np.isfinite(prior) and np.isfinite(log_dets[i])):
            continue
        parameters = unpack(layout, thetas, i)
        scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
        system = blend(sets, weights, i)
        forward = eliminate(system, scales, common, room)
        if forward.ok:
            total = prior + log_likelihood(system.rows, normals, parameters.sigma, forward) - 0.5 * log_dets[i]
            if np.isfinite(total):
                out[i] = total


@kernel
def evaluate_blended_gradient(
    sets: Sets,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    weights: np.ndarray,
    out: np.ndarray,
    by_weight: np.ndarray,
) -> float:
    """Evaluate the log posterior density of thetas[0] without log |R|, and its gradients.

    Parameters
    ----------
    out
        Gradient in theta with fixed coefficients of the sets, (elements,).
    by_weight
        Gradient in those coefficients, (sets,).
    """
    prior = log_prior(layout, thetas, 0)
    if not np.isfinite(prior):
        return -np.inf
    total = prior + evaluate_blended_likelihood_gradient(sets, layout, normals, thetas, weights, out, by_weight)
    add_prior_gradient(layout, thetas, out)
    return total


@kernel
def evaluate_blended_likelihood_gradient(
    sets: Sets,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    weights: np.ndarray,
    out: np.ndarray,
    by_weight: np.ndarray,
) -> float:
    """Do the same for the log likelihood."""
    for x in range(thetas.shape[1]):
        out[x] = 0.0
    for k in range(len(by_weight)):
        by_weight[k] = 0.0
    parameters = unpack(layout, thetas, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
    system = blend(sets, weights, 0)
    forward = eliminate(system, scales, common, make_workspace(system.tail))
    total = log_likelihood(system.rows, normals, parameters.sigma, forward)
    if not (forward.ok and np.isfinite(total)):
        return -np.inf
    add_likelihood_gradient(system, layout, scales, common, parameters, forward, thetas, out)
    add_expected_products(sets, system, scales, common, forward, by_weight)
    return total


@kernel
def eliminate_blended(
    sets: Sets, layout: Layout, normals: Normals, thetas: np.ndarray, weights: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return log |I + Lambda' Z'R^-1 Z Lambda| and [X y]' V^-1 [X y] at thetas[0]."""
    parameters = unpack(layout, thetas, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, 1.0)
    system = blend(sets, weights, 0)
    forward = eliminate(system, scales, common, make_workspace(system.tail))
    return forward.log_det, forward.remainder


@kernel
def draw_effects_blended(
    sets: Sets,
    levels: np.ndarray,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    weights: np.ndarray,
    log_dets: np.ndarray,
    noise: np.ndarray,
    effects: np.ndarray,
    out: np.ndarray,
) -> None:
    """Draw effects as `given_theta.by_level_given_theta` does, with log densities into out (n,)."""
    room = make_workspace(sets.system.tail)
    for i in range(len(thetas)):
        out[i] = -np.inf
        parameters = unpack(layout, thetas, i)
        scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
        system = blend(sets, weights, i)
        forward = eliminate(system, scales, common, room)
        if forward.ok:
            total = log_prior(layout, thetas, i) + log_likelihood(system.rows, normals, parameters.sigma, forward)
            total -= 0.5 * log_dets[i]
            out[i] = total if np.isfinite(total) else -np.inf
            draw_by_level(system.leaf, system, scales, common, forward, noise, i)
            put_back(layout.effects, levels, scaled_factors(parameters), noise[i], effects[i])
