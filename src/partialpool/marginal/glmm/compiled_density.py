"""The posterior density as a C function, which samplers call without Python and without its lock (GIL)."""

from functools import cache
from typing import Any, Final

import numba as nb
import numpy as np

from partialpool.kernel_address import CFunction, address_of, as_pointer, by_address
from partialpool.kernels import callback
from partialpool.lent_record import LentRecord
from partialpool.marginal.glmm.density import EVALUATE_ARGUMENTS, evaluate

__all__ = ["compiled_density"]

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
def _c_function() -> Any:
    """Compile the C function, or read it from disk: on first use, since importing must not compile."""
    counts, numbers = nb.types.uint64, nb.types.CPointer(nb.types.int64)
    return callback(nb.types.int64(counts, _DOUBLES, _DOUBLES, _DOUBLES, numbers), _density)


def _density(size: int, x: Any, gradient: Any, value: Any, data: Any) -> int:
    address, problem, rows = data[0], data[1], data[2]
    at, out = nb.carray(x, (size,)), nb.carray(gradient, (size,))
    value[0] = _call_evaluate(address, (as_pointer(problem), at, np.empty(rows), out))
    return _FINITE if np.isfinite(value[0]) else _NOT_FINITE
