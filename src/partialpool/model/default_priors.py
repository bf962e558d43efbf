"""Resolve every prior of a model: the user's, or a default scaled to the data, with the reason.

Defaults, with s_y = sd(y) (ddof 0) for an identity link and 1 on a link scale without units; with an offset,
y is replaced by y minus the offset, on the link scale:

    intercept, at the predictors' means   Normal(link(mean y), 2.5 s_y); Normal(0, 2.5) for logit, probit, cloglog
    other fixed effects, jointly         Normal(0, (2.5 s_y)^2 (Xc'Xc / n)^-1), Xc the centred columns
    sd of an effect z                     HalfStudentT(3, s_y / sd(z)), sd(z) = 1 for a constant column; also divided
                                          by sqrt(k), k the mean diagonal entry, over the rows, of a known covariance
    corr                                  LKJ(2)
    nu of Student t effects               Gamma(2, 0.1) above 1, as brms's
    sigma                                 HalfStudentT(3, sd(y))

Predictors of a family's parameters have scales of their own (`prior_scales.py`).

The joint prior is a unit-information prior (Zellner 1986; Kass & Wasserman 1995, J. Amer. Statist. Assoc. 90:928): it
contains as much information about the coefficients as a sixth of one row. Any combination of the predictors with an sd
of 1 over the rows has a coefficient that is Normal(0, 2.5 s_y), whatever basis, origin, unit or reference category the
columns have. For uncorrelated columns it is Normal(0, 2.5 s_y / sd(x)) for each, rstanarm's default (Gelman et al.
2008). Without an intercept, columns that add up to a constant (all categories of a factor) include the mean as an
intercept would: with X c = 1 the joint prior is Normal(c mean y, (2.5 s_y)^2 (X'X / n)^-1). Other columns then have s_y
= rms(y).

sds and correlations of correlated effects are those at the predictors' means (`design/effect_basis.py`), with sd(z) the
sd of the column after projecting out those of lower degree; without a varying intercept it is the column's root mean
square. brms also uses the half-t for sds.

Where the user states a prior for `icc`, `total_sd` or a `share_<f>`, the sds and sigma have no separate priors
(`model/variance_prior.py`). The defaults for those of the three that are not stated are

    icc                                   Beta(1, 1)
    total_sd                              HalfStudentT(3, sd(y))
    shares of the effects                 Dirichlet(1)
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final

import numpy as np

from partialpool.design.common_basis import triangular_root
from partialpool.design.design import CommonEffects, Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.joined_factors import joined_factors
from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError, nearest
from partialpool.model.effect_correlation import check_stated_structure, default_effect_correlation
from partialpool.model.heavy_effects import NU_PRIOR, NU_REASON
from partialpool.model.prior_scales import WIDTH, Scales, predictor_scales, scales_of
from partialpool.model.prior_set import CoefficientShare, PriorSet, ResolvedPrior
from partialpool.model.residual_prior import check_stated_correlation, default_correlation
from partialpool.model.variance_prior import decompose
from partialpool.names import (
    BETA,
    ICC,
    INTERCEPT,
    RESIDUAL_CORRELATION,
    SIGMA,
    THRESHOLDS,
    TOTAL_SD,
    across_name,
    corr_name,
    names_of_predictor,
    nu_name,
    renamed,
    sd_name,
)

__all__ = ["default_priors", "resolve_priors"]


_GIVEN: Final = "given as"
_OF_CONTRASTS: Final = (
    "They are of orthonormal contrasts between the categories, and so do not depend on the reference: a difference of "
    "two categories has sqrt(2) times their spread."
)


def resolve_priors(design: Design) -> PriorSet:
    """Resolve every prior of a model.

    Raises
    ------
    PriorError
        The user's priors name a parameter that the model does not have.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> spec = ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)")
    >>> resolve_priors(build_design(spec, load_dataset("sleepstudy")))["sd_Subject[Days]"]
    Prior('HalfStudentT', nu=3, sigma=19.5566)
    """
    user = design.spec.priors
    for factor in design.factors:
        check_stated_structure(factor, user, decomposed=design.spec.states_shares)
    if design.residual is not None and design.residual.series is not None:
        check_stated_correlation(design.residual.series, user)
    if design.spec.family_record.has_predictors_of_categories:
        return _category_priors(design, user)
    names = {name: names_of_predictor(name, other.spec.parts_with_sds) for name, other in design.parameters.items()}
    outer = {one for own in names.values() for one in own.values()}
    alike = names_of_predictor(THRESHOLDS, ()) if design.thresholds else {}
    outer |= set(alike.values())
    own = {name: prior for name, prior in user.items() if name.partition("[")[0] not in outer}
    beside = {f"{alike[BETA]}[{coef}]" for other in design.parameters.values() for coef in other.common.coefs if alike}
    whole = _resolved(
        design, scales_of(design), _defaults(design, decomposed=design.spec.states_shares), own, beside=beside
    )
    stated = {name: other.spec.priors for name, other in design.parameters.items()}
    return PriorSet((*whole, *_of_parameters(design, stated)), _notes(design), _scale(design))


def _of_parameters(design: Design, user: Mapping[str, Mapping[str, Prior]]) -> Iterator[ResolvedPrior]:
    """Yield the priors of the predictors of parameters, of which a user states some, by parameter."""
    alike = names_of_predictor(THRESHOLDS, ()) if design.thresholds else {}
    for name, other in design.parameters.items():
        scales, names, own = (
            predictor_scales(design, name),
            names_of_predictor(name, other.spec.parts_with_sds),
            user.get(name, {}),
        )
        shown, of = _names_of_stated(own, design.spec.priors, names, alike), THRESHOLDS if alike else name
        for entry in _resolved(other, scales, _effect_defaults(other, scales), own, of=of, shown=shown):
            yield replace(entry, parameter=renamed(entry.parameter, names) or entry.parameter)


def _names_of_stated(
    inner: Iterable[str], user: Mapping[str, Prior], names: Mapping[str, str], alike: Mapping[str, str]
) -> dict[str, str]:
    """Return the names under which a user states a predictor's priors, by those that they would have as the mean's.

    Parameters
    ----------
    inner
        The latter.
    user
        What the user states.
    names, alike
        Names of the predictor's variables, and of those of all thresholds together.
    """
    found = {}
    for name in inner:
        own, all_of_them = renamed(name, names), renamed(name, alike)
        found[name] = next((one for one in (own, all_of_them) if one is not None and one in user), name)
    return found


def _category_priors(design: Design, user: Mapping[str, Prior]) -> PriorSet:
    """Return the priors of the contrasts between categories, which are alike."""
    name, one = next(iter(design.parameters.items()))
    scales = predictor_scales(design, name)
    defaults = (*_effect_defaults(one, scales, joined=True), *_across_defaults(design))
    return PriorSet(_resolved(one, scales, defaults, user), (*_notes(one), _OF_CONTRASTS), _scale(design))


def _resolved(
    design: Design,
    scales: Scales,
    defaults: Iterable[ResolvedPrior],
    user: Mapping[str, Prior],
    *,
    of: str = "",
    shown: Mapping[str, str] = MappingProxyType({}),
    beside: Iterable[str] = (),
) -> tuple[ResolvedPrior, ...]:
    """Put the priors that a user states in the place of defaults; those of coefficients come first.

    Parameters
    ----------
    of
        The parameter whose predictor the design is; empty for the mean.
    shown
        What the user calls the priors of that predictor, where that is not their name here.
    beside
        Other parameters of the model, for advice.
    """
    entries = tuple(defaults)
    coefficients = [f"{BETA}[{coef}]" for coef in design.common.coefs]
    single = [entry.parameter for entry in entries if not entry.shares and entry.parameter not in coefficients]
    groups = {name: name.partition("[")[0] for name in single if name.endswith("]")}
    known = {*coefficients, *single, *groups.values()} | ({BETA} if design.common.names else set())
    others = names_of_predictor(of, design.spec.parts_with_sds) if of else {}
    for name in user:
        if name not in known:
            raise PriorError(
                "a prior is given for a parameter that does not exist" + (f" in the predictor of {of}" if of else ""),
                got=repr(shown.get(name, name)),
                allowed=nearest(
                    shown.get(name, name), sorted({renamed(one, others) or one for one in (*known, *beside)})
                ),
                do="name one of these parameters",
            )
    rest = (_chosen(entry, groups.get(entry.parameter), user) for entry in entries if entry.parameter in single)
    found = (*_coefficient_priors(design.common, scales, user), *rest)
    told = {f"{_GIVEN} {name}": f"{_GIVEN} {stated}" for name, stated in shown.items()}
    return tuple(replace(entry, reason=told.get(entry.reason, entry.reason)) for entry in found)


def default_priors(design: Design) -> PriorSet:
    """Return the default priors of a design, regardless of the user's priors."""
    if design.spec.family_record.has_predictors_of_categories:
        return _category_priors(design, {})
    own = _defaults(design, decomposed=False)
    return PriorSet((*own, *_of_parameters(design, {})), _notes(design), _scale(design))


