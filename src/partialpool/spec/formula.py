"""Read a model formula: response, fixed terms, grouping terms.

The grouping terms are read here; the effects inside them and the fixed terms are expressions (`expression.py`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from formulae.expr import Call, QuotedName, Variable

from partialpool.errors import FormulaError
from partialpool.spec.additions import read_additions, trials_text
from partialpool.spec.expression import CommonTerms, check_names, columns_of, read_common, syntax_tree, variables_of
from partialpool.spec.members import is_membership, read_members
from partialpool.spec.residual import Residual, read_residual
from partialpool.spec.smooth import Smooth, read_smooth
from partialpool.spec.structured_group import read_grouped, read_structured
from partialpool.spec.terms import Group, expand_nesting
from partialpool.spec.threshold_terms import read_threshold_terms, refuse_varying_thresholds
from partialpool.spec.tokenize import outer_split, split_group, split_sum, split_tag
from partialpool.spec.whitelist import CATEGORY_FUNCTIONS, RESPONSE_FUNCTIONS, check_text, quote_name

__all__ = [
    "ParsedFormula",
    "Predictors",
    "ResponseTerm",
    "parse_formula",
    "read_predictors",
    "read_response",
    "read_strata",
]


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

    @property
    def is_column(self) -> bool:
        """Whether the response is an untransformed column."""
        return self.expression == quote_name(self.name)


@dataclass(frozen=True)
class ParsedFormula:
    """The parts of a formula, each in canonical text; `additions` are columns by what they say of the response."""

    response: ResponseTerm
    additions: Mapping[str, str]
    common: CommonTerms
    groups: tuple[Group, ...]
    residual: Residual | None = None
    smooths: tuple[Smooth, ...] = ()
    parameters: Mapping[str, str] = MappingProxyType({})
    """Right-hand sides of the formulas of the family's parameters, by parameter."""
    cs: tuple[str, ...] = ()
    """Terms inside `cs(...)`, as they are written."""


@dataclass(frozen=True)
class Predictors:
    """The terms of a right-hand side, by kind; `cs` are those inside `cs(...)`."""

    common: CommonTerms
    groups: tuple[Group, ...]
    residuals: tuple[Residual, ...]
    smooths: tuple[Smooth, ...]
    cs: tuple[str, ...] = ()


def parse_formula(text: str) -> ParsedFormula:
    """Split a formula into its parts.

    Parameters
    ----------
    text
        lme4's notation: `y ~ x + (x | g)`, `||`, `0 +`, `a/b`, `a:b`, crossed terms, interactions,
        `p(successes, trials) ~`, `offset(x)`, `I(...)`; brms's `y | se(s) ~`, `y | trials(n) ~`; `y | precision(w) ~`,
        `y | frequency(n) ~`.

    Raises
    ------
    FormulaError
        The text cannot be read, or it uses a name that is neither a column nor a listed function.

    Examples
    --------
    >>> parse_formula("Reaction ~ Days + (Days | Subject)").groups
    (Group(factor='Subject', slopes=('Days',), intercept=True, correlated=True),)
    """
    check_text(text)
    text, *others = outer_split(text, ",")
    sides = outer_split(text, "~")
    if len(sides) != 2 or not sides[0].strip() or not sides[1].strip():
        raise FormulaError(
            "a formula must have one ~ between response and predictors",
            got=repr(text),
            allowed="for instance 'y ~ x + (1 | g)'",
            do="write the response to the left of ~ and the predictors to the right (1 for none)",
        )
    response, additions = _read_left(sides[0])
    right = read_predictors(sides[1])
    if len(right.residuals) > 1:
        raise FormulaError(
            "the correlation of residuals is stated twice",
            got=" and ".join(map(str, right.residuals)),
            allowed="one of ar, cosy and unstr",
            do="remove one; group effects may be added: (1 | g) + ar(time, gr=g)",
        )
    residual = right.residuals[0] if right.residuals else None
    return ParsedFormula(
        response, additions, right.common, right.groups, residual, right.smooths, _read_parameters(others), right.cs
    )


