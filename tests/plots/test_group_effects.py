"""The forest plot shows what it is given: order, intervals, labels, units."""

import matplotlib as mpl
import numpy as np
import pytest
import xarray as xr

mpl.use("Agg")

from partialpool.plots.group_effects import plot_group_effects
from partialpool.plots.style import save_figure


def effects(levels=4, names=("Intercept", "x"), scale="identity"):
    rng = np.random.default_rng(0)
    centres = np.arange(levels)[::-1][:, None] * np.ones(len(names))
    values = rng.normal(size=(2, 500, levels, len(names))) * 0.1 + centres
    coords = {"level": [f"g{i}" for i in range(levels)], "effect": list(names)}
    attrs = {"factor": "g", "response": "y", "scale": scale}
    return xr.Dataset({"effects": (("chain", "draw", "level", "effect"), values)}, coords=coords, attrs=attrs)


def test_levels_are_sorted_by_the_first_effect_and_dots_are_means():
    figure = plot_group_effects(effects(), units={"Intercept": "ms"})
    first, second = figure.axes
    assert [t.get_text() for t in first.get_yticklabels()] == ["g3", "g2", "g1", "g0"]
    dots = first.lines[-1].get_xdata()
    np.testing.assert_allclose(dots, [0, 1, 2, 3], atol=0.05)
    assert first.get_xlabel() == "ms"
    assert "deviations from the population" in first.figure.get_suptitle()
    assert second.get_title(loc="left") == "x"


def test_bars_are_the_central_intervals():
    data = effects(levels=3, names=("Intercept",))
    figure = plot_group_effects(data)
    outer, inner = figure.axes[0].collections
    draws = data["effects"].to_numpy()[..., 2, 0].ravel()
    np.testing.assert_allclose(outer.get_segments()[0][:, 0], np.quantile(draws, [0.025, 0.975]))
    np.testing.assert_allclose(inner.get_segments()[0][:, 0], np.quantile(draws, [0.25, 0.75]))


def test_many_levels_lose_their_labels_and_other_scales_say_so():
    figure = plot_group_effects(effects(levels=80, names=("Intercept",), scale="logit"))
    assert figure.axes[0].get_yticklabels() == []
    assert figure.axes[0].get_ylabel() == "g (80 levels, sorted)"
    assert "logit scale" in figure.axes[0].get_xlabel()


def test_the_users_style_comes_back_and_saving_closes(tmp_path):
    before = dict(mpl.rcParams)
    figure = plot_group_effects(effects())
    assert dict(mpl.rcParams) == before
    assert save_figure(figure, tmp_path / "a.png").stat().st_size > 1000
    assert not mpl.pyplot.fignum_exists(figure.number)


@pytest.fixture(autouse=True)
def close_all():
    yield
    mpl.pyplot.close("all")
