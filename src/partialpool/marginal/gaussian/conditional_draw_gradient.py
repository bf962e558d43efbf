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
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, Workspace, scale_both, unscale
from partialpool.marginal.gaussian.dense import (
    inverse_factor,
    solve_lower,
    solve_upper,
    solve_upper_columns,
)
from partialpool.marginal.gaussian.leaf_cholesky import leaf_factor, leaf_row, widest
from partialpool.marginal.gaussian.ordering import Branch, Leaf, System, Tail

__all__ = ["Pulled", "make_pulled", "pull_back"]


class Pulled(NamedTuple):
    """Derivatives on their way back, kept from one evaluation to the next.

    Attributes
    ----------
    effects
        In: derivatives in a = Lambda u of everything integrated out, in elimination order. Out: derivatives in the
        noise.
    products
        P of every factor, (factors, most effects, most effects); its transpose while it is added up.
    combine
        Derivatives in the right-hand side's combination, (rhs,).
    leaf, branch
        Derivatives in the factors U of every leaf row and branch, (levels, q, q).
    above
        Derivatives in the branches' a, (branches, q).
    tail
        Derivatives in the tail's a, (columns + common,).
    schur
        Twice the derivative in the Schur complement, and with right-hand sides, (columns + common + rhs, same).
    branch_gram, branch_tail, branch_dense
        Derivatives in what is left of the branches' own products when the leaf is gone; shapes as in `Branch`.
    """

    effects: np.ndarray
    products: np.ndarray
    combine: np.ndarray
    leaf: np.ndarray
    branch: np.ndarray
    above: np.ndarray
    tail: np.ndarray
    schur: np.ndarray
    branch_gram: np.ndarray
    branch_tail: np.ndarray
    branch_dense: np.ndarray


@part
def make_pulled(leaf: Leaf, system: System, scales: Scales) -> Pulled:
    """Make room for `pull_back`."""
    branch, tail = system.branch, system.tail
    q, most = leaf.up.shape[1], scales.relative.shape[1]
    size, rhs = tail.columns + tail.common, len(scales.combine)
    levels, qb = branch.gram.shape[0], branch.gram.shape[1]
    return Pulled(
        np.zeros(len(leaf.level) * q + levels * qb + size),
        np.zeros((scales.relative.shape[0], most, most)),
        np.zeros(rhs),
        np.zeros((len(leaf.level), q, q)),
        np.zeros((levels, qb, qb)),
        np.zeros((levels, qb)),
        np.zeros(size),
        np.zeros((size + rhs, size + rhs)),
        np.zeros((levels, qb, qb)),
        np.zeros(branch.tail_values.shape),
        np.zeros(branch.dense.shape),
    )


