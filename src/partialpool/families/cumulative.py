"""Ordered categories."""

from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.cutpoints import CUMULATIVE
from partialpool.families.family import Family, Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import PROBABILITY_LINKS
from partialpool.families.ordered_categories import CUTPOINTS_PRIOR, cutpoints_less_predictor, of_response
from partialpool.families.support import ORDINAL

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["Cumulative"]


class Cumulative(Family):
    """P(y <= k) = F(cutpoint_k - eta), F the inverse link.

    The default prior gives equal weight to every category at the predictors' means, as rstanarm's `stan_polr` does.
    """

    name = "cumulative"
    row_kernels = "partialpool.families.row_kernels.cumulative"
    support = ORDINAL
    links = PROBABILITY_LINKS
    parameters = (CUTPOINTS_PRIOR,)
    meaning_of_cutpoints = CUMULATIVE
    is_latent = True
    has_mean = False
    log_concave_links = frozenset(PROBABILITY_LINKS)
    picture = "categories"

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        p = np.diff(_category_edges(given), axis=2)
        return np.log(np.clip(of_response(p, y), 1e-300, None))

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        edges = _category_edges(given)
        below = of_response(edges, y)
        # P(new > y) is the probability of a failure beyond y's upper edge; it is 0 for the highest category.
        beyond = np.exp(given.probability.log_failure(cutpoints_less_predictor(given)))
        beyond = np.concatenate([beyond, np.zeros((*given.eta.shape, 1))], axis=2)
        return below, of_response(beyond, y)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        u = rng.random(given.eta.shape)
        return (_category_edges(given)[:, :, 1:-1] < u[:, :, None]).sum(axis=2).astype(float)

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        """Register the observed categories; the cutpoints are those at the predictors' means."""
        cutpoints = given.parameters["cutpoints"]
        if given.link.name == "logit":
            return given.pm.OrderedLogistic(
                given.name, eta=given.eta, cutpoints=cutpoints, compute_p=False, **given.counted
            )
        distance = given.named("distance", cutpoints[None, :] - given.eta[:, None])
        below = given.named("below", given.link.tensor_inverse(distance, given.pt))
        pt = given.pt
        edges = pt.concatenate([pt.zeros((below.shape[0], 1)), below, pt.ones((below.shape[0], 1))], axis=1)
        p = given.named("p", pt.clip(pt.diff(edges, axis=1), 1e-15, 1.0))
        return given.pm.Categorical(given.name, p=p / p.sum(axis=1, keepdims=True), **given.counted)

    @override
    def mean(self, link: Link, eta: np.ndarray, spread: np.ndarray | None, own: Own) -> np.ndarray:
        """Evaluate the probability of each category, (draws, rows, categories)."""
        distances = own["cutpoints"][..., None] - eta[:, None, :]  # (draws, cutpoints, rows)
        below = [
            link.inverse(distances[:, k]) if spread is None else link.mean_over_normal(distances[:, k], spread)
            for k in range(distances.shape[1])
        ]
        return np.diff(np.stack([np.zeros(eta.shape), *below, np.ones(eta.shape)], axis=2), axis=2)

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return placeholders: categories have neither mean nor variance, and their checks use neither."""
        return given.eta, np.ones_like(given.eta)


def _category_edges(given: Given) -> np.ndarray:
    """Return P(y <= k) at the edges of the categories, (draws, rows, K + 1)."""
    below = given.link.inverse(cutpoints_less_predictor(given))
    zero = np.zeros((*given.eta.shape, 1))
    return np.concatenate([zero, below, zero + 1], axis=2)
