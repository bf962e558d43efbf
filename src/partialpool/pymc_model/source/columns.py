"""Columns as expressions of the table: `np.log(table["x"])`, each computed here too and compared with the design's.

The canonical text of a term is Python's own grammar except for its backquotes. An expression is used only if it gives
the design's column; any other column (a spline, a polynomial) is stored in the script's table under its name.
"""

import ast
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from partialpool.design.column_parts import ColumnPart
from partialpool.names import answer_name
from partialpool.pymc_model.source.code import Code, number, written
from partialpool.pymc_model.source.layout import Bracket
from partialpool.spec.whitelist import ARITHMETIC

__all__ = ["Column", "as_expression", "chosen", "product_of", "stored_column", "table_column"]

_MOST_CODES: Final = 12
"""Most categories whose codes are written out."""
_NAME: Final = re.compile(r"`([^`]*)`|(?<![\w.])([^\W\d]\w*)\b(?!\s*\()")
"""A name in backquotes, or a word that is not called."""
_OPERATORS: Final[Mapping[type[ast.AST], Callable[[Any, Any], Any]]] = MappingProxyType(
    {
        ast.Add: operator.add,
        ast.Sub: operator.sub,
        ast.Mult: operator.mul,
        ast.Div: operator.truediv,
        ast.Pow: operator.pow,
    }
)
_COMPARISONS: Final[Mapping[type[ast.AST], tuple[str, Callable[[Any, Any], Any]]]] = MappingProxyType(
    {
        ast.Eq: ("==", operator.eq),
        ast.NotEq: ("!=", operator.ne),
        ast.Lt: ("<", operator.lt),
        ast.LtE: ("<=", operator.le),
        ast.Gt: (">", operator.gt),
        ast.GtE: (">=", operator.ge),
    }
)


@dataclass(frozen=True, eq=False)
class Column:
    """A column of numbers as an expression.

    Attributes
    ----------
    code
        The expression, in which `table` is the script's table.
    values
        What it evaluates to, (rows,).
    reads
        The columns of the model's table that it reads.
    stores
        Columns that are added to the script's table for it, by name.
    """

    code: Code
    values: Any
    reads: frozenset[str] = frozenset()
    stores: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))


class _NotPlainError(Exception):
    """An expression that is not written as Python: its column is stored."""


def table_column(name: str, frame: pd.DataFrame) -> Column:
    """Return a column of the table itself; categories are their labels."""
    values = frame[name]
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(object)
    return Column(Code(f"table[{written(name).text}]"), values, frozenset([name]))


def stored_column(name: str, values: np.ndarray, frame: pd.DataFrame) -> Column:
    """Return a column that the script's table has under a name, which no column of the model's table has."""
    own = answer_name(name, set(frame.columns))
    return Column(Code(f"table[{written(own).text}]"), values, stores=MappingProxyType({own: values}))


def chosen(candidates: Iterable[Column | None], values: np.ndarray) -> Column | None:
    """Return the first expression that gives these values, (rows,), up to rounding; None where none does."""
    for candidate in candidates:
        if candidate is not None and _is_same(candidate.values, values):
            return candidate
    return None


