"""The parts of a model in canonical form, and checks of how they fit together."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from partialpool.errors import SpecError
from partialpool.families.family import Family
from partialpool.families.links import LINKS
from partialpool.names import names_of_predictor, renamed
from partialpool.spec.effect_distribution import check_distributions, heavy_factors
from partialpool.spec.expression import read_common
from partialpool.spec.familychecks import checked_link, checked_rows
from partialpool.spec.formula import read_response
from partialpool.spec.groupchecks import canonical_groups, check_flag, check_names_apart, check_no_effect_twice, listed
from partialpool.spec.groupcovs import with_covariances
from partialpool.spec.memberchecks import check_memberships
from partialpool.spec.parameter_predictor import read_parameters, without_strata
from partialpool.spec.priorchecks import check_stated_priors
from partialpool.spec.priortable import PriorTable
from partialpool.spec.smooth import Smooth, checked_smooths, with_lines
from partialpool.spec.terms import Group
from partialpool.spec.threshold_terms import canonical_threshold_terms, check_threshold_terms
from partialpool.spec.unit_table import UnitTable

if TYPE_CHECKING:
    from partialpool.spec.model import ModelSpec

__all__ = ["canonical_model", "check_model"]


def canonical_model(
    response: str,
    common: Iterable[str] | str,
    groups: Iterable[Group] | Group,
    *,
    intercept: bool,
    family: Family,
    link: str | None,
    priors: Mapping[str, object],
    rows: Mapping[str, Any],
    smooths: Iterable[Smooth] | Smooth,
    parameters: Mapping[str, object],
    cs: Iterable[str] | str,
    cov: Mapping[str, object],
    units: Mapping[str, str],
) -> dict[str, Any]:
    """Return the fields of a `ModelSpec`, given the arguments of its constructor.

    Parameters
    ----------
    rows
        What is stated of each row: se, precision, frequency, residual, sigma, cens, trunc.
    response, common, groups, intercept, family, link, priors, smooths, parameters, cs, cov, units
        As for `ModelSpec`.
    """
    check_flag("intercept", intercept)
    smooths, fixed = checked_smooths(smooths), listed("common", common)
    terms = read_common(with_lines(fixed, smooths, intercept=intercept), intercept=intercept)
    chosen = checked_link(family, link)
    plain = family.is_normal and not family.on_log_scale and LINKS[chosen].is_identity and rows["se"] is None
    others, strata = without_strata(parameters, plain=plain) if isinstance(parameters, Mapping) else (parameters, ())
    if strata and rows["sigma"]:
        raise _sigma_twice(rows["sigma"], strata)
    return {
        "response": read_response(response).text,
        "common": terms.terms,
        "groups": with_covariances(canonical_groups(listed("groups", groups)), cov),
        "intercept": terms.intercept or family.has_cutpoints,
        "family": family.name,
        "link": chosen,
        "priors": PriorTable(priors),
        **checked_rows(family, chosen, **{**rows, "sigma": strata or rows["sigma"]}),
        "smooths": smooths,
        "parameters": read_parameters(others, family, se=rows["se"]),
        "cs": canonical_threshold_terms(cs, terms.terms, family),
        "offsets": terms.offsets,
        "units": UnitTable(units),
    }


def check_model(spec: "ModelSpec") -> None:
    """Refuse parts of a model that do not fit together.

    Raises
    ------
    SpecError
        An effect twice; names that would be ambiguous; predictors of parameters beside correlated residuals; a tag that
        only one group has.
    PriorError
        A prior that does not suit its parameter, or two for one quantity.
    """
    check_no_effect_twice(spec.groups)
    check_memberships(spec.groups, correlated_residuals=bool(spec.residual or spec.sigma))
    others = [(name, part) for name, predictor in spec.parameters.items() for part in predictor.parts_with_sds]
    check_names_apart((*spec.parts_with_sds, *(f"{name}_{part}" for name, part in others)), spec.columns)
    family, one = spec.family_record, tuple(group.factor for group in spec.groups if group.covariance)
    _check_parameters(spec)
    check_threshold_terms(spec)
    check_distributions(spec)
    heavy = heavy_factors(spec.groups)
    check_stated_priors(
        spec.priors, spec.parts_with_sds, family, link=spec.link, se=spec.se, structured=one, heavy=heavy
    )
    for name, predictor in spec.parameters.items():
        own = {outer: inner for inner, outer in names_of_predictor(name, predictor.parts_with_sds).items()}
        stated = {inner: prior for outer, prior in spec.priors.items() if (inner := renamed(outer, own))}
        check_stated_priors(stated, predictor.parts_with_sds, family, link=spec.link, se=None)


def _check_parameters(spec: "ModelSpec") -> None:
    """Refuse predictors of parameters where the model states the same otherwise, and tags without a partner."""
    _check_categories(spec)
    _check_tags(spec)
    if not spec.parameters:
        return
    stated = {
        "residual": str(spec.residual) if spec.residual else "",
        "sigma": f"sigma ~ 0 + {':'.join(spec.sigma)}" if spec.sigma else "",
        "precision": f"precision({spec.precision})" if spec.precision else "",
        "se": f"se({spec.se})" if spec.se else "",
    }
    beside = [text for text in stated.values() if text]
    beside += [str(g) for g in spec.groups if g.cov is not None or g.members or g.covariance or g.hom or g.by]
    written = ", ".join(f"{name} ~ {predictor}" for name, predictor in spec.parameters.items())
    if beside:
        raise SpecError(
            "predictors of a family's parameters do not go with this part of the model",
            got=f"{written} and {beside[0]}",
            allowed="fixed terms, smooths, and grouping terms (effects | factor) and (effects || factor)",
            do="leave one of the two out",
        )
    if spec.states_shares:
        raise SpecError(
            "a joint prior of the variances needs the same residual variance in every row",
            got=f"{written}, and priors of {', '.join(spec.priors)}",
            allowed="priors of the sds",
            do="state priors of sd_<factor>",
        )
    fixed = [name for name in spec.fixed_parameters if name in spec.parameters]
    if fixed or any(name in spec.priors for name in spec.parameters):
        name = next(name for name in spec.parameters if name in spec.priors)
        raise SpecError(
            f"{name} has a predictor, and a prior as if it were one number",
            got=f"{name} ~ {spec.parameters[name]}, and a prior of {name}",
            allowed=f"priors of beta_{name}[Intercept], beta_{name} and sd_{name}_<factor>, on the link's scale",
            do="state such a prior, or leave it out",
        )


def _check_categories(spec: "ModelSpec") -> None:
    """Refuse terms that predictors of categories cannot have."""
    if not spec.family_record.has_predictors_of_categories:
        return
    refused = [*map(str, spec.smooths)]
    refused += [str(g) for g in spec.groups if g.cov is not None or g.members or g.covariance or g.hom or g.by or g.tag]
    counts = Counter(group.factor for group in spec.groups)
    refused += [str(g) for g in spec.groups if counts[g.factor] > 1]
    if refused:
        raise SpecError(
            f"family {spec.family!r} does not take this term",
            got=refused[0],
            allowed="fixed terms, and one grouping term (effects | factor) or (effects || factor) for each factor: an "
            "effect on one category is correlated with the same effect on the others",
            do="leave it out, or write one term for the factor",
        )


def _check_tags(spec: "ModelSpec") -> None:
    """Refuse a tag that groups of one predictor have only, or of several factors."""
    tagged = [(group.tag, "", group) for group in spec.groups if group.tag]
    tagged += [(g.tag, name, g) for name, other in spec.parameters.items() for g in other.groups if g.tag]
    for tag in dict.fromkeys(tag for tag, *_ in tagged):
        own = [(where, group) for one, where, group in tagged if one == tag]
        counts = Counter(where for where, _ in own)
        factors = {group.factor for _, group in own}
        others = {g.factor for g in spec.groups if g.tag != tag} | {
            g.factor for other in spec.parameters.values() for g in other.groups if g.tag != tag
        }
        if len(counts) < 2 or max(counts.values()) > 1 or len(factors) > 1 or factors & others:
            raise SpecError(
                f"the tag {tag!r} does not join groups of two predictors",
                got=", ".join(f"{where or 'mean'}: {group}" for where, group in own),
                allowed="one group in each of two predictors or more, and no other group over the same factor: "
                "'y ~ x + (1 |p| g), sigma ~ (1 |p| g)'",
                do="write (effects | factor) for effects that are correlated with no other predictor's",
            )


def _sigma_twice(columns: object, strata: tuple[str, ...]) -> SpecError:
    return SpecError(
        "sigma is stated twice",
        got=f"sigma={columns!r} and sigma ~ 0 + {':'.join(strata)}",
        allowed="one of the two",
        do="remove one",
    )
