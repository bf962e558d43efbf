"""Levels of one factor side by side: elimination and draws with every loop along the levels, so that it vectorises.

The algebra is that of `leaf_cholesky`, `conditional_draw` and `conditional_draw_gradient`. A level shares with later
columns E = Z'[parent, grandparent, tail, X, rhs]: the columns of the levels that it is nested in, then those that it is
taken to share with every level, zeros included. With

    D = I + Lambda' Z'Z Lambda = U'U,    F = U'^-1 Lambda' E,    u = U^-1 (F w + e),

F'F is taken off what is left of the later columns. w is minus the effects of the later columns, Lambda u, and the
combination of right-hand sides. The last axis of every array is the level.

U and F are written of some levels at a time, those from `first` on: of so many that they fit into the processor's
cache, where the loops over them are several times as fast. `Worked` has room for these, and `count` of them are there.
"""

from typing import Final, NamedTuple

import numpy as np

from partialpool.families.row_kernels.vector_math import log
from partialpool.kernels import REORDERED, part
from partialpool.marginal.gaussian.dense import product_with_rows

__all__ = [
    "ALL_LEVELS",
    "IN_CACHE",
    "WIDE",
    "Abreast",
    "Worked",
    "add_above",
    "draw",
    "factorise",
    "make_worked",
    "scale_effects",
    "set_shared",
    "take_off_above",
    "take_off_shared",
    "weigh_shared",
]

WIDE: Final = 16
"""Columns from which a matrix product of BLAS is faster than loops."""


IN_CACHE: Final = 8192
"""Products of the levels of a factor, 64 kB, that are worked on at a time where U and F are not needed later."""
ALL_LEVELS: Final = 2**62
_FEWEST: Final = 64
"""Fewest levels that are worked on at a time."""


class Abreast(NamedTuple):
    """The levels of a factor.

    Attributes
    ----------
    gram
        Z'Z, (q, q, levels); no levels where the factor is not eliminated side by side.
    columns
        E', (columns, q, levels).
    parent, grandparent
        The levels that each level is nested in, of the factor after this one and of the one after that, (levels,);
        empty without such a factor.
    """

    gram: np.ndarray
    columns: np.ndarray
    parent: np.ndarray
    grandparent: np.ndarray


class Worked(NamedTuple):
    """What elimination leaves of some levels: U (q, q, levels), its upper triangle; F' (columns, q, levels)."""

    upper: np.ndarray
    rows: np.ndarray


