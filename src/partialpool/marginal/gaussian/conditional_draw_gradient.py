"""Reverse mode through the conditional draw: from derivatives in the effects to derivatives in theta and the noise.

`conditional_draw` maps standard normal noise e to offsets u given theta, with sigma = 1 here,

    A = I + Lambda' W'W Lambda = U'U,    c = U'^-1 (Lambda' W'r + mu),    u = U^-1 (c + e).

The derivative of a function of a = Lambda u in a is given. To the function are added -|u - mu|^2 / 2 - log |U|, the
density of the offsets and the Jacobian of the map. Derivatives in e and in Lambda follow by the chain rule, block by
block in the opposite order of the elimination. With v = U'^-1 du and w = U^-1 v, the derivatives in c + e and in
Lambda'W'r,

    dU = -triu(v u') - triu(c w') - diag(U)^-1,
    dA = 1/2 U^-1 (T + T') U'^-1,    T the lower triangle of U dU', half its diagonal,

after Murray (2016, arXiv:1602.07527). The derivative D_f in Lambda_f enters that in theta only through P_f, which is
what is returned: P_f' = sum_j Lambda_f' D_f, so that d log p = sum_f tr(P_f Lambda_f^-1 dLambda_f), as in `gradient`.
Of the common columns, whose scales do not depend on theta, the sum of the derivatives along all log scales is returned.
"""

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, Workspace, scale_both, unscale, unscale_both
from partialpool.marginal.gaussian.dense import congruence, copied, inverse_factor, solve_lower, solve_upper
from partialpool.marginal.gaussian.elimination_gradient import (
    BelowPulled,
    Pulled,
    make_below_pulled,
    through_branch_elimination,
    through_leaf_elimination,
)
from partialpool.marginal.gaussian.leaf_cholesky import leaf_factor
from partialpool.marginal.gaussian.nest import (
    Nest,
    NestRoom,
    make_nest_pulled,
    pull_nest_draws,
    pull_nest_elimination,
)
from partialpool.marginal.gaussian.ordering import Branch, Leaf, System, Tail

__all__ = ["pull_back_by_level", "pull_back_nested"]


@part
def pull_back_nested(
    tail: Tail,
    nest: Nest,
    scales: Scales,
    common: Common,
    forward: Forward,
    room: Workspace,
    nest_room: NestRoom,
    offsets: np.ndarray,
    noise: np.ndarray,
    pulled: Pulled,
) -> None:
    """Carry derivatives from the effects back to noise and Lambda where there is a nest; see the module's text.

    Parameters
    ----------
    tail, nest
        The system's tail, and the nest that comes instead of its leaf and branch.
    forward, room, nest_room
        Of `eliminate_nest` at the same scales, the rooms untouched since.
    offsets, noise
        u, and the noise it was made from, in elimination order, each (effects,).
    pulled
        From `make_pulled`, with the derivatives in `effects`, which are overwritten.
    """
    relative, combine = scales.relative, scales.combine
    size = tail.columns + tail.common
    before = len(offsets) - size
    nest_pulled = make_nest_pulled(nest, len(room.left))
    _start_tail(tail, scales, common, offsets, before, pulled)
    pull_nest_draws(
        nest, nest_room, relative, pulled.columns, combine, offsets, pulled.effects, pulled.products, nest_pulled
    )
    for c in range(size):
        pulled.tail[c] -= nest_pulled.of_weights[c]
    for m in range(len(combine)):
        pulled.combine[m] += nest_pulled.of_weights[size + m]
    _through_tail(tail, scales, common, forward, room.left, offsets, before, pulled)
    pull_nest_elimination(nest, nest_room, relative, pulled.schur, pulled.products, nest_pulled)
    _transpose(pulled.products)


@part
def pull_back_by_level(
    system: System,
    scales: Scales,
    common: Common,
    forward: Forward,
    room: Workspace,
    offsets: np.ndarray,
    noise: np.ndarray,
    pulled: Pulled,
) -> None:
    """Carry derivatives back as `pull_back_nested` does, where there is no nest.

    The leaf of the system has every level by itself; `forward` and `room` are of `eliminate` at the same scales.
    """
    leaf, branch, tail = system.leaf, system.branch, system.tail
    below = make_below_pulled(leaf, branch)
    qb, size = branch.gram.shape[1], tail.columns + tail.common
    leaves, before = len(leaf.level) * leaf.up.shape[1], len(offsets) - size
    relative, combine, columns = scales.relative, scales.combine, pulled.columns
    _start_tail(tail, scales, common, offsets, before, pulled)
    for k in range(branch.gram.shape[0]):
        for a in range(qb):
            below.above[k, a] = pulled.effects[leaves + k * qb + a]
    _through_leaf_draws(leaf, tail.columns, tail.common, relative, offsets, noise, pulled, below)
    _through_branch_draws(branch, tail.columns, tail.common, relative, forward, offsets, leaves, pulled, below)
    _through_tail(tail, scales, common, forward, room.left, offsets, before, pulled)
    through_branch_elimination(
        branch, tail.columns, tail.common, relative, combine, forward, columns, leaves, pulled, below
    )
    through_leaf_elimination(leaf, branch.tail_start, tail.columns, relative, pulled, below)
    _transpose(pulled.products)


