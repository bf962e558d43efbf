"""Responses that are known within bounds only, as a formula says it: `y | cens(status)`, `y | cens(status, y2)`."""

from collections.abc import Iterable

from partialpool.errors import FormulaError, SpecError
from partialpool.families.family import Family
from partialpool.families.registry import FAMILIES
from partialpool.spec.additions import CENS, cens_text
from partialpool.spec.expression import syntax_tree
from partialpool.spec.whitelist import quote_name

__all__ = ["checked_cens"]


def checked_cens(family: Family, cens: object, beside: Iterable[str]) -> str | None:
    """Return the canonical text of what is stated of censored rows.

    Parameters
    ----------
    family
        The model's.
    cens
        Text as in a formula, `"status"` or `"status, y2"`, or the names of one or two columns.
    beside
        What else is stated of rows, and does not go with it, as text.

    Raises
    ------
    SpecError
        It cannot be read; the family has no tail probabilities that keep their digits; or it does not go with another
        part.
    """
    if cens is None:
        return None
    text = _read(cens)
    if not family.censored_row_kernels:
        raise SpecError(
            f"family {family.name!r} does not take censored responses",
            got=f"{CENS}({text}) with family {family.name!r}",
            allowed=", ".join(repr(known.name) for known in FAMILIES.values() if known.censored_row_kernels),
            do=f"choose one of these families, or leave {CENS} out",
        )
    others = list(beside)
    if others:
        raise SpecError(
            "censored responses do not go with this part of the model",
            got=f"{CENS}({text}) and {others[0]}",
            allowed="rows with one residual sd, estimated, and independent of each other given the effects",
            do="leave one of the two out",
        )
    return text


def _read(cens: object) -> str:
    """Return the canonical text; an error where there is none."""
    names = (cens,) if isinstance(cens, str) else tuple(cens) if isinstance(cens, Iterable) else (cens,)
    text = cens if isinstance(cens, str) else ", ".join(quote_name(str(name)) for name in names)
    if all(isinstance(name, str) and name.strip() for name in names):
        try:
            found = cens_text(syntax_tree(f"{CENS}({text})"))
        except FormulaError:
            found = None
        if found is not None:
            return found
    raise SpecError(
        f"{CENS} must name the column of the status, and that of the intervals' upper ends where there are any",
        got=repr(cens),
        allowed=f"{CENS}='status', {CENS}='status, y2' or {CENS}=('status', 'y2')",
        do="name one column or two; put a name with spaces in backquotes",
    )
