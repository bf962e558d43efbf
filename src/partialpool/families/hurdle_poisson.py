"""Counts of which each zero has a cause of its own; those above 0 are zero-truncated Poisson."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.counts_above_zero import CountsAboveZero
from partialpool.families.family import SHARE_PRIOR, Notation, Own
from partialpool.families.given import Given
from partialpool.families.hurdle_counts import HurdleCounts
from partialpool.families.poisson import Poisson, draw_counts

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["HurdlePoisson"]


class HurdlePoisson(HurdleCounts):
    """y = 0 with probability hu, else y ~ Poisson(exp(eta)) given that it is above 0.

    E y = (1 - hu) exp(eta) / (1 - exp(-exp(eta))).
    """

    name = "hurdle_poisson"
    proper_name = "hurdle Poisson"
    row_kernels = "partialpool.families.row_kernels.hurdle_poisson"
    counts = Poisson()
    parameters = (("hu", SHARE_PRIOR),)
    log_concave_links = frozenset({"log"})
    notation = Notation("HurdlePoisson", (("rate", "location"), ("zeros", "hu")))
    variance_formula = "mean (1 + rate) - mean^2"
    advice = MappingProxyType(
        {
            ("dispersion", True): "the counts above 0 are overdispersed: use family 'hurdle_negative_binomial'",
            ("largest", True): "larger counts than the family implies: use family 'hurdle_negative_binomial'",
        }
    )
    advice_for_spreads = "family 'hurdle_negative_binomial', or a slope"

    @override
    def log_rate(self, given: Given) -> np.ndarray:
        return given.eta

    @override
    def means(self, own: Own) -> CountsAboveZero:
        return CountsAboveZero(1 - own["hu"])

    @override
    def log_above(self, given: Given, y: np.ndarray) -> np.ndarray:
        # For a count of 1 and a small mean, eta cancels.
        small = np.exp(np.minimum(given.eta, 0.0))
        one = np.where(given.eta < -30, -small / 2, given.eta - np.log(np.expm1(np.maximum(small, 1e-14))))
        return np.where((y == 1) & (given.eta < 0), one, super().log_above(given, y))

    @override
    def draw_above(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        """Draw the time of the first event within the unit, given that there is one, and the events after it."""
        mean = given.mean
        first = -np.log1p(rng.random(given.eta.shape) * np.expm1(-mean))
        return 1 + draw_counts(np.maximum(mean - first, 0.0), rng)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        share = 1 - given.parameters["hu"]
        return given.pm.HurdlePoisson(given.name, psi=share, mu=given.mean, **given.counted)
