"""What a response is conditional on."""

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
        Of the model.
    eta
        Linear predictor, (draws, rows).
    parameters
        By name, (draws, 1); cutpoints (draws, K - 1).
    trials, se
        Of each row, (rows,), or None.
    """

    link: Link
    eta: np.ndarray
    parameters: Mapping[str, np.ndarray]
    trials: np.ndarray | None = None
    se: np.ndarray | None = None

    @property
    def mean(self) -> np.ndarray:
        """The inverse link of the linear predictor."""
        return self.link.inverse(self.eta)

    @property
    def inner_mean(self) -> np.ndarray:
        """A proportion's mean, off the ends to which it may round."""
        return np.clip(self.mean, np.finfo(float).eps, 1 - np.finfo(float).eps)

    @property
    def probability(self) -> ProbabilityLink:
        """The link, of a probability."""
        if not isinstance(self.link, ProbabilityLink):
            raise TypeError(f"{self.link.name} is no link of probabilities")
        return self.link

    @property
    def scaled(self) -> Mapping[str, np.ndarray]:
        """The parameters, known standard errors in place of sigma."""
        return self.parameters if self.se is None else {**self.parameters, SIGMA: self.se}

    @property
    def sigma(self) -> np.ndarray:
        """The scale, or the known standard errors."""
        return self.scaled[SIGMA]

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
