"""Titles and labels that are longer than their figure or panel take two lines, and keep what fits into two."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import partialpool as pp
from partialpool.plots.style import house_style
from partialpool.plots.wrapped_texts import wrap_texts

RESPONSE, PREDICTOR = "Systolic blood pressure at the first visit", "Age of the patient at enrolment in the study"
SPECIES = ("Acrocephalus schoenobaenus", "Aegithalos caudatus europaeus", "Phoenicurus ochruros")


def figure_of(panels=1, width=6.0, height=4.0):
    with house_style():
        figure, axes = plt.subplots(1, panels, figsize=(width, height), squeeze=False)
    return figure, axes[0]


def widths(text):
    """Pixels of each line of a text, from left to right or, if upright, from below."""
    figure = text.get_figure(root=True)
    lines, whole = text.get_text().split("\n"), text.get_text()
    found = []
    for line in lines:
        text.set_text(line)
        box = text.get_window_extent(figure.canvas.get_renderer())
        found.append(max(box.width, box.height))
    text.set_text(whole)
    return found


def test_short_texts_stay_as_they_are():
    figure, (axes,) = figure_of()
    figure.suptitle("Reaction over Days\nheld: sex")
    axes.set(title="mean", xlabel="Days", ylabel="Reaction (ms)")
    wrap_texts(figure)
    assert [t.get_text() for t in (figure._suptitle, axes.title, axes.xaxis.label, axes.yaxis.label)] == [
        "Reaction over Days\nheld: sex", "mean", "Days", "Reaction (ms)",
    ]  # fmt: skip


def test_each_line_of_a_title_takes_two_at_most_and_loses_no_word():
    figure, _ = figure_of(width=4)
    long = f"{RESPONSE} over {PREDICTOR}"
    title = figure.suptitle(f"{long}\nheld: sex", x=0.01, ha="left")
    wrap_texts(figure)
    lines = title.get_text().split("\n")
    assert " ".join(lines[:-1]) == long
    assert len(lines) == 3
    assert lines[-1] == "held: sex"
    assert max(widths(title)) <= figure.bbox.width


def test_words_are_broken_only_where_spaces_do_not_suffice():
    figure, (axes,) = figure_of(width=3)
    axes.set_xlabel("systolic_blood_pressure_at_the_first_visit_of_the_patient")
    wrap_texts(figure)
    first, second = axes.get_xlabel().split("\n")
    assert first.endswith("_")
    assert first + second == "systolic_blood_pressure_at_the_first_visit_of_the_patient"


def test_what_is_too_long_for_two_lines_loses_its_middle():
    figure, axes = figure_of(panels=4, width=5)
    axes[1].set_title("W" * 30 + " " + "M" * 30)
    wrap_texts(figure)
    halves = axes[1].get_title().split("\n")
    assert len(halves) == 2
    for half, letter in zip(halves, "WM", strict=True):
        assert half.count("…") == 1
        assert set(half) == {letter, "…"}


def test_a_label_beside_a_panel_is_no_longer_than_the_panel():
    figure, (axes,) = figure_of(height=3)
    figure.suptitle("A title", x=0.01, ha="left")
    axes.set_ylabel(f"{RESPONSE} (mmHg)")
    wrap_texts(figure)
    figure.draw_without_rendering()
    assert axes.get_ylabel().count("\n") == 1
    assert max(widths(axes.yaxis.label)) <= axes.get_window_extent().height


@pytest.fixture(scope="module")
def fit():
    rng = np.random.default_rng(2)
    data = pd.DataFrame({PREDICTOR: rng.uniform(20, 80, 90), "species": np.repeat(SPECIES, 30)})
    data[RESPONSE] = 100 + 0.3 * data[PREDICTOR] + rng.normal(0, 10, 90)
    formula = f"`{RESPONSE}` ~ `{PREDICTOR}` + (`{PREDICTOR}` | species)"
    return pp.fit(
        formula, data, seed=1, draws=100, chains=2, units={RESPONSE: "mmHg", PREDICTOR: "years"}, progressbar=False
    )


PICTURES = {
    "lines": lambda fit: pp.plot_level_lines(pp.level_lines(fit, PREDICTOR)),
    "predictions": lambda fit: pp.plot_predictions(fit, PREDICTOR),
    "shrinkage": lambda fit: pp.plot_shrinkage(pp.shrinkage(fit)),
    "slopes": lambda fit: pp.plot_level_effects(pp.level_effects(fit, PREDICTOR)),
    "origins": lambda fit: pp.plot_recenter(pp.recenter(fit, None, {PREDICTOR: [20, 50, 80]})),
}


@pytest.mark.filterwarnings("ignore:do not rely on these draws")
@pytest.mark.parametrize("picture", PICTURES)
def test_long_names_are_written_in_full_and_inside_the_figure(picture, fit):
    figure = PICTURES[picture](fit)
    figure.draw_without_rendering()
    panels = [axes for axes in figure.axes if axes.get_label() != "<colorbar>"]
    texts = [figure._suptitle, figure._supxlabel, figure._supylabel]
    texts += [text for axes in panels for text in (axes._left_title, axes.xaxis.label, axes.yaxis.label)]
    texts = [text for text in texts if text is not None and text.get_text()]
    written = [text.get_text().replace("\n", " ") for text in texts]
    assert any(RESPONSE in text or PREDICTOR in text for text in written)
    assert not any("…" in text for text in written)
    for text in texts:
        box = text.get_window_extent()
        assert box.x0 >= -1
        assert box.y0 >= -1
        assert box.x1 <= figure.bbox.x1 + 1
        assert box.y1 <= figure.bbox.y1 + 1
    plt.close(figure)


def test_a_figure_without_a_canvas_to_draw_on_is_wrapped_too():
    figure = Figure(figsize=(3, 2))
    title = figure.suptitle(RESPONSE)
    wrap_texts(figure)
    assert title.get_text().count("\n") == 1
