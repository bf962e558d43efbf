"""Genomics: heritability of gene expression among relatives of twenty families.

Two samples are taken from every person. Expression differs between people for two lasting reasons, inheritance and
other permanent differences, and it differs between samples of one person. The inherited part covaries according to the
pedigree. The other permanent part does not, and without a separate term it would be attributed to inheritance.
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
"""Samples of each person."""
SEX: Final = 0.3
"""Difference in expression of men from women, log2 counts per million."""


@dataclass(frozen=True)
class GeneTruth:
    """True values of one gene: its mean in women (log2 counts per million) and its variances."""

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
        """True parameter values, under the names of a fit."""
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
    """Compute the relationship matrix of the families: 0.5 for parent and child, and for two siblings."""
    return relationship_matrix(family_tree())


def simulate(seed: int = SEED, truth: Mapping[str, GeneTruth] = TRUTH) -> Simulated:
    """Simulate the expression of every gene.

    Returns
    -------
    Simulated
        Table and effects. Effects are tables by gene: each person's inherited part (`person`) and other permanent part
        (`environment`).

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
