"""The one vocabulary: names of posterior variables, dimensions and coordinates.

Both engines, every summary and every file use these and no others.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = [
    "BETA",
    "COEF",
    "CUTPOINT",
    "FAMILY_PARAMETERS",
    "ICC",
    "INTERCEPT",
    "OBS",
    "RESERVED",
    "SHARES",
    "SIGMA",
    "TOTAL_SD",
    "at_means_name",
    "b_name",
    "corr_name",
    "effect_bis_dim",
    "effect_dim",
    "sd_name",
    "share_name",
    "z_name",
]

INTERCEPT: Final = "Intercept"
BETA: Final = "beta"
"""Common effects on the original scale, `(chain, draw, coef)`."""
COEF: Final = "coef"
"""Dimension of the common effects."""
OBS: Final = "obs"
"""Dimension of the table's rows; its coordinate is the row number in the table as given, from 0."""
SIGMA: Final = "sigma"
"""Residual standard deviation."""
ICC: Final = "icc"
"""In a prior: the share of the variance that lies between groups."""
TOTAL_SD: Final = "total_sd"
"""In a prior: the square root of the variance between and within groups together."""
SHARES: Final = "shares"
"""In a prior: how the variance between groups is split."""
CUTPOINT: Final = "cutpoint"
"""Dimension of an ordinal model's thresholds, labelled `low|high`."""
FAMILY_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sigma": "residual standard deviation",
        "nu": "degrees of freedom",
        "alpha": "shape",
        "phi": "precision",
        "cutpoints": "thresholds between categories",
    }
)
"""What families have beside their mean, in words. All but the cutpoints are one number a draw, `(chain, draw)`."""
RESERVED: Final = frozenset({"chain", "draw", OBS, COEF, BETA, CUTPOINT, ICC, TOTAL_SD, SHARES, *FAMILY_PARAMETERS})
"""Names a factor may not have: they would collide with a variable or dimension of the posterior."""


def sd_name(factor: str) -> str:
    """Standard deviations of a factor's effects.

    Examples
    --------
    >>> sd_name("Subject"), corr_name("Subject"), b_name("Subject"), z_name("Subject")
    ('sd_Subject', 'corr_Subject', 'b_Subject', 'z_Subject')
    >>> effect_dim("Subject"), effect_bis_dim("Subject")
    ('Subject_effect', 'Subject_effect_bis')
    """
    return f"sd_{factor}"


def at_means_name(factor: str) -> str:
    """Standard deviations of a factor's effects at the predictors' means: a variable of PyMC models.

    Examples
    --------
    >>> at_means_name("Subject")
    'sd_Subject_at_means'
    """
    return f"{sd_name(factor)}_at_means"


def corr_name(factor: str) -> str:
    """Correlation matrix of a factor's effects."""
    return f"corr_{factor}"


def share_name(factor: str) -> str:
    """In a prior: the concentration of each effect's share of the variance between groups.

    Examples
    --------
    >>> share_name("Subject")
    'share_Subject'
    """
    return f"share_{factor}"


def b_name(factor: str) -> str:
    """Group effects, on the original scale."""
    return f"b_{factor}"


def z_name(factor: str) -> str:
    """Standard-normal (non-centred) offsets of the group effects."""
    return f"z_{factor}"


def effect_dim(factor: str) -> str:
    """Dimension of a factor's effects."""
    return f"{factor}_effect"


def effect_bis_dim(factor: str) -> str:
    """Second dimension of a factor's correlation matrix."""
    return f"{factor}_effect_bis"
