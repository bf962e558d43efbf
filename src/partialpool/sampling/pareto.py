"""Pareto k-hat of importance weights and of draws, as ArviZ computes it.

Above a high threshold, tails are nearly generalised Pareto, with a shape k: moments of an order above 1 / k are
infinite. The shape is estimated from the largest draws by the posterior mean of Zhang & Stephens (2009, Technometrics
51:316), drawn towards 0.5 as ten more draws would (Vehtari, Simpson, Gelman, Yao & Gabry 2024, JMLR 25:72).

Every fit needs one such number. Importing ArviZ for it takes half a second, a fifth of a first fit. The tests hold
every number to ArviZ.
"""

from typing import Final

import numpy as np
from scipy.special import logsumexp

__all__ = ["khat_of_draws", "khat_of_weights"]

_FEWEST: Final = 25
"""Fewest draws whose tail is fitted."""
_FEW: Final = 225
"""Up to so many draws the tail is a fifth of them; of more, it is three times the square root."""
_PRIOR_SHAPE: Final = 0.5
_PRIOR_DRAWS: Final = 10
_QUARTILES: Final = 3
"""Scale of the prior of the tail's rate: so many of its first quartiles."""
_NEGLIGIBLE: Final = 10 * np.finfo(float).eps


def khat_of_weights(log_weights: np.ndarray) -> float:
    """Return the k-hat of importance weights, (draws,); NaN where their tail cannot be fitted.

    Examples
    --------
    >>> logs = -np.log(np.random.default_rng(1).uniform(size=4000))  # of draws from a Pareto density of shape 1
    >>> khat_of_weights(0.3 * logs) < 0.7, khat_of_weights(1.5 * logs) > 1
    (True, True)
    """
    ordered = np.sort(log_weights)
    return _khat(np.exp(ordered - ordered[-1]))


def khat_of_draws(draws: np.ndarray) -> float:
    """Return the k-hat of the longer tail of draws, (draws,), whatever their order; NaN where neither can be fitted.

    Examples
    --------
    >>> normal = np.random.default_rng(1).normal(size=4000)
    >>> khat_of_draws(normal) < 0.2, khat_of_draws(np.exp(3 * normal)) > 0.7
    (True, True)
    """
    ordered = np.sort(draws)
    return float(np.fmax(_khat(ordered), _khat(-ordered[::-1])))


def _khat(ordered: np.ndarray) -> float:
    """Return the k-hat of the upper tail of draws in ascending order."""
    n = len(ordered)
    if n < _FEWEST:
        return float("nan")
    size = int(3 * np.sqrt(n)) if n > _FEW else n // 5
    return _shape(ordered[-size:] - ordered[-size - 1])


def _shape(excess: np.ndarray) -> float:
    """Estimate the shape of a generalised Pareto density from draws in ascending order, of a density from 0."""
    n, largest = len(excess), excess[-1]
    quartile = excess[int(n / 4 + 0.5) - 1]
    if quartile <= excess[0]:  # many equal draws: no such density
        return float("nan")
    points = 30 + int(np.sqrt(n))
    rates = (1 - np.sqrt(points / (np.arange(1, points + 1) - 0.5))) / (_QUARTILES * quartile) + 1 / largest
    shapes = np.log1p(-rates[:, None] * excess).mean(axis=1)
    log_likelihoods = n * (np.log(-rates / shapes) - shapes - 1)
    weights = np.exp(log_likelihoods - logsumexp(log_likelihoods))
    weights = np.where(weights >= _NEGLIGIBLE, weights, 0.0)
    rate = rates @ weights / weights.sum()
    shape = np.log1p(-rate * excess).mean()
    return float((n * shape + _PRIOR_DRAWS * _PRIOR_SHAPE) / (n + _PRIOR_DRAWS))