@part
def _start_tail(tail: Tail, scales: Scales, common: Common, offsets: np.ndarray, before: int, pulled: Pulled) -> None:
    """Write the tail's a, and the derivatives in it, where the way back begins."""
    for c in range(len(pulled.columns)):
        pulled.columns[c] = offsets[before + c]
        pulled.tail[c] = pulled.effects[before + c]
    unscale(tail, scales, common, pulled.columns)


@part
def _transpose(products: np.ndarray) -> None:
    """Transpose the products of every factor."""
    for f in range(products.shape[0]):
        for a in range(products.shape[1]):
            for b in range(a):
                kept = products[f, a, b]
                products[f, a, b] = products[f, b, a]
                products[f, b, a] = kept


@part(inlined=True)
def _own_draw(
    factor: np.ndarray, offsets: np.ndarray, at: int, slope: np.ndarray, out: np.ndarray, j: int, drawn: np.ndarray
) -> None:
    """Write v = U'^-1 slope into slope, -triu(v u') - diag(U)^-1 into out[j] (q, q), U u into drawn, of one level."""
    q = len(factor)
    solve_lower(factor, slope)
    for a in range(q):
        drawn[a] = 0.0
        for b in range(a, q):
            drawn[a] += factor[a, b] * offsets[at + b]
            out[j, a, b] = -slope[a] * offsets[at + b]
        out[j, a, a] -= 1.0 / factor[a, a]


@part
def _through_leaf_draws(
    leaf: Leaf,
    columns: int,
    common: int,
    relative: np.ndarray,
    offsets: np.ndarray,
    noise: np.ndarray,
    pulled: Pulled,
    below: BelowPulled,
) -> None:
    """Undo the last step of the draw, level by level: u_j = U_j^-1 (U_j'^-1 Lambda' (r_j - E_j a) + e_j)."""
    q, qb = leaf.up.shape[1], leaf.up.shape[2]
    effects, products, of_leaf, of_tail, of_branch = (
        pulled.effects,
        pulled.products,
        below.leaf,
        pulled.tail,
        below.above,
    )
    combine, dense, up, tail_values, listed, start = (
        pulled.combine,
        leaf.dense,
        leaf.up,
        leaf.tail_values,
        leaf.tail,
        leaf.tail_start,
    )
    level_of, branch_of = leaf.level, leaf.branch
    factor = np.zeros((q, q))
    slope, drawn, back, side = np.empty(q), np.empty(q), np.empty(q), np.empty(q)
    for pattern in range(len(leaf.multiplicity)):
        leaf_factor(leaf.gram, pattern, relative, 0, factor)
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            at = level_of[j] * q
            for a in range(q):
                slope[a] = 0.0
                for b in range(q):
                    slope[a] += relative[0, b, a] * effects[at + b]
            for a in range(q):
                for b in range(q):
                    products[0, a, b] += slope[a] * offsets[at + b]
            for a in range(q):
                slope[a] -= offsets[at + a]
            _own_draw(factor, offsets, at, slope, of_leaf, j, drawn)
            for a in range(q):
                effects[at + a] = slope[a]
                drawn[a] -= noise[at + a]
                back[a] = slope[a]
            solve_upper(factor, back)
            for a in range(q):
                r = 0.0
                for b in range(a + 1):
                    r += factor[b, a] * drawn[b]
                for b in range(q):
                    products[0, a, b] += r * back[b]
                for b in range(a, q):
                    of_leaf[j, a, b] -= drawn[a] * back[b]
            for a in range(q):
                side[a] = 0.0
                for b in range(q):
                    side[a] += relative[0, a, b] * back[b]
            for a in range(q):
                for c in range(start[j], start[j + 1]):
                    of_tail[listed[c]] -= tail_values[c, a] * side[a]
                for c in range(common):
                    of_tail[columns + c] -= dense[j, a, c] * side[a]
                for m in range(len(combine)):
                    combine[m] += dense[j, a, common + m] * side[a]
                for c in range(qb):
                    of_branch[branch_of[j], c] -= up[j, a, c] * side[a]


@part
def _through_branch_draws(
    branch: Branch,
    columns: int,
    common: int,
    relative: np.ndarray,
    forward: Forward,
    offsets: np.ndarray,
    leaves: int,
    pulled: Pulled,
    below: BelowPulled,
) -> None:
    """Undo the branches' step: u_k = U_k^-1 (f_k - F_k a + e_k)."""
    q = branch.gram.shape[1]
    factor = np.zeros((q, q))
    slope, drawn = np.empty(q), np.empty(q)
    for k in range(branch.gram.shape[0]):
        at = leaves + k * q
        for a in range(q):
            slope[a] = 0.0
            for b in range(q):
                slope[a] += relative[1, b, a] * below.above[k, b]
                factor[a, b] = forward.branch_factor[k, a, b]
        for a in range(q):
            for b in range(q):
                pulled.products[1, a, b] += slope[a] * offsets[at + b]
        for a in range(q):
            slope[a] -= offsets[at + a]
        _own_draw(factor, offsets, at, slope, below.branch, k, drawn)
        for a in range(q):
            v = slope[a]
            pulled.effects[at + a] = v
            for c in range(branch.tail_start[k], branch.tail_start[k + 1]):
                pulled.tail[branch.tail[c]] -= forward.branch_tail[c, a] * v
            for c in range(common):
                pulled.tail[columns + c] -= forward.branch_dense[k, a, c] * v
            for m in range(len(pulled.combine)):
                pulled.combine[m] += forward.branch_dense[k, a, common + m] * v


