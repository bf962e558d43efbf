"""Calling a family's row kernel by its address, so that one compiled density serves every family.

A kernel that took the family's function as an argument would be compiled anew for each family, and numba would not keep
it on disk. An address is a number: the density is compiled once per machine, whatever the family.
"""

from typing import Any

import numpy as np
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["call_rows"]


@intrinsic
def call_rows(
    typing_context: Any,
    address: Any,
    rows: Any,
    parameters: Any,
    y: Any,
    known: Any,
    eta: Any,
    own: Any,
    slope: Any,
    own_slope: Any,
) -> Any:
    """Call `double f(int64 rows, int64 parameters, double *y, *known, *eta, *own, *slope, *own_slope)` at an address."""
    arrays = (y, known, eta, own, slope, own_slope)
    if not (isinstance(address, types.Integer) and all(isinstance(a, types.Array) for a in arrays)):
        return None
    signature = types.float64(address, rows, parameters, *arrays)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        double, integer = context.get_value_type(types.float64), context.get_value_type(types.int64)
        pointer = double.as_pointer()
        function = cgutils.create_struct_proxy  # only to read arrays' data pointers
        data = [
            function(kind)(context, builder, value=value).data
            for kind, value in zip(signature.args[3:], arguments[3:], strict=True)
        ]
        from llvmlite import ir  # noqa: PLC0415 - comes with numba

        kind = ir.FunctionType(double, [integer, integer, *[pointer] * len(data)])
        where = builder.inttoptr(arguments[0], kind.as_pointer())
        return builder.call(where, [arguments[1], arguments[2], *data])

    return signature, generate
