"""Categories without an order."""

from typing import TYPE_CHECKING, override

import numpy as np
from scipy import special

from partialpool.families.family import Family, Notation, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.families.support import NOMINAL

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Categorical"]


class Categorical(Family):
    """P(y = k) = exp(u_k) / sum_j exp(u_j), the utility of the first category, the reference, being 0.

    Every other category has a predictor of its own, with all terms of the formula. `Given.parameters` has them by
    category, in order.
    """

    name = "categorical"
    row_kernels = "partialpool.families.row_kernels.categorical"
    support = NOMINAL
    links = ("logit",)
    has_predictors_of_categories = True
    has_mean = False
    log_concave_links = frozenset(links)
    notation = Notation("Categorical", ())
    picture = "categories"

    @override
    def link_of(self, parameter: str) -> Link:
        return LINKS["identity"]

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        utilities = _utilities(given.eta, given.parameters)
        code = np.broadcast_to(y.astype(int)[None, :, None], (*given.eta.shape, 1))
        chosen = np.take_along_axis(utilities, code, axis=2)[..., 0]
        return np.asarray(chosen - special.logsumexp(utilities, axis=2))

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the probabilities of the categories before and after, in the order of their codes."""
        p = special.softmax(_utilities(given.eta, given.parameters), axis=2)
        codes = np.arange(p.shape[2])
        return (p * (codes < y[:, None])).sum(axis=2), (p * (codes > y[:, None])).sum(axis=2)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        p = special.softmax(_utilities(given.eta, given.parameters), axis=2)
        u = rng.random(given.eta.shape)
        return (np.cumsum(p, axis=2)[:, :, :-1] < u[:, :, None]).sum(axis=2).astype(float)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        pt = given.pt
        others = [given.parameters[name] for name in given.parameters]
        utilities = given.named("utilities", pt.stack([pt.zeros_like(others[0]), *others], axis=-1))
        return given.pm.Categorical(given.name, logit_p=utilities, **given.counted)

    @override
    def mean(self, link: Link, eta: np.ndarray, spread: np.ndarray | None, own: Own) -> np.ndarray:
        """Evaluate the probability of each category, (draws, rows, categories)."""
        return np.asarray(special.softmax(_utilities(eta, own), axis=2))

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return placeholders: categories have neither mean nor variance, and their checks use neither."""
        return given.eta, np.ones_like(given.eta)

    @override
    def starting_mean(self, link: Link, y: np.ndarray, trials: np.ndarray) -> np.ndarray:
        return np.full(y.shape, 0.5)


def _utilities(eta: np.ndarray, own: Own) -> np.ndarray:
    """Return the utility of each category, (draws, rows, categories)."""
    others = [np.broadcast_to(values, eta.shape) for values in own.values()]
    return np.stack([np.zeros(eta.shape), *others], axis=2)
