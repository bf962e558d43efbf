"""A proportion strictly between 0 and 1."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
import scipy
from scipy import special

from partialpool.families.family import SHAPE_PRIOR, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import PROBABILITY_LINKS
from partialpool.families.support import PROPORTION

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Beta"]


class Beta(Family):
    """y ~ Beta(mean phi, (1 - mean) phi)."""

    name = "beta"
    row_kernels = "partialpool.families.row_kernels.beta"
    support = PROPORTION
    links = PROBABILITY_LINKS
    parameters = (("phi", SHAPE_PRIOR),)
    notation = Notation("Beta", (("mean", "location"), ("precision", "phi")))
    variance_formula = "mean (1 - mean) / (1 + phi)"
    checks = ("ends", "spread", "fitted")
    picture = "densities"
    advice = MappingProxyType(
        {
            ("ends", True): (
                "more proportions at the ends than the family implies: if these are counts of trials, use family "
                "'binomial'; if they are 0 and 1 that were moved inside, leave them there and use family "
                "'zero_one_inflated_beta'"
            ),
        }
    )

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return scipy.stats.beta.logpdf(y, given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        a, b = given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi
        below = special.betainc(a, b, y)
        # The slowest function here: the complement is computed only where the difference from 1 has lost digits.
        return below, special.betaincc(a, b, y, out=1 - below, where=below > 0.5)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.beta(given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        mu, phi = given.mean, given.parameters["phi"]
        return given.pm.Beta(given.name, alpha=mu * phi, beta=(1 - mu) * phi, **given.observed())

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return (mean - square) / (1 + own["phi"])

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the proportions themselves."""
        return y
