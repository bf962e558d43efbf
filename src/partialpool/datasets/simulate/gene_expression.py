"""Genomics: how much of the spread of a gene's expression is inherited, among relatives of twenty families.

Two samples are taken of everybody. Expression differs between people for two lasting reasons, what they inherited and
what else is their own, and it differs between samples of one person. What is inherited covaries as the pedigree says;
what else lasts does not, and without a term of its own it would pass for inherited.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from string import ascii_lowercase
from types import MappingProxyType
from typing import Final

import numpy as np
import pandas as pd

from partialpool.datasets.pedigree import relationship_matrix
from partialpool.datasets.simulate.record import Simulated

__all__ = ["SEED", "TRUTH", "GeneTruth", "family_tree", "kinship", "simulate"]

SEED: Final = 1
FAMILIES: Final = 20
CHILDREN: Final = 4
SAMPLES: Final = 2
"""Of each person."""
SEX: Final = 0.3
"""How much higher expression is in men, log2 counts per million."""


@dataclass(frozen=True)
class GeneTruth:
    """Of one gene: its mean in women (log2 counts per million), and its variances."""

    intercept: float
    inherited: float
    lasting: float
    residual: float

    @property
    def heritability(self) -> float:
        """Share of the variance that is inherited, among samples of one sex."""
        return self.inherited / (self.inherited + self.lasting + self.residual)

    @property
    def parameters(self) -> dict[str, float]:
        """Under the names of a fit."""
        return {
            "beta[Intercept]": self.intercept,
            "beta[sex[M]]": SEX,
            "sd_person[Intercept]": self.inherited**0.5,
            "sd_environment[Intercept]": self.lasting**0.5,
            "sigma": self.residual**0.5,
            "icc[person]": self.heritability,
        }


TRUTH: Final[Mapping[str, GeneTruth]] = MappingProxyType(
    {
        "gene_a": GeneTruth(6.0, 0.05, 0.45, 0.50),
        "gene_b": GeneTruth(4.5, 0.20, 0.30, 0.50),
        "gene_c": GeneTruth(8.0, 0.40, 0.10, 0.50),
        "gene_d": GeneTruth(5.5, 0.40, 0.35, 0.25),
        "gene_e": GeneTruth(7.0, 0.60, 0.15, 0.25),
        "gene_f": GeneTruth(3.5, 0.80, 0.05, 0.15),
    }
)


def family_tree() -> pd.DataFrame:
    """List twenty couples with four children each: person, father, mother ("0" for a parent not known), sex.

    Examples
    --------
    >>> family_tree().tail(2).to_numpy().tolist()
    [['20e', '20a', '20b', 'M'], ['20f', '20a', '20b', 'F']]
    """
    rows = []
    for family in range(1, FAMILIES + 1):
        father, mother, *children = (f"{family:02d}{letter}" for letter in ascii_lowercase[: 2 + CHILDREN])
        rows += [(father, "0", "0", "M"), (mother, "0", "0", "F")]
        rows += [(child, father, mother, "MF"[k % 2]) for k, child in enumerate(children)]
    return pd.DataFrame(rows, columns=["person", "father", "mother", "sex"])


def kinship() -> pd.DataFrame:
    """Work out how alike any two of them are: 0.5 for a parent and a child, and for two siblings."""
    return relationship_matrix(family_tree())


def simulate(seed: int = SEED, truth: Mapping[str, GeneTruth] = TRUTH) -> Simulated:
    """Simulate the expression of every gene.

    Returns
    -------
    Simulated
        Its effects: by gene, a table of what each person inherited (`person`) and what else lasts (`environment`).

    Examples
    --------
    >>> simulate().table.shape
    (240, 11)
    """
    rng = np.random.default_rng(seed)
    people = family_tree()
    root = np.linalg.cholesky(kinship().to_numpy())
    row = np.repeat(np.arange(len(people)), SAMPLES)
    names = people["person"].to_numpy()
    table = people.iloc[row].reset_index(drop=True)
    table.insert(1, "environment", table["person"])
    effects = {}
    for gene, of in truth.items():
        inherited = of.inherited**0.5 * (root @ rng.standard_normal(len(people)))
        lasting = of.lasting**0.5 * rng.standard_normal(len(people))
        mean = of.intercept + SEX * (table["sex"] == "M").to_numpy() + (inherited + lasting)[row]
        table[gene] = (mean + of.residual**0.5 * rng.standard_normal(len(row))).round(3)
        effects[gene] = pd.DataFrame({"person": inherited, "environment": lasting}, index=names)
    return Simulated(table, effects)
