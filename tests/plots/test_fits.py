"""Plots that take a fit: the same picture as of the answer; an error where the question needs more."""

import matplotlib.pyplot as plt
import pytest

import partialpool as pp

ALONE = {
    "icc": pp.plot_icc,
    "variance_components": pp.plot_variance_components,
    "design_effect": pp.plot_design_effect,
    "naive_errors": pp.plot_naive_errors,
    "singularity": pp.plot_singularity,
    "shrinkage": pp.plot_shrinkage,
    "group_effects": pp.plot_group_effects,
}
SIMULATED = {
    "posterior_checks": pp.plot_posterior_checks,
    "level_statistics": pp.plot_level_statistics,
    "quantile_residuals": pp.plot_quantile_residuals,
}
NEED_MORE = {"level_lines": pp.plot_level_lines, "average_effect": pp.plot_average_effect,
             "adjusted_means": pp.plot_adjusted_means}  # fmt: skip


@pytest.fixture(scope="module")
def fit():
    table = pp.load_dataset("sleepstudy")
    return pp.fit("Reaction ~ Days + (Days | Subject)", table, draws=200, seed=1, progressbar=False)


def drawn(figure):
    """Texts and positions of all lines and bars of a figure."""
    texts = [text.get_text() for text in figure.findobj(plt.Text)]
    lines = [line.get_xydata().tolist() for axes in figure.axes for line in axes.lines]
    plt.close(figure)
    return texts, lines


@pytest.mark.parametrize("question", ALONE)
def test_a_fit_gives_the_picture_of_its_answer(question, fit):
    assert drawn(ALONE[question](fit)) == drawn(ALONE[question](getattr(pp, question)(fit)))


@pytest.mark.parametrize("question", SIMULATED)
def test_questions_that_simulate_take_a_fit_too(question, fit):
    texts, _ = drawn(SIMULATED[question](fit))
    assert any("Reaction" in text for text in texts)


def test_the_prior_sensitivity_takes_a_fit(fit):
    assert drawn(pp.plot_power_scale(fit)) == drawn(pp.plot_power_scale(pp.power_scale(fit)))


def test_predictions_along_a_predictor_need_its_name_only(fit):
    figure = pp.plot_predictions(fit, "Days")
    line = figure.axes[0].lines[0].get_xdata()
    assert (line.min(), line.max()) == (0, 9)
    assert figure.axes[0].get_ylabel() == "Reaction (ms)"
    plt.close(figure)


def test_predictions_over_categories_show_each():
    herds = pp.load_dataset("cbpp")
    fit = pp.fit(
        "p(incidence, size) ~ period + (1 | herd)", herds, family="binomial", draws=200, seed=1, progressbar=False
    )
    figure = pp.plot_predictions(fit, "period")
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["1", "2", "3", "4"]
    plt.close(figure)


def test_a_column_that_the_model_does_not_use_is_refused(fit):
    with pytest.raises(pp.DataError, match="no such predictor"):
        pp.plot_predictions(fit, "Dais")
    with pytest.raises(pp.DataError, match="needs over="):
        pp.plot_predictions(fit)


@pytest.mark.parametrize("question", NEED_MORE)
def test_a_question_that_needs_more_is_to_be_asked_first(question, fit):
    with pytest.raises(pp.DataError) as refused:
        NEED_MORE[question](fit)
    assert "drawn from an answer" in str(refused.value)
    assert f"pp.{question}(fit, " in refused.value.do
