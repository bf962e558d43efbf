"""Statistics of levels by hand, replicates by the model's formulas, and what ArviZ is given."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.questions.level_statistics import level_statistics

SLOPES = {"beta": [250.0, 10.0], "sd_Subject": [20.0, 5.0], "corr_Subject": [[1, 0.5], [0.5, 1]], "sigma": 25.0}
MANY = 4000


def many(n=MANY):
    values = {name: np.repeat([value], n, axis=0) for name, value in SLOPES.items()}
    b = np.zeros((n, 18, 2))
    b[:, 0] = [100.0, 3.0]
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), draws=n, b_Subject=b, **values)


def test_the_datas_statistics_by_pandas():
    tree = level_statistics(many(2), seed=1)
    data = pp.load_dataset("sleepstudy").groupby("Subject")
    found = tree["observed_data"]
    assert found["mean"].to_numpy() == pytest.approx(data["Reaction"].mean().to_numpy())
    assert found["spread"].to_numpy() == pytest.approx(data["Reaction"].std().to_numpy())
    slopes = [stats.linregress(rows["Days"], rows["Reaction"]).slope for _, rows in data]
    assert found["trend_Days"].to_numpy() == pytest.approx(slopes)


def test_new_levels_scatter_as_the_population_and_the_same_ones_as_their_rows():
    """Means, five standard errors; variances, likewise."""
    fit = many()
    error = 625 / 10
    trend_error = 625 / (10 * np.var(np.arange(10)))
    z = np.array([1, 4.5])
    sigma = np.diag([20, 5]) @ [[1, 0.5], [0.5, 1]] @ np.diag([20, 5])
    for levels, mean, between, slope, slope_between in (
        ("new", 295.0, z @ sigma @ z, 10.0, 25.0),
        ("same", 295.0 + 100 + 13.5, 0.0, 13.0, 0.0),
    ):
        new = level_statistics(fit, levels=levels, seed=2)["posterior_predictive"].to_dataset().isel(chain=0, level=0)
        for name, centre, variance in (
            ("mean", mean, between + error),
            ("trend_Days", slope, slope_between + trend_error),
        ):
            values = new[name].to_numpy()
            assert abs(values.mean() - centre) < 5 * np.sqrt(variance / MANY), (levels, name)
            assert abs(values.var() - variance) < 5 * variance * np.sqrt(2 / MANY), (levels, name)


def test_a_level_of_one_row_has_a_mean_and_no_spread_and_units_are_shares():
    data = pd.DataFrame({"k": [1, 3, 2, 5], "n": [4, 4, 10, 10], "g": list("aabc")})
    fit = fit_at("p(k, n) ~ 1 + (1 | g)", data, family="binomial", beta=[0.0], sd_g=[1.0])
    tree = level_statistics(fit, seed=1)
    assert tree["observed_data"]["mean"].to_numpy() == pytest.approx([0.5, 0.2, 0.5])
    assert np.isfinite(tree["observed_data"]["spread"].to_numpy()).tolist() == [True, False, False]
    single = fit_at(
        "effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), se="standard_error", beta=[8.0], sd_school=[6.0]
    )
    assert list(level_statistics(single, seed=1)["observed_data"].data_vars) == ["mean"]


def test_a_predictor_that_does_not_vary_within_levels_has_no_trend():
    data = {"y": np.arange(6.0), "x": [1.0, 1, 2, 2, 4, 4], "g": [0, 0, 1, 1, 2, 2]}
    tree = level_statistics(fit_at("y ~ x + (1 | g)", data, beta=[0, 1], sd_g=[1.0], sigma=1.0), seed=1)
    assert list(tree["observed_data"].data_vars) == ["mean", "spread"]


def test_dates_in_seconds_have_trends_and_labels_have_none():
    seconds = 1.7e9 + 60.0 * np.random.default_rng(1).permutation(40)
    g = np.repeat(np.arange(4), 10)
    data = {"y": np.arange(40.0) ** 2, "t": seconds, "g": g, "item": np.tile(np.arange(8), 5)}
    fit = fit_at("y ~ t + within(t, g) + (1 | item)", data, beta=[0, 0, 0], sd_item=[1.0], sigma=1.0)
    found = level_statistics(fit, seed=1)["observed_data"]
    assert "trend_t" in found
    slopes = [
        stats.linregress(seconds[data["item"] == k] - 1.7e9, data["y"][data["item"] == k]).slope for k in range(8)
    ]
    assert found["trend_t"].to_numpy() == pytest.approx(slopes)
    by = fit_at("y ~ within(t, g) + (1 | g) + (1 | item)", data, beta=[0, 0], sd_g=[1.0], sd_item=[1.0], sigma=1.0)
    assert "trend_g" not in level_statistics(by, "item", seed=1)["observed_data"]


def test_wrong_arguments():
    with pytest.raises(pp.DataError, match="unknown kind of levels"):
        level_statistics(many(2), levels="old")
    with pytest.raises(pp.DataError, match="no such grouping factor"):
        level_statistics(many(2), "Day")
