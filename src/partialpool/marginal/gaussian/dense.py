"""Small dense linear algebra for the kernels: loops for a few columns, BLAS and LAPACK for many.

A factorisation is stored as U = L', U'U = a, upper triangle, rows contiguous, so that every loop below is along rows.
"""

from typing import Any, Final

import numba as nb
import numpy as np
from numba.np import linalg as _lapack_is_loaded  # noqa: F401 - it loads the LAPACK entry points used below

from partialpool.kernels import part

__all__ = [
    "cholesky",
    "congruence",
    "copied",
    "inverse",
    "inverse_factor",
    "product",
    "product_of_columns",
    "product_with_rows",
    "small_cholesky",
    "solve_factored",
    "solve_lower",
    "solve_lower_columns",
    "solve_upper",
    "solve_upper_columns",
]

_LOOPS_UP_TO = 24
"""Columns up to which plain loops are faster than a LAPACK call."""
_PRODUCTS_UP_TO = 12
"""Columns up to which plain loops are faster than two products of BLAS."""
_BLOCK = 48
"""Rows inverted by loops at a time; the rest is done by matrix products."""

_NUMBERS: Final = nb.types.CPointer(nb.types.float64)
_potrf: Any = nb.types.ExternalFunction(
    "numba_xxpotrf",
    nb.types.intc(nb.types.char, nb.types.char, nb.types.intp, _NUMBERS, nb.types.intp),
)
"""LAPACK's Cholesky factorisation, in place: (kind, triangle, n, a, leading dimension) -> info.

np.linalg.cholesky calls the same routine, but copies twice and takes five seconds to compile."""
_gemm: Any = nb.types.ExternalFunction(
    "numba_xxgemm",
    nb.types.intc(
        *[nb.types.char] * 3, *[nb.types.intp] * 3, *[_NUMBERS] * 2, nb.types.intp, _NUMBERS, nb.types.intp,
        *[_NUMBERS] * 2, nb.types.intp,
    ),
)  # fmt: skip
"""BLAS's product, c = alpha op(a) op(b) + beta c, by columns:
(kind, op of a, op of b, rows, columns, inner, alpha, a, leading dimension, b, leading dimension, beta, c, leading
dimension). np.dot calls the same routine, but takes half a second to compile wherever it is used."""
_DOUBLE, _LOWER, _AS_IT_IS, _TRANSPOSED = map(ord, "dLnt")
"""Letters by which the routines are told what to do; `ord` in a kernel takes a tenth of a second to compile."""


@part
def small_cholesky(a: np.ndarray) -> bool:
    """Overwrite the upper triangle of a (n, n) with U, U'U = a, by loops; False where a is not positive definite.

    The lower triangle is neither read nor written.
    """
    n = a.shape[0]
    for i in range(n):
        for j in range(i, n):
            s = a[i, j]
            for k in range(i):
                s -= a[k, i] * a[k, j]
            if j > i:
                a[i, j] = s / a[i, i]
            elif s > 0.0 and s < np.inf:
                a[i, i] = np.sqrt(s)
            else:
                return False
    return True


@part
def cholesky(a: np.ndarray) -> bool:
    """Do as `small_cholesky` does, for a contiguous a (n, n) of any size."""
    n = a.shape[0]
    if n <= _LOOPS_UP_TO:
        return small_cholesky(a)
    for i in range(n):
        # NaN and infinity may not have reached the diagonals of their rows yet: check the sums of rows.
        s = 0.0
        for j in range(i, n):
            s += a[i, j]
        if not np.isfinite(s):
            return False
    # LAPACK is column-major: its lower triangle is our upper one, and its L our U.
    return bool(_potrf(_DOUBLE, _LOWER, n, a.ctypes, n) == 0)


