"""Pictures of variances, ICC and shrinkage: what is on the axes, and what cannot be drawn."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at

SLOPES = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": [[1, -0.4], [-0.4, 1]], "sigma": 25}


@pytest.fixture(scope="module")
def slopes():
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **SLOPES)


@pytest.fixture(scope="module")
def nested():
    values = {"beta": [60.0], "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8}
    return fit_at("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), **values)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def test_a_fan_opens(slopes):
    days = np.linspace(0, 9, 10)
    left, right = pp.plot_variance_function(pp.variance_function(slopes, {"Days": days}), unit="ms", xunit="d").axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("Days (d)", "Reaction (ms)")
    assert right.get_ylabel() == "standard deviation (ms)"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["Subject", "residual", "total"]
    total = right.get_lines()[-1].get_ydata()
    assert total == pytest.approx(np.sqrt(400 - 80 * days + 25 * days**2 + 625))


def test_the_spread_at_categories_is_a_bar_each():
    data = {"y": np.arange(16.0), "c": list("uvuvuvuv" * 2), "g": [0, 0, 1, 1, 2, 2, 3, 3] * 2}
    fit = fit_at("y ~ c + (c | g)", data, beta=[1, 2], sd_g=[1.0, 2.0], corr_g=np.eye(2), sigma=1.0)
    variances = pp.variance_function(fit, {"c": ["u", "v"]})
    left, right = pp.plot_variance_function(variances, prob=0.9).axes
    for panel in (left, right):
        assert [tick.get_text() for tick in panel.get_xticklabels()] == ["u", "v"]
    total = next(bars for bars in left.collections if bars.get_label() == "groups and residual")
    expected = [(m - 1.644854 * s, m + 1.644854 * s) for m, s in ((1, np.sqrt(2)), (3, np.sqrt(6)))]
    assert [segment[:, 1].tolist() for segment in total.get_segments()] == [pytest.approx(ends) for ends in expected]
    assert right.lines[-1].get_ydata() == pytest.approx(np.sqrt([2, 6]))


def test_a_fan_needs_one_predictor(slopes):
    both = pp.variance_function(slopes, {"Days": [0, 1]}).expand_dims(other=2)
    with pytest.raises(pp.DataError, match="along one predictor"):
        pp.plot_variance_function(both)


def test_an_icc_is_a_curve_or_intervals(slopes, nested):
    (curve,) = pp.plot_icc(pp.icc(slopes, at={"Days": [0, 3, 9]})).axes
    assert curve.get_xlabel() == "Days"
    assert curve.get_ylim() == (0, 1)
    (intervals,) = pp.plot_icc(pp.icc(nested)).axes
    assert [label.get_text() for label in intervals.get_yticklabels()] == ["batch", "batch:cask", "all of them"]
    assert intervals.get_xlim() == (0, 1)
    # Two samples of a cask share their batch as well: its share is not their correlation.
    assert intervals.get_xlabel() == "share of the variance"
    assert curve.get_ylabel() == "correlation of two responses\nthat share a level"


def test_shares_of_the_variance(slopes):
    (axes,) = pp.plot_variance_components(pp.variance_components(slopes)).axes
    assert [label.get_text() for label in axes.get_yticklabels()] == ["fixed", "Subject", "residual"]
    assert axes.get_xlabel() == "share of the variance"


def growth(formula, **values):
    data = {
        "age": np.tile(np.arange(4.0), 6),
        "sex": np.repeat(["boy", "girl"], 12),
        "child": np.repeat(list("abcdef"), 4),
    }
    data |= {"y": 20 + data["age"] + np.arange(24) % 5, "weight": np.arange(24.0) % 7}
    return fit_at(formula, data, **values)


def test_levels_that_stand_apart_have_a_complete_pooling_each():
    slopes = {"sd_child": [1.0, 0.2], "corr_child": np.eye(2), "sigma": 1.0}
    fit = growth("y ~ age * sex + weight + (age | child)", beta=[20.0, 1, 2, -0.5, 0.1], **slopes)
    pulls = pp.shrinkage(fit)
    figure = pp.plot_shrinkage(pulls)
    assert figure.get_suptitle() == "y: pulled towards the population\nheld: sex (each level's own), weight=2.75 (mean)"
    (crosses,) = [line for line in figure.axes[0].lines if line.get_label() == "complete pooling"]
    expected = np.unique(pulls["complete_pooling"].to_numpy(), axis=0)
    assert np.column_stack(crosses.get_data()) == pytest.approx(expected)
    assert len(expected) == 2
    effects = pp.level_effects(fit, "age")
    axes = pp.plot_level_effects(effects).axes[0]
    order = np.argsort(effects["effect"].to_numpy()[0, 0], kind="stable")
    (lines,) = [c for c in axes.collections if c.get_label() == "population, 95 % interval"]
    drawn = [segment[0, 0] for segment in lines.get_segments()]
    assert drawn == pytest.approx(effects["population"].to_numpy()[0, 0, order])
    only = growth("y ~ age * sex + (0 + age | child)", beta=[20.0, 1, 2, -0.5], sd_child=[0.2], sigma=1.0)
    marks = pp.plot_shrinkage(pp.shrinkage(only)).axes[0].lines
    assert [line.get_marker() for line in marks if line.get_label() == "complete pooling"] == ["|"]


def test_arrows_of_shrinkage(slopes):
    (plane,) = pp.plot_shrinkage(pp.shrinkage(slopes)).axes
    assert (plane.get_xlabel(), plane.get_ylabel()) == (
        "Intercept of each Subject (ms)",
        "Days of each Subject (ms/day)",
    )
    (plane,) = pp.plot_shrinkage(pp.shrinkage(slopes), unit="s").axes
    assert plane.get_xlabel() == "Intercept of each Subject (s)"
    assert plane.get_ylabel() == "Days of each Subject (s/day)"
    single = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), beta=[1527.0], sd_Batch=[37.0], sigma=49.0)
    (line,) = pp.plot_shrinkage(pp.shrinkage(single), unit="g").axes
    assert line.get_xlabel() == "Yield (g)"
    assert len(line.texts) >= 6
    assert next(label.get_text() for label in line.get_yticklabels()).endswith("(n 5)")
    slope = {"beta": [250.0, 10.0], "sd_Subject": [5.0], "sigma": 25.0}
    alone = fit_at("Reaction ~ Days + (0 + Days | Subject)", pp.load_dataset("sleepstudy"), **slope)
    (line,) = pp.plot_shrinkage(pp.shrinkage(alone), unit="ms").axes
    assert line.get_xlabel() == "Days (ms/day)"
    schools = pp.load_dataset("eight_schools")
    known = fit_at("effect ~ 1 + (1 | school)", schools, se="standard_error", beta=[8.0], sd_school=[5.0])
    (line,) = pp.plot_shrinkage(pp.shrinkage(known)).axes
    assert {"A  (se 15)", "C  (se 16)"} <= {label.get_text() for label in line.get_yticklabels()}


@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
def test_arrows_need_a_level_that_tells_its_effects():
    data = {"y": np.arange(6.0), "x": np.arange(6.0) ** 2, "g": [0, 1, 2, 3, 4, 4]}
    fit = fit_at(
        "y ~ x + (x | g)", data | {"x": [0.0, 1, 4, 9, 16, 16]}, beta=[0, 0], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0
    )
    with pytest.raises(pp.DataError, match="own rows identify its effects"):
        pp.plot_shrinkage(pp.shrinkage(fit))
