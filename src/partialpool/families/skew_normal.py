"""A normal response, skewed to either side."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
from scipy import special

from partialpool.distributions.prior import Prior
from partialpool.families.family import Notation, Own
from partialpool.families.given import Given
from partialpool.families.location_scale import SIGMA_PRIOR, LocationScale
from partialpool.families.skew_normal_tails import skew_normal_tails
from partialpool.families.support import REAL
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["SkewNormal"]


class SkewNormal(LocationScale):
    """y is skew normal with this mean, the sd sigma, and the skewness alpha of either sign, as in brms.

    For alpha = 0 it is normal. The default prior of alpha is that of brms.
    """

    name = "skew_normal"
    proper_name = "skew-normal"
    row_kernels = "partialpool.families.row_kernels.skew_normal"
    support = REAL
    links = ("identity",)
    parameters = (SIGMA_PRIOR, ("alpha", Prior("Normal", mu=0, sigma=4)))
    parameter_links = MappingProxyType({"alpha": "identity"})
    log_concave_links = frozenset({"identity"})
    notation = Notation("SkewNormal", (("mean", "location"), ("sd", SIGMA), ("skewness", "alpha")))
    variance_formula = "sigma^2"
    checks = ("skewness", "tails", "spread", "fitted")
    picture = "densities"
    advice = MappingProxyType(
        {
            ("skewness", True): (
                "residuals are more skewed to the right than the family implies: try family 'exgaussian', or "
                "'lognormal' if the response is positive"
            ),
            ("skewness", False): (
                "residuals are more skewed to the left than the family implies: try a transformed response"
            ),
            ("tails", True): "check the rows with the largest residuals; for heavy tails, family 'student_t'",
            ("spread", True): (
                "the spread grows with the mean: try family 'lognormal' or 'gamma' if the response is positive, or a "
                "slope"
            ),
        }
    )
    advice_for_spreads = "family 'student_t', 'lognormal', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        z, sd, _ = _standard(given, y)
        constant = np.log(2 * sd / given.sigma) - 0.5 * np.log(2 * np.pi)
        return constant - 0.5 * z**2 + special.log_ndtr(given.alpha * z)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return skew_normal_tails(_standard(given, y)[0], given.alpha)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        """Draw delta abs(u) + sqrt(1 - delta^2) v, u and v standard normal, moved to the mean and the sd."""
        _, sd, centre = _standard(given, given.eta)
        half, whole = np.abs(rng.standard_normal(given.eta.shape)), rng.standard_normal(given.eta.shape)
        standard = (given.alpha * half + whole) / np.hypot(1.0, given.alpha)
        return given.eta + given.sigma / sd * (standard - centre)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        pt, sigma, alpha = given.pt, given.parameters[SIGMA], given.parameters["alpha"]
        centre = given.named("centre", float(np.sqrt(2 / np.pi)) * alpha / pt.sqrt(alpha**2 + 1))
        scale = given.named("scale", sigma / pt.sqrt(1 - centre**2))
        place = given.mean - scale * centre
        return given.pm.SkewNormal(given.name, mu=place, sigma=scale, alpha=alpha, **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return np.broadcast_to(own[SIGMA] ** 2, mean.shape)


def _standard(given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return z, a standard skew normal variable (Azzalini 1985), with the sd and the mean that it has."""
    centre = np.sqrt(2 / np.pi) * given.alpha / np.hypot(1.0, given.alpha)
    sd = np.sqrt(1 - centre**2)
    return sd * (y - given.eta) / given.sigma + centre, sd, centre
