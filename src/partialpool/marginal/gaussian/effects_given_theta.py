"""Draws of the effects given each theta, with the log density of theta from the same factorisation.

There is a kernel for factors in a nest, and one for all others, so that a process compiles the one that it needs.
"""

import numpy as np

from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.cholesky import Forward, eliminate, make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_by_level, draw_nested, put_back
from partialpool.marginal.gaussian.density import log_likelihood, log_prior
from partialpool.marginal.gaussian.nest import Nest, eliminate_nest, make_nest_room
from partialpool.marginal.gaussian.ordering import Leaf, System, Tail
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scaled_factors, scales_of, unpack
from partialpool.marginal.gaussian.precision import is_rounding

__all__ = ["draw_effects_by_level", "draw_effects_nested"]


@kernel
def draw_effects_nested(
    tail: Tail,
    nest: Nest,
    rows: int,
    levels: np.ndarray,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    noise: np.ndarray,
    effects: np.ndarray,
    out: np.ndarray,
) -> None:
    """Overwrite each row of noise with u given that row of thetas, and write diag(sd) L u and log densities.

    Parameters
    ----------
    tail, nest, rows
        The system, whose leaf and branch are replaced by the nest, and the number of rows.
    levels
        Of each factor, in elimination order.
    thetas
        (n, elements).
    noise, effects
        (n, effects), in elimination order, integrated common columns last.
    out
        Log density of each theta, (n,); -inf where there is none.
    """
    room, nest_room = make_workspace(tail), make_nest_room(nest)
    for i in range(len(thetas)):
        out[i] = -np.inf
        parameters = unpack(layout, thetas, i)
        if layout.sigma >= 0 and is_rounding(parameters.sigma, rows):
            continue
        scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
        forward = eliminate_nest(tail, nest, scales, common, room, nest_room)
        if forward.ok:
            out[i] = _log_density(rows, layout, normals, parameters.sigma, forward, thetas, i)
            draw_nested(tail, nest, scales, common, forward, nest_room, noise, i)
            put_back(layout.effects, levels, scaled_factors(parameters), noise[i], effects[i])


@kernel
def draw_effects_by_level(
    system: System,
    leaf: Leaf,
    levels: np.ndarray,
    layout: Layout,
    normals: Normals,
    thetas: np.ndarray,
    noise: np.ndarray,
    effects: np.ndarray,
    out: np.ndarray,
) -> None:
    """Do what `draw_effects_nested` does, where there is no nest; `leaf` has the leaf's levels one by one."""
    room = make_workspace(system.tail)
    for i in range(len(thetas)):
        out[i] = -np.inf
        parameters = unpack(layout, thetas, i)
        if layout.sigma >= 0 and is_rounding(parameters.sigma, system.rows):
            continue
        scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
        forward = eliminate(system, scales, common, room)
        if forward.ok:
            out[i] = _log_density(system.rows, layout, normals, parameters.sigma, forward, thetas, i)
            draw_by_level(leaf, system, scales, common, forward, noise, i)
            put_back(layout.effects, levels, scaled_factors(parameters), noise[i], effects[i])


@part
def _log_density(
    rows: int, layout: Layout, normals: Normals, sigma: float, forward: Forward, thetas: np.ndarray, i: int
) -> float:
    """Return the log density of row i of thetas; -inf where it is not finite."""
    total = log_prior(layout, thetas, i) + log_likelihood(rows, normals, sigma, forward)
    return total if np.isfinite(total) else -np.inf
