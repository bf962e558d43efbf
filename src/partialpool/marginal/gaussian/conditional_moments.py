"""The backward half: second moments of the effects given theta, from which the gradient follows.

Given theta, u | y ~ N(m, A^-1). With M_f = sum_j E[u_j u_j'] over the levels of factor f, J_f levels,

    d log p = sum_f tr( (M_f - J_f I) Lambda_f^-1 dLambda_f )
    d log p / d log sigma = E|r - W Lambda u|^2 / sigma^2 - n = q / sigma^2 - E|u - mu|^2 + N - n
    d log p / d beta_k = x_k' (r - W Lambda m) / sigma^2                        (common columns kept in theta)

N is the number of effects integrated out. Both follow from d log p(y) = E[d log p(y, u) | y] (Fisher's identity).
A^-1 is needed only in the blocks of A: it is computed for the tail, then for the branches and leaves.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, unscale, unscale_both
from partialpool.marginal.gaussian.dense import inverse, product, solve_upper, solve_upper_columns
from partialpool.marginal.gaussian.leaf_cholesky import BLOCK, leaf_factor, leaf_row, shares_most, spread_row, widest
from partialpool.marginal.gaussian.ordering import Leaf, System

__all__ = ["SecondMoments", "second_moments"]


class SecondMoments(NamedTuple):
    """Conditional moments of the effects given theta.

    Attributes
    ----------
    leaf, branch
        M_f, (q, q).
    tail
        M_f of every tail factor, (tail factors, most effects, most effects).
    squared
        E|u - mu|^2 over all integrated effects, without common columns of precision 0.
    slope
        x_k'(r - W Lambda m), per right-hand side, (rhs,).
    """

    leaf: np.ndarray
    branch: np.ndarray
    tail: np.ndarray
    squared: float
    slope: np.ndarray


class _Tail(NamedTuple):
    """The tail's columns in their original units, t = Lambda u: mean (columns + common,) and relative covariance."""

    mean: np.ndarray
    cov: np.ndarray


class _Branches(NamedTuple):
    """Branch effects Lambda u: mean, relative covariance, and covariance with their listed and common columns."""

    mean: np.ndarray
    cov: np.ndarray
    cross_tail: np.ndarray
    cross_common: np.ndarray


@part
def second_moments(system: System, scales: Scales, common: Common, forward: Forward) -> SecondMoments:
    """Compute mean and covariance of u in the tail, then in branches and leaves."""
    tail = system.tail
    mean = forward.center.copy()
    solve_upper(forward.factor, mean)
    cov = inverse(forward.factor)
    of_tail = np.zeros((len(tail.first), scales.relative.shape[1], scales.relative.shape[1]))
    squared = _tail_moments(system, scales, common, mean, cov, of_tail)
    slope = np.zeros(len(scales.combine))
    for k in range(len(slope)):
        for m in range(len(slope)):
            slope[k] += forward.remainder[k, m] * scales.combine[m]
        for i in range(len(mean)):
            slope[k] += forward.reduced[i, k] * (_combined(forward.reduced, i, scales.combine) - forward.center[i])
    unscale(tail, scales, common, mean)
    unscale_both(system.tail, scales.relative, common, cov)
    columns = _Tail(mean, cov)
    of_branch = np.zeros((system.branch.gram.shape[1], system.branch.gram.shape[1]))
    branches = _branch_moments(system, scales, forward, columns, of_branch)
    of_leaf = np.zeros((system.leaf.up.shape[1], system.leaf.up.shape[1]))
    _leaf_moments(system, scales, columns, branches, of_leaf)
    for a in range(len(of_branch)):
        squared += of_branch[a, a]
    for a in range(len(of_leaf)):
        squared += of_leaf[a, a]
    return SecondMoments(of_leaf, of_branch, of_tail, squared, slope)


@part
def _tail_moments(
    system: System, scales: Scales, common: Common, mean: np.ndarray, cov: np.ndarray, out: np.ndarray
) -> float:
    """Add up E[u u'] of each tail factor into out; return E|u - mu|^2 of everything in the tail."""
    tail, variance = system.tail, 1.0 / scales.sigma**2
    squared = 0.0
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for a in range(q):
                for b in range(q):
                    out[f, a, b] += mean[first + a] * mean[first + b] * variance + cov[first + a, first + b]
        for a in range(q):
            squared += out[f, a, a]
    for i in range(tail.common):
        at = tail.columns + i
        squared += common.precision[i] * ((mean[at] / scales.sigma - common.mean[i]) ** 2 + cov[at, at])
    return squared


