"""Read a model formula: response, common terms, grouping terms.

The grouping terms are read here; expressions are parsed by formulae, after every name in them was checked
against the list in `guard.py`. formulae 0.9 stops silently at the first token it does not
expect, drops parentheses from names, and reads `-x**2` as `(-x)**2`: the walk below refuses or
mends each of these, so that a term's canonical text means the same when it is read again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from formulae import model_description
from formulae.expr import Assign, Binary, Call, Grouping, Literal, QuotedName, Unary, Variable
from formulae.parser import ParseError, Parser
from formulae.resolver import ResolverError
from formulae.scanner import ScanError, Scanner
from formulae.terms.call import Call as CallComponent
from formulae.terms.call_resolver import LazyCall, LazyOperator, LazyValue, LazyVariable
from formulae.terms.terms import Intercept, Model, Term

from partialpool.errors import FormulaError
from partialpool.spec.guard import FUNCTIONS, RESPONSE_FUNCTIONS, check_text, quote_name, refuse_call
from partialpool.spec.split import outer_split, split_group, split_sum
from partialpool.spec.terms import Group, expand_nesting

__all__ = ["CommonTerms", "ParsedFormula", "ResponseTerm", "columns_of", "describe_terms", "parse_formula", "read_common", "read_response"]

CODINGS: Final = frozenset({"Treatment", "Sum"})
"""Names that are contrasts, not columns, inside `C(...)`."""


@dataclass(frozen=True)
class CommonTerms:
    """The population-level side of a formula, in canonical text."""

    intercept: bool
    terms: tuple[str, ...]
    offsets: tuple[str, ...]


@dataclass(frozen=True)
class ResponseTerm:
    """The left-hand side.

    Attributes
    ----------
    text
        Canonical text: `Reaction`, `log(y)`, `use[Y]`, `p(incidence, size)`.
    name
        Name of the observed variable in the posterior: its (first) column.
    expression
        What to evaluate on the table: the column, the transformed column, or the successes.
    level
        The category that counts as success (`use[Y]`), or None.
    trials
        Column or number of trials of `p(successes, trials)`, or None.
    """

    text: str
    name: str
    expression: str
    level: str | None = None
    trials: str | None = None


@dataclass(frozen=True)
class ParsedFormula:
    """A formula taken apart, each part in canonical text."""

    response: ResponseTerm
    se: str | None
    common: CommonTerms
    groups: tuple[Group, ...]


def parse_formula(text: str) -> ParsedFormula:
    """Take a formula apart.

    Parameters
    ----------
    text
        lme4's notation: `y ~ x + (x | g)`, `||`, `0 +`, `a/b`, `a:b`, crossed terms, interactions,
        `p(successes, trials) ~`, `offset(x)`, `I(...)`; and brms's `y | se(s) ~`, `y | trials(n) ~`.

    Raises
    ------
    FormulaError
        What cannot be read, or asks for a name that is not a column or a listed function.

    Examples
    --------
    >>> parse_formula("Reaction ~ Days + (Days | Subject)").groups
    (Group(factor='Subject', slopes=('Days',), intercept=True, correlated=True),)
    """
    check_text(text)
    sides = outer_split(text, "~")
    if len(sides) != 2 or not sides[0].strip() or not sides[1].strip():
        raise FormulaError(
            "a formula has one ~ between response and predictors",
            got=repr(text),
            allowed="for instance 'y ~ x + (1 | g)'",
            do="write the response to the left of ~ and the predictors to the right (1 for none)",
        )
    response, se = _read_left(sides[0])
    groups: list[Group] = []
    common: list[str] = []
    for sign, piece in split_sum(sides[1]):
        grouping = split_group(piece)
        if grouping is None:
            common.append(f"{sign} {piece}")
        elif sign == "-":
            raise FormulaError(
                "a grouping term cannot be subtracted", got=f"- {piece}", allowed="+ (effects | factor)", do="leave the term out"
            )
        else:
            groups.extend(_read_group(*grouping))
    return ParsedFormula(response, se, read_common([" ".join(common).removeprefix("+ ") or "1"]), tuple(groups))


def read_common(expressions: Iterable[str], *, intercept: bool = True) -> CommonTerms:
    """Expand and canonicalise common terms: `a*b` becomes `a`, `b`, `a:b`; offsets are set apart.

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
        elif _is_call_of(term, "offset"):
            offsets.append(_offset_argument(term.components[0].call))
        else:
            terms.append(":".join(_component_text(component) for component in term.components))
    return CommonTerms(has_intercept, tuple(terms), tuple(offsets))


def describe_terms(expressions: Iterable[str], *, intercept: bool) -> Model | None:
    """Parse additive terms with formulae, checked, its calls renamed so that labels are canonical text.

    Returns None where nothing is left (`0`): formulae has no empty model.
    """
    text = " + ".join(["1" if intercept else "0", *expressions])
    _check(_syntax_tree(text), in_call=False)
    try:
        model = model_description(text)
    except AttributeError:  # formulae's answer to a right-hand side of '0'
        return None
    except (ParseError, ResolverError, ValueError, TypeError) as error:
        raise _unreadable(text, str(error)) from error
    for term in model.common_terms:
        if isinstance(term, Term):
            for component in term.components:
                if isinstance(component, CallComponent):
                    component.name = _write(component.call)
                elif not isinstance(component.name, str):
                    raise _unreadable(text, f"the number {component.name} is not a term")
            term.name = ":".join(component.name for component in term.components)
    return model


