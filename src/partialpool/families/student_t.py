"""A response with heavy tails."""

from typing import TYPE_CHECKING, override

import numpy as np
import scipy
from scipy import special

from partialpool.distributions.prior import Prior
from partialpool.families.family import Notation, Own
from partialpool.families.given import Given
from partialpool.families.incomplete_beta import log_incomplete_beta
from partialpool.families.location_scale import SIGMA_PRIOR, LocationScale
from partialpool.families.support import REAL
from partialpool.families.within import log_within
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
    censored_row_kernels = "partialpool.families.row_kernels.censored_student_t"
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
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both from the tail beyond abs(z), I_w(nu / 2, 1 / 2) / 2, w = nu / (nu + z^2)."""
        square, nu = ((y - given.mean) / given.sigma) ** 2, given.nu
        outside, _ = log_incomplete_beta(nu / 2, np.array(0.5), nu / (nu + square), square / (nu + square))
        outer = outside - np.log(2)
        inner = np.log1p(-np.exp(outer))
        above = y > given.mean
        return np.where(above, inner, outer), np.where(above, outer, inner)

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the mean, infinite for nu of 1 or less where an end is.

        With c the density of z at 0, k = (1 - nu) / 2 and l = log(1 + z^2 / nu), the integral of z times its density is
        c nu exp(k l) / (2 k), so that the difference over an interval is c nu exp(k l_1) (l_2 - l_1) / 2 times
        (exp(t) - 1) / t, t = k (l_2 - l_1).
        """
        nu, power = given.nu, (1 - given.nu) / 2
        start, end = np.where(low > -np.inf, low, given.mean), np.where(high < np.inf, high, given.mean)
        logs = [np.log1p(((at - given.mean) / given.sigma) ** 2 / nu) for at in (start, end)]
        size = np.exp(scipy.stats.t.logpdf(0.0, nu) - log_within(self, given, low, high)) * nu
        between = size * np.exp(power * logs[0]) * (logs[1] - logs[0]) / 2 * special.exprel(power * (logs[1] - logs[0]))
        with np.errstate(divide="ignore"):
            rest = np.where(nu > 1, size / np.maximum(nu - 1, 0.0), np.inf)
        # From an end that is finite to one that is not, and from one that is not to one that is.
        to_infinity = rest * np.exp(power * logs[0])
        from_infinity = -rest * np.exp(power * logs[1])
        one_sided = np.where(low > -np.inf, to_infinity, np.where(high < np.inf, from_infinity, 0.0))
        moved = np.where((low > -np.inf) & (high < np.inf), between, one_sided)
        return np.clip(given.mean + given.sigma * moved, low, high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        pt, nu = given.pt, given.parameters["nu"]
        square = ((y - given.mean) / given.parameters[SIGMA]) ** 2
        outer = pt.log(pt.betainc(nu / 2, 0.5, nu / (nu + square))) - pt.log(2)
        inner = pt.log1mexp(outer)
        above = pt.gt(y, given.mean)
        return pt.switch(above, inner, outer), pt.switch(above, outer, inner)

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
