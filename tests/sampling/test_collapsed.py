"""The collapsed engine through `fit`: its posteriors, names and diagnostics are those of NUTS."""

import json
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import partialpool as pp
from checks.posterior import DEFAULTS, REFERENCE, check_against_reference, stated_spec
from partialpool.distributions.density_kernel import IDENTITY, LOG
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.model.covariance import effects_at_means
from partialpool.sampling import collapsed
from partialpool.sampling.chains import Chains
from partialpool.sampling.mixing import bulk_ess

QUIET = {"progressbar": False, "seed": 3}
GAUSSIAN = [key for key, entry in REFERENCE.items() if entry["family"] == "gaussian"]


@pytest.mark.parametrize(("data", "formula"), GAUSSIAN, ids=str)
def test_posteriors_are_those_of_the_references(data, formula):
    entry = REFERENCE[data, formula]
    fit = pp.fit(stated_spec(entry), pp.load_dataset(data), **QUIET)
    assert fit.tree.attrs["engine"] == "collapsed"
    check_against_reference(fit, entry, min_ess=2500)
    assert fit.digest.verdict.good


@pytest.mark.parametrize("entry", [e for e in DEFAULTS.values() if e["family"] == "gaussian"], ids=lambda e: e["data"])
def test_posteriors_under_default_priors_are_those_of_the_references(entry):
    fit = pp.fit(entry["formula"], pp.load_dataset(entry["data"]), **QUIET)
    assert fit.tree.attrs["engine"] == "collapsed"
    check_against_reference(fit, entry, min_ess=2500)
    assert fit.digest.verdict.good


def test_draws_have_the_names_dimensions_and_labels_of_nuts(sleepstudy, sleepstudy_fit):
    ours = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET).posterior
    nuts = sleepstudy_fit.posterior
    assert list(ours.data_vars) == list(nuts.data_vars)
    for name, variable in nuts.data_vars.items():
        assert ours[name].dims == variable.dims
        assert ours[name].attrs == variable.attrs
        assert ours[name].dtype == variable.dtype
    for name, coordinate in nuts.coords.items():
        assert (ours.coords[name] == coordinate).all()


def test_both_engines_draw_from_one_posterior(sleepstudy, sleepstudy_fit):
    ours = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET).posterior
    for name, nuts in sleepstudy_fit.posterior.data_vars.items():
        a, b = (v.to_numpy().reshape(4, v.sizes["draw"], -1) for v in (ours[name], nuts))
        for i in range(a.shape[2]):
            if np.ptp(a[..., i]) > 1e-9:
                error = np.hypot(
                    a[..., i].std() / bulk_ess(a[..., i]) ** 0.5, b[..., i].std() / bulk_ess(b[..., i]) ** 0.5
                )
                assert abs(a[..., i].mean() - b[..., i].mean()) < 5 * error, (name, i)


def test_auto_chooses_the_collapsed_engine_with_its_reason(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, **QUIET)
    assert "engine collapsed (importance-weighted chains): 4 chains" in repr(fit)
    assert fit.run.reason == "group effects integrate out exactly"
    assert "log evidence -908.7" in repr(fit)
    assert "Pareto k-hat" in repr(fit)


def test_another_family_is_refused_with_the_reason():
    data = {"y": [0, 1, 2, 1], "g": ["a", "a", "b", "b"]}
    with pytest.raises(pp.EngineError, match="'poisson' response is not normal given the effects"):
        pp.fit("y ~ 1 + (1 | g)", data, family="poisson", engine="collapsed")


def test_a_seed_repeats_on_any_number_of_threads(sleepstudy, monkeypatch):
    def draws(**options):
        fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **(QUIET | options))
        return fit.posterior["b_Subject"].to_numpy()

    first = draws(cores=1)
    assert (first == draws(cores=2)).all()
    monkeypatch.setenv("PARTIALPOOL_NUM_THREADS", "1")
    assert (first == draws()).all()
    assert (first != draws(seed=4)).any()


def test_offsets_are_kept_on_request(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, keep_z=True, **QUIET)
    z = fit.posterior["z_Subject"]
    assert z.dims == ("chain", "draw", "Subject", "Subject_effect")
    # They are the offsets of the effects at the mean of Days.
    basis = fit.design.factors[0].basis
    sd, corr = basis.at_means(fit.posterior["sd_Subject"].to_numpy(), fit.posterior["corr_Subject"].to_numpy())
    b = np.einsum("cdij,cdlj->cdli", np.linalg.cholesky(corr), z.to_numpy()) * sd[:, :, None, :]
    assert b @ basis.to_zero.T == pytest.approx(fit.posterior["b_Subject"].to_numpy(), rel=1e-6, abs=1e-8)
    assert "z_Subject" not in pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET).posterior


