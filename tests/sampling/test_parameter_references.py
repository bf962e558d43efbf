"""Models with predictors of parameters, and families with zeros: what glmmTMB and brms find in public data."""

import json
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.r_values import REFERENCE
from partialpool.design.build import build_design
from partialpool.sampling.mixing import mcse_mean

GLMMTMB = json.loads((REFERENCE / "parameters_glmmTMB.json").read_text(encoding="utf-8"))
BRMS = json.loads((REFERENCE / "parameters_brms.json").read_text(encoding="utf-8"))
"""See `reference/parameters_glmmTMB.R` and `parameters_brms.R`."""
NEAR, NEAR_SD = 0.25, 0.6
"""Greatest distances of posterior means from estimates, in standard errors: of coefficients, and of log sds.

The posterior mean differs from the maximum by the pull of the prior and by the skewness of the likelihood. The default
priors are about as informative as a single row: where a coefficient is determined by many rows, both are a fraction of
a standard error. Log sds have more, since maximum likelihood takes the coefficients as known, and the distance grows as
there are fewer levels: `few_levels`.
"""


@dataclass(frozen=True)
class Model:
    """A model, and where it is not nearly quadratic.

    Attributes
    ----------
    own
        Names of the parameters that glmmTMB calls zi and disp.
    skewed
        Coefficients whose likelihood is not nearly quadratic: they are not compared.
    few_levels
        Greatest distance of log sds.
    """

    formula: list[str] | str
    family: str
    table: str
    own: dict[str, str]
    skewed: tuple[str, ...] = ()
    few_levels: float = NEAR_SD


EPIL = "y ~ lbase * trt + lage + V4 + (1 | subject)"
ARTICLES = "fem + mar + kid5 + phd + ment"
TICKS = "YEAR + cHEIGHT + (1 | LOCATION)"
MODELS = {
    # Maximum likelihood of 18 subjects: sds a standard error too small, in lme4's fit with one sigma as well.
    "sleepstudy": Model(
        ["Reaction ~ Days + (Days | Subject)", "sigma ~ Days"],
        "gaussian",
        "sleepstudy",
        {"disp": "sigma"},
        few_levels=1.3,
    ),
    "epil": Model([EPIL, "alpha ~ trt"], "negative_binomial", "epil", {"disp": "alpha"}),
    # 23 of 236 counts are 0.
    "epil_inflated": Model(
        [EPIL, "alpha ~ 1", "zi ~ 1"],
        "zero_inflated_negative_binomial",
        "epil",
        {"disp": "alpha", "zi": "zi"},
    ),
    # Extra zeros end where a mentor has any articles: per sd the estimate of the log odds is -5.8, the prior's sd 2.5.
    "articles_inflated": Model(
        [f"art ~ {ARTICLES}", "alpha ~ 1", "zi ~ ment"],
        "zero_inflated_negative_binomial",
        "articles",
        {"disp": "alpha", "zi": "zi"},
        skewed=("zi: Intercept", "zi: ment", "disp: Intercept"),
    ),
    # Counts above 0 say little about alpha: small values, whose zeros are not seen, are hardly less likely.
    "articles_hurdle": Model(
        [f"art ~ {ARTICLES}", "alpha ~ 1", f"hu ~ {ARTICLES}"],
        "hurdle_negative_binomial",
        "articles",
        {"disp": "alpha", "zi": "hu"},
        skewed=("disp: Intercept",),
    ),
    "ticks_inflated": Model([f"TICKS ~ {TICKS}", "zi ~ cHEIGHT"], "zero_inflated_poisson", "grouseticks", {"zi": "zi"}),
    "ticks_hurdle": Model(
        [f"TICKS ~ {TICKS}", "alpha ~ 1", f"hu ~ {TICKS}"],
        "hurdle_negative_binomial",
        "grouseticks",
        {"disp": "alpha", "zi": "hu"},
    ),
    "cbpp": Model(["p(incidence, size) ~ period", "phi ~ 1"], "beta_binomial", "cbpp", {"disp": "phi"}),
    "cover": Model(
        ["cover ~ bare + (1 | species) + (1 | site)", "alpha ~ 1", "hu ~ bare + (1 | species)"],
        "hurdle_gamma",
        "cover",
        {"disp": "alpha", "zi": "hu"},
    ),
}
WITHOUT_GROUPS = ("articles_inflated", "articles_hurdle", "cbpp")


def table_of(name):
    if name in pp.dataset_names():
        return pp.load_dataset(name)
    table = pd.read_csv(REFERENCE / f"parameters_{name}.csv")
    if name == "articles":
        table["mar"] = pd.Categorical(table["mar"], ["Single", "Married"])
    return table.astype({"subject": str}) if name == "epil" else table


def r_name(coef):
    """Return R's name of a coefficient: `trtprogabide` for `trt[progabide]`."""
    return "(Intercept)" if coef == "Intercept" else coef.replace("[", "").replace("]", "")


def estimates(name, part, coefs):
    """Estimates and standard errors, (coefs,) each."""
    found = [GLMMTMB[name][part][r_name(coef)] for coef in coefs]
    return [np.array([one[key] for one in found]) for key in ("estimate", "se")]


