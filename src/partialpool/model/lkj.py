"""The LKJ distribution of correlation matrices, on arrays (Lewandowski, Kurowicka & Joe 2009)."""

from collections.abc import Sequence

import numpy as np
from scipy import special

from partialpool.model.partial_correlations import cholesky_of_partials

__all__ = ["lkj_log_density", "sample_lkj", "sample_lkj_blocks"]


def sample_lkj(n: int, eta: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw Cholesky factors of LKJ(eta) correlation matrices, shape (size, n, n)."""
    concentrations = [eta + (n - 2 - j) / 2 for i in range(1, n) for j in range(i)]
    drawn = [2 * rng.beta(concentration, concentration, size) - 1 for concentration in concentrations]
    return cholesky_of_partials(np.stack(drawn, axis=1) if drawn else np.zeros((size, 0)), n)


def sample_lkj_blocks(blocks: Sequence[Sequence[int]], eta: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw Cholesky factors of correlation matrices, LKJ(eta) within blocks and 0 between them, (size, n, n).

    Effects of a block are in order, and may be apart.
    """
    n = sum(map(len, blocks))
    half = np.zeros((size, n, n))
    for block in blocks:
        half[np.ix_(range(size), block, block)] = sample_lkj(len(block), eta, size, rng)
    return half


def lkj_log_density(corr: np.ndarray, eta: float) -> np.ndarray:
    """Evaluate the LKJ(eta) density of correlation matrices (..., n, n), normalised.

    log p(R) = (eta - 1) log |R| - sum_(k=1)^(n-1) (n - k) [ (2 eta - 2 + n - k) log 2 + log B(a_k, a_k) ],
    a_k = eta + (n - k - 1) / 2 (Lewandowski, Kurowicka & Joe 2009, eq. 16).
    """
    n = corr.shape[-1]
    k = np.arange(1, n)
    a = eta + (n - k - 1) / 2
    log_constant = np.sum((n - k) * ((2 * eta - 2 + n - k) * np.log(2) + special.betaln(a, a)))
    return (eta - 1) * np.linalg.slogdet(corr)[1] - log_constant
