"""Maximum likelihood and REML against lme4, and against numbers that lme4's authors publish."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize

import partialpool as pp
from checks.kin import sib_matrix
from marginal.gaussian.oracle import effect_units, to_zero
from partialpool.design.build import build_design
from partialpool.likelihood.maximise import _Problem
from partialpool.spec.model import ModelSpec

REFERENCE = Path(__file__).parents[1] / "reference"
ENTRIES = {f"{e['data']}: {e['formula']}": e for e in json.loads((REFERENCE / "lme4.json").read_text())["lmm"]}
SLOW = {key for key, e in ENTRIES.items() if e["data"] == "insteval"}
INSTEVAL = Path(__file__).parents[2] / "benchmarks" / "data" / "insteval.csv.gz"
FACTORS = ("Subject", "Batch", "plate", "sample", "batch", "cask", "county", "school", "recipe", "replicate")


def data_of(name):
    if name == "insteval":
        return (
            pd.read_csv(INSTEVAL)
            .astype(dict.fromkeys(("s", "d", "dept", "service"), str))
            .astype({"service": "category"})
        )
    frame = pd.read_csv(REFERENCE / "exam.csv") if name == "exam" else pp.load_dataset(name)
    frame = frame.assign(**{c: frame[c].astype(str) for c in FACTORS if c in frame})
    return frame.assign(temperature=frame["temperature"].astype(str).astype("category")) if name == "cake" else frame


PAIRS = [
    pytest.param((key, reml), marks=[pytest.mark.slow] if key in SLOW else [], id=f"{key}, {'REML' if reml else 'ML'}")
    for key in ENTRIES
    for reml in (False, True)
]


@pytest.fixture(scope="module", params=PAIRS)
def pair(request):
    key, reml = request.param
    entry = ENTRIES[key]
    fit = pp.maximum_likelihood(entry["formula"], data_of(entry["data"]), reml=reml)
    return fit, entry["reml" if reml else "ml"]


def lme4_name(coef):
    """`recipe[B]:temperature[185]` is lme4's `recipeB:temperature185`."""
    return "(Intercept)" if coef == "Intercept" else coef.replace("[", "").replace("]", "")


def components(reference):
    """lme4's estimates as (factor, effect, effect) -> sd or correlation; lme4 writes cask:batch for batch:cask."""
    out = {}
    for row in reference["varcorr"]:
        factor = row["grp"].split(".")[0]
        factor = ":".join(reversed(factor.split(":"))) if factor == "cask:batch" else factor
        effects = [row.get("var1", ""), row.get("var2", "")]
        out[factor, *(e.replace("(Intercept)", "Intercept") for e in effects)] = row["sdcor"]
    return out


def ours(fit):
    frame = fit.variance_components
    rows = zip(frame["factor"], frame["effect"], frame["with"], frame["estimate"], strict=True)
    return {("Residual", "", "") if f == "residual" else (f, e, w): v for f, e, w, v in rows}


def test_log_likelihood_is_lme4s(pair):
    fit, reference = pair
    assert fit.log_likelihood == pytest.approx(reference["logLik"], abs=1e-5)
    assert fit.log_likelihood > reference["logLik"] - 1e-9  # as high a maximum, or a higher one
    assert fit.maximum.steepest < 1e-7


def test_our_likelihood_at_lme4s_estimates_is_lme4s(pair):
    """The likelihoods agree to ten digits: estimates differ only by where each optimiser stopped."""
    fit, reference = pair
    problem = _Problem(fit.design, reml=fit.reml)
    estimates, sigma = components(reference), reference["sigma"]
    theirs = []
    for factor in fit.design.factors:
        sd = np.array([estimates[factor.name, e, ""] for e in factor.names])
        corr = np.eye(len(sd))
        for (name, first, other), value in estimates.items():
            if name == factor.name and other:
                i, j = factor.names.index(first), factor.names.index(other)
                corr[i, j] = corr[j, i] = value
        theirs.append((sd / sigma, corr))
    ours = [(sd / fit.maximum.sigma, c) for sd, c in zip(fit.maximum.sd, fit.maximum.corr, strict=True)]
    at, best = (problem.profile(_relative(problem, fit, found)) for found in (theirs, ours))
    difference = -0.5 * (at.deviance - best.deviance)
    assert fit.log_likelihood + difference == pytest.approx(reference["logLik"], rel=1e-10)


