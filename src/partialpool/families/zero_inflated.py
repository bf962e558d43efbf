"""Counts with extra zeros: 0 for certain with probability zi, else a count that may be 0 as well."""

from abc import abstractmethod
from typing import ClassVar, override

import numpy as np

from partialpool.families.family import Family, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.support import COUNT

__all__ = ["ZeroInflated", "log_of_either"]

_MOSTLY = 0.5
"""Probability of a zero above which its logarithm is computed from that of a count above 0."""


def log_of_either(share: np.ndarray, log_p: np.ndarray) -> np.ndarray:
    """Evaluate log(share + (1 - share) p) given log p, without loss near p = 1 and where p underflows.

    Examples
    --------
    >>> log_of_either(np.array([0.5, 1e-12]), np.array([-1e-12, -1e5])).round(13).tolist()
    [-5e-13, -27.6310211159285]
    """
    chance = share + (1 - share) * np.exp(log_p)
    with np.errstate(divide="ignore"):  # without extra zeros, a large mean has none at all
        return np.where(chance > _MOSTLY, np.log1p((1 - share) * np.expm1(log_p)), np.log(chance))


class ZeroInflated(Family):
    """A mixture of zeros, with probability zi, and of the counts of another family."""

    support = COUNT
    links = ("log",)
    picture = "frequencies"
    checks = ("dispersion", "zeros", "largest", "fitted")
    counts: ClassVar[Family]
    """The family of the counts that are no extra zeros; its mean is the inverse link of the linear predictor."""

    @abstractmethod
    def log_none(self, given: Given) -> np.ndarray:
        """Evaluate the log probability that a count that is no extra zero is 0."""

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        above = np.log1p(-given.zi) + self.counts.log_density(given, np.maximum(y, 1))
        return np.where(y > 0, above, log_of_either(given.zi, self.log_none(given)))

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        below, above = self.counts.tails(given, y)
        return np.where(y > 0, given.zi + (1 - given.zi) * below, 0.0), (1 - given.zi) * above

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        extra = rng.random(given.eta.shape) < given.zi
        return np.where(extra, 0.0, self.counts.draw(given, rng))

    @override
    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the log link and eta + log(1 - zi): the mean is (1 - zi) exp(eta)."""
        return link, eta + np.log1p(-own["zi"])

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the counts, moved above 0; the mean of all for zeros, which may be extra ones."""
        return np.where(y > 0, y, y.mean()) + 0.1
