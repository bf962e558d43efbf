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
    several = "has a predictor" if len(spec.parameters) == 1 else "have predictors"
    related = any(group.cov for group in spec.groups)
    reasons = (
        (not spec.family_record.is_normal, f"a {spec.family!r} response is not normal given the effects"),
        (spec.cens, f"the responses of censored rows, cens({spec.cens}), are not known"),
        (spec.trunc, f"the probability of the bounds, trunc({spec.trunc}), depends on the effects"),
        (not spec.link_record.is_identity, f"the link {spec.link!r} is not linear in the effects"),
        (spec.parameters, f"{' and '.join(spec.parameters)} {several}"),
        (heavy := why_not_normal(spec), heavy),
        (
            (spec.residual or spec.sigma) and related,
            "residuals with several sds or correlations, and levels with a known covariance",
        ),
    )
    return next((reason for applies, reason in reasons if applies), "") or why_not_rotated(spec)


def why_not_rotated(spec: ModelSpec) -> str:
    """Return why levels with a known covariance cannot be rotated into independent ones; empty if they can."""
    for factor in spec.factors:
        groups = [group for group in spec.groups if group.factor == factor]
        if any(group.cov for group in groups) and sum(len(group.terms) for group in groups) > 1:
            return f"several effects of {factor} covary between its levels too: no rotation makes them independent"
    return ""
