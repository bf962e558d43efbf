"""Names of posterior variables, dimensions and coordinates.

Both engines, every summary and every file use these names only.
"""

from collections.abc import Container, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

__all__ = [
    "ALL_FACTORS",
    "BETA",
    "COEF",
    "CUTPOINT",
    "CUTPOINTS",
    "FAMILY_PARAMETERS",
    "FIXED",
    "ICC",
    "INTERCEPT",
    "OBS",
    "OF_POSTERIORS",
    "RESERVED",
    "RESIDUAL",
    "RESIDUAL_CORRELATION",
    "SHARES",
    "SIGMA",
    "STRATUM",
    "THRESHOLDS",
    "TOTAL_SD",
    "VISIT",
    "VISIT_BIS",
    "across_bis_dim",
    "across_dim",
    "across_name",
    "answer_name",
    "at_means_name",
    "b_name",
    "codes_name",
    "corr_name",
    "effect_bis_dim",
    "effect_dim",
    "names_of_factor",
    "names_of_predictor",
    "nu_name",
    "part_names",
    "predictor_name",
    "renamed",
    "sd_name",
    "share_name",
    "threshold_name",
    "tree_name",
    "values_name",
    "weights_name",
    "z_name",
]

INTERCEPT: Final = "Intercept"
BETA: Final = "beta"
"""Fixed effects on the original scale, `(chain, draw, coef)`."""
COEF: Final = "coef"
"""Dimension of the fixed effects."""
OBS: Final = "obs"
"""Dimension of the table's rows; its coordinate is the row number in the given table, from 0."""
SIGMA: Final = "sigma"
"""Residual standard deviation."""
RESIDUAL_CORRELATION: Final = "residual_corr"
"""Correlation of the residuals of two rows of a series; a matrix, where each pair of visits has its own."""
STRATUM: Final = "sigma_stratum"
"""Dimension of residual standard deviations, where there are several."""
VISIT: Final = "residual_visit"
VISIT_BIS: Final = "residual_visit_bis"
"""Dimensions of the residuals' correlation matrix."""
ICC: Final = "icc"
"""In a prior: the share of the variance between groups."""
TOTAL_SD: Final = "total_sd"
"""In a prior: the square root of the variance between and within groups together."""
SHARES: Final = "shares"
"""In a prior: how the variance between groups is split."""
CUTPOINTS: Final = "cutpoints"
"""Thresholds between ordered categories: a parameter of their families."""
CUTPOINT: Final = "cutpoint"
"""Dimension of an ordinal model's thresholds, labelled `low|high`."""
THRESHOLDS: Final = "cs"
"""In a prior: the coefficients of all thresholds, as `beta_cs`; those of one are `beta_cs1`, `beta_cs2`, ..."""
FAMILY_PARAMETERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "sigma": "residual standard deviation",
        "nu": "degrees of freedom",
        "alpha": "shape",
        "phi": "precision",
        "zi": "probability of an extra zero",
        "hu": "probability of a zero",
        "lam": "shape",
        "tau": "mean of the exponential part",
        "zoi": "probability of 0 or 1",
        "coi": "probability of 1 among 0 and 1",
        "cutpoints": "thresholds between categories",
    }
)
"""Descriptions of the families' parameters beside the mean. All but cutpoints are scalar, `(chain, draw)`."""
FIXED: Final = "fixed"
"""In an answer: the fixed effects' part of the variance."""
ALL_FACTORS: Final = "all factors"
"""In an answer: all factors together."""
RESIDUAL: Final = "residual"
"""In an answer: the residual part of the variance."""
OF_POSTERIORS: Final = frozenset(
    {
        *("chain", "draw", OBS, COEF, BETA, CUTPOINT),
        *(f"{BETA}_scaled", f"{COEF}_slope", "cutpoints_probability"),
        *("common_values", "offset_values", "se_values", "trials_values"),
    }
)
"""Dimensions and variables of posteriors and PyMC models that belong to no factor, except parameters of families."""
RESERVED: Final = frozenset(
    {
        *OF_POSTERIORS,
        *FAMILY_PARAMETERS,
        *(RESIDUAL_CORRELATION, STRATUM, VISIT, VISIT_BIS),
        *(ICC, TOTAL_SD, SHARES, ALL_FACTORS, ".", ".."),
    }
)
"""Names a factor may not have: they would collide with a variable or dimension of the posterior, or in a file."""


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


def nu_name(factor: str) -> str:
    """Degrees of freedom of a factor's effects, where they have a Student t distribution.

    Examples
    --------
    >>> nu_name("Subject")
    'nu_Subject'
    """
    return f"nu_{factor}"


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


