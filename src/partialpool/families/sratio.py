"""Ordered categories that are reached one after the other."""

from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.families.cutpoints import SEQUENTIAL
from partialpool.families.family import Own
from partialpool.families.given import Given
from partialpool.families.link import IntegratedLink, Link, ProbabilityLink
from partialpool.families.links import PROBABILITY_LINKS
from partialpool.families.normal_integral import means_over_normal
from partialpool.families.ordered_categories import (
    OrderedCategories,
    cutpoints_by_row,
    cutpoints_less_predictor,
    tensor_cutpoints,
)

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = ["StoppingRatio"]


class StoppingRatio(OrderedCategories):
    """P(y = k | y >= k) = F(cutpoint_k - eta), F the inverse link: the sequential model (Tutz 1991).

    Who has reached category k stays there, or goes on, as in brms's `sratio`. Each step has a latent variable of its
    own, and the response none.
    """

    name = "sratio"
    proper_name = "stopping-ratio (sequential)"
    row_kernels = "partialpool.families.row_kernels.sratio"
    links = PROBABILITY_LINKS
    meaning_of_cutpoints = SEQUENTIAL
    has_effects_by_threshold = True
    log_concave_links = frozenset(PROBABILITY_LINKS)

    @override
    def log_shares(self, given: Given) -> np.ndarray:
        distances, zero = cutpoints_less_predictor(given), np.zeros((*given.eta.shape, 1))
        reached = np.cumsum(given.probability.log_failure(distances), axis=2)
        stopped = given.probability.log_success(distances)
        return np.concatenate([zero, reached], axis=2) + np.concatenate([stopped, zero], axis=2)

    @override
    def row_information(self, given: Given) -> np.ndarray:
        """Evaluate sum_k P(y >= k) f^2 / (F G) at cutpoint_k - eta, the information of the steps that are reached."""
        link, distances = given.probability, cutpoints_less_predictor(given)
        log_stop, log_pass = link.log_success(distances), link.log_failure(distances)
        before = np.cumsum(log_pass, axis=2) - log_pass
        return np.asarray((np.exp(before - log_stop - log_pass) * link.slope(distances) ** 2).sum(axis=2))

    @override
    def register(self, given: "TensorGiven") -> "pt.TensorVariable":
        """Register the observed categories; the cutpoints are those at the predictors' means."""
        pt = given.pt
        distance = given.named("distance", tensor_cutpoints(given) - given.eta[:, None])
        stop = given.named("stop", pt.clip(given.link.tensor_inverse(distance, pt), 1e-15, 1 - 1e-15))
        end = given.named("end", pt.ones((stop.shape[0], 1)))
        reached = given.named("reached", pt.concatenate([end, pt.cumprod(1 - stop, axis=1)], axis=1))
        p = given.named("p", reached * pt.concatenate([stop, end], axis=1))
        return given.pm.Categorical(given.name, p=p / p.sum(axis=1, keepdims=True), **given.counted)

    @override
    def mean(self, link: Link, eta: np.ndarray, spread: np.ndarray | None, own: Own) -> np.ndarray:
        """Evaluate the probability of each category, (draws, rows, categories).

        Over a normal predictor, P(y > k) is the mean of a product of k + 1 probabilities, by the trapezoidal rule; to
        1e-7 for sds up to 5, with up to ten categories.
        """
        cutpoints = cutpoints_by_row(own["cutpoints"])
        columns = [np.broadcast_to(cutpoints[:, :, k], eta.shape) for k in range(cutpoints.shape[2])]

        def beyond(x: np.ndarray, *passed: np.ndarray) -> np.ndarray:
            return np.cumprod([_failure(link, cutpoint - x) for cutpoint in passed], axis=0)

        if spread is None:
            above = beyond(eta, *columns)
        else:
            strip = _strip(link, len(columns))
            above = means_over_normal(beyond, len(columns), eta, spread, *columns, strip=strip)
        ends = np.ones((1, *eta.shape)), np.zeros((1, *eta.shape))
        return np.moveaxis(-np.diff(np.concatenate([ends[0], above, ends[1]]), axis=0), 0, -1)


def _failure(link: Link, x: np.ndarray) -> np.ndarray:
    assert isinstance(link, ProbabilityLink)
    return np.exp(link.log_failure(x))


def _strip(link: Link, factors: int) -> float:
    """Return the strip about the real line in which a product of failures is bounded.

    That of a single one under logit and cloglog. Under probit one of them grows as exp(s^2 / 2) at a distance of s.
    """
    return link.strip if isinstance(link, IntegratedLink) else 2.0 / np.sqrt(factors)
