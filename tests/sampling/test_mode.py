"""Modes: every mode with posterior mass is found, and the proposal covers them all."""

import json

import numpy as np
import pandas as pd
import pytest
from scipy import integrate, stats

import partialpool as pp
from marginal.gaussian.oracle import problem
from partialpool.sampling.mode import find_peaks

QUIET = {"progressbar": False, "seed": 1}


def run(fit):
    return json.loads(fit.tree.attrs["run"])


@pytest.mark.parametrize(
    ("n", "seed", "nu", "mu", "scale"), [(5, 5, 3, 6, 0.02), (8, 2, 4, 5, 0.05), (5, 1, 3, 4, 0.02)]
)
def test_a_conflict_of_prior_and_data_gives_two_modes(n, seed, nu, mu, scale):
    """Two modes far apart: their masses and the evidence against quadrature over (beta, log sigma)."""
    x, y = np.linspace(-1, 1, n), np.random.default_rng(seed).normal(size=n) * 0.5
    prior = {"beta[x]": pp.Prior("StudentT", nu=nu, mu=mu, sigma=scale)}
    fit = pp.fit("y ~ 0 + x", {"y": y, "x": x}, priors=prior, **QUIET)
    sigma_prior = stats.t(3, 0, fit.priors["sigma"].arguments["sigma"])

    def given(log_sigma, low, high):
        sigma = np.exp(log_sigma)
        beta = np.concatenate([np.linspace(low, high, 4001), mu + scale * np.sinh(np.linspace(-6, 6, 4001))])
        beta = np.unique(beta[(beta >= low) & (beta <= high)])
        rest = stats.norm.logpdf(y[:, None], x[:, None] * beta, sigma).sum(axis=0)
        density = np.exp(rest + stats.t.logpdf(beta, nu, mu, scale))
        return 2 * sigma_prior.pdf(sigma) * sigma * integrate.trapezoid(density, beta)

    grid = np.linspace(np.log(0.02), np.log(300), 301)
    middle = mu / 2
    below, above = (
        integrate.trapezoid([given(s, low, high) for s in grid], grid) for low, high in ((-40, middle), (middle, 60))
    )
    assert run(fit)["log_evidence"] == pytest.approx(np.log(below + above), abs=0.03)
    share = float((fit.posterior["beta"] > middle).mean())
    expected = above / (below + above)
    assert share == pytest.approx(expected, abs=5 * np.sqrt(expected * (1 - expected) / 2000))
    assert fit.digest.verdict.good


def test_priors_stated_far_from_the_data_give_two_modes():
    """Days start at 150, and priors are stated at 0: the lines cross at Days = 0, or they cross near the data."""
    data = pp.load_dataset("sleepstudy")
    data = data.assign(Days=data["Days"] + 150)
    shares, evidence = [], []
    for seed in range(3):
        spec = pp.ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)", origin={"Subject": "zero"})
        fit = pp.fit(spec, data, seed=seed, progressbar=False)
        assert fit.digest.verdict.good
        shares.append(float((fit.posterior["sd_Subject"].sel(Subject_effect="Intercept") > 250).mean()))
        evidence.append(run(fit)["log_evidence"])
    assert np.ptp(evidence) < 0.1
    assert min(shares) > 0.3
    assert max(shares) < 0.7


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")
def test_either_of_two_equal_factors_may_have_the_variance():
    rng = np.random.default_rng(7)
    g = np.repeat(np.arange(20), 3)
    table = pd.DataFrame({"y": 3 * rng.normal(size=20)[g] + 0.3 * rng.normal(size=60), "g": g, "k": g})
    priors = {f"sd_{f}": pp.Prior("HalfCauchy", beta=0.01) for f in "gk"}
    fit = pp.fit("y ~ 1 + (1 | g) + (1 | k)", table, priors=priors, **QUIET)
    share = float((fit.posterior["sd_g"].to_numpy() > fit.posterior["sd_k"].to_numpy()).mean())
    assert fit.digest.verdict.good
    assert share == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize(("mu", "sd"), [(1, 1e-6), (1, 1e-9), (100, 1e-6), (1, 1e-12)])
