"""Dense computations of residual structures, to compare with."""

import json
from pathlib import Path

import numpy as np
import pandas as pd

REFERENCE = Path(__file__).parents[1] / "reference"


def nlme():
    """Estimates by nlme: see `reference/residuals.R`."""
    return json.loads((REFERENCE / "residuals.json").read_text(encoding="utf-8"))


def glmm_tmb():
    """Log likelihoods by glmmTMB: see `reference/residuals_glmmTMB.R`."""
    return json.loads((REFERENCE / "residuals_glmmTMB.json").read_text(encoding="utf-8"))


def reference_table(name):
    return pd.read_csv(REFERENCE / f"{name}.csv")


def visits(seed=1, series=12, times=5, share=0.8):
    """A table of series with gaps: series g within h, time t, arm, x, a weight w and a response y."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame([(g, t) for g in range(series) for t in range(times)], columns=["g", "t"])
    table = table.sample(frac=share, random_state=seed).reset_index(drop=True)
    n = len(table)
    return table.assign(
        arm=np.where(table["g"] % 2 == 0, "a", "b"),
        h=table["g"] // 3,
        x=rng.normal(size=n),
        w=rng.gamma(3, 0.3, n) + 0.1,
        y=3 + rng.normal(size=n) + rng.normal(size=series)[table["g"]],
    )


def correlations(design, parameter):
    """The correlation matrix of all rows, (rows, rows), from the definition."""
    n, series = design.n_rows, design.residual.series
    if series is None:
        return np.eye(n)
    group = design.frame[series.stated.gr].to_numpy()
    if series.kind == "cosy":
        out = np.full((n, n), float(parameter))
    elif series.kind == "ar":
        time = design.frame[series.stated.order].to_numpy(float)
        gap = np.abs(time[:, None] - time) / series.step
        whole = np.abs(gap - np.round(gap)) < 1e-9
        out = np.where(whole, np.power(float(parameter), np.round(gap)), np.abs(parameter) ** gap)
    else:
        names = list(series.visits)
        visit = np.array([names.index(one) for one in design.frame[series.stated.order]])
        out = np.asarray(parameter)[visit[:, None], visit]
    out = np.where(group[:, None] == group, out, 0.0)
    np.fill_diagonal(out, 1.0)
    return out


def residual_covariance(design, sigma, parameter=None):
    """R of all rows, for sigma (strata,) or () and the correlation's parameter."""
    sd = np.atleast_1d(sigma)[design.residual.stratum]
    sd = sd if design.precision is None else sd / np.sqrt(design.precision)
    return correlations(design, parameter) * sd[:, None] * sd
