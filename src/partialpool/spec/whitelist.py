"""What a formula may contain: a fixed list of functions, and the characters of an expression.

A specification is data, never code. This module checks text only; it runs before any parser.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from types import MappingProxyType
from typing import Any, Final

from partialpool.errors import FormulaError, nearest

__all__ = [
    "CATEGORY_FUNCTIONS",
    "CHECK_SPELLING",
    "FUNCTIONS",
    "REPLACED",
    "RESPONSE_FUNCTIONS",
    "advice_on_stop",
    "check_reference",
    "check_text",
    "quote_name",
    "refuse_call",
]

ARITHMETIC: Final = frozenset(
    {"I", "abs", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "tanh"}
)
"""Elementwise functions."""
LEARNED: Final = frozenset({"center", "scale", "standardize", "poly", "bs", "within", "between"})
"""Functions whose constants are learned from the table and reused on new data."""
CODING: Final = frozenset({"C", "T", "S"})
"""Functions that code categories as columns."""
FUNCTIONS: Final = ARITHMETIC | LEARNED | CODING | {"offset"}
"""Functions that an expression may call; `design/transforms.py` defines each."""

RESPONSE_FUNCTIONS: Final = frozenset({"p", "prop", "proportion"})
"""Functions allowed as the whole response: successes of trials."""

CHECK_SPELLING: Final = "check the spelling there; compute anything unusual in the table first"
"""Advice on text that is not understood."""
REPLACED: Final = frozenset({"mo", "me", "mi", "t2", "cor", "arma", "ma", "car", "sar", "toep", "rr", "ou"})

WEIGHTS: Final = (
    "say what the weights mean: y | precision(w), the residual variance is sigma^2 / w (lme4's weights); "
    "y | frequency(n), a row stands for n equal rows; y | se(s), known standard errors; p(successes, n), trials; "
    "offset(log(n)), exposure. Sampling weights of a survey are none of these: they alone do not make a survey "
    "analysis right; put the variables that the sampling depended on into the model"
)
"""Advice on weights, which may mean several things."""
CATEGORY_FUNCTIONS: Final = ("factor", "ordered", "categorical", "as.factor", "as.ordered", "as.character")
"""Functions of other languages that turn numbers into categories."""
_CATEGORY: Final = (
    "write C(x) for a term of categories; the values of a grouping factor are its levels already: (1 | g)"
)
_RESIDUAL: Final = (
    "write ar(time, gr=subject), cosy(gr=subject) or unstr(visit, gr=subject), the correlations of residuals that are "
    "available"
)
_EFFECTS: Final = (
    "write effects, a bar and a factor in it: cs(0 + visit | g), ar1(0 + visit | g) or diag(0 + visit | g); "
    "correlated residuals are ar(time, gr=g), cosy(gr=g) or unstr(visit, gr=g)"
)
_FOREIGN: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(CATEGORY_FUNCTIONS, _CATEGORY),
        **dict.fromkeys(("Treatment", "contr.treatment"), "write T(x, ref='b') for a term whose reference is b"),
        "relevel": "make the column a pandas categorical whose first category is the reference",
        "interaction": "write a:b",
        "cbind": "write p(successes, trials) ~ ...: the second is the number of trials, not of failures",
        "weights": WEIGHTS,
        **dict.fromkeys(("t2", "te", "ti", "ns", "gp"), "write s(x) for a smooth curve, or poly(x, 2)"),
        "s": "write it as a term by itself: y ~ x + s(x); s(x, by=f) for a curve of each category",
        "mm": "write it in a grouping term: (1 | mm(school1, school2))",
        "gr": "write it in a grouping term: (1 | gr(patient, by=arm)); pass cov={'g': matrix} for related levels",
        "mo": "write C(x), or x as a number",
        **dict.fromkeys(("ar", "cosy", "unstr"), "write it as a term by itself: y ~ x + ar(time, gr=g)"),
        **dict.fromkeys(("AR", "CS", "UN", "corAR1", "corCompSymm", "corSymm", "arma", "ma", "car", "sar"), _RESIDUAL),
        "cs": "write it as a term by itself: y ~ z + cs(x) for coefficients of each threshold of ordered categories, "
        "cs(x:z) for an interaction; cs(0 + visit | g) for equally correlated effects",
        **dict.fromkeys(("ar1", "diag", "us", "homcs", "homdiag", "hetar1", "toep", "rr", "ou"), _EFFECTS),
        **dict.fromkeys(("square", "pow", "power"), "write I(x**2)"),
    }
)
"""Advice on functions of other languages: what to write instead."""
_OPERATORS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "^": "write ** for ^: I(x**2) for the square of a column, (a + b)**2 for a + b + a:b",
        "%": "write a:b for a %in% b, and I(...) for arithmetic",
        "&": "write a:b for the interaction of two columns; compute conditions in the table first",
    }
)
_EVERYTHING: Final = re.compile(r"(?<![\w.)\]])\.(?![\w.])")
_DOTTED: Final = re.compile(r"(?<!\w)[A-Za-z_]\w*\s*\.\s*[A-Za-z_]\w*(?:\s*\.\s*\w+)*")
_PRIVATE: Final = re.compile(r"(?<![\w.])_\w*")
_STRAY: Final = re.compile(r"[^\w\s~+\-*/:|()\[\]{},.=<>!'\"`]|:=|//|;")
_ATTRIBUTE: Final = re.compile(r"[)\]}'\"`]\s*\.\s*\w+")
MAX_LENGTH: Final = 10_000
MAX_NESTING: Final = 50


def check_reference(function: str, keywords: Iterable[str]) -> None:
    """Refuse a reference category in C(...), which T(...) takes."""
    if function == "C" and {"ref", "reference", "base"}.intersection(keywords):
        raise FormulaError(
            "C(...) takes no reference category",
            got=f"C(..., {', '.join(f'{name}=...' for name in keywords)})",
            allowed="C(x), whose reference is the first category",
            do="write T(x, ref='b') for the reference b",
        )


def check_text(text: str) -> None:
    """Refuse text that cannot be part of a formula, naming the refused part.

    Raises
    ------
    FormulaError
        Attribute access, names that start with an underscore, stray characters, quotes or backquotes
        left open, non-text.
    """
    if not isinstance(text, str) or not text.strip():
        raise FormulaError(
            "a formula must be text",
            got=repr(text),
            allowed="for instance 'y ~ x + (1 | g)'",
            do="write a formula",
        )
    if len(text) > MAX_LENGTH:
        raise FormulaError(
            "the formula is too long",
            got=f"{len(text)} characters",
            allowed=f"up to {MAX_LENGTH}",
            do="name the columns instead of repeating expressions",
        )
    bare = _without_quotes(text)
    deepest = max(accumulate((c in "([{") - (c in ")]}") for c in bare))
    if deepest > MAX_NESTING:
        raise FormulaError(
            "brackets are nested too deeply in a formula",
            got=f"{deepest} levels",
            allowed=f"up to {MAX_NESTING}",
            do="compute the column in the table first",
        )
    for pattern, wrong, do in (
        (_EVERYTHING, "a formula must name the columns it reads", "write them out: y ~ a + b"),
        (
            _PRIVATE,
            "a formula may not use names that start with an underscore",
            "put a column's name in `backquotes`",
        ),
        (
            _DOTTED,
            "a formula may not access attributes of objects",
            "write log(x) for np.log(x); put a column's name in `backquotes`",
        ),
        (_ATTRIBUTE, "a formula may not access attributes of objects", "compute the column in the table first"),
        (
            _STRAY,
            "unexpected character in a formula",
            "put unusual column names in `backquotes`",
        ),
    ):
        found = pattern.search(bare)
        if found:
            raise FormulaError(
                wrong,
                got=f"{found.group().strip()!r} in {text!r}",
                allowed="column names, numbers, + - * / : ** | ( ) and the functions " + ", ".join(sorted(FUNCTIONS)),
                do=_advice(found.group(), bare, do),
            )


def _advice(found: str, text: str, usual: str) -> str:
    """Advise on text that is valid in other languages; for other text, return the usual advice."""
    name = re.sub(r"\s", "", found)
    called = re.search(rf"{re.escape(found)}\s*\(", text) is not None
    return _FOREIGN.get(name, usual) if called else _OPERATORS.get(found, usual)


def quote_name(name: str) -> str:
    """Put backquotes around a column name that is not a plain identifier.

    Examples
    --------
    >>> quote_name("Days"), quote_name("my days")
    ('Days', '`my days`')
    """
    plain = name[:1].isalpha() and all(c.isalnum() or c == "_" for c in name)  # formulae's rule, not Python's
    return name if plain and name not in ("True", "False", "None") else f"`{name}`"


def advice_on_stop(tokens: Sequence[Any], stop: int) -> str:
    """Advise on the token of a parser that is not expected: after a name, it is the next word of a name with spaces."""
    start, end = stop, stop
    while start > 0 and tokens[start - 1].kind == "IDENTIFIER":
        start -= 1
    while end < len(tokens) and tokens[end].kind in ("IDENTIFIER", "NUMBER"):
        end += 1
    if stop in (start, end):
        return CHECK_SPELLING
    name = " ".join(token.lexeme for token in tokens[start:end])
    return f"put a name with spaces or other signs in backquotes: `{name}`; join two terms by +"


def refuse_call(name: str, context: str) -> FormulaError:
    """Build the error for a call of a function that is not on the list."""
    allowed = FUNCTIONS | (RESPONSE_FUNCTIONS if context == "response" else frozenset())
    later = " (partialpool does not have this special term)" if name in REPLACED else ""
    return FormulaError(
        f"a formula may not call {name!r}{later}",
        got=f"{name}(...)",
        allowed=nearest(name, sorted(allowed)),
        do=_FOREIGN.get(name, "use one of these functions, or compute the column in the table first"),
    )


def _without_quotes(text: str) -> str:
    """Blank out 'strings' and `quoted names`, so that only text that acts as code is checked."""
    out, closing, inside = [], "", []
    for character in text:
        if closing:
            inside.append(character)
            if character == closing:
                out.append("x" if closing == "`" else "''")
                closing, inside = "", []
        elif character in "'\"`":
            closing = character
        else:
            out.append(character)
    if closing:
        raise FormulaError(
            "a quote is left open in a formula",
            got=repr(text),
            allowed="every ', \" and ` in pairs",
            do=f"close the {closing}",
        )
    return "".join(out)
