"""The degree of an effect as a polynomial in the table's columns, read off its name.

An effect's name is the expression it was built from: `x`, `I(x ** 2)`, `x:z`, `arm[active]:x`, `poly(x, 2)[1]`. When
the origin of a predictor is moved, a column changes only by multiples of columns of lower degree. The degree therefore
determines which columns must be projected out of a column so that the result does not depend on the origin.
"""

import ast
import re
from typing import Final

from partialpool.errors import FormulaError
from partialpool.names import INTERCEPT
from partialpool.spec.tokenize import outer_split

__all__ = ["degree_of"]

_NUMBERED: Final = re.compile(r"poly\(.*\)\[(\d+)\]")


def degree_of(effect: str) -> int:
    """Return the degree of an effect: 0 for the intercept, 1 for a column or a category, the sum for an interaction.

    A function of a column (`log(x)`, a spline) counts as one column.

    Examples
    --------
    >>> [degree_of(e) for e in ("Intercept", "x", "arm[active]", "I(x ** 2)", "x:z", "I(x*z)", "log(x)")]
    [0, 1, 1, 2, 2, 2, 1]
    >>> [degree_of(e) for e in ("poly(x, 2)[1]", "I(x**2):arm[active]", "I((x - 3)**3)", "I(1/x)")]
    [2, 3, 3, 1]
    """
    if effect == INTERCEPT:
        return 0
    try:
        parts = outer_split(effect, ":")
    except FormulaError:  # a column's name or a category's label may hold any bracket or quote
        parts = [effect]
    return sum(_degree_of_part(part.strip()) for part in parts)


def _degree_of_part(part: str) -> int:
    numbered = _NUMBERED.fullmatch(part)
    if numbered:
        return int(numbered[1]) + 1
    if not part.startswith("I("):
        return 1
    try:
        tree = ast.parse(part.replace("`", ""), mode="eval").body
    except SyntaxError:  # a quoted column with a space in its name
        return 1
    inner = tree.args[0] if isinstance(tree, ast.Call) and tree.args else tree
    return max(_degree(inner), 1)


def _degree(node: ast.expr) -> int:
    """Degree of an arithmetic expression; anything but sums, products and integer powers counts as one column."""
    match node:
        case ast.Constant():
            degree = 0
        case ast.UnaryOp(operand=inner) | ast.BinOp(left=inner, op=ast.Div(), right=ast.Constant()):
            degree = _degree(inner)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            degree = _degree(left) + _degree(right)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub(), right=right):
            degree = max(_degree(left), _degree(right))
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if power > 0:
            degree = _degree(left) * power
        case _:
            degree = 1
    return degree
