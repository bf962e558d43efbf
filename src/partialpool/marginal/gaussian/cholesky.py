"""The forward half: the group effects are eliminated, which leaves the density.

In relative units Lambda_f = B_f diag(sd_f) L_f / sigma (B_f from `Units`), with W = [Z X] and u ~ N(mu, I),
mu = 0 but for fixed effects whose prior mean is not 0:

    A = I + Lambda' W'W Lambda = L L'                    c = L^-1 (Lambda' W'r + sigma mu)
    q = r'r + sigma^2 mu'mu - c'c
    log p(r) = -1/2 [ n log(2 pi sigma^2) + 2 sum log diag L + q / sigma^2 ]

A is factorised leaf first. A level j of the leaf has the block D_j = I + Lambda'Z_j'Z_j Lambda = L_j L_j' and shares
E_j with later columns; F_j = L_j^-1 Lambda' E_j; the remaining cross-products of the later columns are
S = W'W - sum_j F_j'F_j, to which the scaling by the later Lambdas is applied when these are eliminated. The right-hand
sides are columns like the others. With Lambda = 0 a factor drops out exactly.

The identity of A may be omitted for common columns (`precision` 0): this is the flat prior of REML.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.dense import cholesky, solve_lower, solve_lower_columns
from partialpool.marginal.gaussian.leaf_cholesky import eliminate_leaf, leaf_factor, widest
from partialpool.marginal.gaussian.ordering import System, Tail

__all__ = [
    "Common",
    "Forward",
    "Scales",
    "eliminate",
    "eliminate_levels",
    "eliminate_tail",
    "make_workspace",
    "scale_both",
    "start_tail",
    "unscale",
    "unscale_both",
]


class Scales(NamedTuple):
    """Lambda of every factor, relative to sigma.

    Attributes
    ----------
    relative
        Factors in elimination order: leaf, branch (if any), tail factors; (factors, most effects, most effects).
    sigma
        Residual sd, in `Units`.
    combine
        The right-hand side as a combination of those of the system: minus the kept coefficients, then 1 for y.
    """

    relative: np.ndarray
    sigma: float
    combine: np.ndarray


class Common(NamedTuple):
    """Normal priors of the integrated common columns.

    Attributes
    ----------
    scale
        Prior sd relative to sigma.
    mean
        Prior mean in prior sds.
    precision
        1, or 0 for a flat prior, whose scale is then any unit.
    """

    scale: np.ndarray
    mean: np.ndarray
    precision: np.ndarray


class Workspace(NamedTuple):
    """Memory for the tail's matrices, reused from one theta to the next: allocation costs more than arithmetic.

    Attributes
    ----------
    left, factor
        Of the shape of the tail's Gram matrix, (columns + common, same).
    """

    left: np.ndarray
    factor: np.ndarray


class Forward(NamedTuple):
    """The result of elimination.

    Attributes
    ----------
    ok
        False where the matrix was not positive definite.
    log_det, log_det_common
        2 sum log diag L, of group effects and of common columns.
    quadratic
        q.
    factor
        U = L' of the tail's columns, upper triangle, (columns + common, same).
    reduced
        L^-1 Lambda'W'[rhs], (columns + common, rhs).
    center
        c for the combined right-hand side.
    remainder
        [rhs]'[rhs] less the part that group effects and common columns explain, (rhs, rhs).
    branch_factor, branch_tail, branch_dense
        U_k and F_k of every branch.
    """

    ok: bool
    log_det: float
    log_det_common: float
    quadratic: float
    factor: np.ndarray
    reduced: np.ndarray
    center: np.ndarray
    remainder: np.ndarray
    branch_factor: np.ndarray
    branch_tail: np.ndarray
    branch_dense: np.ndarray


@part
def _eliminate_branch(
    start: np.ndarray,
    listed_columns: np.ndarray,
    columns: int,
    relative: np.ndarray,
    left: np.ndarray,
    gram: np.ndarray,
    tail: np.ndarray,
    dense: np.ndarray,
) -> float:
    """Eliminate every branch; gram, tail and dense are overwritten with U_k and F_k; return 2 sum log diag L."""
    levels, q = gram.shape[0], gram.shape[1]
    width = dense.shape[2]
    factor = np.zeros((q, q))
    row = np.zeros((q, widest(start) + width))
    log_det = 0.0
    for k in range(levels):
        if not leaf_factor(gram, k, relative, 1, factor):
            return np.nan
        begin, listed = start[k], start[k + 1] - start[k]
        for a in range(q):
            log_det += 2.0 * np.log(factor[a, a])
            for c in range(listed):
                s = 0.0
                for b in range(q):
                    s += relative[1, b, a] * tail[begin + c, b]
                row[a, c] = s
            for c in range(width):
                s = 0.0
                for b in range(q):
                    s += relative[1, b, a] * dense[k, b, c]
                row[a, listed + c] = s
        solve_lower_columns(factor, row, listed + width)
        for a in range(q):
            for c in range(listed):
                t, to = row[a, c], listed_columns[begin + c]
                for d in range(c, listed):
                    left[to, listed_columns[begin + d]] -= t * row[a, d]
                for d in range(width):
                    left[to, columns + d] -= t * row[a, listed + d]
            for c in range(width):
                t = row[a, listed + c]
                for d in range(c, width):
                    left[columns + c, columns + d] -= t * row[a, listed + d]
        for a in range(q):
            for b in range(q):
                gram[k, a, b] = factor[a, b]
            for c in range(listed):
                tail[begin + c, a] = row[a, c]
            for c in range(width):
                dense[k, a, c] = row[a, listed + c]
    return log_det


@part
def _scale_columns(tail: Tail, scales: Scales, common: Common, x: np.ndarray) -> None:
    """Overwrite x (columns + common, any) with Lambda' x, the scaling of the tail."""
    width = x.shape[1]
    kept = np.empty(scales.relative.shape[1])
    skip = len(scales.relative) - len(tail.first)
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for c in range(width):
                for a in range(q):
                    s = 0.0
                    for b in range(q):
                        s += scales.relative[skip + f, b, a] * x[first + b, c]
                    kept[a] = s
                for a in range(q):
                    x[first + a, c] = kept[a]
    for i in range(tail.common):
        for c in range(width):
            x[tail.columns + i, c] *= common.scale[i]


