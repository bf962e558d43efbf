"""The distribution of group effects: normal, or Student t, `(1 | gr(g, dist="student_t"))`."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from partialpool.errors import PriorError, SpecError
from partialpool.spec.terms import Group

if TYPE_CHECKING:
    from partialpool.spec.model import ModelSpec

__all__ = ["check_distributions", "heavy_factors", "why_not_normal"]

_ALLOWED: Final = "grouping terms (effects | gr(factor, dist='student_t')) and (effects || gr(...)) of the mean"


def heavy_factors(groups: Iterable[Group]) -> tuple[str, ...]:
    """Name the factors whose effects have a Student t distribution, each once.

    Examples
    --------
    >>> heavy_factors([Group("g", dist="student"), Group("h")])
    ('g',)
    """
    return tuple(dict.fromkeys(group.factor for group in groups if group.is_heavy))


def why_not_normal(spec: "ModelSpec") -> str:
    """Say whose effects are not normal; empty if all are."""
    heavy = heavy_factors(spec.groups)
    return f"the effects over {' and '.join(heavy)} have a Student t distribution" if heavy else ""


def check_distributions(spec: "ModelSpec") -> None:
    """Refuse Student t effects where a level does not have one set of them, and priors of nu that fit no factor.

    Raises
    ------
    SpecError
        Terms of one factor with different distributions; effects of one factor in several predictors; categories.
    PriorError
        Joint priors of variances, which Student t effects need not have.
    """
    heavy = heavy_factors(spec.groups)
    if not heavy:
        return
    for factor in heavy:
        own = [group for group in spec.groups if group.factor == factor]
        if not all(group.is_heavy for group in own):
            raise SpecError(
                f"the effects over {factor} have two distributions",
                got=" + ".join(map(str, own)),
                allowed="one distribution of all effects of a factor: a level that is far out is so in all of them",
                do="write dist='student_t' in each of its terms, or in none",
            )
        beside = [(name, g) for name, one in spec.parameters.items() for g in one.groups if g.factor == factor]
        if beside:
            name, group = beside[0]
            raise SpecError(
                f"effects over {factor} with a Student t distribution are those of one predictor",
                got=f"{own[0]}, {name} ~ {group}",
                allowed=_ALLOWED,
                do=f"leave dist out, or the group of {name}",
            )
    if spec.family_record.has_predictors_of_categories:
        raise SpecError(
            f"family {spec.family!r} has normal group effects only",
            got=", ".join(str(group) for group in spec.groups if group.is_heavy),
            allowed="(effects | factor)",
            do="leave dist out",
        )
    if spec.states_shares:
        raise PriorError(
            "a joint prior of the variances needs normal group effects",
            got=f"dist='student_t' over {' and '.join(heavy)}, and priors of {', '.join(spec.priors)}",
            allowed="priors of the scales sd_<factor> and of nu_<factor>",
            do="state such priors, or leave dist out",
        )
