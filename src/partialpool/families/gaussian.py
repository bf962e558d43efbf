"""A normal response."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
import scipy
from scipy import special

from partialpool.families.family import Notation, Own
from partialpool.families.given import Given
from partialpool.families.location_scale import LocationScale
from partialpool.families.normal_within import mean_of_normal_within
from partialpool.families.support import REAL
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Gaussian"]


class Gaussian(LocationScale):
    """y ~ Normal(mean, sigma)."""

    name = "gaussian"
    proper_name = "normal"
    row_kernels = "partialpool.families.row_kernels.gaussian"
    censored_row_kernels = "partialpool.families.row_kernels.censored_gaussian"
    support = REAL
    links = ("identity", "log")
    is_normal = True
    takes_se = True
    notation = Notation("Normal", (("", "location"), ("", SIGMA)))
    variance_formula = "sigma^2"
    checks = ("skewness", "tails", "spread", "fitted")
    picture = "densities"
    advice = MappingProxyType(
        {
            ("skewness", True): (
                "try family 'lognormal' or 'gamma' if the response is positive ('exgaussian' for reaction times), "
                "'skew_normal', or a transformed response"
            ),
            (
                "skewness",
                False,
            ): "residuals are skewed to the left: try family 'skew_normal', or a transformed response",
            ("tails", True): "check the rows with the largest residuals; for heavy tails, family 'student_t'",
            ("tails", False): "residuals are smaller than normal ones would be: check whether values are truncated",
            ("spread", True): (
                "the spread changes with the mean: try family 'lognormal' or 'gamma' if the response is positive, or "
                "a slope"
            ),
            ("spread", False): "the spread decreases with the mean: check for a ceiling, or let a slope vary",
        }
    )
    advice_for_spreads = "family 'student_t', 'lognormal', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return scipy.stats.norm.logpdf(y, given.mean, given.sigma)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = (y - given.mean) / given.sigma
        return special.ndtr(away), special.ndtr(-away)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = (y - given.mean) / given.sigma
        return special.log_ndtr(away), special.log_ndtr(-away)

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return mean + sigma E(Z | a < Z <= b), a and b the ends in standard units."""
        ends = [(end - given.mean) / given.sigma for end in (low, high)]
        return np.clip(given.mean + given.sigma * mean_of_normal_within(*ends), low, high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        new = given.pm.Normal.dist(given.mean, given.parameters[SIGMA])
        return given.pm.logcdf(new, y), given.pm.logccdf(new, y)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.normal(given.mean, given.sigma)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.Normal(given.name, given.mean, given.parameters[SIGMA], **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return np.broadcast_to(own[SIGMA] ** 2, mean.shape)
