"""The mean of all group effects given theta, in standard normal offsets, and the determinant of their precision."""

import numpy as np

from partialpool.kernels import kernel
from partialpool.marginal.gaussian.abreast import IN_CACHE
from partialpool.marginal.gaussian.cholesky import make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_all
from partialpool.marginal.gaussian.nest import Nest, eliminate_all, make_nest_room
from partialpool.marginal.gaussian.ordering import Leaf, System
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scales_of, unpack

__all__ = ["conditional_mean"]


@kernel
def conditional_mean(
    system: System, levels: Leaf, nest: Nest, layout: Layout, normals: Normals, thetas: np.ndarray, offsets: np.ndarray
) -> float:
    """Write E(u | y, theta) at thetas[0] into offsets (1, effects), zeros before, in order of elimination.

    Parameters
    ----------
    system, levels, nest
        From `Marginal.for_draws`; no columns are integrated out.
    layout, normals
        Those of the marginal.
    thetas
        (1, elements).

    Returns
    -------
    float
        log |A(theta)|; NaN where A is not positive definite.
    """
    parameters = unpack(layout, thetas, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
    nest_room = make_nest_room(nest, IN_CACHE)
    forward = eliminate_all(system, nest, scales, common, make_workspace(system.tail), nest_room)
    if not forward.ok:
        return np.nan
    draw_all(levels, system, nest, scales, common, forward, nest_room, offsets, 0)
    return forward.log_det
