"""Python expressions as text: operators and calls write an expression instead of computing it.

A function of tensors (`Family.register`, `Link.tensor_inverse`) that is called with `Code` in place of PyMC, PyTensor
and tensors returns the text of what it does, so that one description gives a model and its text.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar, Final

import numpy as np

from partialpool.pymc_model.source.layout import Bracket, Chain, Node, flat, prefixed

__all__ = ["ADD", "AND", "ATOM", "COMPARE", "MULTIPLY", "POWER", "SIGN", "Code", "listed", "named", "number", "written"]

COMPARE, AND, ADD, MULTIPLY, SIGN, POWER, ATOM = range(7)
"""How tightly operators bind, in Python's order."""
_DIGITS: Final = 10
"""Significant digits of numbers that were computed; stated numbers are written in full."""
_KNOWN: Final[Mapping[float, tuple[str, int]]] = MappingProxyType(
    {
        math.sqrt(2): ("np.sqrt(2)", ATOM),
        math.pi**2 / 3: ("np.pi**2 / 3", MULTIPLY),
        math.pi**2 / 6: ("np.pi**2 / 6", MULTIPLY),
    }
)


@dataclass(frozen=True, eq=False, repr=False)
class Code:
    """An expression as text.

    Attributes
    ----------
    node
        The expression: text, or a call or list whose arguments may be on separate lines.
    binds
        How tightly its outermost operator binds.
    lets
        Names and expressions of the local variables that must be assigned before it.

    Examples
    --------
    >>> eta, pt = Code("eta"), Code("pt")
    >>> 0.5 * pt.erfc(-eta / 2), (eta + 1) ** 2, eta[:, None].sum(axis=1)
    (0.5 * pt.erfc(-eta / 2), (eta + 1) ** 2, eta[:, None].sum(axis=1))
    """

    node: Node
    binds: int = ATOM
    lets: tuple[tuple[str, Node], ...] = ()
    __array_ufunc__: ClassVar[None] = None  # NumPy's numbers leave operators to this class

    @property
    def text(self) -> str:
        """The expression on one line."""
        return flat(self.node)

    def __repr__(self) -> str:
        return self.text

    def __getattr__(self, name: str) -> "Code":
        if name.startswith("_"):
            raise AttributeError(name)
        return Code(f"{_text(self, ATOM)}.{name}", ATOM, self.lets)

    def __call__(self, *given: Any, **named: Any) -> "Code":
        """Write a call."""
        values = [written(value) for value in (*given, *named.values())]
        items = [value.node for value in values[: len(given)]]
        items += [prefixed(f"{name}=", value.node) for name, value in zip(named, values[len(given) :], strict=True)]
        return Code(Bracket(f"{_text(self, ATOM)}(", tuple(items), ")"), ATOM, _merged(self, *values))

    def __getitem__(self, key: Any) -> "Code":
        parts = [_key(one) for one in (key if isinstance(key, tuple) else (key,))]
        return Code(f"{_text(self, ATOM)}[{', '.join(p.text for p in parts)}]", ATOM, _merged(self, *parts))

    def __add__(self, other: Any) -> "Code":
        return _binary(self, "+", other, ADD)

    def __radd__(self, other: Any) -> "Code":
        return _binary(other, "+", self, ADD)

    def __sub__(self, other: Any) -> "Code":
        return _binary(self, "-", other, ADD)

    def __rsub__(self, other: Any) -> "Code":
        return _binary(other, "-", self, ADD)

    def __mul__(self, other: Any) -> "Code":
        return _binary(self, "*", other, MULTIPLY)

    def __rmul__(self, other: Any) -> "Code":
        return _binary(other, "*", self, MULTIPLY)

    def __truediv__(self, other: Any) -> "Code":
        return _binary(self, "/", other, MULTIPLY)

    def __rtruediv__(self, other: Any) -> "Code":
        return _binary(other, "/", self, MULTIPLY)

    def __matmul__(self, other: Any) -> "Code":
        return _binary(self, "@", other, MULTIPLY)

    def __and__(self, other: Any) -> "Code":
        return _binary(self, "&", other, AND)

    def __pow__(self, other: Any) -> "Code":
        return _power(self, written(other))

    def __rpow__(self, other: Any) -> "Code":
        return _power(written(other), self)

    def __neg__(self) -> "Code":
        return Code(prefixed("-", _held(self, ATOM)), SIGN, self.lets)

    def __invert__(self) -> "Code":
        return Code(f"~{_text(self, SIGN)}", SIGN, self.lets)

    def compared(self, operator: str, other: Any) -> "Code":
        """Return a comparison, which Python would not let an operator write."""
        right = written(other)
        text = f"{_text(self, COMPARE + 1)} {operator} {_text(right, COMPARE + 1)}"
        return Code(text, COMPARE, _merged(self, right))


