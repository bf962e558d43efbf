"""The generalised models that are timed: counts, proportions and choices."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from benchmarks.cases import SEED, packaged

HERE = Path(__file__).parent


@dataclass(frozen=True)
class GeneralisedCase:
    """One model of one table, for us and for glmer; nodes of its quadrature, 1 for Laplace's approximation."""

    name: str
    formula: str
    r_formula: str
    family: str
    r_family: str
    labels: tuple[str, ...]
    read: Callable[[], pd.DataFrame]
    nodes: int = 1

    def table(self) -> pd.DataFrame:
        """Read the columns as the model needs them: labels as text."""
        return self.read().astype(dict.fromkeys(self.labels, str))


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
        "cbind(incidence, size - incidence) ~ period + (1 | herd)",
        "binomial",
        "binomial",
        ("period", "herd"),
        packaged("cbpp"),
    ),
    GeneralisedCase(
        "contraception",
        "used ~ age + I(age**2) + livch + urban + (urban | district)",
        "used ~ age + I(age^2) + livch + urban + (urban | district)",
        "bernoulli",
        "binomial",
        ("livch", "urban", "district"),
        _contraception,
    ),
    GeneralisedCase(
        "grouseticks",
        "TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
        "TICKS ~ YEAR + scale(HEIGHT) + (1 | BROOD) + (1 | INDEX) + (1 | LOCATION)",
        "poisson",
        "poisson",
        ("YEAR", "BROOD", "INDEX", "LOCATION"),
        packaged("grouseticks"),
    ),
    GeneralisedCase(
        "toenail",
        "severe ~ treatment * time + (1 | patientID)",
        "severe ~ treatment * time + (1 | patientID)",
        "bernoulli",
        "binomial",
        ("patientID",),
        _toenail,
        25,
    ),
    GeneralisedCase(
        "answers",
        "right ~ x + (1 | person) + (1 | item)",
        "right ~ x + (1 | person) + (1 | item)",
        "bernoulli",
        "binomial",
        ("person", "item"),
        _answers,
    ),
)
