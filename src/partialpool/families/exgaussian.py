"""A response with a normal and an exponential part: reaction times."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, override

import numpy as np
from scipy import special

from partialpool.distributions.prior import Prior
from partialpool.families.family import Notation, Own
from partialpool.families.given import Given
from partialpool.families.location_scale import SIGMA_PRIOR, LocationScale
from partialpool.families.support import REAL
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["ExGaussian"]


class ExGaussian(LocationScale):
    """y ~ Normal(mean - tau, sigma) + Exponential(mean tau), as in brms: `mean` is that of the whole."""

    name = "exgaussian"
    proper_name = "exponentially modified Gaussian"
    row_kernels = "partialpool.families.row_kernels.exgaussian"
    support = REAL
    links = ("identity", "log")
    parameters = (SIGMA_PRIOR, ("tau", Prior("HalfStudentT", nu=3, sigma=1)))
    in_response_units = frozenset({SIGMA, "tau"})
    log_concave_links = frozenset({"identity"})
    notation = Notation("ExGaussian", (("mean", "location"), ("", SIGMA), ("exponential part", "tau")))
    variance_formula = "sigma^2 + tau^2"
    checks = ("smallest", "largest", "skewness", "spread", "fitted")
    picture = "densities"
    advice = MappingProxyType(
        {
            ("smallest", True): (
                "the smallest responses are larger than the family implies: try family 'lognormal' if the response is "
                "positive"
            ),
            ("skewness", True): (
                "residuals are more skewed than the family implies: try family 'lognormal' if the response is positive"
            ),
            ("skewness", False): "residuals are less skewed than the family implies: try family 'skew_normal'",
            ("spread", True): (
                "the spread grows with the mean: try family 'lognormal' if the response is positive, or a slope"
            ),
        }
    )
    advice_for_spreads = "family 'lognormal' if the response is positive, or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return _log_slow_part(*_standard(given, y)) - np.log(given.parameters["tau"])

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """With p = exp(k^2 / 2 - z k) Phi(z - k): P(new < y) = Phi(z) - p and P(new > y) = Phi(-z) + p."""
        z, k = _standard(given, y)
        log_p, log_normal = _log_slow_part(z, k), special.log_ndtr(z)
        below = -np.exp(log_normal) * np.expm1(np.minimum(log_p - log_normal, 0.0))
        return below, special.ndtr(-z) + np.exp(log_p)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        tau = given.parameters["tau"]
        exponential = tau * rng.standard_exponential(given.eta.shape)
        return given.mean - tau + given.sigma * rng.standard_normal(given.eta.shape) + exponential

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        """Register the density above: PyMC's own is that of a normal where tau is below sigma / 20."""
        pm, pt, root = given.pm, given.pt, float(np.sqrt(2))

        def log_density(y: Any, mu: Any, sigma: Any, tau: Any) -> Any:
            z, k = (y - mu + tau) / sigma, sigma / tau
            below = pt.log(0.5 * pt.erfcx(pt.maximum(k - z, 0) / root)) - 0.5 * z**2
            above = k * (0.5 * k - z) + pt.log1p(-0.5 * pt.erfc(pt.maximum(z - k, 0) / root))
            return pt.switch(pt.lt(z, k), below, above) - pt.log(tau)

        def new(mu: Any, sigma: Any, tau: Any, size: Any) -> Any:
            return pm.ExGaussian.dist(mu=mu - tau, sigma=sigma, nu=tau, size=size)

        own = {name: given.parameters[name] for name in (SIGMA, "tau")}
        return given.custom({"mu": given.mean, **own}, log_density, new)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return np.broadcast_to(own[SIGMA] ** 2 + own["tau"] ** 2, mean.shape)

    @override
    def spread_of(self, square: np.ndarray, text: str, own: Own) -> tuple[np.ndarray, str]:
        """Return sigma^2 + tau^2."""
        return square + own["tau"] ** 2, f"{text} + tau^2"


def _standard(given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return z, the distance from the normal part's mean in its sds, and k = sigma / tau."""
    tau = given.parameters["tau"]
    return (y - given.mean + tau) / given.sigma, given.sigma / tau


def _log_slow_part(z: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return k^2 / 2 - z k + log Phi(z - k), which for z < k is -z^2 / 2 + log(erfcx((k - z) / sqrt(2)) / 2)."""
    below = -0.5 * z**2 + np.log(0.5 * special.erfcx(np.maximum(k - z, 0.0) / np.sqrt(2.0)))
    return np.where(z < k, below, k * (0.5 * k - z) + special.log_ndtr(np.maximum(z - k, 0.0)))
