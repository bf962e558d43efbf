"""Residual: which rows have correlated residuals, and how."""

from dataclasses import dataclass
from typing import Any, Final

from formulae.expr import Assign, Call, QuotedName, Variable

from partialpool.errors import FormulaError, SpecError
from partialpool.spec.expression import syntax_tree, variables_of
from partialpool.spec.whitelist import quote_name

__all__ = ["CORRELATIONS", "Residual", "read_residual", "residual_sentences"]

CORRELATIONS: Final = ("ar", "cosy", "unstr")
"""Kinds of correlation, under their names in brms."""
_WRITTEN: Final = "ar(time, gr=subject), cosy(gr=subject) or unstr(visit, gr=subject)"


@dataclass(frozen=True)
class Residual:
    """Residuals that are correlated within groups of rows ("series").

    Parameters
    ----------
    correlation
        `"ar"`: first-order autoregressive, rho^|t - t'| for rows at times t and t'. `"cosy"`: compound symmetry, rho
        for any two rows of a series. `"unstr"`: unstructured, a correlation for every pair of visits.
    gr
        Column whose values name the series.
    order
        Column of times (`ar`) or visits (`unstr`); none for `cosy`.

    Raises
    ------
    SpecError
        An unknown kind; a column that is missing, or superfluous.

    Examples
    --------
    >>> str(Residual("ar", order="Days", gr="Subject"))
    'ar(Days, gr=Subject)'
    """

    correlation: str
    gr: str
    order: str | None = None

    def __post_init__(self) -> None:
        """Check the parts."""
        if self.correlation not in CORRELATIONS:
            raise SpecError(
                "unknown correlation of residuals",
                got=repr(self.correlation),
                allowed=", ".join(map(repr, CORRELATIONS)),
                do=f"write {_WRITTEN} in a formula, or pp.Residual('ar', order='time', gr='subject')",
            )
        for name, column, needed in (("gr", self.gr, True), ("order", self.order, self.correlation != "cosy")):
            if (column is None and not needed) or (needed and _is_name(column)):
                continue
            raise SpecError(
                f"{name} of {self.correlation} must be " + ("the name of a column" if needed else "left out"),
                got=repr(column),
                allowed=_WRITTEN,
                do="name the column of series by gr, and that of times or visits by order; cosy has no order",
            )

    def __str__(self) -> str:
        """Write as in a formula."""
        order = "" if self.order is None else f"{quote_name(self.order)}, "
        return f"{self.correlation}({order}gr={quote_name(self.gr)})"

    @property
    def in_words(self) -> str:
        """Describe the correlation in a sentence."""
        if self.correlation == "ar":
            return (
                f"Residuals of one {self.gr} are correlated, rho to the power of the distance in {self.order} "
                "(first-order autoregressive)."
            )
        if self.correlation == "cosy":
            return f"Any two residuals of one {self.gr} have the same correlation (compound symmetry)."
        return f"Residuals of one {self.gr} have a correlation for each pair of values of {self.order} (unstructured)."

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""
        return (self.gr,) if self.order is None else (self.order, self.gr)


def read_residual(text: str) -> Residual | None:
    """Read a term of a formula; None if it is another term.

    Raises
    ------
    FormulaError
        A call of `ar`, `cosy` or `unstr` whose arguments cannot be read.

    Examples
    --------
    >>> read_residual("unstr(visit, gr=patient)")
    Residual(correlation='unstr', gr='patient', order='visit')
    >>> read_residual("log(x)") is None
    True
    """
    if not text.lstrip().startswith(CORRELATIONS):
        return None
    match syntax_tree(text):
        case Call(callee=Variable(name=token), args=args) if token.lexeme in CORRELATIONS:
            named, places = _arguments(args)
            order = named.pop("order", named.pop("time", places[0] if places else None)) or None
            gr = named.pop("gr", None) or None
            if named or len(places) > 1 or gr is None or (order is None) != (token.lexeme == "cosy"):
                raise FormulaError(
                    f"cannot read {token.lexeme}(...)",
                    got=repr(text.strip()),
                    allowed=_WRITTEN,
                    do="name the column of series by gr=; orders above 1 are not available"
                    if "p" in named
                    else "name the column of times or visits first (none for cosy), and one column of series by gr=; "
                    "compute combinations of columns in the table first",
                )
            return Residual(token.lexeme, gr, order)
    return None


def residual_sentences(residual: Residual | None, sigma: tuple[str, ...]) -> tuple[str, ...]:
    """Say which residual sds there are, and how residuals are correlated; empty for one sd and none."""
    by = sigma
    if residual is not None and residual.correlation == "unstr" and not by:
        by = (residual.order or "",)
    strata = (f"The residual sd has a value for each {' and '.join(by)}.",) if by else ()
    return strata + ((residual.in_words,) if residual else ())


def _arguments(args: Any) -> tuple[dict[str, str], list[str]]:
    """Return the columns that are named, and those that are not; what is not a column is named, and empty."""
    named: dict[str, str] = {}
    places: list[str] = []
    for place, argument in enumerate(args):
        match argument:
            case Variable(level=None) | QuotedName():
                places.append(next(variables_of(argument)))
            case Assign(name=Variable(name=token), value=(Variable(level=None) | QuotedName()) as value):
                named[token.lexeme] = next(variables_of(value))
            case Assign(name=Variable(name=token)):
                named[token.lexeme] = ""
            case _:
                named[f"argument {place}"] = ""
    return named, places


def _is_name(column: object) -> bool:
    return isinstance(column, str) and bool(column.strip()) and "`" not in column
