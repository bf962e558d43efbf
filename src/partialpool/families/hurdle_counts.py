"""Counts of which each zero has a cause of its own: those above 0 have a zero-truncated distribution."""

from abc import abstractmethod
from typing import ClassVar, override

import numpy as np

from partialpool.families.counts_above_zero import CountsAboveZero
from partialpool.families.family import Family, Own
from partialpool.families.given import Given
from partialpool.families.hurdle import Hurdle
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.families.support import COUNT

__all__ = ["HurdleCounts"]


class HurdleCounts(Hurdle):
    """0 with probability hu, else a count of another family given that it is above 0."""

    support = COUNT
    links = ("log",)
    picture = "frequencies"
    checks = ("dispersion", "zeros", "largest", "fitted")
    counts: ClassVar[Family]
    """The family that is truncated; its mean before truncation is the inverse link of the linear predictor."""

    @abstractmethod
    def log_rate(self, given: Given) -> np.ndarray:
        """Evaluate log(-log P(0)) of the family that is truncated."""

    @abstractmethod
    def means(self, own: Own) -> CountsAboveZero:
        """Return the mean as a function of the linear predictor."""

    def log_some(self, given: Given) -> np.ndarray:
        """Evaluate the log probability that a count of the family that is truncated is above 0."""
        return LINKS["cloglog"].log_success(self.log_rate(given))  # type: ignore[attr-defined]

    @override
    def log_above(self, given: Given, y: np.ndarray) -> np.ndarray:
        return self.counts.log_density(given, y) - self.log_some(given)

    @override
    def tails_above(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, above = self.counts.tails(given, y)
        rate = np.exp(self.log_rate(given))
        some = np.maximum(-np.expm1(-rate), np.finfo(float).tiny)
        return np.clip((below - np.exp(-rate)) / some, 0.0, 1.0) * (y > 1), np.clip(above / some, 0.0, 1.0)

    @override
    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the function from the linear predictor to the mean, and the predictor."""
        return self.means(own), eta

    @override
    def variance(self, mean: np.ndarray, own: Own) -> np.ndarray:
        means = self.means(own)
        return means.variance(means.forward(mean))

    @override
    def variance_over_normal(
        self, link: Link, eta: np.ndarray, spread: np.ndarray, moments: tuple[np.ndarray, np.ndarray], own: Own
    ) -> np.ndarray:
        return self.means(own).variance_over_normal(eta, spread)

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        means = self.means(given.parameters)
        return means.inverse(given.eta), means.variance(given.eta)

    @override
    def predictor_variance(self, link: Link, mean: np.ndarray, own: Own, known: float | None) -> tuple[np.ndarray, str]:
        """Return Var(y) (d eta / d mean)^2, eta at the mean."""
        means = self.means(own)
        return means.variance_of_prediction(mean, self.variance(mean, own)), means.words_of_variance(
            self.variance_formula
        )

    @override
    def observed_sd(self, link: Link, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return None: the data have no sd on the scale of the counts before truncation."""
        return None

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the counts, and the mean of those above 0 for zeros."""
        return np.where(y > 0, y, y[y > 0].mean() if (y > 0).any() else 1.0)
