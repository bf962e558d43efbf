"""Elimination of the leaf's levels, row by row, or many rows at once if every row shares most of many columns.

Levels with equal Z'Z have the same factor L, and F'F = sum_ab G_ab E_a E_b' with G = Lambda (L L')^-1 Lambda': only
their sums of products are needed (`Leaf.products`).
"""

from typing import Final

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.dense import product_of_columns, small_cholesky, solve_lower_columns
from partialpool.marginal.gaussian.ordering import Leaf

__all__ = ["BLOCK", "eliminate_leaf", "leaf_factor", "leaf_row", "shares_most", "spread_row", "widest"]

_WIDE: Final = 48
"""Columns from which a matrix product is faster than loops over single rows."""
_MOST: Final = 0.3
"""Average share of the columns that rows must have for a product over all columns, zeros included, to be faster."""
BLOCK: Final = 128
"""Rows that are multiplied at once."""


@part(inlined=True)
def leaf_factor(gram: np.ndarray, at: int, relative: np.ndarray, f: int, out: np.ndarray) -> bool:
    """Factorise I + Lambda' gram Lambda into out (q, q), gram being gram[at] and Lambda relative[f]."""
    q = gram.shape[1]
    for b in range(q):
        for a in range(b + 1):
            out[a, b] = 0.0
        for c in range(q):
            t = 0.0
            for d in range(q):
                t += gram[at, c, d] * relative[f, d, b]
            for a in range(b + 1):
                out[a, b] += relative[f, c, a] * t
        out[b, b] += 1.0
    return small_cholesky(out)


@part(inlined=True)
def leaf_row(leaf: Leaf, row: int, relative: np.ndarray, factor: np.ndarray, out: np.ndarray) -> int:
    """Write F = L^-1 Lambda' [Z'branch, Z'tail, Z'[X rhs]] of one row into out (q, most columns); return its width."""
    q, above = leaf.up.shape[1], leaf.up.shape[2]
    begin, width = leaf.tail_start[row], leaf.dense.shape[2]
    listed = leaf.tail_start[row + 1] - begin
    for a in range(q):
        for c in range(above + listed + width):
            out[a, c] = 0.0
        for b in range(q):
            t = relative[0, b, a]
            for c in range(above):
                out[a, c] += t * leaf.up[row, b, c]
            for c in range(listed):
                out[a, above + c] += t * leaf.tail_values[begin + c, b]
            for c in range(width):
                out[a, above + listed + c] += t * leaf.dense[row, b, c]
    solve_lower_columns(factor, out, above + listed + width)
    return above + listed + width


@part
def widest(start: np.ndarray) -> int:
    """Return the length of the longest list, given where lists start."""
    most = 0
    for i in range(len(start) - 1):
        most = max(most, start[i + 1] - start[i])
    return most


@part
def shares_most(leaf: Leaf, columns: int) -> bool:
    """Whether rows share so many of the tail's columns that matrix products over all of them are faster."""
    rows = len(leaf.tail_start) - 1
    return rows > 0 and leaf.up.shape[2] == 0 and columns >= _WIDE and len(leaf.tail) >= _MOST * rows * columns


@part
def spread_row(leaf: Leaf, j: int, row: np.ndarray, columns: int, out: np.ndarray, at: int) -> None:
    """Write a row (q, listed + dense) into the lines of out from `at` on, each entry in its own column, 0 elsewhere.

    The dense columns, which follow those of the tail, are written as far as out has room.
    """
    begin = leaf.tail_start[j]
    listed = leaf.tail_start[j + 1] - begin
    for a in range(leaf.up.shape[1]):
        if listed < columns:
            for c in range(columns):
                out[at + a, c] = 0.0
        for c in range(listed):
            out[at + a, leaf.tail[begin + c]] = row[a, c]
        for c in range(out.shape[1] - columns):
            out[at + a, columns + c] = row[a, listed + c]


