"""Factors nested in one another, up to three deep, eliminated with their levels side by side: leaf, branch, top.

Each step is that of `abreast`. Levels of the leaf pass on to their branch, their top and the shared columns; branches
to their top and the shared columns; tops to the shared columns, which are the tail of the system.

So many levels are worked on at a time as there is room for: all of them where a gradient follows, which needs U and F
of each; for densities and draws, as many as fit into the processor's cache.
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, part
from partialpool.marginal.gaussian.abreast import (
    Abreast,
    Worked,
    add_above,
    draw,
    factorise,
    make_worked,
    scale_effects,
    set_shared,
    take_off_above,
    take_off_shared,
    weigh_shared,
)
from partialpool.marginal.gaussian.abreast_gradient import (
    LevelsPulled,
    pull_above,
    pull_draws,
    pull_factor,
    pull_shared,
)
from partialpool.marginal.gaussian.cholesky import (
    Common,
    Forward,
    Scales,
    Workspace,
    eliminate,
    eliminate_tail,
    start_tail,
)
from partialpool.marginal.gaussian.ordering import System, Tail

__all__ = [
    "Nest",
    "NestPulled",
    "NestRoom",
    "draw_nest",
    "eliminate_all",
    "eliminate_nest",
    "eliminate_nested_levels",
    "has_nest",
    "make_nest_pulled",
    "make_nest_room",
    "pull_nest_draws",
    "pull_nest_elimination",
]


class Nest(NamedTuple):
    """The factors; one without levels is not there."""

    leaf: Abreast
    branch: Abreast
    top: Abreast


class NestRoom(NamedTuple):
    """What elimination leaves of each factor, and what the factors below left of Z'Z and E' of branch and top."""

    leaf: Worked
    branch: Worked
    top: Worked
    branch_gram: np.ndarray
    branch_columns: np.ndarray
    top_gram: np.ndarray
    top_columns: np.ndarray


class NestPulled(NamedTuple):
    """Derivatives on their way back, of each factor; w of the shared columns, and derivatives in it, (shared,)."""

    leaf: LevelsPulled
    branch: LevelsPulled
    top: LevelsPulled
    weights: np.ndarray
    of_weights: np.ndarray


@part
def has_nest(nest: Nest) -> bool:
    """Whether there are factors to eliminate this way."""
    return nest.leaf.gram.shape[2] > 0


@part
def make_nest_room(nest: Nest, most: int) -> NestRoom:
    """Allocate the workspace of `eliminate_all`, with room for so many products of the levels of a factor at a time.

    Factors that are not there share an array without elements.
    """
    leaf = make_worked(*nest.leaf.columns.shape, most)
    if nest.branch.gram.shape[2] == 0:
        none = np.empty((0, 0, 0))
        absent = Worked(none, none)
        return NestRoom(leaf, absent, absent, none, none, none, none)
    return NestRoom(
        leaf,
        make_worked(*nest.branch.columns.shape, most),
        make_worked(*nest.top.columns.shape, most),
        np.empty(nest.branch.gram.shape),
        np.empty(nest.branch.columns.shape),
        np.empty(nest.top.gram.shape),
        np.empty(nest.top.columns.shape),
    )


@part
def _copy(given: np.ndarray, out: np.ndarray) -> None:
    of, to = given.ravel(), out.ravel()
    for i in range(len(of)):
        to[i] = of[i]


@part
def eliminate_all(
    system: System, nest: Nest, scales: Scales, common: Common, room: Workspace, nest_room: NestRoom
) -> Forward:
    """Factorise A, as `eliminate` does, with the nest's levels side by side if there is a nest."""
    if has_nest(nest):
        return eliminate_nest(system.tail, nest, scales, common, room, nest_room)
    return eliminate(system, scales, common, room)


@part
def eliminate_nest(
    tail: Tail, nest: Nest, scales: Scales, common: Common, room: Workspace, nest_room: NestRoom
) -> Forward:
    """Factorise A, with the nest's levels side by side."""
    log_det = eliminate_nested_levels(tail, nest, scales, room, nest_room)
    none = np.empty((0, 0, 0))
    return eliminate_tail(tail, scales, common, room, log_det, none, np.empty((0, 0)), none)


@part
def eliminate_nested_levels(tail: Tail, nest: Nest, scales: Scales, room: Workspace, nest_room: NestRoom) -> float:
    """Eliminate the nest, and leave the rest of the tail in `room`; return 2 sum log diag U."""
    start_tail(tail, room)
    return _take_off_nest(nest, scales.relative, room.left, nest_room)


