"""Distributions that SciPy does not have, with the methods of SciPy's distributions."""

from abc import ABC, abstractmethod
from typing import Any, override

import numpy as np

__all__ = ["Fixed", "Folded", "Truncated"]


class _Scalar(ABC):
    """Methods of a distribution of one number that the package uses."""

    @abstractmethod
    def logpdf(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the log density."""

    def pdf(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the density."""
        return np.exp(self.logpdf(x))

    @abstractmethod
    def cdf(self, x: np.ndarray) -> np.ndarray:
        """Evaluate the distribution function."""

    @abstractmethod
    def ppf(self, q: np.ndarray) -> np.ndarray:
        """Evaluate quantiles."""

    @abstractmethod
    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        """Draw numbers."""


class Folded(_Scalar):
    """The distribution of |X| for a distribution of X that is symmetric about 0."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    @override
    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, np.log(2) + self._whole.logpdf(x), -np.inf)

    @override
    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, 2 * self._whole.cdf(x) - 1, 0.0)

    @override
    def ppf(self, q: np.ndarray) -> np.ndarray:
        return self._whole.ppf((1 + np.asarray(q)) / 2)

    @override
    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return np.abs(self._whole.rvs(size=size, random_state=random_state))


class Fixed(_Scalar):
    """A point mass at one value; the density is with respect to that point mass."""

    def __init__(self, value: float) -> None:
        self._value = value

    @override
    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(x) == self._value, 0.0, -np.inf)

    @override
    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(np.asarray(x) >= self._value, 1.0, 0.0)

    @override
    def ppf(self, q: np.ndarray) -> np.ndarray:
        return np.full(np.shape(q), self._value)

    @override
    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return np.full(size, self._value)


class Truncated(_Scalar):
    """A distribution truncated from below at `lower`."""

    def __init__(self, whole: Any, lower: float) -> None:
        self._whole, self._lower = whole, lower
        self._below = float(whole.cdf(lower))

    @override
    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= self._lower, self._whole.logpdf(x) - np.log1p(-self._below), -np.inf)

    @override
    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.maximum((self._whole.cdf(x) - self._below) / (1 - self._below), 0.0)

    @override
    def ppf(self, q: np.ndarray) -> np.ndarray:
        return self._whole.ppf(self._below + np.asarray(q) * (1 - self._below))

    @override
    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return self.ppf(random_state.random(size))
