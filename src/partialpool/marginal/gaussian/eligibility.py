"""The models to which the collapsed engine applies."""

from partialpool.spec.effect_distribution import why_not_normal
from partialpool.spec.model import ModelSpec

__all__ = ["why_not", "why_not_rotated"]


def why_not(spec: ModelSpec) -> str:
    """Return why group effects cannot be integrated out exactly; empty if they can.

    Examples
    --------
    >>> why_not(ModelSpec.from_formula("y ~ x + (x | g)"))
    ''
    >>> why_not(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    "a 'poisson' response is not normal given the effects"
    >>> why_not(ModelSpec.from_formula("y ~ x + (1 | gr(g, dist='student_t'))"))
    'the effects over g have a Student t distribution'
    """
    if not spec.family_record.is_normal:
        return f"a {spec.family!r} response is not normal given the effects"
    if spec.cens:
        return f"the responses of censored rows, cens({spec.cens}), are not known"
    if not spec.link_record.is_identity:
        return f"the link {spec.link!r} is not linear in the effects"
    if spec.parameters:
        return (
            f"{' and '.join(spec.parameters)} {'has a predictor' if len(spec.parameters) == 1 else 'have predictors'}"
        )
    if heavy := why_not_normal(spec):
        return heavy
    if (spec.residual or spec.sigma) and any(group.cov for group in spec.groups):
        return "residuals with several sds or correlations, and levels with a known covariance"
    return why_not_rotated(spec)


def why_not_rotated(spec: ModelSpec) -> str:
    """Return why levels with a known covariance cannot be rotated into independent ones; empty if they can."""
    for factor in spec.factors:
        groups = [group for group in spec.groups if group.factor == factor]
        if any(group.cov for group in groups) and sum(len(group.terms) for group in groups) > 1:
            return f"several effects of {factor} covary between its levels too: no rotation makes them independent"
    return ""
