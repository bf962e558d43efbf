"""A response that is 0 or above 0; the logarithm of what is above 0 is normal."""

from types import MappingProxyType
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.family import SHARE_PRIOR, Notation, Own
from partialpool.families.given import Given
from partialpool.families.hurdle import Hurdle
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.families.location_scale import SIGMA_PRIOR
from partialpool.families.lognormal import LogNormal
from partialpool.families.support import NOT_NEGATIVE
from partialpool.names import SIGMA

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["HurdleLogNormal"]

_LOGNORMAL = LogNormal()


class HurdleLogNormal(Hurdle):
    """y = 0 with probability hu, else log y ~ Normal(eta, sigma), so that E y = (1 - hu) exp(eta + sigma^2 / 2)."""

    name = "hurdle_lognormal"
    row_kernels = "partialpool.families.row_kernels.hurdle_lognormal"
    support = NOT_NEGATIVE
    links = ("identity",)
    parameters = (SIGMA_PRIOR, ("hu", SHARE_PRIOR))
    in_response_units = frozenset({SIGMA})
    on_log_scale = True
    parameters_of_mean = frozenset({SIGMA, "hu"})
    log_concave_links = frozenset({"identity"})
    notation = Notation("HurdleLogNormal", (("", "location"), ("", SIGMA), ("zeros", "hu")))
    variance_formula = "mean^2 (exp(sigma^2) / (1 - hu) - 1)"
    checks = ("zeros", "largest", "spread", "fitted")
    picture = "distributions"
    advice = MappingProxyType(
        {
            ("largest", True): "check the largest responses: the logarithm of those above 0 is skewed to the right",
            ("largest", False): "smaller responses than the family implies: try family 'hurdle_gamma'",
        }
    )
    advice_for_spreads = "family 'hurdle_gamma', or a slope"

    @override
    def log_above(self, given: Given, y: np.ndarray) -> np.ndarray:
        return _LOGNORMAL.log_density(given, y)

    @override
    def tails_above(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return _LOGNORMAL.tails(given, y)

    @override
    def draw_above(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        return _LOGNORMAL.draw(given, rng)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        share, sigma = 1 - given.parameters["hu"], given.parameters[SIGMA]
        return given.pm.HurdleLogNormal(given.name, psi=share, mu=given.eta, sigma=sigma, **given.observed())

    @override
    def on_mean_scale(self, link: Link, eta: np.ndarray, own: Own) -> tuple[Link, np.ndarray]:
        """Return the log link and eta + sigma^2 / 2 + log(1 - hu)."""
        return LINKS["log"], eta + own[SIGMA] ** 2 / 2 + np.log1p(-own["hu"])

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        return square * (np.exp(own[SIGMA] ** 2) / (1 - own["hu"]) - 1)

    @override
    def variance_needs_mean(self, link: Link) -> bool:
        """Whether the variance on the log scale depends on the mean."""
        return False

    @override
    def predictor_variance(self, link: Link, mean: np.ndarray, own: Own, known: float | None) -> tuple[np.ndarray, str]:
        """Return ln(1 + Var / mean^2) = sigma^2 - ln(1 - hu)."""
        variance = own[SIGMA] ** 2 - np.log1p(-own["hu"])
        return np.broadcast_to(variance, mean.shape), LINKS["log"].words_of_variance(self.variance_formula)

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the responses, and the geometric mean of those above 0 for zeros."""
        logs = np.log(y[y > 0])
        return np.where(y > 0, y, np.exp(logs.mean()) if len(logs) else 1.0)

    @override
    def observed_sd(self, link: Link, y: np.ndarray, shift: np.ndarray) -> float | None:
        """Return sqrt(ln(1 + Var / mean^2)) of the data per unit of the offset."""
        return LINKS["log"].observed_sd(y, shift)
