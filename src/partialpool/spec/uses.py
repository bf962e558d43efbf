"""How expressions use the columns they read: as values, as categories, or as labels of groups."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, Literal

from formulae.expr import Assign, Binary, Call, Grouping, QuotedName, Unary, Variable

from partialpool.spec.expression import CODINGS, syntax_tree
from partialpool.spec.whitelist import CODING

__all__ = ["Use", "calls_around", "column_uses"]

Use = Literal["term", "category", "label", "number"]
"""`term`: a term by itself or in an interaction, read as numbers or categories by its type. `category`: inside C, T or
S. `label`: the groups of `within(x, g)` and `between(x, g)`. `number`: inside any other call."""

_BY_LEVEL: Final = frozenset({"within", "between"})
_Place = tuple[int, str | None]


def column_uses(expressions: Iterable[str]) -> Mapping[str, frozenset[Use]]:
    """Return how the expressions use each column that they read, in order.

    Examples
    --------
    >>> {name: sorted(uses) for name, uses in column_uses(["x:C(period)", "within(x, g)", "log(z)"]).items()}
    {'x': ['number', 'term'], 'period': ['category'], 'g': ['label'], 'z': ['number']}
    """
    found: dict[str, frozenset[Use]] = {}
    for expression in expressions:
        for name, use in _uses(syntax_tree(expression), "term"):
            found[name] = found.get(name, frozenset()) | {use}
    return found


def calls_around(expressions: Iterable[str], column: str) -> tuple[tuple[str, str], ...]:
    """Name the functions that read a column as a value, each with the column of groups that the call names, else empty.

    Examples
    --------
    >>> calls_around(["x", "between(log(x), g)", "bs(z, df=4)"], "x")
    (('between', 'g'), ('log', ''))
    """
    return tuple(dict.fromkeys(one for text in expressions for one in _calls(syntax_tree(text), column)))


def _calls(tree: Any, column: str) -> Iterator[tuple[str, str]]:
    match tree:
        case Call(callee=Variable(name=token), args=args):
            uses = [one for place, part in _placed(args) for one in _argument_uses(token.lexeme, place, part, "number")]
            if any(name == column and use != "label" for name, use in uses):
                yield token.lexeme, next((name for name, use in uses if use == "label"), "")
            for _, argument in _placed(args):
                yield from _calls(argument, column)
        case Grouping(expression=inner) | Unary(right=inner):
            yield from _calls(inner, column)
        case Binary(left=left, right=right):
            yield from _calls(left, column)
            yield from _calls(right, column)


def _uses(tree: Any, use: Use) -> Iterator[tuple[str, Use]]:
    match tree:
        case Variable(name=token):
            yield token.lexeme, use
        case QuotedName(expression=token):
            yield token.lexeme[1:-1], use
        case Call(callee=Variable(name=token), args=args):
            for place, argument in _placed(args):
                yield from _argument_uses(token.lexeme, place, argument, use)
        case Grouping(expression=inner):
            yield from _uses(inner, use)
        case Unary(right=inner):
            yield from _uses(inner, _within_operation(use))
        case Binary(left=left, right=right):
            yield from _uses(left, _within_operation(use))
            yield from _uses(right, _within_operation(use))


def _within_operation(use: Use) -> Use:
    """Return the use of an operand: outside calls an operator joins terms, inside a call it computes."""
    return "term" if use == "term" else "number"


def _placed(arguments: Iterable[Any]) -> Iterator[tuple[_Place, Any]]:
    for position, argument in enumerate(arguments):
        if isinstance(argument, Assign):
            yield (position, argument.name.name.lexeme), argument.value
        else:
            yield (position, None), argument


def _argument_uses(function: str, place: _Place, argument: Any, use: Use) -> Iterator[tuple[str, Use]]:
    position, keyword = place
    if function in CODING:
        if keyword == "data" or (keyword is None and position == 0):
            yield from _uses(argument, "category" if use in ("term", "category") else "number")
        else:
            yield from (one for one in _uses(argument, "number") if one[0] not in CODINGS)
    elif function in _BY_LEVEL and (keyword == "by" or (keyword is None and position == 1)):
        yield from _uses(argument, "label")
    else:
        yield from _uses(argument, "number")
