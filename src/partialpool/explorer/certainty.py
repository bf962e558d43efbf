"""How certain a level's coefficient is: its interval, and the probability that it is the highest of all."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from arviz_stats.base import array_stats

from partialpool.intervals import central_ends
from partialpool.model.level_coefficients import LevelCoefficients
from partialpool.model.varying_effect import VaryingEffect

__all__ = ["Certainty", "certainty"]


@dataclass(frozen=True, eq=False)
class Certainty:
    """What a posterior says of the coefficient of each level.

    Attributes
    ----------
    low, high
        Ends of the central interval, on the scale of the linear predictor, (levels,); NaN for levels not asked for.
    highest
        Probability of the highest coefficient of all levels, (levels,). They add up to 1.
    draws
        Effective number of draws for the largest of these probabilities.
    """

    low: np.ndarray
    high: np.ndarray
    highest: np.ndarray
    draws: float


def certainty(
    posterior: xr.Dataset, coefficients: LevelCoefficients, which: int, shown: np.ndarray, *, prob: float
) -> Certainty:
    """Summarise the draws of one coefficient in every level, with the sd uncertain as it is.

    The probability is `best` of `level_ranks`, where its intercept is at the same values of the predictors.

    Parameters
    ----------
    posterior
        Draws, with the group effects.
    coefficients, which
        The coefficients of the levels, and the position of the one that is meant.
    shown
        Positions of the levels whose intervals are computed.
    prob
        Probability of the intervals.
    """
    every = np.arange(coefficients.factor.n_levels)
    draws = VaryingEffect(coefficients, every, np.full(len(every), which)).draws(posterior)
    ends = np.full((2, draws.shape[-1]), np.nan)
    ends[:, shown] = np.quantile(draws[..., shown], central_ends(prob), axis=(0, 1))
    first = draws == draws.max(axis=-1, keepdims=True)
    shares = first / first.sum(axis=-1, keepdims=True)
    highest = shares.mean(axis=(0, 1))
    return Certainty(ends[0], ends[1], highest, _effective(shares[..., int(np.argmax(highest))]))


def _effective(shares: np.ndarray) -> float:
    """Return the effective number of draws, (chain, draw), for their mean; all of them where they are equal."""
    if np.ptp(shares) == 0:
        return float(shares.size)
    found = float(array_stats.ess(shares, chain_axis=0, draw_axis=1, method="mean"))
    return min(found, float(shares.size)) if np.isfinite(found) else float(shares.size)