def read_predictors(text: str) -> Predictors:
    """Read the right-hand side of a formula."""
    groups: list[Group] = []
    common: list[str] = []
    residuals: list[Residual] = []
    smooths: list[Smooth] = []
    of_thresholds: list[str] = []
    for sign, whole in split_sum(text):
        piece, tag = split_tag(whole)
        grouping, residual = read_structured(piece) or split_group(piece), read_residual(piece)
        smooth, inside = read_smooth(piece), read_threshold_terms(piece)
        if smooth is not None and sign == "+":
            smooths.append(smooth)
        elif inside is not None and sign == "+":
            of_thresholds.append(inside)
        elif residual is not None and sign == "+":
            residuals.append(residual)
        elif grouping is None:
            common.append(f"{sign} {piece}")
        elif sign == "-":
            raise FormulaError(
                "a grouping term cannot be subtracted",
                got=f"- {piece}",
                allowed="+ (effects | factor)",
                do="leave the term out",
            )
        else:
            groups.extend(_read_group(*grouping, tag=tag))
    terms = read_common([" ".join(common).removeprefix("+ ") or "1"])
    return Predictors(terms, tuple(groups), tuple(residuals), tuple(smooths), tuple(of_thresholds))


def _read_parameters(formulas: list[str]) -> Mapping[str, str]:
    """Read `sigma ~ arm`: the right-hand side of the formula of each parameter."""
    found: dict[str, str] = {}
    for text in formulas:
        sides = [side.strip() for side in outer_split(text, "~")]
        if len(sides) != 2 or not all(sides) or not sides[0].isidentifier() or sides[0] in found:
            raise FormulaError(
                "cannot read the formula of a parameter",
                got=", ".join(one.strip() for one in formulas),
                allowed="'y ~ ..., sigma ~ arm + (1 | g)', each parameter once; for one response, one formula",
                do="write the parameter to the left of ~ and its predictors to the right",
            )
        found[sides[0]] = sides[1]
    return MappingProxyType(found)


def read_strata(text: str) -> tuple[str, ...]:
    """Read `0 + arm` or `0 + arm:visit`: the columns whose combinations have sds of their own; empty for other terms.

    Examples
    --------
    >>> read_strata("0 + arm:visit"), read_strata("arm")
    (('arm', 'visit'), ())
    """
    pieces = [piece.strip() for _, piece in split_sum(text)]
    if len(pieces) != 2 or pieces[0] != "0" or "|" in pieces[1]:
        return ()
    trees = [syntax_tree(part) for part in outer_split(pieces[1], ":")]
    if all(isinstance(tree, QuotedName) or (isinstance(tree, Variable) and tree.level is None) for tree in trees):
        return tuple(next(variables_of(tree)) for tree in trees)
    return ()


def read_response(text: str) -> ResponseTerm:
    """Read the left-hand side of a formula.

    Examples
    --------
    >>> read_response("p(incidence, size)").trials
    'size'
    """
    check_text(text)
    tree = syntax_tree(text)
    match tree:
        case Variable(name=token, level=None):
            return ResponseTerm(token.lexeme, token.lexeme, token.lexeme)
        case Variable(name=token, level=level):
            success = str(level.value)
            shown = success if quote_name(success) == success else f"'{success}'"
            return ResponseTerm(f"{token.lexeme}[{shown}]", token.lexeme, token.lexeme, level=success)
        case QuotedName(expression=token):
            quoted = quote_name(token.lexeme[1:-1])
            return ResponseTerm(quoted, token.lexeme[1:-1], quoted)
        case Call(callee=Variable(name=token)) if token.lexeme in RESPONSE_FUNCTIONS:
            return _read_proportion(tree, text)
        case Call(callee=Variable(name=token)) if token.lexeme != "offset":
            check_names(tree, in_call=True, context="response")
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
        case [Variable(level=None) | QuotedName() as successes, trials] if (n := trials_text(trials)) is not None:
            name = next(variables_of(successes))
            return ResponseTerm(f"p({quote_name(name)}, {n})", name, quote_name(name), trials=n)
    raise FormulaError(
        "p(...) takes the successes and the trials",
        got=repr(text.strip()),
        allowed="p(successes, trials): two columns, or a column and a positive integer",
        do="name the column of successes, then the column of trials",
    )


