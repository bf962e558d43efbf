"""Naive standard errors: closed forms, Moulton's factors, and intervals that cover too seldom."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.questions.naive_errors import naive_errors


def test_balanced_one_way():
    """Naive is sqrt(s^2 / n); honest, with the variances known, sqrt((tau^2 + sigma^2 / m) / J)."""
    data = pp.load_dataset("dyestuff")
    spread = np.sqrt((37.0**2 + 49.0**2 / 5) / 6)
    draws = 1500 + spread * np.array([-1.0, 1.0]) / np.sqrt(2)  # two draws of this sd
    values = {"beta": draws[:, None], "sd_Batch": [[37.0]] * 2, "b_Batch": np.zeros((2, 6, 1)), "sigma": [49.0] * 2}
    found = naive_errors(fit_at("Yield ~ 1 + (1 | Batch)", data, draws=2, **values))
    assert found["naive"].to_numpy() == pytest.approx([np.std(data["Yield"], ddof=1) / np.sqrt(30)])
    assert found["naive_estimate"].to_numpy() == pytest.approx([data["Yield"].mean()])
    assert found["honest"].to_numpy() == pytest.approx([spread])
    assert found["honest_estimate"].to_numpy() == pytest.approx([1500])
    assert found["overconfidence"].to_numpy() == pytest.approx(found["honest"] / found["naive"])
    assert found["naive"].dims == ("coef",)


def intercepts(seed, *, levels=12, per_level=8):
    """tau = sigma = 1: ICC 1/2, and a predictor with the same values in every level."""
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(levels), per_level)
    x = np.tile(np.linspace(-1, 1, per_level), levels)
    return {"y": rng.normal(size=levels)[g] + rng.normal(size=len(g)), "x": x, "g": g}


def test_between_levels_naive_is_too_small_and_within_too_large():
    """Moulton's factors, sqrt(1 + (m - 1) ICC) and sqrt(1 - ICC), at known variances and many levels."""
    data = intercepts(1, levels=400)
    x = data["x"]
    honest = np.sqrt([(1 + 1 / 8) / 400, 1 / (x @ x)])
    draws = honest * np.array([[-1.0], [1.0]]) / np.sqrt(2)
    values = {"beta": draws, "sd_g": [[1.0]] * 2, "b_g": np.zeros((2, 400, 1)), "sigma": [1.0] * 2}
    found = naive_errors(fit_at("y ~ x + (1 | g)", data, draws=2, **values))
    # s^2 over 400 levels estimates tau^2 + sigma^2 = 2 with a relative error of about 0.04.
    assert found["overconfidence"].to_numpy() == pytest.approx([np.sqrt(1 + 7 / 2), np.sqrt(1 / 2)], rel=0.08)


@pytest.mark.thorough
def test_naive_intervals_cover_too_seldom():
    """Coverage is that of +-1.96 / sqrt(1 + (m - 1) ICC): 64 %, not 95 %. Honest ones keep to theirs."""
    naive, honest = 0, 0
    for seed in range(40):
        fit = pp.fit("y ~ 1 + (1 | g)", intercepts(seed), draws=200, chains=2, seed=seed, cores=1, progressbar=False)
        found = naive_errors(fit).sel(coef="Intercept")
        naive += abs(float(found["naive_estimate"])) < 1.96 * float(found["naive"])
        honest += abs(float(found["honest_estimate"])) < 1.96 * float(found["honest"])
    assert 16 <= naive <= 34  # 40 * 0.645 +- 3 sd
    assert honest >= 34  # 40 * 0.95 - 3 sd
    assert naive < honest


def test_counts_and_binaries_score_and_lognormal_takes_logs():
    data = pp.load_dataset("cbpp")
    data = data.assign(period=data["period"].astype(str).astype("category"))
    values = {"beta": [-1.3, -1.0, -1.1, -1.6], "sd_herd": [0.6]}
    found = naive_errors(fit_at("p(incidence, size) ~ period + (1 | herd)", data, family="binomial", **values))
    assert found["naive"].to_numpy() == pytest.approx([0.1449197625, 0.2914677891, 0.3128814310, 0.4130564576])
    assert found.attrs["naive"] == "maximum likelihood, inverse Fisher information"
    table = intercepts(3)
    logs = naive_errors(fit_at("y ~ x + (1 | g)", table, beta=[0.0, 0.0], sd_g=[1.0], sigma=1.0))
    table = table | {"y": np.exp(table["y"])}
    raw = naive_errors(fit_at("y ~ x + (1 | g)", table, family="lognormal", beta=[0.0, 0.0], sd_g=[1.0], sigma=1.0))
    assert raw["naive"].to_numpy() == pytest.approx(logs["naive"].to_numpy())


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")  # three rows
def test_what_cannot_be_naive():
    data = intercepts(0)
    with pytest.raises(pp.DataError, match="not available for this family and link") as error:
        naive_errors(fit_at("y ~ x + (1 | g)", data, family="student_t", beta=[0, 0], sd_g=[1.0], sigma=1.0, nu=5.0))
    assert error.value.got == "family 'student_t', link 'identity'"
    assert error.value.allowed == (
        "'gaussian' or 'lognormal' with the identity link, 'bernoulli', 'binomial', 'poisson', 'exponential'"
    )
    positive = data | {"y": np.exp(data["y"])}
    with pytest.raises(pp.DataError, match="link 'log'"):
        naive_errors(fit_at("y ~ x + (1 | g)", positive, link="log", beta=[0, 0], sd_g=[1.0], sigma=1.0))
    with pytest.raises(pp.DataError, match="no grouping to ignore"):
        naive_errors(fit_at("y ~ x", data, beta=[0, 0], sigma=1.0))
    with pytest.raises(pp.DataError, match="no fixed effect, and so no standard error"):
        naive_errors(fit_at("y ~ 0 + (1 | g)", data, sd_g=[1.0], sigma=1.0))
    few = {"y": [1.0, 2, 4], "x": [0.0, 1, 3], "w": [1.0, 5, 2], "g": [0, 0, 1]}
    with pytest.raises(pp.DataError, match="too few rows for least squares"):
        naive_errors(fit_at("y ~ x + w + (1 | g)", few, beta=[0, 0, 0], sd_g=[1.0], sigma=1.0))