def test_a_fit_is_restored_from_its_file(sleepstudy, tmp_path):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)
    loaded = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert repr(loaded) == repr(fit)
    assert pp.log_prior(loaded)["corr_Subject"].shape == (4, 1000)


def test_a_fit_can_be_pickled(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)
    again = pickle.loads(pickle.dumps(fit))
    assert repr(again) == repr(fit)
    assert again.posterior.equals(fit.posterior)
    assert again.design.units == fit.design.units


PRIORS = {
    "sd_Subject": [
        pp.Prior("HalfNormal", sigma=30),
        pp.Prior("Gamma", alpha=2, beta=0.1),
        pp.Prior("InverseGamma", alpha=3, beta=40),
        pp.Prior("Weibull", alpha=1.5, beta=30),
        pp.Prior("LogNormal", mu=3, sigma=1),
        pp.Prior("Exponential", lam=0.04),
        pp.Prior("HalfCauchy", beta=25),
    ],
    "beta[Days]": [
        pp.Prior("StudentT", nu=3, mu=0, sigma=10),
        pp.Prior("Cauchy", alpha=0, beta=10),
        pp.Prior("Laplace", mu=0, b=10),
        pp.Prior("Logistic", mu=0, s=5),
        pp.Prior("Uniform", lower=-50, upper=50),
        pp.Prior("HalfNormal", sigma=20),
    ],
}


def check_slopes(marginal, theta):
    """Assert that slopes of the log density average to 0 over the posterior (Stein), for every element of theta."""
    slopes = np.array([marginal.gradient(row)[1] for row in theta[:, ::4].reshape(-1, marginal.size)])
    assert np.abs(slopes.mean(axis=0) / slopes.std(axis=0) * np.sqrt(len(slopes))).max() < 5


@pytest.mark.parametrize(("name", "prior"), [(n, p) for n, priors in PRIORS.items() for p in priors], ids=str)
def test_every_prior_works(sleepstudy, name, prior):
    fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, priors={name: prior}, **QUIET)
    assert fit.digest.verdict.good
    marginal = build_marginal(fit.design, fit.priors)
    posterior, units = fit.posterior, marginal.units
    columns = {
        "sd_Subject[Intercept]": np.log(posterior["sd_Subject"].to_numpy()[..., 0] / units.unit),
        "sigma": np.log(posterior["sigma"].to_numpy() / units.unit),
    }
    if name == "beta[Days]":
        assert marginal.elements[2:] == (name,)
        beta = posterior["beta"].sel(coef="Days").to_numpy() * fit.design.common.scale[0] / units.unit
        low, width = marginal.layout.arguments[2, :2]
        code = marginal.layout.coordinates[2]
        interval = (beta - low) / width if width > 0 else beta
        columns[name] = beta if code == IDENTITY else np.log(beta) if code == LOG else np.log(interval / (1 - interval))
    check_slopes(marginal, np.stack([columns[e] for e in marginal.elements], axis=-1))


def test_evidence_of_eight_schools_by_quadrature():
    fit = pp.fit("effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), se="standard_error", **QUIET)
    y, se = fit.design.response.values, fit.design.se
    mean, sd = (fit.priors["beta[Intercept]"].arguments[k] for k in ("mu", "sigma"))
    nu, scale = (fit.priors["sd_school[Intercept]"].arguments[k] for k in ("nu", "sigma"))

    def integrand(tau):
        cov = np.diag(se**2 + tau**2) + sd**2
        return 2 * stats.t(nu, 0, scale).pdf(tau) * stats.multivariate_normal(np.full(8, mean), cov).pdf(y)

    check_evidence(fit, integrate.quad(integrand, 0, np.inf, epsabs=0, epsrel=1e-9)[0])


def test_evidence_of_dyestuff_by_quadrature():
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), **QUIET)
    y, codes = fit.design.response.values, fit.design.factors[0].codes
    mean, sd = (fit.priors["beta[Intercept]"].arguments[k] for k in ("mu", "sigma"))
    scale = fit.priors["sigma"].arguments["sigma"]
    same = (codes[:, None] == codes).astype(float)
    log_top = json.loads(fit.tree.attrs["run"])["log_evidence"]  # keeps the integrand near 1

    def integrand(tau, sigma):
        cov = sigma**2 * np.eye(len(y)) + tau**2 * same + sd**2
        density = stats.multivariate_normal(np.full(len(y), mean), cov).logpdf(y)
        return np.exp(density - log_top) * 4 * stats.t(3, 0, scale).pdf(tau) * stats.t(3, 0, scale).pdf(sigma)

    nodes, weights = np.polynomial.legendre.leggauss(40)
    log_tau, log_sigma = np.log([1e-3, 2000]), np.log([25, 130])

    def over(f, bounds):
        half = (bounds[1] - bounds[0]) / 2
        points = np.exp(half * nodes + bounds.mean())
        return half * sum(w * p * f(p) for w, p in zip(weights, points, strict=True))

    total = over(lambda sigma: over(lambda tau: integrand(tau, sigma), log_tau), log_sigma)
    check_evidence(fit, total, log_top)


