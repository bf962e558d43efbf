"""Mixtures of multivariate t distributions: a proposal with heavy tails, fitted to weighted draws."""

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from partialpool.kernels import kernel

__all__ = ["Mixture", "fit_mixture"]

_PIECE = 50_000
"""Draws processed at a time: they fit into the processor's cache, and Ctrl-C is handled in between."""


@dataclass(frozen=True, eq=False)
class Mixture:
    """A mixture of t distributions with common degrees of freedom.

    Attributes
    ----------
    weights
        Shape (components,).
    means
        Shape (components, elements).
    factors
        Cholesky factors of the scale matrices, (components, elements, elements).
    freedom
        Degrees of freedom.
    """

    weights: np.ndarray
    means: np.ndarray
    factors: np.ndarray
    freedom: float

    def sample(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Draw, shape (size, elements)."""
        of = rng.choice(len(self.weights), size, p=self.weights)
        normal = rng.standard_normal((size, self.means.shape[1]))
        stretch = np.sqrt(self.freedom / rng.chisquare(self.freedom, size))
        normal *= stretch[:, None]
        for k in range(len(self.weights)):
            mine = np.flatnonzero(of == k)
            normal[mine] = self.means[k] + normal[mine] @ self.factors[k].T
        return normal

    def log_density(self, images: np.ndarray) -> np.ndarray:
        """Evaluate the log density of draws, summed over their mirror images (images, n, elements); shape (n,)."""
        out = np.empty(images.shape[1])
        for at in range(0, len(out), _PIECE):
            piece = images[:, at : at + _PIECE]
            parts = self.parts(piece.reshape(-1, piece.shape[2]))[0]
            out[at : at + _PIECE] = np.logaddexp.reduce(parts.reshape(-1, piece.shape[1]), axis=0)
        return out

    def parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate each component's log share of the density at x (n, elements), and its distance; (components, n)."""
        d, nu = self.means.shape[1], self.freedom
        constant = gammaln((nu + d) / 2) - gammaln(nu / 2) - d / 2 * np.log(nu * np.pi)
        distance = _distances(np.ascontiguousarray(x), self.means, self.factors)
        log_det = np.log(np.diagonal(self.factors, axis1=1, axis2=2)).sum(axis=1)
        parts = (np.log(self.weights) + constant - log_det)[:, None] - (nu + d) / 2 * np.log1p(distance / nu)
        return parts, distance


def fit_mixture(start: Mixture, images: np.ndarray, weights: np.ndarray, *, iterations: int = 10) -> Mixture:
    """Fit a mixture to weighted draws by expectation-maximisation (Peel & McLachlan 2000, degrees of freedom fixed).

    Parameters
    ----------
    start
        First guess; components that lose their draws are dropped.
    images
        Draws, and their mirror images if the mixture is folded: (images, n, elements). A draw may come from
        any component by any image.
    weights
        Weights of the draws, (n,), summing to 1.
    iterations
        Number of sweeps.
    """
    mixture = start
    _, n, d = images.shape
    x = images.reshape(-1, d)
    for _ in range(iterations):
        parts, distance = mixture.parts(x)
        parts = parts.reshape(-1, n)
        total = parts.max(axis=0)
        share = np.exp(parts - total)
        share *= weights / share.sum(axis=0)
        share = share.reshape(len(mixture.weights), -1)
        scaled = share * (mixture.freedom + d) / (mixture.freedom + distance)
        mass = share.sum(axis=1)
        # Effective number of draws of a component: with fewer than it has parameters it would collapse.
        support = mass**2 / np.maximum((share**2).sum(axis=1), 1e-300)
        alive = (mass > 1e-3) & (support > 3 * d + 3)
        if not alive.any():
            return start
        share, scaled, mass = share[alive], scaled[alive], mass[alive]
        means = (scaled @ x) / scaled.sum(axis=1)[:, None]
        covs = np.empty((len(mass), d, d))
        for k in range(len(mass)):
            e = x - means[k]
            covs[k] = (e.T * scaled[k]) @ e / mass[k]
        # A little of all components' covariance in each keeps one from collapsing.
        within = np.einsum("k,kij->ij", mass / mass.sum(), covs) + 1e-10 * np.eye(d)
        factors = np.linalg.cholesky(0.97 * covs + 0.03 * within)
        mixture = Mixture(mass / mass.sum(), means, factors, mixture.freedom)
    return mixture


@kernel
def _distances(x: np.ndarray, means: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """Return squared Mahalanobis distances, (components, n)."""
    n, d = x.shape
    out = np.empty((len(means), n))
    e = np.empty(d)
    for k in range(len(means)):
        for i in range(n):
            total = 0.0
            for a in range(d):
                s = x[i, a] - means[k, a]
                for b in range(a):
                    s -= factors[k, a, b] * e[b]
                e[a] = s / factors[k, a, a]
                total += e[a] * e[a]
            out[k, i] = total
    return out
