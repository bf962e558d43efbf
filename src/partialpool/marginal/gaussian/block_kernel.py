"""One step of a block: its variances, the tail and its effects, given the effects of the other blocks.

With r = y less the contribution of the other blocks, the model of a block with effects b and a tail t (fixed effects,
effects of small factors) is r = Z b + T t + e. Both integrate out. Levels of the same total weight m are merged: with
w = 1 / sigma^2, s the sd of b, d_j = z_j'[T r] of level j and G_m = sum d_j d_j' over the levels of weight m,

    A = w [T r]'[T r] - sum_m s^2 w^2 / (1 + m s^2 w) G_m,
    log p(r | theta) = -1/2 [ n_rows log sigma^2 + sum_j log(1 + m_j s^2 w) + log |L A_TT L + I| + remainder of A_rr ],

L the prior sds of t. theta (the log sds of b and of the small factors, log sigma) is updated by slice sampling (Neal
2003, Annals of Statistics 31:705) of this density, one element after the other; then t and b are drawn from their exact
conditional distributions. The step leaves p(theta, t, b | r) invariant, and its draws of b do not depend on the old
ones.
"""

from typing import NamedTuple

import numpy as np

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernels import REORDERED, kernel, part
from partialpool.marginal.gaussian.precision import is_rounding

__all__ = ["RANDOM_NUMBERS", "BlockLevels", "Cells", "ThetaPrior", "draw_block", "sum_over_first", "sum_over_second"]

_STEPS_OUT = 12
"""Intervals that the first one may grow to, shared out between its ends at random, as the step must be reversible."""
_SHRINKS = 40
"""Most points tried within an interval; then the element stays, which keeps the distribution."""
RANDOM_NUMBERS = _SHRINKS + 3
"""Uniform random numbers that the update of one element may use."""


class Cells(NamedTuple):
    """Z_f'Z_g of two blocks: where the list of each level of f starts, levels of g, values."""

    start: np.ndarray
    second: np.ndarray
    values: np.ndarray


class BlockLevels(NamedTuple):
    """The levels of a block.

    Attributes
    ----------
    own
        Z'Z of each level, (levels,).
    dense
        Z'[T y], (levels, tail + 1).
    weight, number, group
        The distinct values of `own`, the number of levels of each, (groups,), and the group of each level, (levels,).
    """

    own: np.ndarray
    dense: np.ndarray
    weight: np.ndarray
    number: np.ndarray
    group: np.ndarray


class ThetaPrior(NamedTuple):
    """The elements of theta and the priors of the tail.

    Attributes
    ----------
    kinds, coordinates, arguments
        Prior of each element: sds of the factors, then sigma unless it is known.
    sigma
        Position of sigma; -1 if it is 1.
    sd_of
        Element that is the prior sd of each column of the tail; -1 of a coefficient, (tail,).
    sd, mean
        Prior sd of a coefficient, and its prior mean divided by that sd; 1 and 0 of the others, (tail,).
    """

    kinds: np.ndarray
    coordinates: np.ndarray
    arguments: np.ndarray
    sigma: int
    sd_of: np.ndarray
    sd: np.ndarray
    mean: np.ndarray


@kernel
def sum_over_second(cells: Cells, effects: np.ndarray, out: np.ndarray) -> None:
    """Write C_fg b_g, (levels of f,)."""
    start, second, values = cells
    for i in range(len(out)):
        total = 0.0
        for k in range(start[i], start[i + 1]):
            total += values[k] * effects[second[k]]
        out[i] = total


@kernel
def sum_over_first(cells: Cells, effects: np.ndarray, out: np.ndarray) -> None:
    """Write C_fg' b_f, (levels of g,)."""
    start, second, values = cells
    for i in range(len(out)):
        out[i] = 0.0
    for i in range(len(effects)):
        b = effects[i]
        for k in range(start[i], start[i + 1]):
            out[second[k]] += values[k] * b


@part
def _merge(levels: BlockLevels, rest: np.ndarray, products: np.ndarray) -> None:
    """Write the products of r; the others do not change. `rest` is z_j'r, (levels,)."""
    last = levels.dense.shape[1] - 1
    first = last * (last + 1) // 2
    for a in range(last + 1):
        for m in range(products.shape[1]):
            products[first + a, m] = 0.0
    for j in range(len(rest)):
        m, r = levels.group[j], rest[j]
        for a in range(last):
            products[first + a, m] += levels.dense[j, a] * r
        products[first + last, m] += r * r


@part(fastmath=REORDERED)
def _weighted(products: np.ndarray, pair: int, shares: np.ndarray) -> float:
    """Add up the products of one pair over the groups, with weights."""
    total = 0.0
    for m in range(len(shares)):
        total += shares[m] * products[pair, m]
    return total


@part
def _unpack(prior: ThetaPrior, theta: np.ndarray, values: np.ndarray) -> float:
    """Write the sds of theta, and sigma last, (elements + 1,); return the log prior density on the real line."""
    total = 0.0
    for e in range(len(theta)):
        v, _, log_slope, _ = place(prior.coordinates[e], prior.arguments, e, theta[e])
        values[e] = v
        total += log_slope + log_density(prior.kinds[e], prior.arguments, e, v)[0]
    values[len(theta)] = values[prior.sigma] if prior.sigma >= 0 else 1.0
    return total


