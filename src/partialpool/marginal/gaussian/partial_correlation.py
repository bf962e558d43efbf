"""Partial correlations of structured correlation matrices, as functions of one correlation rho, compiled.

Row i of a Cholesky factor is built from the partial correlations z_ij of effects i and j given the effects before j
(`parameters.py`). With the effects of a block numbered from 0 and d = i - j,

    free                z = tanh(x)                                          x the element of theta
    compound symmetry   z = rho / (1 + j rho)
    autoregressive      z = rho^d  for j = 0,   rho^d sqrt((1 - rho^2) / (1 - rho^(2 d + 2)))  for later j

The last follows from the Markov property: given the effects before j, only j - 1 matters, so that Var(j) = 1 - rho^2,
Var(i) = 1 - rho^(2 d + 2) and Cov(i, j) = rho^d (1 - rho^2). 1 - z^2 is written so that nothing cancels.
"""

from typing import Final

import numpy as np

from partialpool.kernels import part

__all__ = ["AUTOREGRESSIVE", "COMPOUND", "FREE", "partial_correlation"]

FREE: Final = 0
COMPOUND: Final = 1
AUTOREGRESSIVE: Final = 2


@part
def partial_correlation(kind: int, i: int, j: int, rho: float) -> tuple[float, float, float]:
    """Return z_ij, sqrt(1 - z_ij^2), and d atanh(z_ij) / d rho; rho is x for a free one."""
    if kind == FREE:
        return np.tanh(rho), 1.0 / np.cosh(rho), 1.0
    if kind == COMPOUND:
        below = 1.0 + j * rho
        square = (below - rho) * (below + rho) / (below * below)
        return rho / below, np.sqrt(square), 1.0 / (below * below * square)
    d = i - j
    power = rho ** (d - 1)
    z, by_rho, square = power * rho, d * power, 1.0 - (power * rho) ** 2
    if j > 0:
        own, whole = 1.0 - rho * rho, 1.0 - (z * rho) ** 2
        size = np.sqrt(own / whole)
        by_rho = size * (by_rho + z * rho * ((d + 1) * z * z / whole - 1.0 / own))
        z, square = z * size, square / whole
    return z, np.sqrt(square), by_rho / square
