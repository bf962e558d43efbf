"""Small dense linear algebra for the kernels: loops for a handful of columns, LAPACK for many."""

import numpy as np

from partialpool.collapse.compiled import kernel

__all__ = [
    "cholesky",
    "inverse",
    "small_cholesky",
    "solve_lower",
    "solve_lower_columns",
    "solve_upper",
    "solve_upper_columns",
]

_LOOPS_UP_TO = 24
"""Columns up to which plain loops beat a LAPACK call and its copies."""


@kernel
def small_cholesky(a: np.ndarray) -> bool:
    """Overwrite the lower triangle of a (n, n) with L, L L' = a, by loops; False where a is not positive definite.

    The upper triangle is left as it is and must not be read.
    """
    n = a.shape[0]
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            if i > j:
                a[i, j] = s / a[j, j]
            elif s > 0.0 and s < np.inf:
                a[i, i] = np.sqrt(s)
            else:
                return False
    return True


@kernel
def cholesky(a: np.ndarray) -> bool:
    """Do as `small_cholesky` for a symmetric a (n, n) of any size."""
    n = a.shape[0]
    if n <= _LOOPS_UP_TO:
        return small_cholesky(a)
    for i in range(n):
        for j in range(n):
            if not np.isfinite(a[i, j]):
                return False
    factor = np.linalg.cholesky(a)
    for i in range(n):
        for j in range(i + 1):
            a[i, j] = factor[i, j]
    return True


@kernel
def solve_lower(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n,) with L^-1 x."""
    for i in range(len(x)):
        s = x[i]
        for k in range(i):
            s -= factor[i, k] * x[k]
        x[i] = s / factor[i, i]


@kernel
def solve_upper(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n,) with L'^-1 x, column by column, so that L is read in the order it is stored."""
    for i in range(len(x) - 1, -1, -1):
        x[i] /= factor[i, i]
        for k in range(i):
            x[k] -= factor[i, k] * x[i]


@kernel
def solve_lower_columns(factor: np.ndarray, x: np.ndarray, width: int) -> None:
    """Overwrite the first columns of x (n, width or more) with L^-1 x."""
    for i in range(factor.shape[0]):
        for k in range(i):
            t = factor[i, k]
            for c in range(width):
                x[i, c] -= t * x[k, c]
        t = 1.0 / factor[i, i]
        for c in range(width):
            x[i, c] *= t


@kernel
def solve_upper_columns(factor: np.ndarray, x: np.ndarray, width: int) -> None:
    """Overwrite the first columns of x (n, width or more) with L'^-1 x."""
    for i in range(factor.shape[0] - 1, -1, -1):
        t = 1.0 / factor[i, i]
        for c in range(width):
            x[i, c] *= t
        for k in range(i):
            t = factor[i, k]
            for c in range(width):
                x[k, c] -= t * x[i, c]


@kernel
def inverse(factor: np.ndarray) -> np.ndarray:
    """Return (L L')^-1, shape (n, n)."""
    n = factor.shape[0]
    half = np.zeros((n, n))
    for i in range(n):
        half[i, i] = 1.0
        for k in range(i):
            t = factor[i, k]
            for c in range(k + 1):
                half[i, c] -= t * half[k, c]
        t = 1.0 / factor[i, i]
        for c in range(i + 1):
            half[i, c] *= t
    if n > _LOOPS_UP_TO:
        return np.dot(half.T, half)
    out = np.zeros((n, n))
    for k in range(n):
        for i in range(k + 1):
            for j in range(k + 1):
                out[i, j] += half[k, i] * half[k, j]
    return out