def written(value: Any, *, exact: bool = False) -> Code:
    r"""Write a value: numbers, texts, lists, and what is code already.

    Examples
    --------
    >>> written(["a", "it's", 'x"y', "a'b" + chr(34), chr(92)])
    ["a", "it's", 'x"y', "a'b\"", "\\"]
    """
    if isinstance(value, Code):
        return value
    if isinstance(value, tuple | list):
        items = [written(one, exact=exact) for one in value]
        return listed(items, "()" if isinstance(value, tuple) else "[]")
    if isinstance(value, bool | np.bool_ | str) or value is None:
        return Code(repr(bool(value)) if isinstance(value, np.bool_) else _quoted(value))
    if isinstance(value, int | float | np.number):
        return number(float(value) if isinstance(value, float | np.floating) else int(value), exact=exact)
    raise TypeError(f"{value!r} is not a number, a text or code")


def number(value: float, *, exact: bool = False) -> Code:
    """Write a number, rounded to ten digits unless it is exact.

    Floats stay floats: as integers of one byte, in which PyTensor keeps small ones, 60**2 would overflow in a density.

    Examples
    --------
    >>> number(20.0), number(20), number(1 / 3), number(1 / 3, exact=True), number(-0.5), number(2**0.5)
    (20.0, 20, 0.3333333333, 0.3333333333333333, -0.5, np.sqrt(2))
    """
    if isinstance(value, float) and value in _KNOWN:
        return Code(*_KNOWN[value])
    text = repr(value if exact or isinstance(value, int) else float(f"{value:.{_DIGITS}g}"))
    return Code(text, SIGN if text.startswith("-") else ATOM)


def listed(values: Iterable[Code], brackets: str = "[]") -> Code:
    """Write a list, or a tuple."""
    values = tuple(values)
    last = ",)" if brackets == "()" and len(values) == 1 else brackets[1]
    return Code(Bracket(brackets[0], tuple(value.node for value in values), last), ATOM, _merged(*values))


def named(name: str, code: Code) -> Code:
    """Give an expression a name: it becomes a local variable."""
    return Code(name, ATOM, (*code.lets, (name, code.node)))


def _binary(left: Any, operator: str, right: Any, binds: int) -> Code:
    one, two = written(left), written(right)
    last, lets = _held(two, binds + 1), _merged(one, two)
    if one.binds == binds and isinstance(one.node, Chain):
        return Code(Chain((*one.node.operands, last), (*one.node.operators, operator)), binds, lets)
    return Code(Chain((_held(one, binds), last), (operator,)), binds, lets)


def _power(base: Code, exponent: Code) -> Code:
    space = "" if _is_simple(base) and _is_simple(exponent) else " "  # as formatters write it
    text = f"{_text(base, ATOM)}{space}**{space}{_text(exponent, SIGN)}"
    return Code(text, POWER, _merged(base, exponent))


def _is_simple(code: Code) -> bool:
    return isinstance(code.node, str) and code.text.removeprefix("-").replace(".", "").replace("_", "").isalnum()


def _held(code: Code, binds: int) -> Node:
    """Return the expression, in parentheses where an operator around it would bind more tightly."""
    return code.node if code.binds >= binds else Bracket("(", (code.node,), ")")


def _text(code: Code, binds: int) -> str:
    return flat(_held(code, binds))


def _merged(*codes: Code) -> tuple[tuple[str, Node], ...]:
    return tuple(dict(let for code in codes for let in code.lets).items())


def _key(key: Any) -> Code:
    if isinstance(key, slice):
        ends = ["" if end is None else written(end).text for end in (key.start, key.stop)]
        ends += [] if key.step is None else [written(key.step).text]
        return Code(":".join(ends))
    return written(key)


def _quoted(value: str | bool | None) -> str:
    """Write a text as formatters do: in double quotes, unless that takes more escapes."""
    if not isinstance(value, str):
        return repr(value)
    inside = repr("'\"" + value)[4:-1]  # between single quotes, in which only these are escaped
    if value.count('"') > value.count("'"):
        return f"'{inside}'"
    return '"' + inside.replace("\\'", "'").replace('"', '\\"') + '"'
