"""A proportion from 0 to 1, with more zeros and ones than a continuous distribution can have."""

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, override

import numpy as np
import scipy
from scipy import special

from partialpool.families.family import SHAPE_PRIOR, SHARE_PRIOR, Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import PROBABILITY_LINKS
from partialpool.families.support import CLOSED_PROPORTION

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["ZeroOneInflatedBeta"]


class ZeroOneInflatedBeta(Family):
    """y is 0 or 1 with probability zoi, and then 1 with probability coi; else Beta(mean phi, (1 - mean) phi).

    As in brms. The linear predictor is of m, the mean of the proportions strictly between 0 and 1; that of all is
    zoi coi + (1 - zoi) m.
    """

    name = "zero_one_inflated_beta"
    proper_name = "zero-one-inflated beta"
    row_kernels = "partialpool.families.row_kernels.zero_one_inflated_beta"
    support = CLOSED_PROPORTION
    links = PROBABILITY_LINKS
    parameters = (("phi", SHAPE_PRIOR), ("zoi", SHARE_PRIOR), ("coi", SHARE_PRIOR))
    parameter_links = MappingProxyType({"zoi": "logit", "coi": "logit"})
    parameters_of_mean = frozenset({"zoi", "coi"})
    notation = Notation(
        "ZeroOneInflatedBeta",
        (("mean", "location"), ("precision", "phi"), ("0 or 1", "zoi"), ("1 of these", "coi")),
    )
    variance_formula = "zoi coi + (1 - zoi) (m^2 + m (1 - m) / (1 + phi)) - mean^2"
    checks = ("zeros", "ones", "spread", "fitted")
    picture = "distributions"
    advice = MappingProxyType(
        {
            ("zeros", True): "rows differ in their share of zeros: let zoi and coi depend on predictors",
            ("ones", True): "rows differ in their share of ones: let zoi and coi depend on predictors",
        }
    )

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        zoi, coi = given.parameters["zoi"], given.parameters["coi"]
        within, y = np.broadcast_to((y > 0) & (y < 1), given.eta.shape), np.broadcast_to(y, given.eta.shape)
        found = np.log(zoi) + np.where(y == 1, np.log(coi), np.log1p(-coi))
        a, b = given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi
        rest = np.broadcast_to(np.log1p(-zoi), found.shape)
        found[within] = rest[within] + scipy.stats.beta.logpdf(y[within], a[within], b[within])
        return found

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        zoi, coi = given.parameters["zoi"], given.parameters["coi"]
        a, b = given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi
        below = special.betainc(a, b, y)
        above = special.betaincc(a, b, y, out=1 - below, where=below > 0.5)
        return zoi * (1 - coi) * (y > 0) + (1 - zoi) * below, zoi * coi * (y < 1) + (1 - zoi) * above

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        zoi, coi = given.parameters["zoi"], given.parameters["coi"]
        between = rng.beta(given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi)
        at_end = (rng.random(given.eta.shape) < coi).astype(float)
        return np.where(rng.random(given.eta.shape) < zoi, at_end, between)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        pm, pt = given.pm, given.pt

        def log_density(y: Any, mu: Any, phi: Any, zoi: Any, coi: Any) -> Any:
            inside = pt.switch(pt.eq(y * (1 - y), 0), 0.5, y)
            between = pt.log1p(-zoi) + pm.logp(pm.Beta.dist(alpha=mu * phi, beta=(1 - mu) * phi), inside)
            one, zero = pt.log(zoi) + pt.log(coi), pt.log(zoi) + pt.log1p(-coi)
            return pt.switch(pt.eq(y, 0), zero, pt.switch(pt.eq(y, 1), one, between))

        def new(mu: Any, phi: Any, zoi: Any, coi: Any, size: Any) -> Any:
            between = pm.Beta.dist(alpha=mu * phi, beta=(1 - mu) * phi, size=size)
            at_end = pm.Bernoulli.dist(coi, size=size)
            return pt.switch(pm.Bernoulli.dist(zoi, size=size), at_end, between)

        own = {name: given.parameters[name] for name in ("phi", "zoi", "coi")}
        return given.custom({"mu": given.mean, **own}, log_density, new)

    @override
    def expected_variance(self, mean: np.ndarray, square: np.ndarray, own: Own) -> np.ndarray:
        """E y^2 - M^2 with M = E y, given E M and E M^2: m = (M - zoi coi) / (1 - zoi) is the mean strictly within."""
        ones, rest = own["zoi"] * own["coi"], 1 - own["zoi"]
        within, square_within = (mean - ones) / rest, (square - 2 * ones * mean + ones**2) / rest**2
        return ones + rest * (square_within + (within - square_within) / (1 + own["phi"])) - square

    @override
    def line_of_mean(self, own: Own) -> tuple[np.ndarray, np.ndarray]:
        """Return zoi coi and 1 - zoi."""
        return own["zoi"] * own["coi"], 1 - own["zoi"]

    @override
    def predictor_variance(self, link: Link, mean: np.ndarray, own: Own, known: float | None) -> tuple[np.ndarray, str]:
        """Return the variance of the whole response on the scale of the predictor, by the delta method."""
        constant, factor = self.line_of_mean(own)
        whole = self.variance(constant + factor * mean, own)
        return whole * (link.forward_slope(mean) / factor) ** 2, link.words_of_variance(self.variance_formula)

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        """Return the proportions; 1/2 for 0 and 1, which do not depend on the mean."""
        return np.where((y > 0) & (y < 1), y, 0.5)
