"""Titles of panels keep their distance from the upper edge of a figure without a title of its own."""

import io

import matplotlib.pyplot as plt
import numpy as np
import PIL.Image
import pytest

import partialpool as pp
from partialpool.plots.style import house_style

DATA = pp.load_dataset("sleepstudy")


@pytest.fixture(scope="module")
def fit():
    return pp.fit("Reaction ~ Days + (1 | Subject)", DATA, seed=1, draws=100, progressbar=False)


def inches_above(figure):
    """Height of the white above the first row of pixels with ink."""
    stream = io.BytesIO()
    figure.savefig(stream, dpi=100)
    plt.close(figure)
    with PIL.Image.open(stream) as image:
        return int(np.argmax((np.asarray(image.convert("L")) < 200).any(axis=1))) / 100


PICTURES = {
    "compare": lambda fit: pp.plot_compare(pp.compare({"a": fit, "b": fit}, seed=1)),
    "residual_trends": lambda fit: pp.plot_residual_trends(pp.residual_trends(fit, "Days", seed=1)),
    "without its title": lambda fit: pp.plot_quantile_residuals(fit, title=""),
}


@pytest.mark.parametrize("name", PICTURES)
def test_titles_of_panels_do_not_touch_the_edge(fit, name):
    figure = PICTURES[name](fit)
    assert not figure.get_suptitle()
    assert any(axes.get_title(loc) for axes in figure.axes for loc in ("left", "center"))
    assert inches_above(figure) >= 0.08


def drawn(title=""):
    with house_style():
        figure, axes = plt.subplots(figsize=(4, 3))
        axes.set_title("a panel")
        figure.suptitle(title)
    return figure


def test_a_title_of_the_figure_needs_no_more_room():
    figure = drawn("the figure")
    assert figure.get_layout_engine().get()["rect"] == (0, 0, 1, 1)
    plt.close(figure)
    assert drawn().get_layout_engine().get()["rect"] == (0, 0, 1, 1 - 0.06 / 3)
    plt.close("all")