@part
def _take_off_nest(nest: Nest, relative: np.ndarray, left: np.ndarray, room: NestRoom) -> float:
    """Subtract the factors from the upper triangle of `left`, the shared columns; return 2 sum log diag U.

    `relative` has Lambda of the leaf, the branch and the top, as far as they are there, first.
    """
    leaf, branch, top = nest.leaf, nest.branch, nest.top
    above, highest = branch.gram.shape[0], top.gram.shape[0]
    _copy(branch.gram, room.branch_gram)
    _copy(branch.columns, room.branch_columns)
    _copy(top.gram, room.top_gram)
    _copy(top.columns, room.top_columns)
    log_det, levels = 0.0, leaf.gram.shape[2]
    for first in range(0, levels, room.leaf.upper.shape[2]):
        n = min(room.leaf.upper.shape[2], levels - first)
        log_det += factorise(leaf.gram, leaf.columns, relative, 0, first, n, room.leaf)
        take_off_shared(room.leaf.rows, above + highest, n, left)
        if above > 0:
            take_off_above(room.leaf.rows, 0, leaf.parent, first, n, room.branch_gram, room.branch_columns)
        if highest > 0:
            take_off_above(room.leaf.rows, above, leaf.grandparent, first, n, room.top_gram, room.top_columns)
    levels = branch.gram.shape[2]
    for first in range(0, levels, max(room.branch.upper.shape[2], 1)):
        n = min(room.branch.upper.shape[2], levels - first)
        log_det += factorise(room.branch_gram, room.branch_columns, relative, 1, first, n, room.branch)
        take_off_shared(room.branch.rows, highest, n, left)
        if highest > 0:
            take_off_above(room.branch.rows, 0, branch.parent, first, n, room.top_gram, room.top_columns)
    levels = top.gram.shape[2]
    for first in range(0, levels, max(room.top.upper.shape[2], 1)):
        n = min(room.top.upper.shape[2], levels - first)
        log_det += factorise(room.top_gram, room.top_columns, relative, 2, first, n, room.top)
        take_off_shared(room.top.rows, 0, n, left)
    return log_det


@part
def draw_nest(nest: Nest, room: NestRoom, scales: Scales, tail: np.ndarray, offsets: np.ndarray) -> None:
    """Overwrite the noise of the factors, with which offsets begin, with u, top first.

    `tail` is Lambda u sigma of the tail's columns. Where the room is that of some levels, U and F are written again.
    """
    leaf, branch, top, relative = nest.leaf, nest.branch, nest.top, scales.relative
    weights = np.empty(len(tail) + len(scales.combine))
    weigh_shared(tail, scales.combine, scales.sigma, weights)
    above, highest = branch.gram.shape[0], top.gram.shape[0]
    at_branch = leaf.gram.shape[0] * leaf.gram.shape[2]
    at_top = at_branch + above * branch.gram.shape[2]
    of_top, of_branch = np.zeros((highest, top.gram.shape[2])), np.zeros((above, branch.gram.shape[2]))
    levels, most = top.gram.shape[2], room.top.upper.shape[2]
    drawn = np.empty((highest, most))
    for first in range(0, levels, max(most, 1)):
        n = min(most, levels - first)
        if n < levels:
            factorise(room.top_gram, room.top_columns, relative, 2, first, n, room.top)
        set_shared(room.top.rows, 0, n, weights, drawn)
        draw(room.top.upper, n, drawn, offsets, at_top + first * highest)
    scale_effects(relative, 2, offsets, at_top, of_top)
    levels, most = branch.gram.shape[2], room.branch.upper.shape[2]
    drawn = np.empty((above, most))
    for first in range(0, levels, max(most, 1)):
        n = min(most, levels - first)
        if n < levels:
            factorise(room.branch_gram, room.branch_columns, relative, 1, first, n, room.branch)
        set_shared(room.branch.rows, highest, n, weights, drawn)
        add_above(room.branch.rows, 0, branch.parent, first, n, of_top, drawn)
        draw(room.branch.upper, n, drawn, offsets, at_branch + first * above)
    scale_effects(relative, 1, offsets, at_branch, of_branch)
    q, levels, most = leaf.gram.shape[0], leaf.gram.shape[2], room.leaf.upper.shape[2]
    drawn = np.empty((q, most))
    for first in range(0, levels, most):
        n = min(most, levels - first)
        if n < levels:
            factorise(leaf.gram, leaf.columns, relative, 0, first, n, room.leaf)
        set_shared(room.leaf.rows, above + highest, n, weights, drawn)
        add_above(room.leaf.rows, 0, leaf.parent, first, n, of_branch, drawn)
        add_above(room.leaf.rows, above, leaf.grandparent, first, n, of_top, drawn)
        draw(room.leaf.upper, n, drawn, offsets, q * first)


@part
def _make_pulled(level: Abreast, passing_on: int) -> LevelsPulled:
    """Make room; derivatives in Z'Z and E' are kept of so many levels, all or none."""
    q, n = level.gram.shape[0], level.gram.shape[2]
    kept, width = passing_on, level.columns.shape[0]
    return LevelsPulled(
        np.empty((q, n)),
        np.empty((q, q, n)),
        np.empty((q, q, kept)),
        np.empty((width, q, kept)),
        np.empty((q, n)),
        np.empty((width, q, n)),
    )