def _read_left(text: str) -> tuple[ResponseTerm, Mapping[str, str]]:
    """Read `y`, `y | se(s)`, `y | trials(n)`: the response, and columns by what they say of it."""
    response, *rest = outer_split(text, "|")
    said = dict(read_additions("|".join(rest))) if rest else {}
    trials = said.pop("trials", None)
    return read_response(response if trials is None else f"p({response.strip()}, {trials})"), MappingProxyType(said)


_FACTOR_PART: Final = r"\s*(?:[^\W\d_]\w*|`[^`:/]+`)\s*"
_FACTOR: Final = re.compile(rf"{_FACTOR_PART}(?:[:/]{_FACTOR_PART})*")


_WORDS: Final = re.compile(r"[^\W\d_]\w*(?:\s+\w+)+")
_CALLED: Final = re.compile(r"([^\W\d]\w*)\s*\((.*)\)", re.DOTALL)


def _advice_on(effects: str, factor: str) -> str:
    """Advise on a factor that is an expression: the values of a column are used as levels directly."""
    called = _CALLED.fullmatch(factor.strip())
    if len(named := outer_split(factor, ",")) > 1 and named[1].strip().startswith("by"):
        return f"write ({effects} | gr({named[0].strip()}, {named[1].strip()}))"
    if _WORDS.fullmatch(factor.strip()):
        return f"put a name with spaces or other signs in backquotes: ({effects} | `{factor.strip()}`)"
    if not called:
        return "write crossed factors as separate terms: (1 | a) + (1 | b); put unusual names in `backquotes`"
    name, inside = called[1], called[2].strip()
    if name == "interaction":
        inside = ":".join(part.strip() for part in inside.split(","))
    elif name not in ("C", *CATEGORY_FUNCTIONS):
        return f"compute {name}({inside}) as a column of the table first, and name that column"
    return f"write ({effects} | {inside}): the values of a grouping factor are its levels, numbers included"


def _read_group(
    effects: str,
    factor: str,
    correlated: bool,
    covariance: str | None = None,
    hom: bool | None = None,
    *,
    tag: str | None,
) -> Iterator[Group]:
    factor, by, dist = read_grouped(factor)
    members = read_members(factor) if is_membership(factor) else None
    if members is None and not _FACTOR.fullmatch(factor):
        raise FormulaError(
            "cannot read the grouping factor",
            got=repr(factor),
            allowed="a column, 'a:b' (each combination a level) or 'a/b' (b nested in a); no ':' or '/' in a name",
            do=_advice_on(effects, factor),
        )
    if any(read_smooth(piece) for _, piece in split_sum(effects)):
        raise FormulaError(
            "a curve cannot vary over the levels of a factor",
            got=f"({effects} | {factor})",
            allowed=f"s(x) + (x | {factor}): one curve, and a straight line for each level added to it",
            do=f"write {factor} + s(x, by={factor}) for curves of a few categories",
        )
    refuse_varying_thresholds(effects, factor)
    common = read_common([effects])
    if common.offsets:
        raise FormulaError(
            "an offset cannot vary over the levels of a factor",
            got=f"({effects} | {factor})",
            allowed="effects only",
            do="move the offset out of the parentheses",
        )
    for name in (members,) if members is not None else expand_nesting(factor.replace("`", "")):
        yield Group(
            name,
            slopes=common.terms,
            intercept=common.intercept,
            correlated=correlated,
            covariance=covariance,
            hom=hom,
            by=by,
            dist=dist,
            tag=tag,
        )
