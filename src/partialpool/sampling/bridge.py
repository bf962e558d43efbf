"""The evidence p(y) from draws of a posterior whose coordinates are nearly normal, by bridge sampling.

With g a normal density fitted to half of the draws, theta from the other half and theta* from g, p(y) is the fixed
point of (Meng & Wong 1996, Statistica Sinica 6:831)

    p(y) = mean q(theta*) / (s1 q(theta*) + s2 p(y) g(theta*))  /  mean g(theta) / (s1 q(theta) + s2 p(y) g(theta)),

q the density of parameters and data, s1 and s2 the shares of the two samples; draws of a chain count as many as their
effective sample size. The error is that of Fruhwirth-Schnatter (2004, Econometrics J. 7:143). Both halves are needed
since a density fitted to the draws themselves is too near to them (Overstall & Forster 2010, Comput. Stat. Data Anal.
54:3269).
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from scipy import linalg, special

from partialpool.sampling.mixing import mean_ess

__all__ = ["bridge"]

_PROPOSALS: Final = 1000
"""Draws from g: with them the error is mostly that of the posterior draws."""
_ROUNDS: Final = 1000
_CLOSE: Final = 1e-8
_FEWEST: Final = 20
"""Fewest draws of a chain from which g is fitted."""


def bridge(
    densities: Callable[[np.ndarray], np.ndarray],
    draws: np.ndarray,
    values: np.ndarray,
    head: int,
    seed: np.random.SeedSequence,
) -> tuple[float, float] | None:
    """Estimate log p(y).

    Parameters
    ----------
    densities
        Log density of parameters and data at each row of x (n, size), shape (n,); minus infinity where there is none.
    draws, values
        Draws of x, (chains, draws, size), and the density of each, (chains, draws).
    head
        Number of the first elements of x whose covariance g has; it takes the others as independent.
    seed
        Seed of the draws from g.

    Returns
    -------
    tuple or None
        log p(y) and its Monte Carlo standard error; None if there are too few draws, or they do not determine g, as
        where a chain is stuck.
    """
    half = draws.shape[1] // 2
    if half < max(_FEWEST, head + 1):
        return None
    size = draws.shape[2]
    try:
        normal = _Normal.of(draws[:, :half].reshape(-1, size), head)
    except np.linalg.LinAlgError:
        return None
    kept = draws[:, half:]
    ratios = (values[:, half:].ravel() - normal.log_density(kept.reshape(-1, size))).reshape(kept.shape[:2])
    proposals = normal.draw(_PROPOSALS, np.random.default_rng(seed))
    there = densities(proposals) - normal.log_density(proposals)
    there = np.where(np.isnan(there), -np.inf, there)
    return _fixed_point(ratios, there)


class _Normal:
    """A normal density, with covariances among the first elements only.

    Parameters
    ----------
    mean, factor, sd
        Means (size,); Cholesky factor of the first elements' covariance (head, head); sds of the others.
    """

    def __init__(self, mean: np.ndarray, factor: np.ndarray, sd: np.ndarray) -> None:
        self._mean, self._factor, self._sd = mean, factor, sd

    @classmethod
    def of(cls, draws: np.ndarray, head: int) -> "_Normal":
        """Fit one to draws, (draws, size)."""
        covariance = np.cov(draws[:, :head], rowvar=False).reshape(head, head)
        sd = draws[:, head:].std(axis=0, ddof=1)
        if not (sd > 0).all():
            raise np.linalg.LinAlgError("a coordinate does not vary")
        return cls(draws.mean(axis=0), np.linalg.cholesky(covariance), sd)

    def draw(self, count: int, rng: np.random.Generator) -> np.ndarray:
        """Draw from it, (count, size)."""
        z = rng.standard_normal((count, len(self._mean)))
        head = len(self._factor)
        return self._mean + np.concatenate([z[:, :head] @ self._factor.T, z[:, head:] * self._sd], axis=1)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        """Evaluate its log density, (draws,), of x (draws, size)."""
        head, centred = len(self._factor), x - self._mean
        z = linalg.solve_triangular(self._factor, centred[:, :head].T, lower=True) if head else np.zeros((0, len(x)))
        squares = (z**2).sum(axis=0) + ((centred[:, head:] / self._sd) ** 2).sum(axis=1)
        volume = np.log(np.diagonal(self._factor)).sum() + np.log(self._sd).sum()
        return -0.5 * (squares + x.shape[1] * np.log(2 * np.pi)) - volume


def _fixed_point(ratios: np.ndarray, there: np.ndarray) -> tuple[float, float] | None:
    """Find the fixed point and its error, given log q / g at draws of the posterior (chains, draws) and of g (n,).

    None where it is not reached.
    """
    log_p, effective, change = float(np.median(ratios)), _effective(ratios), np.inf
    for _ in range(_ROUNDS):
        above, below = _terms(ratios, there, log_p, effective)
        moved = float(special.logsumexp(above) - np.log(above.size) - special.logsumexp(below) + np.log(below.size))
        change, log_p = abs(moved - log_p), moved
        if change < _CLOSE:
            break
    if not change < _CLOSE:
        return None
    above, below = (np.exp(terms - terms.max()) for terms in _terms(ratios, there, log_p, effective))
    variance = (above.std() / above.mean()) ** 2 / above.size + (below.std() / below.mean()) ** 2 / _effective(below)
    return log_p, float(np.sqrt(variance))


def _terms(ratios: np.ndarray, there: np.ndarray, log_p: float, effective: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the logs of what is averaged: over draws of g, and over those of the posterior, both up to a constant."""
    shares = np.log(np.array([effective, there.size]) / (effective + there.size))
    above = there - np.logaddexp(shares[0] + there, shares[1] + log_p)
    below = -np.logaddexp(shares[0] + ratios, shares[1] + log_p)
    return above, below


def _effective(values: np.ndarray) -> float:
    """Return the effective sample size of a mean, values (chains, draws); 1 where chains are too stuck to tell."""
    if values.std() == 0:
        return float(values.size)
    found = mean_ess(values)
    return min(found, values.size) if found > 0 else 1.0
