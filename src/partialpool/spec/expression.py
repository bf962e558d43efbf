"""Expressions: every name is checked, then formulae parses the text, then it is written back as canonical text.

formulae 0.9 stops silently at the first token it does not expect, drops parentheses from names, reads `-x**2`
as `(-x)**2` and cannot compare some calls. This module refuses or corrects each of these, so that a term's
canonical text has the same meaning when it is read again.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from formulae.expr import Assign, Binary, Call, Grouping, Literal, QuotedName, Unary, Variable
from formulae.parser import ParseError, Parser
from formulae.resolver import Resolver, ResolverError
from formulae.scanner import ScanError, Scanner
from formulae.terms.call import Call as CallComponent
from formulae.terms.call_resolver import (
    CallResolver,
    CallResolverError,
    LazyCall,
    LazyOperator,
    LazyValue,
    LazyVariable,
)
from formulae.terms.terms import Intercept, Model, NegatedIntercept, Term

from partialpool.errors import FormulaError
from partialpool.spec.whitelist import (
    CHECK_SPELLING,
    CODING,
    FUNCTIONS,
    advice_on_stop,
    check_reference,
    check_text,
    quote_name,
    refuse_call,
)

__all__ = [
    "CommonTerms",
    "check_names",
    "columns_of",
    "describe_terms",
    "is_single",
    "read_common",
    "syntax_tree",
    "variables_of",
]

CODINGS: Final = frozenset({"Treatment", "Sum"})
"""Names that are contrasts, not columns, inside `C(...)`."""
MAX_CROSSINGS: Final = 6
"""Crossings (`*`) in one sum of terms; each doubles the number of terms."""
MAX_DEPTH: Final = 300
"""Terms or operations in one sum: formulae parses it recursively."""
MAX_POWER: Final = 4
"""Highest order of interactions allowed in `(a + b + c)**n`."""


@dataclass(frozen=True)
class CommonTerms:
    """The fixed (population-level) terms of a formula, in canonical text."""

    intercept: bool
    terms: tuple[str, ...]
    offsets: tuple[str, ...]


def read_common(expressions: Iterable[str], *, intercept: bool = True) -> CommonTerms:
    """Expand and canonicalise fixed terms: `a*b` becomes `a`, `b`, `a:b`; offsets are returned separately.

    Examples
    --------
    >>> read_common(["x*z", "I( (x+z)*2 )"]).terms
    ('x', 'z', 'x:z', 'I((x + z) * 2)')
    """
    model = describe_terms(expressions, intercept=intercept)
    terms, offsets, has_intercept = [], [], False
    for term in model.common_terms if model is not None else ():
        if isinstance(term, Intercept):
            has_intercept = True
        elif not any(_is_offset(component) for component in term.components):
            terms.append(":".join(_component_text(component) for component in term.components))
        elif len(term.components) == 1:
            offsets.append(_offset_argument(term.components[0].call))
        else:
            raise _unreadable(str(term.name), "an offset must be a separate term, added to the others")
    return CommonTerms(has_intercept, tuple(terms), tuple(offsets))


def describe_terms(expressions: Iterable[str], *, intercept: bool) -> Model | None:
    """Check every name, then parse additive terms with formulae; labels are canonical text.

    Returns None where no term remains (`0`): formulae has no empty model.
    """
    expressions = tuple(expressions)
    for expression in expressions:  # one at a time: two halves of a term must not be joined into one
        tree = syntax_tree(expression)
        check_names(tree, in_call=False)
        _check_size(tree, expression)
    text = " + ".join(["1" if intercept else "1 + 0", *expressions])
    try:
        description = _Resolver(syntax_tree(text)).resolve()
        if description is None or isinstance(description, NegatedIntercept):
            return None
        model = description if isinstance(description, Model) else Model(description)
    except (
        ParseError,
        ResolverError,
        CallResolverError,
        ValueError,
        TypeError,
        AttributeError,
        RecursionError,
    ) as error:
        raise _unreadable(text, str(error)) from error
    for term in model.common_terms:
        if isinstance(term, Term) and not all(isinstance(component.name, str) for component in term.components):
            raise _unreadable(text, f"the number {term.name} is not a term")
    return model if model.common_terms else None


class _TextualCall(LazyCall):
    """A call represented by its canonical text: two calls are equal where their texts are equal."""

    def __init__(self, lazy: LazyCall) -> None:
        super().__init__(lazy.callee, lazy.args, lazy.kwargs)

    def __str__(self) -> str:
        return _write(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _TextualCall) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))


class _Resolver(Resolver):
    """formulae's term algebra, with calls compared by their text: its own comparison fails on nested calls."""

    def visitCallExpr(self, expr: Call) -> Term:
        return Term(CallComponent(_TextualCall(CallResolver(expr).resolve())))


def columns_of(expression: str) -> tuple[str, ...]:
    """Name the columns an expression reads, in order.

    Examples
    --------
    >>> columns_of("log(x + 1):within(z, school)")
    ('x', 'z', 'school')
    """
    return tuple(dict.fromkeys(variables_of(syntax_tree(expression))))


