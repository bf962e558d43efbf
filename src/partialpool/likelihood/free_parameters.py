"""The parameters of a generalised model as free coordinates, in which its likelihood is maximised.

They are the elements of T (`covariance_factor`), the coefficients of the algebra's columns, and the family's own
parameters on the real line, each in units of about its standard error.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Self

import numpy as np

from partialpool.likelihood.boundary_optimizer import has_density
from partialpool.likelihood.covariance_factor import Relative, Roots, covariance_roots, relative_coordinates
from partialpool.likelihood.structured_roots import StructuredRoots
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.own_parameters import Own

__all__ = ["FreeParameters", "Point"]

_WIDE: Final = 0.05
"""Step of the second differences that determine units."""
_OWN_REACH: Final = 25.0
"""How far the own parameters are searched on the real line: beyond, only rounding changes."""
_STEP: Final = 1e-6
"""Step of the differences of the own parameters' transformation, whose error is about its square."""


@dataclass(frozen=True, eq=False)
class Point:
    """Parameters of a generalised model.

    Attributes
    ----------
    roots
        Lambda of every factor in order of elimination, (factors, most effects, most effects).
    beta
        Coefficients of the algebra's columns, (coefs,).
    own
        The family's parameters on their natural scale, (parameters,).
    """

    roots: np.ndarray
    beta: np.ndarray
    own: np.ndarray


@dataclass(frozen=True, eq=False)
class FreeParameters:
    """Coordinates t, (size,): elements of T, coefficients, own parameters, divided by their units.

    Attributes
    ----------
    relative, roots
        The first elements' coordinates.
    coefs
        Number of coefficients.
    own
        The family's own parameters.
    units
        Unit of each element, (size,).
    """

    relative: Relative
    roots: Roots | StructuredRoots
    coefs: int
    own: Own
    units: np.ndarray

    @classmethod
    def of(cls, marginal: Marginal, own: Own, spread: float) -> Self:
        """Lay out the parameters of a marginal that keeps all coefficients.

        Parameters
        ----------
        marginal, own
            The marginal, and the family's own parameters.
        spread
            Unit of T and of the coefficients: how much the linear predictor varies, in units of the algebra.
        """
        relative, coefs = relative_coordinates(marginal), len(marginal.integrated)
        units = np.append(np.full(relative.size + coefs, spread), np.ones(len(own.start)))
        structured = any(factor.structure.is_stated for factor in marginal.design.factors)
        roots = StructuredRoots(marginal, relative) if structured else covariance_roots(marginal)
        return cls(relative, roots, coefs, own, units)

    def scaled(self, t: np.ndarray, deviance: Callable[[np.ndarray], float]) -> Self:
        """Return the same in units of about a standard error, from second differences of the deviance at t.

        t is in the units so far.
        """
        here, units = deviance(t), np.ones(len(t))
        for k, step in enumerate(_WIDE * np.eye(len(t))):
            beside = deviance(t + step), deviance(t - step)
            bend = (beside[0] - 2 * here + beside[1]) / (2 * _WIDE**2)
            if has_density(max(here, *beside)) and bend > 0:
                units[k] = 1 / np.sqrt(bend)
        # A factor of e is a step of 1 in the own parameters' logarithms: more leads beyond all numbers.
        units[self.of_own] = np.minimum(units[self.of_own], 1.0)
        return replace(self, units=self.units * units)

    @property
    def diagonal(self) -> np.ndarray:
        """Which elements are on a diagonal of T, and therefore bounded by 0, boolean (size,)."""
        return np.append(self.relative.diagonal, np.zeros(self.coefs + len(self.own.start), bool))

    @property
    def reach(self) -> np.ndarray:
        """How far from the start each element is searched, (size,): own parameters over a factor of e^25."""
        out = np.append(self.relative.reach, np.full(self.coefs, np.inf))
        return np.append(out, _OWN_REACH / self.units[self.of_own])

    @property
    def of_beta(self) -> slice:
        """Where the coefficients are."""
        return slice(self.relative.size, self.relative.size + self.coefs)

    @property
    def of_own(self) -> slice:
        """Where the own parameters are."""
        return slice(self.relative.size + self.coefs, None)

    def start(self, scale: float, beta: np.ndarray) -> np.ndarray:
        """Return a starting point with T = scale I, (size,); scale and coefficients in units of the algebra."""
        return np.concatenate([self.relative.start(scale), beta, self.own.start]) / self.units

    def same(self, t: np.ndarray, k: int) -> list[np.ndarray]:
        """Return other t of the same covariances; see `Relative.same`."""
        head, rest = np.split(t * self.units, [self.relative.size])
        return [np.append(other, rest) / self.units for other in self.relative.same(head, k)]

    def point(self, t: np.ndarray) -> Point:
        """Return the parameters at t."""
        t = t * self.units
        return Point(self.roots.of(t[: self.relative.size]), t[self.of_beta], self.own.values(t[self.of_own]))

    def pull_back(self, t: np.ndarray, roots: np.ndarray, beta: np.ndarray, own: np.ndarray) -> np.ndarray:
        """Turn slopes with respect to a point's roots, coefficients and own parameters into those in t, (size,)."""
        relative, at = (t * self.units)[: self.relative.size], (t * self.units)[self.of_own]
        of_own = [
            own @ (self.own.values(at + step) - self.own.values(at - step)) / (2 * _STEP)
            for step in _STEP * np.eye(len(at))
        ]
        return np.concatenate([self.roots.pull_back(roots, relative), beta, np.array(of_own, float)]) * self.units
