"""Which models can be fitted to a table that is read in batches."""

from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec

__all__ = ["check_can_stream", "why_not_streamed"]


def why_not_streamed(spec: ModelSpec) -> str:
    """Say why a model needs its rows more often than twice, or in memory; empty if it does not.

    Examples
    --------
    >>> why_not_streamed(ModelSpec.from_formula("y ~ x + (x | g)"))
    ''
    >>> why_not_streamed(ModelSpec.from_formula("y ~ x + (x | g)", family="poisson"))
    "a 'poisson' response has no sums that replace its rows"
    """
    groups = spec.groups
    reasons = (
        (not spec.family_record.is_normal, f"a {spec.family!r} response has no sums that replace its rows"),
        (not spec.link_record.is_identity, f"the link {spec.link!r} is not linear in the effects"),
        (spec.cens, f"the responses of censored rows, cens({spec.cens}), are not known"),
        (spec.trunc, f"the probability of the bounds, trunc({spec.trunc}), depends on the effects"),
        (spec.cs, "coefficients of thresholds between categories"),
        (spec.parameters, f"{' and '.join(spec.parameters)} with a predictor"),
        (spec.residual or spec.sigma, "residuals with several sds or correlations"),
        (spec.smooths, "smooths, whose knots depend on all rows"),
        (spec.se, f"known standard errors, se={spec.se!r}"),
        (spec.precision, f"precisions, precision({spec.precision})"),
        (spec.frequency, f"frequencies, weights({spec.frequency})"),
        (any(group.is_heavy for group in groups), "effects with a Student t distribution"),
        (any(group.cov is not None for group in groups), "levels with a known covariance"),
        (any(group.members for group in groups), "rows that belong to several levels"),
        (any(group.covariance or group.hom or group.by for group in groups), "covariances with a structure"),
        (any(group.tag for group in groups), "effects that several predictors share"),
    )
    return next((reason for applies, reason in reasons if applies), "")


def check_can_stream(spec: ModelSpec, source: str) -> None:
    """Refuse a model that cannot be fitted to a table that is read in batches.

    Raises
    ------
    DataError
        The message has the reason.
    """
    reason = why_not_streamed(spec)
    if reason:
        raise DataError(
            "this model cannot be fitted to a table that is read in batches",
            got=f"{reason}; {source}",
            allowed="a normal or lognormal response, with fixed effects and independent levels of groups",
            do="read the columns and rows that the model needs into memory, or a random sample of the rows",
        )