def columns_of(expression: str) -> tuple[str, ...]:
    """Name the columns an expression reads, in order.

    Examples
    --------
    >>> columns_of("log(x + 1):within(z, school)")
    ('x', 'z', 'school')
    """
    return tuple(dict.fromkeys(n for n in _variables(_syntax_tree(expression)) if n not in CODINGS))


def read_response(text: str) -> ResponseTerm:
    """Read the left-hand side of a formula.

    Examples
    --------
    >>> read_response("p(incidence, size)").trials
    'size'
    """
    check_text(text)
    tree = _syntax_tree(text)
    match tree:
        case Variable(name=token, level=None):
            return ResponseTerm(token.lexeme, token.lexeme, token.lexeme)
        case Variable(name=token, level=level):
            return ResponseTerm(f"{token.lexeme}[{level.value}]", token.lexeme, token.lexeme, level=str(level.value))
        case QuotedName(expression=token):
            quoted = quote_name(token.lexeme[1:-1])
            return ResponseTerm(quoted, token.lexeme[1:-1], quoted)
        case Call(callee=Variable(name=token)) if token.lexeme in RESPONSE_FUNCTIONS:
            return _read_proportion(tree, text)
        case Call():
            _check(tree, in_call=True, context="response")
            columns = columns_of(text)
            canonical = read_common([text], intercept=False).terms[0]
            if columns:
                return ResponseTerm(canonical, columns[0], canonical)
    raise FormulaError(
        "cannot read the response",
        got=repr(text.strip()),
        allowed="a column, a listed function of a column, 'y[success]' or 'p(successes, trials)'",
        do="compute the response in the table first",
    )


def _read_proportion(tree: Any, text: str) -> ResponseTerm:
    match tree.args:
        case [Variable(level=None) | QuotedName() as successes, trials] if isinstance(
            trials, (Variable, QuotedName)
        ) or (isinstance(trials, Literal) and isinstance(trials.value, int)):
            name = next(_variables(successes))
            n = str(trials.value) if isinstance(trials, Literal) else quote_name(next(_variables(trials)))
            return ResponseTerm(f"p({quote_name(name)}, {n})", name, quote_name(name), trials=n)
    raise FormulaError(
        "p(...) takes the successes and the trials",
        got=repr(text.strip()),
        allowed="p(successes, trials): two columns, or a column and a whole number",
        do="name the column of successes, then the column of trials",
    )


def _read_left(text: str) -> tuple[ResponseTerm, str | None]:
    """Read `y`, `y | se(s)`, `y | trials(n)`."""
    response, *additions = outer_split(text, "|")
    if not additions:
        return read_response(response), None
    tree = _syntax_tree(additions[0]) if len(additions) == 1 else None
    match tree:
        case Call(callee=Variable(name=token), args=[Variable(level=None) | QuotedName() as column]):
            if token.lexeme == "se":
                return read_response(response), next(_variables(column))
            if token.lexeme == "trials":
                return read_response(f"p({response.strip()}, {quote_name(next(_variables(column)))})"), None
    raise FormulaError(
        "cannot read what follows | in the response",
        got=repr(text.strip()),
        allowed="'y | se(standard_error)' or 'successes | trials(n)'",
        do="name one column inside se() or trials()",
    )


def _read_group(effects: str, factor: str, correlated: bool) -> Iterator[Group]:
    if any(character in factor for character in "+*()[]{}-"):
        raise FormulaError(
            "cannot read the grouping factor",
            got=repr(factor),
            allowed="a column, 'a:b' (each combination a level) or 'a/b' (b nested in a)",
            do="write crossed factors as separate terms: (1 | a) + (1 | b)",
        )
    common = read_common([effects])
    if common.offsets:
        raise FormulaError(
            "an offset is not a varying effect", got=f"({effects} | {factor})", allowed="effects only", do="move the offset out of the parentheses"
        )
    for name in expand_nesting(factor):
        yield Group(name, slopes=common.terms, intercept=common.intercept, correlated=correlated)


def _syntax_tree(text: str) -> Any:
    check_text(text)
    try:
        parser = Parser(Scanner(text).scan(add_intercept=False))
        tree = parser.parse()
    except (ScanError, ParseError, IndexError, ValueError, RecursionError) as error:
        raise _unreadable(text, str(error)) from error
    if not parser.at_end():
        raise _unreadable(text, f"stopped at {parser.peek().lexeme!r}")
    return tree


