"""The prior of the fixed effects as independent coordinates g, which engines sample or integrate.

With delta = R beta the coefficients of the orthonormal columns (`design/common_basis.py`), each coordinate represents a
coefficient with a separate prior, in units of the response, or a direction of the coefficients with a joint prior:

    delta = C g,   C = [Q, R_j / s_j, ...],   Q U = the columns of R that belong to S,

g_j = s_j beta_j for a coefficient j with its own prior, s_j its column's sd, and g_S = U beta_S ~ N(m, sigma^2 I) for
the coefficients S of a joint prior, Q orthonormal. C is the identity where all share one prior. The intercept is a
separate coordinate, at the predictors' means.
"""

from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular

from partialpool.design.common_basis import triangular_root
from partialpool.design.design import Design
from partialpool.distributions.prior import Prior
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, INTERCEPT

__all__ = ["CoefficientPrior", "coefficient_prior"]


@dataclass(frozen=True, eq=False)
class CoefficientPrior:
    """Coordinates of the fixed effects with independent priors.

    Attributes
    ----------
    turn
        C, with the intercept's own row and column first where there is one, (coefs, coefs).
    priors
        Prior of each coordinate, in the units of the linear predictor, (coefs,).
    own
        Whether each coordinate is a coefficient with its own prior, boolean (coefs,); the others are directions.
    units
        Units of each coefficient in its coordinate: s_j, 1 for the intercept and for directions, (coefs,).
    """

    turn: np.ndarray
    priors: tuple[Prior, ...]
    own: np.ndarray
    units: np.ndarray

    @property
    def is_orthonormal(self) -> bool:
        """Whether the coordinates are those of the orthonormal columns themselves."""
        return np.array_equal(self.turn, np.eye(len(self.turn)))

    def columns(self, design: Design) -> np.ndarray:
        """Return [1 X* C], the columns that the coordinates multiply, (rows, coefs)."""
        common = design.common
        whole = (common.values - common.center) @ common.basis.inverse
        if common.intercept:
            whole = np.column_stack([np.ones(len(whole)), whole])
        return whole @ self.turn

    def coefficients(self, design: Design, coordinates: np.ndarray) -> np.ndarray:
        """Return coefficients at the predictors' zero, (draws, coefs), from coordinates."""
        common, first = design.common, 1 if design.common.intercept else 0
        out = coordinates @ self.turn.T
        out[:, first:] = out[:, first:] @ common.basis.inverse.T
        if first:
            out[:, 0] -= out[:, 1:] @ common.center
        return out

    def of_coefficients(self, design: Design, beta: np.ndarray) -> np.ndarray:
        """Return coordinates, (draws, coefs), from coefficients at the predictors' zero."""
        common, first = design.common, 1 if design.common.intercept else 0
        delta = beta.copy()
        if first:
            delta[:, 0] += beta[:, 1:] @ common.center
        delta[:, first:] = beta[:, first:] @ common.basis.root.T
        return np.linalg.solve(self.turn, delta.T).T

    def log_volume(self, design: Design) -> float:
        """Return log |d g / d beta| of the directions, given the coefficients that have separate priors."""
        own = np.log(self.units).sum()
        whole = np.log(np.abs(np.diagonal(design.common.basis.root))).sum()
        return float(whole - np.linalg.slogdet(self.turn)[1] - own)


def coefficient_prior(design: Design, priors: PriorSet) -> CoefficientPrior:
    """Return the coordinates of a design's fixed effects in which their prior is a product."""
    common = design.common
    first = 1 if common.intercept else 0
    size = first + len(common.names)
    turn, own, units = np.eye(size), np.ones(size, bool), np.ones(size)
    chosen: dict[int, Prior] = {0: priors[f"{BETA}[{INTERCEPT}]"]} if first else {}
    places = [common.names.index(coef) for coef in priors.together]
    if places:
        root = common.basis.root[:, places]
        inner = triangular_root(root)
        if len(places) < len(common.names):
            turn[first:, [first + p for p in places]] = solve_triangular(inner, root.T, trans="T").T  # Q
        joint = priors[BETA].arguments
        mean = np.zeros(len(places))
        if joint["mu"] and common.basis.constant is not None:
            mean = inner @ common.basis.constant[places] * joint["mu"]
        for place, mu in zip(places, mean, strict=True):
            chosen[first + place] = Prior("Normal", mu=float(mu), sigma=joint["sigma"])
            own[first + place] = False
    for place, name in enumerate(common.names):
        if place not in places:
            scale = common.scale[place]
            turn[first:, first + place] = common.basis.root[:, place] / scale
            chosen[first + place] = priors[f"{BETA}[{name}]"].in_units_of(1 / float(scale))
            units[first + place] = scale
    return CoefficientPrior(turn, tuple(chosen[i] for i in range(size)), own, units)
