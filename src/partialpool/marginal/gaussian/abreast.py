"""Levels of the leaf side by side: its elimination and draws, with every loop along the levels, so that it vectorises.

It serves a leaf without a branch above it whose levels share most columns of the tail, few enough to hold every product
of a level with every column, zeros included. The algebra is that of `leaf_cholesky`, `conditional_draw` and
`conditional_draw_gradient`: with E = Z'[tail X rhs] of a level,

    D = I + Lambda' Z'Z Lambda = U'U,    F = U'^-1 Lambda' E,    left -= F'F,    u = U^-1 (F w + e),

w being minus the coefficients of the tail, and the combination of right-hand sides. The last axis of every array is the
level.
"""

from typing import Final, NamedTuple

import numpy as np

from partialpool.families.row_kernels.vector_math import log
from partialpool.kernels import REORDERED, part

__all__ = [
    "Abreast",
    "draw_abreast",
    "eliminate_abreast",
    "pull_draws_abreast",
    "pull_elimination_abreast",
    "weigh_columns",
]

_WIDE: Final = 16
"""Columns from which a matrix product of BLAS is faster than loops."""


class Abreast(NamedTuple):
    """Z'Z (q, q, levels) and Z'[tail X rhs] (columns, q, levels) of every level; no level if the leaf is not so held."""

    gram: np.ndarray
    columns: np.ndarray


@part(fastmath=REORDERED)
def eliminate_abreast(
    abreast: Abreast, relative: np.ndarray, left: np.ndarray, upper: np.ndarray, rows: np.ndarray
) -> float:
    """Subtract the leaf from the upper triangle of `left`; return 2 sum log diag U.

    U is written into upper (q, q, levels), its upper triangle, and F into rows (columns, q, levels).
    """
    gram, columns = abreast.gram, abreast.columns
    width, q, n = columns.shape
    held = np.empty(n)
    for b in range(q):
        for a in range(b + 1):
            unit = 1.0 if a == b else 0.0
            for j in range(n):
                upper[a, b, j] = unit
        for c in range(q):
            for j in range(n):
                held[j] = 0.0
            for d in range(q):
                t = relative[0, d, b]
                for j in range(n):
                    held[j] += t * gram[c, d, j]
            for a in range(b + 1):
                t = relative[0, c, a]
                for j in range(n):
                    upper[a, b, j] += t * held[j]
    log_det, positive = 0.0, 0
    for k in range(q):
        for i in range(k):
            for j in range(n):
                upper[k, k, j] -= upper[i, k, j] * upper[i, k, j]
        for j in range(n):
            pivot = upper[k, k, j]
            positive += pivot > 0.0
            log_det += log(pivot)
            upper[k, k, j] = np.sqrt(pivot)
        for m in range(k + 1, q):
            for i in range(k):
                for j in range(n):
                    upper[k, m, j] -= upper[i, k, j] * upper[i, m, j]
            for j in range(n):
                upper[k, m, j] /= upper[k, k, j]
    if positive < q * n:
        return np.nan
    for a in range(q):
        for j in range(n):
            held[j] = 1.0 / upper[a, a, j]
        for c in range(width):
            t = relative[0, a, a]
            for j in range(n):
                rows[c, a, j] = t * columns[c, a, j]
            for b in range(a + 1, q):
                t = relative[0, b, a]
                for j in range(n):
                    rows[c, a, j] += t * columns[c, b, j]
            for i in range(a):
                for j in range(n):
                    rows[c, a, j] -= upper[i, a, j] * rows[c, i, j]
            for j in range(n):
                rows[c, a, j] *= held[j]
    if width >= _WIDE:
        flat = rows.reshape((width, q * n))
        product = np.dot(flat, flat.T)
        for c in range(width):
            for d in range(c, width):
                left[c, d] -= product[c, d]
        return log_det
    for c in range(width):
        for d in range(c, width):
            s = 0.0
            for a in range(q):
                for j in range(n):
                    s += rows[c, a, j] * rows[d, a, j]
            left[c, d] -= s
    return log_det


@part
def weigh_columns(tail: np.ndarray, combine: np.ndarray) -> np.ndarray:
    """Return w, (columns,): minus the coefficients of the tail's columns, then the combination of right-hand sides."""
    weights = np.empty(len(tail) + len(combine))
    for c in range(len(tail)):
        weights[c] = -tail[c]
    for m in range(len(combine)):
        weights[len(tail) + m] = combine[m]
    return weights


@part
def draw_abreast(upper: np.ndarray, rows: np.ndarray, weights: np.ndarray, offsets: np.ndarray) -> None:
    """Overwrite noise with u, level by level, the first elements of offsets; U, F and w as in the module's text."""
    width, q, n = rows.shape
    drawn = np.empty((q, n))
    for a in range(q):
        for j in range(n):
            drawn[a, j] = offsets[j * q + a]
        for c in range(width):
            t = weights[c]
            for j in range(n):
                drawn[a, j] += t * rows[c, a, j]
    for a in range(q - 1, -1, -1):
        for b in range(a + 1, q):
            for j in range(n):
                drawn[a, j] -= upper[a, b, j] * drawn[b, j]
        for j in range(n):
            drawn[a, j] /= upper[a, a, j]
    for a in range(q):
        for j in range(n):
            offsets[j * q + a] = drawn[a, j]