def check_evidence(fit, integral, log_scale=0.0):
    run = json.loads(fit.tree.attrs["run"])
    assert 0 < run["log_evidence_se"] < 0.01
    assert abs(run["log_evidence"] - log_scale - np.log(integral)) < 4 * run["log_evidence_se"]


def test_nuts_is_used_and_reported_if_importance_weights_fail(sleepstudy, monkeypatch):
    monkeypatch.setattr("partialpool.sampling.chains.MAX_KHAT", -10.0)
    monkeypatch.setattr("partialpool.sampling.chains.EVEN_WEIGHT", 0.0)
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)
    assert "NUTS on the collapsed density: Pareto k-hat" in repr(fit)
    assert "log evidence" not in repr(fit)
    check_against_reference(fit, DEFAULTS["sleepstudy", "Reaction ~ Days + (Days | Subject)"], min_ess=800)
    assert fit.digest.verdict.good


def test_a_proposal_with_slightly_uneven_weights_is_fitted_again_before_nuts_is_used(sleepstudy, monkeypatch):
    """The importance efficiency of a first sample varies by chance: here it is set to 40 %."""
    whole, samples = collapsed._draw, []

    def uneven_at_first(*given):
        drawn = whole(*given)
        samples.append(drawn.chains)
        return replace(drawn, chains=replace(drawn.chains, efficiency=0.4)) if len(samples) == 1 else drawn

    monkeypatch.setattr(collapsed, "_draw", uneven_at_first)
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)
    assert len(samples) == 2
    assert "importance-weighted chains" in repr(fit)
    assert fit.digest.verdict.good


def test_uneven_importance_weights_are_reported_as_trouble():
    chains = Chains(np.zeros((1, 1)), np.zeros((1, 1)), khat=0.2, efficiency=0.4, log_evidence=0.0, log_evidence_se=0.0)
    assert "importance ESS is 40%" in chains.trouble
    even = Chains(np.zeros((1, 1)), np.zeros((1, 1)), 1.7, 0.97, 0.0, 0.0, largest=1.4)
    assert not even.trouble
    assert "k-hat 1.70" in replace(even, largest=20.0).trouble
    assert "k-hat nan" in Chains(*(np.zeros((1, 1)),) * 2, float("nan"), 1.0, 0.0, 0.0).trouble


