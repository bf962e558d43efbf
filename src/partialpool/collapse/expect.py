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

from partialpool.collapse.compiled import kernel
from partialpool.collapse.arrange import System
from partialpool.collapse.dense import inverse, solve_upper, solve_upper_columns
from partialpool.collapse.eliminate import Common, Forward, Scales, leaf_factor, leaf_row, unscale

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


@kernel
def second_moments(system: System, scales: Scales, common: Common, forward: Forward) -> SecondMoments:
    """Carry mean and covariance of u from the tail to branches and leaves."""
    tail, leaf, branch = system.tail, system.leaf, system.branch
    size, columns, rhs = tail.columns + tail.common, tail.columns, len(scales.combine)
    variance = 1.0 / scales.sigma**2
    # The tail itself.
    mean = forward.center.copy()
    solve_upper(forward.factor, mean)
    cov = inverse(forward.factor)
    most = scales.relative.shape[1]
    tail_moments = np.zeros((len(tail.first), most, most))
    squared = 0.0
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for a in range(q):
                for b in range(q):
                    tail_moments[f, a, b] += mean[first + a] * mean[first + b] * variance + cov[first + a, first + b]
        for a in range(q):
            squared += tail_moments[f, a, a]
    for i in range(columns, size):
        precision = common.precision[i - columns]
        squared += precision * ((mean[i] / scales.sigma - common.mean[i - columns]) ** 2 + cov[i, i])
    slope = np.zeros(rhs)
    for k in range(rhs):
        for m in range(rhs):
            slope[k] += forward.remainder[k, m] * scales.combine[m]
        for i in range(size):
            slope[k] += forward.reduced[i, k] * (_combined(forward.reduced, i, scales.combine) - forward.center[i])
    # In the units of the columns: t = Lambda u.
    unscale(tail, scales, common, mean)
    _unscale_both(system, scales, common, cov)
    t = mean
    # Branches: mean and covariance of their effects, also with the columns on their lists.
    levels, qb = branch.gram.shape[0], branch.gram.shape[1]
    width = tail.common
    branch_mean = np.zeros((levels, qb))
    branch_cov = np.zeros((levels, qb, qb))
    cross_tail = np.zeros(branch.tail_values.shape)
    cross_common = np.zeros((levels, qb, width))
    branch_moments = np.zeros((qb, qb))
    for k in range(levels):
        begin, end = branch.tail_start[k], branch.tail_start[k + 1]
        listed = end - begin
        factor, f, m = np.empty((qb, qb)), np.empty((qb, listed + width)), np.empty(qb)
        for a in range(qb):
            for b in range(qb):
                factor[a, b] = forward.branch_factor[k, a, b]
            for c in range(listed):
                f[a, c] = forward.branch_tail[begin + c, a]
            for c in range(width):
                f[a, listed + c] = forward.branch_dense[k, a, c]
            m[a] = 0.0
            for c in range(rhs):
                m[a] += forward.branch_dense[k, a, width + c] * scales.combine[c]
            for c in range(listed + width):
                m[a] -= f[a, c] * t[_column(branch.tail, begin, listed, columns, c)]
        solve_upper(factor, m)
        solve_upper_columns(factor, f, listed + width)
        joint = np.zeros((qb, listed + width))
        for c in range(listed + width):
            at = _column(branch.tail, begin, listed, columns, c)
            for d in range(listed + width):
                s = cov[_column(branch.tail, begin, listed, columns, d), at]
                for a in range(qb):
                    joint[a, c] -= f[a, d] * s
        own = inverse(factor)
        for a in range(qb):
            for b in range(qb):
                for c in range(listed + width):
                    own[a, b] -= joint[a, c] * f[b, c]
        for a in range(qb):
            for b in range(qb):
                branch_moments[a, b] += m[a] * m[b] * variance + own[a, b]
        for a in range(qb):
            for b in range(qb):
                branch_mean[k, a] += scales.relative[1, a, b] * m[b]
                for c in range(qb):
                    for d in range(qb):
                        branch_cov[k, a, d] += scales.relative[1, a, b] * own[b, c] * scales.relative[1, d, c]
                for c in range(listed):
                    cross_tail[begin + c, a] += scales.relative[1, a, b] * joint[b, c]
                for c in range(width):
                    cross_common[k, a, c] += scales.relative[1, a, b] * joint[b, listed + c]
    for a in range(qb):
        squared += branch_moments[a, a]
    # Leaves, pattern by pattern.
    q = leaf.up.shape[1]
    leaf_moments = np.zeros((q, q))
    factor = np.zeros((q, q))
    longest = 0
    for j in range(len(leaf.level)):
        longest = max(longest, leaf.tail_start[j + 1] - leaf.tail_start[j])
    row = np.zeros((q, qb + longest + leaf.dense.shape[2]))
    spread = np.zeros(q)
    inner = np.zeros((q, q))
    for pattern in range(len(leaf.count)):
        leaf_factor(leaf.gram, pattern, scales.relative, 0, factor)
        for a in range(q):
            for b in range(q):
                inner[a, b] = leaf.count[pattern] if a == b else 0.0
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            leaf_row(leaf, j, scales.relative, factor, row)
            begin, listed = leaf.tail_start[j], leaf.tail_start[j + 1] - leaf.tail_start[j]
            k = leaf.branch[j]
            wide = listed + width
            for a in range(q):
                s = 0.0
                for c in range(rhs):
                    s += row[a, qb + wide + c] * scales.combine[c]
                for c in range(qb):
                    s -= row[a, c] * branch_mean[k, c]
                for c in range(wide):
                    s -= row[a, qb + c] * t[_column(leaf.tail, begin, listed, columns, c)]
                spread[a] = s
            for a in range(q):
                for b in range(q):
                    inner[a, b] += spread[a] * spread[b] * variance
            for c in range(wide):
                at = _column(leaf.tail, begin, listed, columns, c)
                for a in range(q):
                    s = 0.0
                    for d in range(wide):
                        s += row[a, qb + d] * cov[_column(leaf.tail, begin, listed, columns, d), at]
                    for b in range(q):
                        inner[a, b] += s * row[b, qb + c]
                for d in range(qb):
                    if c < listed:
                        s = cross_tail[branch.tail_start[k] + leaf.tail_at[begin + c], d]
                    else:
                        s = cross_common[k, d, c - listed]
                    for a in range(q):
                        for b in range(q):
                            inner[a, b] += s * (row[a, d] * row[b, qb + c] + row[b, d] * row[a, qb + c])
            for c in range(qb):
                for d in range(qb):
                    for a in range(q):
                        for b in range(q):
                            inner[a, b] += row[a, c] * branch_cov[k, c, d] * row[b, d]
        for _ in range(2):
            solve_upper_columns(factor, inner, q)
            for a in range(q):
                for b in range(a):
                    inner[a, b], inner[b, a] = inner[b, a], inner[a, b]
        for a in range(q):
            for b in range(q):
                leaf_moments[a, b] += inner[a, b]
    for a in range(q):
        squared += leaf_moments[a, a]
    return SecondMoments(leaf_moments, branch_moments, tail_moments, squared, slope)


@kernel
def _column(listed_columns: np.ndarray, begin: int, listed: int, columns: int, c: int) -> int:
    """Column of the tail that entry c of a row stands for: listed ones first, then the common ones."""
    return listed_columns[begin + c] if c < listed else columns + c - listed


@kernel
def _combined(x: np.ndarray, i: int, combine: np.ndarray) -> float:
    s = 0.0
    for k in range(len(combine)):
        s += x[i, k] * combine[k]
    return s


@kernel
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
