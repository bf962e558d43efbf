"""Pictures of quantile residuals: bands of the coverage they claim, and what is on the axes."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.bands import order_band, quantile_interval
from partialpool.plots.style import BLUE, VERMILION

N = 240


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.mark.parametrize("n", [10, 300])
def test_the_band_holds_all_order_statistics_as_often_as_it_says(n):
    """Its level is simulated from 2,000 samples, of which the 5 % quantile has a Monte Carlo error of its own."""
    ranks, low, high = order_band(n)
    samples = np.sort(np.random.default_rng(99).random((4000, n)), axis=1)[:, ranks - 1]
    inside = ((samples >= low) & (samples <= high)).all(axis=1).mean()
    error = np.sqrt(0.95 * 0.05 * (1 / 4000 + 1 / 2000))
    assert abs(inside - 0.95) < 5 * error


def test_intervals_of_quartiles():
    """Rank 25 of 99 numbers is Beta(25, 75); of 40 the rank 10.25 lies between two."""
    low, high = quantile_interval(np.array(99), np.array(0.25), 0.9)
    assert (low, high) == pytest.approx(stats.beta(25, 75).ppf([0.05, 0.95]))
    low, high = quantile_interval(np.array(40), np.array(0.25), 0.9)
    samples = np.random.default_rng(5).random((20_000, 40))
    found = np.quantile(samples, 0.25, axis=1, method="weibull")
    assert abs(np.mean((found > low) & (found < high)) - 0.9) < 0.015


def residuals(bend=0.0, *, family="gaussian"):
    rng = np.random.default_rng(1)
    x = rng.uniform(-2, 2, N)
    data = pd.DataFrame({"y": bend * (x**2 - 4 / 3) + rng.normal(size=N), "x": x, "g": np.repeat(range(24), 10)})
    fit = fit_at("y ~ x + (1 | g)", data, family=family, beta=[0.0, 0.0], sd_g=[1.0], sigma=1.0)
    return pp.quantile_residuals(fit, seed=1)


def colours(axes):
    return [
        to_hex(line.get_color()).upper() for line in axes.lines if line.get_marker() in "ov^" for _ in line.get_xdata()
    ]


def test_a_right_model_stays_inside():
    left, right = pp.plot_quantile_residuals(residuals(), unit="ms").axes
    assert left.get_title(loc="left") == "Distribution: inside the band"
    assert right.get_title(loc="left") == "Quartiles of classes of rows: 0 of 3 outside"  # one expected response
    assert right.get_xlabel() == "expected response: mean of y (ms)"
    assert VERMILION not in colours(left)
    assert colours(left).count(BLUE) == len(order_band(N)[0])


@pytest.mark.parametrize(
    ("scale", "given", "title"),
    [
        (0.6, True, "Distribution: nearer 0: few rows a level, or little spread"),
        (0.6, False, "Distribution: leaves the band"),
        (1.6, True, "Distribution: leaves the band"),
        (1.0, True, "Distribution: inside the band"),
    ],
)
def test_residuals_given_estimated_effects_may_be_nearer_the_middle(scale, given, title):
    """As where levels have two rows each; a spread that is too large is a fault all the same."""
    found = residuals()
    found["z"] = found["z"] * scale
    found["u"] = ("obs", stats.norm.cdf(found["z"]))
    said = "effects estimated from the rows themselves" if given else ""
    left, right = pp.plot_quantile_residuals(found.assign_attrs(given=said)).axes
    assert left.get_title(loc="left").replace("\n", " ") == title
    assert (VERMILION in colours(right)) == ("leaves" in title)


def test_new_levels_are_not_estimated_from_the_rows():
    data = pd.DataFrame({"y": np.arange(24.0) % 5, "g": np.repeat(range(6), 4)})
    fit = fit_at("y ~ 1 + (1 | g)", data, beta=[2.0], sd_g=[1.0], sigma=1.0)
    assert pp.quantile_residuals(fit, seed=1).attrs["given"] == "effects estimated from the rows themselves"
    assert pp.quantile_residuals(fit, levels="new", seed=1).attrs["given"] == ""
    assert residuals().attrs["given"] == ""  # ten rows a level
    alone = fit_at("y ~ 1", data, beta=[2.0], sigma=1.0)
    assert pp.quantile_residuals(alone, seed=1).attrs["given"] == ""


def test_a_bend_leaves_the_intervals_along_its_predictor():
    bent = residuals(0.8)
    right = pp.plot_quantile_residuals(bent, "x", xunit="m").axes[1]
    assert right.get_xlabel() == "x (m)"
    assert int(right.get_title(loc="left").split()[5]) > 8
    assert VERMILION in colours(right)
    levels = pp.plot_quantile_residuals(bent, "g").axes[1]  # numbers, but labels of levels
    assert [tick.get_text() for tick in levels.get_xticklabels()] == [str(k) for k in range(24)]
    with pytest.raises(pp.DataError, match="no such predictor or factor") as raised:
        pp.plot_quantile_residuals(bent, "X")
    assert "'x'" in raised.value.allowed


def test_far_residuals_stand_at_the_edge():
    found = residuals()
    found["z"][3] = 30.0
    left = pp.plot_quantile_residuals(found).axes[0]
    assert left.get_title(loc="left").replace("\n", " ") == "Distribution: leaves the band; up to 30 sd at the edge"
    assert left.get_ylim()[1] < 8


def test_another_column_and_few_rows():
    found = residuals().isel(obs=slice(0, 6))
    found = found.assign_coords(sex=("obs", list("fmfmfm")))
    right = pp.plot_quantile_residuals(found, "sex").axes[1]
    assert right.get_title(loc="left") == "Quartiles of classes of rows: too few rows"
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["f", "m"]
    missing = residuals().assign_coords(age=("obs", np.where(np.arange(N) < 40, np.nan, np.arange(N) % 50)))
    (rows,) = [line for line in pp.plot_quantile_residuals(missing, "age").axes[1].lines if line.get_label() == "rows"]
    assert len(rows.get_xdata()) == 200


def test_categories_stand_in_the_order_of_the_model():
    data = pd.DataFrame({"y": np.arange(24.0) % 5, "dose": np.tile(["low", "high", "none"], 8)})
    data["dose"] = pd.Categorical(data["dose"], ["none", "low", "high"], ordered=True)
    fit = fit_at("y ~ dose", data, beta=[2.0, 0.0, 0.0], sigma=1.0)
    right = pp.plot_quantile_residuals(pp.quantile_residuals(fit, seed=1), "dose").axes[1]
    assert [tick.get_text() for tick in right.get_xticklabels()] == ["none", "low", "high"]


def test_expected_counts_over_orders_of_magnitude():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({"x": rng.uniform(0, 5, 80)})
    data["y"] = rng.poisson(np.exp(data["x"]))
    fit = fit_at("y ~ x", data, family="poisson", beta=[0.0, 1.0])
    assert pp.plot_quantile_residuals(pp.quantile_residuals(fit, seed=1)).axes[1].get_xscale() == "log"
    binomial = fit_at("p(y, 200) ~ x", data, family="binomial", beta=[-4.0, 1.0])
    axes = pp.plot_quantile_residuals(pp.quantile_residuals(binomial, seed=1)).axes[1]
    assert axes.get_xlabel() == "expected response: share of successes of y"


def test_the_quartiles_of_a_class_are_at_one_place_with_distinct_marks():
    found = residuals()
    right = pp.plot_quantile_residuals(found, "x").axes[1]
    marks = {}
    for line in right.lines:
        if line.get_marker() in "ov^" and to_hex(line.get_color()) != "#808080":
            marks.setdefault(line.get_marker(), []).extend(line.get_xydata().tolist())
    x, u = found["x"].to_numpy(), found["u"].to_numpy()
    below, middle, above = (np.array(sorted(marks[mark])) for mark in "vo^")
    np.testing.assert_array_equal(below[:, 0], middle[:, 0])
    np.testing.assert_array_equal(above[:, 0], middle[:, 0])
    assert (below[:, 1] < middle[:, 1]).all()
    assert (middle[:, 1] < above[:, 1]).all()
    first = np.sort(x)[: len(x) // len(below)]
    assert middle[0, 0] == pytest.approx((first[0] + first[-1]) / 2)
    assert middle[0, 1] == pytest.approx(np.quantile(u[x <= first[-1]], 0.5, method="weibull"))
