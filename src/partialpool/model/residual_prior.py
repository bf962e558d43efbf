"""Priors of correlations of residuals: the default, and those that are possible."""

from collections.abc import Mapping

from partialpool.design.residual_rows import Series
from partialpool.distributions.prior import Prior
from partialpool.errors import PriorError
from partialpool.model.default_correlation import default_matrix, default_single
from partialpool.names import RESIDUAL_CORRELATION

__all__ = ["check_stated_correlation", "default_correlation"]


def default_correlation(series: Series) -> tuple[Prior, str]:
    """Return the prior and its reason: uniform over the possible correlations, or LKJ among visits."""
    if series.kind == "unstr":
        return default_matrix()
    prior, reason = default_single(series.bounds, f"two rows of a {series.stated.gr}")
    if series.kind == "ar":
        reason += f", at a distance of {series.step:.4g} in {series.stated.order}"
    return prior, reason


def check_stated_correlation(series: Series, priors: Mapping[str, Prior]) -> None:
    """Refuse a prior of a single correlation beyond the bounds of positive definite matrices.

    Raises
    ------
    PriorError
        Its lower end is below the bound.
    """
    stated = priors.get(RESIDUAL_CORRELATION)
    if stated is None or series.kind == "unstr":
        return
    low, high = series.bounds
    if stated.arguments.get("lower", low) < low - 1e-12:
        rows = f"a {series.stated.gr} has up to {int(series.sizes.max())} rows"
        why = rows if series.kind == "cosy" else f"distances in {series.stated.order} are no whole multiples"
        raise PriorError(
            "residuals would have correlations that are not positive definite",
            got=f"{RESIDUAL_CORRELATION}: {stated}",
            allowed=f"from {low:.4g} to {high:.4g}: {why}",
            do=f"state lower={low:.4g} or more",
        )
