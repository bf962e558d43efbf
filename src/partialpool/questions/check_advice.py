"""What a failed check of the response says of its family: in words, and what to try."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from partialpool.tabulate import number

__all__ = ["advice_for", "advice_for_spreads", "finding_in_words", "statistic_in_words"]

_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dispersion": "mean squared residual, in the family's variances",
        "zeros": "share of zeros",
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
_ROW: Final = "add an effect of each row: a column of row numbers, (1 | row)"
_BEND: Final = "a predictor is missing or bends: try poly(x, 2) or an interaction"
_HEAVY: Final = "look at the rows with the largest residuals; a heavier tail: family 'student_t'"
_RIGHT: Final = "try family 'lognormal' or 'gamma' if the response is positive, or a transformed response"
_UNEVEN: Final = (
    "the spread changes with the mean: try family 'lognormal' or 'gamma' if the response is positive, or a slope"
)
_UNDER: Final = "counts vary less than the family says: its intervals are too wide, and no family here is narrower"
_ZEROS: Final = (
    "more zeros than the family makes: if a second process makes them, model zero or not (family 'bernoulli') and the "
    "counts above zero separately; zero-inflated families are not in this package"
)
_FEW_ZEROS: Final = "fewer zeros than the family makes: look whether zeros could be recorded at all"

_ADVICE: Final[Mapping[tuple[str, str, bool], str]] = MappingProxyType(
    {
        ("poisson", "dispersion", True): "the counts are overdispersed: use family 'negative_binomial'",
        ("poisson", "dispersion", False): _UNDER,
        ("poisson", "zeros", True): f"use family 'negative_binomial'; if that has too few zeros still: {_ZEROS}",
        ("poisson", "largest", True): "larger counts than the family makes: use family 'negative_binomial'",
        ("negative_binomial", "dispersion", True): f"the counts are still overdispersed: {_ROW}",
        ("negative_binomial", "zeros", True): _ZEROS,
        ("negative_binomial", "largest", True): "look at the rows with the largest counts, or at a missing predictor",
        ("negative_binomial", "largest", False): (
            "the largest counts are smaller than the family makes: look whether counts have a ceiling"
        ),
        ("binomial", "dispersion", True): f"the successes are overdispersed: {_ROW}",
        ("binomial", "dispersion", False): "successes vary less than independent trials do: are trials independent?",
        ("binomial", "none_or_all", True): f"more rows at the ends than independent trials make: {_ROW}",
        (
            "beta",
            "ends",
            True,
        ): "more proportions at the ends than the family makes: if these are counts of trials, use family 'binomial'",
        ("gaussian", "skewness", True): _RIGHT,
        ("gaussian", "skewness", False): "residuals are skewed to the left: try a transformed response",
        ("gaussian", "tails", True): _HEAVY,
        ("gaussian", "tails", False): "no residual is as large as a normal one would be: look whether values are cut",
        ("gaussian", "spread", True): _UNEVEN,
        ("gaussian", "spread", False): "the spread falls with the mean: look for a ceiling, or a slope that varies",
        ("lognormal", "skewness", True): "the logarithm is skewed to the right still: look at the largest responses",
        ("lognormal", "skewness", False): "the logarithm is skewed to the left: try family 'gamma' or 'gaussian'",
        ("lognormal", "tails", True): "look at the rows with the largest residuals",
    }
)
_GENERAL: Final[Mapping[str, str]] = MappingProxyType(
    {
        "fitted": _BEND,
        "zeros": _FEW_ZEROS,
        "dispersion": _UNDER,
        "largest": "look at the rows with the largest responses",
        "smallest": "look at the rows with the smallest responses",
        "spread": "the spread changes with the mean otherwise than the family says: try another family or a slope",
    }
)


def statistic_in_words(statistic: str) -> str:
    """Say what a statistic of `posterior_checks` is.

    Examples
    --------
    >>> statistic_in_words("zeros"), statistic_in_words("category_often")
    ('share of zeros', 'share of category often')
    """
    return _WORDS.get(statistic, f"share of category {statistic.removeprefix('category_')}")


def finding_in_words(statistic: str, real: float, new: float) -> str:
    """Say a statistic of the data beside its mean in new responses of the model.

    Examples
    --------
    >>> finding_in_words("zeros", 0.31, 0.12)
    'share of zeros 0.31, new responses 0.12'
    """
    return f"{statistic_in_words(statistic)} {number(real)}, new responses {number(new)}"


def advice_for(family: str, statistic: str, *, above: bool) -> str:
    """Say what to try where a statistic of the data lies above (or below) what the model makes.

    Examples
    --------
    >>> advice_for("poisson", "dispersion", above=True)
    "the counts are overdispersed: use family 'negative_binomial'"
    """
    general = "draw the data over new responses: pp.plot_posterior_checks(pp.posterior_checks(fit))"
    return _ADVICE.get((family, statistic, above)) or _GENERAL.get(statistic, general)


def advice_for_spreads(family: str) -> str:
    """Say what to try where spreads within levels differ more than the family says.

    Examples
    --------
    >>> advice_for_spreads("poisson")
    "family 'negative_binomial', or a slope"
    """
    return {
        "gaussian": "family 'student_t', 'lognormal', or a slope",
        "student_t": "family 'lognormal' if the response is positive, or a slope",
        "lognormal": "family 'gamma', or a slope",
        "poisson": "family 'negative_binomial', or a slope",
        "binomial": "an effect of each row, (1 | row), or a slope",
        "gamma": "family 'lognormal', or a slope",
    }.get(family, "a slope, or a predictor that differs within levels")
