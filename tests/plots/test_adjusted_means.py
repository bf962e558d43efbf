"""The picture of adjusted means: places, panels, units, the exposure, and what stays where a title is left out."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at

RNG = np.random.default_rng(4)
TABLE = pd.DataFrame(
    {
        "birds": RNG.poisson(4, 60),
        "habitat": RNG.choice(["wood", "bog", "field"], 60),
        "observer": RNG.choice(["Anna", "Ben"], 60),
        "hours": RNG.uniform(1, 4, 60),
        "site": np.arange(60) % 6,
    }
)


@pytest.fixture(scope="module")
def fit():
    beta = np.random.default_rng(1).normal([0.3, 0.5, 1.0, 0.2], 0.1, (200, 4))
    data = TABLE.copy()
    data.attrs["units"] = {"hours": "h"}
    formula = "birds ~ habitat + observer + offset(log(hours)) + (1 | site)"
    values = {"beta": beta, "sd_site": np.full((200, 1), 0.7), "b_site": np.zeros((200, 6, 1))}
    return fit_at(formula, data, draws=200, family="poisson", **values)


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def circles(axes):
    return [line.get_xydata()[0] for line in axes.lines if line.get_marker() == "o"]


def test_circles_are_the_means_at_the_categories(fit):
    means = pp.adjusted_means(fit, "habitat", at={"hours": 2.0})
    (axes,) = pp.plot_adjusted_means(means).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == means["habitat"].to_numpy().tolist()
    expected = [means[view].mean(("chain", "draw")) for view in ("population_average", "subject_specific")]
    found = np.array(circles(axes)).reshape(2, 3, 2)
    np.testing.assert_allclose(found[..., 0], expected, rtol=1e-12)
    np.testing.assert_allclose(found[..., 1], [[-0.12, 0.88, 1.88], [0.12, 1.12, 2.12]])
    assert axes.get_xlabel() == "birds at hours=2 h\n50 % and 95 % intervals"
    assert axes.get_ylabel() == "habitat"
    assert axes.yaxis_inverted()


def test_equal_views_are_drawn_once():
    fit = fit_at("birds ~ habitat + (1 | site)", TABLE, beta=[4.0, 1.0, 2.0], sd_site=[1.0], sigma=1.0)
    figure = pp.plot_adjusted_means(pp.adjusted_means(fit, "habitat"))
    assert len(circles(figure.axes[0])) == 3
    assert not figure.legends


def test_a_second_predictor_has_a_panel_for_each_value(fit):
    figure = pp.plot_adjusted_means(pp.adjusted_means(fit, "habitat", "observer"), xlabel="Birds", ylabel="Habitat")
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["observer Anna", "observer Ben"]
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("Birds", "Habitat")
    assert all(len(circles(axes)) == 6 for axes in figure.axes)
    assert figure.legends


def test_what_is_averaged_and_held_is_said_also_without_a_title(fit):
    means = pp.adjusted_means(fit, "habitat")
    figure = pp.plot_adjusted_means(means)
    assert figure.get_suptitle() == "birds: adjusted means by habitat\naveraged over observer (2 values)"
    held = pp.adjusted_means(fit, "habitat", at={"observer": "Ben", "hours": 1})
    assert pp.plot_adjusted_means(held).get_suptitle() == "birds: adjusted means by habitat\nheld: observer=Ben"
    figure = pp.plot_adjusted_means(held, title="", xlabel="Birds per hour")
    assert figure.get_suptitle() == ""
    assert figure.axes[0].get_xlabel() == "Birds per hour\nheld: observer=Ben"
    held = pp.adjusted_means(fit, "habitat", "hours", at={"observer": "Ben", "hours": [1, 2]})
    figure = pp.plot_adjusted_means(held, title="Mine")
    assert figure.get_supxlabel().endswith("\nheld: observer=Ben")


def test_too_many_panels_are_refused(fit):
    means = pp.adjusted_means(fit, "habitat", "hours", at={"hours": np.linspace(1, 2, 21)})
    with pytest.raises(pp.DataError, match="too many panels") as error:
        pp.plot_adjusted_means(means)
    assert error.value.got == "21: 21 of hours"
    assert len(pp.plot_adjusted_means(means.isel(hours=slice(20))).axes) == 20


def test_the_picture_of_predictions_names_this_one(fit):
    with pytest.raises(pp.DataError, match=r"not an answer of pp\.predict") as error:
        pp.plot_predictions(pp.adjusted_means(fit, "habitat"), "habitat")
    assert error.value.do == "draw it by pp.plot_adjusted_means(answer)"


def test_predictions_state_the_unit_of_the_exposure_and_keep_what_is_held(fit):
    rows = {"habitat": ["wood", "bog"], "observer": ["Ben"] * 2, "hours": [1.5] * 2}
    predicted = pp.predict(fit, rows, kind="marginal", seed=1)
    (axes,) = pp.plot_predictions(predicted, "habitat").axes
    assert axes.get_ylabel() == "birds\nat hours=1.5 h"
    figure = pp.plot_predictions(predicted, "habitat", title="")
    assert figure.axes[0].get_xlabel() == "habitat\nheld: observer=Ben"
    assert figure.axes[0].get_ylabel() == "birds\nat hours=1.5 h"
