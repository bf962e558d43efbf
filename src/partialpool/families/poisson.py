"""Counts whose variance is their mean."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Final, override

import numpy as np
from scipy import special

from partialpool.families.family import Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.support import COUNT

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["MORE_ZEROS", "Poisson", "draw_counts"]

_LARGE_COUNT: Final = 1e12
MORE_ZEROS: Final = (
    "more zeros than the family implies: use family 'zero_inflated_{0}' if some zeros are certain and others counts of "
    "0, or 'hurdle_{0}' if every zero has a cause of its own"
)
"""Advice for counts, with the name of their family."""


def draw_counts(mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw counts as floats; for means above 1e12 (NumPy's limit; the relative sd is 1e-6) return the mean."""
    return np.where(mean > _LARGE_COUNT, mean, rng.poisson(np.minimum(mean, _LARGE_COUNT)))


class Poisson(Family):
    """y ~ Poisson(mean)."""

    name = "poisson"
    proper_name = "Poisson"
    row_kernels = "partialpool.families.row_kernels.poisson"
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