def is_single(expression: str) -> bool:
    """Whether an expression is one name or one call: anything else needs I(...) to be one column."""
    return isinstance(syntax_tree(expression), (Variable, QuotedName, Call))


def syntax_tree(text: str) -> Any:
    """Parse an expression with formulae, to its end, without checking its names."""
    check_text(text)
    parser = Parser([])
    try:
        parser.tokens = Scanner(text).scan(add_intercept=False)
        tree = parser.parse()
    except (ScanError, ParseError, IndexError, ValueError, RecursionError) as error:
        raise _unreadable(text, str(error) or "too deep", do=advice_on_stop(parser.tokens, parser.current)) from error
    if not parser.at_end():
        raise _unreadable(
            text, f"stopped at {parser.peek().lexeme!r}", do=advice_on_stop(parser.tokens, parser.current)
        )
    if _depth(tree) > MAX_DEPTH:
        raise _unreadable(text[:200], f"more than {MAX_DEPTH} terms or operations in one sum")
    return tree


def _depth(tree: Any) -> int:
    """Count the levels of a syntax tree, without recursion."""
    level, depth = [tree], 0
    while level:
        depth += 1
        level = [inner for node in level for inner in _inside(node)]
    return depth


def _inside(node: Any) -> list[Any]:
    match node:
        case Binary(left=left, right=right):
            return [left, right]
        case Call(args=args):
            return list(args)
        case Assign(value=inner) | Grouping(expression=inner) | Unary(right=inner):
            return [inner]
    return []


def check_names(tree: Any, *, in_call: bool, context: str = "terms") -> None:
    """Refuse every name and operator that is not on the list."""
    match tree:
        case Call(callee=Variable(name=token), args=args):
            if token.lexeme not in FUNCTIONS or (token.lexeme == "offset" and in_call):
                raise refuse_call(token.lexeme, context)
            check_reference(token.lexeme, [a.name.name.lexeme for a in args if isinstance(a, Assign)])
            for argument in args:
                check_names(argument, in_call=True, context=context)
        case Call():
            raise _unreadable("a call of an expression", "only a named function can be called")
        case Assign(value=value):
            if not in_call:
                raise _unreadable(f"{tree.name.name.lexeme} = ...", "an assignment is not a term")
            check_names(value, in_call=True, context=context)
        case Grouping(expression=inner):
            check_names(inner, in_call=in_call, context=context)
        case Unary(operator=operator, right=right):
            check_names(right, in_call=in_call, context=context)
        case Binary(left=left, operator=operator, right=right):
            _check_operator(operator, left, right, in_call=in_call)
            check_names(left, in_call=in_call, context=context)
            check_names(right, in_call=in_call, context=context)
        case Variable(level=level) if level is not None:
            raise _unreadable(
                f"{tree.name.lexeme}[...]", "square brackets are only for the success category of a response"
            )
        case Literal(value=value):
            _check_literal(value, in_call=in_call)


def _check_literal(value: object, *, in_call: bool) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise _unreadable(str(value), "a number too large to represent")
    number = isinstance(value, (int, float)) and not isinstance(value, bool) and value in range(MAX_POWER + 1)
    if not in_call and not number:
        raise _unreadable(str(value), "a number or text alone is not a term")


def _check_operator(operator: Any, left: Any, right: Any, *, in_call: bool) -> None:
    if operator.kind in ("STAR", "COLON", "SLASH") and not in_call:
        _check_interaction(operator, left, right)
    ambiguous = isinstance(left, Unary) or (isinstance(left, Binary) and left.operator.kind == "STAR_STAR")
    if operator.kind == "STAR_STAR" and ambiguous:
        raise FormulaError(
            "an ambiguous power in a formula",
            got="-x**2 or x**a**b",
            allowed="-(x**2), (-x)**2, (x**a)**b",
            do="put parentheses where you mean them",
        )
    while isinstance(left, Grouping):
        left = left.expression
    if operator.kind == "STAR_STAR" and not in_call and isinstance(left, (Variable, QuotedName, Call)):
        name = quote_name(next(variables_of(left), "x")) if not isinstance(left, Call) else "f(x)"
        raise FormulaError(
            "a power outside I(...) means interactions, and a column has none with itself",
            got=f"{name}**...",
            allowed="I(x**2) for the square of a column, (a + b)**2 for a + b + a:b",
            do=f"write I({name}**2), with the power you mean",
        )
    if operator.kind == "TILDE":
        raise _unreadable("~", "a formula has one ~, between response and predictors")
    if operator.kind == "PIPE":
        raise FormulaError(
            "a grouping term must be a separate term, added to the others",
            got="a | inside an expression",
            allowed="y ~ x + (effects | factor)",
            do="put the term in parentheses and join it with +",
        )
    comparisons = {"EQUAL_EQUAL", "BANG_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"}
    if operator.kind in comparisons and not in_call:
        raise _unreadable(operator.lexeme, "a comparison belongs inside I(...)")
    if operator.kind == "COLON" and in_call:
        raise _unreadable(operator.lexeme, "an interaction is not an argument; write it outside the call")


