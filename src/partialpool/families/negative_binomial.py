"""Counts whose variance exceeds their mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
import scipy
from scipy import special

from partialpool.families.family import EFFECT_OF_EACH_ROW, SHAPE_PRIOR, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.incomplete_beta import log_incomplete_beta
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.families.poisson import MORE_ZEROS, draw_counts
from partialpool.families.support import COUNT
from partialpool.families.within import log_within

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["NegativeBinomial"]


class NegativeBinomial(Family):
    """A Poisson distribution whose mean has a gamma distribution of shape alpha."""

    name = "negative_binomial"
    row_kernels = "partialpool.families.row_kernels.negative_binomial"
    censored_row_kernels = "partialpool.families.row_kernels.censored_negative_binomial"
    support = COUNT
    links = ("log", "sqrt")
    parameters = (("alpha", SHAPE_PRIOR),)
    log_concave_links = frozenset({"log"})
    notation = Notation("NegativeBinomial", (("mean", "location"), ("shape", "alpha")))
    variance_formula = "mean + mean^2 / alpha"
    checks = ("dispersion", "zeros", "largest", "fitted")
    picture = "frequencies"
    advice = MappingProxyType(
        {
            ("dispersion", True): f"the counts are still overdispersed: {EFFECT_OF_EACH_ROW}",
            ("dispersion", False): (
                "counts vary less than the family implies: where there are many zeros, these make alpha too small: try"
                " family 'zero_inflated_negative_binomial' or 'hurdle_negative_binomial'; else intervals are too wide"
            ),
            ("zeros", True): MORE_ZEROS.format("negative_binomial"),
            ("largest", True): "check the rows with the largest counts, or consider a missing predictor",
            ("largest", False): (
                "the largest counts are smaller than the family implies: where there are many zeros, try family"
                " 'zero_inflated_negative_binomial'; else check whether counts have a ceiling"
            ),
        }
    )

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return scipy.stats.nbinom.logpmf(y, given.alpha, given.alpha / (given.alpha + given.mean))

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the tails as for a binomial, with q = alpha / (alpha + mean): I_q(alpha, y) and I_p(y + 1, alpha)."""
        total = given.alpha + given.mean
        below = np.where(y > 0, special.betainc(given.alpha, np.maximum(y, 1), given.alpha / total), 0.0)
        return below, special.betainc(y + 1, given.alpha, given.mean / total)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = given.alpha + given.mean
        above, below = log_incomplete_beta(y + 1, given.alpha, given.mean / total, given.alpha / total)
        return below, above

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the mean times P' / P, as k p(k) = mean p'(k - 1), p' with a shape that is larger by 1."""
        one = given.alpha + 1
        larger = Given(LINKS["identity"], given.mean * one / given.alpha, {"alpha": one})
        lower = np.where(low >= 1, low - 1, -np.inf)
        ratio = log_within(self, larger, lower, np.maximum(high - 1, 0.0)) - log_within(self, given, low, high)
        return np.clip(np.where(high > 0, given.mean * np.exp(ratio), 0.0), np.maximum(low + 1, 0.0), high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        alpha, pt = given.parameters["alpha"], given.pt
        share, rest = given.mean / (given.mean + alpha), alpha / (given.mean + alpha)
        return pt.log(pt.betainc(alpha, y + 1, rest)), pt.log(pt.betainc(y + 1, alpha, share))

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        shape = np.broadcast_to(given.alpha, given.eta.shape)
        return draw_counts(given.mean * rng.gamma(shape) / given.alpha, rng)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.NegativeBinomial(given.name, mu=given.mean, alpha=given.parameters["alpha"], **given.counted)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return mean + square / own["alpha"]

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the counts, moved above 0."""
        return y + 0.1
