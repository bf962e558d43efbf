"""Bands for order statistics and intervals for quantiles of independent uniform numbers."""

import numpy as np
from scipy import special

__all__ = ["order_band", "quantile_interval"]

_SIMULATIONS = 2000
_MOST_RANKS = 200
_SEED = 0


def order_band(n: int, coverage: float = 0.95) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bound the order statistics of n independent uniform numbers simultaneously, with the given probability.

    The r-th smallest is Beta(r, n + 1 - r). Each has the same probability of leaving the band, which is found by
    simulation (Aldor-Noiman, Brown, Buja, Rolke & Stine 2013, The American Statistician 67:249).

    Parameters
    ----------
    n
        Number of uniform numbers.
    coverage
        Probability that none of them leaves the band.

    Returns
    -------
    tuple of numpy.ndarray
        Ranks from 1 (for large n about two hundred of them, denser at the ends), lower and upper bound of each.

    Examples
    --------
    >>> ranks, low, high = order_band(1)
    >>> bool(abs(low[0] - 0.025) < 0.01 and abs(high[0] - 0.975) < 0.01)
    True
    """
    ranks = _ranks(n)
    rng = np.random.default_rng(_SEED)
    # Order statistics are partial sums of exponentials over their total; between two ranks such sums are gamma.
    steps = np.diff(np.concatenate([[0], ranks, [n + 1]]))
    sums = np.cumsum(rng.gamma(steps, size=(_SIMULATIONS, len(steps))), axis=1)
    below = special.betainc(ranks, n + 1 - ranks, sums[:, :-1] / sums[:, -1:])
    level = np.quantile(np.minimum(below, 1 - below).min(axis=1), 1 - coverage)
    return ranks, special.betaincinv(ranks, n + 1 - ranks, level), special.betaincinv(ranks, n + 1 - ranks, 1 - level)


def _ranks(n: int) -> np.ndarray:
    if n <= _MOST_RANKS:
        return np.arange(1, n + 1)
    ends = np.unique(np.geomspace(1, n / 2, _MOST_RANKS // 4).round().astype(int))
    middle = np.linspace(1, n, _MOST_RANKS // 2).round().astype(int)
    return np.unique(np.concatenate([ends, middle, n + 1 - ends]))


def quantile_interval(n: np.ndarray, probability: np.ndarray, coverage: float) -> tuple[np.ndarray, np.ndarray]:
    """Bound single sample quantiles of n independent uniform numbers.

    The quantile at p, interpolated between order statistics at rank p (n + 1), is Beta(p (n + 1), (1 - p) (n + 1)):
    exact where the rank is an integer, a close approximation elsewhere.

    Parameters
    ----------
    n, probability
        Arrays that broadcast to each other.
    coverage
        Coverage of each interval.

    Examples
    --------
    >>> low, high = quantile_interval(np.array(99), np.array(0.5), 0.95)
    >>> round(float(low), 3), round(float(high), 3)
    (0.403, 0.597)
    """
    a, b = probability * (n + 1), (1 - probability) * (n + 1)
    tail = (1 - coverage) / 2
    return special.betaincinv(a, b, tail), special.betaincinv(a, b, 1 - tail)
