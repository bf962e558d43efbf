"""The SciPy distribution behind a prior of one number."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from scipy import stats

from partialpool.spec.priors import Prior

__all__ = ["frozen"]


def _half_t(nu: float, sigma: float) -> Any:
    """The t distribution folded at 0, as the upper half doubled: scipy's `foldnorm` has no t."""
    return _Folded(stats.t(nu, 0, sigma))


class _Folded:
    """|X| for a distribution symmetric about 0."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, np.log(2) + self._whole.logpdf(x), -np.inf)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        return np.exp(self.logpdf(x))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, 2 * self._whole.cdf(x) - 1, 0.0)

    def ppf(self, q: np.ndarray) -> np.ndarray:
        return self._whole.ppf((1 + np.asarray(q)) / 2)

    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return np.abs(self._whole.rvs(size=size, random_state=random_state))


_FROZEN: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "Normal": lambda mu, sigma: stats.norm(mu, sigma),
        "StudentT": lambda nu, mu, sigma: stats.t(nu, mu, sigma),
        "Cauchy": lambda alpha, beta: stats.cauchy(alpha, beta),
        "Laplace": lambda mu, b: stats.laplace(mu, b),
        "Logistic": lambda mu, s: stats.logistic(mu, s),
        "Uniform": lambda lower, upper: stats.uniform(lower, upper - lower),
        "HalfNormal": lambda sigma: stats.halfnorm(0, sigma),
        "HalfStudentT": _half_t,
        "HalfCauchy": lambda beta: stats.halfcauchy(0, beta),
        "Exponential": lambda lam: stats.expon(0, 1 / lam),
        "Gamma": lambda alpha, beta: stats.gamma(alpha, 0, 1 / beta),
        "InverseGamma": lambda alpha, beta: stats.invgamma(alpha, 0, beta),
        "LogNormal": lambda mu, sigma: stats.lognorm(sigma, 0, np.exp(mu)),
        "Beta": lambda alpha, beta: stats.beta(alpha, beta),
        "Weibull": lambda alpha, beta: stats.weibull_min(alpha, 0, beta),
    }
)


def frozen(prior: Prior) -> Any:
    """Return the SciPy distribution of a scalar prior."""
    standard = prior.standard
    return _FROZEN[standard.distribution](**standard.arguments)
