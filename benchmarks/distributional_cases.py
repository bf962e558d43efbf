"""The models with predictors of parameters, and of responses with zeros, that are timed beside glmmTMB."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from benchmarks.cases import Case, packaged

REFERENCE = Path(__file__).parent.parent / "tests" / "reference"


@dataclass(frozen=True, kw_only=True)
class DistributionalCase(Case):
    """A case with several formulas; the same model in glmmTMB, whose formulas are text.

    Attributes
    ----------
    r_formula, zi, disp
        Formulas of the mean, of the zeros and of the dispersion.
    r_family
        The family, as R evaluates it.
    brms
        The formula in brms, as R evaluates it; empty where brms is not timed.
    """

    family: str
    r_formula: str
    r_family: str
    zi: str = "~ 0"
    disp: str = "~ 1"
    brms: str = ""


def _reference(name: str) -> Callable[[], pd.DataFrame]:
    return lambda: pd.read_csv(REFERENCE / f"parameters_{name}.csv")


DISTRIBUTIONAL = (
    DistributionalCase(
        "sleepstudy, sigma",
        "Reaction ~ Days + (Days | Subject), sigma ~ Days",
        ("Subject",),
        packaged("sleepstudy"),
        family="gaussian",
        r_formula="Reaction ~ Days + (Days | Subject)",
        r_family="gaussian()",
        disp="~ Days",
        brms="bf(Reaction ~ Days + (Days | Subject), sigma ~ Days)",
    ),
    DistributionalCase(
        "epil, zero inflation",
        "y ~ lbase * trt + lage + V4 + (1 | subject), zi ~ 1",
        ("subject", "trt"),
        _reference("epil"),
        family="zero_inflated_negative_binomial",
        r_formula="y ~ lbase * trt + lage + V4 + (1 | subject)",
        r_family="nbinom2()",
        zi="~ 1",
        brms="bf(y ~ lbase * trt + lage + V4 + (1 | subject), zi ~ 1, family = zero_inflated_negbinomial())",
    ),
    DistributionalCase(
        "articles, zero inflation",
        "art ~ fem + mar + kid5 + phd + ment, zi ~ ment",
        ("fem", "mar"),
        _reference("articles"),
        family="zero_inflated_negative_binomial",
        r_formula="art ~ fem + mar + kid5 + phd + ment",
        r_family="nbinom2()",
        zi="~ ment",
        brms="bf(art ~ fem + mar + kid5 + phd + ment, zi ~ ment, family = zero_inflated_negbinomial())",
    ),
    DistributionalCase(
        "grouseticks, hurdle",
        "TICKS ~ YEAR + cHEIGHT + (1 | LOCATION), hu ~ YEAR + cHEIGHT + (1 | LOCATION)",
        ("YEAR", "BROOD", "INDEX", "LOCATION"),
        packaged("grouseticks"),
        family="hurdle_negative_binomial",
        r_formula="TICKS ~ YEAR + cHEIGHT + (1 | LOCATION)",
        r_family="truncated_nbinom2()",
        zi="~ YEAR + cHEIGHT + (1 | LOCATION)",
    ),
    DistributionalCase(
        "cover of plants, hurdle gamma",
        "cover ~ bare + (1 | species) + (1 | site), hu ~ bare + (1 | species)",
        ("species", "site"),
        _reference("cover"),
        family="hurdle_gamma",
        r_formula="cover ~ bare + (1 | species) + (1 | site)",
        r_family='ziGamma(link = "log")',
        zi="~ bare + (1 | species)",
    ),
)
