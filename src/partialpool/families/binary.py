"""Families of successes and failures: Bernoulli and binomial."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, override

import numpy as np
from scipy import special

from partialpool.families.family import EFFECT_OF_EACH_ROW, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.links import PROBABILITY_LINKS
from partialpool.families.support import BINARY, SUCCESSES

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Bernoulli", "Binomial"]


class _Successes(Family):
    """The mean of one trial is the probability of success, which is the only parameter."""

    links = PROBABILITY_LINKS
    is_latent = True
    log_concave_links = frozenset(PROBABILITY_LINKS)
    variance_formula = "mean (1 - mean)"

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return mean - square


def _probability(given: "TensorGiven") -> dict[str, Any]:
    return {"logit_p": given.eta} if given.link.name == "logit" else {"p": given.mean}


class Bernoulli(_Successes):
    """P(y = 1) = mean."""

    name = "bernoulli"
    proper_name = "Bernoulli"
    row_kernels = "partialpool.families.row_kernels.bernoulli"
    support = BINARY
    notation = Notation("Bernoulli", (("", "location"),))
    checks = ("fitted",)
    picture = "calibration"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        link = given.probability
        if link.is_symmetric:  # a failure is a success at -eta
            return link.log_success(np.where(y == 1, 1.0, -1.0) * given.eta)
        return np.where(y == 1, link.log_success(given.eta), link.log_failure(given.eta))

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        link = given.probability
        below = np.where(y == 1, np.exp(link.log_failure(given.eta)), 0.0)
        return below, np.where(y == 1, 0.0, np.exp(link.log_success(given.eta)))

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return (rng.random(given.eta.shape) < given.mean).astype(float)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.Bernoulli(given.name, **_probability(given), **given.counted)


class Binomial(_Successes):
    """y successes in a known number of trials."""

    name = "binomial"
    row_kernels = "partialpool.families.row_kernels.binomial"
    support = SUCCESSES
    notation = Notation("Binomial", (("", "trials"), ("", "location")))
    checks = ("dispersion", "none_or_all", "fitted")
    picture = "frequencies"
    advice = MappingProxyType(
        {
            ("dispersion", True): (
                f"the successes are overdispersed: use family 'beta_binomial', or {EFFECT_OF_EACH_ROW}"
            ),
            (
                "dispersion",
                False,
            ): "successes vary less than those of independent trials: check whether the trials are independent",
            (
                "none_or_all",
                True,
            ): (
                "more rows with no or only successes than independent trials imply: use family 'beta_binomial', or "
                f"{EFFECT_OF_EACH_ROW}"
            ),
        }
    )
    advice_for_spreads = "family 'beta_binomial', an effect for each row, (1 | row), or a slope"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        n, link = np.asarray(given.trials), given.probability
        choose = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
        # 0 successes with a probability that rounds to 0 contribute nothing.
        one = np.where(y > 0, link.log_success(given.eta), 0.0)
        other = np.where(n > y, link.log_failure(given.eta), 0.0)
        return choose + y * one + (n - y) * other

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """P(new < y) = I_q(n - y + 1, y) and P(new > y) = I_p(y + 1, n - y), regularised incomplete beta functions."""
        n, link = np.asarray(given.trials), given.probability
        p, q = np.exp(link.log_success(given.eta)), np.exp(link.log_failure(given.eta))
        below = np.where(y > 0, special.betainc(n - y + 1, np.maximum(y, 1), q), 0.0)
        return below, np.where(y < n, special.betainc(y + 1, np.maximum(n - y, 1), p), 0.0)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return rng.binomial(np.asarray(given.trials).astype(int), given.mean).astype(float)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        return given.pm.Binomial(given.name, n=given.trials, **_probability(given), **given.counted)
