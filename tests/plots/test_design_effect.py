"""Dumbbells of standard errors and what rows are worth: what is drawn where."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

mpl.use("Agg")
import matplotlib.pyplot as plt

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.design_effect import plot_design_effect
from partialpool.plots.naive_errors import plot_naive_errors
from partialpool.plots.style import BLUE, VERMILION


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def errors(naive, honest):
    naive, honest = np.array(naive), np.array(honest)
    variables = {"naive": naive, "honest": honest, "overconfidence": honest / naive}
    coords = {"coef": [f"x{k}" for k in range(len(naive))]}
    return xr.Dataset({n: (("coef",), v) for n, v in variables.items()}, coords=coords, attrs={"response": "y"})


def dots(axes):
    return {line.get_label(): line for line in axes.lines if not line.get_label().startswith("_")}


def test_dumbbells_are_in_units_of_the_naive_error():
    (axes,) = plot_naive_errors(errors([2.0, 0.1, 5.0], [4.0, 0.05, 15.0])).axes
    found = dots(axes)
    assert found["naive"].get_xdata().tolist() == [1, 1, 1]
    small, large = found["with the grouping: naive is too small"], found["with the grouping: naive is too large"]
    assert (small.get_xdata().tolist(), small.get_ydata().tolist()) == ([2, 3], [0, 2])
    assert (large.get_xdata().tolist(), large.get_ydata().tolist()) == ([0.5], [1])
    assert (small.get_color(), large.get_color()) == (VERMILION, BLUE)
    assert axes.get_xscale() == "log"
    assert axes.get_xlabel() == "standard error, in units of the naive one"
    assert [t.get_text() for t in axes.get_yticklabels()] == ["x0", "x1", "x2"]
    numbers = [text.get_text().split() for text in axes.texts]
    assert [n[0::2] for n in numbers if n[0] != "naive"] == [["2.00", "4.00"], ["0.1000", "0.0500"], ["5.00", "15.00"]]


@pytest.mark.parametrize("ratio", [1e-3, 0.5, 1.0, 1.1, 400.0])
def test_every_ratio_is_inside_and_has_ticks(ratio):
    (axes,) = plot_naive_errors(errors([1.0], [ratio])).axes
    low, high = axes.get_xlim()
    assert low < min(1, ratio) <= max(1, ratio) < high
    assert 1.0 in axes.get_xticks()
    assert len(axes.get_xticks()) >= 3


def test_what_rows_are_worth():
    data = pp.load_dataset("penicillin")
    fit = fit_at(
        "diameter ~ 1 + (1 | plate) + (1 | sample)", data, beta=[23.0], sd_plate=[0.8], sd_sample=[1.9], sigma=0.5
    )
    effects = pp.design_effect(fit)
    figure = plot_design_effect(effects)
    figure.canvas.draw()  # puts the axis on top where it belongs
    left, right = figure.axes
    for panel, name in ((left, "design_effect"), (right, "effective_sample_size")):
        drawn = [line.get_xdata()[0] for line in panel.lines if line.get_marker() == "o"]
        assert drawn == pytest.approx(effects[name].to_numpy()[0, 0])
    assert [t.get_text() for t in left.get_yticklabels()] == ["plate\n(m = 6)", "sample\n(m = 24)", "all factors"]
    assert right.get_xlabel() == "independent rows that 144 rows are worth"
    (above,) = left.child_axes
    assert above.get_xlabel() == "naive standard error of the mean too small by the factor"
    assert above.get_xticks()[0] == 1
    assert len(above.get_xticks()) <= 8
    assert np.square(above.get_xlim()) == pytest.approx(left.get_xlim())


@pytest.mark.parametrize("sd", [1e-3, 0.3, 30.0, 3000.0])
def test_design_effects_of_every_size_keep_few_ticks(sd):
    data = {"y": np.arange(400.0), "g": np.repeat(np.arange(4), 100)}
    fit = fit_at("y ~ 1 + (1 | g)", data, beta=[0.0], sd_g=[sd], sigma=1.0)
    left, _ = plot_design_effect(pp.design_effect(fit)).axes
    assert 1 <= len(left.child_axes[0].get_xticks()) <= 8
    assert left.get_xlim()[0] <= 1


@pytest.mark.parametrize("honest", [0.0, 1e-17])
def test_draws_that_are_all_alike_have_no_ratio(honest):
    figure = plot_naive_errors(errors([2.0, 0.1], [4.0, honest]))
    figure.canvas.draw()
    (axes,) = figure.axes
    assert axes.get_xlim()[0] == pytest.approx(0.8)
    assert dots(axes)["naive"].get_ydata().tolist() == [0]
    assert "no ratio: all draws are alike" in [text.get_text() for text in axes.texts]
    assert [t.get_text() for t in axes.get_yticklabels()] == ["x0", "x1"]


def test_a_naive_error_of_0_has_no_ratio_and_none_need_have_one():
    with np.errstate(divide="ignore"):
        given = errors([0.0, 1.0], [1.0, 0.0])
    figure = plot_naive_errors(given)
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert [t for t in texts if t.startswith("no ratio")] == [
        "no ratio: the naive error is 0", "no ratio: all draws are alike",
    ]  # fmt: skip
    assert figure.legends == []
