"""Pictures of predictions and average effects: axes, colours, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def slopes():
    return fit_at(
        "Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), beta=[250.0, 10.0], sd_Subject=[20.0, 5.0],
        corr_Subject=np.eye(2), sigma=25.0,
    )  # fmt: skip


@pytest.fixture(scope="module")
def logistic():
    data = pp.load_dataset("contraception")
    return fit_at(
        "use ~ age + livch + urban + (1 | district)", data, family="bernoulli",
        beta=[-1.0, 0.02, 0.7, 0.8, 0.9, 0.7], sd_district=[1.0],
    )  # fmt: skip


def test_a_curve_per_level(slopes):
    new = {"Days": [9, 0, 5] * 2, "Subject": ["308"] * 3 + ["335"] * 3}
    (axes,) = pp.plot_predictions(pp.predict(slopes, new), "Days", by="Subject", unit="ms", xunit="d").axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("Days (d)", "Reaction (ms)")
    assert [line.get_label() for line in axes.get_lines()] == ["308", "335"]
    assert axes.get_lines()[0].get_xdata().tolist() == [0, 5, 9]
    assert axes.get_lines()[0].get_ydata() == pytest.approx([250, 300, 340])
    assert len(axes.collections) == 4  # mean and response, twice


def test_categories_are_points_and_probabilities_have_no_responses(logistic):
    new = {"age": [0.0] * 4, "livch": ["0", "1", "2", "3+"], "urban": ["N"] * 4}
    (axes,) = pp.plot_predictions(pp.predict(logistic, new, kind="marginal"), "livch").axes
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "1", "2", "3+"]
    assert axes.get_ylabel() == "probability of use = Y"
    assert len(axes.collections) == 1


def test_what_cannot_be_drawn(slopes):
    predictions = pp.predict(slopes)
    with pytest.raises(pp.DataError, match="two rows have the same value"):
        pp.plot_predictions(predictions, "Days")
    with pytest.raises(pp.DataError, match="no such column"):
        pp.plot_predictions(predictions, "Day")


def test_more_than_six_values_have_a_panel_each(slopes):
    predictions = pp.predict(slopes, kind="conditional")
    panels = pp.plot_predictions(predictions, "Days", by="Subject").axes
    drawn = [panel for panel in panels if panel.lines]
    assert [panel.get_title(loc="left") for panel in drawn] == list(slopes.design.factors[0].levels.labels)
    limits = {panel.get_ylim() for panel in drawn}
    assert len(limits) == 1
    assert all(len(panel.lines) == 1 for panel in drawn)


def test_of_many_values_some_are_drawn_and_the_title_says_so():
    table = {"y": np.arange(90.0), "x": np.tile([0.0, 1, 2], 30), "g": np.repeat([f"g{k:02d}" for k in range(30)], 3)}
    fit = fit_at("y ~ x + (1 | g)", table, beta=[0.0, 1.0], sd_g=[1.0], sigma=1.0)
    figure = pp.plot_predictions(fit, "x", by="g")
    drawn = [panel.get_title(loc="left") for panel in figure.axes if panel.lines]
    assert len(drawn) == 20
    assert (drawn[0], drawn[-1]) == ("g00", "g29")
    assert "20 of 30 values of g" in figure.get_suptitle()


def test_a_fit_is_predicted_for_the_levels_of_a_named_factor(slopes):
    b = slopes.posterior["b_Subject"].isel(chain=0, draw=0)
    panels = [panel for panel in pp.plot_predictions(slopes, "Days", by="Subject").axes if panel.lines]
    for panel in panels:
        own = b.sel(Subject=panel.get_title(loc="left")).to_numpy()
        assert panel.lines[0].get_ydata()[[0, -1]] == pytest.approx([250 + own[0], 250 + own[0] + 9 * (10 + own[1])])
    with pytest.raises(pp.DataError, match="no such predictor"):
        pp.plot_predictions(slopes, "Days", by="subject")


def test_effects_side_by_side(logistic):
    (axes,) = pp.plot_average_effect(pp.average_effect(logistic, "livch", measure="odds_ratio")).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["1 against 0", "2 against 0", "3+ against 0"]
    assert [t.get_text() for t in axes.figure.legends[0].get_texts()] == ["population average", "subject specific"]
    assert axes.get_xscale() == "log"
    (axes,) = pp.plot_average_effect(pp.average_effect(logistic, "urban"), unit="probability").axes
    assert axes.get_xlabel() == "average difference (probability), 50 % and 95 % intervals"


def test_counts_are_of_an_exposure_that_the_axis_names_and_coded_categories_are_points():
    data = {"y": [1, 3, 2, 5, 0, 4], "w": [2.0, 4, 6] * 2, "period": [1, 2, 3] * 2, "g": [0, 0, 0, 1, 1, 1]}
    formula = "y ~ C(period) + offset(log(w)) + (1 | g)"
    fit = fit_at(formula, data, family="poisson", beta=[0.1, 0.2, -0.3], sd_g=[0.5])
    grid = pp.datagrid(fit, period=[1, 2, 3])
    (axes,) = pp.plot_predictions(pp.predict(fit, grid, kind="typical", seed=1), "period").axes
    assert axes.get_ylabel() == "y\nat w=4"
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2", "3"]
    assert not [line for line in axes.lines if len(line.get_xdata()) == 3 and line.get_linestyle() == "-"]
    (each,) = pp.plot_predictions(pp.predict(fit, grid.assign(w=1.0), kind="typical", seed=1), "period").axes
    assert each.get_ylabel() == "y\nat w=1"
    different = pp.predict(fit, grid.assign(w=[1.0, 2.0, 4.0]), kind="typical", seed=1)
    (both,) = pp.plot_predictions(different, "period").axes
    assert both.get_ylabel() == "y\nat offset log(w) = 0 to 1.386"


def test_the_title_states_the_values_of_predictors_that_are_not_drawn():
    data = {"y": [1, 3, 2, 5, 0, 4], "x": [2.0, 4, 6] * 2, "z": ["v", "u", "u"] * 2, "g": [0, 0, 0, 1, 1, 1]}
    fit = fit_at("y ~ x + z + (1 | g)", data, family="poisson", beta=[0.1, 0.2, -0.3], sd_g=[0.5])
    titles = [pp.plot_predictions(fit, name).get_suptitle() for name in ("x", "z")]
    assert titles[0].endswith("\nheld: z=u")
    assert titles[1].endswith("\nheld: x=4")
    assert "held" not in pp.plot_predictions(fit, "x", by="z").get_suptitle()


def test_without_new_responses_only_the_mean_is_drawn():
    data = {"y": [1, 3, 2, 5, 0, 4], "x": [2.0, 4, 6] * 2, "g": [0, 0, 0, 1, 1, 1]}
    fit = fit_at("y ~ x + (1 | g)", data, family="poisson", beta=[0.1, 0.2], sd_g=[0.5])
    with_them, without = (pp.plot_predictions(fit, "x", responses=wanted) for wanted in (True, False))
    assert len(with_them.axes[0].collections) == 1 + len(without.axes[0].collections)
    assert "new responses" not in without.get_suptitle()


def test_effects_by_a_category_have_a_row_each(logistic):
    effects = pp.average_effect(logistic, "urban", by="livch")
    (axes,) = pp.plot_average_effect(effects).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == [f"Y against N: livch {k}" for k in ("0", "1", "2", "3+")]
    circles = [line.get_xdata()[0] for line in axes.lines if line.get_marker() == "o"]
    expected = effects["population_average"].mean(("chain", "draw")).to_numpy().ravel()
    assert sorted(circles)[0] == pytest.approx(
        min(expected.min(), float(effects["subject_specific"].mean(("chain", "draw")).min()))
    )


def test_by_of_an_ordinal_response_is_refused_with_what_to_do():
    data = {
        "y": ["low", "mid", "high"] * 8,
        "x": np.tile([0.0, 1, 2, 3], 6),
        "arm": ["a", "b"] * 12,
        "g": list("abcd") * 6,
    }
    frame = pd.DataFrame(data).assign(y=lambda t: pd.Categorical(t["y"], ["low", "mid", "high"], ordered=True))
    spec = "y ~ x + arm + (1 | g)"
    fit = pp.fit(spec, frame, family="cumulative", draws=50, chains=2, seed=1, progressbar=False)
    with pytest.raises(pp.DataError, match="a colour per category"):
        pp.plot_predictions(fit, "x", by="arm")


def test_levels_within_levels_are_not_drawn_by_half_of_their_name():
    table = {
        "y": np.arange(12.0),
        "x": np.tile([0.0, 1, 2], 4),
        "site": list("aaaaaabbbbbb"),
        "plot": list("pppqqq" * 2),
    }
    fit = fit_at("y ~ x + (1 | site/plot)", table, beta=[0.0, 1.0], sd_site=[1.0], **{"sd_site:plot": [1.0]}, sigma=1.0)
    panels = pp.plot_predictions(fit, "x", by="site").axes
    assert len(panels) == 1  # two colours
    for name in ("plot", "site:plot"):
        with pytest.raises(pp.DataError, match="no such predictor"):
            pp.plot_predictions(fit, "x", by=name)
    assert len(pp.datagrid(fit, by="site:plot")) == 4
