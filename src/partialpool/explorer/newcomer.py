"""A level that was never seen: what the posterior expects of its coefficient."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr
from scipy.special import ndtr

from partialpool.model.level_coefficients import LevelCoefficients

__all__ = ["Newcomer", "newcomer"]

_HALVINGS: Final = 60
_REACH: Final = 9.0
"""Standard deviations from a mean beyond which the normal distribution has less than 1e-18."""


@dataclass(frozen=True, eq=False)
class Newcomer:
    """The posterior predictive distribution of a new level's coefficient: a mixture of a normal distribution per draw.

    Attributes
    ----------
    mean
        The coefficient in the population, (draws,).
    sd
        The sd between levels, (draws,).
    """

    mean: np.ndarray
    sd: np.ndarray

    def quantile(self, share: float) -> float:
        """Return the value below which the coefficient is with a probability, by bisection of the mixture's CDF.

        Examples
        --------
        >>> one = Newcomer(np.array([10.0]), np.array([2.0]))
        >>> round(one.quantile(0.975), 3)
        13.92
        """
        low = float((self.mean - _REACH * self.sd).min())
        high = float((self.mean + _REACH * self.sd).max())
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if self._below(middle) < share:
                low = middle
            else:
                high = middle
        return (low + high) / 2

    def density(self, points: np.ndarray) -> np.ndarray:
        """Return the mixture's density at some points, averaged over the interval around each, (points,).

        The points are evenly spaced. The average is finite where sds are close to 0, and it integrates to the
        probability between the ends.
        """
        half = (points[1] - points[0]) / 2
        edges = np.append(points - half, points[-1] + half)
        return np.diff([self._below(float(edge)) for edge in edges]) / (2 * half)

    def _below(self, value: float) -> float:
        with np.errstate(divide="ignore", invalid="ignore"):
            away = (value - self.mean) / self.sd
        # A draw without differences between levels expects its mean alone.
        return float(ndtr(np.where(self.sd > 0, away, np.where(value >= self.mean, np.inf, -np.inf))).mean())


def newcomer(posterior: xr.Dataset, coefficients: LevelCoefficients, which: int) -> Newcomer | None:
    """Return what is expected of a new level; None where levels have different values of other predictors.

    A new level's coefficient is beta + b, b ~ N(0, sd^2), with beta and sd from the same draw: Gelman & Hill 2007, Data
    Analysis Using Regression and Multilevel/Hierarchical Models, section 12.8.

    Parameters
    ----------
    posterior
        Draws of fixed effects and sds; group effects are not read.
    coefficients, which
        The coefficients of the levels, and the position of the one that is meant.
    """
    weights, known = coefficients.weights[:, which], coefficients.known[:, which]
    if np.ptp(weights, axis=0).any() or np.ptp(known) > 0:
        return None
    mean = coefficients.common_draws(posterior)[:, :, 0, which].ravel()
    variance = coefficients.covariance_draws(posterior)[:, :, which, which].ravel()
    return Newcomer(mean, np.sqrt(np.maximum(variance, 0.0)))
