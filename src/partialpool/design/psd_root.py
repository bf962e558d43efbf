"""The root of a covariance that may be singular."""

import numpy as np

__all__ = ["singular_root"]


def singular_root(covariance: np.ndarray) -> np.ndarray:
    """Return R with R R' = covariance, (n, n), from eigenvectors: a correlation of 1 has no Cholesky factor.

    Eigenvalues below 0 are due to rounding and count as 0.
    """
    values, axes = np.linalg.eigh(covariance)
    return axes * np.sqrt(np.maximum(values, 0.0))
