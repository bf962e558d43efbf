"""The levels of a block, taken off the other columns: merged into groups of equal ones, or side by side.

The algebra is that of `block_kernel.py`: S_j, K_j and D_j of each level.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, part
from partialpool.marginal.gaussian.abreast import (
    IN_CACHE,
    Worked,
    draw,
    factorise,
    make_worked,
    set_shared,
    take_off_shared,
    weigh_shared,
)
from partialpool.marginal.gaussian.parameters import Parameters

__all__ = ["BlockLevels", "Room", "draw_levels", "make_room", "set_rest", "set_root", "take_off"]

_LARGE = 1e150
"""Product of pivots from which it is begun again."""


class BlockLevels(NamedTuple):
    """The levels of a block.

    Attributes
    ----------
    own
        Z'Z of each level, (levels, effects, effects).
    dense
        Z'[T y], (levels, effects, tail + 1).
    weight, number, group
        The distinct values of `own`, the number of levels of each, (groups,), and the group of each level, (levels,).
        There are no groups where levels are worked on side by side.
    gram
        `own` with the level last, where they are: (effects, effects, levels).
    """

    own: np.ndarray
    dense: np.ndarray
    weight: np.ndarray
    number: np.ndarray
    group: np.ndarray
    gram: np.ndarray


class Room(NamedTuple):
    """Room for one evaluation.

    Attributes
    ----------
    half
        Lower triangle: A, then the Cholesky factor of L A L + I with the remainder at its end, (tail + 1, tail + 1).
    shares
        S of each group, lower triangle, (pairs of effects, groups).
    turned
        V = C^-1 R' of each group, C C' = K_m, (groups, effects, effects).
    root, factor, weighted
        R; C and w M R of the last group, (effects, effects).
    left, relative
        What is left of [T r]'[T r], upper triangle, (tail + 1, tail + 1); R / sigma, (1, effects, effects).
    worked, drawn
        U and F, and F w, of the levels that are worked on together.
    """

    half: np.ndarray
    shares: np.ndarray
    turned: np.ndarray
    root: np.ndarray
    factor: np.ndarray
    weighted: np.ndarray
    left: np.ndarray
    relative: np.ndarray
    worked: Worked
    drawn: np.ndarray


@part
def make_room(levels: BlockLevels) -> Room:
    """Allocate what an evaluation needs."""
    q, size, groups = levels.dense.shape[1], levels.dense.shape[2], len(levels.weight)
    pairs = q * (q + 1) // 2
    worked = make_worked(size, q, levels.gram.shape[2], IN_CACHE)
    return Room(
        np.zeros((size, size)),
        np.zeros((pairs, groups)),
        np.zeros((groups, q, q)),
        np.zeros((q, q)),
        np.zeros((q, q)),
        np.zeros((q, q)),
        np.zeros((size, size)),
        np.zeros((1, q, q)),
        worked,
        np.zeros((q, worked.upper.shape[2])),
    )


@part
def set_rest(levels: BlockLevels, rest: np.ndarray, products: np.ndarray, columns: np.ndarray) -> None:
    """Write the products, or the column, of r; the others do not change. `rest` is Z_j'r, (levels, effects)."""
    q, last = rest.shape[1], levels.dense.shape[2] - 1
    for k in range(q):
        for j in range(columns.shape[2]):
            columns[last, k, j] = rest[j, k]
    if len(levels.weight) == 0:
        return
    first = last * (last + 1) // 2
    for a in range(last + 1):
        for pair in range(products.shape[1]):
            for m in range(products.shape[2]):
                products[first + a, pair, m] = 0.0
    for j in range(len(rest)):
        m, pair = levels.group[j], 0
        for k in range(q):
            for n in range(k + 1):
                both = 1.0 if n < k else 0.0
                for a in range(last):
                    products[first + a, pair, m] += (
                        rest[j, k] * levels.dense[j, n, a] + both * rest[j, n] * levels.dense[j, k, a]
                    )
                products[first + last, pair, m] += (1.0 + both) * rest[j, k] * rest[j, n]
                pair += 1


@part(fastmath=REORDERED)
def _weighted(products: np.ndarray, row: int, shares: np.ndarray) -> float:
    """Add up the products of one pair of columns over effects and groups, with weights."""
    total = 0.0
    for pair in range(shares.shape[0]):
        for m in range(shares.shape[1]):
            total += shares[pair, m] * products[row, pair, m]
    return total


@part
def set_root(parameters: Parameters, at: int, root: np.ndarray) -> None:
    """Write R of a factor, lower triangle."""
    for a in range(len(root)):
        for b in range(a + 1):
            root[a, b] = parameters.sd[at, a] * parameters.corr[at, a, b]