@part
def make_worked(width: int, q: int, levels: int, most: int) -> Worked:
    """Allocate U and F of as many levels with E of (q, width) as have `most` products at most."""
    n = min(levels, max(_FEWEST, most // max(width * q, 1)))
    return Worked(np.empty((q, q, n)), np.empty((width, q, n)))


@part
def weigh_shared(tail: np.ndarray, combine: np.ndarray, sigma: float, out: np.ndarray) -> None:
    """Write w of the shared columns, over sigma: minus the effects of the tail, then the combination."""
    for c in range(len(tail)):
        out[c] = -tail[c] / sigma
    for m in range(len(combine)):
        out[len(tail) + m] = combine[m] / sigma


@part(fastmath=REORDERED)
def factorise(
    gram: np.ndarray, columns: np.ndarray, relative: np.ndarray, f: int, first: int, count: int, worked: Worked
) -> float:
    """Write U and F of some levels, Lambda being relative[f]; return 2 sum log diag U, NaN where D is not positive."""
    _write_inner(gram, relative, f, first, count, worked.upper)
    log_det = _write_factor(worked.upper, count)
    if np.isfinite(log_det):
        _write_rows(columns, relative, f, first, count, worked.upper, worked.rows)
    return log_det


@part(fastmath=REORDERED)
def _write_inner(gram: np.ndarray, relative: np.ndarray, f: int, first: int, n: int, out: np.ndarray) -> None:
    """Write the upper triangle of D = I + Lambda' gram Lambda."""
    q = gram.shape[0]
    held = np.empty(n)
    for b in range(q):
        for a in range(b + 1):
            unit = 1.0 if a == b else 0.0
            for j in range(n):
                out[a, b, j] = unit
        for c in range(q):
            for j in range(n):
                held[j] = 0.0
            for d in range(q):
                t = relative[f, d, b]
                for j in range(n):
                    held[j] += t * gram[c, d, first + j]
            for a in range(b + 1):
                t = relative[f, c, a]
                for j in range(n):
                    out[a, b, j] += t * held[j]


@part(fastmath=REORDERED)
def _write_factor(upper: np.ndarray, n: int) -> float:
    """Overwrite D with U, upper triangles; return 2 sum log diag U, NaN where D is not positive."""
    q = upper.shape[0]
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
    return log_det if positive == q * n else np.nan


@part(fastmath=REORDERED)
def _write_rows(
    columns: np.ndarray, relative: np.ndarray, f: int, first: int, n: int, upper: np.ndarray, rows: np.ndarray
) -> None:
    """Write F' = (U'^-1 Lambda' E)'."""
    width, q = columns.shape[0], columns.shape[1]
    inverse = np.empty(n)
    for a in range(q):
        for j in range(n):
            inverse[j] = 1.0 / upper[a, a, j]
        for c in range(width):
            t = relative[f, 0, a]
            for j in range(n):
                rows[c, a, j] = t * columns[c, 0, first + j]
            for b in range(1, q):
                t = relative[f, b, a]
                for j in range(n):
                    rows[c, a, j] += t * columns[c, b, first + j]
            for i in range(a):
                for j in range(n):
                    rows[c, a, j] -= upper[i, a, j] * rows[c, i, j]
            for j in range(n):
                rows[c, a, j] *= inverse[j]


@part
def take_off_above(
    rows: np.ndarray, at: int, parent: np.ndarray, first: int, n: int, gram: np.ndarray, columns: np.ndarray
) -> None:
    """Subtract F'F from what is left of the factor above, whose columns begin at `at`: its gram, and its columns."""
    width, q = rows.shape[0], rows.shape[1]
    above = gram.shape[0]
    for e in range(above):
        c = at + e
        for other in range(above):
            for a in range(q):
                for j in range(n):
                    gram[e, other, parent[first + j]] -= rows[c, a, j] * rows[at + other, a, j]
        for d in range(at + above, width):
            for a in range(q):
                for j in range(n):
                    columns[d - at - above, e, parent[first + j]] -= rows[c, a, j] * rows[d, a, j]


@part(fastmath=REORDERED)
def take_off_shared(rows: np.ndarray, at: int, n: int, left: np.ndarray) -> None:
    """Subtract F'F of the shared columns, from `at` on, from the upper triangle of left."""
    width, q = rows.shape[0], rows.shape[1]
    if width - at >= WIDE:
        for c in range(at, width):
            for a in range(q):
                for j in range(n, rows.shape[2]):
                    rows[c, a, j] = 0.0
        product = np.empty((width - at, width - at))
        product_with_rows(rows[at:], rows[at:], product)
        for c in range(width - at):
            for d in range(c, width - at):
                left[c, d] -= product[c, d]
        return
    for c in range(at, width):
        for d in range(c, width):
            s = 0.0
            for a in range(q):
                for j in range(n):
                    s += rows[c, a, j] * rows[d, a, j]
            left[c - at, d - at] -= s


@part
def add_above(
    rows: np.ndarray, at: int, parent: np.ndarray, first: int, n: int, scaled: np.ndarray, drawn: np.ndarray
) -> None:
    """Add F w to drawn (q, levels), over the columns of the factor above: its effects are scaled (q above, levels)."""
    for e in range(scaled.shape[0]):
        for a in range(len(drawn)):
            for j in range(n):
                drawn[a, j] -= scaled[e, parent[first + j]] * rows[at + e, a, j]


@part
def set_shared(rows: np.ndarray, at: int, n: int, weights: np.ndarray, drawn: np.ndarray) -> None:
    """Write F w into drawn (q, levels), over the shared columns, from `at` on, whose w is weights (shared,)."""
    for a in range(len(drawn)):
        for j in range(n):
            drawn[a, j] = 0.0
        for c in range(len(weights)):
            t = weights[c]
            for j in range(n):
                drawn[a, j] += t * rows[at + c, a, j]


@part
def draw(upper: np.ndarray, n: int, drawn: np.ndarray, offsets: np.ndarray, at: int) -> None:
    """Overwrite noise with u, level by level from offsets[at] on; drawn is F w, and overwritten too."""
    q = len(drawn)
    for a in range(q - 1, -1, -1):
        for j in range(n):
            drawn[a, j] += offsets[at + j * q + a]
        for b in range(a + 1, q):
            for j in range(n):
                drawn[a, j] -= upper[a, b, j] * drawn[b, j]
        for j in range(n):
            drawn[a, j] /= upper[a, a, j]
    for a in range(q):
        for j in range(n):
            offsets[at + j * q + a] = drawn[a, j]


@part
def scale_effects(relative: np.ndarray, f: int, offsets: np.ndarray, at: int, scaled: np.ndarray) -> None:
    """Write Lambda u into scaled (q, levels)."""
    q, n = scaled.shape
    for a in range(q):
        for j in range(n):
            scaled[a, j] = 0.0
        for b in range(q):
            t = relative[f, a, b]
            for j in range(n):
                scaled[a, j] += t * offsets[at + j * q + b]
