"""Orthonormal basis of the fixed effects' columns, in which no default prior depends on the origin.

With Xc the columns centred (as they are without an intercept) and R'R = Xc'Xc / n, R upper triangular,

    X* = Xc R^-1,   X*'X* / n = I,   delta = R beta,   Xc beta = X* delta.

Another origin, unit, reference category or basis of the same columns gives the same X* up to a rotation.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

__all__ = ["CommonBasis", "make_common_basis", "triangular_root"]

_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class CommonBasis:
    """R, its inverse, and how the columns make a constant.

    Attributes
    ----------
    root, inverse
        R and R^-1, (columns, columns).
    constant
        c with X c = 1, (columns,), where there is no intercept and the columns nevertheless add up to one (all
        categories of a factor); otherwise None.
    """

    root: np.ndarray
    inverse: np.ndarray
    constant: np.ndarray | None


def make_common_basis(values: np.ndarray, center: np.ndarray, scale: np.ndarray, *, intercept: bool) -> CommonBasis:
    """Compute the basis of columns (rows, columns), which must be linearly independent.

    Parameters
    ----------
    values, center, scale
        X, and the centres and scales of its columns, used before they are factorised.
    intercept
        Whether the mean is absorbed by another parameter: an intercept, or cutpoints.
    """
    rows, columns = values.shape
    if columns == 0:
        return CommonBasis(np.zeros((0, 0)), np.zeros((0, 0)), None)
    scaled = triangular_root((values - center) / (scale * np.sqrt(rows)))
    inverse = solve_triangular(scaled, np.eye(columns)) / scale[:, None]
    constant = None
    if not intercept:
        found = inverse @ (inverse.T @ values.mean(axis=0))
        constant = found if np.abs(values @ found - 1).max() < _ROUNDING else None
    return CommonBasis(scaled * scale, inverse, constant)


def triangular_root(columns: np.ndarray) -> np.ndarray:
    """Return R of columns = Q R, upper triangular with a positive diagonal, (columns, columns)."""
    root = np.linalg.qr(columns, mode="r")
    return root * np.where(np.diagonal(root) < 0, -1.0, 1.0)[:, None]