@part
def _branch_moments(system: System, scales: Scales, forward: Forward, columns: _Tail, out: np.ndarray) -> _Branches:
    """Add up E[u u'] over branches into out; return the moments that their leaves need."""
    branch, rhs = system.branch, len(scales.combine)
    levels, q, width = branch.gram.shape[0], branch.gram.shape[1], system.tail.common
    branches = _Branches(
        np.zeros((levels, q)),
        np.zeros((levels, q, q)),
        np.zeros(branch.tail_values.shape),
        np.zeros((levels, q, width)),
    )
    for k in range(levels):
        begin = branch.tail_start[k]
        listed = branch.tail_start[k + 1] - begin
        # Given the tail, u = U^-1 (w - F t) has mean m and covariance (U'U)^-1.
        factor, f, m = np.empty((q, q)), np.empty((q, listed + width)), np.zeros(q)
        for a in range(q):
            for b in range(q):
                factor[a, b] = forward.branch_factor[k, a, b]
            for c in range(listed):
                f[a, c] = forward.branch_tail[begin + c, a]
            for c in range(width):
                f[a, listed + c] = forward.branch_dense[k, a, c]
            for c in range(rhs):
                m[a] += forward.branch_dense[k, a, width + c] * scales.combine[c]
            for c in range(listed + width):
                m[a] -= f[a, c] * columns.mean[_column(branch.tail, begin, listed, system.tail.columns, c)]
        solve_upper(factor, m)
        solve_upper_columns(factor, f, listed + width)
        # Cov(u, t) = -U^-1 F Cov(t).
        joint = np.zeros((q, listed + width))
        for c in range(listed + width):
            at = _column(branch.tail, begin, listed, system.tail.columns, c)
            for d in range(listed + width):
                s = columns.cov[_column(branch.tail, begin, listed, system.tail.columns, d), at]
                for a in range(q):
                    joint[a, c] -= f[a, d] * s
        own = inverse(factor)
        for a in range(q):
            for b in range(q):
                for c in range(listed + width):
                    own[a, b] -= joint[a, c] * f[b, c]
                out[a, b] += m[a] * m[b] / scales.sigma**2 + own[a, b]
        for a in range(q):
            for b in range(q):
                t = scales.relative[1, a, b]
                branches.mean[k, a] += t * m[b]
                for c in range(q):
                    for d in range(q):
                        branches.cov[k, a, d] += t * own[b, c] * scales.relative[1, d, c]
                for c in range(listed):
                    branches.cross_tail[begin + c, a] += t * joint[b, c]
                for c in range(width):
                    branches.cross_common[k, a, c] += t * joint[b, listed + c]
    return branches


@part
def _leaf_moments(system: System, scales: Scales, columns: _Tail, branches: _Branches, out: np.ndarray) -> None:
    """Add up E[u u'] over leaves into out.

    For each level it is (U'U)^-1 + R Cov R' + m m' / sigma^2, with R = U^-1 F and m = U^-1 (w - F t).
    """
    leaf, offset = system.leaf, system.tail.columns
    q, above, width, rhs = leaf.up.shape[1], leaf.up.shape[2], system.tail.common, len(scales.combine)
    row = np.zeros((q, above + widest(leaf.tail_start) + leaf.dense.shape[2]))
    factor, m = np.zeros((q, q)), np.zeros(q)
    shared = shares_most(leaf, offset)
    line = np.empty(len(columns.mean))
    gathered, held = np.empty((BLOCK if shared else 0, len(columns.mean))), 0
    for pattern in range(len(leaf.multiplicity)):
        leaf_factor(leaf.gram, pattern, scales.relative, 0, factor)
        own = inverse(factor)
        for a in range(q):
            for b in range(q):
                out[a, b] += leaf.multiplicity[pattern] * own[a, b]
        if leaf.products.shape[1] > 0:
            _add_products(leaf, pattern, scales, columns, own, out)
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            entries = leaf_row(leaf, j, scales.relative, factor, row)
            solve_upper_columns(factor, row, entries)
            begin, k = leaf.tail_start[j], leaf.branch[j]
            listed = leaf.tail_start[j + 1] - begin
            for a in range(q):
                s = 0.0
                for c in range(rhs):
                    s += row[a, above + listed + width + c] * scales.combine[c]
                for c in range(above):
                    s -= row[a, c] * branches.mean[k, c]
                for c in range(listed):
                    s -= row[a, above + c] * columns.mean[leaf.tail[begin + c]]
                for c in range(width):
                    s -= row[a, above + listed + c] * columns.mean[offset + c]
                m[a] = s
            for a in range(q):
                for b in range(q):
                    out[a, b] += m[a] * m[b] / scales.sigma**2
            if shared:
                if held + q > BLOCK:
                    _add_spread(gathered, held, columns.cov, q, out)
                    held = 0
                spread_row(leaf, j, row, offset, gathered, held)
                held += q
                continue
            _add_listed(system, columns.cov, j, row, line, out)
            _add_above(system, branches, j, row, out)
    if held > 0:
        _add_spread(gathered, held, columns.cov, q, out)


