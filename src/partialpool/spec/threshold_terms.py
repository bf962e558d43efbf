"""Terms with a coefficient for each threshold of ordered categories: `cs(x)`, category-specific effects in brms."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from partialpool.errors import FormulaError, SpecError
from partialpool.families.family import Family
from partialpool.spec.expression import read_common
from partialpool.spec.groupchecks import listed
from partialpool.spec.tokenize import outer_split, split_call, split_sum

if TYPE_CHECKING:
    from partialpool.spec.model import ModelSpec

__all__ = ["canonical_threshold_terms", "check_threshold_terms", "read_threshold_terms", "refuse_varying_thresholds"]

_ANYWHERE: Final = re.compile(r"(?<![\w`.])cs\s*\(")
_WRITTEN: Final = "y ~ z + cs(x) + (1 | g), cs(x + z), cs(x:z)"


def read_threshold_terms(piece: str) -> str | None:
    """Return the terms inside `cs(...)`; None for another term, `cs(effects | factor)` among them.

    Examples
    --------
    >>> read_threshold_terms("cs(x + z)"), read_threshold_terms("x")
    ('x + z', None)
    """
    found = split_call(piece.strip(), "cs")
    if found is None or len(outer_split(found[0], "|")) > 1:
        return None
    inside, rest = found
    if rest or not inside or len(outer_split(inside, ",")) > 1:
        raise FormulaError(
            "cs(...) must be a term by itself, with predictors inside",
            got=repr(piece.strip()),
            allowed=_WRITTEN,
            do="put an interaction into it: cs(x:z) for cs(x):z; compound symmetry is written cs(0 + visit | g)",
        )
    return inside


def refuse_varying_thresholds(effects: str, factor: str) -> None:
    """Refuse `(cs(1) | g)`.

    Raises
    ------
    FormulaError
        An effect is inside cs(...).
    """
    if any(_ANYWHERE.search(piece) for _, piece in split_sum(effects)):
        raise FormulaError(
            "effects of single thresholds cannot vary over the levels of a factor",
            got=f"({effects} | {factor})",
            allowed=f"(1 | {factor}): effects that are the same at every threshold, beside cs(x)",
            do=f"leave cs out: (1 | {factor}); where levels use the categories differently, compare with "
            f"family='categorical', in which (1 | {factor}) has an effect on each category",
        )


def canonical_threshold_terms(cs: Iterable[str] | str, common: tuple[str, ...], family: Family) -> tuple[str, ...]:
    """Return the terms of which each threshold has a coefficient, in canonical text.

    Parameters
    ----------
    cs
        Terms as in a formula.
    common
        The fixed terms, in canonical text.
    family
        The family, which may have no such terms.

    Raises
    ------
    SpecError
        The family has no such terms; an offset or no term; a term that is a fixed term too.
    """
    given = [text if (inside := read_threshold_terms(text)) is None else inside for text in listed("cs", cs)]
    if not given:
        return ()
    written = f"cs({' + '.join(given)})"
    if not family.has_effects_by_threshold:
        raise _wrong_family(written, family)
    terms = read_common(given)
    if terms.offsets or not terms.terms:
        raise SpecError(
            "cs(...) must have predictors",
            got=written,
            allowed=_WRITTEN,
            do="add an offset outside of cs"
            if terms.offsets
            else "leave it out: the cutpoints are the intercepts of the thresholds",
        )
    twice = [term for term in terms.terms if term in common]
    if twice:
        raise SpecError(
            f"{twice[0]} has one coefficient, and one for each threshold",
            got=f"{twice[0]} + {written}",
            allowed="each term once, inside or outside of cs",
            do=f"write {twice[0]} inside of cs only: its coefficients include what the thresholds have in common",
        )
    return terms.terms


def _wrong_family(written: str, family: Family) -> SpecError:
    if family.has_cutpoints:
        return SpecError(
            f"family {family.name!r} has no coefficients for single thresholds: at some values of the predictors the "
            "cutpoints would cross, and a category would have a negative probability",
            got=written,
            allowed="cs(...) with the families 'sratio' and 'acat', in which thresholds may be in any order",
            do="write family='acat' to compare neighbouring categories, family='sratio' for steps that are taken one "
            "after the other; or leave cs out",
        )
    beside = (
        "; every category of 'categorical' has its own coefficients already"
        if family.has_predictors_of_categories
        else ""
    )
    return SpecError(
        f"family {family.name!r} has no thresholds between ordered categories{beside}",
        got=written,
        allowed="cs(...) with the families 'sratio' and 'acat'",
        do="leave cs out, or change the family",
    )


def check_threshold_terms(spec: "ModelSpec") -> None:
    """Refuse terms that do not go with coefficients of thresholds.

    Raises
    ------
    SpecError
        Smooths, or group effects with a structure.
    """
    if not spec.cs:
        return
    beside = [str(smooth) for smooth in spec.smooths]
    beside += [str(g) for g in spec.groups if g.cov is not None or g.members or g.covariance or g.hom or g.by]
    if beside:
        raise SpecError(
            "coefficients for each threshold do not go with this part of the model",
            got=f"cs({' + '.join(spec.cs)}) and {beside[0]}",
            allowed="fixed terms, offsets, and grouping terms (effects | factor) and (effects || factor)",
            do="leave one of the two out; a curve may be written as poly(x, 3) or bs(x, df=5)",
        )
