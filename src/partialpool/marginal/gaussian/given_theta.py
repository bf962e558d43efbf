"""The log density of each theta, and draws of the effects given it, from one factorisation.

There is a kernel for factors in a nest, and one for all others, so that a process compiles the one that it needs. A
kernel both evaluates and draws: a first fit would otherwise compile the elimination twice.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.abreast import IN_CACHE
from partialpool.marginal.gaussian.cholesky import Forward, eliminate_levels, make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_by_level, draw_nested, put_back
from partialpool.marginal.gaussian.density import log_likelihood
from partialpool.marginal.gaussian.nest import Nest, eliminate_nested_levels, make_nest_room
from partialpool.marginal.gaussian.ordering import Leaf, System, Tail
from partialpool.marginal.gaussian.parameters import Normals, common_of, scaled_factors
from partialpool.marginal.gaussian.precision import is_rounding
from partialpool.marginal.gaussian.tail_kernel import call_tail
from partialpool.marginal.gaussian.unpacked import Unpacked, parameters_at, scales_at

__all__ = ["NestedFactors", "OtherFactors", "by_level_given_theta", "nested_given_theta"]


class NestedFactors(NamedTuple):
    """What does not depend on theta, where factors are nested.

    Attributes
    ----------
    tail, nest, rows
        The system, whose leaf and branch are replaced by the nest, and the number of rows.
    widths, levels
        Effects of each factor, and its levels, in elimination order.
    normals
        Priors of the integrated common columns.
    """

    tail: Tail
    nest: Nest
    rows: int
    widths: np.ndarray
    levels: np.ndarray
    normals: Normals


class OtherFactors(NamedTuple):
    """The same without a nest; `leaf` has the leaf's levels one by one, for the draws."""

    system: System
    leaf: Leaf
    widths: np.ndarray
    levels: np.ndarray
    normals: Normals


@kernel
def nested_given_theta(
    address: int, given: NestedFactors, unpacked: Unpacked, noise: np.ndarray, effects: np.ndarray, out: np.ndarray
) -> None:
    """Write the log density of each theta, and draw effects: rows of noise become u, and diag(sd) L u is written.

    Parameters
    ----------
    address
        Of `tail_kernel`.
    given
        What does not depend on theta; it is lent.
    unpacked
        The thetas.
    noise, effects
        (n, effects), in elimination order, integrated common columns last; without rows, nothing is drawn.
    out
        Log density of each theta up to p(y), (n,); -inf where there is none.
    """
    tail, nest, rows, normals = given.tail, given.nest, given.rows, given.normals
    room, nest_room = make_workspace(tail), make_nest_room(nest, IN_CACHE)
    no_gram, no_rows = np.empty((0, 0, 0)), np.empty((0, 0))
    for i in range(len(out)):
        out[i] = -np.inf
        sigma = unpacked.sigma[i]
        if is_rounding(sigma, rows):
            continue
        scales, common = scales_at(unpacked, i), common_of(normals, sigma)
        log_det = eliminate_nested_levels(tail, nest, scales, room, nest_room)
        forward = call_tail(address, (tail, scales, common, room, log_det, no_gram, no_rows, no_gram))
        if not forward.ok:
            continue
        out[i] = _log_density(rows, normals, unpacked, forward, i)
        if len(noise) > 0:
            draw_nested(tail, nest, scales, common, forward, nest_room, noise, i)
            put_back(given.widths, given.levels, scaled_factors(parameters_at(unpacked, i)), noise[i], effects[i])


@kernel
def by_level_given_theta(
    address: int, given: OtherFactors, unpacked: Unpacked, noise: np.ndarray, effects: np.ndarray, out: np.ndarray
) -> None:
    """Do what `nested_given_theta` does, without a nest."""
    system, normals = given.system, given.normals
    room = make_workspace(system.tail)
    for i in range(len(out)):
        out[i] = -np.inf
        sigma = unpacked.sigma[i]
        if is_rounding(sigma, system.rows):
            continue
        scales, common = scales_at(unpacked, i), common_of(normals, sigma)
        log_det, gram, above_tail, dense = eliminate_levels(system, scales, room)
        forward = call_tail(address, (system.tail, scales, common, room, log_det, gram, above_tail, dense))
        if not forward.ok:
            continue
        out[i] = _log_density(system.rows, normals, unpacked, forward, i)
        if len(noise) > 0:
            draw_by_level(given.leaf, system, scales, common, forward, noise, i)
            put_back(given.widths, given.levels, scaled_factors(parameters_at(unpacked, i)), noise[i], effects[i])


@part
def _log_density(rows: int, normals: Normals, unpacked: Unpacked, forward: Forward, i: int) -> float:
    """Return the log density of row i; -inf where it is not finite."""
    total = unpacked.prior[i] + log_likelihood(rows, normals, unpacked.sigma[i], forward)
    return total if np.isfinite(total) else -np.inf
