"""Posteriors of truncated responses with group effects are those of brms, under the same priors."""

import json

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.r_values import REFERENCE
from partialpool.sampling.mixing import mcse_mean

BRMS = json.loads((REFERENCE / "truncated_brms.json").read_text(encoding="utf-8"))
"""See `reference/truncated_brms.R`."""


def _check(found, theirs):
    """Means within 5 Monte Carlo standard errors, sds within 8 %."""
    assert set(found) == set(theirs)
    for parameter, draws in found.items():
        values, reference = draws.transpose("chain", "draw").to_numpy(), theirs[parameter]
        error = np.hypot(mcse_mean(values), reference["mcse_mean"])
        assert abs(values.mean() - reference["mean"]) < 5 * error, parameter
        assert values.std() == pytest.approx(reference["sd"], rel=0.08), parameter


def test_reaction_times_above_a_bound():
    table = pp.load_dataset("sleepstudy")
    table = table.assign(day=table["Days"] - 4.5, over=(table["Reaction"] - 230) / 50).query("over >= 0")
    priors = {
        "beta[Intercept]": pp.Prior("Normal", mu=1.4, sigma=2),
        "beta[day]": pp.Prior("Normal", mu=0, sigma=0.8),
        "sd_Subject": pp.Prior("HalfStudentT", nu=3, sigma=1),
        "sigma": pp.Prior("HalfStudentT", nu=3, sigma=1),
    }
    found = pp.fit(
        "over | trunc(lb=0) ~ day + (1 | Subject)", table, priors=priors, seed=1, draws=2000, progressbar=False
    ).posterior
    beta = found["beta"]
    ours = {"b_Intercept": beta.sel(coef="Intercept"), "b_day": beta.sel(coef="day"), "sigma": found["sigma"]}
    _check(ours | {"sd_Subject__Intercept": found["sd_Subject"].squeeze()}, BRMS["gaussian"])


def test_counts_above_zero():
    table = pd.read_csv(REFERENCE / "parameters_epil.csv").astype({"subject": str})
    table = table.assign(base=table["lbase"] - BRMS["mean_lbase"]).query("y >= 1")
    priors = {
        "beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2),
        "beta[base]": pp.Prior("Normal", mu=0, sigma=1),
        "sd_subject": pp.Prior("HalfStudentT", nu=3, sigma=1),
    }
    found = pp.fit(
        "y | trunc(lb=1) ~ base + (1 | subject)",
        table,
        family="poisson",
        priors=priors,
        seed=1,
        draws=2000,
        progressbar=False,
    ).posterior
    beta = found["beta"]
    ours = {"b_Intercept": beta.sel(coef="Intercept"), "b_base": beta.sel(coef="base")}
    _check(ours | {"sd_subject__Intercept": found["sd_subject"].squeeze()}, BRMS["poisson"])
