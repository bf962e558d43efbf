"""The backward half: draws of the effects, given the factorisation.

Given theta, A = L L' and u = L'^-1 (c + sigma e) / sigma with e ~ N(0, I) is a draw of N(m, A^-1): one
back-substitution, tail first, then branches, then leaves. u are the non-centred offsets z; b = diag(sd) L_corr z.
"""

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, unscale
from partialpool.marginal.gaussian.dense import solve_lower, solve_upper
from partialpool.marginal.gaussian.leaf_cholesky import leaf_factor
from partialpool.marginal.gaussian.nest import Nest, NestRoom, draw_nest, has_nest
from partialpool.marginal.gaussian.ordering import Leaf, System, Tail

__all__ = ["draw_all", "draw_by_level", "draw_nested", "put_back"]


@part
def put_back(
    widths: np.ndarray, levels: np.ndarray, scaling: np.ndarray, offsets: np.ndarray, effects: np.ndarray
) -> None:
    """Write S u of every level into effects, in elimination order; the common columns, which come last, are left out.

    Parameters
    ----------
    widths, levels
        Effects of each factor, and its levels.
    scaling
        S of each factor, (factors, most effects, most effects).
    offsets, effects
        u and S u, (effects,) each.
    """
    at = 0
    for f in range(len(widths)):
        q = widths[f]
        for _ in range(levels[f]):
            for a in range(q):
                s = 0.0
                for b in range(q):
                    s += scaling[f, a, b] * offsets[at + b]
                effects[at + a] = s
            at += q


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
    if has_nest(nest):
        draw_nested(system.tail, nest, scales, common, forward, nest_room, noise, i)
    else:
        draw_by_level(leaf, system, scales, common, forward, noise, i)


@part
def draw_nested(
    tail: Tail,
    nest: Nest,
    scales: Scales,
    common: Common,
    forward: Forward,
    nest_room: NestRoom,
    noise: np.ndarray,
    i: int,
) -> None:
    """Overwrite row i of noise (draws, effects) with u, where there is a nest; the tail's part alone may be given."""
    t = _draw_tail(tail, scales, common, forward, noise, i)
    if noise.shape[1] > len(t):
        draw_nest(nest, nest_room, scales, t, noise[i])


@part
def draw_by_level(
    leaf: Leaf, system: System, scales: Scales, common: Common, forward: Forward, noise: np.ndarray, i: int
) -> None:
    """Overwrite row i of noise (draws, effects) with u, where there is no nest; the leaf has every level by itself.

    The tail's part of the noise, its end, may be given alone.
    """
    t = _draw_tail(system.tail, scales, common, forward, noise, i)
    if noise.shape[1] > len(t):
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
