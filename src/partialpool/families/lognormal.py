"""A positive response whose logarithm is normal."""

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
import scipy
from scipy import special

from partialpool.families.family import Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.families.location_scale import LocationScale
from partialpool.families.support import POSITIVE
from partialpool.families.within import log_within
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["LogNormal"]


class LogNormal(LocationScale):
    """log y ~ Normal(eta, sigma), so that E y = exp(eta + sigma^2 / 2)."""

    name = "lognormal"
    row_kernels = "partialpool.families.row_kernels.lognormal"
    censored_row_kernels = "partialpool.families.row_kernels.censored_lognormal"
    support = POSITIVE
    links = ("identity",)
    on_log_scale = True
    parameters_of_mean = frozenset({SIGMA})
    is_normal = True
    notation = Notation("LogNormal", (("", "location"), ("", SIGMA)))
    variance_formula = "(exp(sigma^2) - 1) mean^2"
    checks = ("skewness", "tails", "spread", "fitted")
    picture = "densities"
    logarithmic_axis = True
    advice = MappingProxyType(
        {
            ("skewness", True): (
                "the logarithm is still skewed to the right: check the largest responses; for times with a least "
                "duration, such as reaction times, try family 'exgaussian'"
            ),
            ("skewness", False): "the logarithm is skewed to the left: try family 'gamma', 'weibull' or 'gaussian'",
            ("tails", True): "check the rows with the largest residuals",
        }
    )
    advice_for_spreads = "family 'gamma', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return scipy.stats.norm.logpdf(np.log(y), given.eta, given.sigma) - np.log(y)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = (np.log(y) - given.eta) / given.sigma
        return special.ndtr(away), special.ndtr(-away)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = (np.log(y) - given.eta) / given.sigma
        return special.log_ndtr(away), special.log_ndtr(-away)

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the mean times P' / P, P' of a response whose logarithm has a mean that is sigma^2 larger."""
        square = given.sigma**2
        ratio = log_within(self, replace(given, eta=given.eta + square), low, high) - log_within(self, given, low, high)
        return np.clip(np.exp(given.eta + square / 2 + ratio), np.maximum(low, 0.0), high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        new = given.pm.LogNormal.dist(given.eta, given.parameters[SIGMA])
        return given.pm.logcdf(new, y), given.pm.logccdf(new, y)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.lognormal(given.eta, given.sigma)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.LogNormal(given.name, given.eta, given.parameters[SIGMA], **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return np.expm1(own[SIGMA] ** 2) * square

    @override
    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the log link and eta + sigma^2 / 2: the mean is exp(eta + sigma^2 / 2)."""
        return LINKS["log"], eta + own[SIGMA] ** 2 / 2

    @override
    def spread_of(self, square: np.ndarray, text: str, own: Own) -> tuple[np.ndarray, str]:
        """Return sigma^2, the variance of the logarithm, unchanged."""
        return square, f"{text}, on the log scale"

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and variance of log y."""
        return given.eta, np.broadcast_to(given.sigma**2, given.eta.shape)

    @override
    def observed_sd(self, link: Link, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return the sd of log y minus the offset."""
        return link.observed_sd(np.log(y), shift)
