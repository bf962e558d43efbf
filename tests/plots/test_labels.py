"""Every picture of data whose names are long, look like mathematics, or cannot be printed."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.text import Text

import partialpool as pp
from checks.fixed import fit_at

LONG = "a_name_without_any_space_that_goes_on_for_more_than_seventy_letters_in_all"
NAMES = {
    "math": ((r"$\x$", "$a_{$", "$$", "50 % $", "^_", r"$\frac{$"), r"$\bad$", r"$g\o$", r"$y\q$"),
    "controls": (("a\x07b", "\x1b[31mred", "v\x0bt", "two\nlines", "tab\tbed", "\x00"), "x", "g", "y"),
    "long": ((LONG, LONG + "_2", "x" * 300, "many words " * 9, "short", "W" * 40), LONG + "_x", LONG + "_g", LONG),
}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module", params=list(NAMES))
def names(request):
    return NAMES[request.param]


@pytest.fixture(scope="module")
def table(names):
    levels, x, g, y = names
    rng = np.random.default_rng(1)
    rows = np.repeat(np.arange(len(levels)), 8)
    return {
        x: np.tile(np.arange(8.0), len(levels)),
        g: np.array(levels, dtype=object)[rows],
        y: rows + rng.normal(size=len(rows)),
        "c": np.array(levels[:3], dtype=object)[np.tile([0, 1, 2, 1], 12)],
    }


@pytest.fixture(scope="module")
def fit(names, table):
    _, x, g, y = names
    rng = np.random.default_rng(2)
    values = {
        "beta": rng.normal(size=(40, 4)), f"sd_{g}": np.abs(rng.normal(1, 0.1, (40, 2))),
        f"corr_{g}": np.tile(np.array([[1, 0.2], [0.2, 1]]), (40, 1, 1)), "sigma": np.full(40, 1.0),
        f"b_{g}": rng.normal(size=(40, 6, 2)),
    }  # fmt: skip
    return fit_at(f"`{y}` ~ `{x}` + c + (`{x}` | `{g}`)", table, draws=40, **values)


@pytest.fixture(scope="module")
def intercepts(names, table):
    _, x, g, y = names
    rng = np.random.default_rng(3)
    values = {"beta": rng.normal(size=(40, 2)), f"sd_{g}": np.ones((40, 1)), "sigma": np.ones(40)}
    return fit_at(f"`{y}` ~ `{x}` + (1 | `{g}`)", table, draws=40, **values, **{f"b_{g}": rng.normal(size=(40, 6, 1))})


def predictions(fit, x, g, **options):
    two = fit.design.factors[0].levels.labels[:2]
    new = {x: [0.0, 7.0] * 2, "c": [fit.design.frame["c"].cat.categories[0]] * 4, g: [two[0], two[0], two[1], two[1]]}
    return pp.plot_predictions(pp.predict(fit, new), x, **options)


def categories(fit, x, g):
    labels = fit.design.frame["c"].cat.categories
    return pp.plot_predictions(pp.predict(fit, {x: [1.0] * 3, "c": list(labels)}, kind="marginal"), "c")


def panels(fit, x):
    first = fit.design.frame["c"].cat.categories[0]
    return pp.plot_level_lines(pp.level_lines(fit, x, points=3, at={"c": first}))


PICTURES = {
    "forest": lambda f, i, x, g: pp.plot_group_effects(pp.group_effects(f)),
    "plane": lambda f, i, x, g: pp.plot_shrinkage(pp.shrinkage(f)),
    "line": lambda f, i, x, g: pp.plot_shrinkage(pp.shrinkage(i)),
    "panels": lambda f, i, x, g: panels(f, x),
    "responders": lambda f, i, x, g: pp.plot_level_effects(pp.level_effects(f, x)),
    "ranks": lambda f, i, x, g: pp.plot_level_ranks(pp.level_ranks(f, x)),
    "checks": lambda f, i, x, g: pp.plot_level_statistics(pp.level_statistics(f, seed=1)),
    "posterior checks": lambda f, i, x, g: pp.plot_posterior_checks(pp.posterior_checks(f, seed=1)),
    "quantile residuals": lambda f, i, x, g: pp.plot_quantile_residuals(pp.quantile_residuals(f, seed=1), x),
    "quantile residuals by level": lambda f, i, x, g: pp.plot_quantile_residuals(pp.quantile_residuals(f, seed=1), g),
    "curves": lambda f, i, x, g: predictions(f, x, g, by=g),
    "categories": lambda f, i, x, g: categories(f, x, g),
    "averages": lambda f, i, x, g: pp.plot_average_effect(pp.average_effect(f, "c")),
    "adjusted means": lambda f, i, x, g: pp.plot_adjusted_means(pp.adjusted_means(f, "c", x, at={x: [0, 7]})),
    "icc": lambda f, i, x, g: pp.plot_icc(pp.icc(i)),
    "icc along": lambda f, i, x, g: pp.plot_icc(pp.icc(f, at={x: [0, 1, 2]})),
    "shares": lambda f, i, x, g: pp.plot_variance_components(pp.variance_components(f)),
    "naive": lambda f, i, x, g: pp.plot_naive_errors(pp.naive_errors(f)),
    "narrow": lambda f, i, x, g: pp.plot_singularity(pp.singularity(f)),
    "residues": lambda f, i, x, g: pp.plot_residual_trends(pp.residual_trends(f, x, seed=1)),
    "fan": lambda f, i, x, g: pp.plot_variance_function(pp.variance_function(i, {x: [0.0, 1.0, 2.0]})),
    "origins": lambda f, i, x, g: pp.plot_recenter(pp.recenter(f, **{x: [0.0, 1.0, 2.0]})),
}


@pytest.mark.parametrize("picture", list(PICTURES))
def test_it_is_drawn_with_labels_of_one_short_line(picture, fit, intercepts, names):
    _, x, g, _ = names
    figure = PICTURES[picture](fit, intercepts, x, g)
    figure.canvas.draw()
    texts = [text.get_text() for text in figure.findobj(Text) if text.get_visible()]
    assert not any(LONG in text or "x" * 60 in text or "\x07" in text or "\x1b" in text for text in texts)
    # No panel is squeezed to a sliver by what is written beside it.
    renderer = figure.canvas.get_renderer()
    for axes in (a for a in figure.axes if a.get_label() != "<colorbar>" and a.axison):
        box = axes.get_window_extent(renderer)
        assert box.width > 70
        assert box.height > 45
