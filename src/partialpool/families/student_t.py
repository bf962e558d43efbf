"""A response with heavy tails."""

from typing import TYPE_CHECKING, override

import numpy as np
import scipy
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

__all__ = ["StudentT", "tail_inflation"]


def tail_inflation(nu: np.ndarray) -> np.ndarray:
    """Return nu / (nu - 2), the variance of a Student t over sigma^2; infinite for nu of 2 or less."""
    return np.divide(nu, nu - 2, out=np.full(np.shape(nu), np.inf), where=np.asarray(nu) > 2)


class StudentT(LocationScale):
    """y ~ StudentT(nu, mean, sigma). The default prior of nu is that of brms (Juarez & Steel 2010)."""

    name = "student_t"
    proper_name = "Student's t"
    row_kernels = "partialpool.families.row_kernels.student_t"
    support = REAL
    links = ("identity", "log")
    parameters = (SIGMA_PRIOR, ("nu", Prior("Gamma", alpha=2, beta=0.1)))
    takes_se = True
    notation = Notation("StudentT", (("", "nu"), ("", "location"), ("", SIGMA)))
    variance_formula = "sigma^2 nu / (nu - 2)"
    checks = ("smallest", "largest", "spread")
    picture = "distributions"
    advice_for_spreads = "family 'lognormal' if the response is positive, or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return scipy.stats.t.logpdf(y, given.nu, given.mean, given.sigma)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        away = (y - given.mean) / given.sigma
        return special.stdtr(given.nu, away), special.stdtr(given.nu, -away)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return given.mean + given.sigma * rng.standard_t(np.broadcast_to(given.nu, given.eta.shape))

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        scales = {name: given.parameters[name] for name in ("nu", SIGMA)}
        return given.pm.StudentT(given.name, mu=given.mean, **scales, **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return np.broadcast_to(own[SIGMA] ** 2 * tail_inflation(own["nu"]), mean.shape)

    @override
    def spread_of(self, square: np.ndarray, text: str, own: Own) -> tuple[np.ndarray, str]:
        """Return sigma^2 nu / (nu - 2), and the number of draws in which it is infinite, in words."""
        nu = own["nu"]
        count = int((nu <= 2).sum())
        without = f", infinite in {count} of {nu.size} draws (nu of 2 or less), in which groups have no share"
        return square * tail_inflation(nu), f"{text} x nu / (nu - 2){without if count else ''}"

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return mean and sigma^2: a Student t may have no variance, and its scale standardises as well."""
        return given.mean, np.broadcast_to(given.sigma**2, given.eta.shape)
