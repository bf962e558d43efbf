"""One step of a block: its variances, the tail and its effects, given the effects of the other blocks.

With r = y less the contribution of the other blocks, the model of a block with effects b and a tail t (fixed effects,
effects of small factors) is r = Z b + T t + e. Both integrate out: with w = 1 / sigma^2, R the Cholesky factor of the
covariance of a level's effects and D_j = Z_j'[T r],

    K_j = I + w R'Z_j'Z_j R,     S_j = w^2 R K_j^-1 R',     A = w [T r]'[T r] - sum_j D_j'S_j D_j,
    log p(r | theta) = -1/2 [ n_rows log sigma^2 + sum_j log |K_j| + log |L A_TT L + I| + remainder of A_rr ],

L the prior sds of t. Where many levels have the same Z_j'Z_j they are merged into groups: D_j'S_j D_j is linear in S_j,
so that the products of D_j are added up once for each group. Other levels are worked on side by side (`abreast.py`).
theta (the log sds and correlations of b, the log sds of the small factors, log sigma) is updated by slice sampling
(Neal 2003, Annals of Statistics 31:705) of this density, one element after the other; then t and b are drawn from their
exact conditional distributions. The step leaves p(theta, t, b | r) invariant, and its draws of b do not depend on the
old ones.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, kernel, part
from partialpool.marginal.gaussian.abreast import Worked, draw, factorise, set_shared, take_off_shared
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.nest import IN_CACHE
from partialpool.marginal.gaussian.parameters import Layout, Parameters, unpack
from partialpool.marginal.gaussian.precision import is_rounding

__all__ = ["RANDOM_NUMBERS", "BlockLevels", "Cells", "TailPrior", "draw_block", "sum_over_first", "sum_over_second"]

_STEPS_OUT = 12
"""Intervals that the first one may grow to, shared out between its ends at random, as the step must be reversible."""
_SHRINKS = 40
"""Most points tried within an interval; then the element stays, which keeps the distribution."""
_LARGE = 1e150
"""Product of pivots from which it is begun again."""
_FEWEST = 64
"""Fewest levels that are worked on together."""
RANDOM_NUMBERS = _SHRINKS + 3
"""Uniform random numbers that the update of one element may use."""


class Cells(NamedTuple):
    """Z_f'Z_g of two blocks: where the list of each level of f starts, levels of g, (pairs, effects, effects)."""

    start: np.ndarray
    second: np.ndarray
    values: np.ndarray


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


class TailPrior(NamedTuple):
    """The priors of the tail.

    Attributes
    ----------
    factor
        The small factor whose sd is the prior sd of each column; -1 of a coefficient, (tail,).
    sd, mean
        Prior sd of a coefficient, and its prior mean divided by that sd; 1 and 0 of the others, (tail,).
    """

    factor: np.ndarray
    sd: np.ndarray
    mean: np.ndarray


class _Room(NamedTuple):
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


@kernel
def sum_over_second(cells: Cells, effects: np.ndarray, out: np.ndarray) -> None:
    """Write C_fg b_g, (levels of f, effects)."""
    start, second, values = cells
    q, p = values.shape[1], values.shape[2]
    if q * p == 1:  # the loops over effects take as long as the products
        numbers, given = values.reshape(-1), effects.reshape(-1)
        for i in range(len(out)):
            total = 0.0
            for k in range(start[i], start[i + 1]):
                total += numbers[k] * given[second[k]]
            out[i, 0] = total
        return
    for i in range(len(out)):
        for a in range(q):
            total = 0.0
            for k in range(start[i], start[i + 1]):
                for b in range(p):
                    total += values[k, a, b] * effects[second[k], b]
            out[i, a] = total


@kernel
def sum_over_first(cells: Cells, effects: np.ndarray, out: np.ndarray) -> None:
    """Write C_fg' b_f, (levels of g, effects)."""
    start, second, values = cells
    q, p = values.shape[1], values.shape[2]
    sums, numbers = out.reshape(-1), values.reshape(-1)
    for i in range(len(sums)):
        sums[i] = 0.0
    for i in range(len(effects)):
        if q * p == 1:
            own = effects[i, 0]
            for k in range(start[i], start[i + 1]):
                sums[second[k]] += numbers[k] * own
            continue
        for a in range(q):
            own = effects[i, a]
            for k in range(start[i], start[i + 1]):
                for b in range(p):
                    sums[p * second[k] + b] += values[k, a, b] * own


