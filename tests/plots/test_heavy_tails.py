"""Points of heavy-tailed draws: medians inside their own bars, of one kind in a picture, and the picture says so."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from checks.fixed import fit_at

S = 4000
WHY = "posterior median (a few draws decide the mean)"
DATA = {
    "y": np.arange(24) % 7,
    "x": np.tile([0.0, 1.0, 2.0, 4.0], 6),
    "arm": np.repeat(["a", "b"], 12),
    "g": np.repeat(list("uvwxyz"), 4),
}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def counts(spread):
    """Counts of few levels whose sd is exp(spread z): means over new levels are exp(eta + sd^2 / 2)."""
    rng = np.random.default_rng(1)
    sd = 1.5 * np.exp(spread * rng.normal(size=(S, 1)))
    values = {"beta": 0.1 * rng.normal(size=(S, 3)), "sd_g": sd, "b_g": sd[:, None] * rng.normal(size=(S, 6, 1))}
    return fit_at("y ~ x + arm + (1 | g)", DATA, family="poisson", draws=S, **values)


def lines_over(spread, *, nu=None):
    """Slopes that vary, with sds of exp(spread z); Student t where nu is given."""
    rng = np.random.default_rng(2)
    sd = np.exp(spread * rng.normal(size=(S, 2)))
    values = {
        "beta": rng.normal(size=(S, 2)), "sd_g": sd, "corr_g": np.broadcast_to(np.eye(2), (S, 2, 2)),
        "b_g": sd[:, None] * rng.normal(size=(S, 6, 2)), "sigma": np.exp(0.1 * rng.normal(size=S)),
    }  # fmt: skip
    if nu is not None:
        return fit_at("y ~ x + (x | g)", DATA, family="student_t", draws=S, nu=nu(rng), **values)
    return fit_at("y ~ x + (x | g)", DATA, draws=S, **values)


def _circles(axes):
    return [line for line in axes.get_lines() if line.get_marker() == "o"]


def _texts(figure):
    every = [figure.get_suptitle(), *(axes.get_xlabel() for axes in figure.axes)]
    return " ".join(" ".join(every).split())


def _inside(value, draws):
    low, high = np.quantile(draws, [0.25, 0.75])
    return low <= value <= high


@pytest.mark.parametrize("measure", ["difference", "ratio"])
@pytest.mark.parametrize(("spread", "heavy"), [(0.6, True), (0.05, False)])
def test_average_effects(spread, heavy, measure):
    effects = pp.average_effect(counts(spread), "x", measure=measure)
    figure = pp.plot_average_effect(effects)
    heavy = heavy and measure == "difference"  # a ratio of two means under a log link does not ask for the sd
    assert (WHY in _texts(figure)) == heavy
    (axes,) = figure.axes
    median = heavy or measure == "ratio"  # of ratios always
    views = ("population_average", "subject_specific")[: len(_circles(axes))]
    for circle, view in zip(_circles(axes), views, strict=True):
        draws = effects[view].to_numpy()
        (at,) = circle.get_xdata()
        assert at == pytest.approx(float(np.median(draws) if median else draws.mean()))
        assert _inside(at, draws)


@pytest.mark.parametrize(("spread", "heavy"), [(0.6, True), (0.05, False)])
def test_predictions_at_categories_and_along_a_number(spread, heavy):
    fit = counts(spread)
    at_arms = pp.predict(fit, pp.datagrid(fit, arm=["a", "b"]), kind="marginal", seed=1)
    figure = pp.plot_predictions(at_arms, "arm")
    assert (WHY in _texts(figure)) == heavy
    assert ("mean and its 95 % interval" in _texts(figure)) != heavy
    draws = at_arms["expectation"].transpose("chain", "draw", "obs").to_numpy().reshape(S, 2)
    (circles,) = _circles(figure.axes[0])
    assert circles.get_ydata() == pytest.approx(np.median(draws, axis=0) if heavy else draws.mean(axis=0))
    assert all(_inside(y, draws[:, k]) for k, y in enumerate(circles.get_ydata()))
    along = pp.predict(fit, pp.datagrid(fit, x=[0.0, 1, 2]), kind="marginal", seed=1)
    figure = pp.plot_predictions(along, "x")
    assert (WHY in _texts(figure)) == heavy
    draws = along["expectation"].transpose("chain", "draw", "obs").to_numpy().reshape(S, 3)
    line = figure.axes[0].get_lines()[0].get_ydata()
    assert line == pytest.approx(np.median(draws, axis=0) if heavy else draws.mean(axis=0))


def test_titles_fit_on_the_figure():
    fit = counts(0.6)
    figure = pp.plot_predictions(pp.predict(fit, pp.datagrid(fit, x=[0.0, 1]), kind="marginal", seed=1), "x")
    figure.canvas.draw()
    assert figure._suptitle.get_window_extent().x1 <= figure.bbox.x1


@pytest.mark.parametrize(("spread", "heavy"), [(2.5, True), (0.05, False)])
def test_forests_of_levels(spread, heavy):
    effects = pp.group_effects(lines_over(spread), "g")
    figure = pp.plot_group_effects(effects)
    assert (WHY if heavy else "posterior mean, 50 %") in figure.get_suptitle()
    for panel, effect in zip(figure.axes, effects["effect"].to_numpy(), strict=True):
        draws = effects["effects"].sel(effect=effect).transpose("chain", "draw", "level").to_numpy().reshape(S, 6)
        points = np.median(draws, axis=0) if heavy else draws.mean(axis=0)
        (circles,) = _circles(panel)
        assert sorted(circles.get_xdata()) == pytest.approx(sorted(points))


def test_responders_lines_and_origins_say_it_too():
    for spread, heavy in ((2.5, True), (0.05, False)):
        fit = lines_over(spread)
        assert (WHY in _texts(pp.plot_level_effects(pp.level_effects(fit, "x")))) == heavy
        assert (WHY in _texts(pp.plot_level_lines(pp.level_lines(fit, "x")))) == heavy
        moved = pp.plot_recenter(pp.recenter(fit, x=np.linspace(0, 4, 5)))
        assert (WHY if heavy else "posterior mean, 50 %") in moved.get_suptitle()


@pytest.mark.parametrize(("share", "heavy"), [(0.1, True), (5.0, False)])
def test_shares(share, heavy):
    """Shares near 0: of Beta(0.1, 5) draws nearly all are smaller than their mean."""
    draws = np.random.default_rng(1).beta(share, 5, size=(1, S, 1))
    values = dict.fromkeys(("icc", "same"), (("chain", "draw", "factor"), draws))
    answer = xr.Dataset(values | {"total": (("chain", "draw"), draws[..., 0])}, coords={"factor": ["g"]})
    answer.attrs = {"response": "y", "residual": "sigma^2"}
    figure = pp.plot_icc(answer)
    assert (WHY if heavy else "posterior mean, 50 %") in figure.get_suptitle()
    (circle,) = _circles(figure.axes[0])
    assert _inside(circle.get_xdata()[0], draws)


@pytest.mark.parametrize("infinite", [0.01, 0.2, 0.7])
def test_a_fan_of_student_t_whose_variance_is_infinite_in_some_draws(infinite):
    fit = lines_over(0.05, nu=lambda rng: np.where(rng.random(S) < infinite, 1.5, 2.5 + rng.exponential(size=S)))
    variances = pp.variance_function(fit, {"x": [0.0, 2, 4]})
    figure = pp.plot_variance_function(variances)
    figure.canvas.draw()
    left, right = figure.axes
    assert figure.get_suptitle() == WHY
    names = [text.get_text() for text in right.get_legend().get_texts()]
    ends = ["", ": infinite", ": infinite"] if infinite > 0.5 else ["", "", ""]
    assert names == [name + end for name, end in zip(("g", "residual", "total"), ends, strict=True)]
    assert np.isfinite([*left.get_ylim(), *right.get_ylim()]).all()
    residual = variances["parts"].sel(part="residual").transpose("chain", "draw", "x").to_numpy().reshape(S, 3)
    np.testing.assert_allclose(right.get_lines()[1].get_ydata(), np.sqrt(np.median(residual, axis=0)))
    # A band without an upper end leaves the panel at its top.
    above = right.collections[1].get_paths()[0].vertices[:, 1].max()
    assert (above > right.get_ylim()[1]) == (infinite > 0.025)


def test_design_effects():
    answer = pp.design_effect(lines_over(0.05))
    assert "posterior mean, 50 %" in pp.plot_design_effect(answer).get_suptitle()
    wild = np.exp(3 * np.random.default_rng(3).normal(size=answer["design_effect"].shape))
    answer = answer.assign(design_effect=(answer["design_effect"].dims, 1 + wild))
    figure = pp.plot_design_effect(answer)
    assert WHY in figure.get_suptitle()
    (circle,) = _circles(figure.axes[0])
    assert circle.get_xdata()[0] == pytest.approx(1 + np.median(wild))
    assert figure.axes[0].texts[0].get_text().startswith(f"{1 + np.median(wild):.3g} (")
