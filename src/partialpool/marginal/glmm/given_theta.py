"""The two halves of the density that are the normal model's given theta, as kernels of their own.

Forward: factorise A and map noise to offsets. Backward: derivatives along effects become those along noise and scales.
There is a pair for factors in a nest, and a pair for all others. They are called by their address: a process compiles
only the pair that its model needs, and several processes can compile these kernels and the rest of the density side by
side, since none contains another.
"""

from typing import Any, Final, NamedTuple

import numba as nb
import numpy as np

from partialpool.kernel_address import by_address
from partialpool.kernels import addressed
from partialpool.marginal.gaussian.abreast import ALL_LEVELS, Worked
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, Workspace, eliminate, make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_by_level, draw_nested
from partialpool.marginal.gaussian.conditional_draw_gradient import pull_back_by_level, pull_back_nested
from partialpool.marginal.gaussian.elimination_gradient import PulledScales, make_pulled, pulled_scales
from partialpool.marginal.gaussian.nest import NestRoom, eliminate_nest, make_nest_room

__all__ = ["FACTORISED", "PULLED", "Factorised", "call_backward", "call_forward", "kernels_given_theta"]


class Factorised(NamedTuple):
    """A factorisation, with the rooms that hold parts of it."""

    forward: Forward
    room: Workspace
    nest_room: NestRoom


@addressed
def forward_nested(problem: Any, scales: Scales, common: Common, offsets: np.ndarray) -> Factorised:
    """Factorise A, and overwrite noise, (1, effects), with offsets; see `nest`."""
    tail, nest = problem.system.tail, problem.nest
    room, nest_room = make_workspace(tail), make_nest_room(nest, ALL_LEVELS)
    forward = eliminate_nest(tail, nest, scales, common, room, nest_room)
    if forward.ok:
        draw_nested(tail, nest, scales, common, forward, nest_room, offsets, 0)
    return Factorised(forward, room, nest_room)


@addressed
def forward_by_level(problem: Any, scales: Scales, common: Common, offsets: np.ndarray) -> Factorised:
    """Factorise A, and overwrite noise, (1, effects), with offsets, where there is no nest."""
    system = problem.system
    room = make_workspace(system.tail)
    forward = eliminate(system, scales, common, room)
    if forward.ok:
        draw_by_level(system.leaf, system, scales, common, forward, offsets, 0)
    return Factorised(forward, room, make_nest_room(problem.nest, ALL_LEVELS))


@addressed
def backward_nested(
    problem: Any,
    scales: Scales,
    common: Common,
    factorised: Factorised,
    offsets: np.ndarray,
    noise: np.ndarray,
    effects: np.ndarray,
) -> PulledScales:
    """Overwrite derivatives along effects, (effects,), with those along noise; return those along the scales."""
    tail = problem.system.tail
    pulled = make_pulled(tail, scales, effects)
    forward, room, nest_room = factorised.forward, factorised.room, factorised.nest_room
    pull_back_nested(tail, problem.nest, scales, common, forward, room, nest_room, offsets, noise, pulled)
    return pulled_scales(pulled)


@addressed
def backward_by_level(
    problem: Any,
    scales: Scales,
    common: Common,
    factorised: Factorised,
    offsets: np.ndarray,
    noise: np.ndarray,
    effects: np.ndarray,
) -> PulledScales:
    """Do what `backward_nested` does, where there is no nest."""
    system = problem.system
    pulled = make_pulled(system.tail, scales, effects)
    pull_back_by_level(system, scales, common, factorised.forward, factorised.room, offsets, noise, pulled)
    return pulled_scales(pulled)


def _types() -> tuple[Any, ...]:
    """Return numba's types of scales, common, a factorisation and what is pulled back to the scales."""
    one, two, three = (np.empty((0,) * dimensions) for dimensions in (1, 2, 3))
    worked = Worked(three, three)
    forward = Forward(True, 0.0, 0.0, 0.0, two, two, one, two, three, two, three)
    factorised = Factorised(forward, Workspace(two, two), NestRoom(worked, worked, worked, three, three, three, three))
    examples = Scales(three, 1.0, one), Common(one, one, one), factorised, PulledScales(three, 0.0, one)
    return tuple(nb.typeof(example) for example in examples)


_SCALES, _COMMON, FACTORISED, PULLED = _types()
_ROW, _ROWS = nb.types.Array(nb.types.float64, 1, "C"), nb.types.Array(nb.types.float64, 2, "C")
_FORWARD: Final = (_SCALES, _COMMON, _ROWS)
_BACKWARD: Final = (_SCALES, _COMMON, FACTORISED, _ROW, _ROW, _ROW)
call_forward: Any = by_address(FACTORISED, (nb.types.voidptr, *_FORWARD))
call_backward: Any = by_address(PULLED, (nb.types.voidptr, *_BACKWARD))


def kernels_given_theta(problem: Any, *, nested: bool) -> tuple[tuple[Any, tuple[Any, ...]], ...]:
    """Return the forward and the backward kernel for numba's type of a problem, each with its arguments' types."""
    forward, backward = (forward_nested, backward_nested) if nested else (forward_by_level, backward_by_level)
    return (forward, (problem, *_FORWARD)), (backward, (problem, *_BACKWARD))
