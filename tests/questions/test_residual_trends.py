"""Residual trends: by least squares level by level, by what replicates must do, and what is suggested."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.families.registry import family_named
from partialpool.model.response import replicate
from partialpool.questions.residual_trends import residual_trends

PLAIN = {"beta": [251.4, 10.5], "sd_Subject": [37.0], "sigma": 31.0}


def test_trends_and_discrepancy_by_least_squares():
    data = pp.load_dataset("sleepstudy")
    b = np.linspace(-50, 50, 18)[:, None]
    found = residual_trends(fit_at("Reaction ~ Days + (1 | Subject)", data, b_Subject=b, **PLAIN), "Days", seed=1)
    residual = (
        data["Reaction"] - 251.4 - 10.5 * data["Days"] - b[found["level"].to_index().get_indexer(data["Subject"]), 0]
    )
    slopes = [
        stats.linregress(data["Days"][rows], residual[rows]).slope for rows in data.groupby("Subject").groups.values()
    ]
    assert found["trend"].to_numpy()[0, 0] == pytest.approx(slopes)
    spread = 10 * np.var(np.arange(10))
    assert float(found["discrepancy"][0, 0]) == pytest.approx(np.sum(np.square(slopes)) * spread / 31.0**2)
    assert found["residual"].to_numpy() == pytest.approx(residual.to_numpy())


@pytest.mark.parametrize("family", ["gaussian", "poisson", "bernoulli", "gamma", "lognormal", "beta"])
def test_replicates_follow_chi_squared(family):
    """J squares of unit variance: mean J, within five standard errors."""
    rng = np.random.default_rng(1)
    n, levels = 4000, 6
    g, x = np.repeat(np.arange(levels), 40), np.tile(np.linspace(-1, 1, 40), levels)
    y = {"gaussian": rng.normal(size=240), "poisson": rng.poisson(3, 240), "bernoulli": rng.integers(0, 2, 240)}
    y = y.get(family, rng.uniform(0.1, 0.9, 240))
    own = {"sigma": np.full(n, 0.5), "alpha": np.full(n, 3.0), "phi": np.full(n, 8.0)}
    values = {"beta": np.full((n, 1), 0.4), "sd_g": np.ones((n, 1)), "b_g": np.zeros((n, levels, 1))}
    fit = fit_at("y ~ 1 + (1 | g)", {"y": y, "x": x, "g": g}, family=family, draws=n, **values, **own)
    found = residual_trends(fit, "x", data={"y": y, "x": x, "g": g}, seed=2)
    new = found["replicated"].to_numpy().ravel()
    assert abs(new.mean() - levels) < 5 * new.std() / np.sqrt(n)
    # Single draws repeat the discrepancy of one data set: what varies is the replicates alone.
    assert np.ptp(found["discrepancy"].to_numpy()) == pytest.approx(0, abs=1e-9)
    p = float(found["p_value"])
    expected = stats.chi2(levels).sf(float(found["discrepancy"][0, 0]))
    assert abs(p - expected) < 0.03 + 5 * np.sqrt(expected * (1 - expected) / n)


def test_a_missing_slope_is_found_and_its_model_is_content(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, seed=1, progressbar=False)
    found = residual_trends(fit, "Days", seed=1)
    assert float(found["p_value"]) < 0.001
    assert found.attrs["suggestion"] == "Reaction ~ Days + (Days | Subject)"
    assert found.attrs["sentence"].endswith("(p < 0.001): fit Reaction ~ Days + (Days | Subject).")
    better = pp.fit(found.attrs["suggestion"], sleepstudy, seed=1, progressbar=False)
    again = residual_trends(better, "Days", seed=1)
    assert float(again["p_value"]) > 0.2
    assert again.attrs["suggestion"] == ""
    assert "no more than the model expects" in again.attrs["sentence"]


def test_a_predictor_outside_the_model_comes_from_the_table(sleepstudy):
    fit = pp.fit("Reaction ~ 1 + (1 | Subject)", sleepstudy, seed=1, progressbar=False)
    found = residual_trends(fit, "Days", data=sleepstudy, seed=1)
    assert found.attrs["suggestion"] == "Reaction ~ Days + (Days | Subject)"
    with pytest.raises(pp.DataError, match="does not read this column"):
        residual_trends(fit, "Days")
    with pytest.raises(pp.DataError, match="not the table that was fitted"):
        residual_trends(fit, "Days", data=sleepstudy.head(100))


def test_a_missing_intercept_and_a_bend_are_told_apart():
    data = pp.load_dataset("sleepstudy")
    slopes = {"beta": [251.4, 10.5], "sd_Subject": [7.0], "sigma": 10.0}
    found = residual_trends(fit_at("Reaction ~ Days + (0 + Days | Subject)", data, **slopes), "Days", seed=1)
    assert found.attrs["suggestion"] == "Reaction ~ Days + (Days | Subject)"
    both = {"beta": [251.4, 10.5], "sd_Subject": [20.0, 7.0], "corr_Subject": np.eye(2), "sigma": 10.0}
    found = residual_trends(fit_at("Reaction ~ Days + (Days | Subject)", data, **both), "Days", seed=1)
    assert found.attrs["suggestion"] == ""
    assert "try a curve" in found.attrs["sentence"]


def test_a_level_without_variation_has_no_trend():
    data = {"y": np.arange(8.0), "x": [0.0, 1, 2, 3, 5, 5, 0, 4], "g": [0, 0, 0, 0, 1, 1, 2, 2]}
    found = residual_trends(fit_at("y ~ x + (1 | g)", data, beta=[0, 1], sd_g=[1.0], sigma=1.0), "x", seed=1)
    assert np.isfinite(found["trend"].to_numpy()[0, 0]).tolist() == [True, False, True]


def test_probabilities_that_round_to_one_leave_nothing_over():
    data = {"y": [1, 1, 1, 0, 1, 0], "x": [90.0, 100, 110, -1, 0, 1], "g": [0, 0, 0, 1, 1, 1]}
    fit = fit_at("y ~ x + (1 | g)", data, family="bernoulli", beta=[0.0, 1.0], sd_g=[1.0])
    found = residual_trends(fit, "x", seed=1)
    assert np.isfinite(found["discrepancy"].to_numpy()).all()
    assert found["trend"].to_numpy()[0, 0, 0] == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("formula", "suggested"),
    [("y ~ center(x) + (1 | g)", "y ~ center(x) + (center(x) | g)"),
     ("y ~ within(x, g) + between(x, g) + (1 | g)", "y ~ within(x, g) + between(x, g) + (within(x, g) | g)"),
     ("y ~ 1 + (1 | g)", "y ~ x + (x | g)"),
     ("y ~ poly(x, 2) + (1 | g)", "y ~ poly(x, 2) + (poly(x, 2) | g)")],
)  # fmt: skip
def test_what_is_suggested_can_be_fitted(formula, suggested):
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(12), 15), rng.normal(2, 1, 180)
    data = {"y": rng.normal(size=12)[g] + 2 * rng.normal(size=12)[g] * x + rng.normal(size=180), "x": x, "g": g}
    fit = pp.fit(formula, data, seed=1, progressbar=False)
    found = residual_trends(fit, "x", seed=1, data=data)
    assert found.attrs["suggestion"] == suggested
    pp.fit(suggested, data, draws=20, progressbar=False)


def test_columns_of_any_name_and_of_the_table_alone():
    rng = np.random.default_rng(1)
    g, x = np.repeat(np.arange(12), 15), rng.normal(size=180)
    data = pd.DataFrame({"y": 2 * rng.normal(size=12)[g] * x + rng.normal(size=180), "g": g, "my x": x})
    fit = pp.fit("y ~ 1 + (1 | g)", data, seed=1, progressbar=False)
    assert residual_trends(fit, "my x", seed=1, data=data).attrs["suggestion"] == "y ~ `my x` + (`my x` | g)"
    with pytest.raises(pp.DataError, match="does not read this column as a predictor"):
        residual_trends(fit, "y", data=data)


def test_rows_without_trials_and_heavy_tails_do_not_decide():
    m, rng = 200, np.random.default_rng(0)
    b = pd.DataFrame({"x": rng.normal(size=m), "g": np.repeat(np.arange(10), 20), "n": rng.integers(0, 6, size=m)})
    b["s"] = rng.binomial(b["n"], 1 / (1 + np.exp(-0.5 * b["x"])))
    given = {"beta": np.tile([0.0, 0.5], (200, 1)), "sd_g": np.full((200, 1), 0.1), "b_g": np.zeros((200, 10, 1))}
    fit = fit_at("p(s, n) ~ x + (1 | g)", b, family="binomial", draws=200, **given)
    some = fit_at("p(s, n) ~ x + (1 | g)", b[b["n"] > 0], family="binomial", draws=200, **given)
    p, without = (float(residual_trends(f, "x", seed=1)["p_value"]) for f in (fit, some))
    assert abs(p - without) < 5 * np.sqrt(0.5 / 200)
    assert p > 0.01
    steep = b.assign(y=30 * b["x"] * np.where(b["g"] % 2, 1, -1) + rng.normal(size=m))
    heavy = fit_at(
        "y ~ x + (1 | g)", steep, family="student_t", draws=200,
        sigma=np.ones(200), nu=np.full(200, 1.9), **given,
    )  # fmt: skip
    assert float(residual_trends(heavy, "x", seed=1)["p_value"]) < 0.05


def test_wrong_arguments():
    sleep = pp.load_dataset("sleepstudy")
    fit = fit_at("Reaction ~ Days + (1 | Subject)", sleep, **PLAIN)
    with pytest.raises(pp.DataError, match="no such grouping factor"):
        residual_trends(fit, "Days", factor="Day")
    with pytest.raises(pp.DataError, match="has categories") as error:
        residual_trends(fit, "kind", data=sleep.assign(kind=["a", "b"] * 90))
    assert "pp.plot_quantile_residuals draws residuals by the categories of a predictor" in error.value.do
    with pytest.raises(pp.DataError, match="does not vary within any level"):
        residual_trends(fit, "size", data=sleep.assign(size=sleep.groupby("Subject")["Reaction"].transform("mean")))
    ordinal = fit_at(
        "y ~ x + (1 | g)", {"y": [0, 1, 2, 1], "x": [0.0, 1, 2, 3], "g": [0, 0, 1, 1]}, family="cumulative",
        beta=[0.3], sd_g=[1.0], cutpoints=[-1.0, 1.0],
    )  # fmt: skip
    with pytest.raises(pp.DataError, match="no residual"):
        residual_trends(ordinal, "x")


@pytest.mark.parametrize(
    "family", ["gaussian", "student_t", "lognormal", "poisson", "negative_binomial", "gamma", "beta"]
)
def test_dispersions_are_variances_of_replicates(family):
    size = 400_000
    y = {"y": [0.2, 0.4, 0.6, 0.5]} if family not in ("poisson", "negative_binomial") else {"y": [0, 1, 2, 1]}
    fit = fit_at(
        "y ~ 1 + (1 | g)", pd.DataFrame(y | {"g": [0, 0, 1, 1]}), family=family,
        beta=[0.1], sd_g=[1.0], sigma=0.4, nu=9.0, alpha=3.0, phi=6.0,
    )  # fmt: skip
    from partialpool.design.newdata import own_rows
    from partialpool.model.expectation import expectation

    rows = own_rows(fit.design)
    draws = {
        "sigma": np.full(size, 0.4),
        "nu": np.full(size, 9.0),
        "alpha": np.full(size, 3.0),
        "phi": np.full(size, 6.0),
    }
    eta = np.full((size, 1), 0.1)
    own = {name: np.array([[value[0]]]) for name, value in draws.items()}
    mean = expectation(fit.design, own_rows(fit.design), eta[:1], None, {n: v[:1] for n, v in draws.items()})
    y = replicate(fit.design, rows, eta, draws, seed=3)
    squares = (y - mean) ** 2
    assert abs(squares.mean() - family_named(family).variance(mean, own).item()) < 5 * squares.std() / np.sqrt(size)


def test_a_number_that_the_formula_reads_as_a_category_has_no_trend():
    """Means of four periods that no line follows: the model has them, and a trend would be no part of it."""
    rng = np.random.default_rng(1)
    data = pd.DataFrame({"period": np.tile([1, 2, 3, 4], 30), "site": np.repeat([f"s{i}" for i in range(20)], 6)})
    data["y"] = np.array([0, 3, 1, 5])[data["period"] - 1] + rng.normal(size=120)
    fit = pp.fit("y ~ C(period) + (1 | site)", data, seed=1, draws=300, progressbar=False)
    with pytest.raises(pp.DataError) as error:
        pp.residual_trends(fit, "period", seed=1)
    assert error.value.wrong == "'period' has categories: a trend needs a numeric predictor"
    assert error.value.got == "values such as 1, which the formula reads as a category"
    with pytest.raises(pp.DataError, match="has categories"):
        pp.residual_trends(fit, "period", data=data, seed=1)
    assert list(pp.level_statistics(fit, seed=1)["observed_data"].data_vars) == ["mean", "spread"]
    assert not any(finding.check.startswith("trend of") for finding in pp.check(fit, seed=1).findings)
