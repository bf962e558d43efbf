"""The interface of a density to the samplers: they can draw from any marginal that has it."""

from typing import Protocol

import numpy as np

__all__ = ["Target"]


class Target(Protocol):
    """A log density of theta, a real vector, with information about its elements."""

    @property
    def size(self) -> int:
        """Number of elements of theta."""

    @property
    def log_sds(self) -> np.ndarray:
        """Positions in theta of the standard deviations on the log scale, which have long tails near zero."""

    @property
    def partial_correlations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions in theta of the atanh partial correlations, and of the log sds of the two effects of each."""

    @property
    def work(self) -> float:
        """Number of multiplications of one evaluation."""

    @property
    def is_cheap(self) -> bool:
        """Whether a density is evaluated in microseconds."""

    @property
    def has_cheap_gradient(self) -> bool:
        """Whether a gradient costs less than differences of the log density do."""

    def log_densities(self, thetas: np.ndarray, *, workers: int = 1) -> np.ndarray:
        """Evaluate the log density of each row of thetas (n, elements), on some threads; shape (n,)."""

    def gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the log density and its gradient (elements,)."""
