"""The response over new ones: an overlay that suits the family, and a panel per statistic."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_hex

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.posterior_checks import _edges
from partialpool.plots.style import BLUE, VERMILION

N, DRAWS = 120, 60
X = np.random.default_rng(0).normal(size=N)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def drawn(y, family, *, response="y", unit="", **values):
    data = pd.DataFrame({"y": y, "x": X})
    values = {name: np.tile(np.asarray(v, float), (DRAWS, *[1] * np.ndim(v))) for name, v in values.items()}
    if "beta" in values:
        values["beta"] = values["beta"] + 0.01 * np.random.default_rng(2).normal(size=values["beta"].shape)
    fit = fit_at(f"{response} ~ x", data, draws=DRAWS, family=family, **values)
    return pp.plot_posterior_checks(pp.posterior_checks(fit, seed=1), unit=unit)


def titles(figure):
    return [axes.get_title(loc="left").split(":")[0] for axes in figure.axes]


def rng():
    return np.random.default_rng(1)


def test_counts_have_a_mark_each():
    y = rng().poisson(np.exp(1 + 0.3 * X)) * (rng().random(N) > 0.4)
    figure = drawn(y, "poisson", beta=[1.0, 0.3], unit="larvae")
    assert titles(figure) == ["Frequency of each count, 95 % intervals", "dispersion", "zeros", "largest", "fitted"]
    overlay, zeros = figure.axes[0], figure.axes[2]
    assert overlay.get_xlabel() == "y (larvae)"
    (data,) = [c for c in overlay.collections if to_hex(c.get_facecolor()[0]).upper() == VERMILION]
    places, counts = np.asarray(data.get_offsets()).T
    assert dict(zip(places, counts, strict=True)) == pd.Series(y).value_counts().to_dict()
    assert zeros.get_title(loc="left") == "zeros: p < 0.001"
    assert zeros.get_xlabel() == "share of zeros"
    (line,) = zeros.lines
    assert line.get_xdata()[0] == np.mean(y == 0)
    assert {to_hex(patch.get_facecolor()).upper() for patch in zeros.patches} == {BLUE}
    dispersion = figure.axes[1]  # of the data it depends on the parameters
    assert {to_hex(patch.get_facecolor()).upper() for patch in dispersion.patches} == {BLUE, VERMILION}
    assert not dispersion.lines


def test_few_counts_have_ticks_at_whole_numbers():
    figure = drawn(rng().poisson(6, N), "poisson", beta=[1.8, 0.0])
    ticks = figure.axes[0].get_xticks()
    assert all(tick == round(tick) for tick in ticks)


def test_large_counts_and_long_tails_have_distribution_functions():
    figure = drawn(rng().poisson(300, N), "negative_binomial", beta=[5.7, 0.0], alpha=50.0)
    assert figure.axes[0].get_ylabel() == "share of rows up to it"
    y = rng().standard_t(3, N)
    y[0] = 40.0
    overlay = drawn(y, "student_t", beta=[0.0, 0.0], sigma=1.0, nu=1.0).axes[0]
    low, high = overlay.get_xlim()
    assert low >= y.min() - 0.6 * np.ptp(y)
    assert high <= y.max() + 0.6 * np.ptp(y)


def test_numbers_have_densities_and_positive_ones_a_logarithmic_axis():
    overlay = drawn(rng().normal(size=N), "gaussian", beta=[0.0, 0.0], sigma=1.0).axes[0]
    assert (overlay.get_ylabel(), overlay.get_xlabel()) == ("density", "y")
    assert len(overlay.lines) == 51
    overlay = drawn(rng().gamma(2.0, 50, N), "gamma", beta=[4.6, 0.0], alpha=2.0, unit="g").axes[0]
    assert overlay.get_xlabel() == "y (g), logarithmic axis"
    labels = [float(tick.get_text()) for tick in overlay.get_xticklabels()]
    np.testing.assert_allclose(10 ** np.asarray(overlay.get_xticks()), labels, rtol=1e-9)
    drawn(rng().beta(2, 3, N), "beta", beta=[-0.4, 0.0], phi=5.0)


def test_few_draws_and_numbers_that_round_to_zero():
    data = pd.DataFrame({"y": rng().gamma(2.0, 50, N), "x": X})
    fit = fit_at("y ~ x", data, draws=3, family="gamma", beta=np.zeros((3, 2)), alpha=np.full(3, 0.002))
    checks = pp.posterior_checks(fit, seed=1)
    assert (checks["posterior_predictive"]["y"] == 0).any()
    overlay = pp.plot_posterior_checks(checks).axes[0]
    assert overlay.get_title(loc="left") == "The data and 3 new tables"
    assert np.isfinite(overlay.get_xlim()).all()


def test_binary_responses_are_calibrated():
    y = np.where(rng().random(N) < 1 / (1 + np.exp(-X)), "yes", "no")
    figure = drawn(y, "bernoulli", beta=[0.0, 1.0])
    assert titles(figure) == ["Calibration, 95 % interval", "fitted"]
    assert figure.axes[0].get_xlabel() == "predicted probability of y = yes"


def test_categories_have_a_mark_each():
    y = pd.Categorical.from_codes(rng().integers(0, 3, N), ["never", "now and then", "always"], ordered=True)
    figure = drawn(y, "cumulative", beta=[0.0], cutpoints=[-0.7, 0.7])
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["never", "now and then", "always"]
    seen = axes.lines[1].get_ydata()
    assert seen.tolist() == pd.Series(y).value_counts(sort=False).tolist()


def test_successes_and_few_rows():
    figure = drawn(rng().binomial(9, 0.4, N), "binomial", response="p(y, 9)", beta=[-0.4, 0.0])
    assert titles(figure) == ["Frequency of each count, 95 % intervals", "dispersion", "none or all", "fitted"]
    few = pd.DataFrame({"y": np.arange(20) % 2, "x": np.arange(20.0)})
    fit = fit_at("y ~ x", few, draws=DRAWS, family="bernoulli", beta=np.zeros((DRAWS, 2)))
    assert titles(pp.plot_posterior_checks(pp.posterior_checks(fit, seed=1))) == ["Calibration, 95 % interval"]


def test_bins_keep_to_the_values_that_can_be():
    edges = np.array(_edges(np.arange(0, 101) / 400))  # shares of 400 rows
    counts, _ = np.histogram(np.arange(0, 101) / 400, edges)
    assert set(counts[:-1]) == {4}
    assert len(_edges(np.linspace(0, 1, 77) ** 2)) == 31
    assert _edges(np.zeros(5)) == [-0.02, 0.02]


def test_counts_of_zero_and_one_and_probabilities_that_round():
    """Without a warning, whatever ArviZ makes of such counts."""
    y = (np.arange(N) % 3 == 0).astype(int)
    drawn(y, "poisson", beta=[-4.0, 0.0])
    drawn(y, "binomial", response="p(y, 1)", beta=[-0.4, 0.0])
    drawn(y, "bernoulli", beta=[-40.0, 0.0])
    wide = drawn(y, "negative_binomial", beta=[9.0, 0.0], alpha=0.1)  # new counts of thousands
    assert wide.axes[0].get_xlim()[1] < 4
