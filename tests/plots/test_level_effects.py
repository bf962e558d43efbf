"""Level effects: order, colours, threshold and population."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgba

from partialpool.plots.level_effects import plot_level_effects
from partialpool.plots.style import BLUE, VERMILION


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def effects(levels=4, threshold=1.5, scale="identity"):
    """Level k at levels - 1 - k, tight: surely above or below the threshold."""
    rng = np.random.default_rng(0)
    draws = np.arange(levels)[::-1] + 0.05 * rng.normal(size=(2, 300, levels))
    variables = {
        "effect": (("chain", "draw", "level"), draws),
        "population": (("chain", "draw"), 1 + 0.2 * rng.normal(size=(2, 300))),
        "above": (("level",), (draws > threshold).mean(axis=(0, 1))),
    }
    attrs = {"effect": "x", "factor": "g", "threshold": threshold, "scale": scale, "response": "y"}
    return xr.Dataset(variables, coords={"level": [f"g{k}" for k in range(levels)]}, attrs=attrs)


def test_order_intervals_and_colours():
    data = effects()
    figure = plot_level_effects(data, unit="ms/day")
    axes, bar = figure.axes
    assert figure.get_suptitle().endswith("with probability over 0.95, 2 of 4 levels are above 1.5 and 2 below")
    assert [t.get_text() for t in axes.get_yticklabels()] == ["g3", "g2", "g1", "g0"]
    outer, inner, dots = axes.collections
    draws = data["effect"].to_numpy()[..., 3].ravel()
    assert outer.get_segments()[0][:, 0] == pytest.approx(np.quantile(draws, [0.025, 0.975]))
    assert inner.get_segments()[0][:, 0] == pytest.approx(np.quantile(draws, [0.25, 0.75]))
    assert np.asarray(dots.get_offsets())[:, 0] == pytest.approx([0, 1, 2, 3], abs=0.05)
    assert outer.get_colors()[[0, 1, 2, 3]] == pytest.approx(
        np.array([to_rgba(VERMILION)] * 2 + [to_rgba(BLUE)] * 2), abs=0.01
    )
    assert axes.get_xlabel() == "x of each g (ms/day)\n50 % and 95 % intervals"
    assert bar.get_ylabel() == "probability that it exceeds 1.5"


def test_threshold_and_population():
    data = effects(threshold=0.25)
    axes = plot_level_effects(data).axes[0]
    lines = {line.get_label(): line.get_xdata()[0] for line in axes.lines}
    population = data["population"].to_numpy().ravel()
    assert lines["threshold 0.25"] == 0.25
    assert lines["population, 95 % interval"] == pytest.approx(population.mean())
    band = axes.patches[0]
    assert [band.get_x(), band.get_x() + band.get_width()] == pytest.approx(np.quantile(population, [0.025, 0.975]))


def test_many_levels_lose_their_labels_and_other_scales_say_so():
    axes = plot_level_effects(effects(levels=80, scale="logit")).axes[0]
    assert axes.get_yticklabels() == []
    assert axes.get_ylabel() == "g (80 levels, sorted)"
    assert axes.get_xlabel() == "x of each g (logit scale)\n50 % and 95 % intervals"
