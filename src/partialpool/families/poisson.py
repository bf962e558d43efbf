"""Counts whose variance is their mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, override

import numpy as np
from scipy import special

from partialpool.families.family import Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.support import COUNT
from partialpool.families.within import log_within

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["MORE_ZEROS", "Poisson", "draw_counts"]

_LARGE_COUNT: Final = 1e12
_UNDERFLOWING: Final = 1e-290
_LOST: Final = 1e-18
MORE_ZEROS: Final = (
    "more zeros than the family implies: use family 'zero_inflated_{0}' if some zeros are certain and others counts of "
    "0, or 'hurdle_{0}' if every zero has a cause of its own"
)
"""Advice for counts, with the name of their family."""


def draw_counts(mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw counts as floats; for means above 1e12 (NumPy's limit; the relative sd is 1e-6) return the mean."""
    return np.where(mean > _LARGE_COUNT, mean, rng.poisson(np.minimum(mean, _LARGE_COUNT)))


def _terms_below(y: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Return 1 + y / mean + y (y - 1) / mean^2 + ..., elementwise, where y is below the mean."""
    total, term, left = np.ones(np.broadcast(y, mean).shape), 1.0, y
    while np.any(left > 0):
        term = term * np.maximum(left, 0.0) / mean
        total += term
        left = np.where(term > _LOST * total, left - 1, 0.0)
    return total


class Poisson(Family):
    """y ~ Poisson(mean)."""

    name = "poisson"
    proper_name = "Poisson"
    row_kernels = "partialpool.families.row_kernels.poisson"
    censored_row_kernels = "partialpool.families.row_kernels.censored_poisson"
    support = COUNT
    links = ("log", "sqrt")
    log_concave_links = frozenset({"log"})
    notation = Notation("Poisson", (("", "location"),))
    variance_formula = "mean"
    checks = ("dispersion", "zeros", "largest", "fitted")
    picture = "frequencies"
    advice = MappingProxyType(
        {
            ("dispersion", True): "the counts are overdispersed: use family 'negative_binomial'",
            (
                "zeros",
                True,
            ): f"{MORE_ZEROS.format('poisson')}; if counts above 0 vary more as well: 'negative_binomial'",
            ("largest", True): "larger counts than the family implies: use family 'negative_binomial'",
        }
    )
    advice_for_spreads = "family 'negative_binomial', or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        mean = given.mean
        log_mean = given.eta if given.link.name == "log" else np.log(mean)
        # A count of 0 with a mean that rounds to 0 contributes nothing.
        return np.where(y > 0, y * log_mean, 0.0) - mean - special.gammaln(y + 1)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """P(new < y) = Q(y, mean) and P(new > y) = P(y + 1, mean), regularised incomplete gamma functions."""
        below = np.where(y > 0, special.gammaincc(np.maximum(y, 1), given.mean), 0.0)
        return below, special.gammainc(y + 1, given.mean)

    @override
    def log_tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the logs of Q(y + 1, mean) and P(y + 1, mean); where one underflows, of its series.

        P(y + 1, mean) = p(y + 1) 1F1(1; y + 2; mean), Q(y + 1, mean) = p(y) (1 + y / mean + y (y - 1) / mean^2 + ...).
        """
        mean = given.mean
        below, above = special.gammaincc(y + 1, mean), special.gammainc(y + 1, mean)
        few, many = below < _UNDERFLOWING, above < _UNDERFLOWING
        with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
            far_below = self.log_density(given, y) + np.log(_terms_below(np.where(few, y, 0.0), mean))
            far_above = self.log_density(given, y + 1) + np.log(special.hyp1f1(1, y + 2, np.where(many, mean, 0.0)))
            return np.where(few, far_below, np.log(below)), np.where(many, far_above, np.log(above))

    @override
    def mean_within(self, given: Given, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Return the mean times P(low - 1 < new <= high - 1) / P(low < new <= high): k p(k) = mean p(k - 1)."""
        lower = np.where(low >= 1, low - 1, -np.inf)
        ratio = log_within(self, given, lower, np.maximum(high - 1, 0.0)) - log_within(self, given, low, high)
        mean = np.where(high > 0, given.mean * np.exp(ratio), 0.0)
        return np.clip(mean, np.maximum(low + 1, 0.0), high)

    @override
    def tensor_log_tails(
        self, given: "TensorGiven", y: "pt.TensorVariable"
    ) -> tuple["pt.TensorVariable", "pt.TensorVariable"]:
        new = given.pm.Poisson.dist(given.mean)
        return given.pm.logcdf(new, y), given.pm.logccdf(new, y)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return draw_counts(given.mean, rng)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.Poisson(given.name, given.mean, **given.counted)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return mean

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Whether the link is not the square root, under which the variance is 1/4 at every mean."""
        return link.name != "sqrt"

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the counts, moved above 0."""
        return y + 0.1
