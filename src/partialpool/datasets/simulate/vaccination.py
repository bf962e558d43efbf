"""Public health: vaccination of people in neighbourhoods within districts.

Neighbourhoods are numbered within districts, as on the forms of a survey, and differ in deprivation.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.datasets.simulate.record import Simulated

__all__ = ["SEED", "TRUTH", "VaccinationTruth", "simulate"]

SEED: Final = 2026
DISTRICTS: Final = 8
NEIGHBOURHOODS: Final = 6
PEOPLE: Final = 12


@dataclass(frozen=True)
class VaccinationTruth:
    """True values of the answers, on the logit scale; age in years, deprivation in sds."""

    intercept: float = -0.9
    age: float = 0.025
    deprivation: float = -0.5
    sd_district: float = 0.5
    sd_neighbourhood: float = 0.7

    @property
    def parameters(self) -> dict[str, float]:
        """True parameter values, under the names of a fit."""
        return {
            "beta[Intercept]": self.intercept,
            "beta[age]": self.age,
            "beta[deprivation]": self.deprivation,
            "sd_district[Intercept]": self.sd_district,
            "sd_district:neighbourhood[Intercept]": self.sd_neighbourhood,
        }


TRUTH: Final = VaccinationTruth()


def simulate(seed: int = SEED, truth: VaccinationTruth = TRUTH) -> Simulated:
    """Simulate the survey.

    Examples
    --------
    >>> simulate().table.shape
    (576, 5)
    """
    rng = np.random.default_rng(seed)
    count = DISTRICTS * NEIGHBOURHOODS
    districts = [chr(ord("A") + k) for k in range(DISTRICTS)]
    of_district = truth.sd_district * rng.standard_normal(DISTRICTS)
    of_place = truth.sd_neighbourhood * rng.standard_normal(count)
    deprivation = rng.standard_normal(count).round(2)
    place = np.repeat(np.arange(count), PEOPLE)
    age = rng.integers(18, 86, size=len(place))
    eta = truth.intercept + truth.age * age + truth.deprivation * deprivation[place]
    eta += of_district[place // NEIGHBOURHOODS] + of_place[place]
    vaccinated = rng.random(len(place)) < 1 / (1 + np.exp(-eta))
    labels = [f"{districts[k // NEIGHBOURHOODS]}:{k % NEIGHBOURHOODS + 1}" for k in range(count)]
    table = pd.DataFrame(
        {
            "district": np.array(districts)[place // NEIGHBOURHOODS],
            "neighbourhood": place % NEIGHBOURHOODS + 1,
            "age": age,
            "deprivation": deprivation[place],
            "vaccinated": vaccinated.astype(int),
        }
    )
    effects = {
        "b_district": pd.DataFrame({"Intercept": of_district}, index=districts),
        "b_district:neighbourhood": pd.DataFrame({"Intercept": of_place}, index=labels),
    }
    return Simulated(table, effects)