def _relative(problem, fit, found):
    """theta of relative sds and correlations at zero, by factor of the design; theta states them at the means."""
    kept, sds, corrs = problem.kept, [], []
    for f in kept.arrangement.order:
        factor = fit.design.factors[f]
        half = np.linalg.inv(to_zero(factor)) * found[f][0]
        covariance = half @ found[f][1] @ half.T
        sd = np.sqrt(np.diagonal(covariance))
        sds.append(np.log(np.maximum(sd * kept.units.unit / effect_units(kept, f), 1e-300)))
        if factor.correlated:
            corrs.append(np.arctanh(covariance[1, 0] / (sd[0] * sd[1])))
    return np.concatenate([*sds, corrs])


def test_estimates_are_lme4s(pair):
    """To 1e-6 where lme4's optimiser reached the maximum; where it stopped earlier, within the error that this implies.

    A log likelihood that is d below the maximum allows an error of sqrt(2 d) standard errors.
    """
    fit, reference = pair
    short = max(fit.log_likelihood - reference["logLik"], 0.0)
    slack = np.sqrt(2 * short + 1e-12)
    table = fit.coefficients
    for coef, row in table.iterrows():
        name = lme4_name(coef)
        tolerance = max(1e-6 * abs(reference["fixef"][name]), slack * row["std_error"])
        assert row["estimate"] == pytest.approx(reference["fixef"][name], abs=tolerance)
        assert row["std_error"] == pytest.approx(reference["se"][name], rel=1e-6 + slack)
    estimates = components(reference)
    assert set(ours(fit)) == set(estimates)
    for key, value in ours(fit).items():
        assert value == pytest.approx(estimates[key], rel=1e-6 + slack, abs=1e-8 + slack * bool(key[2]))


def test_singular_fits_are_reported(pair):
    fit, reference = pair
    assert fit.singular == reference["singular"]
    assert ("singular" in str(fit)) == fit.singular


@pytest.mark.parametrize("seed", [1, 3, 5])
def test_the_residual_sd_of_relatives_may_be_zero(seed):
    """One row per level: the likelihood increases until sigma is 0, where y ~ N(mu, s^2 K) has a closed form."""
    kinship, rng = sib_matrix(30, 4), np.random.default_rng(seed)
    y = 3 + 2 * np.linalg.cholesky(kinship) @ rng.normal(size=120) + 0.3 * rng.normal(size=120)
    data = pd.DataFrame({"animal": kinship.index, "y": y})
    fit = pp.maximum_likelihood("y ~ 1 + (1 | animal)", data, cov={"animal": kinship})
    whole = np.linalg.inv(kinship)
    rest = y - whole.sum(axis=1) @ y / whole.sum()
    variance = rest @ whole @ rest / 120
    best = -60 * (1 + np.log(2 * np.pi * variance)) - 0.5 * np.linalg.slogdet(kinship)[1]
    assert fit.log_likelihood == pytest.approx(best, abs=1e-4)
    assert fit.maximum.sd[0][0] == pytest.approx(np.sqrt(variance), rel=1e-4)
    assert fit.maximum.sigma < 2e-4 * fit.maximum.sd[0][0]
    assert fit.singular
    assert "The fit is singular: the residual sd is 0." in str(fit)


