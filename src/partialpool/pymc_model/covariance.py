"""LKJ correlations from independent Beta partial correlations.

On a C-vine, the canonical partial correlation of tree j = 1, 2, ... of an n x n LKJ(eta) matrix is 2 p - 1 with
p ~ Beta(a, a), a = eta + (n - 1 - j) / 2, all independent (Lewandowski, Kurowicka & Joe 2009, section 2.4).
With z_ij the partial correlation of effects i > j given the effects before j, the Cholesky factor is

    L_ij = z_ij sqrt(prod_(k<j) (1 - z_ik^2)),   L_ii = sqrt(prod_(k<i) (1 - z_ik^2)).

sd and corr stay separate variables, and the sampled variables are ordinary Betas. In PyMC 6.4 `pm.LKJCorr` has the
wrong density for n >= 3, and `pm.LKJCholeskyCov` fails under nutpie 0.16.
"""

from collections.abc import Sequence

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.distributions.prior import Prior
from partialpool.pymc_model.random import scalar_random

__all__ = ["block_cholesky", "lkj_cholesky", "partial_concentrations"]


def partial_concentrations(n: int, eta: float) -> np.ndarray:
    """Return the Beta concentrations a, in row order (1,0), (2,0), (2,1), ..., shape (n (n - 1) / 2,).

    Examples
    --------
    >>> partial_concentrations(3, 1.0)
    array([1.5, 1.5, 1. ])
    """
    return np.array([eta + (n - 1 - (j + 1)) / 2 for i in range(1, n) for j in range(i)])


def lkj_cholesky(name: str, n: int, eta: float) -> list[list[pt.TensorVariable]]:
    """Create the Cholesky factor of an LKJ(eta) correlation matrix, as rows of scalars.

    Registers the free variable `name`, shape (n (n - 1) / 2,), in the model on the context stack.
    """
    concentration = partial_concentrations(n, eta)
    partial = 2 * pm.Beta(name, alpha=concentration, beta=concentration, shape=len(concentration)) - 1
    zero = pt.constant(0.0)
    rows: list[list[pt.TensorVariable]] = []
    position = 0
    for i in range(n):
        row, left = [], pt.constant(1.0)  # `left` is 1 less the variance explained so far
        for _ in range(i):
            row.append(partial[position] * pt.sqrt(left))
            left = left * (1 - partial[position] ** 2)
            position += 1
        rows.append([*row, pt.sqrt(left), *[zero] * (n - i - 1)])
    return rows


def structured_cholesky(name: str, kind: str, n: int, prior: Prior) -> list[list[pt.TensorVariable]]:
    """Create the Cholesky factor of correlations that depend on one, rho, registered as `name`; rows of scalars."""
    rho = scalar_random(name, prior)
    cells = [[_correlation(kind, rho, abs(i - j)) for j in range(n)] for i in range(n)]
    factor = pt.linalg.cholesky(pt.stack([pt.stack(row) for row in cells]))
    return [[factor[i, j] for j in range(n)] for i in range(n)]


def _correlation(kind: str, rho: pt.TensorVariable, distance: int) -> pt.TensorVariable:
    return pt.constant(1.0) if distance == 0 else rho if kind == "cs" else rho**distance


def block_cholesky(
    factor: str, blocks: Sequence[Sequence[int]], n: int, prior: Prior, kind: str = "unstructured"
) -> pt.TensorVariable:
    """Create the Cholesky factor of a factor's correlation matrix, shape (n, n): 0 between blocks.

    Within blocks correlations are LKJ, or depend on one, of which each block has its own.
    """
    cells: list[list[pt.TensorVariable]] = [[pt.constant(float(i == j)) for j in range(n)] for i in range(n)]
    correlated = [block for block in blocks if len(block) > 1]
    for number, block in enumerate(correlated):
        suffix = "" if len(correlated) == 1 else f"_{number}"
        if kind in ("cs", "ar1"):
            rows = structured_cholesky(f"corr_{factor}_rho{suffix}", kind, len(block), prior)
        else:
            rows = lkj_cholesky(f"corr_{factor}_partial{suffix}", len(block), prior.arguments["eta"])
        for i, row in zip(block, rows, strict=True):
            for j, cell in zip(block, row, strict=True):
                cells[i][j] = cell
    return pt.stack([pt.stack(row) for row in cells])