@part
def _tail_sd(prior: ThetaPrior, values: np.ndarray, a: int) -> float:
    return prior.sd[a] if prior.sd_of[a] < 0 else values[prior.sd_of[a]]


@part
def _factorise(prior: ThetaPrior, values: np.ndarray, half: np.ndarray) -> float:
    """Replace A, of which the lower triangle is used, by the Cholesky factor of L A L + I, the remainder at its end.

    Returns log |L A L + I| plus the remainder.
    """
    last = half.shape[0] - 1
    for a in range(last + 1):
        row = 1.0 if a == last else _tail_sd(prior, values, a)
        for c in range(a + 1):
            half[a, c] *= row * (1.0 if c == last else _tail_sd(prior, values, c))
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
    prior: ThetaPrior,
    levels: BlockLevels,
    products: np.ndarray,
    gram: np.ndarray,
    rows: int,
    theta: np.ndarray,
    shares: np.ndarray,
    values: np.ndarray,
    half: np.ndarray,
) -> float:
    """Evaluate log p(r | theta) + log p(theta) up to a constant; values and factor are left in the last two."""
    log_prior = _unpack(prior, theta, values)
    sigma = values[len(theta)]
    if prior.sigma >= 0 and is_rounding(sigma, rows):
        return -np.inf
    w, s2 = 1.0 / (sigma * sigma), values[at] * values[at]
    size = half.shape[0]
    log_det = 0.0
    for m in range(len(shares)):
        grown = 1.0 + levels.weight[m] * s2 * w
        log_det += levels.number[m] * np.log(grown)
        shares[m] = s2 * w * w / grown
    for a in range(size):
        for c in range(a + 1):
            half[a, c] = w * gram[a, c] - _weighted(products, a * (a + 1) // 2 + c, shares)
    log_det += _factorise(prior, values, half)
    return log_prior - 0.5 * log_det - rows * np.log(sigma)


@part
def _draw_effects(
    at: int,
    prior: ThetaPrior,
    levels: BlockLevels,
    rest: np.ndarray,
    values: np.ndarray,
    half: np.ndarray,
    noise: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> None:
    """Draw the tail by back-substitution, and the block's effects given it; noise (tail + levels,)."""
    last = len(tail)
    for a in range(last - 1, -1, -1):
        x = half[last, a] + noise[a]
        for c in range(a + 1, last):
            x -= half[c, a] * tail[c]
        tail[a] = x / half[a, a]
    for a in range(last):
        tail[a] *= _tail_sd(prior, values, a)
    sigma = values[len(values) - 1]
    w, s2 = 1.0 / (sigma * sigma), values[at] * values[at]
    for j in range(len(effects)):
        grown = 1.0 + levels.own[j] * s2 * w
        x = rest[j]
        for a in range(last):
            x -= levels.dense[j, a] * tail[a]
        effects[j] = s2 * w * x / grown + np.sqrt(s2 / grown) * noise[last + j]


@kernel
def draw_block(
    at: int,
    moved: np.ndarray,
    prior: ThetaPrior,
    levels: BlockLevels,
    products: np.ndarray,
    gram: np.ndarray,
    rest: np.ndarray,
    rows: int,
    width: np.ndarray,
    uniform: np.ndarray,
    noise: np.ndarray,
    theta: np.ndarray,
    tail: np.ndarray,
    effects: np.ndarray,
) -> int:
    """Update theta, the tail and the effects of a block in place.

    Parameters
    ----------
    at, moved
        The element of theta that is the block's sd; the elements that are updated.
    prior, levels
        The model.
    products
        The lower triangles of G, row by row, (pairs, groups); those of the last row are scratch.
    gram, rest
        [T r]'[T r], lower triangle, (tail + 1, tail + 1); Z'r, (levels,).
    rows
        Number of rows.
    width
        Width of the first interval of each element, (elements,).
    uniform, noise
        Random numbers: uniform, `RANDOM_NUMBERS` of each element moved; standard normal, (tail + levels,).
    theta, tail, effects
        The state.

    Returns
    -------
    int
        Number of evaluations of the density.
    """
    _merge(levels, rest, products)
    half, values, shares = np.zeros_like(gram), np.zeros(len(theta) + 1), np.zeros(len(levels.weight))
    value = _evaluate(at, prior, levels, products, gram, rows, theta, shares, values, half)
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
                if not _evaluate(at, prior, levels, products, gram, rows, theta, shares, values, half) > least:
                    break
                if side == 0:
                    low -= width[e]
                else:
                    high += width[e]
        found = False
        for k in range(_SHRINKS):
            theta[e] = low + (high - low) * uniform[used + k]
            count += 1
            value = _evaluate(at, prior, levels, products, gram, rows, theta, shares, values, half)
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
    _evaluate(at, prior, levels, products, gram, rows, theta, shares, values, half)
    _draw_effects(at, prior, levels, rest, values, half, noise, tail, effects)
    return count
