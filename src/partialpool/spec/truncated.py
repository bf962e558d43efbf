"""Responses outside bounds that are not in the table, as a formula says it: `y | trunc(lb=0, ub=high)`."""

from collections.abc import Iterable, Mapping
from math import isfinite
from numbers import Real

from partialpool.errors import FormulaError, SpecError
from partialpool.families.family import Family
from partialpool.families.registry import FAMILIES
from partialpool.spec.additions import TRUNC, trunc_bounds, trunc_text, written_bound
from partialpool.spec.expression import syntax_tree
from partialpool.spec.whitelist import quote_name

__all__ = ["checked_trunc"]


def checked_trunc(family: Family, trunc: object, beside: Iterable[str]) -> str | None:
    """Return the canonical text of the bounds of responses.

    Parameters
    ----------
    family
        The model's.
    trunc
        Text as in a formula, `"lb=0, ub=high"`, or numbers and names of columns by `lb` and `ub`.
    beside
        What else is stated of rows, and does not go with it, as text.

    Raises
    ------
    SpecError
        It cannot be read; the bounds are not in order; the family has no tail probabilities that keep their digits; or
        it does not go with another part.
    """
    if trunc is None:
        return None
    text = _read(trunc)
    if not family.censored_row_kernels:
        raise SpecError(
            f"family {family.name!r} does not take truncated responses",
            got=f"{TRUNC}({text}) with family {family.name!r}",
            allowed=", ".join(repr(known.name) for known in FAMILIES.values() if known.censored_row_kernels),
            do=f"choose one of these families, or leave {TRUNC} out"
            + ("; counts above 0 are those of a hurdle family" if family.name.startswith("zero_inflated") else ""),
        )
    others = list(beside)
    if others:
        raise SpecError(
            "truncated responses do not go with this part of the model",
            got=f"{TRUNC}({text}) and {others[0]}",
            allowed="rows with one residual sd, estimated, and independent of each other given the effects",
            do="leave one of the two out",
        )
    bounds = trunc_bounds(text)
    lower, upper = bounds.get("lb"), bounds.get("ub")
    if isinstance(lower, float) and isinstance(upper, float) and lower >= upper:
        raise SpecError(
            "the lower bound of a truncated response is not below the upper one",
            got=f"{TRUNC}({text})",
            allowed="lb below ub",
            do="exchange the two, or correct them",
        )
    return text


def _written(bound: object) -> str:
    """Write a bound as a formula does; text that no formula has where it is none."""
    if isinstance(bound, str) and bound.strip():
        return quote_name(bound)
    if isinstance(bound, Real) and not isinstance(bound, bool) and isfinite(bound):
        return written_bound(float(bound))
    return "()"


def _read(trunc: object) -> str:
    """Return the canonical text; an error where there is none."""
    text = trunc
    if isinstance(trunc, Mapping):
        text = ", ".join(f"{end}={_written(bound)}" for end, bound in trunc.items())
    if isinstance(text, str) and text.strip():
        try:
            found = trunc_text(syntax_tree(f"{TRUNC}({text})"))
        except FormulaError:
            found = None
        if found is not None:
            return found
    raise SpecError(
        f"{TRUNC} must state a lower bound lb, an upper bound ub, or both",
        got=repr(trunc),
        allowed=f"{TRUNC}='lb=0', {TRUNC}='lb=0, ub=high' or {TRUNC}={{'lb': 0, 'ub': 'high'}}: numbers, or columns",
        do="state numbers, or name columns; put a name with spaces in backquotes",
    )
