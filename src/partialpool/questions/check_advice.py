"""Descriptions of the response checks, and what to try when one fails, by family."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partialpool.families.registry import family_named
from partialpool.tabulate import number

__all__ = ["advice_for", "advice_for_spreads", "finding_in_words", "statistic_in_words"]

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dispersion": "mean squared residual, in the family's variances",
        "zeros": "share of zeros",
        "ones": "share of ones",
        "largest": "largest response",
        "smallest": "smallest response",
        "none_or_all": "share of rows with no success or no failure",
        "ends": "share within 0.02 of 0 or 1",
        "skewness": "skewness of residuals",
        "tails": "largest residual, in sds",
        "spread": "change of the spread with the mean",
        "fitted": "residuals along the expected response",
    }
)
_GENERAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fitted": "a predictor is missing or its effect is not linear: try poly(x, 2) or an interaction",
        "zeros": "fewer zeros than the family implies: check whether zeros could be recorded at all",
        "dispersion": (
            "counts vary less than the family implies: intervals are too wide, and no family here has less variance"
        ),
        "largest": "look at the rows with the largest responses",
        "smallest": "look at the rows with the smallest responses",
        "spread": "the spread follows the mean in another way than the family implies: try another family or a slope",
    }
)


def statistic_in_words(statistic: str) -> str:
    """Describe a statistic of `posterior_checks`.

    Examples
    --------
    >>> statistic_in_words("zeros"), statistic_in_words("category_often")
    ('share of zeros', 'share of category often')
    """
    return _WORDS.get(statistic, f"share of category {statistic.removeprefix('category_')}")


def finding_in_words(statistic: str, real: float, new: float) -> str:
    """Describe a statistic of the data and its mean in new responses of the model.

    Examples
    --------
    >>> finding_in_words("zeros", 0.31, 0.12)
    'share of zeros 0.31, new responses 0.12'
    """
    return f"{statistic_in_words(statistic)} {number(real)}, new responses {number(new)}"


def advice_for(family: str, statistic: str, *, above: bool) -> str:
    """Advise what to try where a statistic of the data is above (or below) that of the model's new responses.

    Examples
    --------
    >>> advice_for("poisson", "dispersion", above=True)
    "the counts are overdispersed: use family 'negative_binomial'"
    """
    general = "plot the data over new responses: pp.plot_posterior_checks(pp.posterior_checks(fit))"
    return family_named(family).advice.get((statistic, above)) or _GENERAL.get(statistic, general)


def advice_for_spreads(family: str, *, of_sigma: str | None = None) -> str:
    """Advise what to try where spreads within levels differ more than the family implies.

    Parameters
    ----------
    family
        Name of the family.
    of_sigma
        The factor, where sigma could have effects of its levels.

    Examples
    --------
    >>> advice_for_spreads("poisson")
    "family 'negative_binomial', or a slope"
    >>> advice_for_spreads("gaussian", of_sigma="person")
    "an sd for each level, 'sigma ~ (1 | person)', family 'student_t', 'lognormal', or a slope"
    """
    others = family_named(family).advice_for_spreads
    return others if of_sigma is None else f"an sd for each level, 'sigma ~ (1 | {of_sigma})', {others}"
