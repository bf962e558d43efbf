"""Families of ordered categories whose probabilities are computed from a linear predictor and cutpoints."""

from abc import abstractmethod
from typing import TYPE_CHECKING, override

import numpy as np

from partialpool.distributions.prior import Prior
from partialpool.families.family import Family
from partialpool.families.given import Given
from partialpool.families.link import Link
from partialpool.families.links import LINKS
from partialpool.families.support import ORDINAL
from partialpool.names import CUTPOINTS, THRESHOLDS

if TYPE_CHECKING:
    import pytensor.tensor as pt

    from partialpool.families.twin import TensorGiven

__all__ = [
    "CUTPOINTS_PRIOR",
    "OrderedCategories",
    "cutpoints_by_row",
    "cutpoints_less_predictor",
    "of_response",
    "tensor_cutpoints",
]

CUTPOINTS_PRIOR = (CUTPOINTS, Prior("Dirichlet", a=1))
"""Every category equally likely at the predictors' means, as in rstanarm's `stan_polr`."""


class OrderedCategories(Family):
    """A family that states the log probability of each category; its density, tails and draws follow."""

    support = ORDINAL
    parameters = (CUTPOINTS_PRIOR,)
    has_mean = False
    picture = "categories"

    @abstractmethod
    def log_shares(self, given: Given) -> np.ndarray:
        """Evaluate the log probability of each category, (draws, rows, K)."""

    @override
    def link_of(self, parameter: str) -> Link:
        """Return the link of a threshold's predictor, which is on the scale of the model's."""
        return LINKS["identity"]

    @override
    def log_density(self, given: Given, y: np.ndarray) -> np.ndarray:
        return of_response(self.log_shares(given), y)

    @override
    def tails(self, given: Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        p = np.exp(self.log_shares(given))
        codes = np.arange(p.shape[2])
        return (p * (codes < y[:, None])).sum(axis=2), (p * (codes > y[:, None])).sum(axis=2)

    @override
    def draw(self, given: Given, rng: np.random.Generator) -> np.ndarray:
        below = np.cumsum(np.exp(self.log_shares(given)), axis=2)[:, :, :-1]
        return (below < rng.random(given.eta.shape)[:, :, None]).sum(axis=2).astype(float)

    @override
    def residual_moments(self, given: Given) -> tuple[np.ndarray, np.ndarray]:
        """Return placeholders: categories have neither mean nor variance, and their checks use neither."""
        return given.eta, np.ones_like(given.eta)


def cutpoints_less_predictor(given: Given) -> np.ndarray:
    """Return the cutpoints minus the linear predictor, (draws, rows, K - 1)."""
    return cutpoints_by_row(given.parameters[CUTPOINTS]) - given.eta[:, :, None]


def cutpoints_by_row(cutpoints: np.ndarray) -> np.ndarray:
    """Return cutpoints (draws, 1, K - 1), or (draws, rows, K - 1) where they differ between rows."""
    return cutpoints if cutpoints.ndim == 3 else cutpoints[:, None, :]


def tensor_cutpoints(given: "TensorGiven") -> "pt.TensorVariable":
    """Return cutpoints in PyTensor, (1, K - 1), or (rows, K - 1) less the effects of the thresholds in each row."""
    cutpoints, effects = given.parameters[CUTPOINTS][None, :], given.parameters.get(THRESHOLDS)
    return cutpoints if effects is None else cutpoints - effects


def of_response(values: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the values of each row's category, (draws, rows), from (draws, rows, K)."""
    code = np.broadcast_to(y.astype(int)[None, :, None], (*values.shape[:2], 1))
    return np.take_along_axis(values, code, axis=2)[..., 0]
