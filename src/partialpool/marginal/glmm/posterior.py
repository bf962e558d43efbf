"""The posterior of a generalised model in coordinates that follow theta, ready to evaluate; and where it peaks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from partialpool.design.design import Design
from partialpool.distributions.density_kernel import encode
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.standardise import Units
from partialpool.marginal.glmm.density import Own, evaluate
from partialpool.marginal.glmm.weighted_rows import Rows
from partialpool.model.default_priors import PriorSet

__all__ = ["Posterior"]


@dataclass(frozen=True, eq=False)
class Posterior:
    """log p(theta, own, e | y) up to p(y): theta and the family's own parameters on the real line, noise e.

    As a `Target` it is the density of (theta, own) at e = 0: Laplace's approximation of their posterior, up to a
    constant, where the working response is that of the mode.

    Attributes
    ----------
    stand_in
        The normal marginal whose conditional draw maps noise to effects.
    rows
        The rows, as the kernels read them.
    own
        Priors of the family's own parameters.
    own_names
        Their names.
    kernels
        The family's row kernels.
    """

    stand_in: Marginal
    rows: Rows
    own: Own
    own_names: tuple[str, ...]
    address: int
    constant: float

    @property
    def size(self) -> int:
        """Elements of theta and of the family's own parameters together."""
        return self.stand_in.size + len(self.own_names)

    @property
    def noise_size(self) -> int:
        """Elements of the noise: group effects, and fixed effects with a normal prior."""
        effects = sum(f.n_levels * len(f.names) for f in self.stand_in.design.factors)
        return effects + self.stand_in.arrangement.density.tail.common

    @property
    def log_sds(self) -> np.ndarray:
        """Positions in theta of the group sds that are on the log scale."""
        return self.stand_in.log_sds

    @property
    def partial_correlations(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Positions of the atanh partial correlations, and of the log sds of the two effects of each."""
        return self.stand_in.partial_correlations

    @property
    def work(self) -> float:
        """Multiplications of one evaluation."""
        rows = self.rows
        return 3 * self.stand_in.arrangement.work + len(rows.y) * (20.0 + len(rows.columns) + rows.widths.sum())

    @property
    def is_cheap(self) -> bool:
        """Whether a density is evaluated in microseconds: exact gradients are what this density has, so no."""
        return False

    @cached_property
    def system(self) -> System:
        """The stand-in's system, every level of the leaf by itself."""
        arrangement = self.stand_in.arrangement
        return arrangement.density._replace(leaf=arrangement.levels)

    def evaluator(self) -> Callable[[np.ndarray], tuple[float, np.ndarray]]:
        """Return a function of x = (theta, own, noise) that gives the log density and its gradient; one per thread."""
        eta = np.empty(len(self.rows.y))
        stand_in, constant = self.stand_in, self.constant
        arguments = (self.system, stand_in.layout, stand_in.normals, stand_in.known, self.own, self.rows, self.address)

        def density(x: np.ndarray) -> tuple[float, np.ndarray]:
            out = np.empty(len(x))
            return evaluate(*arguments, x, eta, out) + constant, out

        return density

    def gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate the log density of (theta, own) at e = 0 and its gradient, (elements,)."""
        value, slope = self.evaluator()(np.concatenate([theta, np.zeros(self.noise_size)]))
        return value, slope[: self.size]

    def log_densities(self, thetas: np.ndarray, *, workers: int = 1) -> np.ndarray:
        """Evaluate the log density at e = 0 of each row of thetas (n, elements), shape (n,)."""
        return np.array([self.gradient(theta)[0] for theta in thetas])

    def linear_predictor(self, theta: np.ndarray) -> np.ndarray:
        """The linear predictor at the conditional mode of everything else, (rows,)."""
        eta = np.empty(len(self.rows.y))
        stand_in = self.stand_in
        x = np.concatenate([theta, np.zeros(self.noise_size)])
        arguments = (self.system, stand_in.layout, stand_in.normals, stand_in.known, self.own, self.rows, self.address)
        evaluate(*arguments, x, eta, np.empty(len(x)))
        return eta
