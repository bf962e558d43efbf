"""The posterior density ready to be called: its kernels compiled, and as a C function.

Samplers call the C function without Python and without its lock (GIL).
"""

from functools import cache
from typing import Any, Final

import numba as nb
import numpy as np

from partialpool.compile_side_by_side import compiled_elsewhere
from partialpool.kernel_address import CFunction, address_of, as_pointer, by_address
from partialpool.kernels import callback
from partialpool.lent_record import Lent, LentRecord
from partialpool.marginal.glmm.density import EVALUATE_ARGUMENTS, WRITE_ARGUMENTS, evaluate, write_effects
from partialpool.marginal.glmm.given_theta import FACTORISED, PULLED, kernels_given_theta

__all__ = ["compile_density", "compiled_density"]

_FINITE, _NOT_FINITE = 0, 4
"""What the function returns: nutpie counts a positive number as a divergence."""
_DOUBLES: Final = nb.types.CPointer(nb.types.float64)
_call_evaluate = by_address(nb.types.float64, (nb.types.voidptr, *EVALUATE_ARGUMENTS))


def compiled_density(problem: LentRecord, rows: int) -> CFunction:
    """Make `evaluate` on a lent `Problem` of so many rows a C function; nothing is compiled for the problem.

    It is `int64 f(uint64 size, double* x, double* gradient, double* value, void* data)`, and returns 0 where the value
    is finite.
    """
    at = address_of(evaluate, (problem.kind, *EVALUATE_ARGUMENTS), nb.types.float64)
    return CFunction(_c_function().address, np.array([at, problem.address, rows]), problem)


@cache
def compile_density(problem: Lent, *, nested: bool) -> tuple[int, int]:
    """Compile the kernels for problems of a type, side by side if possible, or read them from disk.

    Returned are the addresses of the forward and the backward kernel of `given_theta`, with a nest or without.
    """
    halves = kernels_given_theta(problem, nested=nested)
    with compiled_elsewhere(*([half] for half in halves)):
        evaluate.compile((problem, *EVALUATE_ARGUMENTS))
        write_effects.compile((problem, *WRITE_ARGUMENTS))
    return address_of(*halves[0], FACTORISED), address_of(*halves[1], PULLED)


@cache
def _c_function() -> Any:
    """Compile the C function, or read it from disk: on first use, since importing must not compile."""
    counts, numbers = nb.types.uint64, nb.types.CPointer(nb.types.int64)
    return callback(nb.types.int64(counts, _DOUBLES, _DOUBLES, _DOUBLES, numbers), _density)


def _density(size: int, x: Any, gradient: Any, value: Any, data: Any) -> int:
    address, problem, rows = data[0], data[1], data[2]
    at, out = nb.carray(x, (size,)), nb.carray(gradient, (size,))
    value[0] = _call_evaluate(address, (as_pointer(problem), at, np.empty(rows), out))
    return _FINITE if np.isfinite(value[0]) else _NOT_FINITE