def names_of_factor(factor: str) -> tuple[str, ...]:
    """List the names of a factor's dimensions and variables in posteriors and PyMC models.

    Examples
    --------
    >>> names_of_factor("g")[:5]
    ('g', 'g_effect', 'g_effect_bis', 'sd_g', 'sd_g_at_means')
    """
    variables = (sd_name, at_means_name, corr_name, b_name, z_name, nu_name)
    own = [name(factor) for name in variables]
    scaled = f"{b_name(factor)}_scaled"
    data = (codes_name(factor), values_name(factor), *([weights_name(factor)] if factor.startswith("mm(") else []))
    return (factor, effect_dim(factor), effect_bis_dim(factor), *own, scaled, *data)


def predictor_name(parameter: str, factor: str) -> str:
    """A factor over which a parameter's effects vary, in the names of their variables.

    Examples
    --------
    >>> sd_name(predictor_name("sigma", "Subject"))
    'sd_sigma_Subject'
    """
    return f"{parameter}_{factor}"


def across_name(factor: str) -> str:
    """Correlation matrix of the effects over a factor of several predictors.

    Examples
    --------
    >>> across_name("Subject"), across_dim("Subject"), across_bis_dim("Subject")
    ('corr_across_Subject', 'Subject_across', 'Subject_across_bis')
    """
    return f"corr_across_{factor}"


def across_dim(factor: str) -> str:
    """Dimension of the effects over a factor of several predictors."""
    return f"{factor}_across"


def across_bis_dim(factor: str) -> str:
    """Second dimension of the same."""
    return f"{factor}_across_bis"


def names_of_predictor(parameter: str, factors: Iterable[str]) -> dict[str, str]:
    """Return the names of a parameter's predictor in posteriors: by its name if it were the mean's.

    Examples
    --------
    >>> names = names_of_predictor("sigma", ["g"])
    >>> names["beta"], names["coef"], names["sd_g"], names["g_effect"]
    ('beta_sigma', 'coef_sigma', 'sd_sigma_g', 'sigma_g_effect')
    """
    names = {BETA: f"{BETA}_{parameter}", COEF: f"{COEF}_{parameter}"}
    for factor in factors:
        names |= dict(zip(names_of_factor(factor), names_of_factor(predictor_name(parameter, factor)), strict=True))
    return names


def threshold_name(number: int) -> str:
    """The predictor of a threshold between ordered categories, counted from 1, in names of its variables.

    Examples
    --------
    >>> names_of_predictor(threshold_name(1), ())["beta"]
    'beta_cs1'
    """
    return f"{THRESHOLDS}{number}"


def renamed(name: str, names: Mapping[str, str]) -> str | None:
    """Exchange the base of a parameter's name, which may end in [effect]; None where it has no other name.

    Examples
    --------
    >>> renamed("sd_g[x]", {"sd_g": "sd_sigma_g"}), renamed("nu", {})
    ('sd_sigma_g[x]', None)
    """
    base, bracket, effect = name.partition("[")
    return f"{names[base]}{bracket}{effect}" if base in names else None


def codes_name(factor: str) -> str:
    """Level of each row: data of PyMC models."""
    return f"codes_{factor}"


def values_name(factor: str) -> str:
    """Columns of a factor's effects: data of PyMC models."""
    return f"values_{factor}"


def weights_name(factor: str) -> str:
    """Weights of the levels of each row, where it has several: data of PyMC models."""
    return f"weights_{factor}"


def answer_name(column: str, taken: Container[str]) -> str:
    """Return a column's name in an answer, with `_column` added where the answer itself uses that name.

    Examples
    --------
    >>> answer_name("Days", {"variance"}), answer_name("variance", {"variance"})
    ('Days', 'variance_column')
    """
    while column in taken:
        column = f"{column}_column"
    return column


def part_names(factors: Sequence[str]) -> list[str]:
    """Name the factors' parts of the variance, distinct from each other and from the fixed and residual parts.

    Examples
    --------
    >>> part_names(["batch", "residual"])
    ['batch', 'residual_column']
    """
    names: list[str] = []
    for factor in factors:
        names.append(answer_name(factor, {FIXED, RESIDUAL, *names}))
    return names


def tree_name(column: str, taken: Container[str] = ()) -> str:
    """Return a column's name in a DataTree that can be saved to a file: without `/`, and not only dots.

    Examples
    --------
    >>> tree_name("speed m/s")
    'speed m_s'
    """
    plain = column.replace("/", "_")
    return answer_name(plain if plain.strip(".") else f"{plain}_column", taken)