def _check_interaction(operator: Any, left: Any, right: Any) -> None:
    """Refuse a number inside an interaction: formulae fails on it with an internal error."""
    if any(_has_number(side) for side in (left, right)):
        raise FormulaError(
            "a number (the intercept) cannot be part of an interaction",
            got=f"a 0 or 1 beside {operator.lexeme}",
            allowed="columns and calls, alone or in a sum: (a + b):c",
            do="write the number as a separate term: 0 + a:b",
        )


def _has_number(tree: Any) -> bool:
    match tree:
        case Literal():
            return True
        case Grouping(expression=inner) | Unary(right=inner):
            return _has_number(inner)
        case Binary(left=left, operator=operator, right=right) if operator.kind != "STAR_STAR":
            return _has_number(left) or _has_number(right)
    return False


def variables_of(tree: Any) -> Iterator[str]:
    """Yield every name in a syntax tree that is not the name of a function."""
    match tree:
        case Variable(name=token):
            yield token.lexeme
        case QuotedName(expression=token):
            yield token.lexeme[1:-1]
        case Call(callee=Variable(name=token), args=args):
            skipped = CODINGS if token.lexeme in CODING else frozenset()
            for argument in args:
                yield from (name for name in variables_of(argument) if name not in skipped)
        case Assign(value=inner) | Grouping(expression=inner) | Unary(right=inner):
            yield from variables_of(inner)
        case Binary(left=left, right=right):
            yield from variables_of(left)
            yield from variables_of(right)


def _is_offset(component: Any) -> bool:
    return isinstance(component, CallComponent) and component.call.callee == "offset"


def _check_size(tree: Any, text: str) -> None:
    """Refuse a sum of terms that would expand to too many."""
    crossings, pending = 0, [tree]
    while pending:
        match pending.pop():
            case Binary(left=left, operator=operator, right=right):
                crossings += operator.kind == "STAR"
                known = isinstance(right, Literal) and right.value in range(2, MAX_POWER + 1)
                if (operator.kind == "STAR_STAR" and not known) or crossings > MAX_CROSSINGS:
                    many = crossings > MAX_CROSSINGS
                    raise FormulaError(
                        "a formula crosses too many terms" if many else "this power of terms is not available",
                        got=text if len(text) < 200 else text[:200] + "...",
                        allowed=f"up to {MAX_CROSSINGS} crossings with *, powers **2 to **{MAX_POWER}",
                        do="name the interactions you mean: a:b",
                    )
                pending += [left, right]
            case Grouping(expression=inner) | Unary(right=inner):
                pending.append(inner)


def _offset_argument(call: Any) -> str:
    if len(call.args) != 1 or call.kwargs:
        raise _unreadable(str(call), "offset() takes one expression")
    return _write(call.args[0])


def _component_text(component: Any) -> str:
    """Return the component as text: a call already has its canonical text; a column may need backquotes."""
    return component.name if isinstance(component, CallComponent) else quote_name(component.name)


_BINDS: Final = {"+": 2, "-": 2, "*": 3, "/": 3, "**": 5}
_UNARY_BINDS: Final = 4
_TIGHTEST: Final = 6
_COMPARISON_BINDS: Final = 1


def _write(lazy: Any, outer: int = 0) -> str:
    """Write an expression from formulae as text, with the parentheses that formulae's own names drop."""
    match lazy:
        case LazyCall(callee=callee, args=args, kwargs=kwargs):
            written = [_write(a) for a in args] + [f"{k}={_write(v)}" for k, v in kwargs.items()]
            return f"{callee}({', '.join(written)})"
        case LazyVariable(name=name):
            return quote_name(name)
        case LazyValue(value=value):
            return _literal(value)
        case LazyOperator(symbol=symbol):
            operands = lazy.args
            if len(operands) == 1:  # formulae binds a sign before a power: -(x**2) keeps its parentheses
                return _wrap(f"{symbol}{_write(operands[0], _TIGHTEST)}", _UNARY_BINDS, outer)
            binds = _BINDS.get(symbol, _COMPARISON_BINDS)
            space = "" if symbol == "**" else " "
            inner = (
                f"{_write(operands[0], binds + (symbol == '**'))}{space}{symbol}{space}{_write(operands[1], binds + 1)}"
            )
            return _wrap(inner, binds, outer)
    raise _unreadable(str(lazy), "not an expression")


def _wrap(text: str, binds: int, outer: int) -> str:
    return f"({text})" if binds < outer else text


def _literal(value: object) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    # formulae reads text between quotes literally and has no escapes.
    return f"'{value}'" if isinstance(value, str) else repr(value)


def _unreadable(text: str, reason: str, *, do: str = CHECK_SPELLING) -> FormulaError:
    return FormulaError(
        "cannot read the formula",
        got=f"{text!r}: {reason}",
        allowed="terms joined by +, interactions a:b and a*b, listed functions, (effects | factor)",
        do=do,
    )