def _check(tree: Any, *, in_call: bool, context: str = "terms") -> None:
    """Refuse every name and operator that is not on the list."""
    match tree:
        case Call(callee=Variable(name=token), args=args):
            if token.lexeme not in FUNCTIONS:
                raise refuse_call(token.lexeme, context)
            for argument in args:
                _check(argument, in_call=True, context=context)
        case Call():
            raise _unreadable("a call of an expression", "only a named function can be called")
        case Assign(value=value):
            if not in_call:
                raise _unreadable(f"{tree.name.name.lexeme} = ...", "an assignment is not a term")
            _check(value, in_call=True, context=context)
        case Grouping(expression=inner):
            _check(inner, in_call=in_call, context=context)
        case Unary(operator=operator, right=right):
            _check(right, in_call=in_call, context=context)
        case Binary(left=left, operator=operator, right=right):
            _check_operator(operator, left, in_call=in_call)
            _check(left, in_call=in_call, context=context)
            _check(right, in_call=in_call, context=context)
        case Variable(level=level) if level is not None:
            raise _unreadable(f"{tree.name.lexeme}[...]", "brackets name the success of a response only")
        case Literal(value=value) if not in_call and (isinstance(value, (str, bool)) or value is None or value not in (0, 1, 2, 3, 4)):
            raise _unreadable(str(value), "a number or text alone is not a term")


def _check_operator(operator: Any, left: Any, *, in_call: bool) -> None:
    ambiguous = isinstance(left, Unary) or (isinstance(left, Binary) and left.operator.kind == "STAR_STAR")
    if operator.kind == "STAR_STAR" and ambiguous:
        raise FormulaError(
            "an ambiguous power in a formula",
            got="-x**2 or x**a**b",
            allowed="-(x**2), (-x)**2, (x**a)**b",
            do="put parentheses where you mean them",
        )
    if operator.kind == "PIPE":
        raise FormulaError(
            "a grouping term stands alone, added to the others",
            got="a | inside an expression",
            allowed="y ~ x + (effects | factor)",
            do="put the term in parentheses and join it with +",
        )
    comparisons = {"EQUAL_EQUAL", "BANG_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL"}
    if operator.kind in comparisons and not in_call:
        raise _unreadable(operator.lexeme, "a comparison belongs inside I(...)")
    if operator.kind == "COLON" and in_call:
        raise _unreadable(operator.lexeme, "an interaction is not an argument; write it outside the call")


def _variables(tree: Any) -> Iterator[str]:
    match tree:
        case Variable(name=token):
            yield token.lexeme
        case QuotedName(expression=token):
            yield token.lexeme[1:-1]
        case Call(args=args):
            for argument in args:
                yield from _variables(argument)
        case Assign(value=inner) | Grouping(expression=inner) | Unary(right=inner):
            yield from _variables(inner)
        case Binary(left=left, right=right):
            yield from _variables(left)
            yield from _variables(right)


def _is_call_of(term: Any, name: str) -> bool:
    components = getattr(term, "components", ())
    return len(components) == 1 and isinstance(components[0], CallComponent) and components[0].call.callee == name


def _offset_argument(call: Any) -> str:
    if len(call.args) != 1 or call.kwargs:
        raise _unreadable(str(call), "offset() takes one expression")
    return _write(call.args[0])


def _component_text(component: Any) -> str:
    """A call was renamed to its canonical text; a column may need backquotes."""
    return component.name if isinstance(component, CallComponent) else quote_name(component.name)


_BINDS: Final = {"+": 2, "-": 2, "*": 3, "/": 3, "**": 5}
_UNARY_BINDS: Final = 4
_COMPARISON_BINDS: Final = 1


def _write(lazy: Any, outer: int = 0) -> str:
    """Write an expression of formulae's back as text, with the parentheses its own names lose."""
    match lazy:
        case LazyCall(callee=callee, args=args, kwargs=kwargs):
            written = [_write(a) for a in args] + [f"{k}={_write(v)}" for k, v in kwargs.items()]
            return f"{callee}({', '.join(written)})"
        case LazyVariable(name=name):
            return str(name) if name in CODINGS else quote_name(name)
        case LazyValue(value=value):
            return _literal(value)
        case LazyOperator(symbol=symbol, args=[operand]):
            return _wrap(f"{symbol}{_write(operand, _UNARY_BINDS)}", _UNARY_BINDS, outer)
        case LazyOperator(symbol=symbol, args=[left, right]):
            binds = _BINDS.get(symbol, _COMPARISON_BINDS)
            space = "" if symbol == "**" else " "
            inner = f"{_write(left, binds)}{space}{symbol}{space}{_write(right, binds + 1)}"
            return _wrap(inner, binds, outer)
    raise _unreadable(str(lazy), "not an expression")


def _wrap(text: str, binds: int, outer: int) -> str:
    return f"({text})" if binds < outer else text


def _literal(value: object) -> str:
    if isinstance(value, float):
        return format(Decimal(repr(value)), "f")
    return repr(value)


def _unreadable(text: str, reason: str) -> FormulaError:
    return FormulaError(
        "cannot read the formula",
        got=f"{text!r}: {reason}",
        allowed="terms joined by +, interactions a:b and a*b, listed functions, (effects | factor)",
        do="check the spelling at that place; compute anything unusual in the table first",
    )
