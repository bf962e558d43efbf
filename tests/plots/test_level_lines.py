"""Small multiples: which panels, in which order, with which lines, on which axes."""

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.level_lines import plot_level_lines
from partialpool.plots.style import short
from partialpool.questions.level_lines import level_lines


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def heights(levels, rows=3):
    """Levels at known heights, in no order."""
    rng = np.random.default_rng(0)
    b = rng.permutation(levels).astype(float)[:, None]
    g = np.repeat(np.arange(levels), rows)
    data = {"y": b[g, 0] + rng.normal(size=len(g)), "x": np.tile(np.arange(rows), levels), "g": g}
    return b[:, 0], fit_at("y ~ x + (1 | g)", data, beta=[0.0, 0.5], b_g=b, sd_g=[1.0], sigma=1.0)


def shown(figure):
    return [axes for axes in figure.axes if axes.axison]


def titles(figure):
    return [int(axes.get_title(loc="left")) for axes in shown(figure)]


def test_lines_rows_and_axes():
    days = fit_at(
        "Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"),
        beta=[250, 10], sd_Subject=[20, 5], corr_Subject=[[1, -0.4], [-0.4, 1]], sigma=25,
        b_Subject=np.random.default_rng(0).normal(size=(18, 2)) * [20, 5],
    )  # fmt: skip
    lines = level_lines(days, "Days")
    figure = plot_level_lines(lines, unit="ms", xunit="days")
    assert len(shown(figure)) == 18
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("Days", "Reaction (ms)")
    assert figure.get_suptitle() == "Reaction over Days by Subject"
    panel = shown(figure)[0]
    label = next(v for v in lines["level"].to_numpy() if str(v) == panel.get_title(loc="left"))
    drawn = {line.get_label(): line.get_ydata() for line in panel.lines}
    assert drawn["no pooling"] == pytest.approx(lines["no_pooling"].sel(level=label).to_numpy())
    assert drawn["complete pooling"] == pytest.approx(lines["complete_pooling"].to_numpy())
    assert drawn["partial pooling"] == pytest.approx(lines["partial_pooling"].sel(level=label).to_numpy()[0, 0])
    dots = next(line for line in panel.lines if line.get_marker() == "o")
    assert len(dots.get_ydata()) == 10
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names == ["no pooling", "complete pooling", "partial pooling", "its 95 % interval", "rows"]
    assert len({axes.get_ylim() for axes in shown(figure)}) == 1


def test_panels_are_sorted_and_chosen_evenly():
    b, fit = heights(11)
    lines = level_lines(fit, "x", points=2)
    figure = plot_level_lines(lines)
    assert b[titles(figure)].tolist() == list(range(11))
    some = plot_level_lines(lines, most=3)
    assert b[titles(some)].tolist() == [0, 5, 10]
    assert "3 of 11 levels, evenly from the lowest to the highest" in some.get_suptitle()
    assert "levels" not in figure.get_suptitle()
    assert b[titles(plot_level_lines(lines, most=1))].tolist() == [0]


def test_the_last_panel_of_each_column_has_numbers():
    figure = plot_level_lines(level_lines(heights(8)[1], "x", points=2), most=7)  # 4 above, 3 below
    numbered = [axes.xaxis.get_tick_params()["labelbottom"] for axes in shown(figure)]
    assert numbered == [False, False, False, True, True, True, True]


def test_lines_that_run_off_do_not_set_the_axes():
    data = {"y": [0.0, 50, 1, 2, 3, 4, 3, 2, 1], "x": [0.0, 0.1, 0, 4, 8, 10, 0, 5, 10], "g": list("aabbbbccc")}
    fit = fit_at("y ~ x + (x | g)", data, beta=[2, 0], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0)
    _, high = shown(plot_level_lines(level_lines(fit, "x")))[0].get_ylim()
    assert high < 60


def test_what_is_held_is_said_and_an_untold_line_left_out():
    data = {"y": np.arange(7.0), "x": [0.0, 1, 3, 2, 0, 1, 4], "w": [1.0, 2, 2, 0, 1, 5, 4], "g": list("aaabbbc")}
    fit = fit_at("y ~ x + w + (x | g)", data, beta=[0, 1, 0], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0)
    figure = plot_level_lines(level_lines(fit, "x", at={"w": 2}))
    assert figure.get_suptitle().endswith("\nheld: w=2 (given)")
    untold = next(axes for axes in shown(figure) if axes.get_title(loc="left") == "c")
    assert "no pooling" not in [line.get_label() for line in untold.lines]


