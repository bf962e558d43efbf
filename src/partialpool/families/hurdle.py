"""Responses of which each zero has a cause of its own: 0 with probability hu, else above 0 for certain."""

from abc import abstractmethod
from types import MappingProxyType
from typing import override

import numpy as np

from partialpool.families.family import Family
from partialpool.families.given import Given
from partialpool.families.support import NOT_NEGATIVE

__all__ = ["Hurdle"]


class Hurdle(Family):
    """A mixture of zeros, with probability hu, and of responses above 0."""

    parameter_links = MappingProxyType({"hu": "logit"})

    @abstractmethod
    def log_above(self, given: Given, y: np.ndarray) -> np.ndarray:
        """Evaluate the log density of responses above 0, given that they are."""

    @abstractmethod
    def tails_above(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate P(new < y) and P(new > y) of new responses given that they are above 0; y > 0."""

    @abstractmethod
    def draw_above(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        """Draw responses above 0."""

    @override
    def depends_on_location(self, y: np.ndarray) -> np.ndarray:
        return y > 0

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore"):  # a probability may be fixed at 0
            zero = np.log(given.hu)
        return np.where(y > 0, np.log1p(-given.hu) + self.log_above(given, np.where(y > 0, y, 1.0)), zero)

    @override
    def probability(self, given: Given, y: np.ndarray) -> np.ndarray:
        p = np.exp(self.log_density(given, y))
        return np.where(y > 0, 0.0, p) if self.support is NOT_NEGATIVE else p

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, above = self.tails_above(given, np.where(y > 0, y, 1.0))
        rest = 1 - given.hu
        return np.where(y > 0, given.hu + rest * below, 0.0), np.where(y > 0, rest * above, rest)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        zero = rng.random(given.eta.shape) < given.hu
        return np.where(zero, 0.0, self.draw_above(given, rng))
