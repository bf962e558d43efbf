"""sratio and acat: parameters are recovered from simulations, and the posterior is that of PyMC's twin."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES

CASES = [("sratio", "logit"), ("sratio", "probit"), ("sratio", "cloglog"), ("acat", "logit")]
CUTPOINTS = [0.4, -0.6, 0.3]
LABELS = ["never", "rarely", "often", "always"]
SLOPE, SD, MEAN = 0.7, 0.6, 2.0
"""MEAN is that of the predictor: cutpoints are stated at its zero, and their prior at its mean."""


def simulated(name, link, rows=800, levels=40, seed=3):
    rng, family = np.random.default_rng(seed), FAMILIES[name]
    level, x = rng.integers(0, levels, rows), rng.normal(MEAN, 1.0, rows)
    eta = SLOPE * (x - MEAN) + rng.normal(0, SD, levels)[level]
    y = family.draw(Given(LINKS[link], eta[None], {"cutpoints": np.array([CUTPOINTS])}), rng)[0].astype(int)
    rating = pd.Categorical.from_codes(y, LABELS, ordered=True)
    return pd.DataFrame({"y": rating, "x": x, "g": [f"g{k:02d}" for k in level]})


def parameters(fit):
    posterior = fit.posterior
    found = {"x": posterior["beta"].sel(coef="x"), "sd": posterior["sd_g"].squeeze()}
    return found | {f"c{k}": posterior["cutpoints"].isel(cutpoint=k) for k in range(len(CUTPOINTS))}


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "link"), CASES)
def test_parameters_are_recovered(name, link):
    fit = pp.fit("y ~ x + (1 | g)", simulated(name, link), family=name, link=link, seed=1, progressbar=False)
    assert fit.run.engine == "nuts"
    true = {"x": SLOPE, "sd": SD} | {f"c{k}": c + SLOPE * MEAN for k, c in enumerate(CUTPOINTS)}
    for parameter, draws in parameters(fit).items():
        assert abs(float(draws.mean()) - true[parameter]) < 4 * float(draws.std()), parameter
    assert pp.check(fit).good


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("name", "link", "concentration"),
    [
        ("sratio", "logit", 4),
        pytest.param("sratio", "probit", 1, marks=pytest.mark.slow),
        pytest.param("sratio", "cloglog", 4, marks=pytest.mark.slow),
        ("acat", "logit", 1),
        pytest.param("acat", "logit", 4, marks=pytest.mark.slow),
    ],
)
def test_the_posterior_is_that_of_pymc_s_twin(name, link, concentration):
    """Means and quantiles within five standard errors; few rows, so that the prior of the cutpoints counts."""
    options = {"family": name, "link": link, "seed": 1, "progressbar": False}
    options["priors"] = {"cutpoints": pp.Prior("Dirichlet", a=concentration)}
    table = simulated(name, link, rows=60, levels=10)
    ours, twin = (
        parameters(pp.fit("y ~ x + (1 | g)", table, engine=engine, draws=1500, target_accept=0.95, **options))
        for engine in ("nuts", "pymc")
    )
    for parameter, draws in ours.items():
        pairs = [np.asarray(one.transpose("chain", "draw")) for one in (draws, twin[parameter])]
        assert alike(*pairs), parameter


def alike(one, other):
    """Whether chains have the same mean and the same tails, given the spread of the chains' own values."""
    ends = np.quantile(np.concatenate([one.ravel(), other.ravel()]), [0.1, 0.9])
    for measure in (lambda v: v, lambda v: v < ends[0], lambda v: v > ends[1]):
        means = [measure(chains).mean(axis=1) for chains in (one, other)]
        pooled = np.sqrt(sum(m.var(ddof=1) / len(m) for m in means))
        floor = np.sqrt(sum(measure(chains).var() / 1500 for chains in (one, other)))
        if abs(means[0].mean() - means[1].mean()) > stats.norm.isf(1e-6) * max(pooled, floor):
            return False
    return True


@pytest.mark.parametrize("link", FAMILIES["sratio"].links)
def test_maximum_likelihood_of_sratio_is_that_of_the_steps_as_binary_responses(link):
    """Every row is repeated for each step that it reaches; whether it stops there has the predictor with minus sign."""
    table = simulated("sratio", link, rows=200, levels=12)
    codes = table["y"].cat.codes.to_numpy()
    steps = pd.concat(
        [
            pd.DataFrame({"stop": (codes == k).astype(int), "x": table["x"], "g": table["g"], "step": f"s{k}"})[
                codes >= k
            ]
            for k in range(len(CUTPOINTS))
        ]
    )
    ours = pp.maximum_likelihood("y ~ x + (1 | g)", table, family="sratio", link=link)
    binary = pp.maximum_likelihood("stop ~ 0 + step + x + (1 | g)", steps, family="bernoulli", link=link)
    assert ours.log_likelihood == pytest.approx(binary.log_likelihood, abs=1e-4)
    estimates = binary.coefficients["estimate"]
    assert ours.coefficients.loc["x", "estimate"] == pytest.approx(-estimates["x"], abs=2e-3)
    assert ours.maximum.own["cutpoints"][0] == pytest.approx(estimates.to_numpy()[:3], abs=5e-3)


@pytest.mark.parametrize("name", ["sratio", "acat"])
def test_a_uniform_prior_of_the_shares_of_categories(name):
    """At the predictors' means every category has the mean probability 1 / 4, whatever the predictor's origin."""
    table = simulated(name, "logit", rows=100)
    prior = pp.prior_predictive("y ~ x + (1 | g)", table, family=name, draws=4000, seed=1)
    drawn = prior["prior"]
    beta, cutpoints = drawn["beta"].to_numpy()[0], drawn["cutpoints"].to_numpy()[0]
    at_means = FAMILIES[name].cutpoints.shares(LINKS["logit"], cutpoints - beta * table["x"].mean())
    assert (np.abs(at_means.mean(axis=0) - 0.25) < 5 * np.sqrt(3 / 80 / len(at_means))).all()