def _chosen(entry: ResolvedPrior, group: str | None, user: Mapping[str, Prior]) -> ResolvedPrior:
    for name in (entry.parameter, group):
        if name is not None and name in user:
            return ResolvedPrior(entry.parameter, user[name], f"{_GIVEN} {name}", is_default=False)
    return entry


def _defaults(design: Design, *, decomposed: bool) -> Iterator[ResolvedPrior]:
    scales = scales_of(design)
    if decomposed:
        yield from _coefficient_priors(design.common, scales, {})
        yield from _decomposed_defaults(design, scales)
        yield from (_correlation_default(factor) for factor in design.factors if factor.correlated)
    else:
        yield from _effect_defaults(design, scales)
    yield from _across_defaults(design)
    family = design.spec.family_record
    for name, prior in family.parameters:
        if name in design.parameters or (name == SIGMA and (decomposed or design.se is not None)):
            continue
        if name in family.in_response_units:
            yield from _residual_defaults(design, name, prior, scales)
        else:
            reason = (
                "every category equally likely at the predictors' means" if name == "cutpoints" else "weak, unit-free"
            )
            yield ResolvedPrior(name, prior, reason, True)


def _across_defaults(design: Design) -> Iterator[ResolvedPrior]:
    """Yield default priors of correlations across predictors."""
    reason = "regularising, unit-free; effects of several predictors"
    for joined in joined_factors(design):
        yield ResolvedPrior(across_name(joined.factor), Prior("LKJ", eta=2), reason, True)


