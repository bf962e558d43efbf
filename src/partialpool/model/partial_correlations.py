"""Correlation matrices from partial correlations."""

import numpy as np

__all__ = ["cholesky_of_partials"]


def cholesky_of_partials(partials: np.ndarray, size: int) -> np.ndarray:
    """Return Cholesky factors of correlation matrices, (n, size, size).

    L_ij = z_ij sqrt(prod_(k<j) (1 - z_ik^2)), L_ii = sqrt(prod_(k<i) (1 - z_ik^2)) (Lewandowski, Kurowicka & Joe 2009):
    the C-vine of `pymc_model/covariance.py`, on arrays.

    Parameters
    ----------
    partials
        z row by row, z_10, z_20, z_21, ..., (n, size (size - 1) / 2).
    size
        Rows of each matrix.
    """
    factor = np.zeros((len(partials), size, size))
    factor[:, 0, 0] = 1.0
    at = 0
    for i in range(1, size):
        left = np.ones(len(partials))
        for j in range(i):
            factor[:, i, j] = partials[:, at] * np.sqrt(left)
            left = left * (1 - partials[:, at] ** 2)
            at += 1
        factor[:, i, i] = np.sqrt(left)
    return factor
