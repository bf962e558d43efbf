"""The backward half: second moments of the effects given theta, which are all that the gradient needs.

Given theta, u | y ~ N(m, A^-1). With M_f = sum_j E[u_j u_j'] over the levels of factor f, J_f levels,

    d log p = sum_f tr( (M_f - J_f I) Lambda_f^-1 dLambda_f )
    d log p / d log sigma = E|r - W Lambda u|^2 / sigma^2 - n = q / sigma^2 - E|u - mu|^2 + N - n
    d log p / d beta_k = x_k' (r - W Lambda m) / sigma^2                        (common columns kept in theta)

N is the number of effects integrated out. Both follow from d log p(y) = E[d log p(y, u) | y] (Fisher's identity).
A^-1 is needed in the blocks of A only: it is carried from the tail to the branches and leaves.
"""

from typing import NamedTuple

import numpy as np

from partialpool.collapse.arrange import System
from partialpool.collapse.compiled import part
from partialpool.collapse.dense import inverse, solve_upper, solve_upper_columns
from partialpool.collapse.eliminate import Common, Forward, Scales, unscale
from partialpool.collapse.leaves import leaf_factor, leaf_row

__all__ = ["SecondMoments", "second_moments"]


class SecondMoments(NamedTuple):
    """What is expected of the effects given theta.

    Attributes
    ----------
    leaf, branch
        M_f, (q, q).
    tail
        M_f of every tail factor, (tail factors, most effects, most effects).
    squared
        E|u - mu|^2 over everything integrated out, common columns of precision 0 left out.
    slope
        x_k'(r - W Lambda m), per right-hand side, (rhs,).
    """

    leaf: np.ndarray
    branch: np.ndarray
    tail: np.ndarray
    squared: float
    slope: np.ndarray


class _Tail(NamedTuple):
    """The tail's columns in their own units, t = Lambda u: mean (columns + common,) and relative covariance."""

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
    """Carry mean and covariance of u from the tail to branches and leaves."""
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
    _unscale_both(system, scales, common, cov)
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
    """Add up E[u u'] over branches into out; return what their leaves need."""
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
    """Add up E[u u'] over leaves into out, pattern by pattern: U^-1 (I + F Cov F' + m m' / sigma^2) U'^-1."""
    leaf, start, offset = system.leaf, system.branch.tail_start, system.tail.columns
    q, above, width, rhs = leaf.up.shape[1], leaf.up.shape[2], system.tail.common, len(scales.combine)
    longest = 0
    for j in range(len(leaf.level)):
        longest = max(longest, leaf.tail_start[j + 1] - leaf.tail_start[j])
    row = np.zeros((q, above + longest + leaf.dense.shape[2]))
    factor, inner, m = np.zeros((q, q)), np.zeros((q, q)), np.zeros(q)
    for pattern in range(len(leaf.multiplicity)):
        leaf_factor(leaf.gram, pattern, scales.relative, 0, factor)
        for a in range(q):
            for b in range(q):
                inner[a, b] = leaf.multiplicity[pattern] if a == b else 0.0
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            leaf_row(leaf, j, scales.relative, factor, row)
            begin, k = leaf.tail_start[j], leaf.branch[j]
            listed = leaf.tail_start[j + 1] - begin
            for a in range(q):
                s = 0.0
                for c in range(rhs):
                    s += row[a, above + listed + width + c] * scales.combine[c]
                for c in range(above):
                    s -= row[a, c] * branches.mean[k, c]
                for c in range(listed + width):
                    s -= row[a, above + c] * columns.mean[_column(leaf.tail, begin, listed, offset, c)]
                m[a] = s
            for a in range(q):
                for b in range(q):
                    inner[a, b] += m[a] * m[b] / scales.sigma**2
            for c in range(listed + width):
                at = _column(leaf.tail, begin, listed, offset, c)
                for a in range(q):
                    s = 0.0
                    for d in range(listed + width):
                        s += row[a, above + d] * columns.cov[_column(leaf.tail, begin, listed, offset, d), at]
                    for b in range(q):
                        inner[a, b] += s * row[b, above + c]
                for d in range(above):
                    if c < listed:
                        s = branches.cross_tail[start[k] + leaf.tail_at[begin + c], d]
                    else:
                        s = branches.cross_common[k, d, c - listed]
                    for a in range(q):
                        for b in range(q):
                            inner[a, b] += s * (row[a, d] * row[b, above + c] + row[b, d] * row[a, above + c])
            for c in range(above):
                for d in range(above):
                    for a in range(q):
                        for b in range(q):
                            inner[a, b] += row[a, c] * branches.cov[k, c, d] * row[b, d]
        for _ in range(2):
            solve_upper_columns(factor, inner, q)
            for a in range(q):
                for b in range(a):
                    inner[a, b], inner[b, a] = inner[b, a], inner[a, b]
        for a in range(q):
            for b in range(q):
                out[a, b] += inner[a, b]


@part
def _column(listed_columns: np.ndarray, begin: int, listed: int, columns: int, c: int) -> int:
    """Column of the tail that entry c of a row stands for: listed ones first, then the common ones."""
    return listed_columns[begin + c] if c < listed else columns + c - listed


@part
def _combined(x: np.ndarray, i: int, combine: np.ndarray) -> float:
    s = 0.0
    for k in range(len(combine)):
        s += x[i, k] * combine[k]
    return s


@part
def _unscale_both(system: System, scales: Scales, common: Common, cov: np.ndarray) -> None:
    """Overwrite the symmetric cov (columns + common, same) with Lambda cov Lambda'."""
    line = np.empty(len(cov))
    for _ in range(2):
        for i in range(len(cov)):
            for j in range(len(cov)):
                line[j] = cov[i, j]
            unscale(system.tail, scales, common, line)
            for j in range(len(cov)):
                cov[i, j] = line[j]
        for i in range(len(cov)):
            for j in range(i):
                cov[i, j], cov[j, i] = cov[j, i], cov[i, j]