def test_ctrl_c_stops_a_fit_within_a_second(sleepstudy):
    """The handler is set first, so that the test also works in a process that ignores Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    sent = []

    def send():
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)  # compiled
    timer = threading.Timer(1.5, send)
    timer.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, draws=400_000, **QUIET)
        assert time.perf_counter() - sent[0] < 1.0
    finally:
        timer.cancel()
        signal.signal(signal.SIGINT, before)
    again = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, **QUIET)
    assert again.digest.verdict.good


def test_pymc_is_not_loaded():
    code = (
        "import sys, partialpool as pp;"
        "pp.fit('Yield ~ 1 + (1 | Batch)', pp.load_dataset('dyestuff'), progressbar=False);"
        "print(sorted({'pymc', 'pytensor', 'nutpie'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_draws_that_do_not_fit_into_memory_are_refused_before_they_are_made(sleepstudy):
    with pytest.raises(pp.EngineError, match=r"do not fit into memory[\s\S]*keep fewer draws"):
        pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, draws=10**9, **QUIET)


def test_crossed_factors_too_large_for_a_dense_matrix_are_refused():
    levels = 300_000
    each = np.arange(levels)
    table = pd.DataFrame({"y": np.tile(each % 7.0, 2), "g": np.repeat(each, 2), "h": np.tile(each, 2)})
    with pytest.raises(pp.EngineError, match=r"too many levels to be integrated out[\s\S]*300000 x 300000"):
        pp.maximum_likelihood("y ~ 1 + (1 | g) + (1 | h)", table)


def weak_table(levels, rows, seed=1, slope_sd=0.0):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(levels), rows)
    x = rng.normal(size=len(g))
    y = (
        1
        + 0.5 * x
        + rng.normal(0, 1, levels)[g]
        + slope_sd * rng.normal(0, 1, levels)[g] * x
        + rng.normal(0, 1, len(g))
    )
    return pd.DataFrame({"y": y, "x": x, "g": g})


WEAK = {
    "4 levels": ("y ~ x + (x | g)", weak_table(4, 6)),
    "2 rows per level": ("y ~ x + (x | g)", weak_table(30, 2)),
    "2 levels": ("y ~ x + (1 | g)", weak_table(2, 10)),
    "slope of no variation": ("y ~ x + (x | g)", weak_table(20, 10)),
    "a slope constant within levels": ("y ~ w + (w | g)", weak_table(15, 5).assign(w=lambda t: t["g"] % 5 * 1.0)),
    "hardly any noise": ("y ~ x + (1 | g)", weak_table(10, 5).assign(y=lambda t: t["g"] + 1e-4 * t["y"])),
}


@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
@pytest.mark.parametrize("case", WEAK)
def test_draws_from_weak_data_are_correct_and_pass_the_diagnostics(case):
    formula, table = WEAK[case]
    fit = pp.fit(formula, table, **QUIET)
    assert fit.digest.verdict.good
    marginal = build_marginal(fit.design, fit.priors)
    posterior, units = fit.posterior, marginal.units
    sd, corr = effects_at_means(posterior, fit.design.factors[0])
    sds = sd * units.factors[0].scale / units.unit
    theta = [np.log(sds[..., i]) for i in range(sds.shape[-1])]
    if fit.design.factors[0].correlated:
        theta.append(np.arctanh(corr[..., 0, 1]))
    theta.append(np.log(posterior["sigma"].to_numpy() / units.unit))
    check_slopes(marginal, np.stack(theta, axis=-1))


@pytest.mark.parametrize("noise", [0.0, 1e-6])
def test_noise_below_the_rounding_error_is_refused(noise):
    table = weak_table(10, 5).assign(y=lambda t: t["g"] + 1e-3 * t["x"] + noise * t["y"])
    with pytest.raises(pp.EngineError, match="too small, relative to the response, to be distinguished from rounding"):
        pp.fit("y ~ x + (1 | g)", table, **QUIET)
    with pytest.raises(pp.EngineError, match=r"distinguished from rounding|could not be maximised"):
        pp.maximum_likelihood("y ~ x + (1 | g)", table)


def test_known_errors_below_the_rounding_error_are_refused():
    table = weak_table(10, 5).assign(se=1e-7)
    with pytest.raises(pp.EngineError, match="a standard error of 1e-07"):
        pp.fit("y ~ x + (1 | g)", table, se="se", **QUIET)


def test_an_sd_with_a_prior_concentrated_far_below_it():
    """The mode is narrow, its curvature is valid up to 5 sds from it, and one draw in 3,000 is near zero.

    240 schools with an sd of 6.6 and a half-normal prior of scale 2.5: importance weights of log sd failed in one of
    four seeds, and NUTS diverged.
    """
    schools = pp.load_dataset("eight_schools")
    rng = np.random.default_rng(1)
    noise = np.tile(schools["standard_error"], 30)
    effect = rng.normal(8, 8, 240) + rng.normal(0, noise)
    table = {"school": np.arange(240), "effect": effect, "se": noise}
    priors = {"sd_school": pp.Prior("HalfNormal", sigma=2.5)}
    for seed in range(1, 9):
        fit = pp.fit("effect | se(se) ~ 1 + (1 | school)", table, priors=priors, seed=seed, progressbar=False)
        run = json.loads(fit.tree.attrs["run"])
        assert run["sampler"] == "importance-weighted chains"
        assert run["importance_efficiency"] > 0.9
        assert fit.digest.verdict.good