@part
def eliminate_leaf(
    leaf: Leaf,
    columns: int,
    relative: np.ndarray,
    left: np.ndarray,
    above_gram: np.ndarray,
    above_tail: np.ndarray,
    above_dense: np.ndarray,
    above_start: np.ndarray,
) -> float:
    """Subtract the leaf from the tail's Gram matrix `left` (upper triangle) and branches; return 2 sum log diag L."""
    q, above, width = leaf.up.shape[1], leaf.up.shape[2], leaf.dense.shape[2]
    factor = np.zeros((q, q))
    row = np.zeros((q, above + widest(leaf.tail_start) + width))
    log_det = 0.0
    shared = shares_most(leaf, columns)
    gathered, held = np.empty((BLOCK if shared else 0, columns + width)), 0
    for pattern in range(len(leaf.multiplicity)):
        if not leaf_factor(leaf.gram, pattern, relative, 0, factor):
            return np.nan
        for a in range(q):
            log_det += 2.0 * leaf.multiplicity[pattern] * np.log(factor[a, a])
        if leaf.products.shape[1] > 0:
            _take_off_products(leaf, pattern, relative, factor, left)
        for j in range(leaf.start[pattern], leaf.start[pattern + 1]):
            leaf_row(leaf, j, relative, factor, row)
            if shared:
                if held + q > BLOCK:
                    _take_off(left, gathered, held)
                    held = 0
                spread_row(leaf, j, row, columns, gathered, held)
                held += q
                continue
            begin, listed = leaf.tail_start[j], leaf.tail_start[j + 1] - leaf.tail_start[j]
            if above > 0:
                k = leaf.branch[j]
                at = above_start[k]
                for a in range(q):
                    for c in range(above):
                        t = row[a, c]
                        for d in range(above):
                            above_gram[k, c, d] -= t * row[a, d]
                        for d in range(listed):
                            above_tail[at + leaf.tail_at[begin + d], c] -= t * row[a, above + d]
                        for d in range(width):
                            above_dense[k, c, d] -= t * row[a, above + listed + d]
            for a in range(q):
                for c in range(listed):
                    t, to = row[a, above + c], leaf.tail[begin + c]
                    for d in range(c, listed):
                        left[to, leaf.tail[begin + d]] -= t * row[a, above + d]
                    for d in range(width):
                        left[to, columns + d] -= t * row[a, above + listed + d]
                for c in range(width):
                    t = row[a, above + listed + c]
                    for d in range(c, width):
                        left[columns + c, columns + d] -= t * row[a, above + listed + d]
    if held > 0:
        _take_off(left, gathered, held)
    return log_det


@part
def _take_off_products(leaf: Leaf, pattern: int, relative: np.ndarray, factor: np.ndarray, left: np.ndarray) -> None:
    """Subtract sum_ab G_ab E_a E_b' of a pattern from the upper triangle of left."""
    q, pairs = leaf.gram.shape[1], leaf.products.shape[1]
    half = np.empty((q, q))
    for a in range(q):
        for b in range(q):
            half[a, b] = relative[0, b, a]
    solve_lower_columns(factor, half, q)
    weights, pair = np.zeros(pairs), 0
    for a in range(q):
        for b in range(a, q):
            for c in range(q):
                weights[pair] += half[c, a] * half[c, b]
            pair += 1
    for i in range(left.shape[0]):
        for p in range(pairs):
            t = weights[p]
            for j in range(i, left.shape[0]):
                left[i, j] -= t * leaf.products[pattern, p, i, j]


@part
def _take_off(left: np.ndarray, gathered: np.ndarray, held: int) -> None:
    """Subtract F'F from the upper triangle of left, where F is the first rows of gathered, which share every column."""
    for k in range(held, len(gathered)):
        for c in range(gathered.shape[1]):
            gathered[k, c] = 0.0
    product = np.empty((gathered.shape[1], gathered.shape[1]))
    product_of_columns(gathered, product)
    for i in range(left.shape[0]):
        for j in range(i, left.shape[0]):
            left[i, j] -= product[i, j]
