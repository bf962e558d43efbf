"""The exact null distribution of a likelihood ratio for the only variance component of a model.

y = X beta + Z b + e, b ~ N(0, lambda sigma^2 I), e ~ N(0, sigma^2 D): whitened rows have D = I. Let p be the rank of
X, P its residual projection, mu_s the positive eigenvalues of Z'PZ, xi_k those of Z'Z, and w_s independent standard
normals. For lambda = 0 the restricted ratio is distributed as (Crainiceanu & Ruppert 2004, JRSS B 66:165)

    RLRT = sup_lambda { (n - p) log(T / D(lambda)) - sum_s log(1 + lambda mu_s) }
    D(lambda) = sum_s w_s^2 / (1 + lambda mu_s) + R,      T = D(0),      R ~ chi2 with n - p - #mu degrees of freedom

since P'y has the covariance sigma^2 (I + lambda diag mu) in the right basis, and sigma^2 profiles out as D / (n - p).
With N = T - D, T / D is 1 + N / D in their notation. For the ratio of likelihoods the first n - p is replaced by n, and
mu in the sum of logarithms by xi; c fixed effects tested with the variance add n log(1 + U / T), U ~ chi2_c. With D
known and sigma = 1 nothing profiles out, and (n - p) log(T / D) becomes T - D, n log(1 + U / T) becomes U.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy import sparse

from partialpool.design.design import Design

__all__ = ["Spectrum", "find_spectrum"]

_MOST_LEVELS: Final = 2000
"""Most levels for which eigenvalues are computed, in a second or two."""
_STEP: Final = 0.15
"""Step of the grid of log lambda; the maximum is refined between grid points."""
_CHUNK: Final = 1000


@dataclass(frozen=True, eq=False)
class Spectrum:
    """The quantities that the null distribution depends on.

    Attributes
    ----------
    mu
        Positive eigenvalues of Z'PZ.
    penalty
        Eigenvalues whose log(1 + lambda .) is subtracted: mu for the restricted likelihood, xi for the likelihood.
    factor
        n - p or n; None if the residual sd is known.
    left
        Degrees of freedom of R.
    common
        Fixed effects tested as well, c.
    """

    mu: np.ndarray
    penalty: np.ndarray
    factor: int | None
    left: int
    common: int

    def simulate(self, count: int, seed: np.random.SeedSequence) -> np.ndarray:
        """Draw statistics, shape (count,), each at least 0."""
        rng = np.random.default_rng(seed)
        sizes = [min(_CHUNK, count - at) for at in range(0, count, _CHUNK)]
        return np.concatenate([self._draw(size, rng) for size in sizes])

    def _draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        squares = rng.standard_normal((count, len(self.mu))) ** 2
        rest = 2 * rng.standard_gamma(self.left / 2, count)
        common = 2 * rng.standard_gamma(self.common / 2, count)
        total = squares.sum(axis=1) + rest
        # lambda from where it is negligible even for the largest mu to where it dominates even for the smallest.
        grid = np.arange(np.log(1e-6 / self.mu.max()), np.log(1e6 / self.mu.min()), _STEP)
        shrunk = squares @ (1 / (1 + np.exp(grid) * self.mu[:, None])) + rest[:, None]
        gains = self._gain(total[:, None], shrunk) - np.log1p(np.exp(grid)[:, None] * self.penalty).sum(axis=1)
        best = np.clip(gains.argmax(axis=1), 1, len(grid) - 2)
        # The vertex of the parabola through the highest point and its neighbours, and the function there.
        low, middle, high = (gains[np.arange(count), best + k] for k in (-1, 0, 1))
        bend = low - 2 * middle + high
        shift = np.divide(low - high, 2 * bend, out=np.zeros(count), where=bend < 0)
        at = np.exp(grid[best] + _STEP * np.clip(shift, -1, 1))[:, None]
        refined = self._gain(total, (squares / (1 + at * self.mu)).sum(axis=1) + rest)
        refined -= np.log1p(at * self.penalty).sum(axis=1)
        extra = common if self.factor is None else self.factor * np.log1p(common / total)
        return np.maximum(np.maximum(gains.max(axis=1), refined), 0.0) + extra

    def _gain(self, total: np.ndarray, shrunk: np.ndarray) -> np.ndarray:
        return total - shrunk if self.factor is None else self.factor * np.log(total / shrunk)


def find_spectrum(full: Design, reduced: Design, *, reml: bool) -> Spectrum | None:
    """Find the spectrum if the only variance component is tested; None otherwise, or if there are too many levels.

    Parameters
    ----------
    full, reduced
        Nested designs.
    reml
        Whether to use the restricted likelihood.
    """
    if reduced.factors or len(full.factors) != 1 or full.factors[0].values.shape[1] != 1:
        return None
    factor, n = full.factors[0], full.n_rows
    if factor.n_levels > _MOST_LEVELS:
        return None
    weight = np.sqrt(full.row_weights / full.row_weights.max())
    intercept = [np.ones((n, 1))] if full.common.intercept else []
    x = np.concatenate([*intercept, full.common.standardised], axis=1) * weight[:, None]
    z = factor.values[:, 0] / factor.basis.scale[0] * weight
    # Z'PZ = Z'Z - (Q'Z)'(Q'Z), Q an orthonormal basis of X; Z'Z is diagonal where levels share no rows.
    xi = factor.sum(z**2)
    basis = np.linalg.qr(x)[0]
    shared = np.stack([factor.sum(z * q) for q in basis.T] or [0 * xi])
    gram = np.diag(xi)
    if factor.has_members:
        columns = sparse.diags_array(z) @ factor.membership
        gram = (columns.T @ columns).toarray()
        xi = np.maximum(np.linalg.eigvalsh(gram), 0.0)
    if factor.root is not None:  # Z L in place of Z
        gram, shared = factor.root.T @ gram @ factor.root, shared @ factor.root
        xi = np.maximum(np.linalg.eigvalsh(gram), 0.0)
    mu = np.linalg.eigvalsh(gram - shared.T @ shared)
    mu = mu[mu > 1e-10 * xi.max()]
    free = n - x.shape[1]
    weighted = n if not reml else free
    common = len(full.common.coefs) - len(reduced.common.coefs)
    return (
        Spectrum(mu, mu if reml else xi[xi > 0], None if full.se is not None else weighted, free - len(mu), common)
        if len(mu)
        else None
    )
