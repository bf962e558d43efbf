"""Truncated and censored responses: posteriors of brms, and zero-truncated counts of glmmTMB."""

import json

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.r_values import REFERENCE
from partialpool.sampling.mixing import mcse_mean

BRMS = json.loads((REFERENCE / "truncated_brms.json").read_text(encoding="utf-8"))
"""See `reference/truncated_brms.R`."""
REACTION = {
    "beta[Intercept]": pp.Prior("Normal", mu=300, sigma=100),
    "beta[day]": pp.Prior("Normal", mu=0, sigma=40),
    "sd_Subject": pp.Prior("HalfStudentT", nu=3, sigma=50),
    "sigma": pp.Prior("HalfStudentT", nu=3, sigma=50),
}
TIMES = {
    "beta[Intercept]": pp.Prior("Normal", mu=4, sigma=2),
    "beta[female]": pp.Prior("Normal", mu=0, sigma=2),
    "sd_id": pp.Prior("HalfStudentT", nu=3, sigma=1),
    "alpha": pp.Prior("Gamma", alpha=2, beta=1),
}
COUNTS = {
    "beta[Intercept]": pp.Prior("Normal", mu=0, sigma=2),
    "beta[ment10]": pp.Prior("Normal", mu=0, sigma=1),
    "alpha": pp.Prior("Gamma", alpha=2, beta=1),
}
NAMES = {"sd_Subject__Intercept": "sd_Subject", "sd_id__Intercept": "sd_id", "shape": "alpha"}


def reactions():
    table = pp.load_dataset("sleepstudy")
    return table.assign(day=table["Days"] - 4.5)


def kidney():
    table = pd.read_csv(REFERENCE / "kidney.csv")
    return table.assign(female=(table["sex"] == 2).astype(float))


def articles():
    table = pd.read_csv(REFERENCE / "parameters_articles.csv")
    return table[table["art"] >= 1].assign(ment10=table["ment"] / 10)


def within():
    table = reactions()
    return table[(table["Reaction"] >= 220) & (table["Reaction"] <= 380)]


def stopped():
    table = reactions()
    return table.assign(late=table["Reaction"] > 350, Reaction=table["Reaction"].clip(upper=350))


MODELS = {
    "gaussian_trunc": ("Reaction | trunc(lb=220, ub=380) ~ day + (1 | Subject)", "gaussian", within, REACTION),
    "weibull_entry": (
        "time | cens(censored) + trunc(lb=10) ~ female + (1 | id)",
        "weibull",
        lambda: kidney().query("time > 10"),
        TIMES,
    ),
    "negative_binomial_trunc": ("art | trunc(lb=1) ~ ment10", "negative_binomial", articles, COUNTS),
    "gamma_cens": ("time | cens(censored) ~ female + (1 | id)", "gamma", kidney, TIMES),
    "student_t_cens": (
        "Reaction | cens(late) ~ day + (1 | Subject)",
        "student_t",
        stopped,
        REACTION | {"nu": pp.Prior("Gamma", alpha=2, beta=0.1)},
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_posteriors_are_those_of_brms(name):
    """Means within five combined Monte Carlo standard errors, sds within a tenth.

    The prior of the intercept is stated where the predictors are 0 in brms, and at their means here: it is so wide that
    posteriors do not differ, beside the errors. brms's nu is above 1.
    """
    formula, family, make, priors = MODELS[name]
    fit = pp.fit(formula, make(), family=family, priors=priors, draws=2000, seed=1, progressbar=False)
    assert fit.digest.verdict.good
    for theirs, about in BRMS[name].items():
        if theirs.startswith("b_"):
            draws = fit.posterior["beta"].sel(coef=theirs.removeprefix("b_"))
        else:
            draws = fit.posterior[NAMES.get(theirs, theirs)]
        draws = draws.to_numpy().reshape(4, 2000)
        error = np.hypot(float(mcse_mean(draws)), about["mcse_mean"])
        assert draws.mean() == pytest.approx(about["mean"], abs=5 * error + 0.02 * about["sd"])
        assert draws.std() == pytest.approx(about["sd"], rel=0.1)
