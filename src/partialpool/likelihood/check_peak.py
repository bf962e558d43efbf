"""Whether a search has found a maximum of a generalised model's likelihood, and how precise its estimates are.

All is judged in the coordinates of `free_parameters`, whose units are about standard errors where the search began, so
that no unit of the data matters.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np

from partialpool.errors import EngineError
from partialpool.likelihood.boundary_optimizer import Deviance, Minimum, curvature, has_density
from partialpool.likelihood.free_parameters import FreeParameters

__all__ = ["Peak", "check_peak"]

_FARTHEST: Final = 0.03
"""Largest distance from the maximum, in standard errors, at which the search may end."""
_NEWTON_STEPS: Final = 10
_STEP: Final = 0.02
"""Step of the differences, in units of the coordinates."""
_FLAT: Final = 1e-3
"""Information, relative to that where the search began, below which the data say nothing about a direction."""
_BENT_UP: Final = 0.03
"""Negative information beyond which a point is a saddle; less may be an error of the differences."""


@dataclass(frozen=True, eq=False)
class Peak:
    """A maximum.

    Attributes
    ----------
    t, deviance
        Where, (size,), and -2 log likelihood there.
    covariance
        Covariance of the coefficients of the algebra's columns, (coefs, coefs), from the Hessian in all parameters;
        sds of 0, and parameters about which the data say nothing, are taken as known.
    distance
        Distance to the maximum, in standard errors.
    at_end
        Names of the family's parameters about which the data say nothing: at the end of their range.
    """

    t: np.ndarray
    deviance: float
    covariance: np.ndarray
    distance: float
    at_end: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Local:
    """The likelihood near a point: which elements count, their information in principal axes, and its slope there.

    Attributes
    ----------
    kept, silent
        Elements that are free and informed, and free ones about which the data say nothing: positions in t.
    information, slope
        Minus the Hessian, and the slope of minus the log likelihood, of the elements that are kept.
    values, axes
        Eigenvalues and eigenvectors of the information.
    """

    kept: np.ndarray
    silent: np.ndarray
    information: np.ndarray
    slope: np.ndarray
    values: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, function: Deviance, parameters: FreeParameters, t: np.ndarray) -> Self:
        """Take differences of the gradient at t."""
        at = np.flatnonzero(~(parameters.diagonal & (t == 0)))
        free = np.isin(np.arange(len(t)), at)
        hessian = curvature(function, t, free, np.full(len(at), _STEP)) if len(at) else np.zeros((0, 0))
        if hessian is None:
            raise _not_maximised("a search that ended where the likelihood has no curvature")
        information, slope = hessian / 2, function.slope(t)[1][at] / 2
        silent = (at >= parameters.of_own.start) & (np.diagonal(information) < _FLAT)
        information = information[np.ix_(~silent, ~silent)]
        return cls(at[~silent], at[silent], information, slope[~silent], *np.linalg.eigh(information))

    @property
    def is_bent_up(self) -> bool:
        """Whether it is a saddle, or a minimum."""
        return bool(self.values.min(initial=1.0) < -_BENT_UP)

    @property
    def newton(self) -> np.ndarray:
        """Newton's step of the elements that are kept, none in directions about which the data say nothing."""
        return -(self.axes / self._divisors) @ (self.axes.T @ self.slope)

    @property
    def distance(self) -> float:
        """Distance to the maximum, in standard errors."""
        return float(np.sqrt(((self.axes.T @ self.slope) ** 2 / np.maximum(np.abs(self.values), _FLAT)).sum()))

    @property
    def covariance(self) -> np.ndarray:
        """The inverse of the information, without directions about which the data say nothing."""
        return (self.axes / self._divisors) @ self.axes.T

    @property
    def _divisors(self) -> np.ndarray:
        return np.where(self.values < _FLAT, np.inf, self.values)


def check_peak(function: Deviance, parameters: FreeParameters, found: Minimum) -> Peak:
    """Check that a search ended at a maximum; where rounding of the likelihood stopped it before, go on by its slope.

    Raises
    ------
    EngineError
        It did not; or there is no maximum at finite coefficients.
    """
    if not has_density(found.deviance):
        raise _not_maximised("no parameters under which every row has a density")
    t, local = found.t, _Local.of(function, parameters, found.t)
    for _ in range(_NEWTON_STEPS):
        if local.is_bent_up or local.distance < _FARTHEST:
            break
        moved = t.copy()
        moved[local.kept] += local.newton
        if (moved[parameters.diagonal] < 0).any() or not has_density(function.value(moved)):
            break
        t, local = moved, _Local.of(function, parameters, moved)
    if local.is_bent_up:
        raise _not_maximised(
            "a search that ended at a saddle: in some direction the likelihood rises faster and faster"
        )
    if not local.distance < _FARTHEST:
        raise _not_maximised(f"a search that ended {local.distance:.2g} standard errors from the maximum")
    is_beta = (local.kept >= parameters.of_beta.start) & (local.kept < parameters.of_beta.stop)
    of_beta = np.ix_(is_beta, is_beta)
    _check_finite(local.information[of_beta])
    unit = parameters.units[local.kept]
    own = parameters.own
    names = own.names * len(t) if own.priors.cutpoints.number else own.names
    at_end = dict.fromkeys(names[k - parameters.of_own.start] for k in local.silent)
    covariance = (local.covariance * np.outer(unit, unit))[of_beta]
    return Peak(t, function.value(t), covariance, local.distance, tuple(at_end))


def _check_finite(information: np.ndarray) -> None:
    """Refuse coefficients about which the data say nothing where the search ended."""
    least = float(np.linalg.eigvalsh(information).min(initial=1.0))
    if least < _FLAT:
        raise EngineError(
            "the likelihood has no maximum at finite coefficients",
            got=f"a combination of coefficients that has only {max(least, 0.0):.1g} times the information that it had "
            "where the search began",
            allowed="a response that no predictor, and no combination of predictors, separates: no category whose "
            "responses are all 0, or all at the same end",
            do="leave out the predictor that separates the response, or use fit, whose priors keep estimates finite",
        )


def _not_maximised(found: str) -> EngineError:
    return EngineError(
        "the likelihood could not be maximised",
        got=found,
        allowed=f"a point less than {_FARTHEST} standard errors from a maximum",
        do="use fit: a posterior needs no maximum",
    )
