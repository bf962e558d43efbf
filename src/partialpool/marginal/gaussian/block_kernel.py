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

from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.block_levels import (
    BlockLevels,
    Room,
    draw_levels,
    make_room,
    set_rest,
    set_root,
    take_off,
)
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.parameters import Layout, Parameters, unpack
from partialpool.marginal.gaussian.precision import is_rounding

__all__ = ["RANDOM_NUMBERS", "TailPrior", "draw_block"]

_STEPS_OUT = 12
"""Intervals that the first one may grow to, shared out between its ends at random, as the step must be reversible."""
_SHRINKS = 40
"""Most points tried within an interval; then the element stays, which keeps the distribution."""
RANDOM_NUMBERS = _SHRINKS + 3
"""Uniform random numbers that the update of one element may use."""


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
    room: Room,
) -> float:
    """Evaluate log p(r | theta) + log p(theta) up to a constant; what it computes is left in `room`."""
    parameters = unpack(layout, thetas, 0)
    sigma = parameters.sigma
    if layout.sigma >= 0 and is_rounding(sigma, rows):
        return -np.inf
    set_root(parameters, at, room.root)
    log_det = take_off(levels, products, columns, gram, sigma, room)
    log_det += _factorise(prior, parameters, room.half)
    return log_prior(layout, thetas, 0) - 0.5 * log_det - rows * np.log(sigma)


@part
def _draw_effects(
    parameters: Parameters,
    prior: TailPrior,
    levels: BlockLevels,
    columns: np.ndarray,
    rest: np.ndarray,
    room: Room,
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
    draw_levels(parameters.sigma, levels, columns, rest, room, noise, tail, effects)


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
    set_rest(levels, rest, products, columns)
    room, theta = make_room(levels), thetas[0]
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
