"""Records of arrays and numbers that kernels are given by their address.

numba passes a named tuple to a function field by field: a tuple of twenty arrays is 140 arguments at each call, which
take longer to compile, and to pass, than most of what is done with them. A record that is lent is one pointer. Kernels
and their parts read `record.field` from memory as they would from the tuple; a field that is a tuple is lent in turn.
Its arrays come without an owner, so that no references are counted: the record must outlive what is read from it.
"""

import hashlib
import struct
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numba as nb
import numpy as np
from numba.core import cgutils
from numba.core.registry import cpu_target
from numba.core.typing.templates import AttributeTemplate
from numba.extending import (
    NativeValue,
    infer_getattr,
    intrinsic,
    lower_getattr_generic,
    models,
    register_model,
    typeof_impl,
    unbox,
)

__all__ = ["Lent", "LentRecord", "lend", "lent_type", "pointer_to"]


class Lent(nb.types.Type):
    """numba's type of a lent record, of a named tuple's type."""

    def __init__(self, kind: Any) -> None:
        self.kind = kind
        # The name is part of those of all functions that take the record; a named tuple's own has all its fields'.
        digest = hashlib.sha256(str(kind).encode()).hexdigest()[:16]
        super().__init__(f"Lent({kind.instance_class.__name__}, {digest})")


register_model(Lent)(models.OpaqueModel)


@dataclass(frozen=True, eq=False)
class LentRecord:
    """A named tuple laid out in memory.

    Attributes
    ----------
    address
        Of the memory.
    kind
        Its type.
    value
        The named tuple, whose arrays the memory points to.
    memory
        The memory itself.
    """

    address: int
    kind: Lent
    value: Any
    memory: np.ndarray


def lend(value: Any) -> LentRecord:
    """Lay out a named tuple of integers, floats, truth values, arrays, and such tuples.

    Raises
    ------
    TypeError
        A field is none of these.
    """
    kind = lent_type(value)
    layout = _LAYOUTS[kind]
    memory = np.zeros(layout.size, np.uint8)
    layout.pack_into(memory, 0, *_numbers(value))
    return LentRecord(_address(memory), kind, value, memory)


def lent_type(value: Any) -> Lent:
    """Return the type that `lend` gives to a named tuple's record; found once for each form, it takes a millisecond."""
    form = _form(value)
    if form not in _TYPES:
        kind = nb.typeof(value)
        layout = struct.Struct("@" + _format(value))
        context: Any = cpu_target.target_context
        if layout.size != context.get_abi_sizeof(context.get_data_type(kind)):
            raise TypeError(f"{kind} is not laid out as numba lays it out")
        _TYPES[form] = Lent(kind)
        _LAYOUTS[_TYPES[form]] = layout
    return _TYPES[form]


_TYPES: Final[dict[Hashable, Lent]] = {}
_LAYOUTS: Final[dict[Lent, struct.Struct]] = {}


def _form(value: Any) -> Any:
    """Return all that numba's type of a number, an array, or a tuple of such depends on."""
    if isinstance(value, tuple):
        return (type(value), *map(_form, value))
    if isinstance(value, np.ndarray):
        return value.dtype, value.ndim, value.flags.num
    return type(value)


def _format(value: Any) -> str:
    """Return the memory's form in C, as `struct` writes it, of a value; "0q" is padding to a multiple of 8 bytes."""
    if isinstance(value, tuple):
        return "".join(("0q", *map(_format, value), "0q"))
    if isinstance(value, np.ndarray):
        return f"{5 + 2 * value.ndim}q"
    for kinds, letter in (((bool, np.bool_), "?"), ((int, np.int64), "q"), ((float,), "d")):
        if isinstance(value, kinds):
            return letter
    raise TypeError(f"a {type(value).__name__} cannot be lent to kernels")


def _numbers(value: Any) -> Iterator[Any]:
    """Yield what is written of a value: of an array what numba knows of it, two pointers to owners first, null."""
    if isinstance(value, tuple):
        for inner in value:
            yield from _numbers(inner)
    elif isinstance(value, np.ndarray):
        yield from (0, 0, value.size, value.itemsize, _address(value), *value.shape, *value.strides)
    else:
        yield value


def _address(array: np.ndarray) -> int:
    return int(array.__array_interface__["data"][0])


@typeof_impl.register(LentRecord)
def _typeof(record: LentRecord, context: Any) -> Lent:
    return record.kind


@unbox(Lent)
def _unbox(kind: Lent, record: Any, c: Any) -> Any:
    """Read the address of a record that Python gives to a kernel."""
    number = c.pyapi.object_getattr_string(record, "address")
    address = c.pyapi.long_as_voidptr(number)
    c.pyapi.decref(number)
    return NativeValue(address)


def _type_of_field(template: Any, record: Lent, name: str) -> Any:
    """Return the type of a field; None where there is none of this name."""
    if name not in record.kind.fields:
        return None
    return _as_read(record.kind[record.kind.fields.index(name)])


@infer_getattr
class _Fields(AttributeTemplate):
    """Types of the fields of a lent record."""

    key = Lent
    generic_resolve: Any = _type_of_field


def _as_read(kind: Any) -> Any:
    """Return the type of a field as kernels see it: a named tuple is lent."""
    return Lent(kind) if isinstance(kind, nb.types.BaseNamedTuple) else kind


@lower_getattr_generic(Lent)
def _read_field(context: Any, builder: Any, record: Lent, address: Any, name: str) -> Any:
    """Read a field from memory, or return its address where it is lent."""
    at = record.kind.fields.index(name)
    kind = record.kind[at]
    start = builder.bitcast(address, context.get_data_type(record.kind).as_pointer())
    place = cgutils.gep_inbounds(builder, start, 0, at)
    if isinstance(_as_read(kind), Lent):
        return builder.bitcast(place, cgutils.voidptr_t)
    return context.data_model_manager[kind].from_data(builder, builder.load(place))


def _pointer_to(typing_context: Any, record: Any) -> Any:
    """Return the pointer to a lent record."""
    return nb.types.voidptr(record), lambda context, builder, signature, values: values[0]


pointer_to: Any = intrinsic(_pointer_to)
