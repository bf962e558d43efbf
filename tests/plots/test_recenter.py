"""The correlation along the origin: curves, the origin where it vanishes, and what cannot be drawn."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.recenter import plot_recenter

PLACES = np.linspace(-4, 10, 15)


@pytest.fixture(scope="module")
def fit():
    values = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": [[1, -0.4], [-0.4, 1]], "sigma": 25}
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **values)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def curve(axes):
    return next(line for line in axes.lines if len(line.get_xdata()) == len(PLACES))


def test_curves_and_where_they_vanish(fit):
    left, right = plot_recenter(pp.recenter(fit, Days=PLACES[::-1]), unit="ms", xunit="days").axes
    variance = 400 - 80 * PLACES + 25 * PLACES**2
    assert curve(left).get_xdata() == pytest.approx(PLACES)
    assert curve(left).get_ydata() == pytest.approx((25 * PLACES - 40) / (5 * np.sqrt(variance)))
    assert curve(right).get_ydata() == pytest.approx(np.sqrt(variance))
    for axes in (left, right):
        dot = next(line for line in axes.lines if line.get_marker() == "o")
        assert dot.get_xdata() == pytest.approx([1.6])
        assert dot.get_label() == "uncorrelated at 1.6 (1.6 to 1.6)"
        assert axes.get_xlabel() == "origin of Days"
        assert axes.get_xlim() == (-4, 10)
    assert left.get_ylim() == (-1, 1)
    assert (left.get_ylabel(), right.get_ylabel()) == ("correlation of Intercept and Days", "sd of Intercept (ms)")
    ground = left.patches[0]
    assert (ground.get_x(), ground.get_width()) == (0, 9)


def test_slopes_that_never_vary_are_uncorrelated_nowhere(fit):
    data = pp.load_dataset("sleepstudy")
    flat = fit_at(
        "Reaction ~ Days + (Days | Subject)", data, beta=[250, 10], sd_Subject=[20, 0], corr_Subject=np.eye(2), sigma=25
    )
    left, _ = plot_recenter(pp.recenter(flat, Days=PLACES)).axes
    assert all(line.get_marker() != "o" for line in left.lines)


def test_numbers_in_the_legend_have_minus_signs():
    values = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": [[1, 0.4], [0.4, 1]], "sigma": 25}
    fit = fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **values)
    left, _ = plot_recenter(pp.recenter(fit, Days=PLACES)).axes
    dot = next(line for line in left.lines if line.get_marker() == "o")
    assert dot.get_label() == "uncorrelated at \N{MINUS SIGN}1.6 (\N{MINUS SIGN}1.6 to \N{MINUS SIGN}1.6)"


@pytest.mark.parametrize("origin", [{}, {"Days": 4.5}, {"Days": [4.5]}])
def test_it_runs_along_the_origin(fit, origin):
    with pytest.raises(pp.DataError, match="the plot needs several origins"):
        plot_recenter(pp.recenter(fit, **origin))
