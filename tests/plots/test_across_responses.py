"""The picture of many responses has the numbers of its answer."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp
from checks.many import made_up


@pytest.fixture(scope="module")
def look():
    return pp.across_responses(made_up(), seed=1)


@pytest.fixture
def panels(look):
    figure = pp.plot_across_responses(look, prob=0.8)
    yield figure.axes
    plt.close(figure)


def lines(axes):
    return {line.get_label(): np.column_stack(line.get_data()) for line in axes.get_lines()}


def test_the_distribution_of_iccs(look, panels):
    drawn = lines(panels[0])
    cuts = [0, *look["cut"].to_numpy(), 1]
    draws = look["population_below"].sel(factor="a")
    shown = {"a": draws.mean(("chain", "draw")), "a, one by one": look["each_below"].sel(factor="a")}
    for label, below in shown.items():
        np.testing.assert_allclose(drawn[label], np.column_stack([cuts, [0, *below.to_numpy(), 1]]))
    (band,) = panels[0].collections
    ends = draws.quantile([0.1, 0.9], dim=("chain", "draw")).to_numpy()
    heights = band.get_paths()[0].vertices
    for k, cut in enumerate(look["cut"].to_numpy()):
        here = heights[np.isclose(heights[:, 0], cut), 1]
        np.testing.assert_allclose([here.min(), here.max()], ends[:, k])
    assert "80 % interval" in panels[0].get_title(loc="left")


def test_the_wrong_signs_to_expect(look, panels):
    values = np.sort(look["s_value"].sel(coef="x").dropna("response").to_numpy())
    count = int(look["stated"].sel(coef="x", s_below=0.05))
    np.testing.assert_allclose(lines(panels[1])[f"x: {count} of 199"], np.column_stack([np.arange(1, 200), values]))
    assert panels[1].get_ylim()[1] > values.max()


def test_the_title_says_how_many_were_not_fitted(look):
    figure = pp.plot_across_responses(look)
    assert figure.get_suptitle().startswith("199 responses (1 more were not fitted): y ~ x + (1 | a)")
    plt.close(figure)