@part(fastmath=REORDERED)
def pull_draws_abreast(
    upper: np.ndarray,
    rows: np.ndarray,
    relative: np.ndarray,
    offsets: np.ndarray,
    effects: np.ndarray,
    products: np.ndarray,
    of_weights: np.ndarray,
    of_upper: np.ndarray,
    v: np.ndarray,
) -> None:
    """Undo the draw: from derivatives in Lambda u, in `effects`, to those in the noise, which overwrite them.

    The density of u and the Jacobian 1 / |U| are counted. Derivatives in w are written into of_weights (columns,), in U
    into of_upper, same shape; those in the noise also into v (q, levels); Lambda's part is added to products[0],
    transposed.
    """
    width, q, n = rows.shape
    for a in range(q):
        for j in range(n):
            v[a, j] = 0.0
        for b in range(q):
            t = relative[0, b, a]
            for j in range(n):
                v[a, j] += t * effects[j * q + b]
        for b in range(q):
            s = 0.0
            for j in range(n):
                s += v[a, j] * offsets[j * q + b]
            products[0, a, b] += s
        for j in range(n):
            v[a, j] -= offsets[j * q + a]
    for a in range(q):
        for i in range(a):
            for j in range(n):
                v[a, j] -= upper[i, a, j] * v[i, j]
        for j in range(n):
            v[a, j] /= upper[a, a, j]
        for j in range(n):
            effects[j * q + a] = v[a, j]
        for b in range(a, q):
            for j in range(n):
                of_upper[a, b, j] = -v[a, j] * offsets[j * q + b]
        for j in range(n):
            of_upper[a, a, j] -= 1.0 / upper[a, a, j]
    for c in range(width):
        s = 0.0
        for a in range(q):
            for j in range(n):
                s += rows[c, a, j] * v[a, j]
        of_weights[c] = s


@part(fastmath=REORDERED)
def pull_elimination_abreast(
    upper: np.ndarray,
    rows: np.ndarray,
    weights: np.ndarray,
    schur: np.ndarray,
    v: np.ndarray,
    of_upper: np.ndarray,
    products: np.ndarray,
) -> None:
    """Add to products[0], transposed, what U and F pass on: dF = v w' - F dS, dS twice the derivative in what is left.

    `of_upper` has the derivatives in U that the draw gave, and is overwritten. Formulas: `elimination_gradient`.
    """
    width, q, n = rows.shape
    slope = np.empty((width, q, n))
    if width >= _WIDE:
        product = np.dot(schur, rows.reshape((width, q * n)))
        for c in range(width):
            t = weights[c]
            for a in range(q):
                for j in range(n):
                    slope[c, a, j] = t * v[a, j] - product[c, a * n + j]
    else:
        for c in range(width):
            t = weights[c]
            for a in range(q):
                for j in range(n):
                    slope[c, a, j] = t * v[a, j]
                for d in range(width):
                    s = schur[c, d]
                    for j in range(n):
                        slope[c, a, j] -= s * rows[d, a, j]
    mixed, inner = np.empty((q, q, n)), np.empty((q, q, n))
    for c in range(width):
        for a in range(q - 1, -1, -1):
            for i in range(a + 1, q):
                for j in range(n):
                    slope[c, a, j] -= upper[a, i, j] * slope[c, i, j]
            for j in range(n):
                slope[c, a, j] /= upper[a, a, j]
    for a in range(q):
        for b in range(q):
            for j in range(n):
                mixed[a, b, j] = 0.0
            for c in range(width):
                for j in range(n):
                    mixed[a, b, j] += rows[c, a, j] * slope[c, b, j]
            if b >= a:
                for j in range(n):
                    of_upper[a, b, j] -= mixed[a, b, j]
            for i in range(a, q):
                s = 0.0
                for j in range(n):
                    s += upper[a, i, j] * mixed[a, b, j]
                products[0, i, b] += s
    # dD into inner, from dU.
    for a in range(q):
        for b in range(a + 1):
            for j in range(n):
                inner[a, b, j] = 0.0
            for k in range(a, q):
                for j in range(n):
                    inner[a, b, j] += 0.5 * upper[a, k, j] * of_upper[b, k, j]
            for j in range(n):
                inner[b, a, j] = inner[a, b, j]
    for _ in range(2):
        for b in range(q):
            for a in range(q - 1, -1, -1):
                for i in range(a + 1, q):
                    for j in range(n):
                        inner[a, b, j] -= upper[a, i, j] * inner[i, b, j]
                for j in range(n):
                    inner[a, b, j] /= upper[a, a, j]
        for a in range(q):
            for b in range(a):
                for j in range(n):
                    kept = inner[a, b, j]
                    inner[a, b, j] = inner[b, a, j]
                    inner[b, a, j] = kept
    for a in range(q):
        for b in range(q):
            s = 0.0
            for j in range(n):
                s -= inner[a, b, j]
            for c in range(q):
                for k in range(min(a, c) + 1):
                    for j in range(n):
                        s += upper[k, a, j] * upper[k, c, j] * inner[c, b, j]
            products[0, a, b] += 2.0 * s
