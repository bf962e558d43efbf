"""Default priors of correlations of residuals."""

from partialpool.design.residual_rows import Series
from partialpool.distributions.prior import Prior

__all__ = ["default_correlation"]


def default_correlation(series: Series) -> tuple[Prior, str]:
    """Return the prior and its reason: uniform over the possible correlations, or LKJ among visits."""
    if series.kind == "unstr":
        return Prior("LKJ", eta=2), "mild pull to no correlation"
    low, high = series.bounds
    reason = f"every possible correlation of two rows of a {series.stated.gr} equally likely"
    if series.kind == "ar":
        reason += f", at a distance of {series.step:.4g} in {series.stated.order}"
    return Prior("Uniform", lower=low, upper=high), reason
