"""What a formula says of its response after the bar: `y | se(s)`, `y | precision(w)`, `y | cens(c) + trunc(lb=0)`."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from formulae.expr import Assign, Call, Literal, QuotedName, Unary, Variable

from partialpool.errors import FormulaError, SpecError
from partialpool.spec.expression import syntax_tree, variables_of
from partialpool.spec.tokenize import split_sum
from partialpool.spec.whitelist import WEIGHTS, quote_name

__all__ = [
    "CENS",
    "COLUMNS_OF_ROWS",
    "TRUNC",
    "cens_columns",
    "cens_text",
    "read_additions",
    "said_once",
    "trials_text",
    "trunc_bounds",
    "trunc_columns",
    "trunc_text",
    "written_bound",
]

CENS: Final = "cens"
"""What says which responses are known within bounds only: one column or two."""
TRUNC: Final = "trunc"
"""What says between which bounds every response is: numbers or columns."""
COLUMNS_OF_ROWS: Final = ("se", "precision", "frequency")
"""What a column may say of every row's response; `trials` may also be a number, and becomes part of the response."""
_ENDS: Final = ("lb", "ub")
"""Lower and upper bound, in their order."""
_SIGNS: Final = ("-", "+")
_ONE: Final = "name one column inside each of them"
_BOUNDS: Final = "name a lower bound lb=, an upper bound ub= or both: numbers, or columns of the table"


def read_additions(text: str) -> Mapping[str, str]:
    """Read a sum of calls: by name, the column; for `trials` the text of a column or a positive integer, for `cens` the
    text of one or two columns, for `trunc` that of its bounds.

    Raises
    ------
    FormulaError
        Another function, something that is not one column, or one of them twice.

    Examples
    --------
    >>> dict(read_additions("precision(w) + frequency(n)"))
    {'precision': 'w', 'frequency': 'n'}
    """
    found: dict[str, str] = {}
    for sign, piece in split_sum(text):
        said = dict(_read(syntax_tree(piece)))
        if sign == "-" or not said or said.keys() & found.keys():
            raise FormulaError(
                "cannot read what follows | in the response",
                got=repr(text.strip()),
                allowed="'y | se(standard_error)', 'successes | trials(n)', 'y | precision(w)', 'y | frequency(n)', "
                "'y | cens(status)', 'y | cens(status, y2)', 'y | trunc(lb=0, ub=high)', or several of them, "
                "each once, joined by +",
                do=WEIGHTS if piece.startswith("weights") else _BOUNDS if piece.startswith(TRUNC) else _ONE,
            )
        found |= said
    return MappingProxyType(found)


def said_once(in_formula: Mapping[str, str], beside: Mapping[str, Any]) -> dict[str, Any]:
    """Join what a formula and the keywords beside it say; both may say the same.

    Raises
    ------
    SpecError
        They name different columns.
    """
    for name, column in beside.items():
        if column is not None and in_formula.get(name, column) != column:
            raise SpecError(
                f"{name} is given twice",
                got=f"{name}({in_formula[name]}) in the formula and {name}={column!r}",
                allowed="one of the two",
                do="remove one",
            )
    return {**beside, **in_formula}


def trials_text(tree: Any) -> str | None:
    """Write the trials, or None where they are neither a column nor a positive integer."""
    match tree:
        case Variable(level=None) | QuotedName():
            return quote_name(next(variables_of(tree)))
        case Literal(value=bool()):
            return None
        case Literal(value=int(value)) if value >= 1:
            return str(value)
    return None


def cens_text(tree: Any) -> str | None:
    """Write the columns of `cens(status)` or `cens(status, y2)`; None where they cannot be read.

    Examples
    --------
    >>> cens_text(syntax_tree("cens(status, y2=`upper end`)"))
    'status, `upper end`'
    """
    match tree:
        case Call(callee=Variable(name=token), args=[status, *ends]) if token.lexeme == CENS and len(ends) < 2:
            pieces = [status, *map(_of_upper_end, ends)]
            if all(isinstance(piece, QuotedName) or _is_column(piece) for piece in pieces):
                return ", ".join(quote_name(next(variables_of(piece))) for piece in pieces)
    return None


