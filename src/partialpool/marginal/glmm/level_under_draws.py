"""Group effects of one level integrated out, under each draw of all other parameters."""

from typing import Final, NamedTuple

import numpy as np

from partialpool.kernels import kernel
from partialpool.marginal.glmm.level_integrals import Sums, integrate_level
from partialpool.marginal.glmm.level_integrand import FOR_SCORES, Level
from partialpool.marginal.glmm.row_density import RowDensity
from partialpool.workers import cores_allowed, map_pieces, threads_wished

__all__ = ["LevelUnderDraws", "integrate_under_draws", "log_integrals"]

_PIECE: Final = 250
"""Draws in a piece of work."""


class LevelUnderDraws(NamedTuple):
    """The rows of one level, and what they are given in each draw.

    Attributes
    ----------
    y, known
        As the family's row kernel reads them, (rows,).
    effects
        Columns of the effects, (effects, predictors x rows).
    is_concave
        Whether every log density is concave in the effects.
    base
        Linear predictors without the effects, (draws, predictors x rows).
    roots
        Cholesky factors of the effects' covariances, (draws, effects, effects).
    own
        The family's parameters, (draws, parameters); those with a predictor are not read.
    """

    y: np.ndarray
    known: np.ndarray
    effects: np.ndarray
    is_concave: bool
    base: np.ndarray
    roots: np.ndarray
    own: np.ndarray


@kernel
def integrate_under_draws(
    density: RowDensity,
    given: LevelUnderDraws,
    first: int,
    last: int,
    values: np.ndarray,
    errors: np.ndarray,
) -> None:
    """Write log p(y | draw), without the row kernel's constant, and bounds of its error, of draws first to last - 1."""
    q, size = given.effects.shape
    turned, eta, slope, information = np.empty((q, size)), np.empty(size), np.empty(size), np.empty(size)
    own_slope = np.zeros(given.own.shape[1])
    sums = Sums(np.zeros(1), np.zeros((2, q)), np.zeros(size), np.zeros((q, q)), np.zeros(given.own.shape[1]))
    for d in range(first, last):
        for c in range(q):
            for i in range(size):
                turned[c, i] = 0.0
                for e in range(q):
                    turned[c, i] += given.effects[e, i] * given.roots[d, e, c]
        level = Level(
            density,
            FOR_SCORES,
            given.y,
            given.known,
            given.base[d],
            turned,
            given.own[d],
            eta,
            slope,
            information,
            own_slope,
            given.is_concave,
        )
        values[d], errors[d], _ = integrate_level(level, given.effects, sums)


def log_integrals(density: RowDensity, given: LevelUnderDraws) -> tuple[np.ndarray, np.ndarray]:
    """Integrate the effects out on every core.

    Returns
    -------
    tuple of numpy.ndarray
        Log densities without the row kernel's constant, -inf where a row has none; bounds of their errors; (draws,).
    """
    draws = len(given.base)
    values, errors = np.empty(draws), np.empty(draws)

    def work(first: int) -> None:
        integrate_under_draws(density, given, first, min(first + _PIECE, draws), values, errors)

    map_pieces(work, range(0, draws, _PIECE), threads_wished() or cores_allowed())
    return values, errors
