"""The links, one class each; `LINKS` has them by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, override

import numpy as np
import scipy
from scipy import special

from partialpool.errors import DataError
from partialpool.families.link import IntegratedLink, Link, ProbabilityLink

if TYPE_CHECKING:
    import pytensor.tensor as pt

__all__ = ["LINKS", "PROBABILITY_LINKS"]


class Identity(Link):
    """The mean itself."""

    name = "identity"
    is_identity = True

    @override
    def name_predictor(self, mean: str) -> str:
        return mean

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return eta

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return mean

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return np.ones_like(eta)

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return np.ones_like(mean)

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return eta

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return eta

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return shared * np.ones(eta.shape)

    @override
    def observed_sd(self, y: np.ndarray, shift: np.ndarray) -> float | None:
        return float((y - shift).std())


class Log(Link):
    """The logarithm, for means above 0; coefficients are log ratios."""

    name = "log"
    units_in_words = "logarithms"
    coefficients_are_log_ratios = True
    coefficient_ratio = "Ratios of means"
    as_function = "exp"
    unit_in_words = "log scale"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta)

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return np.log(mean)

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta)

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return 1 / mean

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return pt.exp(eta)

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return np.exp(eta + spread / 2)

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return self.mean_over_normal(eta, spread) ** 2 * np.expm1(shared)

    @override
    def variance_of_prediction(self, mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
        """Return the lognormal approximation ln(1 + Var / mean^2)."""
        return np.log1p(variance / mean**2)

    @override
    def words_of_variance(self, formula: str) -> str:
        return f"lognormal approximation ln(1 + Var / mean^2), Var = {formula}"

    @override
    def observed_sd(self, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return sqrt(ln(1 + Var / mean^2)) of the data per unit of the offset."""
        level = y / np.exp(shift)
        return float(np.sqrt(np.log1p(level.var() / level.mean() ** 2))) if y.any() else None


class Sqrt(Link):
    """The square root of a mean; the linear predictor may have either sign."""

    name = "sqrt"
    written_location = "sqrt(mean y)"
    is_increasing = False
    unit_in_words = "sqrt scale"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return np.square(eta)

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return np.sqrt(mean)

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return 2 * eta

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return 0.5 / np.sqrt(mean)

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return eta**2

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return eta**2 + spread

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return 4 * eta**2 * shared + 2 * shared**2


class Inverse(Link):
    """One over the mean; under a normal linear predictor the response has no mean."""

    name = "inverse"
    written_location = "1 / mean y"
    has_closed_mean = False
    takes_any_predictor = False
    is_increasing = False
    unit_in_words = "inverse scale"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return np.reciprocal(eta)

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return np.reciprocal(mean)

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return -1 / eta**2

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return -1 / mean**2

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return 1 / eta

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        """Raise an error: 1 / eta has no mean under a normal eta.

        Raises
        ------
        DataError
            Always.
        """
        raise DataError(
            "a mean over groups does not exist under the inverse link",
            got="link 'inverse', group effects integrated out",
            allowed="links under which the mean is finite for every linear predictor, such as 'log'",
            do="use link='log', or predict for given levels",
        )

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return self.mean_over_normal(eta, spread)  # raises the error


class Logit(IntegratedLink):
    """Log odds."""

    name = "logit"
    units_in_words = "log odds"
    coefficient_ratio = "Odds ratios"
    latent_variance = np.pi**2 / 3
    strip = np.pi
    unit_in_words = "log odds"

    @override
    def name_predictor(self, mean: str) -> str:
        return f"log odds of {mean.removeprefix('probability of ')}"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return special.expit(eta)

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return special.logit(mean)

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return special.expit(eta) * special.expit(-eta)

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return 1 / (mean * (1 - mean))

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return pt.sigmoid(eta)

    @override
    def tensor_forward(self, p: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return pt.log(p) - pt.log1p(-p)

    @override
    def log_success(self, eta: np.ndarray) -> np.ndarray:
        return special.log_expit(eta)

    @override
    def log_failure(self, eta: np.ndarray) -> np.ndarray:
        return special.log_expit(-eta)


class Probit(ProbabilityLink):
    """Quantiles of the standard normal."""

    name = "probit"
    latent_variance = 1.0
    unit_in_words = "probit scale"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return special.ndtr(eta)

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return special.ndtri(mean)

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return scipy.stats.norm.pdf(eta)

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return 1 / scipy.stats.norm.pdf(scipy.stats.norm.ppf(mean))

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return 0.5 * pt.erfc(-eta / np.sqrt(2.0))

    @override
    def tensor_forward(self, p: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return -np.sqrt(2.0) * pt.erfcinv(2 * p)

    @override
    def log_success(self, eta: np.ndarray) -> np.ndarray:
        return special.log_ndtr(eta)

    @override
    def log_failure(self, eta: np.ndarray) -> np.ndarray:
        return special.log_ndtr(-eta)

    @override
    def mean_over_normal(self, eta: np.ndarray, spread: np.ndarray) -> np.ndarray:
        return special.ndtr(eta / np.sqrt(1 + spread))

    @override
    def covariance_over_normal(self, eta: np.ndarray, shared: np.ndarray, spread: np.ndarray) -> np.ndarray:
        h, rho = eta / np.sqrt(1 + spread), shared / (1 + spread)
        both = special.ndtr(h) - 2 * special.owens_t(h, np.sqrt((1 - rho) / (1 + rho)))
        return np.maximum(both - self.mean_over_normal(eta, spread) ** 2, 0.0)


class Cloglog(IntegratedLink):
    """Log of the rate at which a first event happens."""

    name = "cloglog"
    latent_variance = np.pi**2 / 6
    is_symmetric = False
    strip = 1.3
    unit_in_words = "cloglog scale"

    @override
    def inverse(self, eta: np.ndarray) -> np.ndarray:
        return -np.expm1(-np.exp(eta))

    @override
    def forward(self, mean: np.ndarray) -> np.ndarray:
        return np.log(-np.log1p(-mean))

    @override
    def slope(self, eta: np.ndarray) -> np.ndarray:
        return np.exp(eta - np.exp(eta))

    @override
    def forward_slope(self, mean: np.ndarray) -> np.ndarray:
        return -1 / ((1 - mean) * np.log1p(-mean))

    @override
    def tensor_inverse(self, eta: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return -pt.expm1(-pt.exp(eta))

    @override
    def tensor_forward(self, p: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return pt.log(-pt.log1p(-p))

    @override
    def log_success(self, eta: np.ndarray) -> np.ndarray:
        """Return log(1 - exp(-exp(eta))): eta itself far below 0."""
        return np.where(eta < -30, eta, np.log(-np.expm1(-np.exp(np.maximum(eta, -30)))))

    @override
    def log_failure(self, eta: np.ndarray) -> np.ndarray:
        return -np.exp(eta)


LINKS: Final[Mapping[str, Link]] = MappingProxyType(
    {link.name: link for link in (Identity(), Log(), Logit(), Probit(), Cloglog(), Sqrt(), Inverse())}
)
"""Every link by name."""
PROBABILITY_LINKS: Final = tuple(name for name, link in LINKS.items() if isinstance(link, ProbabilityLink))
"""Names of the links for probabilities, the default first."""
