"""The backward half: draws of the effects, given the factorisation.

Given theta, A = L L' and u = L'^-1 (c + sigma e) / sigma with e ~ N(0, I) is a draw of N(m, A^-1): one
back-substitution, tail first, then branches, then leaves. u are the non-centred offsets z; b = diag(sd) L_corr z.
"""

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, unscale
from partialpool.marginal.gaussian.dense import solve_lower, solve_upper
from partialpool.marginal.gaussian.leaf_cholesky import leaf_factor
from partialpool.marginal.gaussian.nest import Nest, NestRoom, depth, draw_nest, has_nest
from partialpool.marginal.gaussian.ordering import Leaf, System, Tail
from partialpool.marginal.gaussian.parameters import Layout, Parameters

__all__ = ["draw_all", "put_back"]


@part
def put_back(
    leaf: Leaf,
    system: System,
    nest: Nest,
    layout: Layout,
    parameters: Parameters,
    scales: Scales,
    common: Common,
    forward: Forward,
    nest_room: NestRoom,
    noise: np.ndarray,
    effects: np.ndarray,
    i: int,
) -> None:
    """Overwrite row i of noise (draws, effects) with u, and of effects with diag(sd) L u, in order of elimination.

    Integrated common columns come last in both. See `draw_all` for `leaf` and `nest`.
    """
    draw_all(leaf, system, nest, scales, common, forward, nest_room, noise, i)
    # b = diag(sd) L u, level by level.
    tail, at = system.tail, 0
    skip = depth(nest) if has_nest(nest) else 2 if layout.has_branch else 1
    for f in range(len(layout.effects)):
        if f >= skip:
            levels = tail.levels[f - skip]
        elif has_nest(nest):
            levels = (nest.leaf if f == 0 else nest.branch if f == 1 else nest.top).gram.shape[2]
        else:
            levels = len(leaf.level) if f == 0 else len(system.branch.gram)
        for _ in range(levels):
            for a in range(layout.effects[f]):
                s = 0.0
                for c in range(a + 1):
                    s += parameters.corr[f, a, c] * noise[i, at + c]
                effects[i, at + a] = parameters.sd[f, a] * s
            at += layout.effects[f]


@part
def draw_all(
    leaf: Leaf,
    system: System,
    nest: Nest,
    scales: Scales,
    common: Common,
    forward: Forward,
    nest_room: NestRoom,
    noise: np.ndarray,
    i: int,
) -> None:
    """Overwrite row i of noise (draws, effects) with u.

    The leaf has every level by itself; where there is a nest, it comes instead of the system's leaf and branch.
    """
    t = _draw_tail(system.tail, scales, common, forward, noise, i)
    if has_nest(nest):
        draw_nest(nest, nest_room, scales, t, noise[i])
    else:
        _draw_levels(leaf, system, scales, forward, t, noise, i)


@part
def _draw_tail(tail: Tail, scales: Scales, common: Common, forward: Forward, noise: np.ndarray, i: int) -> np.ndarray:
    """Overwrite the tail's part of row i of noise, its end, with u; return Lambda u sigma, (columns + common,)."""
    size, sigma = tail.columns + tail.common, scales.sigma
    first = noise.shape[1] - size
    t = np.empty(size)
    for c in range(size):
        t[c] = forward.center[c] + sigma * noise[i, first + c]
    solve_upper(forward.factor, t)
    for c in range(size):
        noise[i, first + c] = t[c] / sigma
    unscale(tail, scales, common, t)
    return t


@part
def _draw_levels(
    leaf: Leaf, system: System, scales: Scales, forward: Forward, t: np.ndarray, noise: np.ndarray, i: int
) -> None:
    """Overwrite the branches' and the leaf's part of row i of noise with u; t is what `_draw_tail` returned."""
    branch, tail = system.branch, system.tail
    q, qb, sigma = leaf.up.shape[1], branch.gram.shape[1], scales.sigma
    leaves = len(leaf.level) * q
    own, above_own = np.empty(q), np.empty(qb)
    above, above_factor = np.zeros((len(branch.gram), qb)), np.empty((qb, qb))
    factor = np.zeros((q, q))
    # Branches.
    for k in range(len(branch.gram)):
        at = leaves + k * qb
        for a in range(qb):
            s = sigma * noise[i, at + a] + _right_side(forward.branch_dense, k, a, tail, scales.combine, t)
            for c in range(branch.tail_start[k], branch.tail_start[k + 1]):
                s -= forward.branch_tail[c, a] * t[branch.tail[c]]
            above_own[a] = s
            for c in range(qb):
                above_factor[a, c] = forward.branch_factor[k, a, c]
        solve_upper(above_factor, above_own)
        for a in range(qb):
            noise[i, at + a] = above_own[a] / sigma
            above[k, a] = 0.0
            for c in range(qb):
                above[k, a] += scales.relative[1, a, c] * above_own[c]
    # Leaves.
    for pattern in range(len(leaf.multiplicity)):
        leaf_factor(leaf.gram, pattern, scales.relative, 0, factor)
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            for a in range(q):
                own[a] = 0.0
            for a in range(q):
                s = _right_side(leaf.dense, j, a, tail, scales.combine, t)
                for c in range(leaf.tail_start[j], leaf.tail_start[j + 1]):
                    s -= leaf.tail_values[c, a] * t[leaf.tail[c]]
                for c in range(qb):
                    s -= leaf.up[j, a, c] * above[leaf.branch[j], c]
                for c in range(q):
                    own[c] += scales.relative[0, a, c] * s
            solve_lower(factor, own)
            at = leaf.level[j] * q
            for a in range(q):
                own[a] += sigma * noise[i, at + a]
            solve_upper(factor, own)
            for a in range(q):
                noise[i, at + a] = own[a] / sigma


@part(inlined=True)
def _right_side(dense: np.ndarray, row: int, a: int, tail: Tail, combine: np.ndarray, t: np.ndarray) -> float:
    """Return the right-hand side less the part of the common columns."""
    s = 0.0
    for k in range(len(combine)):
        s += dense[row, a, tail.common + k] * combine[k]
    for c in range(tail.common):
        s -= dense[row, a, c] * t[tail.columns + c]
    return s
