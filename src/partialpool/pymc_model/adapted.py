"""Coordinates in which the posterior of a factor's offsets is isotropic for any sd: the `adapted` parametrization.

Non-centred offsets z ~ N(0, I), b = sd z, have posteriors that narrow as sd grows if the data are informative about b;
centred effects b ~ N(0, sd^2) have a funnel if they are not (Papaspiliopoulos, Roberts & Skold 2007). With G the
information of the data on b after the fixed effects are profiled out,

    G = Z'WZ - Z'WX (X'WX)^-1 X'WZ = Q diag(lambda) Q',

the coordinate k of Q'z has posterior variance near 1 / (1 + sd^2 lambda_k). So sample

    v_k ~ N(0, h_k),   h_k = sqrt(1 + sd^2 lambda_k),   z = Q (v / h).

Since Q is orthonormal, z is exactly N(0, I): the model is unchanged, and W only has to be roughly right. Directions on
which the data have no information (lambda = 0: all levels up, the intercept down) stay non-centred; those with much
information are in effect centred.

The fixed effects are also sampled in coordinates that the data identify, called `swept`:
beta* = beta + (X'WX)^-1 X'W Z b, obtained given b by a shift of the location of their prior.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pymc as pm
import pytensor.tensor as pt

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.model.coefficient_prior import CoefficientPrior

__all__ = [
    "InformedBasis",
    "Sweep",
    "adapted_offsets",
    "can_adapt",
    "information_matrix",
    "informed_basis",
    "make_sweep",
]

MAX_LEVELS: Final = 400
"""With more levels than this a factor stays non-centred, since the rotation costs levels^2 per gradient."""


@dataclass(frozen=True, eq=False)
class InformedBasis:
    """Directions of one effect's offsets over the levels, with the information of the data on each.

    Attributes
    ----------
    rotation
        Q, shape (levels, levels), orthonormal columns.
    information
        lambda, shape (levels,), in units of 1 / (linear predictor)^2.
    """

    rotation: np.ndarray
    information: np.ndarray


@dataclass(frozen=True, eq=False)
class Sweep:
    """The part of the group effects that fixed effects can represent: (X'WX)^-1 X'W Z*_f per factor.

    Z* are the columns of the effects that are sampled, at the predictors' means: with those at zero, a slope over
    calendar years would be treated as a constant of 2,000 times its size.

    Attributes
    ----------
    shares
        These matrices by factor, shape (coefs, levels, effects), for the coordinates of the fixed effects.
    """

    shares: dict[str, np.ndarray]

    def shift(self, b: dict[str, pt.TensorVariable]) -> pt.TensorVariable:
        """Return the coefficients that represent the group effects, shape (coefs,)."""
        shifts = [pt.tensordot(share, b[name], axes=[[1, 2], [0, 1]]) for name, share in self.shares.items()]
        return pt.stack(shifts).sum(axis=0)


def can_adapt(factor: FactorEffects) -> bool:
    """Whether a factor's offsets can be adapted: its effects and levels are independent, and levels few enough."""
    return not factor.correlated and factor.root is None and factor.n_levels <= MAX_LEVELS


def information_matrix(design: Design, weights: np.ndarray, factor: FactorEffects, effect: int) -> np.ndarray:
    """Compute G, the information of the data on one effect of a factor, fixed effects profiled out: (levels, levels).

    `weights` is the diagonal of W, from `row_information`, shape (rows,).
    """
    z = factor.freed_values[:, effect]
    matrix = _profiled(design)
    cross = _per_level(matrix * (weights * z)[:, None], factor)
    gram = (matrix * weights[:, None]).T @ matrix
    own = factor.sum(weights * z**2)
    return np.diag(own) - cross @ np.linalg.solve(gram, cross.T)


def informed_basis(information: np.ndarray) -> InformedBasis:
    """Decompose an information matrix into directions, G = Q diag(lambda) Q'."""
    values, rotation = np.linalg.eigh(information)
    return InformedBasis(rotation, np.clip(values, 0.0, None))


def adapted_offsets(name: str, basis: InformedBasis, sd: pt.TensorVariable) -> pt.TensorVariable:
    """Create offsets z ~ N(0, I) of one effect, shape (levels,), sampled in their informed basis."""
    spread = pt.sqrt(1 + sd**2 * basis.information)
    v = pm.Normal(name, 0.0, spread, shape=len(basis.information))
    return pt.dot(basis.rotation, v / spread)


def make_sweep(design: Design, coordinates: CoefficientPrior, weights: np.ndarray) -> Sweep:
    """Compute how the fixed effects are swept; `weights` as for `information_matrix`."""
    matrix = coordinates.columns(design)
    gram = (matrix * weights[:, None]).T @ matrix
    shares = {}
    for factor in design.factors:
        columns = [_per_level(matrix * (weights * z)[:, None], factor) for z in factor.freed_values.T]
        shares[factor.name] = np.stack([np.linalg.solve(gram, column.T) for column in columns], axis=2)
    return Sweep(shares)


def _standardised(design: Design) -> np.ndarray:
    """Return [1 X], predictors standardised, shape (rows, coefs)."""
    common = design.common
    return np.column_stack([np.ones(design.n_rows), common.standardised]) if common.intercept else common.standardised


def _profiled(design: Design) -> np.ndarray:
    """Return columns that can absorb a shift of all levels: the fixed effects, and an ordinal model's cutpoints."""
    matrix = _standardised(design)
    ordinal = design.spec.intercept and not design.common.intercept
    return np.column_stack([np.ones(design.n_rows), matrix]) if ordinal else matrix


def _per_level(columns: np.ndarray, factor: FactorEffects) -> np.ndarray:
    """Sum rows by level, shape (levels, columns)."""
    sums = [factor.sum(column) for column in columns.T]
    return np.stack(sums, axis=1) if sums else np.empty((factor.n_levels, 0))
