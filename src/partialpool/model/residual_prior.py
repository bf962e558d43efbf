"""Default priors of correlations of residuals."""

from partialpool.design.residual_rows import Series
from partialpool.distributions.prior import Prior
from partialpool.model.default_correlation import default_matrix, default_single

__all__ = ["default_correlation"]


def default_correlation(series: Series) -> tuple[Prior, str]:
    """Return the prior and its reason: uniform over the possible correlations, or LKJ among visits."""
    if series.kind == "unstr":
        return default_matrix()
    prior, reason = default_single(series.bounds, f"two rows of a {series.stated.gr}")
    if series.kind == "ar":
        reason += f", at a distance of {series.step:.4g} in {series.stated.order}"
    return prior, reason