@part
def make_nest_pulled(nest: Nest, shared: int) -> NestPulled:
    """Make room for the way back; factors that are not there share arrays without elements."""
    leaf = _make_pulled(nest.leaf, 0)
    if nest.branch.gram.shape[2] == 0:
        none, none_by_level = np.empty((0, 0)), np.empty((0, 0, 0))
        absent = LevelsPulled(none, none_by_level, none_by_level, none_by_level, none, none_by_level)
        return NestPulled(leaf, absent, absent, np.empty(shared), np.empty(shared))
    return NestPulled(
        leaf,
        _make_pulled(nest.branch, nest.branch.gram.shape[2]),
        _make_pulled(nest.top, nest.top.gram.shape[2]),
        np.empty(shared),
        np.empty(shared),
    )


@part
def pull_nest_draws(
    nest: Nest,
    room: NestRoom,
    relative: np.ndarray,
    tail: np.ndarray,
    combine: np.ndarray,
    offsets: np.ndarray,
    effects: np.ndarray,
    products: np.ndarray,
    pulled: NestPulled,
) -> None:
    """Undo the draws, leaf first: derivatives in Lambda u, in `effects`, become those in the noise.

    Derivatives in w of the shared columns are left in pulled.of_weights.
    """
    leaf, branch, top = nest.leaf, nest.branch, nest.top
    above, highest = branch.gram.shape[0], top.gram.shape[0]
    at_branch = leaf.gram.shape[0] * leaf.gram.shape[2]
    at_top = at_branch + above * branch.gram.shape[2]
    weigh_shared(tail, combine, 1.0, pulled.weights)
    for c in range(len(pulled.of_weights)):
        pulled.of_weights[c] = 0.0
    pull_draws(room.leaf.upper, relative, 0, offsets, effects, 0, products, pulled.leaf)
    _add_of_weights(room.leaf.rows, above + highest, pulled.leaf.drawn, pulled.of_weights)
    if branch.gram.shape[2] == 0:
        return
    _pass_to_effects(room.leaf.rows, 0, leaf.parent, pulled.leaf.drawn, effects, at_branch, above)
    if highest > 0:
        _pass_to_effects(room.leaf.rows, above, leaf.grandparent, pulled.leaf.drawn, effects, at_top, highest)
    scale_effects(relative, 1, offsets, at_branch, pulled.branch.scaled)
    pull_draws(room.branch.upper, relative, 1, offsets, effects, at_branch, products, pulled.branch)
    _add_of_weights(room.branch.rows, highest, pulled.branch.drawn, pulled.of_weights)
    if highest == 0:
        return
    _pass_to_effects(room.branch.rows, 0, branch.parent, pulled.branch.drawn, effects, at_top, highest)
    scale_effects(relative, 2, offsets, at_top, pulled.top.scaled)
    pull_draws(room.top.upper, relative, 2, offsets, effects, at_top, products, pulled.top)
    _add_of_weights(room.top.rows, 0, pulled.top.drawn, pulled.of_weights)


@part(fastmath=REORDERED)
def _add_of_weights(rows: np.ndarray, first: int, v: np.ndarray, out: np.ndarray) -> None:
    """Add derivatives in w of the shared columns, given those in F w."""
    q, n = v.shape
    for c in range(len(out)):
        s = 0.0
        for a in range(q):
            for j in range(n):
                s += rows[first + c, a, j] * v[a, j]
        out[c] += s


@part
def _pass_to_effects(
    rows: np.ndarray, first: int, parent: np.ndarray, v: np.ndarray, effects: np.ndarray, at: int, above: int
) -> None:
    """Add derivatives in the effects of the factor above, whose columns begin at `first`, given those in F w."""
    q, n = v.shape
    for e in range(above):
        for a in range(q):
            for j in range(n):
                effects[at + parent[j] * above + e] -= rows[first + e, a, j] * v[a, j]


@part
def pull_nest_elimination(
    nest: Nest, room: NestRoom, relative: np.ndarray, schur: np.ndarray, products: np.ndarray, pulled: NestPulled
) -> None:
    """Undo the elimination, top first, given twice the derivative in what is left of the shared columns."""
    leaf, branch, top = nest.leaf, nest.branch, nest.top
    above, highest = branch.gram.shape[0], top.gram.shape[0]
    if top.gram.shape[2] > 0:
        slope = pulled.top.slope
        pull_shared(room.top.rows, 0, pulled.weights, schur, pulled.top.drawn, slope)
        pull_factor(room.top, relative, 2, slope, pulled.top, products)
    if branch.gram.shape[2] > 0:
        slope = pulled.branch.slope
        pull_shared(room.branch.rows, highest, pulled.weights, schur, pulled.branch.drawn, slope)
        if highest > 0:
            pull_above(room.branch.rows, 0, branch.parent, pulled.top, pulled.branch.drawn, slope)
        pull_factor(room.branch, relative, 1, slope, pulled.branch, products)
    slope = pulled.leaf.slope
    pull_shared(room.leaf.rows, above + highest, pulled.weights, schur, pulled.leaf.drawn, slope)
    if above > 0:
        pull_above(room.leaf.rows, 0, leaf.parent, pulled.branch, pulled.leaf.drawn, slope)
    if highest > 0:
        pull_above(room.leaf.rows, above, leaf.grandparent, pulled.top, pulled.leaf.drawn, slope)
    pull_factor(room.leaf, relative, 0, slope, pulled.leaf, products)