@part
def _through_tail(
    tail: Tail,
    scales: Scales,
    common: Common,
    forward: Forward,
    left: np.ndarray,
    offsets: np.ndarray,
    at: int,
    pulled: Pulled,
) -> None:
    """Undo the tail's draw and its factorisation; what is left is the derivative in the Schur complement."""
    factor = forward.factor
    size, rhs = tail.columns + tail.common, len(scales.combine)
    skip = len(scales.relative) - len(tail.first)
    slope, drawn = np.empty(size), np.empty(size)
    for i in range(size):
        slope[i] = 0.0
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for a in range(q):
                for b in range(q):
                    slope[first + a] += scales.relative[skip + f, b, a] * pulled.tail[first + b]
                for b in range(q):
                    pulled.products[skip + f, a, b] += slope[first + a] * offsets[at + first + b]
            for a in range(q):
                slope[first + a] -= offsets[at + first + a]
    for i in range(tail.common):
        own = tail.columns + i
        slope[own] = common.scale[i] * pulled.tail[own]
        pulled.common[0] += slope[own] * offsets[at + own]
        slope[own] -= common.precision[i] * (offsets[at + own] - common.mean[i])
    solve_lower(factor, slope)
    back = copied(slope)
    solve_upper(factor, back)
    for i in range(size):
        pulled.effects[at + i] = slope[i]
        drawn[i] = 0.0
        for j in range(i, size):
            drawn[i] += factor[i, j] * offsets[at + j]
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for a in range(q):
                r = 0.0  # Lambda'(r - ...) = U' c
                for i in range(first + a + 1):
                    r += factor[i, first + a] * forward.center[i]
                for b in range(q):
                    pulled.products[skip + f, a, b] += r * back[first + b]
    for c in range(tail.common):
        own = tail.columns + c
        r = -common.precision[c] * common.mean[c]  # U' c less mu
        for i in range(own + 1):
            r += factor[i, own] * forward.center[i]
        pulled.common[0] += r * back[own]
    _through_tail_factor(tail, scales, common, forward, left, drawn, slope, pulled)
    unscale(tail, scales, common, back)
    for i in range(size):
        for m in range(rhs):
            pulled.schur[i, size + m] = back[i] * scales.combine[m]
            pulled.schur[size + m, i] = pulled.schur[i, size + m]
            pulled.combine[m] += back[i] * left[i, size + m]


@part
def _through_tail_factor(
    tail: Tail,
    scales: Scales,
    common: Common,
    forward: Forward,
    left: np.ndarray,
    drawn: np.ndarray,
    slope: np.ndarray,
    pulled: Pulled,
) -> None:
    """Write the derivative in the tail's Schur complement, twice, and add its part to the products.

    T of the module's text is -y_i v_j - v_i c_j below the diagonal, and that less 1 on it. y = U u is in `drawn`, v in
    `slope`.
    """
    size = len(slope)
    t = np.empty((size, size))
    for i in range(size):
        t[i, i] = -drawn[i] * slope[i] - slope[i] * forward.center[i] - 1.0
        for j in range(i):
            t[i, j] = -drawn[i] * slope[j] - slope[i] * forward.center[j]
            t[j, i] = t[i, j]
    congruence(inverse_factor(forward.factor), t)
    for i in range(size):
        for j in range(size):
            t[i, j] *= 0.5
    _add_scaled_products(tail, scales.relative, common, left, t, pulled)
    unscale_both(tail, scales.relative, common, t)
    for i in range(size):
        for j in range(size):
            pulled.schur[i, j] = 2.0 * t[i, j]


@part
def _add_scaled_products(
    tail: Tail, relative: np.ndarray, common: Common, left: np.ndarray, slope: np.ndarray, pulled: Pulled
) -> None:
    """Add the diagonal blocks of 2 (A - I) dA to the products of the tail; `left` is the Schur complement."""
    products, size = pulled.products, tail.columns + tail.common
    skip = len(relative) - len(tail.first)
    scaled = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            scaled[i, j] = left[i, j]
    scale_both(tail, relative, common, scaled)
    for i in range(size):
        for j in range(i):
            scaled[i, j] = scaled[j, i]
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for a in range(q):
                for b in range(q):
                    s = 0.0
                    for c in range(size):
                        s += scaled[first + a, c] * slope[first + b, c]
                    products[skip + f, a, b] += 2.0 * s
    for i in range(tail.columns, size):
        for c in range(size):
            pulled.common[0] += 2.0 * scaled[i, c] * slope[i, c]
