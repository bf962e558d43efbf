"""Whether the log density of each row is concave in its linear predictor: integrals over effects then have one mode."""

from partialpool.spec.model import ModelSpec

__all__ = ["is_log_concave"]


def is_log_concave(spec: ModelSpec) -> bool:
    """Return whether it is known to be: the log probability of bounds is concave itself, and subtracted.

    Examples
    --------
    >>> is_log_concave(ModelSpec.from_formula("y ~ x", family="weibull"))
    True
    >>> is_log_concave(ModelSpec.from_formula("y | trunc(ub=9) ~ x", family="weibull"))
    False
    """
    return spec.trunc is None and spec.family_record.is_log_concave(spec.link_record)