@pytest.fixture(scope="module", params=MODELS)
def model(request):
    one = MODELS[request.param]
    fit = pp.fit(one.formula, table_of(one.table), family=one.family, seed=1, progressbar=False)
    return request.param, one, fit.posterior


@pytest.mark.thorough
def test_coefficients_are_near_glmmtmb(model):
    name, one, posterior = model
    for part, parameter in {"cond": "", **one.own}.items():
        variable = f"beta_{parameter}" if parameter else "beta"
        draws = posterior[variable]
        coefs = [str(coef) for coef in draws[draws.dims[-1]].to_numpy()]
        estimate, se = estimates(name, part, coefs)
        distance = (draws.mean(("chain", "draw")).to_numpy() - estimate) / se
        compared = [k for k, coef in enumerate(coefs) if f"{part}: {coef}" not in one.skewed]
        assert max(abs(distance[compared]), default=0) < NEAR, (variable, dict(zip(coefs, distance, strict=True)))
        ratio = draws.std(("chain", "draw")).to_numpy() / se
        assert all(0.8 < ratio[k] < 1.35 for k in compared), (variable, dict(zip(coefs, ratio, strict=True)))


@pytest.mark.thorough
def test_sds_of_effects_are_near_glmmtmb(model):
    name, one, posterior = model
    for part, prefix in (("logsd", "sd_"), ("logsd_zi", "sd_hu_")):
        for group, found in GLMMTMB[name].get(part, {}).items():
            factor, at = group.rstrip("12"), int(group[-1]) - 1 if group[-1] in "12" else 0
            drawn = float(np.log(posterior[f"{prefix}{factor}"][..., at]).mean())
            distance = (drawn - found["estimate"]) / found["se"]
            assert abs(distance) < one.few_levels, (prefix, group, distance)


@pytest.mark.parametrize("name", WITHOUT_GROUPS)
def test_log_likelihood_at_the_estimates_of_glmmtmb(name):
    """Without group effects both are the same sum over rows."""
    one = MODELS[name]
    table = table_of(one.table)
    formula = ", ".join(one.formula)
    design = build_design(pp.ModelSpec.from_formula(formula, family=one.family), table)
    values = {"beta": estimates(name, "cond", design.common.coefs)[0]}
    for part, parameter in one.own.items():
        coefs = design.parameters[parameter].common.coefs
        values[f"beta_{parameter}"] = estimates(name, part, coefs)[0]
    fit = fit_at(formula, table, family=one.family, **values)
    total = float(pp.log_likelihood(fit)["art" if one.table == "articles" else "incidence"].sum())
    assert total == pytest.approx(GLMMTMB[name]["log_likelihood"], abs=1e-5)


BRMS_NAMES = {
    "b_Intercept": ("beta", 0),
    "b_day": ("beta", 1),
    "b_sigma_Intercept": ("beta_sigma", 0),
    "b_sigma_day": ("beta_sigma", 1),
    "sd_Subject__Intercept": ("sd_Subject", 0),
    "sd_Subject__day": ("sd_Subject", 1),
    "sd_Subject__sigma_Intercept": ("sd_sigma_Subject", 0),
    "cor_Subject__Intercept__day": ("corr_across_Subject", 0, 1),
    "cor_Subject__Intercept__sigma_Intercept": ("corr_across_Subject", 0, 2),
    "cor_Subject__day__sigma_Intercept": ("corr_across_Subject", 1, 2),
}


@pytest.mark.thorough
def test_a_location_scale_model_has_the_posterior_of_brms():
    """Effects on the mean and on log sigma are correlated; day is centred, so that 0 is its mean."""
    table = pp.load_dataset("sleepstudy")
    table = table.assign(day=table["Days"] - 4.5)
    priors = {
        "beta[Intercept]": pp.Prior("Normal", mu=300, sigma=100),
        "beta[day]": pp.Prior("Normal", mu=0, sigma=40),
        "beta_sigma[Intercept]": pp.Prior("Normal", mu=4, sigma=1),
        "beta_sigma[day]": pp.Prior("Normal", mu=0, sigma=0.3),
        "sd_Subject[Intercept]": pp.Prior("HalfStudentT", nu=3, sigma=50),
        "sd_Subject[day]": pp.Prior("HalfStudentT", nu=3, sigma=20),
        "sd_sigma_Subject": pp.Prior("HalfStudentT", nu=3, sigma=0.4),
        "corr_across_Subject": pp.Prior("LKJ", eta=2),
    }
    formula = ["Reaction ~ day + (day |p| Subject)", "sigma ~ day + (1 |p| Subject)"]
    posterior = pp.fit(formula, table, priors=priors, seed=1, progressbar=False).posterior
    assert set(BRMS_NAMES) == set(BRMS["sleepstudy"])
    for name, (variable, *at) in BRMS_NAMES.items():
        values, wanted = posterior[variable].to_numpy()[(..., *at)], BRMS["sleepstudy"][name]
        error = np.hypot(mcse_mean(values), wanted["mcse_mean"])
        assert abs(values.mean() - wanted["mean"]) <= 5 * error, name
        # The squared distances from the mean have an ESS of at least half of the bulk ESS: kurtosis up to 9.
        relative = np.hypot(2 * mcse_mean(values) / wanted["sd"], 2 * wanted["mcse_mean"] / wanted["sd"])
        assert abs(values.std() / wanted["sd"] - 1) <= 5 * relative, name
