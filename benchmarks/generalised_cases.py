"""The generalised models that are timed: counts, proportions and choices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.cases import SEED, Case, packaged

HERE = Path(__file__).parent


@dataclass(frozen=True, kw_only=True)
class GeneralisedCase(Case):
    """A case whose response has a family; the formula in R, and the nodes of glmer's quadrature, 1 for Laplace's."""

    r_formula: str
    family: str
    nodes: int = 1

    @property
    def r_family(self) -> str:
        """R's name of the family."""
        return "binomial" if self.family == "bernoulli" else self.family


def _toenail() -> pd.DataFrame:
    table = pd.read_csv(HERE.parent / "tests" / "reference" / "toenail.csv")
    return table.assign(severe=(table["outcome"] == "moderate or severe").astype(int))


def _contraception() -> pd.DataFrame:
    table = packaged("contraception")()
    return table.assign(used=(table["use"].astype(str) == "Y").astype(int))


def _answers() -> pd.DataFrame:
    """Simulate 316 people's answers to 24 items."""
    rng = np.random.default_rng(SEED)
    person, item = np.divmod(np.arange(316 * 24), 24)
    x = rng.normal(size=len(person))
    eta = 0.3 * x + 1.2 * rng.normal(size=316)[person] + rng.normal(size=24)[item]
    right = (rng.random(len(eta)) < 1 / (1 + np.exp(-eta))).astype(int)
    return pd.DataFrame({"person": person, "item": item, "x": x, "right": right})


GENERALISED = (
    GeneralisedCase(
        "cbpp",
        "p(incidence, size) ~ period + (1 | herd)",
        ("period", "herd"),
        packaged("cbpp"),
        r_formula="cbind(incidence, size - incidence) ~ period + (1 | herd)",
        family="binomial",
    ),
    GeneralisedCase(
        "contraception",
        "used ~ age + I(age**2) + livch + urban + (urban | district)",
        ("livch", "urban", "district"),
        _contraception,
        r_formula="used ~ age + I(age^2) + livch + urban + (urban | district)",
        family="bernoulli",
    ),
    GeneralisedCase(
        "grouseticks",
        "TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
        ("YEAR", "BROOD", "INDEX", "LOCATION"),
        packaged("grouseticks"),
        r_formula="TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
        family="poisson",
    ),
    GeneralisedCase(
        "toenail",
        "severe ~ treatment * time + (1 | patientID)",
        ("patientID",),
        _toenail,
        r_formula="severe ~ treatment * time + (1 | patientID)",
        family="bernoulli",
        nodes=25,
    ),
    GeneralisedCase(
        "answers",
        "right ~ x + (1 | person) + (1 | item)",
        ("person", "item"),
        _answers,
        r_formula="right ~ x + (1 | person) + (1 | item)",
        family="bernoulli",
    ),
)