def as_expression(text: str, frame: pd.DataFrame) -> Column | None:
    """Translate the canonical text of an expression of numbers; None for text that is not translated.

    Examples
    --------
    >>> frame = pd.DataFrame({"x": [1.0, 2.0], "my z": [3.0, 4.0]})
    >>> as_expression("I((x + `my z`)**2)", frame).code
    (table["x"] + table["my z"]) ** 2
    """
    names: dict[str, str] = {}

    def placed(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        return names.setdefault(name, f"column_{len(names)}") if name in frame.columns else match[0]

    plain = _NAME.sub(placed, text)
    if "'" in plain or '"' in plain:  # text is no number
        return None
    try:
        tree = ast.parse(plain, mode="eval")
        with np.errstate(all="ignore"):
            return _translated(tree.body, {place: name for name, place in names.items()}, frame)
    except (SyntaxError, TypeError, ValueError, OverflowError, RecursionError, _NotPlainError):
        return None


def product_of(parts: Sequence[ColumnPart], frame: pd.DataFrame) -> Column | None:
    """Return the product of a column's parts; None where one of them is not translated."""
    factors = [_factor(part, frame) for part in parts]
    known = [one for one in factors if one is not None]
    if not known or len(known) < len(factors):
        return None
    if len(known) == 1:
        return known[0]
    both = operator.and_ if all(pd.api.types.is_bool_dtype(one.values) for one in known) else operator.mul
    return reduce(lambda one, two: _combined(both, one, two), known)


def _factor(part: ColumnPart, frame: pd.DataFrame) -> Column | None:
    """Return one part; None for a column of a basis, such as `poly(x, 2)`, and for text that is not translated."""
    if part.position is not None:
        return None
    return _indicator(part, frame) if part.coding else as_expression(part.text, frame)


def _is_same(found: Any, values: np.ndarray) -> bool:
    try:
        numbers = np.asarray(found, dtype=float)
    except (TypeError, ValueError):
        return False
    size = np.abs(values).max(initial=0.0)
    return numbers.shape == values.shape and bool(np.allclose(numbers, values, rtol=1e-12, atol=1e-13 * size))


def _combined(apply: Callable[[Any, Any], Any], one: Column, two: Column) -> Column:
    return Column(apply(one.code, two.code), apply(one.values, two.values), one.reads | two.reads)


def _indicator(part: ColumnPart, frame: pd.DataFrame) -> Column | None:
    """Return an indicator of one category, or the codes of all."""
    column = table_column(part.column, frame)
    codes = dict(part.coding)
    given = [label for label, code in codes.items() if code]
    if len(given) == 1 and codes[given[0]] == 1:
        label = given[0]
        if pd.api.types.is_bool_dtype(column.values):
            code, values = (column.code, column.values) if label else (~column.code, ~column.values)
        else:
            code, values = column.code.compared("==", written(label, exact=True)), column.values == label
        return Column(code, values, column.reads)
    if len(codes) > _MOST_CODES:
        return None
    items = [f"{written(label, exact=True).text}: {number(code).text}" for label, code in codes.items()]
    table = Code(Bracket("{", tuple(items), "}"))
    return Column(column.code.map(table), column.values.map(codes), column.reads)


def _translated(node: ast.AST, names: Mapping[str, str], frame: pd.DataFrame) -> Column:
    match node:
        case ast.Constant(value=value) if isinstance(value, int | float) and not isinstance(value, bool):
            return Column(Code(repr(value)), value)
        case ast.Name(id=name) if name in names:
            column = table_column(names[name], frame)
            if not pd.api.types.is_numeric_dtype(column.values):  # booleans are numbers here
                raise _NotPlainError
            return column
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _translated(operand, names, frame)
            return Column(-inner.code, -inner.values, inner.reads)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _OPERATORS:
            sides = _translated(left, names, frame), _translated(right, names, frame)
            return _combined(_OPERATORS[type(sign)], *sides)
        case ast.Compare(left=left, ops=[sign], comparators=[right]) if type(sign) in _COMPARISONS:
            one, two = _translated(left, names, frame), _translated(right, names, frame)
            text, compare = _COMPARISONS[type(sign)]
            return Column(one.code.compared(text, two.code), compare(one.values, two.values), one.reads | two.reads)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            return _called(name, args, names, frame)
    raise _NotPlainError


def _called(name: str, args: Sequence[ast.AST], names: Mapping[str, str], frame: pd.DataFrame) -> Column:
    if name in ("within", "between") and len(args) == 2 and isinstance(args[1], ast.Name) and args[1].id in names:
        return _of_levels(name, _translated(args[0], names, frame), table_column(names[args[1].id], frame))
    if len(args) != 1:
        raise _NotPlainError
    inner = _translated(args[0], names, frame)
    if name == "I":
        return inner
    if name in ARITHMETIC:
        return Column(getattr(Code("np"), name)(inner.code), getattr(np, name)(inner.values), inner.reads)
    if name in ("center", "scale", "standardize") and isinstance(args[0], ast.Name):
        code, values = inner.code - inner.code.mean(), inner.values - inner.values.mean()
        if name != "center":
            code, values = code / inner.code.std(), values / inner.values.std()
        return Column(code, values, inner.reads)
    raise _NotPlainError


def _of_levels(name: str, x: Column, by: Column) -> Column:
    """Return the means of x over levels, or the deviations from them."""
    code = x.code.groupby(by.code).transform("mean")
    values = x.values.groupby(by.values).transform("mean")
    if name == "within":
        code, values = x.code - code, x.values - values
    return Column(code, values, x.reads | by.reads)
