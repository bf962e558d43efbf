"""The picture of a likelihood-ratio test: its nulls, the share at 0, and the observed statistic."""

from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp
from partialpool.plots.lrt import plot_lrt
from partialpool.questions.lrt import lrt


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def dyestuff():
    return lrt("Yield ~ 1 + (1 | Batch)", "Yield ~ 1", pp.load_dataset("dyestuff"), reml=True, seed=1)


def legend_of(axes):
    (legend,) = axes.figure.legends
    return [text.get_text() for text in legend.get_texts()]


def test_the_share_at_zero_stands_beside_the_densities(dyestuff):
    zero, axes = plot_lrt(dyestuff).axes
    assert zero.get_ylabel() == "probability of exactly 0"
    share = (dyestuff.null == 0).mean()
    assert [bar.get_height() for bar in zero.patches] == pytest.approx([share, 0.5])
    assert [text.get_text() for text in zero.texts] == [f"{share:.2f}", "0.50"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("likelihood-ratio statistic above 0", "density")
    assert legend_of(axes) == [
        "simulated (exact, 10000 draws)",
        r"0.5 $\chi^2_{0}$ + 0.5 $\chi^2_{1}$",
        r"$\chi^2_{1}$ (naive)",
    ]


def test_the_histogram_has_the_area_above_zero(dyestuff):
    _, axes = plot_lrt(dyestuff).axes
    heights, edges, _ = axes.patches[0].get_data()
    inside = (dyestuff.null > 0) & (dyestuff.null <= edges[-1])
    assert (heights * np.diff(edges)).sum() == pytest.approx(inside.mean())


def test_the_observed_statistic_is_a_line(dyestuff):
    _, axes = plot_lrt(dyestuff).axes
    assert list(axes.get_lines()[-1].get_xdata()) == [dyestuff.statistic, dyestuff.statistic]
    assert axes.texts[-1].get_text() == "observed 6.369"
    assert axes.get_xlim()[1] > dyestuff.statistic


def test_a_statistic_far_off_is_an_arrow(sleepstudy):
    test = lrt("Reaction ~ Days + (1 | Subject)", "Reaction ~ Days", sleepstudy, seed=1)
    _, axes = plot_lrt(test).axes
    assert axes.texts[-1].get_text() == "observed 106.2"
    assert axes.get_xlim()[1] < 50
    assert len(axes.get_lines()) == 2  # the nulls alone


def test_nulls_without_mass_at_zero_have_one_panel(sleepstudy):
    full, reduced = "Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (Days || Subject)"
    (axes,) = plot_lrt(lrt(full, reduced, sleepstudy, simulations=0)).axes
    assert legend_of(axes) == [r"$\chi^2_{1}$"]
    none_known = lrt(full, "Reaction ~ Days", sleepstudy, simulations=0)
    (axes,) = plot_lrt(none_known).axes
    assert legend_of(axes) == [r"$\chi^2_{3}$ (naive)"]


def test_only_the_nulls_are_mathematics(dyestuff):
    figure = plot_lrt(dyestuff)
    assert all(text.get_parse_math() for text in figure.legends[0].get_texts())
    odd = plot_lrt(replace(dyestuff, added=r"(1 | $\x$)"))
    odd.canvas.draw()
    assert odd.get_suptitle() == r"Null distributions: (1 | $\x$)"
