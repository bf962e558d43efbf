"""Counts of which each zero has a cause of its own; those above 0 are zero-truncated negative binomial."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
from scipy import special

from partialpool.families.counts_above_zero import CountsAboveZero
from partialpool.families.family import EFFECT_OF_EACH_ROW, SHAPE_PRIOR, SHARE_PRIOR, Notation, Own
from partialpool.families.given import Given
from partialpool.families.hurdle_counts import HurdleCounts
from partialpool.families.negative_binomial import NegativeBinomial
from partialpool.families.poisson import draw_counts
from partialpool.families.rising_factorial import log_rising

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["HurdleNegativeBinomial"]


class HurdleNegativeBinomial(HurdleCounts):
    """y = 0 with probability hu, else y ~ NegativeBinomial(exp(eta), alpha) given that it is above 0.

    E y = (1 - hu) exp(eta) / (1 - (1 + exp(eta) / alpha)^-alpha).
    """

    name = "hurdle_negative_binomial"
    row_kernels = "partialpool.families.row_kernels.hurdle_negative_binomial"
    counts = NegativeBinomial()
    parameters = (("alpha", SHAPE_PRIOR), ("hu", SHARE_PRIOR))
    parameters_of_mean = frozenset({"alpha", "hu"})
    notation = Notation("HurdleNegativeBinomial", (("rate", "location"), ("shape", "alpha"), ("zeros", "hu")))
    variance_formula = "mean (1 + rate (1 + 1 / alpha)) - mean^2"
    advice = MappingProxyType(
        {
            ("dispersion", True): f"the counts are still overdispersed: {EFFECT_OF_EACH_ROW}",
            ("largest", True): "check the rows with the largest counts, or consider a missing predictor",
            ("largest", False): (
                "the largest counts are smaller than the family implies: check whether counts have a ceiling"
            ),
        }
    )

    @override
    def log_rate(self, given: Given) -> np.ndarray:
        """Evaluate log(alpha log(1 + lambda / alpha)), without underflow."""
        relative = given.eta - np.log(given.alpha)
        grown = np.logaddexp(0.0, np.maximum(relative, -35.0))
        return np.log(given.alpha) + np.where(relative < -35, relative, np.log(grown))

    @override
    def means(self, own: Own) -> CountsAboveZero:
        return CountsAboveZero(1 - own["hu"], own["alpha"])

    @override
    def log_above(self, given: Given, y: np.ndarray) -> np.ndarray:
        # Where the mean is small, probabilities of the negative binomial round to 0 and 1, but not their logarithms.
        log_alpha = np.log(given.alpha)
        relative = np.minimum(given.eta - log_alpha, -20.0)
        of_count = log_rising(y, log_alpha) - special.gammaln(y + 1) + y * (special.log_expit(relative) + log_alpha)
        few = of_count - np.exp(self.log_rate(given)) - self.log_some(given)
        return np.where(given.eta - log_alpha < -20, few, super().log_above(given, y))

    @override
    def draw_above(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        """Draw the first of the clusters that make up the count, and the count of those after it.

        A negative binomial count is a sum of clusters, logarithmic of size, that arrive at the rate t in the unit.
        Those after the first have a negative binomial count whose shape is reduced by its time.
        """
        alpha = np.broadcast_to(given.alpha, given.eta.shape)
        rate = np.exp(self.log_rate(given))
        first = -np.log1p(rng.random(given.eta.shape) * np.expm1(-rate))
        later = np.clip(1 - first / np.maximum(rate, np.finfo(float).tiny), 0.0, 1.0)
        share = np.minimum(special.expit(given.eta - np.log(alpha)), 1 - np.finfo(float).epsneg)
        after = draw_counts(given.mean * rng.gamma(alpha * later) / alpha, rng)
        return rng.logseries(share).astype(float) + after

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        share, alpha = 1 - given.parameters["hu"], given.parameters["alpha"]
        return given.pm.HurdleNegativeBinomial(given.name, psi=share, mu=given.mean, alpha=alpha, **given.counted)