@part
def _add_products(leaf: Leaf, pattern: int, scales: Scales, columns: _Tail, own: np.ndarray, out: np.ndarray) -> None:
    """Add B H B' over the levels of a pattern, B = (U'U)^-1 Lambda', H_ab = sum_j E_ja' K E_jb.

    K is Cov + v v' / sigma^2, v the coefficients of E_j's columns: minus the mean, or the right-hand side's weight.
    """
    size, width, q = len(columns.mean), leaf.products.shape[2], len(out)
    spread, v, line = np.zeros((width, width)), np.empty(width), np.empty(width)
    for i in range(width):
        v[i] = -columns.mean[i] / scales.sigma if i < size else scales.combine[i - size] / scales.sigma
    for i in range(width):
        for j in range(i, width):
            spread[i, j] = v[i] * v[j]
    for i in range(size):
        for j in range(i, size):
            spread[i, j] += columns.cov[i, j]
    inner, mixing = np.zeros((q, q)), np.zeros((q, q))
    pair = 0
    for a in range(q):
        for b in range(a, q):
            # K and the products are symmetric: elements above the diagonal count twice.
            total = 0.0
            for j in range(width):
                line[j] = 0.0
            for i in range(width):
                total += spread[i, i] * leaf.products[pattern, pair, i, i]
                for j in range(i + 1, width):
                    line[j] += spread[i, j] * leaf.products[pattern, pair, i, j]
            for j in range(width):
                total += 2.0 * line[j]
            inner[a, b] = inner[b, a] = total if a == b else 0.5 * total
            pair += 1
    for a in range(q):
        for b in range(q):
            for c in range(q):
                mixing[a, b] += own[a, c] * scales.relative[0, b, c]
    for a in range(q):
        for c in range(q):
            s = 0.0
            for d in range(q):
                s += mixing[a, d] * inner[d, c]
            for b in range(q):
                out[a, b] += s * mixing[b, c]


@part
def _add_spread(gathered: np.ndarray, held: int, cov: np.ndarray, q: int, out: np.ndarray) -> None:
    """Add R Cov R' of many rows, each with q lines of `gathered`."""
    for i in range(held, len(gathered)):
        for c in range(gathered.shape[1]):
            gathered[i, c] = 0.0
    along = np.empty(gathered.shape)
    product(gathered, cov, along)
    for i in range(0, held, q):
        for a in range(q):
            for b in range(q):
                s = 0.0
                for c in range(gathered.shape[1]):
                    s += along[i + a, c] * gathered[i + b, c]
                out[a, b] += s


@part
def _add_listed(system: System, cov: np.ndarray, j: int, row: np.ndarray, line: np.ndarray, out: np.ndarray) -> None:
    """Add R Cov R' of one row, over the columns it lists and the common ones."""
    leaf, offset, width = system.leaf, system.tail.columns, system.tail.common
    begin, above, q = leaf.tail_start[j], leaf.up.shape[2], len(out)
    listed = leaf.tail_start[j + 1] - begin
    for a in range(q):
        for c in range(listed + width):
            line[c] = 0.0
        for d in range(listed + width):
            at, t = _column(leaf.tail, begin, listed, offset, d), row[a, above + d]
            for c in range(listed):
                line[c] += t * cov[at, leaf.tail[begin + c]]
            for c in range(width):
                line[listed + c] += t * cov[at, offset + c]
        for b in range(q):
            s = 0.0
            for c in range(listed + width):
                s += line[c] * row[b, above + c]
            out[a, b] += s


@part
def _add_above(system: System, branches: _Branches, j: int, row: np.ndarray, out: np.ndarray) -> None:
    """Add the terms of the branch above one row: its own covariance, and that with the row's other columns."""
    leaf, start, width = system.leaf, system.branch.tail_start, system.tail.common
    begin, k, above, q = leaf.tail_start[j], leaf.branch[j], leaf.up.shape[2], len(out)
    listed = leaf.tail_start[j + 1] - begin
    for d in range(above):
        for c in range(listed + width):
            if c < listed:
                s = branches.cross_tail[start[k] + leaf.tail_at[begin + c], d]
            else:
                s = branches.cross_common[k, d, c - listed]
            for a in range(q):
                for b in range(q):
                    out[a, b] += s * (row[a, d] * row[b, above + c] + row[b, d] * row[a, above + c])
        for c in range(above):
            for a in range(q):
                for b in range(q):
                    out[a, b] += row[a, c] * branches.cov[k, c, d] * row[b, d]


@part
def _column(listed_columns: np.ndarray, begin: int, listed: int, columns: int, c: int) -> int:
    """Return the tail column of entry c of a row: listed ones first, then the common ones."""
    return listed_columns[begin + c] if c < listed else columns + c - listed


@part
def _combined(x: np.ndarray, i: int, combine: np.ndarray) -> float:
    s = 0.0
    for k in range(len(combine)):
        s += x[i, k] * combine[k]
    return s
