"""The elimination of the tail as a kernel that other kernels call by its address.

Another process compiles it beside those that call it, and it is compiled once for all of them.
"""

from functools import cache
from typing import Any, Final

import numba as nb
import numpy as np

from partialpool.kernel_address import address_of, by_address
from partialpool.kernels import addressed
from partialpool.lent_record import lent_type
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, Workspace, eliminate_tail
from partialpool.marginal.gaussian.ordering import Tail

__all__ = ["TAIL_ARGUMENTS", "call_tail", "tail_address", "tail_kernel"]


@addressed
def tail_kernel(
    tail: Tail,
    scales: Scales,
    common: Common,
    room: Workspace,
    log_det: float,
    gram: np.ndarray,
    above_tail: np.ndarray,
    dense: np.ndarray,
) -> Forward:
    """Do what `eliminate_tail` does; the tail is lent."""
    return eliminate_tail(tail, scales, common, room, log_det, gram, above_tail, dense)


def _types() -> tuple[Any, tuple[Any, ...]]:
    """Return numba's types of the result and of the arguments."""
    one, two, three = (np.empty((0,) * dimensions) for dimensions in (1, 2, 3))
    places = np.empty(0, np.int64)
    forward = Forward(True, 0.0, 0.0, 0.0, two, two, one, two, three, two, three)
    tail, scales, common = Tail(two, places, places, places, 0, 0), Scales(three, 1.0, one), Common(one, one, one)
    arguments = (scales, common, Workspace(two, two), 0.0, three, two, three)
    return nb.typeof(forward), (lent_type(tail), *map(nb.typeof, arguments))


_FORWARD, TAIL_ARGUMENTS = _types()
call_tail: Final[Any] = by_address(_FORWARD, TAIL_ARGUMENTS)


@cache
def tail_address() -> int:
    """Return the address of `tail_kernel`, compiled if it is not yet; looked up once, which takes 40 microseconds."""
    return address_of(tail_kernel, TAIL_ARGUMENTS, _FORWARD)
