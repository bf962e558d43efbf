"""Smooth: a curve in one predictor, as a straight line and penalised departures from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from formulae.expr import Assign, Call, Literal, QuotedName, Variable

from partialpool.errors import FormulaError, SpecError
from partialpool.spec.expression import read_common, syntax_tree, variables_of
from partialpool.spec.whitelist import quote_name

__all__ = ["Smooth", "checked_smooths", "read_smooth", "with_lines"]

_BASES: Final = ("cr", "cc")
_WRITTEN: Final = "s(x), s(x, k=10), s(x, by=f), s(x, by=f, hom=True), s(x, bs='cc')"
_SMALLEST: Final = 3


@dataclass(frozen=True)
class Smooth:
    """A penalised smooth curve in a numeric predictor.

    The curve is a straight line, which is a fixed effect, and departures from it with a standard deviation of their
    own, `sd_s(x)`, in the units of the linear predictor.

    Parameters
    ----------
    x
        Column of the predictor.
    k
        Number of knots, at quantiles of the distinct values: the curve can be as wiggly as they allow.
    by
        Column of categories that have a curve each, and an sd each for its departures.
    bs
        `"cr"`, a cubic regression spline; `"cc"`, a cyclic one, whose ends meet (no straight line).
    hom
        Whether the curves of all categories of `by` share one sd, as `id=1` in mgcv.

    Raises
    ------
    SpecError
        An unknown basis; fewer than 3 knots; a name that is not text.

    Examples
    --------
    >>> str(Smooth("Days", k=5))
    's(Days, k=5)'
    """

    x: str
    k: int = 10
    by: str | None = None
    bs: str = "cr"
    hom: bool = False

    def __post_init__(self) -> None:
        """Check the parts."""
        for name, column in (("x", self.x), ("by", self.by)):
            if (name == "by" and column is None) or (isinstance(column, str) and column.strip() and "`" not in column):
                continue
            raise SpecError(
                f"{name} of a smooth must be the name of a column", got=repr(column), allowed=_WRITTEN, do="name it"
            )
        if isinstance(self.k, bool) or not isinstance(self.k, int) or self.k < _SMALLEST + (self.bs == "cc"):
            raise SpecError(
                "k of a smooth must be a number of knots",
                got=repr(self.k),
                allowed="an integer from 3 on, from 4 on for bs='cc'",
                do="leave it out for 10",
            )
        if self.bs not in _BASES:
            raise SpecError(
                "unknown basis of a smooth",
                got=repr(self.bs),
                allowed="'cr', a cubic regression spline; 'cc', a cyclic one",
                do="leave bs out: a thin plate spline ('tp') of one predictor is nearly the same curve as 'cr'"
                if self.bs in ("tp", "ts")
                else "name one of these",
            )
        if self.x == self.by:
            raise SpecError(
                "a smooth cannot be by its own predictor",
                got=f"by={self.by!r}",
                allowed="by: another column, of categories",
                do="leave by out",
            )

        if self.hom not in (True, False) or (self.hom and self.by is None):
            raise SpecError(
                "hom of a smooth says whether the curves of all categories share one sd",
                got=f"hom={self.hom!r}" + ("" if self.by else " without by"),
                allowed="hom=True beside by",
                do="leave hom out",
            )

    @property
    def name(self) -> str:
        """Name in parameters: `s(x)`; `s(x):f` with `by=f`."""
        return f"s({self.x})" + (f":{self.by}" if self.by else "")

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.x,) if self.by is None else (self.x, self.by)

    @property
    def line(self) -> str:
        """The term of the straight line; empty for a cyclic smooth, which has none."""
        if self.bs == "cc":
            return ""
        return quote_name(self.x) if self.by is None else f"{quote_name(self.x)}:{quote_name(self.by)}"

    def __str__(self) -> str:
        """Write as in a formula."""
        parts = [quote_name(self.x), *([] if self.k == 10 else [f"k={self.k}"])]
        parts += [f"by={quote_name(self.by)}"] if self.by else []
        parts += ["bs='cc'"] if self.bs == "cc" else []
        parts += ["hom=True"] if self.hom else []
        return f"s({', '.join(parts)})"


def read_smooth(text: str) -> Smooth | None:
    """Read a term of a formula; None if it is another term.

    Raises
    ------
    FormulaError
        A call of `s` whose arguments cannot be read.

    Examples
    --------
    >>> read_smooth("s(x, k=5, by=f)")
    Smooth(x='x', k=5, by='f', bs='cr', hom=False)
    >>> read_smooth("sqrt(x)") is None
    True
    """
    if not text.lstrip().startswith("s") or text.lstrip()[1:].lstrip()[:1] != "(":
        return None
    match syntax_tree(text):
        case Call(callee=Variable(name=token), args=args) if token.lexeme == "s":
            given = _arguments(args)
            if "x" in given and given.keys() <= {"x", "k", "by", "bs", "hom"}:
                return Smooth(**given)
            raise FormulaError(
                "cannot read s(...)",
                got=repr(text.strip()),
                allowed=_WRITTEN,
                do="name one column first; smooths of several predictors and other options are not available",
            )
    raise FormulaError(
        "a smooth must be a term by itself",
        got=repr(text.strip()),
        allowed="y ~ f + s(x, by=f)",
        do="add it to the others; by= gives each category a curve of its own",
    )


def checked_smooths(smooths: Any) -> tuple[Smooth, ...]:
    """Refuse what are not smooths, and two smooths of one name."""
    given = (smooths,) if isinstance(smooths, Smooth) else smooths
    listed = tuple(given) if isinstance(given, Iterable) else (given,)
    if not all(isinstance(one, Smooth) for one in listed):
        raise SpecError(
            "smooths must be Smooth objects", got=repr(smooths), allowed="[pp.Smooth('x')]", do="write pp.Smooth('x')"
        )
    names = [one.name for one in listed]
    if len(set(names)) < len(names):
        raise SpecError(
            "a smooth occurs twice", got=" + ".join(map(str, listed)), allowed="each once", do="remove one of them"
        )
    return listed


def with_lines(common: list[str], smooths: tuple[Smooth, ...], *, intercept: bool) -> list[str]:
    """Add the straight lines of smooths to fixed terms; the categories of `by` must be among these.

    Raises
    ------
    SpecError
        A smooth without an intercept; the main effect of `by` is not a fixed effect.
    """
    found = list(read_common(common, intercept=intercept).terms)
    for one in smooths:
        if not intercept:
            raise SpecError(
                "a smooth needs an intercept, around which its curve is centred",
                got=f"{one} without an intercept",
                allowed=f"1 + {one}",
                do="leave out the 0",
            )
        main = {quote_name(one.by), f"C({quote_name(one.by)})"} if one.by else set()
        if main and not main & set(found):
            raise SpecError(
                f"the curves of {one} are centred, so that {one.by} must be a fixed effect too",
                got=" + ".join(found) or "no fixed effect",
                allowed=f"{quote_name(str(one.by))} + {one}",
                do=f"add {quote_name(str(one.by))}",
            )
    added = [one.line for one in smooths if one.line and one.line not in found]
    return [*common, *(line for line in dict.fromkeys(added) if ":".join(reversed(line.split(":"))) not in found)]


def _arguments(args: Any) -> dict[str, Any]:
    """Return the arguments by name; what cannot be read gets a name that is not allowed."""
    found: dict[str, Any] = {}
    for place, argument in enumerate(args):
        match argument:
            case Variable(level=None) | QuotedName() if place == 0:
                found["x"] = next(variables_of(argument))
            case Assign(name=Variable(name=token), value=(Variable(level=None) | QuotedName()) as value):
                name = token.lexeme if token.lexeme == "by" else f"{token.lexeme}="
                found[name] = next(variables_of(value))
            case Assign(name=Variable(name=token), value=Literal(value=value)) if token.lexeme in ("k", "bs", "hom"):
                found[token.lexeme] = value.strip("'\"") if isinstance(value, str) else value
            case _:
                found[f"argument {place}"] = None
    return found
