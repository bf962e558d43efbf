"""A response that is 0 or above 0; what is above 0 has an sd proportional to its mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.family import SHAPE_PRIOR, SHARE_PRIOR, Notation, Own
from partialpool.families.gamma import Gamma
from partialpool.families.given import Given
from partialpool.families.hurdle import Hurdle
from partialpool.families.link import Link
from partialpool.families.support import NOT_NEGATIVE

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["HurdleGamma"]

_GAMMA = Gamma()


class HurdleGamma(Hurdle):
    """y = 0 with probability hu, else y ~ Gamma(shape alpha, mean exp(eta)), so that E y = (1 - hu) exp(eta)."""

    name = "hurdle_gamma"
    row_kernels = "partialpool.families.row_kernels.hurdle_gamma"
    support = NOT_NEGATIVE
    links = ("log",)
    parameters = (("alpha", SHAPE_PRIOR), ("hu", SHARE_PRIOR))
    log_concave_links = frozenset({"log"})
    notation = Notation("HurdleGamma", (("mean", "location"), ("shape", "alpha"), ("zeros", "hu")))
    variance_formula = "mean^2 ((1 + 1 / alpha) / (1 - hu) - 1)"
    checks = ("zeros", "largest", "spread", "fitted")
    picture = "distributions"
    advice = MappingProxyType(
        {
            ("largest", True): "larger responses than the family implies: try family 'hurdle_lognormal'",
            ("largest", False): "smaller responses than the family implies: check whether they have a ceiling",
        }
    )
    advice_for_spreads = "family 'hurdle_lognormal', or a slope"

    @override
    def log_above(self, given: Given, y: np.ndarray) -> np.ndarray:
        return _GAMMA.log_density(given, y)

    @override
    def tails_above(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _GAMMA.tails(given, y)

    @override
    def draw_above(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return _GAMMA.draw(given, rng)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        share, alpha = 1 - given.parameters["hu"], given.parameters["alpha"]
        return given.pm.HurdleGamma(given.name, psi=share, alpha=alpha, beta=alpha / given.mean, **given.observed())

    @override
    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the log link and eta + log(1 - hu): the mean is (1 - hu) exp(eta)."""
        return link, eta + np.log1p(-own["hu"])

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return square * ((1 + 1 / own["alpha"]) / (1 - own["hu"]) - 1)

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Whether the variance on the log scale depends on the mean: it is ln((1 + 1 / alpha) / (1 - hu))."""
        return False

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses, and the mean of those above 0 for zeros."""
        return np.where(y > 0, y, y[y > 0].mean() if (y > 0).any() else 1.0)