@pytest.mark.parametrize("most", [0, -1, 2.5, "all"])
def test_panels_are_counted(most):
    with pytest.raises(pp.DataError, match="most must be a positive integer"):
        plot_level_lines(level_lines(heights(3)[1], "x"), most=most)


def test_curves_of_shares_name_the_mean_and_the_levels_without_an_estimate():
    table = {"hits": [1, 3, 4, 0, 0, 0], "throws": [5, 5, 20, 5, 6, 5], "x": [0.0, 1, 2] * 2, "g": list("aaabbb")}
    fit = fit_at("p(hits, throws) ~ x + (1 | g)", table, family="binomial", beta=[0.0, 0.2], sd_g=[1.0])
    figure = plot_level_lines(level_lines(fit, "x"))
    assert figure.get_supylabel() == "probability of hits"
    assert [axes.get_title(loc="left") for axes in shown(figure)] == ["a", "b\nno finite estimate"]
    first, second = shown(figure)
    assert "no pooling" in [line.get_label() for line in first.lines]
    assert "no pooling" not in [line.get_label() for line in second.lines]
    areas = next(c for c in first.collections if len(c.get_offsets()) == 3).get_sizes()
    assert areas[2] == pytest.approx(4 * areas[0])


@pytest.mark.parametrize(("names", "turned"), [("uvw", 0), (["first condition"] + list("vw"), 90)])
def test_means_by_category_are_joined_and_rows_stand_beside_them(names, turned):
    rng = np.random.default_rng(2)
    data = {"y": rng.normal(size=36), "c": [names[k % 3] for k in range(36)], "g": np.repeat(list("abcdef"), 6)}
    draws = {"beta": rng.normal(size=(50, 3)), "b_g": rng.normal(size=(50, 6, 1)), "sd_g": np.ones((50, 1))}
    lines = level_lines(fit_at("y ~ c + (1 | g)", data, draws=50, sigma=np.ones(50), **draws), "c")
    figure = plot_level_lines(lines, prob=0.8)
    panels = shown(figure)
    assert len(panels) == 6
    for panel in panels:
        label = panel.get_title(loc="left")
        one = lines.sel(level=label)
        drawn = {line.get_label(): line for line in panel.lines}
        for name in ("no pooling", "complete pooling"):
            values = one if name == "no pooling" else lines
            assert drawn[name].get_xdata().tolist() == [0, 1, 2]
            assert drawn[name].get_ydata() == pytest.approx(values[name.replace(" ", "_")].to_numpy())
        pooled = one["partial_pooling"].to_numpy()[0]
        assert drawn["partial pooling"].get_ydata() == pytest.approx(pooled.mean(axis=0))
        (bars,) = [c for c in panel.collections if c.get_label() == "its 80 % interval"]
        ends = np.array([segment[:, 1] for segment in bars.get_segments()])
        assert ends == pytest.approx(np.quantile(pooled, [0.1, 0.9], axis=0).T)
        rows = next(line for line in panel.lines if line.get_markerfacecolor() == "white")
        own = lines["row_level"].to_numpy() == label
        places = [lines["grid"].to_numpy().tolist().index(c) for c in lines["x"].to_numpy()[own]]
        assert rows.get_xdata() == pytest.approx(np.array(places) - 0.25)
        assert rows.get_ydata() == pytest.approx(lines["adjusted"].to_numpy()[own])
        assert {tick.get_rotation() for tick in panel.get_xticklabels()} == {turned}
        assert panel.get_xlim() == (-0.6, 2.6)
    assert [tick.get_text() for tick in panels[0].get_xticklabels()] == [
        short(category, 12) for category in lines["grid"].to_numpy()
    ]
    assert figure.get_supxlabel() == "c"


def test_levels_without_trials_say_so():
    table = {"hits": [1, 2, 3, 0, 0, 0], "n": [4, 4, 4, 0, 0, 0], "x": [0.0, 1, 2] * 2, "g": list("aaabbb")}
    values = {"beta": [0.0, 0.1], "sd_g": [1.0, 1.0], "corr_g": np.eye(2)}
    fit = fit_at("p(hits, n) ~ x + (x | g)", table, family="binomial", **values)
    lines = pp.level_lines(fit, "x")
    assert lines["no_estimate"].to_numpy().tolist() == ["", "no trials"]
    figure = pp.plot_level_lines(lines)
    assert [axes.get_title(loc="left") for axes in shown(figure)] == ["a", "b\nno trials"]
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[-2:] == ["its 95 % interval", "rows (area: trials)"]
