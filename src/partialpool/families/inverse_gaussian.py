"""A positive response whose variance is proportional to the cube of its mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
import scipy

from partialpool.distributions.prior import Prior
from partialpool.families.family import Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.support import POSITIVE

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["InverseGaussian"]


class InverseGaussian(Family):
    """y ~ InverseGaussian(mean, shape lam), also called Wald: the time in which a drifting random walk reaches a level.

    lam has the unit of the response. lam / mean is 1 / CV^2, CV being the coefficient of variation, as the alpha of a
    gamma is, and lam / sd(y) is about its power 3/2. The default prior of lam / sd(y) has the tails of that power of a
    number with the default prior of alpha.
    """

    name = "inverse_gaussian"
    proper_name = "inverse Gaussian"
    row_kernels = "partialpool.families.row_kernels.inverse_gaussian"
    support = POSITIVE
    links = ("log",)
    parameters = (("lam", Prior("InverseGamma", alpha=0.27, beta=0.1)),)
    in_response_units = frozenset({"lam"})
    notation = Notation("InverseGaussian", (("mean", "location"), ("shape", "lam")))
    variance_formula = "mean^3 / lam"
    checks = ("smallest", "largest", "spread", "fitted")
    picture = "densities"
    logarithmic_axis = True
    advice = MappingProxyType(
        {
            ("smallest", False): "responses are nearer to 0 than the family implies: try family 'gamma' or 'lognormal'",
            ("largest", False): "the largest responses are smaller than the family implies: try family 'lognormal'",
            ("spread", False): "the spread grows less with the mean than the family implies: try family 'lognormal'",
        }
    )
    advice_for_spreads = "family 'lognormal' or 'gamma', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        lam = given.parameters["lam"]
        with np.errstate(over="ignore"):
            square = np.expm1(np.log(y) - given.eta) ** 2 / y
        return 0.5 * (np.log(lam / (2 * np.pi)) - lam * square) - 1.5 * np.log(y)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        lam = given.parameters["lam"]
        distribution = scipy.stats.invgauss(given.mean / lam, scale=lam)
        return distribution.cdf(y), distribution.sf(y)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.wald(given.mean, np.broadcast_to(given.parameters["lam"], given.eta.shape))

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.Wald(given.name, mu=given.mean, lam=given.parameters["lam"], **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        """Return E m^3 / lam: under the log link m is lognormal, so that E m^3 = (E m^2 / E m)^3."""
        return (square / mean) ** 3 / own["lam"]

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses themselves."""
        return y
