"""Reverse mode through `abreast`: from derivatives in Lambda u and in what is left of later columns to those in Lambda.

Formulas: `conditional_draw_gradient` and `elimination_gradient`. First the draws are undone, from the leaf up; then the
elimination, from the tail down.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, part
from partialpool.marginal.gaussian.abreast import WIDE, Worked
from partialpool.marginal.gaussian.dense import product

__all__ = ["LevelsPulled", "pull_above", "pull_draws", "pull_factor", "pull_shared"]


class LevelsPulled(NamedTuple):
    """Derivatives on their way back.

    Attributes
    ----------
    drawn
        In the noise, (q, levels).
    upper
        In U, (q, q, levels).
    gram, columns
        In Z'Z and E' as the factors eliminated before left them; shapes as in `Abreast`.
    scaled
        Lambda u itself, (q, levels).
    slope
        In F', (columns, q, levels).
    """

    drawn: np.ndarray
    upper: np.ndarray
    gram: np.ndarray
    columns: np.ndarray
    scaled: np.ndarray
    slope: np.ndarray


@part(fastmath=REORDERED)
def pull_draws(
    upper: np.ndarray,
    relative: np.ndarray,
    f: int,
    offsets: np.ndarray,
    effects: np.ndarray,
    at: int,
    products: np.ndarray,
    pulled: LevelsPulled,
) -> None:
    """Undo the draw: from derivatives in Lambda u, from effects[at] on, to those in the noise, which overwrite them.

    The density of u and the Jacobian 1 / |U| are counted. Derivatives in the noise, which are those in F w, are also
    written into pulled.drawn, those in U into pulled.upper; Lambda's part is added to products[f], transposed.
    """
    v = pulled.drawn
    _write_slopes(relative, f, offsets, effects, at, products, v)
    _write_of_factor(upper, offsets, at, v, pulled.upper)
    q, n = v.shape
    for a in range(q):
        for j in range(n):
            effects[at + j * q + a] = v[a, j]


@part(fastmath=REORDERED)
def _write_slopes(
    relative: np.ndarray,
    f: int,
    offsets: np.ndarray,
    effects: np.ndarray,
    at: int,
    products: np.ndarray,
    v: np.ndarray,
) -> None:
    """Write the derivatives in u into v: Lambda' times those in Lambda u, less u; Lambda's part goes to products[f]."""
    q, n = v.shape
    for a in range(q):
        for j in range(n):
            v[a, j] = 0.0
        for b in range(q):
            t = relative[f, b, a]
            for j in range(n):
                v[a, j] += t * effects[at + j * q + b]
        for b in range(q):
            s = 0.0
            for j in range(n):
                s += v[a, j] * offsets[at + j * q + b]
            products[f, a, b] += s
        for j in range(n):
            v[a, j] -= offsets[at + j * q + a]


@part
def _write_of_factor(upper: np.ndarray, offsets: np.ndarray, at: int, v: np.ndarray, of_upper: np.ndarray) -> None:
    """Overwrite the derivatives in u with those in the noise, U'^-1 v; write -triu(v u') - diag(U)^-1."""
    q, n = v.shape
    for a in range(q):
        for i in range(a):
            for j in range(n):
                v[a, j] -= upper[i, a, j] * v[i, j]
        for j in range(n):
            v[a, j] /= upper[a, a, j]
        for b in range(a, q):
            for j in range(n):
                of_upper[a, b, j] = -v[a, j] * offsets[at + j * q + b]
        for j in range(n):
            of_upper[a, a, j] -= 1.0 / upper[a, a, j]


@part(fastmath=REORDERED)
def pull_shared(
    rows: np.ndarray,
    first: int,
    weights: np.ndarray,
    schur: np.ndarray,
    v: np.ndarray,
    slope: np.ndarray,
) -> None:
    """Write dF' = w v' - dS F' of the shared columns into slope; dS is twice the derivative in what is left of them.

    Columns before `first`, those of the levels above, become 0.
    """
    width, q, n = rows.shape
    shared = width - first
    for c in range(first):
        for a in range(q):
            for j in range(n):
                slope[c, a, j] = 0.0
    if shared >= WIDE:
        along = np.empty((shared, q, n))
        product(schur, rows[first:], along)
        for c in range(shared):
            t = weights[c]
            for a in range(q):
                for j in range(n):
                    slope[first + c, a, j] = t * v[a, j] - along[c, a, j]
        return
    for c in range(shared):
        t = weights[c]
        for a in range(q):
            for j in range(n):
                slope[first + c, a, j] = t * v[a, j]
            for d in range(shared):
                s = schur[c, d]
                for j in range(n):
                    slope[first + c, a, j] -= s * rows[first + d, a, j]


@part
def pull_above(
    rows: np.ndarray, first: int, parent: np.ndarray, above: LevelsPulled, v: np.ndarray, slope: np.ndarray
) -> None:
    """Add to dF' what the factor above passes on: to its own columns, which begin at `first`, and to those behind."""
    width, q, n = rows.shape
    effects = above.scaled.shape[0]
    of_gram, of_columns, scaled = above.gram, above.columns, above.scaled
    for e in range(effects):
        for a in range(q):
            for j in range(n):
                slope[first + e, a, j] -= scaled[e, parent[j]] * v[a, j]
            for other in range(effects):
                for j in range(n):
                    slope[first + e, a, j] -= 2.0 * of_gram[e, other, parent[j]] * rows[first + other, a, j]
            for d in range(first + effects, width):
                for j in range(n):
                    t = of_columns[d - first - effects, e, parent[j]]
                    slope[first + e, a, j] -= t * rows[d, a, j]
                    slope[d, a, j] -= t * rows[first + e, a, j]


