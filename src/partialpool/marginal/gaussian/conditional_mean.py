"""The mean of all group effects given theta, in standard normal offsets, and the determinant of their precision."""

import numpy as np

from partialpool.kernels import kernel
from partialpool.marginal.gaussian.cholesky import eliminate, make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_levels, draw_tail
from partialpool.marginal.gaussian.ordering import Leaf, System
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scales_of, unpack

__all__ = ["conditional_mean"]


@kernel
def conditional_mean(
    system: System, levels: Leaf, layout: Layout, normals: Normals, thetas: np.ndarray, offsets: np.ndarray
) -> float:
    """Write E(u | y, theta) at thetas[0] into offsets (1, effects), zeros before, in order of elimination.

    Parameters
    ----------
    system, levels, layout, normals
        Those of a `Marginal` and its arrangement; no columns are integrated out.
    thetas
        (1, elements).

    Returns
    -------
    float
        log |A(theta)|; NaN where A is not positive definite.
    """
    parameters = unpack(layout, thetas, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, parameters.sigma)
    forward = eliminate(system, scales, common, make_workspace(system))
    if not forward.ok:
        return np.nan
    tail = draw_tail(system.tail, scales, common, forward, offsets, 0)
    draw_levels(levels, system, scales, forward, tail, offsets, 0)
    return forward.log_det
