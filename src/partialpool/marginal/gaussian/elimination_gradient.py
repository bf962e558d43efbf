"""Reverse mode through the elimination: from derivatives in the Schur complement to those in every factor's scaling.

A level of the leaf, or a branch, has D = I + Lambda' G Lambda = U'U and F = U'^-1 Lambda' E, and takes F'F off the
columns that it shares rows with. With dS the derivatives in what is left of those columns,

    dF = -2 F dS,    d(Lambda' E) = U^-1 dF,    dU -= triu(F d(Lambda' E)'),
    dD = 1/2 U^-1 (T + T') U'^-1,    T the lower triangle of U dU', half its diagonal,

after Murray (2016, arXiv:1602.07527). P of `conditional_draw_gradient` takes up 2 (D - I) dD and U' F d(Lambda' E)'.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Forward, Scales
from partialpool.marginal.gaussian.dense import solve_upper_columns
from partialpool.marginal.gaussian.leaf_cholesky import leaf_factor, leaf_row, widest
from partialpool.marginal.gaussian.ordering import Branch, Leaf, Tail

__all__ = [
    "BelowPulled",
    "Pulled",
    "PulledScales",
    "make_below_pulled",
    "make_pulled",
    "pulled_scales",
    "through_branch_elimination",
    "through_leaf_elimination",
]


class Pulled(NamedTuple):
    """Derivatives on their way back, for one evaluation.

    Attributes
    ----------
    effects
        In: derivatives in a = Lambda u of everything integrated out, in elimination order. Out: derivatives in the
        noise.
    products
        P of every factor, (factors, most effects, most effects); its transpose while it is added up.
    common
        The same for the common columns, summed over them, (1,).
    combine
        Derivatives in the right-hand side's combination, (rhs,).
    tail
        Derivatives in the tail's a, (columns + common,).
    columns
        The tail's a itself, (columns + common,).
    schur
        Twice the derivative in the Schur complement, and with right-hand sides, (columns + common + rhs, same).
    """

    effects: np.ndarray
    products: np.ndarray
    common: np.ndarray
    combine: np.ndarray
    tail: np.ndarray
    columns: np.ndarray
    schur: np.ndarray


class BelowPulled(NamedTuple):
    """Derivatives on their way back through the levels below the tail, where there is no nest.

    Attributes
    ----------
    leaf, branch
        Derivatives in the factors U of every leaf row and branch, (levels, q, q).
    above
        Derivatives in the branches' a, (branches, q).
    branch_gram, branch_tail, branch_dense
        Derivatives in what is left of the branches' own products when the leaf is gone; shapes as in `Branch`.
    """

    leaf: np.ndarray
    branch: np.ndarray
    above: np.ndarray
    branch_gram: np.ndarray
    branch_tail: np.ndarray
    branch_dense: np.ndarray


class PulledScales(NamedTuple):
    """What is pulled back to the scales: P of every factor; the sum over common columns; derivatives in `combine`."""

    products: np.ndarray
    common: float
    combine: np.ndarray


@part
def pulled_scales(pulled: Pulled) -> PulledScales:
    """Return what has been pulled back to the scales."""
    return PulledScales(pulled.products, pulled.common[0], pulled.combine)


@part
def make_pulled(tail: Tail, scales: Scales, effects: np.ndarray) -> Pulled:
    """Make room for the way back, all 0 but the derivatives in everything integrated out, (effects,), kept as given."""
    most, size, rhs = scales.relative.shape[1], tail.columns + tail.common, len(scales.combine)
    return Pulled(
        effects,
        np.zeros((scales.relative.shape[0], most, most)),
        np.zeros(1),
        np.zeros(rhs),
        np.zeros(size),
        np.empty(size),
        np.zeros((size + rhs, size + rhs)),
    )


@part
def make_below_pulled(leaf: Leaf, branch: Branch) -> BelowPulled:
    """Make room for the way back through leaf and branches, all 0."""
    q, levels, qb = leaf.up.shape[1], branch.gram.shape[0], branch.gram.shape[1]
    return BelowPulled(
        np.zeros((len(leaf.level), q, q)),
        np.zeros((levels, qb, qb)),
        np.zeros((levels, qb)),
        np.zeros((levels, qb, qb)),
        np.zeros(branch.tail_values.shape),
        np.zeros(branch.dense.shape),
    )


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
def through_branch_elimination(
    branch: Branch,
    before: int,
    common: int,
    relative: np.ndarray,
    combine: np.ndarray,
    forward: Forward,
    columns: np.ndarray,
    leaves: int,
    pulled: Pulled,
    below: BelowPulled,
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
        _through_row(factor, row, slope, listed + width, below.branch, k, pulled.products, 1)
        for a in range(q):
            for c in range(listed):
                s = 0.0
                for b in range(q):
                    s += relative[1, a, b] * slope[b, c]
                below.branch_tail[begin + c, a] = s
            for c in range(width):
                s = 0.0
                for b in range(q):
                    s += relative[1, a, b] * slope[b, listed + c]
                below.branch_dense[k, a, c] = s
        _through_factor(factor, below.branch, k, pulled.products, 1, own)
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
                below.branch_gram[k, a, b] = s


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
def through_leaf_elimination(
    leaf: Leaf, branch_start: np.ndarray, columns: int, relative: np.ndarray, pulled: Pulled, below: BelowPulled
) -> None:
    """Undo the elimination of every level of the leaf; its data do not depend on theta."""
    q, above, width = leaf.up.shape[1], leaf.up.shape[2], leaf.dense.shape[2]
    factor, own = np.zeros((q, q)), np.zeros((q, q))
    products, of_leaf, schur = pulled.products, below.leaf, pulled.schur
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
                _from_branch(leaf, branch_start, j, row, listed, width, below, slope)
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
    below: BelowPulled,
    slope: np.ndarray,
) -> None:
    """Add what the branch above row j passes on: its own products, and those with its columns."""
    q, above, begin, k = leaf.up.shape[1], leaf.up.shape[2], leaf.tail_start[j], leaf.branch[j]
    at = branch_start[k]
    for a in range(q):
        for b in range(above):
            s = 0.0
            for c in range(above):
                s -= 2.0 * row[a, c] * below.branch_gram[k, c, b]
            for c in range(listed):
                s -= row[a, above + c] * below.branch_tail[at + leaf.tail_at[begin + c], b]
            for c in range(width):
                s -= row[a, above + listed + c] * below.branch_dense[k, b, c]
            slope[a, b] = s
        for b in range(above):
            t = row[a, b]
            for c in range(listed):
                slope[a, above + c] -= t * below.branch_tail[at + leaf.tail_at[begin + c], b]
            for c in range(width):
                slope[a, above + listed + c] -= t * below.branch_dense[k, b, c]