@part
def _room(levels: BlockLevels) -> _Room:
    q, size, groups = levels.dense.shape[1], levels.dense.shape[2], len(levels.weight)
    pairs = q * (q + 1) // 2
    together = min(levels.gram.shape[2], max(_FEWEST, IN_CACHE // (size * q)))
    return _Room(
        np.zeros((size, size)),
        np.zeros((pairs, groups)),
        np.zeros((groups, q, q)),
        np.zeros((q, q)),
        np.zeros((q, q)),
        np.zeros((q, q)),
        np.zeros((size, size)),
        np.zeros((1, q, q)),
        Worked(np.zeros((q, q, together)), np.zeros((size, q, together))),
        np.zeros((q, together)),
    )


@part
def _set_rest(levels: BlockLevels, rest: np.ndarray, products: np.ndarray, columns: np.ndarray) -> None:
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
def _set_root(parameters: Parameters, at: int, root: np.ndarray) -> None:
    for a in range(len(root)):
        for b in range(a + 1):
            root[a, b] = parameters.sd[at, a] * parameters.corr[at, a, b]


@part
def _whiten(room: _Room, weight: np.ndarray, m: int, w: float) -> float:
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
def _set_shares(levels: BlockLevels, room: _Room, w: float) -> float:
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
def _take_off(
    levels: BlockLevels, products: np.ndarray, columns: np.ndarray, gram: np.ndarray, sigma: float, room: _Room
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
def _tail_sd(prior: TailPrior, parameters: Parameters, a: int) -> float:
    return prior.sd[a] if prior.factor[a] < 0 else parameters.sd[prior.factor[a], 0]


@part
def _factorise(prior: TailPrior, parameters: Parameters, half: np.ndarray) -> float:
    """Replace A, of which the lower triangle is used, by the Cholesky factor of L A L + I, the remainder at its end.

    Returns log |L A L + I| plus the remainder.
    """
    last = half.shape[0] - 1
    for a in range(last + 1):
        row = 1.0 if a == last else _tail_sd(prior, parameters, a)
        for c in range(a + 1):
            half[a, c] *= row * (1.0 if c == last else _tail_sd(prior, parameters, c))
    for a in range(last):
        half[a, a] += 1.0
        half[last, a] += prior.mean[a]
        half[last, last] += prior.mean[a] * prior.mean[a]
    total = 0.0
    for a in range(last + 1):
        for c in range(a + 1):
            x = half[a, c]
            for k in range(c):
                x -= half[a, k] * half[c, k]
            if c < a:
                half[a, c] = x / half[c, c]
            elif a < last:
                half[a, a] = np.sqrt(x)
                total += np.log(x)
            else:
                total += x
    return total


@part
def _evaluate(
    at: int,
    layout: Layout,
    prior: TailPrior,
    levels: BlockLevels,
    products: np.ndarray,
    columns: np.ndarray,
    gram: np.ndarray,
    rows: int,
    thetas: np.ndarray,
    room: _Room,
) -> float:
    """Evaluate log p(r | theta) + log p(theta) up to a constant; what it computes is left in `room`."""
    parameters = unpack(layout, thetas, 0)
    sigma = parameters.sigma
    if layout.sigma >= 0 and is_rounding(sigma, rows):
        return -np.inf
    _set_root(parameters, at, room.root)
    log_det = _take_off(levels, products, columns, gram, sigma, room)
    log_det += _factorise(prior, parameters, room.half)
    return log_prior(layout, thetas, 0) - 0.5 * log_det - rows * np.log(sigma)


@part
def _draw_effects(
    parameters: Parameters,
    prior: TailPrior,
    levels: BlockLevels,
    columns: np.ndarray,
    rest: np.ndarray,
    room: _Room,
    noise: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> None:
    """Draw the tail by back-substitution, and the block's effects given it; noise (tail + levels x effects,)."""
    last, half = len(tail), room.half
    for a in range(last - 1, -1, -1):
        x = half[last, a] + noise[a]
        for c in range(a + 1, last):
            x -= half[c, a] * tail[c]
        tail[a] = x / half[a, a]
    for a in range(last):
        tail[a] *= _tail_sd(prior, parameters, a)
    if len(levels.weight) > 0:
        _draw_merged(parameters.sigma, levels, rest, room.turned, noise, tail, effects)
    else:
        _draw_side_by_side(parameters.sigma, levels, columns, room, noise, tail, effects)


@part
def _draw_side_by_side(
    sigma: float,
    levels: BlockLevels,
    columns: np.ndarray,
    room: _Room,
    noise: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> None:
    """Draw the effects of levels that are worked on side by side; their noise is overwritten with u, b = R u."""
    last, root, q, count, most = len(tail), room.root, effects.shape[1], len(effects), room.drawn.shape[1]
    weights = np.empty(last + 1)
    for a in range(last):
        weights[a] = -tail[a] / sigma
    weights[last] = 1.0 / sigma
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


@kernel
def draw_block(
    at: int,
    moved: np.ndarray,
    layout: Layout,
    prior: TailPrior,
    levels: BlockLevels,
    products: np.ndarray,
    columns: np.ndarray,
    gram: np.ndarray,
    rest: np.ndarray,
    rows: int,
    width: np.ndarray,
    uniform: np.ndarray,
    noise: np.ndarray,
    thetas: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> int:
    """Update theta, the tail and the effects of a block in place.

    Parameters
    ----------
    at, moved
        The factor that is the block; the elements of theta that are updated.
    layout, prior, levels
        The model; the layout is lent, its factors in the order of the design.
    products
        Products of D_j added up over the levels of each group, for the lower triangle of pairs of columns, row by row,
        and that of pairs of effects, (pairs, pairs, groups); those of the last column are scratch.
    columns
        Z'[T r] of levels that are worked on side by side, (tail + 1, effects, levels); the last column is scratch.
    gram, rest
        [T r]'[T r], lower triangle, (tail + 1, tail + 1); Z'r, (levels, effects).
    rows
        Number of rows.
    width
        Width of the first interval of each element, (elements,).
    uniform, noise
        Random numbers: uniform, `RANDOM_NUMBERS` of each element moved; standard normal, (tail + levels x effects,).
    thetas, tail, effects
        The state, (1, elements), (tail,), (levels, effects).

    Returns
    -------
    int
        Number of evaluations of the density.
    """
    _set_rest(levels, rest, products, columns)
    room, theta = _room(levels), thetas[0]
    value = _evaluate(at, layout, prior, levels, products, columns, gram, rows, thetas, room)
    count, used = 1, 0
    for e in moved:
        old, old_value = theta[e], value
        least = value + np.log(uniform[used])
        low = old - width[e] * uniform[used + 1]
        high = low + width[e]
        to_the_left = int(uniform[used + 2] * _STEPS_OUT)
        used += 3
        for side in range(2):
            for _ in range(to_the_left if side == 0 else _STEPS_OUT - 1 - to_the_left):
                theta[e] = low if side == 0 else high
                count += 1
                if not _evaluate(at, layout, prior, levels, products, columns, gram, rows, thetas, room) > least:
                    break
                if side == 0:
                    low -= width[e]
                else:
                    high += width[e]
        found = False
        for k in range(_SHRINKS):
            theta[e] = low + (high - low) * uniform[used + k]
            count += 1
            value = _evaluate(at, layout, prior, levels, products, columns, gram, rows, thetas, room)
            if value > least:
                found = True
                break
            if theta[e] < old:
                low = theta[e]
            else:
                high = theta[e]
        used += _SHRINKS
        if not found:
            theta[e], value = old, old_value
    _evaluate(at, layout, prior, levels, products, columns, gram, rows, thetas, room)
    _draw_effects(unpack(layout, thetas, 0), prior, levels, columns, rest, room, noise, tail, effects)
    return count