def _effect_defaults(design: Design, scales: Scales, *, joined: bool = False) -> Iterator[ResolvedPrior]:
    """Yield default priors of the coefficients and of the effects' sds and correlations.

    Parameters
    ----------
    joined
        Whether all effects are correlated across predictors, so that a single one has no correlations of its own.
    """
    yield from _coefficient_priors(design.common, scales, {})
    tagged = {group.factor for group in design.spec.groups if group.tag}
    for factor in design.factors:
        yield from _sd_defaults(factor, scales)
        if factor.correlated and not joined and factor.name not in tagged:
            yield _correlation_default(factor)
        if factor.is_heavy:
            yield ResolvedPrior(nu_name(factor.name), NU_PRIOR, NU_REASON, True)


def _correlation_default(factor: FactorEffects) -> ResolvedPrior:
    return ResolvedPrior(corr_name(factor.name), *default_effect_correlation(factor), True)


def _residual_defaults(design: Design, name: str, prior: Prior, scales: Scales) -> Iterator[ResolvedPrior]:
    """Yield default priors of a parameter in the response's units, whatever the unit of the rows' precisions."""
    inverse, reason = design.mean_inverse_precision, scales.residual_reason
    if design.precision is not None:
        reason += f" / sqrt(m), m = mean(1 / {design.spec.precision}) = {inverse:.4g}"
    scaled = prior.in_units_of(math.sqrt(inverse) / scales.residual)
    if name != SIGMA or design.residual is None:
        yield ResolvedPrior(name, scaled, reason, True)
        return
    for own in design.residual.sigma_names:
        yield ResolvedPrior(own, scaled, reason, True)
    if design.residual.series is not None:
        correlation = default_correlation(design.residual.series)
        yield ResolvedPrior(RESIDUAL_CORRELATION, *correlation, True)


def _coefficient_priors(common: CommonEffects, scales: Scales, user: Mapping[str, Prior]) -> Iterator[ResolvedPrior]:
    """Yield the priors of the intercept, of the coefficients with a joint prior, and of those that the user states."""
    intercept = f"{BETA}[{INTERCEPT}]"
    if common.intercept:
        prior = Prior("Normal", mu=scales.location, sigma=scales.intercept)
        reason = f"{scales.location_reason}; {scales.intercept_reason}"
        yield _chosen(ResolvedPrior(intercept, prior, reason, True), None, user)
    alike = user.get(BETA)
    one_by_one = alike is not None and alike.support != "coefficients"
    own = {coef: f"{BETA}[{coef}]" for coef in common.names if one_by_one or f"{BETA}[{coef}]" in user}
    joint = [coef for coef in common.names if coef not in own]
    if joint:
        yield _joint_prior(common, joint, scales, alike)
    for coef in (coef for coef in common.names if coef in own):
        name = own[coef] if own[coef] in user else BETA
        yield ResolvedPrior(own[coef], user[name], f"{_GIVEN} {name}", is_default=False)