def test_a_tight_prior_far_from_zero_keeps_its_digits(mu, sd):
    """A coefficient all but fixed at mu is an offset."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(6), 5), rng.normal(size=30)
    table = pd.DataFrame({"y": 3 + 2 * x + rng.normal(size=6)[g] + rng.normal(size=30), "x": x, "g": g})
    table["known"] = mu * x
    priors = {"beta[Intercept]": pp.Prior("Normal", mu=0, sigma=10), "sigma": pp.Prior("HalfNormal", sigma=100)}
    priors["sd_g"] = pp.Prior("HalfNormal", sigma=3)
    # The intercept's prior is at the predictors' means, where the offset is mu * mean(x): it is subtracted from y.
    _, _, tight = problem("y ~ x + (1 | g)", table, priors=priors | {"beta[x]": pp.Prior("Normal", mu=mu, sigma=sd)})
    moved = table.assign(y=table["y"] - mu * (x - x.mean()))
    _, _, known = problem("y ~ 1 + (1 | g)", moved, priors=priors)
    theta = np.log(np.array([[0.9, 1.1], [0.2, 3.0]]))
    shifts = np.log(known.units.unit / tight.units.unit) * np.array([[1, 1]])
    # Densities of log sds: theta means the same in both up to units.
    assert tight.log_densities(theta + shifts) == pytest.approx(known.log_densities(theta), rel=1e-9)


def test_a_model_with_empty_theta_is_drawn_exactly():
    """Known standard errors and no factor: exact draws, and the evidence is that of the normal."""
    rng = np.random.default_rng(0)
    table = {"y": rng.normal(size=20), "x": rng.normal(size=20), "se": 0.5 + rng.random(20)}
    priors = {"beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2), "beta[x]": pp.Prior("Normal", mu=0, sigma=3)}
    fit = pp.fit("y ~ x", table, se="se", priors=priors, **QUIET)
    x = table["x"] - table["x"].mean()
    cov = np.diag(table["se"] ** 2) + 4 + 9 * np.outer(x, x)
    assert run(fit)["log_evidence"] == pytest.approx(stats.multivariate_normal(np.ones(20), cov).logpdf(table["y"]))
    assert fit.digest.verdict.good
    assert "exact draws" in repr(fit)


@pytest.mark.parametrize(("chains", "draws"), [(1, 1), (1, 2), (1, 5), (4, 1)])
def test_few_draws_fail_the_diagnostics(sleepstudy, chains, draws):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, chains=chains, draws=draws, **QUIET)
    assert fit.posterior["b_Subject"].shape == (chains, draws, 18, 2)
    assert not fit.digest.verdict.good


def test_a_response_that_hardly_varies_has_a_summary():
    table = {"y": 1 + 1e-14 * np.arange(30), "x": np.random.default_rng(0).normal(size=30), "g": np.arange(30) % 5}
    assert "no parameter varies" in repr(pp.fit("y ~ x + (1 | g)", table, **QUIET))


def test_a_model_without_parameters_is_refused():
    with pytest.raises(pp.DataError, match="no parameter"):
        pp.fit("y ~ 0 + offset(x)", {"y": [1.0, 2.0], "x": [1.0, 3.0], "s": [1.0, 1.0]}, se="s", **QUIET)


class _Steep:
    """A normal log density with the curvatures of a table of a million levels, which counts its evaluations."""

    size, is_cheap, has_cheap_gradient, work = 4, False, True, 1e8
    log_sds, partial_correlations = np.arange(2), (np.zeros(0, int),) * 3

    def __init__(self):
        rng = np.random.default_rng(1)
        turn = np.linalg.qr(rng.normal(size=(4, 4)))[0]
        self.precision = turn @ np.diag([5.0, 1e5, 3e5, 2e6]) @ turn.T
        self.mode, self.evaluations = rng.normal(size=4), 0

    def gradient(self, theta):
        self.evaluations += 1
        slope = -self.precision @ (theta - self.mode)
        return 0.5 * float(slope @ (theta - self.mode)) - 3e6, slope

    def log_densities(self, thetas, *, workers=1):
        return np.array([self.gradient(theta)[0] for theta in thetas])


def test_the_mode_of_a_steep_density_takes_few_evaluations():
    """Also along an element that few rows inform, whose curvature is small."""
    target = _Steep()
    peak = find_peaks(target, np.zeros((1, 4)))[0]
    away = peak.theta - target.mode
    assert away @ target.precision @ away < 0.01**2
    np.testing.assert_allclose(peak.covariance @ target.precision, np.eye(4), atol=1e-3)
    assert target.evaluations < 60
