"""Families with shapes, from a formula to draws by the compiled engine: simulated parameters are found again."""

import numpy as np
import pandas as pd
import pytest
from scipy import special, stats

import partialpool as pp

LEVELS, EACH = 25, 16
ROWS = LEVELS * EACH


def skewed(rng, eta):
    standard = stats.skewnorm(-4)
    return eta + 0.7 / standard.std() * (standard.rvs(ROWS, random_state=rng) - standard.mean())


def with_ends(rng, eta):
    within = rng.beta(8 * special.expit(eta), 8 * special.expit(-eta))
    return np.where(rng.random(ROWS) < 0.2, (rng.random(ROWS) < 0.35).astype(float), within)


SIMULATED = {
    "weibull": (
        lambda rng, eta: np.exp(eta) / special.gamma(1 + 1 / 1.7) * rng.weibull(1.7, ROWS),
        {"alpha": 1.7},
    ),
    "inverse_gaussian": (lambda rng, eta: rng.wald(np.exp(eta), 3.0), {"lam": 3.0}),
    "zero_one_inflated_beta": (with_ends, {"phi": 8.0, "zoi": 0.2, "coi": 0.35}),
    "exgaussian": (
        lambda rng, eta: rng.normal(eta - 0.8, 0.3) + rng.exponential(0.8, ROWS),
        {"sigma": 0.3, "tau": 0.8},
    ),
    "skew_normal": (skewed, {"sigma": 0.7, "alpha": -4.0}),
}


@pytest.mark.parametrize("family", SIMULATED)
def test_a_fit_finds_the_parameters_that_made_the_data(family):
    """Within four posterior sds, and answers of every kind are finite."""
    rng = np.random.default_rng(11)
    level, x = np.repeat(np.arange(LEVELS), EACH), rng.normal(size=ROWS)
    eta = 0.5 + 0.3 * x + rng.normal(0, 0.4, LEVELS)[level]
    draw, true = SIMULATED[family]
    table = pd.DataFrame({"y": draw(rng, eta), "x": x, "g": [f"g{k}" for k in level]})
    fit = pp.fit("y ~ x + (1 | g)", table, family=family, seed=1, progressbar=False)
    assert fit.run.engine == "nuts"
    found = {"x": (fit.posterior["beta"].sel(coef="x"), 0.3), "sd": (fit.posterior["sd_g"][..., 0], 0.4)}
    found |= {name: (fit.posterior[name], value) for name, value in true.items()}
    for name, (draws, value) in found.items():
        assert abs(float(draws.mean()) - value) < 4 * float(draws.std()), name
    assert np.isfinite(pp.log_likelihood(fit)["y"]).all()
    assert np.isfinite(pp.quantile_residuals(fit, seed=1)["z"]).all()
    expected = pp.predict(fit, seed=1)["expectation"].mean(("chain", "draw"))
    assert float(expected.mean()) == pytest.approx(table["y"].mean(), abs=4 * table["y"].std() / np.sqrt(ROWS))
    for scale in ("latent", "response"):
        share = pp.icc(fit, scale=scale)["icc"]
        assert ((share > 0) & (share < 1)).all()


def test_an_icc_of_the_response_is_the_correlation_of_simulated_ones():
    """Of proportions with zeros and ones: two rows of one level, over many levels, at fixed parameters."""
    from checks.fixed import fit_at

    rng = np.random.default_rng(3)
    table = pd.DataFrame({"y": [0.0, 0.3, 0.6, 1.0] * 5, "g": [f"g{k // 2}" for k in range(20)]})
    values = {"beta": [0.4], "sd_g": [1.2], "phi": 6.0, "zoi": 0.25, "coi": 0.7}
    fit = fit_at("y ~ 1 + (1 | g)", table, family="zero_one_inflated_beta", **values)
    mean = special.expit(0.4 + 1.2 * rng.normal(size=(200_000, 1)))
    within = rng.beta(6 * mean, 6 * (1 - mean), size=(200_000, 2))
    ends = (rng.random((200_000, 2)) < 0.7).astype(float)
    pair = np.where(rng.random((200_000, 2)) < 0.25, ends, within)
    correlation = np.corrcoef(pair.T)[0, 1]
    found = float(pp.icc(fit, scale="response")["icc"].mean())
    assert found == pytest.approx(correlation, abs=5 * (1 - correlation**2) / np.sqrt(200_000))
