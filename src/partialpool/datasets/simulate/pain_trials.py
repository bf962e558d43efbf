"""Personalised medicine: a drug against chronic pain, tried on and off several times by each patient (n-of-1 trials).

In each cycle a patient takes the drug for one period and a placebo for another, in random order; the score of a period
is the mean of a pain diary. Patients differ in their pain and in their response to the drug, and some stop early.
There is no carry-over from one period to the next in the simulation.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from partialpool.datasets.simulate.record import Simulated

__all__ = ["SEED", "TRUTH", "PainTruth", "simulate"]

SEED: Final = 1
PATIENTS: Final = 40
CYCLES: Final = (2, 3, 4)
"""A patient completes 2 cycles with probability 0.2, 3 with 0.2, all 4 with 0.6."""


@dataclass(frozen=True)
class PainTruth:
    """True values of the scores, in points on a scale from 0 to 10; a `drug` effect below 0 is an improvement."""

    intercept: float = 5.4
    drug: float = -0.8
    sd_intercept: float = 1.0
    sd_drug: float = 1.1
    corr: float = -0.3
    sigma: float = 0.8

    @property
    def parameters(self) -> dict[str, float]:
        """True parameter values, under the names of a fit."""
        return {
            "beta[Intercept]": self.intercept,
            "beta[drug]": self.drug,
            "sd_patient[Intercept]": self.sd_intercept,
            "sd_patient[drug]": self.sd_drug,
            "corr_patient[Intercept, drug]": self.corr,
            "sigma": self.sigma,
        }


TRUTH: Final = PainTruth()


def simulate(seed: int = SEED, truth: PainTruth = TRUTH) -> Simulated:
    """Simulate the trials.

    Examples
    --------
    >>> simulate().table.shape
    (264, 5)
    """
    rng = np.random.default_rng(seed)
    patients = [f"P{k:02d}" for k in range(1, PATIENTS + 1)]
    within = truth.corr * truth.sd_intercept * truth.sd_drug
    covariance = np.array([[truth.sd_intercept**2, within], [within, truth.sd_drug**2]])
    effects = rng.standard_normal((PATIENTS, 2)) @ np.linalg.cholesky(covariance).T
    cycles = rng.choice(CYCLES, size=PATIENTS, p=(0.2, 0.2, 0.6))
    patient = np.repeat(np.arange(PATIENTS), 2 * cycles)
    period = np.concatenate([np.arange(1, 2 * n + 1) for n in cycles])
    # The treatment of the first period of a cycle is random, the second is the other treatment.
    first = np.repeat(rng.integers(0, 2, size=cycles.sum()), 2)
    drug = np.where(period % 2 == 1, first, 1 - first)
    mean = truth.intercept + effects[patient, 0] + (truth.drug + effects[patient, 1]) * drug
    pain = mean + truth.sigma * rng.standard_normal(len(patient))
    table = pd.DataFrame(
        {
            "patient": np.array(patients)[patient],
            "cycle": (period + 1) // 2,
            "period": period,
            "drug": drug,
            "pain": pain.round(1),
        }
    )
    return Simulated(table, {"b_patient": pd.DataFrame(effects, index=patients, columns=["Intercept", "drug"])})
