"""The SciPy distribution behind a prior of one number."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from scipy import stats

from partialpool.distributions.prior import Prior

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


class _Fixed:
    """One value, with probability 1; its density is with respect to that."""

    def __init__(self, value: float) -> None:
        self._value = value

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(x) == self._value, 0.0, -np.inf)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        return np.exp(self.logpdf(x))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(x) >= self._value, 1.0, 0.0)

    def ppf(self, q: np.ndarray) -> np.ndarray:
        return np.full(np.shape(q), self._value)

    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return np.full(size, self._value)


class _Truncated:
    """A distribution given that it lies above `lower`."""

    def __init__(self, whole: Any, lower: float) -> None:
        self._whole, self._lower = whole, lower
        self._below = float(whole.cdf(lower))

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= self._lower, self._whole.logpdf(x) - np.log1p(-self._below), -np.inf)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        return np.exp(self.logpdf(x))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.maximum((self._whole.cdf(x) - self._below) / (1 - self._below), 0.0)

    def ppf(self, q: np.ndarray) -> np.ndarray:
        return self._whole.ppf(self._below + np.asarray(q) * (1 - self._below))

    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return self.ppf(random_state.random(size))


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
        "DiracDelta": lambda c: _Fixed(c),
        "Weibull": lambda alpha, beta: stats.weibull_min(alpha, 0, beta),
    }
)


def frozen(prior: Prior) -> Any:
    """Return the SciPy distribution of a scalar prior."""
    standard = prior.standard
    whole = _FROZEN[standard.distribution](**standard.arguments)
    return whole if standard.lower is None else _Truncated(whole, standard.lower)