def cens_columns(text: str | None) -> tuple[str, ...]:
    """Return the columns of `"status"` or `"status, y2"`: those of the status, and of the intervals' upper ends.

    Examples
    --------
    >>> cens_columns("status, `upper end`")
    ('status', 'upper end')
    """
    return () if text is None else tuple(next(variables_of(piece)) for piece in syntax_tree(f"{CENS}({text})").args)


def trunc_text(tree: Any) -> str | None:
    """Write the bounds of `trunc(lb, ub)`, numbers or columns, either of them alone; None where they cannot be read.

    Examples
    --------
    >>> trunc_text(syntax_tree("trunc(-1, ub=`the limit`)"))
    'lb=-1, ub=`the limit`'
    """
    match tree:
        case Call(callee=Variable(name=token), args=arguments) if token.lexeme == TRUNC and 1 <= len(arguments) <= 2:
            found = {}
            for place, argument in zip(_ENDS, arguments, strict=False):
                named = isinstance(argument, Assign)
                name = argument.name.name.lexeme if named else place
                bound = _bound_text(argument.value if named else argument)
                if name not in _ENDS or name in found or bound is None:
                    return None
                found[name] = bound
            return ", ".join(f"{name}={found[name]}" for name in _ENDS if name in found)
    return None


def written_bound(bound: float) -> str:
    """Write a bound that is a number, without an exponent, which formulas do not have.

    Examples
    --------
    >>> written_bound(2), written_bound(-0.5), written_bound(1e-7)
    ('2', '-0.5', '0.0000001')
    """
    return str(int(bound)) if bound == int(bound) else f"{Decimal(repr(bound)):f}"


def trunc_bounds(text: str | None) -> dict[str, str | float]:
    """Return the bounds of `"lb=0, ub=high"` by name: numbers, or the names of columns.

    Examples
    --------
    >>> trunc_bounds("lb=-1, ub=`the limit`")
    {'lb': -1.0, 'ub': 'the limit'}
    """
    if text is None:
        return {}
    found: dict[str, str | float] = {}
    for argument in syntax_tree(f"{TRUNC}({text})").args:
        columns = list(variables_of(argument.value))
        written = _bound_text(argument.value)
        assert written is not None
        found[argument.name.name.lexeme] = columns[0] if columns else float(written)
    return found


def trunc_columns(text: str | None) -> tuple[str, ...]:
    """Return the columns among the bounds, each once."""
    return tuple(dict.fromkeys(bound for bound in trunc_bounds(text).values() if isinstance(bound, str)))


def _read(tree: Any) -> Iterator[tuple[str, str]]:
    """Yield the name of a call and its column; nothing where it cannot be read."""
    match tree:
        case Call(callee=Variable(name=token)) if token.lexeme == CENS:
            if (columns := cens_text(tree)) is not None:
                yield CENS, columns
        case Call(callee=Variable(name=token)) if token.lexeme == TRUNC:
            if (bounds := trunc_text(tree)) is not None:
                yield TRUNC, bounds
        case Call(callee=Variable(name=token), args=[argument]):
            if token.lexeme == "trials" and (n := trials_text(argument)) is not None:
                yield "trials", n
            elif token.lexeme in COLUMNS_OF_ROWS and isinstance(argument, (Variable, QuotedName)):
                yield token.lexeme, next(variables_of(argument))


def _of_upper_end(tree: Any) -> Any:
    """Return what `y2=` is followed by."""
    return tree.value if isinstance(tree, Assign) and tree.name.name.lexeme == "y2" else tree


def _bound_text(tree: Any) -> str | None:
    """Write a bound: a column, or a number with its sign."""
    match tree:
        case QuotedName() | Variable(level=None):
            return quote_name(next(variables_of(tree)))
        case Unary(operator=sign, right=Literal(value=value)) if _is_number(value) and sign.lexeme in _SIGNS:
            return written_bound(value if sign.lexeme == "+" else -value)
        case Literal(value=value) if _is_number(value):
            return written_bound(value)
    return None


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_column(tree: Any) -> bool:
    return isinstance(tree, Variable) and tree.level is None
