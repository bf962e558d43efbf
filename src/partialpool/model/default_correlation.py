"""Default priors of correlations: LKJ for those of a matrix, uniform over its bounds for a single one."""

from partialpool.distributions.prior import Prior

__all__ = ["default_matrix", "default_single"]


def default_matrix() -> tuple[Prior, str]:
    """Return the prior of correlations that have a value for each pair, and its reason."""
    return Prior("LKJ", eta=2), "mild pull to no correlation"


def default_single(bounds: tuple[float, float], of: str) -> tuple[Prior, str]:
    """Return the prior of a single correlation, and its reason.

    Parameters
    ----------
    bounds
        Those of positive definite matrices.
    of
        What is correlated, such as `two effects`.
    """
    low, high = bounds
    return Prior("Uniform", lower=low, upper=high), f"every possible correlation of {of} equally likely"
