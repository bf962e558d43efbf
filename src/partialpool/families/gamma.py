"""A positive response whose sd is proportional to its mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
import scipy
from scipy import special

from partialpool.families.family import SHAPE_PRIOR, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.incomplete_gamma import log_incomplete_gamma
from partialpool.families.link import Link
from partialpool.families.support import POSITIVE
from partialpool.families.within import finite_ends, log_between, log_within

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Gamma"]


class Gamma(Family):
    """y ~ Gamma(shape alpha, mean)."""

    name = "gamma"
    row_kernels = "partialpool.families.row_kernels.gamma"
    censored_row_kernels = "partialpool.families.row_kernels.censored_gamma"
    support = POSITIVE
    links = ("log", "inverse")
    parameters = (("alpha", SHAPE_PRIOR),)
    log_concave_links = frozenset({"log"})
    notation = Notation("Gamma", (("mean", "location"), ("shape", "alpha")))
    variance_formula = "mean^2 / alpha"
    checks = ("smallest", "largest", "spread", "fitted")
    picture = "densities"
    logarithmic_axis = True
    advice = MappingProxyType(
        {
            ("smallest", True): (
                "responses near 0 are rarer than the family implies: try family 'lognormal' or 'inverse_gaussian'"
            ),
            ("largest", True): (
                "responses are larger than the family implies: try family 'lognormal' or 'inverse_gaussian'"
            ),
            ("largest", False): "the largest responses are smaller than the family implies: try family 'weibull'",
            ("spread", True): (
                "the spread grows more with the mean than the family implies: try family 'inverse_gaussian' or a slope"
            ),
        }
    )
    advice_for_spreads = "family 'lognormal', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return scipy.stats.gamma.logpdf(y, given.alpha, scale=given.mean / given.alpha)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        at = given.alpha * y / given.mean
        return special.gammainc(given.alpha, at), special.gammaincc(given.alpha, at)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return log_incomplete_gamma(given.alpha, given.alpha * y / given.mean)

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the mean times P' / P, P' of the same scale and a shape that is larger by 1."""
        at = (log_incomplete_gamma(given.alpha + 1, given.alpha * end / given.mean) for end in finite_ends(low, high))
        at_low, at_high = at
        ratio = log_between(at_low, at_high, low, high) - log_within(self, given, low, high)
        return np.clip(given.mean * np.exp(ratio), np.maximum(low, 0.0), high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        alpha, pt = given.parameters["alpha"], given.pt
        at = alpha * y / given.mean
        return pt.log(pt.gammainc(alpha, at)), pt.log(pt.gammaincc(alpha, at))

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.gamma(np.broadcast_to(given.alpha, given.eta.shape), given.mean / given.alpha)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        alpha = given.parameters["alpha"]
        return given.pm.Gamma(given.name, alpha=alpha, beta=alpha / given.mean, **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return square / own["alpha"]

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Whether the link is not the log, under which the variance is ln(1 + 1 / alpha) at every mean."""
        return link.name != "log"

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses themselves."""
        return y