@part(fastmath=REORDERED)
def pull_factor(
    worked: Worked, relative: np.ndarray, f: int, slope: np.ndarray, pulled: LevelsPulled, products: np.ndarray
) -> None:
    """Carry dF' and the derivatives in U back to Lambda, and to Z'Z and E'.

    `slope` is overwritten. Lambda's part is added to products[f], transposed. Formulas: `elimination_gradient`.
    """
    q, n = worked.upper.shape[0], worked.upper.shape[2]
    _solve_upper(worked.upper, slope)
    mixed, inner = np.empty((q, q, n)), np.empty((q, q, n))
    _take_off_rows(worked, slope, f, mixed, pulled.upper, products)
    _write_of_inner(worked.upper, pulled.upper, inner)
    _add_inner(worked.upper, inner, f, products)
    if pulled.gram.shape[2] > 0:
        _unscale(relative, f, slope, inner, mixed, pulled)


@part
def _solve_upper(upper: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x' (columns, q, levels) with (U^-1 x)'."""
    width, q, n = x.shape
    for c in range(width):
        for a in range(q - 1, -1, -1):
            for i in range(a + 1, q):
                for j in range(n):
                    x[c, a, j] -= upper[a, i, j] * x[c, i, j]
            for j in range(n):
                x[c, a, j] /= upper[a, a, j]


@part(fastmath=REORDERED)
def _take_off_rows(
    worked: Worked, slope: np.ndarray, f: int, mixed: np.ndarray, of_upper: np.ndarray, products: np.ndarray
) -> None:
    """With d(Lambda'E)' in slope, take triu(F d(Lambda'E)') off dU, and add U' F d(Lambda'E)' to products[f]."""
    upper, rows = worked.upper, worked.rows
    width, q, n = rows.shape
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
                products[f, i, b] += s


@part
def _write_of_inner(upper: np.ndarray, of_upper: np.ndarray, out: np.ndarray) -> None:
    """Write dD of D = U'U, given dU: 1/2 U^-1 (T + T') U'^-1, T the lower triangle of U dU', half its diagonal."""
    q, n = upper.shape[0], upper.shape[2]
    for a in range(q):
        for b in range(a + 1):
            for j in range(n):
                out[b, a, j] = 0.0
            for k in range(a, q):
                for j in range(n):
                    out[b, a, j] += 0.5 * upper[a, k, j] * of_upper[b, k, j]
            for j in range(n):
                out[a, b, j] = out[b, a, j]
    _solve_upper(upper, out)
    _transpose(out)
    _solve_upper(upper, out)


@part(fastmath=REORDERED)
def _add_inner(upper: np.ndarray, inner: np.ndarray, f: int, products: np.ndarray) -> None:
    """Add 2 (D - I) dD to products[f]."""
    q, n = upper.shape[0], upper.shape[2]
    for a in range(q):
        for b in range(q):
            s = 0.0
            for j in range(n):
                s -= inner[a, b, j]
            for c in range(q):
                for k in range(min(a, c) + 1):
                    for j in range(n):
                        s += upper[k, a, j] * upper[k, c, j] * inner[c, b, j]
            products[f, a, b] += 2.0 * s


@part
def _unscale(
    relative: np.ndarray, f: int, slope: np.ndarray, inner: np.ndarray, held: np.ndarray, pulled: LevelsPulled
) -> None:
    """Write Lambda dD Lambda' into pulled.gram and Lambda d(Lambda'E) into pulled.columns."""
    _mix(relative, f, slope, pulled.columns)
    _mix(relative, f, inner, held)
    _transpose(held)
    _mix(relative, f, held, pulled.gram)


@part
def _mix(relative: np.ndarray, f: int, x: np.ndarray, out: np.ndarray) -> None:
    """Write (Lambda x)' into out, given x' (columns, q, levels), same shape."""
    width, q, n = x.shape
    for c in range(width):
        for a in range(q):
            for j in range(n):
                out[c, a, j] = 0.0
            for b in range(q):
                t = relative[f, a, b]
                for j in range(n):
                    out[c, a, j] += t * x[c, b, j]


@part
def _transpose(x: np.ndarray) -> None:
    """Transpose x (q, q, levels) in place, level by level."""
    q, n = x.shape[0], x.shape[2]
    for a in range(q):
        for b in range(a):
            for j in range(n):
                kept = x[a, b, j]
                x[a, b, j] = x[b, a, j]
                x[b, a, j] = kept
