"""Ecology: counts of species at sites along the slope of a mountain.

Every species is counted at every site, so that the two factors are crossed. Species differ in their abundance and in
their response to elevation; sites at the same elevation differ in total abundance.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.datasets.simulate.record import Simulated

__all__ = ["SEED", "TRUTH", "SpeciesTruth", "simulate"]

SEED: Final = 1
SPECIES: Final = 20
SITES: Final = 24


@dataclass(frozen=True)
class SpeciesTruth:
    """True values of the counts, on the log scale; elevation in units of 100 m.

    A count with mean m has variance m + m^2 / alpha.
    """

    intercept: float = 0.9
    elevation: float = -0.08
    sd_intercept: float = 0.9
    sd_elevation: float = 0.2
    corr: float = 0.3
    sd_site: float = 0.4
    alpha: float = 2.5

    @property
    def parameters(self) -> dict[str, float]:
        """True parameter values, under the names of a fit."""
        return {
            "beta[Intercept]": self.intercept,
            "beta[elevation]": self.elevation,
            "sd_species[Intercept]": self.sd_intercept,
            "sd_species[elevation]": self.sd_elevation,
            "corr_species[Intercept, elevation]": self.corr,
            "sd_site[Intercept]": self.sd_site,
            "alpha": self.alpha,
        }


TRUTH: Final = SpeciesTruth()


def simulate(seed: int = SEED, truth: SpeciesTruth = TRUTH) -> Simulated:
    """Simulate the counts.

    Examples
    --------
    >>> simulate().table.shape
    (480, 4)
    """
    rng = np.random.default_rng(seed)
    species = [f"species {k:02d}" for k in range(1, SPECIES + 1)]
    sites = [f"site {k:02d}" for k in range(1, SITES + 1)]
    within = truth.corr * truth.sd_intercept * truth.sd_elevation
    covariance = np.array([[truth.sd_intercept**2, within], [within, truth.sd_elevation**2]])
    of_species = rng.standard_normal((SPECIES, 2)) @ np.linalg.cholesky(covariance).T
    of_site = truth.sd_site * rng.standard_normal(SITES)
    elevation = rng.uniform(-6, 6, size=SITES).round(1)
    site, kind = np.divmod(np.arange(SITES * SPECIES), SPECIES)
    eta = (
        truth.intercept
        + of_species[kind, 0]
        + (truth.elevation + of_species[kind, 1]) * elevation[site]
        + of_site[site]
    )
    # A negative binomial count is a Poisson count whose mean has a gamma distribution.
    count = rng.poisson(np.exp(eta) * rng.gamma(truth.alpha, 1 / truth.alpha, size=len(eta)))
    table = pd.DataFrame(
        {
            "site": np.array(sites)[site],
            "species": np.array(species)[kind],
            "elevation": elevation[site],
            "count": count,
        }
    )
    effects = {
        "b_species": pd.DataFrame(of_species, index=species, columns=["Intercept", "elevation"]),
        "b_site": pd.DataFrame({"Intercept": of_site}, index=sites),
    }
    return Simulated(table, effects)