@part
def _whiten(room: Room, weight: np.ndarray, m: int, w: float) -> float:
    """Write C and V of a group; return log |K|."""
    root, factor, turned, weighted = room.root, room.factor, room.turned, room.weighted
    q, det, log_det = len(root), 1.0, 0.0
    for a in range(q):
        for b in range(q):
            x = 0.0
            for c in range(b, q):
                x += weight[m, a, c] * root[c, b]
            weighted[a, b] = w * x
    for a in range(q):
        for b in range(a + 1):
            x = 1.0 if a == b else 0.0
            for c in range(a, q):
                x += root[c, a] * weighted[c, b]
            for e in range(b):
                x -= factor[a, e] * factor[b, e]
            if a == b:
                if det > _LARGE:
                    log_det += np.log(det)
                    det = 1.0
                det *= x
                factor[a, a] = np.sqrt(x)
            else:
                factor[a, b] = x / factor[b, b]
        for k in range(q):
            x = root[k, a] if k >= a else 0.0
            for e in range(a):
                x -= factor[a, e] * turned[m, e, k]
            turned[m, a, k] = x / factor[a, a]
    return log_det + np.log(det)


@part
def _set_shares(levels: BlockLevels, room: Room, w: float) -> float:
    """Write S of each group; return the sum of log |K_j| over all levels."""
    q, log_det, turned = len(room.root), 0.0, room.turned
    for m in range(len(levels.weight)):
        log_det += levels.number[m] * _whiten(room, levels.weight, m, w)
        pair = 0
        for k in range(q):
            for n in range(k + 1):
                x = 0.0
                for a in range(q):
                    x += turned[m, a, k] * turned[m, a, n]
                room.shares[pair, m] = w * w * x
                pair += 1
    return log_det


@part
def take_off(
    levels: BlockLevels, products: np.ndarray, columns: np.ndarray, gram: np.ndarray, sigma: float, room: Room
) -> float:
    """Write A into `room.half`, lower triangle; return the sum of log |K_j|."""
    half, left, w, size = room.half, room.left, 1.0 / (sigma * sigma), len(room.half)
    if len(levels.weight) > 0:
        log_det = _set_shares(levels, room, w)
        for a in range(size):
            for c in range(a + 1):
                half[a, c] = w * gram[a, c] - _weighted(products, a * (a + 1) // 2 + c, room.shares)
        return log_det
    for a in range(len(room.root)):
        for b in range(a + 1):
            room.relative[0, a, b] = room.root[a, b] / sigma
    for a in range(size):
        for c in range(a + 1):
            left[c, a] = gram[a, c]
    log_det, count = 0.0, levels.gram.shape[2]
    for first in range(0, count, room.drawn.shape[1]):
        n = min(room.drawn.shape[1], count - first)
        log_det += factorise(levels.gram, columns, room.relative, 0, first, n, room.worked)
        take_off_shared(room.worked.rows, 0, n, left)
    for a in range(size):
        for c in range(a + 1):
            half[a, c] = w * left[c, a]
    return log_det


@part
def _draw_side_by_side(
    sigma: float,
    levels: BlockLevels,
    columns: np.ndarray,
    room: Room,
    noise: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> None:
    """Draw the effects of levels that are worked on side by side; their noise is overwritten with u, b = R u."""
    last, root, q, count, most = len(tail), room.root, effects.shape[1], len(effects), room.drawn.shape[1]
    weights = np.empty(last + 1)
    weigh_shared(tail, np.ones(1), sigma, weights)
    for first in range(0, count, most):
        n = min(most, count - first)
        if n < count:
            factorise(levels.gram, columns, room.relative, 0, first, n, room.worked)
        set_shared(room.worked.rows, 0, n, weights, room.drawn)
        draw(room.worked.upper, n, room.drawn, noise, last + q * first)
    for j in range(count):
        for k in range(q):
            effects[j, k] = 0.0
            for a in range(k + 1):
                effects[j, k] += root[k, a] * noise[last + q * j + a]


@part
def _draw_merged(
    sigma: float,
    levels: BlockLevels,
    rest: np.ndarray,
    turned: np.ndarray,
    noise: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> None:
    """Draw the effects of levels that are merged into groups."""
    last, q, w = len(tail), effects.shape[1], 1.0 / (sigma * sigma)
    left = np.empty(q)
    for j in range(len(effects)):
        m = levels.group[j]
        for k in range(q):
            left[k] = rest[j, k]
            for a in range(last):
                left[k] -= levels.dense[j, k, a] * tail[a]
            effects[j, k] = 0.0
        # b = V'(w V x + z), x what is left of Z'r.
        for a in range(q):
            x = 0.0
            for k in range(q):
                x += turned[m, a, k] * left[k]
            x = w * x + noise[last + q * j + a]
            for k in range(q):
                effects[j, k] += turned[m, a, k] * x


@part
def draw_levels(
    sigma: float,
    levels: BlockLevels,
    columns: np.ndarray,
    rest: np.ndarray,
    room: Room,
    noise: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> None:
    """Draw the effects given the tail, from what `take_off` left in `room`; noise (tail + levels x effects,).

    The noise is used alike in both ways: with it both draw the same.
    """
    if len(levels.weight) > 0:
        _draw_merged(sigma, levels, rest, room.turned, noise, tail, effects)
    else:
        _draw_side_by_side(sigma, levels, columns, room, noise, tail, effects)
