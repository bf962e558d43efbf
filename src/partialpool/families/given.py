"""The quantities that a response is conditional on."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from partialpool.families.link import Link, ProbabilityLink
from partialpool.names import SIGMA

__all__ = ["Given"]


@dataclass(frozen=True, eq=False)
class Given:
    """The linear predictor of some rows under some draws, with the family's parameters.

    Attributes
    ----------
    link
        The model's link.
    eta
        Linear predictor, (draws, rows).
    parameters
        By name, (draws, 1); cutpoints (draws, K - 1), or (draws, rows, K - 1) where they differ between rows; sigma
        (draws, rows) or (1, rows) where it does.
    trials
        Trials of each row, (rows,), or None.
    """

    link: Link
    eta: np.ndarray
    parameters: Mapping[str, np.ndarray]
    trials: np.ndarray | None = None

    @property
    def mean(self) -> np.ndarray:
        """The inverse link of the linear predictor."""
        return self.link.inverse(self.eta)

    @property
    def inner_mean(self) -> np.ndarray:
        """The mean of a proportion, kept away from 0 and 1, to which it may round."""
        return np.clip(self.mean, np.finfo(float).eps, 1 - np.finfo(float).eps)

    @property
    def probability(self) -> ProbabilityLink:
        """The link of a family whose mean is a probability."""
        if not isinstance(self.link, ProbabilityLink):
            raise TypeError(f"{self.link.name} is not a link for probabilities")
        return self.link

    @property
    def sigma(self) -> np.ndarray:
        """The scale, or the known standard errors."""
        return self.parameters[SIGMA]

    @property
    def nu(self) -> np.ndarray:
        """Degrees of freedom."""
        return self.parameters["nu"]

    @property
    def alpha(self) -> np.ndarray:
        """Shape."""
        return self.parameters["alpha"]

    @property
    def phi(self) -> np.ndarray:
        """Precision."""
        return self.parameters["phi"]

    @property
    def zi(self) -> np.ndarray:
        """Probability of an extra zero."""
        return self.parameters["zi"]

    @property
    def hu(self) -> np.ndarray:
        """Probability of a zero."""
        return self.parameters["hu"]
