"""Calling a family's row kernel by its address, so that one compiled density serves every family.

A density that took the family's kernel as an argument would be compiled anew for each family, and numba would not keep
it on disk. An address is a number: the density is compiled once per machine, whatever the family.
"""

from collections.abc import Callable
from typing import Any, Final

import numba as nb
from numba.extending import intrinsic

__all__ = ["address_of", "call_rows"]

_VECTOR: Final = nb.types.Array(nb.types.float64, 1, "C")
_ARGUMENTS: Final = (_VECTOR,) * 7


def address_of(rows: Callable[..., float]) -> int:
    """Return the address of a row kernel of `RowKernels.rows`, compiled if it is not yet."""
    kernel: Any = rows
    kernel.compile(_ARGUMENTS)
    compiled = kernel.overloads[_ARGUMENTS]
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def _call_rows(
    typing_context: Any,
    address: Any,
    y: Any,
    known: Any,
    eta: Any,
    own: Any,
    slope: Any,
    information: Any,
    own_slope: Any,
) -> Any:
    """Call the row kernel at an address, in a kernel: with the arguments of `RowKernels.rows`."""
    arguments = (y, known, eta, own, slope, information, own_slope)
    if not isinstance(address, nb.types.Integer) or arguments != _ARGUMENTS:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        convention = context.call_conv
        kind = convention.get_function_type(nb.types.float64, _ARGUMENTS)
        function = builder.inttoptr(values[0], kind.as_pointer())
        status, result = convention.call_function(builder, function, nb.types.float64, _ARGUMENTS, values[1:])
        with builder.if_then(status.is_error, likely=False):
            convention.return_status_propagate(builder, status)
        return result

    return nb.types.float64(address, *_ARGUMENTS), generate


call_rows: Any = intrinsic(_call_rows)