def _joint_prior(common: CommonEffects, joint: list[str], scales: Scales, stated: Prior | None) -> ResolvedPrior:
    """Return the unit-information prior of some coefficients; for a single one it is an ordinary normal prior."""
    places = [common.names.index(coef) for coef in joint]
    inverse = np.linalg.inv(triangular_root(common.basis.root[:, places]))
    spreads = np.sqrt((inverse**2).sum(axis=1))
    constant = common.basis.constant
    others = np.delete(np.arange(len(common.names)), places)
    carries_mean = constant is not None and not np.abs(constant[others]).max(initial=0.0) > 1e-9
    locations = constant[places] if constant is not None and carries_mean else np.zeros(len(joint))
    prior = stated or Prior("UnitInformation", mu=scales.location if carries_mean else 0.0, sigma=WIDTH * scales.unit)
    if prior.arguments["mu"] != 0 and not carries_mean:
        raise PriorError(
            "a UnitInformation prior cannot have a mean here: the intercept carries the mean",
            got=f"{prior}",
            allowed="mu=0; another mu only where a model without an intercept has all categories of a factor",
            do="set mu=0, and state a prior for beta[Intercept]",
        )
    shares = tuple(
        CoefficientShare(coef, float(location), float(spread))
        for coef, location, spread in zip(joint, locations, spreads, strict=True)
    )
    reason = f"{_GIVEN} {BETA}" if stated else scales.coefficient_reason
    if carries_mean and not stated:
        reason = f"{scales.location_reason}; {reason}"
    if len(joint) > 1:
        return ResolvedPrior(BETA, prior, reason, stated is None, shares)
    if stated is None and not carries_mean:
        centred = common.center.any() or common.intercept
        spread = "sd" if centred else "rms"
        reason += f" / {spread}(x), {spread}(x) = {1 / spreads[0]:.4g}"
    whole = ResolvedPrior(BETA, prior, reason, stated is None, shares)
    parameter, own = next(iter(whole.marginals.items()))
    return ResolvedPrior(parameter, own, reason, stated is None)


def _decomposed_defaults(design: Design, scales: Scales) -> Iterator[ResolvedPrior]:
    parts = decompose(design)
    yield ResolvedPrior(ICC, Prior("Beta", alpha=1, beta=1), "every ICC equally likely", True)
    if parts.residual is None:
        prior = Prior("HalfStudentT", nu=3, sigma=scales.residual)
        yield ResolvedPrior(TOTAL_SD, prior, scales.residual_reason, True)
    if parts.is_split:
        for name in parts.shares:
            yield ResolvedPrior(name, Prior("Dirichlet", a=1), "every split among the effects equally likely", True)


def _sd_defaults(factor: FactorEffects, scales: Scales) -> Iterator[ResolvedPrior]:
    what, ranges = "sd" if INTERCEPT in factor.names else "rms", factor.ranges
    for at in factor.structure.own_sds:
        name, scale = factor.sd_parameters[at], factor.basis.scale[at]
        constant = ranges.constant[at] or abs(scale / math.sqrt(factor.mean_own) - 1) < 1e-12
        sizes = [] if constant else [(f"{what}(z)", f"{what}(z) = {scale / math.sqrt(factor.mean_own):.4g}")]
        if abs(factor.mean_own - 1) > 1e-9:
            sizes.append(("sqrt(k)", f"k = {factor.mean_own:.4g}, the mean {factor.own_in_words}"))
        reason = ", ".join([" / ".join([scales.unit_reason, *(by for by, _ in sizes)]), *(said for _, said in sizes)])
        yield ResolvedPrior(
            f"{sd_name(factor.name)}[{name}]",
            Prior("HalfStudentT", nu=3, sigma=scales.unit / scale),
            reason,
            True,
        )


def _scale(design: Design) -> str:
    """Name the scale of coefficients and of sds of group effects; empty where it is that of the data."""
    link = design.spec.link_record
    if design.spec.family_record.on_log_scale:
        return f"the scale of log({design.response.name})"
    return "" if link.is_identity else f"the {link.name} scale"


def _notes(design: Design) -> tuple[str, ...]:
    """Name the factors whose sds and correlations have priors at the predictors' means, and the thresholds."""
    moved = [factor.name for factor in design.factors if not factor.basis.is_plain]
    each = ", ".join(f"sd_{name} and corr_{name}" for name in moved)
    notes = (f"{each} have priors at the predictors' means.",) if moved else ()
    if not design.thresholds:
        return notes
    where = ", ".join(
        f"{BETA}_{name} at {label}" for name, label in zip(design.thresholds, design.threshold_labels, strict=True)
    )
    return (*notes, f"Thresholds: {where}. Their coefficients are independent; {BETA}_{THRESHOLDS} states all of them.")
