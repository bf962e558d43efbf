"""Families with a location and a scale sigma that does not depend on the mean: gaussian, Student t, lognormal."""

from typing import ClassVar, Final, override

import numpy as np

from partialpool.distributions.prior import Prior
from partialpool.families.family import Family, Own
from partialpool.families.link import Link
from partialpool.names import SIGMA

__all__ = ["SIGMA_PRIOR", "LocationScale"]

SIGMA_PRIOR: Final = (SIGMA, Prior("HalfStudentT", nu=3, sigma=1))
"""The scale, with its default prior in units of the response's sd."""


class LocationScale(Family):
    """A family whose location is the inverse link of the predictor; its scale is sigma or known standard errors."""

    parameters: ClassVar[tuple[tuple[str, Prior], ...]] = (SIGMA_PRIOR,)
    in_response_units = frozenset({SIGMA})

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Whether the link is not the identity: only then the slope depends on the mean."""
        return not link.is_identity

    @override
    def predictor_variance(self, link: Link, mean: np.ndarray, own: Own, known: float | None) -> tuple[np.ndarray, str]:
        """Return sigma^2, or the mean square of known standard errors; delta method for other links."""
        if known is None:
            variance, text = np.broadcast_to(own[SIGMA] ** 2, mean.shape), "sigma^2"
        else:
            variance, text = np.full(mean.shape, known), "mean square of the known standard errors"
        variance, text = self.spread_of(variance, text, own)
        if link.is_identity:
            return variance, text
        return variance * link.forward_slope(mean) ** 2, f"delta method, Var = {text}"

    def spread_of(self, square: np.ndarray, text: str, own: Own) -> tuple[np.ndarray, str]:
        """Return the variance of a response with this squared scale, and its description."""
        return square, text

    @override
    def observed_sd(self, link: Link, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return the sd of the response minus the offset; None for links other than the identity."""
        return link.observed_sd(y, shift) if link.is_identity else None

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses; under a link for means above 0, none below a tenth of their mean size."""
        return y if link.is_identity else np.maximum(y, 0.1 * np.abs(y).mean())