@part
def product(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write a b into out (m, n), for contiguous a (m, k) and b (k, n).

    Axes of b and out after the first count as one.
    """
    m, k = a.shape[0], a.shape[1]
    n = out.size // max(m, 1)
    # By columns, the arrays are the transposes: out' = b' a'.
    _multiply(_AS_IT_IS, _AS_IT_IS, n, m, k, b, n, a, k, out)


@part
def product_with_rows(a: np.ndarray, b: np.ndarray, out: np.ndarray) -> None:
    """Write a b' into out (m, n), for contiguous a (m, k) and b (n, k).

    Axes of a and b after the first count as one.
    """
    m, n = out.shape
    k = a.size // max(m, 1)
    _multiply(_TRANSPOSED, _AS_IT_IS, n, m, k, b, k, a, k, out)


@part
def congruence(half: np.ndarray, t: np.ndarray) -> None:
    """Overwrite t (n, n) with half t half', for an upper triangular half (n, n)."""
    n = len(t)
    along = np.empty((n, n))
    if n > _PRODUCTS_UP_TO:
        product(half, t, along)
        product_with_rows(along, half, t)
        return
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(i, n):
                s += half[i, k] * t[k, j]
            along[i, j] = s
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(j, n):
                s += along[i, k] * half[j, k]
            t[i, j] = s


@part
def copied(x: np.ndarray) -> np.ndarray:
    """Return a copy of x (n,), by a loop: numba's own copy compiles slowly."""
    out = np.empty(len(x))
    for i in range(len(x)):
        out[i] = x[i]
    return out


@part
def product_of_columns(a: np.ndarray, out: np.ndarray) -> None:
    """Write a' a into out (n, n), for a contiguous a (k, n)."""
    k, n = a.shape
    _multiply(_AS_IT_IS, _TRANSPOSED, n, n, k, a, n, a, n, out)


@part
def _multiply(
    of_a: int,
    of_b: int,
    m: int,
    n: int,
    k: int,
    a: np.ndarray,
    wide_a: int,
    b: np.ndarray,
    wide_b: int,
    out: np.ndarray,
) -> None:
    """Write op(a) op(b), (m, n), k being the inner dimension, all by columns; a column of a has `wide_a` numbers."""
    factors = np.zeros(2)
    factors[0] = 1.0
    one, zero = factors[:1], factors[1:]
    _gemm(
        _DOUBLE, of_a, of_b, m, n, k, one.ctypes, a.ctypes, max(wide_a, 1), b.ctypes, max(wide_b, 1), zero.ctypes,
        out.ctypes, max(m, 1),
    )  # fmt: skip


@part
def solve_lower(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n,) with L^-1 x = U'^-1 x."""
    n = factor.shape[0]
    for k in range(n):
        x[k] /= factor[k, k]
        t = x[k]
        for i in range(k + 1, n):
            x[i] -= factor[k, i] * t


@part
def solve_upper(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n,) with L'^-1 x = U^-1 x."""
    n = factor.shape[0]
    for k in range(n - 1, -1, -1):
        s = x[k]
        for i in range(k + 1, n):
            s -= factor[k, i] * x[i]
        x[k] = s / factor[k, k]


@part
def solve_lower_columns(factor: np.ndarray, x: np.ndarray, width: int) -> None:
    """Overwrite the first columns of x (n, width or more) with L^-1 x."""
    n = factor.shape[0]
    for k in range(n):
        t = 1.0 / factor[k, k]
        for c in range(width):
            x[k, c] *= t
        for i in range(k + 1, n):
            t = factor[k, i]
            for c in range(width):
                x[i, c] -= t * x[k, c]


@part
def solve_upper_columns(factor: np.ndarray, x: np.ndarray, width: int) -> None:
    """Overwrite the first columns of x (n, width or more) with L'^-1 x."""
    n = factor.shape[0]
    for k in range(n - 1, -1, -1):
        for i in range(k + 1, n):
            t = factor[k, i]
            for c in range(width):
                x[k, c] -= t * x[i, c]
        t = 1.0 / factor[k, k]
        for c in range(width):
            x[k, c] *= t


@part
def inverse(factor: np.ndarray) -> np.ndarray:
    """Return a^-1 = U^-1 U'^-1, shape (n, n)."""
    n = factor.shape[0]
    half = inverse_factor(factor)
    if n > _LOOPS_UP_TO:
        whole = np.empty((n, n))
        product_with_rows(half, half, whole)
        return whole
    out = np.zeros((n, n))
    for i in range(n):
        for j in range(n):
            s = 0.0
            for k in range(max(i, j), n):
                s += half[i, k] * half[j, k]
            out[i, j] = s
    return out


@part
def inverse_factor(factor: np.ndarray) -> np.ndarray:
    """Return U^-1, upper triangular, by blocks of rows from the last.

    [[A, B], [0, D]]^-1 = [[A^-1, -A^-1 B D^-1], [0, D^-1]].
    """
    n = factor.shape[0]
    half = np.zeros((n, n))
    end = n
    while end > 0:
        begin = max(end - _BLOCK, 0)
        _invert_block(factor, half, begin, end)
        if end < n:
            across, below = np.empty((end - begin, n - end)), np.empty((n - end, n - end))
            for c in range(n - end):
                for k in range(end - begin):
                    across[k, c] = factor[begin + k, end + c]
                for k in range(n - end):
                    below[k, c] = half[end + k, end + c]
            along = np.empty((end - begin, n - end))
            product(across, below, along)
            for k in range(end - begin):
                for i in range(k, end - begin):
                    t = half[begin + k, begin + i]
                    for c in range(n - end):
                        half[begin + k, end + c] -= t * along[i, c]
        end = begin
    return half


@part
def _invert_block(factor: np.ndarray, half: np.ndarray, begin: int, end: int) -> None:
    """Overwrite one diagonal block of half with the inverse of factor's."""
    for k in range(end - 1, begin - 1, -1):
        half[k, k] = 1.0
        for i in range(k + 1, end):
            t = factor[k, i]
            for c in range(i, end):
                half[k, c] -= t * half[i, c]
        t = 1.0 / factor[k, k]
        for c in range(k, end):
            half[k, c] *= t


@part
def solve_factored(factor: np.ndarray, step: np.ndarray) -> float:
    """Overwrite a gradient with C'^-1 C^-1 gradient; return the squared length of C^-1 gradient."""
    q, length = len(step), 0.0
    for c in range(q):
        for d in range(c):
            step[c] -= factor[c, d] * step[d]
        step[c] /= factor[c, c]
        length += step[c] * step[c]
    for c in range(q - 1, -1, -1):
        for d in range(c + 1, q):
            step[c] -= factor[d, c] * step[d]
        step[c] /= factor[c, c]
    return length
