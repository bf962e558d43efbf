"""What the cutpoints of ordered categories mean: each gives the probability of one event, without effects.

A cutpoint c_k at the predictors' means is F^-1(q_k), F the inverse link, and q_k the probability of an event that
depends on the family:

    cumulative   y <= k                      q_k = p_1 + ... + p_k
    sequential   y = k given y >= k          q_k = p_k / (p_k + ... + p_K)
    adjacent     y = k given k or k + 1      q_k = p_k / (p_k + p_(k+1))

The K - 1 cutpoints and the K probabilities p of the categories determine each other. So one prior, of p, serves every
family; a family names its record, and other code uses the record alone.
"""

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Final, override

import numpy as np

from partialpool.families.link import ProbabilityLink

if TYPE_CHECKING:
    import pytensor.tensor as pt

__all__ = ["ADJACENT", "CUMULATIVE", "SEQUENTIAL", "Cutpoints"]


class Cutpoints(ABC):
    """The meaning of cutpoints. Arrays have categories, or cutpoints, along their last dimension."""

    name: ClassVar[str]
    event: ClassVar[str]
    """The event of cutpoint k, in terms of y and k."""
    chance_name: ClassVar[str]
    """A name for the probabilities of the events."""
    ascend: ClassVar[bool] = False
    """Whether cutpoints must ascend; otherwise each may be any number."""

    @abstractmethod
    def event_chances(self, shares: np.ndarray) -> np.ndarray:
        """Return the probability of each event (..., K - 1), given those of the categories (..., K)."""

    @abstractmethod
    def shares(self, link: ProbabilityLink, cutpoints: np.ndarray) -> np.ndarray:
        """Return the probability of each category (..., K) at cutpoints (..., K - 1)."""

    @abstractmethod
    def tensor_event_chances(self, shares: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        """Return the probabilities of the events in PyTensor, (K - 1,)."""

    def at_shares(self, link: ProbabilityLink, shares: np.ndarray) -> np.ndarray:
        """Return the cutpoints (..., K - 1) at which the categories have these probabilities (..., K).

        Probabilities of events are kept 1e-15 away from 0 and 1, to which they may round.

        Examples
        --------
        >>> from partialpool.families.links import LINKS
        >>> CUMULATIVE.at_shares(LINKS["logit"], np.array([0.25, 0.5, 0.25])).round(3)
        array([-1.099,  1.099])
        >>> SEQUENTIAL.at_shares(LINKS["logit"], np.array([0.25, 0.5, 0.25])).round(3)
        array([-1.099,  0.693])
        >>> ADJACENT.at_shares(LINKS["logit"], np.array([0.25, 0.5, 0.25])).round(3)
        array([-0.693,  0.693])
        """
        return link.forward(np.clip(self.event_chances(shares), 1e-15, 1 - 1e-15))

    def tensor_at_shares(self, link: ProbabilityLink, shares: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        """Return the cutpoints at probabilities of the categories in PyTensor, (K - 1,)."""
        return link.tensor_forward(self.tensor_event_chances(shares, pt), pt)


class _Cumulative(Cutpoints):
    name = "cumulative"
    event = "y <= k"
    chance_name = "below"
    ascend = True

    @override
    def event_chances(self, shares: np.ndarray) -> np.ndarray:
        return np.cumsum(shares, axis=-1)[..., :-1]

    @override
    def shares(self, link: ProbabilityLink, cutpoints: np.ndarray) -> np.ndarray:
        below = link.inverse(cutpoints)
        end = np.zeros((*below.shape[:-1], 1))
        return np.diff(np.concatenate([end, below, end + 1], axis=-1), axis=-1)

    @override
    def tensor_event_chances(self, shares: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return pt.cumsum(shares)[:-1]


class _Sequential(Cutpoints):
    name = "sequential"
    event = "y = k | y >= k"
    chance_name = "stop"

    @override
    def event_chances(self, shares: np.ndarray) -> np.ndarray:
        left = np.cumsum(shares[..., ::-1], axis=-1)[..., ::-1]
        return shares[..., :-1] / left[..., :-1]

    @override
    def shares(self, link: ProbabilityLink, cutpoints: np.ndarray) -> np.ndarray:
        end = np.zeros((*cutpoints.shape[:-1], 1))
        reached = np.cumsum(link.log_failure(cutpoints), axis=-1)
        stopped = link.log_success(cutpoints)
        return np.exp(np.concatenate([end, reached], axis=-1) + np.concatenate([stopped, end], axis=-1))

    @override
    def tensor_event_chances(self, shares: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return shares[:-1] / pt.cumsum(shares[::-1])[::-1][:-1]


class _Adjacent(Cutpoints):
    name = "adjacent"
    event = "y = k | k <= y <= k + 1"
    chance_name = "lower"

    @override
    def event_chances(self, shares: np.ndarray) -> np.ndarray:
        return shares[..., :-1] / (shares[..., :-1] + shares[..., 1:])

    @override
    def shares(self, link: ProbabilityLink, cutpoints: np.ndarray) -> np.ndarray:
        """Return shares of which p_(k+1) is (1 - q_k) / q_k times p_k."""
        end = np.zeros((*cutpoints.shape[:-1], 1))
        odds = link.log_failure(cutpoints) - link.log_success(cutpoints)
        logs = np.concatenate([end, np.cumsum(odds, axis=-1)], axis=-1)
        relative = np.exp(logs - logs.max(axis=-1, keepdims=True))
        return np.asarray(relative / relative.sum(axis=-1, keepdims=True))

    @override
    def tensor_event_chances(self, shares: "pt.TensorVariable", pt: Any) -> "pt.TensorVariable":
        return shares[:-1] / (shares[:-1] + shares[1:])


CUMULATIVE: Final[Cutpoints] = _Cumulative()
SEQUENTIAL: Final[Cutpoints] = _Sequential()
ADJACENT: Final[Cutpoints] = _Adjacent()
