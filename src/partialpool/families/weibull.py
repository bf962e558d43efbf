"""A positive response whose hazard is a power of time: times until an event."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
from scipy import special

from partialpool.families.family import SHAPE_PRIOR, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.hazard import log_moment_within, log_tails_of_hazard, tensor_log_tails_of_hazard
from partialpool.families.link import Link
from partialpool.families.support import POSITIVE
from partialpool.families.within import finite_ends, log_within

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Weibull"]


class Weibull(Family):
    """y ~ Weibull(shape alpha, mean): the scale is mean / Gamma(1 + 1 / alpha), as in brms.

    For alpha = 1 it is exponential; above 1 the hazard increases with time, below 1 it decreases.
    """

    name = "weibull"
    proper_name = "Weibull"
    row_kernels = "partialpool.families.row_kernels.weibull"
    censored_row_kernels = "partialpool.families.row_kernels.censored_weibull"
    support = POSITIVE
    links = ("log",)
    parameters = (("alpha", SHAPE_PRIOR),)
    log_concave_links = frozenset({"log"})
    notation = Notation("Weibull", (("mean", "location"), ("shape", "alpha")))
    variance_formula = "mean^2 (Gamma(1 + 2 / alpha) / Gamma(1 + 1 / alpha)^2 - 1)"
    checks = ("smallest", "largest", "spread", "fitted")
    picture = "densities"
    logarithmic_axis = True
    advice = MappingProxyType(
        {
            ("smallest", True): "responses near 0 are rarer than the family implies: try family 'lognormal'",
            ("smallest", False): "responses are nearer to 0 than the family implies: try family 'gamma'",
            ("largest", True): "responses are larger than the family implies: try family 'gamma' or 'lognormal'",
        }
    )
    advice_for_spreads = "family 'gamma' or 'lognormal', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        """Return log alpha + w - e^w - log y, with e^w = (y / scale)^alpha."""
        power = _log_power(given, y)
        with np.errstate(over="ignore"):
            return np.log(given.alpha) + power - np.exp(power) - np.log(y)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        with np.errstate(over="ignore"):
            hazard = np.exp(_log_power(given, y))
        return -np.expm1(-hazard), np.exp(-hazard)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return log_tails_of_hazard(_log_power(given, y))

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        whole, ends = log_within(self, given, low, high), finite_ends(low, high)
        hazards = [_log_power(given, end) for end in ends]
        mean = given.mean * np.exp(log_moment_within(hazards, low, high, given.alpha) - whole)
        return np.clip(mean, np.maximum(low, 0.0), high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        alpha = given.parameters["alpha"]
        scale = given.mean / given.pt.exp(given.pt.gammaln(1 + alpha**-1.0))
        return tensor_log_tails_of_hazard(alpha * given.pt.log(y / scale), given.pt)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        waited = np.log(rng.standard_exponential(given.eta.shape))
        return np.exp(given.eta - special.gammaln(1 + 1 / given.alpha) + waited / given.alpha)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        alpha = given.parameters["alpha"]
        scale = given.mean / given.pt.exp(given.pt.gammaln(1 + alpha**-1.0))
        return given.pm.Weibull(given.name, alpha=alpha, beta=scale, **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        inverse = 1 / own["alpha"]
        return square * np.expm1(special.gammaln(1 + 2 * inverse) - 2 * special.gammaln(1 + inverse))

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Return False: under the log link ln(1 + Var / mean^2) is the same at every mean."""
        return False

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses themselves."""
        return y


def _log_power(given: Given, y: np.ndarray) -> np.ndarray:
    """Return alpha (log y - log scale)."""
    return given.alpha * (np.log(y) - given.eta + special.gammaln(1 + 1 / given.alpha))