def test_little_noise_is_no_singular_fit():
    """Groups far apart with a well-estimated residual: nothing is on the boundary, however small sigma is."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"g": np.repeat(np.arange(8), 5), "y": np.repeat(rng.normal(size=8), 5)})
    for noise in (1e-2, 1e-4, 1e-5):
        fit = pp.maximum_likelihood("y ~ 1 + (1 | g)", data.assign(y=data["y"] + noise * rng.normal(size=40)))
        assert not fit.singular
        assert fit.maximum.sigma == pytest.approx(noise, rel=0.5)


def test_the_deviance_of_dyestuff_is_that_of_mixedmodels_jl():
    """Profiled ML deviance at a fixed and at the best relative sd, as in the tests of MixedModels.jl."""
    design = build_design(ModelSpec.from_formula("Yield ~ 1 + (1 | Batch)"), pp.load_dataset("dyestuff"))
    problem = _Problem(design, reml=False)
    n, unit = design.n_rows, problem.kept.units.unit
    deviance = problem.profile(np.log([0.713])).deviance + 2 * n * np.log(unit)
    assert deviance == pytest.approx(327.34216280954615, rel=1e-13)
    best = pp.maximum_likelihood(design.spec, pp.load_dataset("dyestuff"))
    assert best.deviance == pytest.approx(327.32705988112673, rel=1e-13)


def test_a_boundary_sd_is_exactly_zero():
    fit = pp.maximum_likelihood("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff2"))
    assert fit.singular
    assert fit.maximum.sd[0][0] == 0.0
    assert (fit.conditional_modes("Batch") == 0).all().all()
    assert fit.maximum.sigma == pytest.approx(fit.design.response.values.std(), rel=1e-12)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_perfect_correlation_is_found(sign):
    """Slopes proportional to intercepts: the maximum lies at correlation 1, or -1."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(12), 8), sign * np.tile(np.linspace(-1, 1, 8), 12)
    u = rng.normal(size=12)
    y = u[g] * (1 + sign * 0.8 * x) + rng.normal(0, 0.3, len(g))
    fit = pp.maximum_likelihood("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    found = fit.maximum
    assert fit.singular
    assert found.corr[0][1, 0] == pytest.approx(sign, abs=1e-10)
    assert found.modes[0][:, 1] == pytest.approx(sign * found.sd[0][1] / found.sd[0][0] * found.modes[0][:, 0])
    for corr in (0.9, 0.999):
        less = np.array([[1, sign * corr], [sign * corr, 1]])
        assert dense_log_likelihood(fit, found.sd[0], less, found.sigma) < fit.log_likelihood


def test_a_high_correlation_is_not_singular():
    """Slopes that differ a little from a multiple of the intercepts, and many rows that show it."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(12), 40), np.tile(np.linspace(-1, 1, 40), 12)
    u, v = rng.normal(size=(2, 12))
    y = u[g] * (1 + 0.8 * x) + 0.3 * v[g] * x + rng.normal(0, 0.1, len(g))
    fit = pp.maximum_likelihood("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    assert not fit.singular
    assert 0.9 < fit.maximum.corr[0][1, 0] < 0.999


def test_conditional_modes_have_labels():
    fit = pp.maximum_likelihood("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), reml=True)
    modes = fit.conditional_modes("Subject")
    # lme4's ranef, from its own vignette.
    assert modes.loc["308"].to_numpy() == pytest.approx([2.258, 9.199], abs=2e-3)


def test_with_known_errors_there_is_no_sigma():
    fit = pp.maximum_likelihood("effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), se="standard_error")
    assert fit.maximum.sigma is None
    data = pp.load_dataset("eight_schools")
    w = 1 / data["standard_error"] ** 2  # the ML sd of the schools is 0, so that the estimate is a weighted mean
    assert fit.singular
    assert fit.coefficients.loc["Intercept", "estimate"] == pytest.approx((w * data["effect"]).sum() / w.sum())
    assert fit.coefficients.loc["Intercept", "std_error"] == pytest.approx(1 / np.sqrt(w.sum()))


def test_restricted_likelihoods_of_other_families_are_refused():
    with pytest.raises(pp.EngineError, match="REML is for normal responses"):
        pp.maximum_likelihood("y ~ 1 + (1 | g)", {"y": [0, 1], "g": [1, 2]}, family="poisson", reml=True)


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("shift", [5, 50, 300, 2000, 20_000])
def test_the_maximum_does_not_depend_on_where_zero_is(shift, reml):
    """A free covariance of intercept and slope allows any shift; a search from one start in log sds failed here."""
    data = pp.load_dataset("sleepstudy")
    here, there = (
        pp.maximum_likelihood("Reaction ~ Days + (Days | Subject)", d, reml=reml)
        for d in (data, data.assign(Days=data["Days"] + shift))
    )
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-7)
    assert there.maximum.sd[0][1] == pytest.approx(here.maximum.sd[0][1], rel=1e-5)
    assert there.maximum.sigma == pytest.approx(here.maximum.sigma, rel=1e-6)


def dense_log_likelihood(fit, sds, corr, sigma):
    """log N(y; X beta, V) of a one-factor fit at its own beta's generalised least squares."""
    design, factor = fit.design, fit.design.factors[0]
    x = np.column_stack([np.ones(design.n_rows), design.common.values])
    cov = np.diag(sds) @ corr @ np.diag(sds)
    same = factor.codes[:, None] == factor.codes
    v = sigma**2 * np.eye(design.n_rows) + (factor.values @ cov @ factor.values.T) * same
    solved = np.linalg.solve(v, x)
    beta = np.linalg.solve(x.T @ solved, solved.T @ design.response.values)
    r = design.response.values - x @ beta
    return -0.5 * (np.linalg.slogdet(2 * np.pi * v)[1] + r @ np.linalg.solve(v, r))


@pytest.mark.parametrize("seed", range(25))
def test_no_start_of_a_dense_search_finds_a_higher_maximum(seed):
    """Random data with predictors far from zero, in odd units, and true sds from near 0 to large."""
    rng = np.random.default_rng(seed)
    g = rng.integers(0, 7, 40)
    x = rng.choice([0, 50]) + rng.normal(size=40) * 10 ** rng.uniform(-1, 1)
    y = rng.normal(size=7)[g] * 10 ** rng.uniform(-2, 1) + rng.normal(size=40)
    fit = pp.maximum_likelihood("y ~ x + (x | g)", {"y": y, "x": x, "g": g})
    found, scale = fit.maximum, fit.design.factors[0].values.std(axis=0) + [1, 0]
    best = dense_log_likelihood(fit, found.sd[0], found.corr[0], found.sigma)
    assert best == pytest.approx(fit.log_likelihood, abs=1e-5)

    def at(v):
        corr = np.array([[1, np.tanh(v[2])], [np.tanh(v[2]), 1]])
        return -dense_log_likelihood(fit, np.exp(v[:2]) / scale, corr, np.exp(v[3]))

    for _ in range(4):
        start = np.append(rng.normal(0, 1.5, 3), rng.normal(0, 0.5))
        assert -optimize.minimize(at, start, method="L-BFGS-B", bounds=[(-12, 5)] * 2 + [(-8, 8), (-3, 3)]).fun < (
            best + 1e-5
        )


def test_the_sd_of_a_slope_alone_is_not_estimated_as_zero():
    """At an sd of 0 the slope of the deviance is always 0: the search must also try larger sds."""
    rng = np.random.default_rng(7)
    g, x = np.repeat(np.arange(7), 4), 1000 + rng.normal(size=28)
    y = 0.05 * rng.normal(size=7)[g] * x / 10 + rng.normal(size=28)
    fit = pp.maximum_likelihood("y ~ 1 + (0 + x | g)", {"y": y, "x": x, "g": g}, reml=True)
    assert not fit.singular
    assert fit.maximum.sd[0][0] == pytest.approx(0.005, rel=0.7)


def test_as_many_fixed_effects_as_rows_are_refused():
    with pytest.raises(pp.EngineError, match="no degrees of freedom remain after fitting the fixed effects"):
        pp.maximum_likelihood("y ~ x", {"y": [1.0, 2.0], "x": [0.0, 1.0]}, reml=True)
