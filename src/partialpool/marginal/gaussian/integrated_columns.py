"""The common columns of the algebra: coordinates with independent priors, of which normal ones integrate out."""

from dataclasses import dataclass

import numpy as np

from partialpool.distributions.prior import Prior
from partialpool.marginal.gaussian.moments import Moments
from partialpool.marginal.gaussian.parameters import Normals
from partialpool.marginal.gaussian.standardise import Units
from partialpool.model.coefficient_prior import CoefficientPrior

__all__ = ["Columns", "columns_of", "integrated_columns", "normals_of"]


@dataclass(frozen=True, eq=False)
class Columns:
    """The common columns of the algebra: C, the prior of each in `Units`, the location's part of each coefficient."""

    turn: np.ndarray
    priors: tuple[Prior, ...]
    taken_off: np.ndarray


def columns_of(prior: CoefficientPrior, units: Units) -> Columns:
    """Express the coordinates of a design's fixed effects in `Units`."""
    off = units.taken_off
    if not prior.is_orthonormal:
        off = np.linalg.solve(prior.turn, off)
    return Columns(prior.turn, tuple(p.in_units_of(units.unit) for p in prior.priors), off)


def integrated_columns(columns: Columns, moments: Moments) -> tuple[np.ndarray, np.ndarray]:
    """Which columns have a normal prior, boolean (coefs,), and what is taken off the response for each, (coefs,)."""
    integrated = np.array([prior.distribution == "Normal" for prior in columns.priors], bool)
    known = np.zeros(len(columns.priors))
    for i in np.flatnonzero(integrated):
        stated = columns.priors[i].arguments
        if stated["sigma"] * np.sqrt(moments.rows) < 1:
            known[i] = stated["mu"] - columns.taken_off[i]
    return integrated, known


def normals_of(columns: Columns, integrated: np.ndarray, known: np.ndarray) -> Normals:
    """Return the normal priors of the integrated columns, less what was taken off the response for each, (coefs,)."""
    taken_off = columns.taken_off + known
    inside = [(columns.priors[i].arguments, taken_off[i]) for i in np.flatnonzero(integrated)]
    mu, sd = np.array([(a["mu"] - t, a["sigma"]) for a, t in inside], float).reshape(-1, 2).T
    return Normals(np.ascontiguousarray(sd), mu / sd, np.ones(len(sd)))
