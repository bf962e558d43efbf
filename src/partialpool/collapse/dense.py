"""Small dense linear algebra for the kernels: loops for a handful of columns, LAPACK for many."""

import numba as nb
import numpy as np

__all__ = ["cholesky", "inverse", "solve_lower", "solve_lower_columns", "solve_upper", "solve_upper_columns"]

_LOOPS_UP_TO = 24
"""Columns up to which plain loops beat a LAPACK call and its copies."""


@nb.njit(cache=True, nogil=True, inline="never")
def cholesky(a: np.ndarray) -> bool:
    """Overwrite the lower triangle of a (n, n) with L, L L' = a; False where a is not positive definite.

    The upper triangle is left as it is and must not be read.
    """
    n = a.shape[0]
    if n > _LOOPS_UP_TO:
        for i in range(n):
            for j in range(i + 1):
                if not np.isfinite(a[i, j]):
                    return False
                a[j, i] = a[i, j]
        a[:, :] = np.linalg.cholesky(a)
        return True
    for i in range(n):
        for j in range(i + 1):
            s = a[i, j]
            for k in range(j):
                s -= a[i, k] * a[j, k]
            if i > j:
                a[i, j] = s / a[j, j]
            elif s > 0.0:
                a[i, i] = np.sqrt(s)
            else:
                return False
    return True


@nb.njit(cache=True, nogil=True)
def solve_lower(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n,) with L^-1 x."""
    for i in range(len(x)):
        s = x[i]
        for k in range(i):
            s -= factor[i, k] * x[k]
        x[i] = s / factor[i, i]


@nb.njit(cache=True, nogil=True)
def solve_upper(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n,) with L'^-1 x, column by column, so that L is read in the order it is stored."""
    for i in range(len(x) - 1, -1, -1):
        x[i] /= factor[i, i]
        for k in range(i):
            x[k] -= factor[i, k] * x[i]


@nb.njit(cache=True, nogil=True)
def solve_lower_columns(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n, columns) with L^-1 x."""
    n, width = x.shape
    for i in range(n):
        for k in range(i):
            t = factor[i, k]
            for c in range(width):
                x[i, c] -= t * x[k, c]
        t = 1.0 / factor[i, i]
        for c in range(width):
            x[i, c] *= t


@nb.njit(cache=True, nogil=True)
def solve_upper_columns(factor: np.ndarray, x: np.ndarray) -> None:
    """Overwrite x (n, columns) with L'^-1 x."""
    n, width = x.shape
    for i in range(n - 1, -1, -1):
        t = 1.0 / factor[i, i]
        for c in range(width):
            x[i, c] *= t
        for k in range(i):
            t = factor[i, k]
            for c in range(width):
                x[k, c] -= t * x[i, c]


@nb.njit(cache=True, nogil=True, inline="never")
def inverse(factor: np.ndarray) -> np.ndarray:
    """Return (L L')^-1, shape (n, n)."""
    n = factor.shape[0]
    if n > _LOOPS_UP_TO:
        lower = np.tril(factor)
        half = np.linalg.inv(lower)
        return np.dot(half.T, half)
    out = np.eye(n)
    solve_lower_columns(factor, out)
    solve_upper_columns(factor, out)
    return out