@part
def pull_back(
    leaf: Leaf,
    system: System,
    scales: Scales,
    common: Common,
    forward: Forward,
    room: Workspace,
    offsets: np.ndarray,
    noise: np.ndarray,
    pulled: Pulled,
) -> None:
    """Carry derivatives from the effects back to noise and Lambda; see the module's text.

    Parameters
    ----------
    leaf
        With every level by itself.
    forward, room
        Of `eliminate` at the same scales, `room` untouched since.
    offsets, noise
        u, and the noise it was made from, in elimination order, each (effects,).
    pulled
        `effects` is read and overwritten, everything else written.
    """
    branch, tail = system.branch, system.tail
    q, qb = leaf.up.shape[1], branch.gram.shape[1]
    leaves, branches = len(leaf.level) * q, branch.gram.shape[0] * qb
    size = tail.columns + tail.common
    for f in range(pulled.products.shape[0]):
        for a in range(pulled.products.shape[1]):
            for b in range(pulled.products.shape[2]):
                pulled.products[f, a, b] = 0.0
    for m in range(len(pulled.combine)):
        pulled.combine[m] = 0.0
    columns = np.empty(size)
    for c in range(size):
        columns[c] = offsets[leaves + branches + c]
        pulled.tail[c] = pulled.effects[leaves + branches + c]
    unscale(tail, scales, common, columns)
    for k in range(branch.gram.shape[0]):
        for a in range(qb):
            pulled.above[k, a] = pulled.effects[leaves + k * qb + a]
    relative, combine = scales.relative, scales.combine
    _through_leaf_draws(leaf, tail.columns, tail.common, relative, offsets, noise, pulled)
    _through_branch_draws(branch, tail.columns, tail.common, relative, forward, offsets, leaves, pulled)
    _through_tail(tail, scales, common, forward, room.left, offsets, leaves + branches, pulled)
    _through_branch_elimination(branch, tail.columns, tail.common, relative, combine, forward, columns, leaves, pulled)
    _through_leaf_elimination(leaf, branch.tail_start, tail.columns, relative, pulled)
    for f in range(pulled.products.shape[0]):
        for a in range(pulled.products.shape[1]):
            for b in range(a):
                kept = pulled.products[f, a, b]
                pulled.products[f, a, b] = pulled.products[f, b, a]
                pulled.products[f, b, a] = kept


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
) -> None:
    """Undo the last step of the draw, level by level: u_j = U_j^-1 (U_j'^-1 Lambda' (r_j - E_j a) + e_j)."""
    q, qb = leaf.up.shape[1], leaf.up.shape[2]
    effects, products, of_leaf, of_tail, of_branch = (
        pulled.effects,
        pulled.products,
        pulled.leaf,
        pulled.tail,
        pulled.above,
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
                slope[a] += relative[1, b, a] * pulled.above[k, b]
                factor[a, b] = forward.branch_factor[k, a, b]
        for a in range(q):
            for b in range(q):
                pulled.products[1, a, b] += slope[a] * offsets[at + b]
        for a in range(q):
            slope[a] -= offsets[at + a]
        _own_draw(factor, offsets, at, slope, pulled.branch, k, drawn)
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
    """Undo the tail's draw and its factorisation; what is left is the derivative in the Schur complement.

    T of the module's text is -y_i v_j - v_i c_j below the diagonal, y = U u, and with -1 on it.
    """
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
        slope[own] = common.scale[i] * pulled.tail[own] - common.precision[i] * (offsets[at + own] - common.mean[i])
    solve_lower(factor, slope)
    back = slope.copy()
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
    # The derivative in A.
    t = np.empty((size, size))
    for i in range(size):
        t[i, i] = -drawn[i] * slope[i] - slope[i] * forward.center[i] - 1.0
        for j in range(i):
            t[i, j] = -drawn[i] * slope[j] - slope[i] * forward.center[j]
            t[j, i] = t[i, j]
    half = inverse_factor(factor)
    t = np.dot(np.dot(half, t), half.T)
    for i in range(size):
        for j in range(size):
            t[i, j] *= 0.5
    _add_scaled_products(tail, scales.relative, common, left, t, pulled.products)
    _scale_symmetric(tail, scales.relative, common, t)
    unscale(tail, scales, common, back)
    for i in range(size):
        for j in range(size):
            pulled.schur[i, j] = 2.0 * t[i, j]
        for m in range(rhs):
            pulled.schur[i, size + m] = back[i] * scales.combine[m]
            pulled.schur[size + m, i] = pulled.schur[i, size + m]
            pulled.combine[m] += back[i] * left[i, size + m]


@part
def _add_scaled_products(
    tail: Tail, relative: np.ndarray, common: Common, left: np.ndarray, slope: np.ndarray, products: np.ndarray
) -> None:
    """Add the diagonal blocks of 2 (A - I) dA to the products of the tail's factors; `left` is the Schur complement."""
    size = tail.columns + tail.common
    skip = len(relative) - len(tail.first)
    if tail.columns == 0:
        return
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


@part
def _scale_symmetric(tail: Tail, relative: np.ndarray, common: Common, x: np.ndarray) -> None:
    """Overwrite the symmetric x (columns + common, same) with Lambda x Lambda'."""
    mixing = np.empty(relative.shape)
    for f in range(mixing.shape[0]):
        for a in range(mixing.shape[1]):
            for b in range(mixing.shape[1]):
                mixing[f, a, b] = relative[f, b, a]
    scale_both(tail, mixing, common, x)
    for i in range(len(x)):
        for j in range(i):
            x[i, j] = x[j, i]


@part(inlined=True)
def _through_factor(
    factor: np.ndarray, slope: np.ndarray, at: int, products: np.ndarray, f: int, out: np.ndarray
) -> None:
    """Write dD of D = U'U into out (q, q), given dU in slope[at], and add 2 (D - I) dD to the products of factor f."""
    q = len(factor)
    for i in range(q):
        for j in range(i + 1):
            s = 0.0
            for k in range(i, q):
                s += factor[i, k] * slope[at, j, k]
            out[i, j] = 0.5 * s
            out[j, i] = out[i, j]
    solve_upper_columns(factor, out, q)
    for i in range(q):
        for j in range(i):
            out[i, j], out[j, i] = out[j, i], out[i, j]
    solve_upper_columns(factor, out, q)
    for a in range(q):
        for b in range(q):
            s = -out[a, b]
            for c in range(q):
                d = 0.0
                for k in range(min(a, c) + 1):
                    d += factor[k, a] * factor[k, c]
                s += d * out[c, b]
            products[f, a, b] += 2.0 * s


@part(inlined=True)
def _through_row(
    factor: np.ndarray,
    row: np.ndarray,
    slope: np.ndarray,
    width: int,
    out: np.ndarray,
    at: int,
    products: np.ndarray,
    f: int,
) -> None:
    """Overwrite dF with d(Lambda'E), F = U'^-1 Lambda'E (q, width); take its part off dU, which is out[at].

    With d(Lambda'E) = dE, triu(F dE') is that part, and U' F dE' is added to the products.
    """
    q = len(factor)
    solve_upper_columns(factor, slope, width)
    for a in range(q):
        for b in range(q):
            s = 0.0
            for c in range(width):
                s += row[a, c] * slope[b, c]
            if b >= a:
                out[at, a, b] -= s
            for c in range(a, q):
                products[f, c, b] += factor[a, c] * s


@part
def _through_branch_elimination(
    branch: Branch,
    before: int,
    common: int,
    relative: np.ndarray,
    combine: np.ndarray,
    forward: Forward,
    columns: np.ndarray,
    leaves: int,
    pulled: Pulled,
) -> None:
    """Undo the elimination of every branch: from dS to what the leaf left of its products."""
    q, width = branch.gram.shape[1], branch.dense.shape[2]
    factor, own = np.zeros((q, q)), np.zeros((q, q))
    most = widest(branch.tail_start) + width
    row, slope, moved = np.zeros((q, most)), np.zeros((q, most)), np.zeros((q, q))
    for k in range(branch.gram.shape[0]):
        begin, listed = branch.tail_start[k], branch.tail_start[k + 1] - branch.tail_start[k]
        for a in range(q):
            for b in range(q):
                factor[a, b] = forward.branch_factor[k, a, b]
            for c in range(listed):
                row[a, c] = forward.branch_tail[begin + c, a]
            for c in range(width):
                row[a, listed + c] = forward.branch_dense[k, a, c]
        _from_schur(branch.tail, begin, listed, before, width, row, 0, pulled.schur, slope)
        for a in range(q):
            v = pulled.effects[leaves + k * q + a]
            for c in range(listed):
                slope[a, c] -= v * columns[branch.tail[begin + c]]
            for c in range(common):
                slope[a, listed + c] -= v * columns[before + c]
            for m in range(width - common):
                slope[a, listed + common + m] += v * combine[m]
        _through_row(factor, row, slope, listed + width, pulled.branch, k, pulled.products, 1)
        for a in range(q):
            for c in range(listed):
                s = 0.0
                for b in range(q):
                    s += relative[1, a, b] * slope[b, c]
                pulled.branch_tail[begin + c, a] = s
            for c in range(width):
                s = 0.0
                for b in range(q):
                    s += relative[1, a, b] * slope[b, listed + c]
                pulled.branch_dense[k, a, c] = s
        _through_factor(factor, pulled.branch, k, pulled.products, 1, own)
        for a in range(q):
            for b in range(q):
                moved[a, b] = 0.0
                for c in range(q):
                    moved[a, b] += own[a, c] * relative[1, b, c]
        for a in range(q):
            for b in range(q):
                s = 0.0
                for c in range(q):
                    s += relative[1, a, c] * moved[c, b]
                pulled.branch_gram[k, a, b] = s


@part(inlined=True)
def _from_schur(
    listed_columns: np.ndarray,
    begin: int,
    listed: int,
    columns: int,
    width: int,
    row: np.ndarray,
    at: int,
    schur: np.ndarray,
    out: np.ndarray,
) -> None:
    """Write -F dS into out, over listed columns and the dense ones behind them; F and out begin at column `at`."""
    q = len(row)
    for a in range(q):
        for c in range(listed + width):
            out[a, at + c] = 0.0
        for d in range(listed):
            t, of = row[a, at + d], listed_columns[begin + d]
            for c in range(listed):
                out[a, at + c] -= t * schur[of, listed_columns[begin + c]]
            for c in range(width):
                out[a, at + listed + c] -= t * schur[of, columns + c]
        for d in range(width):
            t, of = row[a, at + listed + d], columns + d
            for c in range(listed):
                out[a, at + c] -= t * schur[of, listed_columns[begin + c]]
            for c in range(width):
                out[a, at + listed + c] -= t * schur[of, columns + c]


@part
def _through_leaf_elimination(
    leaf: Leaf, branch_start: np.ndarray, columns: int, relative: np.ndarray, pulled: Pulled
) -> None:
    """Undo the elimination of every level of the leaf; its data do not depend on theta."""
    q, above, width = leaf.up.shape[1], leaf.up.shape[2], leaf.dense.shape[2]
    factor, own = np.zeros((q, q)), np.zeros((q, q))
    products, of_leaf, schur = pulled.products, pulled.leaf, pulled.schur
    listed_columns, start = leaf.tail, leaf.tail_start
    most = above + widest(leaf.tail_start) + width
    row, slope = np.zeros((q, most)), np.zeros((q, most))
    for pattern in range(len(leaf.multiplicity)):
        leaf_factor(leaf.gram, pattern, relative, 0, factor)
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            total = leaf_row(leaf, j, relative, factor, row)
            begin, listed = start[j], start[j + 1] - start[j]
            _from_schur(listed_columns, begin, listed, columns, width, row, above, schur, slope)
            if above > 0:
                _from_branch(leaf, branch_start, j, row, listed, width, pulled, slope)
            _through_row(factor, row, slope, total, of_leaf, j, products, 0)
            _through_factor(factor, of_leaf, j, products, 0, own)


@part(inlined=True)
def _from_branch(
    leaf: Leaf,
    branch_start: np.ndarray,
    j: int,
    row: np.ndarray,
    listed: int,
    width: int,
    pulled: Pulled,
    slope: np.ndarray,
) -> None:
    """Add what the branch above row j passes on: its own products, and those with its columns."""
    q, above, begin, k = leaf.up.shape[1], leaf.up.shape[2], leaf.tail_start[j], leaf.branch[j]
    at = branch_start[k]
    for a in range(q):
        for b in range(above):
            s = 0.0
            for c in range(above):
                s -= 2.0 * row[a, c] * pulled.branch_gram[k, c, b]
            for c in range(listed):
                s -= row[a, above + c] * pulled.branch_tail[at + leaf.tail_at[begin + c], b]
            for c in range(width):
                s -= row[a, above + listed + c] * pulled.branch_dense[k, b, c]
            slope[a, b] = s
        for b in range(above):
            t = row[a, b]
            for c in range(listed):
                slope[a, above + c] -= t * pulled.branch_tail[at + leaf.tail_at[begin + c], b]
            for c in range(width):
                slope[a, above + listed + c] -= t * pulled.branch_dense[k, b, c]
