"""Groups in canonical form, and checks that they share no effect and no name."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from partialpool.errors import SpecError
from partialpool.names import INTERCEPT, names_of_factor
from partialpool.spec.expression import read_common
from partialpool.spec.terms import Group, expand_nesting

__all__ = ["canonical_groups", "check_flag", "check_names_apart", "check_no_effect_twice", "listed"]


def check_no_effect_twice(groups: tuple[Group, ...]) -> None:
    """Refuse an effect that occurs in two groups of one factor."""
    _check_one_structure(groups)
    counts = Counter((group.factor, term) for group in groups for term in group.terms)
    for (factor, term), count in counts.items():
        if count > 1:
            raise SpecError(
                f"the effect {term} varies twice over {factor}",
                got=" + ".join(str(g) for g in groups if g.factor == factor),
                allowed="each effect once per factor",
                do=f"write 0 + in one of the terms to leave its {INTERCEPT} out"
                if term == INTERCEPT
                else "keep the effect in one of the terms",
            )


def _check_one_structure(groups: tuple[Group, ...]) -> None:
    """Refuse groups of one factor of which one has a covariance with a structure."""
    for factor in dict.fromkeys(group.factor for group in groups):
        own = [group for group in groups if group.factor == factor]
        if len(own) > 1 and any(group.covariance or group.hom or group.by for group in own):
            raise SpecError(
                f"the effects over {factor} are stated in several terms, one of them with a structure",
                got=" + ".join(map(str, own)),
                allowed="one term for a factor with cs, ar1, hom=True or by",
                do=f"copy the column {factor} under another name for the other term",
            )


def check_names_apart(factors: tuple[str, ...], columns: tuple[str, ...]) -> None:
    """Refuse names that would be ambiguous in the posterior."""
    names = Counter(name for factor in factors for name in names_of_factor(factor))
    for name, count in names.items():
        if count > 1:
            raise SpecError(
                "two grouping factors would share a name in the posterior",
                got=f"{name!r} from " + ", ".join(repr(f) for f in factors),
                allowed="no factor named like a variable of another factor: g, g_effect, sd_g, corr_g, b_g, z_g",
                do="rename one of the columns",
            )
    if INTERCEPT in columns:
        raise SpecError(
            "a column may not be called Intercept in a model",
            got=repr(INTERCEPT),
            allowed="any other name; the intercept itself is written 1",
            do="rename the column",
        )


def check_flag(name: str, value: object) -> None:
    """Refuse an option that is neither True nor False."""
    if not isinstance(value, bool):
        raise SpecError(f"{name} must be True or False", got=repr(value), allowed="True or False", do="correct it")


def listed(name: str, value: Any) -> list[Any]:
    """Return an option that is a list of terms or of groups, or a single one of them."""
    if isinstance(value, Group if name == "groups" else str):
        return [value]
    if isinstance(value, (str, bytes)) or not isinstance(value, Iterable):
        what, allowed = ("Group objects", "[pp.Group('g')]") if name == "groups" else ("terms", "['x', 'z']")
        raise SpecError(f"{name} must be a list of {what}", got=repr(value), allowed=allowed, do="put them in [ ]")
    return list(value)


def canonical_groups(groups: Iterable[Group]) -> Iterable[Group]:
    """Yield groups with canonical terms; nesting becomes several groups."""
    for group in groups:
        if not isinstance(group, Group):
            raise SpecError(
                "groups must be Group objects",
                got=repr(group),
                allowed="pp.Group('Subject', slopes=['Days'])",
                do="wrap the factor in pp.Group, or use a formula",
            )
        terms = read_common(group.slopes, intercept=group.intercept)
        if terms.offsets:
            raise SpecError(
                "an offset cannot vary over the levels of a factor",
                got=f"slopes of {group.factor!r}: " + ", ".join(group.slopes),
                allowed="effects only",
                do="put the offset into common",
            )
        for factor in expand_nesting(group.factor):
            yield replace(group, factor=factor, slopes=terms.terms, intercept=terms.intercept)
