"""The exponential family: positive, memoryless waiting times whose sd equals their mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.family import Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.hazard import log_moment_within, log_tails_of_hazard, tensor_log_tails_of_hazard
from partialpool.families.link import Link
from partialpool.families.support import POSITIVE
from partialpool.families.within import finite_ends, log_within

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Exponential"]


class Exponential(Family):
    """y ~ Exponential(rate 1 / mean)."""

    name = "exponential"
    row_kernels = "partialpool.families.row_kernels.exponential"
    censored_row_kernels = "partialpool.families.row_kernels.censored_exponential"
    support = POSITIVE
    links = ("log", "inverse")
    log_concave_links = frozenset({"log"})
    notation = Notation("Exponential", (("mean", "location"),))
    variance_formula = "mean^2"
    checks = ("dispersion", "smallest", "largest", "fitted")
    picture = "densities"
    logarithmic_axis = True
    advice = MappingProxyType(
        {
            ("dispersion", True): "times vary more than exponential ones: try family 'weibull', 'gamma' or 'lognormal'",
            ("dispersion", False): "times vary less than exponential ones: use family 'weibull' or 'gamma'",
        }
    )
    advice_for_spreads = "family 'gamma', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return -y / given.mean - np.log(given.mean)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return -np.expm1(-y / given.mean), np.exp(-y / given.mean)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return log_tails_of_hazard(np.log(y) - np.log(given.mean))

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        whole, ends = log_within(self, given, low, high), finite_ends(low, high)
        hazards = [np.log(end) - np.log(given.mean) for end in ends]
        mean = given.mean * np.exp(log_moment_within(hazards, low, high, 1.0) - whole)
        return np.clip(mean, np.maximum(low, 0.0), high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        return tensor_log_tails_of_hazard(given.pt.log(y / given.mean), given.pt)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.exponential(given.mean)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.Exponential(given.name, scale=given.mean, **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return square

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Whether the link is not the log, under which the variance is ln 2 at every mean."""
        return link.name != "log"

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the times themselves."""
        return y
