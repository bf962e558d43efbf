"""From pseudo-levels, which are independent, to levels with a known covariance and back, compiled.

Effects of levels are b = R w, w those of pseudo-levels (`marginal/gaussian/kinship_rotation.py`). Slopes along w are
R' times those along b. Each is one pass over R, levels^2 multiplications.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, part
from partialpool.marginal.gaussian.dense import copied
from partialpool.marginal.gaussian.marginal import Marginal

__all__ = ["Turns", "collect_turns", "turn_effects", "turn_slopes"]


class Turns(NamedTuple):
    """R of every factor whose levels have a known covariance or share the rotation of one.

    Attributes
    ----------
    first
        Position of the factor's first effect among all effects, (turned factors,).
    levels
        Levels of the factor, (turned factors,); each has one effect.
    values
        R of every factor, row by row, one after the other.
    """

    first: np.ndarray
    levels: np.ndarray
    values: np.ndarray


def collect_turns(marginal: Marginal) -> Turns:
    """Collect the rotations of a normal marginal, in order of elimination."""
    first, levels, values, at = [], [], [], 0
    for f in marginal.arrangement.order:
        factor, rotation = marginal.design.factors[f], marginal.rotations[f]
        if rotation is not None:
            first.append(at)
            levels.append(factor.n_levels)
            values.append(rotation.effects.ravel())
        at += factor.n_levels * len(factor.names)
    return Turns(np.array(first, np.int64), np.array(levels, np.int64), np.concatenate([np.zeros(0), *values]))


@part(fastmath=REORDERED)
def turn_effects(turns: Turns, effects: np.ndarray) -> None:
    """Replace effects of pseudo-levels by those of levels, in place; (effects,), in order of elimination."""
    firsts, counts, values = turns.first, turns.levels, turns.values
    row = 0
    for f in range(len(firsts)):
        first, levels = firsts[f], counts[f]
        own = copied(effects[first : first + levels])
        for i in range(levels):
            s = 0.0
            for k in range(levels):
                s += values[row + k] * own[k]
            effects[first + i] = s
            row += levels


@part
def turn_slopes(turns: Turns, slopes: np.ndarray) -> None:
    """Replace slopes along effects of levels by those along effects of pseudo-levels, in place; (effects,)."""
    firsts, counts, values = turns.first, turns.levels, turns.values
    row = 0
    for f in range(len(firsts)):
        first, levels = firsts[f], counts[f]
        own = copied(slopes[first : first + levels])
        for i in range(levels):
            slopes[first + i] = 0.0
        for i in range(levels):
            s = own[i]
            for k in range(levels):
                slopes[first + k] += values[row + k] * s
            row += levels
