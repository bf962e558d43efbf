"""The models with correlated residuals that are timed: a trial with visits, and long series."""

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from benchmarks.cases import SEED, Case


@dataclass(frozen=True, kw_only=True)
class VisitCase(Case):
    """A case whose residuals are correlated; the same model in R's nlme."""

    gls: str
    correlation: str
    weights: str | None = None


BRMS_CASE = "trial, baseline by visit"
BRMS_FORMULA = "bf(mvbind(week0, week1, week2, week3, week4, week5) ~ arm + baseline) + set_rescor(TRUE)"
"""The trial in brms 2.18, which has no unstr(): a response for each visit, with correlated residuals."""
BRMS_PRIOR = 'set_prior("lkj(2)", class = "rescor")'
"""The prior of the correlations is that of ours; those of the rest are so wide that they do not matter."""


def by_visit() -> pd.DataFrame:
    """Return the trial with one row per patient, and a column of changes for each visit."""
    wide = VISITS["trial"].table().pivot(index=["patient", "arm", "baseline"], columns="visit", values="change")
    return wide.reset_index()


def _trial() -> pd.DataFrame:
    """Simulate 200 patients, each seen at six visits."""
    rng = np.random.default_rng(SEED)
    patients, visits = 200, 6
    patient, week = np.divmod(np.arange(patients * visits), visits)
    half = np.linalg.cholesky(0.6 ** np.abs(np.subtract.outer(np.arange(visits), np.arange(visits))))
    noise = rng.normal(size=(patients, visits)) @ (half * np.linspace(1, 2, visits)[:, None]).T
    baseline = rng.normal(10, 2, patients)[patient]
    arm = np.where(patient % 2 == 0, "drug", "placebo")
    change = 0.2 * baseline - 0.5 * week - np.where(arm == "drug", 0.3 * week, 0.0) + noise.ravel()
    columns = {"patient": patient, "visit": [f"week{k}" for k in week], "occasion": week + 1, "arm": arm}
    return pd.DataFrame(columns | {"baseline": baseline, "change": change})


def _series() -> pd.DataFrame:
    """Simulate 1,000 autoregressive series of 50 rows."""
    rng = np.random.default_rng(SEED)
    series, length, rho = 1000, 50, 0.6
    noise = rng.normal(size=(series, length))
    for t in range(1, length):
        noise[:, t] = rho * noise[:, t - 1] + np.sqrt(1 - rho**2) * noise[:, t]
    g, time = np.divmod(np.arange(series * length), length)
    x = rng.normal(size=len(g))
    return pd.DataFrame({"g": g, "time": time, "x": x, "y": 1 + 0.3 * x + 0.02 * time + noise.ravel()})


_TRIAL = VisitCase(
    "trial",
    "change ~ arm * visit + baseline + unstr(visit, gr=patient)",
    ("patient", "visit", "arm"),
    _trial,
    gls="change ~ arm * visit + baseline",
    correlation="corSymm(form = ~ occasion | patient)",
    weights="varIdent(form = ~ 1 | visit)",
)
VISITS = {
    case.name: case
    for case in (
        _TRIAL,
        # Each visit has a coefficient of the baseline, as in brms's model of one response per visit.
        replace(
            _TRIAL,
            name=BRMS_CASE,
            formula="change ~ arm * visit + baseline * visit + unstr(visit, gr=patient)",
            gls="change ~ arm * visit + baseline * visit",
        ),
        VisitCase(
            "series",
            "y ~ x + time + ar(time, gr=g)",
            ("g",),
            _series,
            gls="y ~ x + time",
            correlation="corAR1(form = ~ time | g)",
        ),
    )
}
