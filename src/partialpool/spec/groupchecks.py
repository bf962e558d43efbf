"""Checks that the groups of a model share no effect and no name."""

from collections import Counter

from partialpool.errors import SpecError
from partialpool.names import INTERCEPT, names_of_factor
from partialpool.spec.terms import Group

__all__ = ["check_names_apart", "check_no_effect_twice"]


def check_no_effect_twice(groups: tuple[Group, ...]) -> None:
    """Refuse an effect that occurs in two groups of one factor."""
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
