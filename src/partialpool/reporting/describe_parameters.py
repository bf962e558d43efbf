"""Describe the predictors of a family's parameters, in words and as equations."""

from partialpool.design.design import Design
from partialpool.design.joined_factors import joined_factors, joined_members
from partialpool.families.link import Link
from partialpool.names import INTERCEPT, across_name, predictor_name
from partialpool.reporting.describe_effects import covariance_line, predictor_terms, words_of
from partialpool.reporting.describe_smooths import smooth_lines, smooth_terms, smooth_words

__all__ = ["parameter_covariances", "parameter_predictors", "parameter_words", "transformed"]


def _parameters(design: Design) -> list[tuple[str, Design]]:
    """Return the predictors of parameters and categories; those of thresholds have an equation together."""
    return [(name, other) for name, other in design.parameters.items() if name not in design.thresholds]


def _threshold_coefs(design: Design) -> tuple[str, ...]:
    return design.parameters[design.thresholds[0]].common.coefs


def transformed(link: Link, parameter: str) -> str:
    """Write a parameter on the scale of its link: `log(sigma[i])`."""
    return parameter if link.is_identity else f"{link.name}({parameter})"


def parameter_words(design: Design) -> list[str]:
    """Say what each parameter that has a predictor depends on."""
    lines = []
    for name, other in _parameters(design):
        link = design.spec.family_record.link_of(name).name
        coefs = ", ".join(other.common.coefs)
        depends = f"depends on {coefs} in the population" if coefs else "has no fixed effects"
        lines.append(f"{name} (link {link}) {depends}.")
        if other.spec.offsets:
            lines.append(f"{' + '.join(other.spec.offsets)} is added to it with coefficient 1 (offset).")
        lines += [f"Of {name}: {words}" for words in (*map(words_of, other.grouping), *smooth_words(other))]
    if design.thresholds:
        coefs = ", ".join(_threshold_coefs(design))
        names = ", ".join(f"{n} at {at}" for n, at in zip(design.thresholds, design.threshold_labels, strict=True))
        lines.append(f"Each threshold between categories has its own coefficient of {coefs}: {names}.")
    lines += [
        f"The effects over {one.factor} are correlated across predictors: "
        f"{'; '.join(', '.join(one.effects[i] for i in block) for block in one.blocks)}."
        for one in joined_factors(design)
    ]
    return lines


def parameter_predictors(design: Design) -> list[str]:
    """Write the predictor of each parameter, on the scale of its link."""
    lines = []
    if design.thresholds:
        terms = [f"beta_cs[k, {coef}] {coef}[i]" for coef in _threshold_coefs(design)]
        lines.append(f"cs[i, k] = {' + '.join(terms)}")
    for name, other in _parameters(design):
        terms = [f"{INTERCEPT}_{name}" if c == INTERCEPT else f"beta_{name}[{c}] {c}[i]" for c in other.common.coefs]
        terms += [f"{offset}[i]" for offset in other.spec.offsets]
        terms += [
            t for factor in other.grouping for t in predictor_terms(factor.called(predictor_name(name, factor.name)))
        ]
        terms += smooth_terms(other, name)
        left = transformed(design.spec.family_record.link_of(name), f"{name}[i]")
        lines.append(f"{left} = {' + '.join(terms) or '0'}")
    return lines


def parameter_covariances(design: Design) -> list[str]:
    """Write the distributions of the effects on parameters, and of effects that are correlated across predictors."""
    joined = joined_factors(design)
    names = {one.factor for one in joined}
    lines = [
        covariance_line(factor.called(predictor_name(name, factor.name)))
        for name, other in design.parameters.items()
        for factor in other.grouping
        if factor.name not in names
    ]
    lines += [line for name, other in design.parameters.items() for line in smooth_lines(other, name)]
    for one in joined:
        members = joined_members(one, design)
        effects, sds = (", ".join(getattr(member, what) for member in members) for what in ("b", "sd"))
        corr = across_name(one.factor)
        lines.append(f"({effects})[g] ~ MvNormal(0, diag({sds}) {corr} diag({sds}))")
    return lines
