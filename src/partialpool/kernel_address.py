"""Calling compiled kernels by their address.

An address is a number: a kernel that takes it is compiled once per machine, whatever it will call. A kernel that took
another kernel as its argument would be compiled anew for each, and numba would not keep it on disk.
"""

from dataclasses import dataclass
from typing import Any

import numba as nb
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["CFunction", "address_of", "as_pointer", "by_address"]


@dataclass(frozen=True, eq=False)
class CFunction:
    """A function that compiled code calls without Python and without its lock (GIL).

    Attributes
    ----------
    address
        Of the function, which has C's calling convention and takes a pointer to `data` as its last argument.
    data
        Numbers and addresses that it reads.
    kept
        What must live as long as the function may be called.
    """

    address: int
    data: np.ndarray
    kept: Any


def address_of(kernel: Any, arguments: tuple[Any, ...], result: Any) -> int:
    """Return the address of a kernel's version for numba's types of its arguments, compiled if it is not yet.

    Raises
    ------
    TypeError
        The kernel returns another type than `result`, which those that call it by its address expect.
    """
    kernel.compile(arguments)
    compiled = kernel.overloads[arguments]
    if compiled.signature.return_type != result:
        raise TypeError(f"{kernel.__name__} returns {compiled.signature.return_type}, not {result}")
    return int(compiled.library.get_pointer_to_function(compiled.fndesc.llvm_func_name))


def by_address(result: Any, arguments: tuple[Any, ...]) -> Any:
    """Return a function for kernels, `call(address, arguments)`, which calls the kernel at an address.

    Parameters
    ----------
    result, arguments
        numba's types of what the kernel returns and takes; `voidptr` for a record given by its pointer.
    """

    def call(typing_context: Any, address: Any, given: Any) -> Any:
        """Call the kernel at an address with a tuple of arguments."""
        if not isinstance(address, nb.types.Integer) or tuple(given) != arguments:
            return None

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            convention = context.call_conv
            kind = convention.get_function_type(result, arguments)
            function = builder.inttoptr(values[0], kind.as_pointer())
            unpacked = cgutils.unpack_tuple(builder, values[1])
            status, returned = convention.call_function(builder, function, result, arguments, unpacked)
            with builder.if_then(status.is_error, likely=False):
                convention.return_status_propagate(builder, status)
            return returned

        return result(address, given), generate

    return intrinsic(call)


def _as_pointer(typing_context: Any, address: Any) -> Any:
    """Return a number as a pointer."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        return builder.inttoptr(values[0], cgutils.voidptr_t)

    return nb.types.voidptr(address), generate


as_pointer: Any = intrinsic(_as_pointer)
