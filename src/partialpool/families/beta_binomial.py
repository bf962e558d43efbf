"""Successes whose probability varies between rows: each row's is drawn from a beta distribution."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np
from scipy import special

from partialpool.families.family import EFFECT_OF_EACH_ROW, SHAPE_PRIOR, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import PROBABILITY_LINKS
from partialpool.families.rising_factorial import log_rising
from partialpool.families.support import SUCCESSES

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["BetaBinomial"]


class BetaBinomial(Family):
    """y ~ Binomial(n, p), p ~ Beta(mean phi, (1 - mean) phi).

    Two trials of one row have the correlation rho = 1 / (1 + phi), so that
    Var(y) = n mean (1 - mean) (1 + (n - 1) rho).
    """

    name = "beta_binomial"
    proper_name = "beta-binomial"
    row_kernels = "partialpool.families.row_kernels.beta_binomial"
    support = SUCCESSES
    links = PROBABILITY_LINKS
    parameters = (("phi", SHAPE_PRIOR),)
    is_latent = True
    notation = Notation("BetaBinomial", (("", "trials"), ("mean", "location"), ("precision", "phi")))
    variance_formula = "mean (1 - mean)"
    checks = ("dispersion", "none_or_all", "fitted")
    picture = "frequencies"
    advice = MappingProxyType(
        {
            ("dispersion", True): f"the successes are still overdispersed: {EFFECT_OF_EACH_ROW}",
            ("dispersion", False): (
                "successes vary less than the family implies: use family 'binomial', and check whether the trials are "
                "independent"
            ),
            ("none_or_all", True): (
                "more rows with no or only successes than the family implies: check whether some rows could not vary"
            ),
        }
    )

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        """Evaluate log(n choose y) + R(a, y) + R(b, n - y) - R(phi, n), with y log F + (n - y) log G split off."""
        n, link, log_phi = np.asarray(given.trials), given.probability, np.log(given.phi)
        choose = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
        of_y = _occurred(y, link.log_success(given.eta), log_phi)
        return choose + of_y + _occurred(n - y, link.log_failure(given.eta), log_phi) - log_rising(n, log_phi)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Sum the probabilities below and above y, one count after the other."""
        n = np.broadcast_to(np.asarray(given.trials), y.shape)
        below, above = np.zeros((2, *np.broadcast_shapes(given.eta.shape, given.phi.shape)))
        for k in range(int(n.max(initial=0)) + 1):
            at = np.minimum(float(k), n)
            p = np.exp(self.log_density(given, at)) if (n >= k).any() else np.zeros(below.shape)
            below += np.where((k < y) & (k <= n), p, 0.0)
            above += np.where((k > y) & (k <= n), p, 0.0)
        return np.minimum(below, 1.0), np.minimum(above, 1.0)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        p = rng.beta(given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi)
        return rng.binomial(np.asarray(given.trials).astype(int), p).astype(float)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        mu, phi = given.mean, given.parameters["phi"]
        return given.pm.BetaBinomial(given.name, alpha=mu * phi, beta=(1 - mu) * phi, n=given.trials, **given.counted)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        """Evaluate that of one trial, which does not depend on phi."""
        return mean - square

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return n mean and n mean (1 - mean) (1 + (n - 1) / (1 + phi))."""
        n, mean = np.asarray(given.trials), given.mean
        return n * mean, n * mean * (1 - mean) * (1 + (n - 1) / (1 + given.phi))

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the shares, moved away from 0 and 1."""
        return (y + 0.5) / (trials + 1)


def _occurred(times: np.ndarray, log_share: np.ndarray, log_phi: np.ndarray) -> np.ndarray:
    """Evaluate R(share phi, times), less times log phi."""
    return np.where(times > 0, times * log_share, 0.0) + log_rising(times, log_share + log_phi)