@part
def scale_both(tail: Tail, mixing: np.ndarray, common: Common, x: np.ndarray) -> None:
    """Overwrite the upper triangle of x (columns + common, same) with that of M' x M, M the mixing of each level.

    Rows are mixed first, starting at each level's own columns; then columns, so that every inner loop is along a row.
    """
    size = tail.columns + tail.common
    skip = len(mixing) - len(tail.first)
    held = np.empty((mixing.shape[1], size))
    for f in range(len(tail.first)):
        for level in range(tail.levels[f]):
            _mix_rows(x, tail.first[f] + level * tail.effects[f], tail.effects[f], mixing, skip + f, held)
    for i in range(tail.common):
        for c in range(tail.columns + i, size):
            x[tail.columns + i, c] *= common.scale[i]
    for i in range(size):
        for f in range(len(tail.first)):
            q = tail.effects[f]
            for level in range(max(0, (i - tail.first[f]) // q), tail.levels[f]):
                _mix_columns(x, i, tail.first[f] + level * q, q, mixing, skip + f, held)
        for c in range(max(0, i - tail.columns), tail.common):
            x[i, tail.columns + c] *= common.scale[c]


@part
def _mix_rows(x: np.ndarray, first: int, q: int, mixing: np.ndarray, f: int, held: np.ndarray) -> None:
    """Overwrite the q rows of one level, from column `first` on, with M' x; its own block is mirrored beforehand."""
    size = x.shape[1]
    if q == 1:
        for c in range(first, size):
            x[first, c] *= mixing[f, 0, 0]
        return
    for a in range(q):
        for b in range(a):
            x[first + a, first + b] = x[first + b, first + a]
    for a in range(q):
        for c in range(first, size):
            held[a, c] = 0.0
        for b in range(q):
            t = mixing[f, b, a]
            for c in range(first, size):
                held[a, c] += t * x[first + b, c]
    for a in range(q):
        for c in range(first, size):
            x[first + a, c] = held[a, c]


@part
def _mix_columns(x: np.ndarray, i: int, first: int, q: int, mixing: np.ndarray, f: int, held: np.ndarray) -> None:
    """Overwrite the q entries of one level in row i with x M."""
    if q == 1:
        x[i, first] *= mixing[f, 0, 0]
        return
    for a in range(q):
        s = 0.0
        for b in range(q):
            s += x[i, first + b] * mixing[f, b, a]
        held[a, first] = s
    for a in range(q):
        x[i, first + a] = held[a, first]


@part
def unscale(tail: Tail, scales: Scales, common: Common, x: np.ndarray) -> None:
    """Overwrite x (columns + common,) with Lambda x."""
    kept = np.empty(scales.relative.shape[1])
    skip = len(scales.relative) - len(tail.first)
    for f in range(len(tail.first)):
        q = tail.effects[f]
        for level in range(tail.levels[f]):
            first = tail.first[f] + level * q
            for a in range(q):
                s = 0.0
                for b in range(q):
                    s += scales.relative[skip + f, a, b] * x[first + b]
                kept[a] = s
            for a in range(q):
                x[first + a] = kept[a]
    for i in range(tail.common):
        x[tail.columns + i] *= common.scale[i]


@part
def unscale_both(tail: Tail, relative: np.ndarray, common: Common, x: np.ndarray) -> None:
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


@part
def make_workspace(tail: Tail) -> Workspace:
    """Allocate the workspace of `eliminate`."""
    size = tail.columns + tail.common
    return Workspace(np.empty(tail.gram.shape), np.empty((size, size)))


@part
def eliminate(system: System, scales: Scales, common: Common, room: Workspace) -> Forward:
    """Factorise A and evaluate the terms of the density; the module's docstring has the formulas.

    The returned factor is stored in `room` and is valid until the next call.
    """
    log_det, gram, above_tail, dense = eliminate_levels(system, scales, room)
    return eliminate_tail(system.tail, scales, common, room, log_det, gram, above_tail, dense)


@part
def eliminate_levels(
    system: System, scales: Scales, room: Workspace
) -> tuple[float, np.ndarray, np.ndarray, np.ndarray]:
    """Eliminate leaf and branches, leaving the tail in `room`; return 2 sum log diag L, U_k and both parts of F_k."""
    tail, branch = system.tail, system.branch
    start_tail(tail, room)
    gram, above_tail, dense = branch.gram.copy(), branch.tail_values.copy(), branch.dense.copy()
    log_det = eliminate_leaf(
        system.leaf, tail.columns, scales.relative, room.left, gram, above_tail, dense, branch.tail_start
    )
    log_det += _eliminate_branch(
        branch.tail_start, branch.tail, tail.columns, scales.relative, room.left, gram, above_tail, dense
    )
    return log_det, gram, above_tail, dense


@part
def start_tail(tail: Tail, room: Workspace) -> None:
    """Copy the upper triangle of the tail's Gram matrix, from which the factors before it will be taken off."""
    left = room.left
    for i in range(left.shape[0]):
        for j in range(i, left.shape[0]):
            left[i, j] = tail.gram[i, j]


@part
def eliminate_tail(
    tail: Tail,
    scales: Scales,
    common: Common,
    room: Workspace,
    log_det: float,
    gram: np.ndarray,
    above_tail: np.ndarray,
    dense: np.ndarray,
) -> Forward:
    """Eliminate the tail, given what is left of it in `room`, and 2 sum log diag L of the factors before it.

    The branches' U and F are passed on as they are.
    """
    size, rhs = tail.columns + tail.common, len(scales.combine)
    left, factor = room.left, room.factor
    reduced = np.empty((size, rhs))
    for i in range(size):
        for j in range(i, size):
            factor[i, j] = left[i, j]
        for k in range(rhs):
            reduced[i, k] = left[i, size + k]
    scale_both(tail, scales.relative, common, factor)
    for i in range(tail.columns):
        factor[i, i] += 1.0
    for i in range(tail.common):
        factor[tail.columns + i, tail.columns + i] += common.precision[i]
    ok = np.isfinite(log_det) and cholesky(factor)
    center = np.zeros(size)
    remainder = np.zeros((rhs, rhs))
    log_det_common, quadratic = 0.0, 0.0
    if ok:
        _scale_columns(tail, scales, common, reduced)
        solve_lower_columns(factor, reduced, rhs)
        for i in range(tail.common):
            center[tail.columns + i] = scales.sigma * common.mean[i] * common.precision[i]
            quadratic += (scales.sigma * common.mean[i]) ** 2 * common.precision[i]
        solve_lower(factor, center)
        for i in range(size):
            for k in range(rhs):
                center[i] += reduced[i, k] * scales.combine[k]
            quadratic -= center[i] * center[i]
            if i < tail.columns:
                log_det += 2.0 * np.log(factor[i, i])
            else:
                log_det_common += 2.0 * np.log(factor[i, i])
        for k in range(rhs):
            for m in range(rhs):
                whole = left[size + min(k, m), size + max(k, m)]
                quadratic += scales.combine[k] * scales.combine[m] * whole
                for i in range(size):
                    whole -= reduced[i, k] * reduced[i, m]
                remainder[k, m] = whole
    return Forward(ok, log_det, log_det_common, quadratic, factor, reduced, center, remainder, gram, above_tail, dense)
