"""Ordered categories, of which neighbours are compared."""

from typing import TYPE_CHECKING, override

import numpy as np
from scipy import special

from partialpool.families.cutpoints import ADJACENT
from partialpool.families.family import Own
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.normal_integral import means_over_normal
from partialpool.families.ordered_categories import OrderedCategories, cutpoints_by_row, tensor_cutpoints

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["AdjacentCategory"]


class AdjacentCategory(OrderedCategories):
    """P(y = k) is proportional to exp(sum_(j < k) (eta - cutpoint_j)): the adjacent-category model, brms's `acat`.

    The odds of a category to the one below are exp(eta - cutpoint), whatever the other categories are. The response
    has no latent variable.
    """

    name = "acat"
    proper_name = "adjacent-category"
    row_kernels = "partialpool.families.row_kernels.acat"
    links = ("logit",)
    meaning_of_cutpoints = ADJACENT
    has_effects_by_threshold = True
    log_concave_links = frozenset(links)

    @override
    def log_shares(self, given: Given) -> np.ndarray:
        utilities = _utilities(given.eta, given.parameters["cutpoints"])
        return np.asarray(special.log_softmax(utilities, axis=2))

    @override
    def row_information(self, given: Given) -> np.ndarray:
        """Evaluate the variance of the number of the category."""
        p = np.exp(self.log_shares(given))
        codes = np.arange(p.shape[2])
        mean = (p * codes).sum(axis=2, keepdims=True)
        return np.asarray((p * (codes - mean) ** 2).sum(axis=2))

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        """Register the observed categories; the cutpoints are those at the predictors' means."""
        pt = given.pt
        steps = given.named("steps", given.eta[:, None] - tensor_cutpoints(given))
        lowest = given.named("lowest", pt.zeros((steps.shape[0], 1)))
        utilities = given.named("utilities", pt.concatenate([lowest, pt.cumsum(steps, axis=1)], axis=1))
        return given.pm.Categorical(given.name, logit_p=utilities, **given.counted)

    @override
    def mean(self, link: Link, eta: np.ndarray, spread: np.ndarray | None, own: Own) -> np.ndarray:
        """Evaluate the probability of each category, (draws, rows, categories).

        Over a normal predictor by the trapezoidal rule; to 1e-7 for sds up to 5, with up to ten categories. Each
        probability is a ratio of polynomials in exp(eta) with positive coefficients, which has no pole within
        pi / (K - 1) of the real line.
        """
        if spread is None:
            return np.asarray(special.softmax(_utilities(eta, own["cutpoints"]), axis=2))
        passed = np.cumsum(cutpoints_by_row(own["cutpoints"]), axis=2)
        columns = [np.broadcast_to(passed[:, :, k], eta.shape) for k in range(passed.shape[2])]

        def shares(x: np.ndarray, *sums: np.ndarray) -> np.ndarray:
            utilities = np.stack([np.zeros(x.shape), *((j + 1) * x - total for j, total in enumerate(sums))])
            relative = np.exp(utilities - utilities.max(axis=0))
            return np.asarray(relative / relative.sum(axis=0))

        count = len(columns)
        means = means_over_normal(shares, count + 1, eta, spread, *columns, strip=np.pi / count)
        return np.moveaxis(means, 0, -1)


def _utilities(eta: np.ndarray, cutpoints: np.ndarray) -> np.ndarray:
    """Return the log odds of each category to the lowest, (draws, rows, K)."""
    steps = np.cumsum(eta[:, :, None] - cutpoints_by_row(cutpoints), axis=2)
    return np.concatenate([np.zeros((*eta.shape, 1)), steps], axis=2)
