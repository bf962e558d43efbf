"""The picture of what the priors say: its panels, what is in them, and the data beside it."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb

import partialpool as pp
from partialpool.plots.style import VERMILION

SLOPES = "Reaction ~ Days + (Days | Subject)"

GRADES = ["bad", "fair", "good"]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def slopes():
    return pp.prior_predictive(SLOPES, pp.load_dataset("sleepstudy"), draws=200, seed=1)


def titles(figure):
    return [panel.get_title(loc="left") for panel in figure.axes]


def legend(panel):
    return [text.get_text() for text in panel.get_legend().get_texts()]


def test_the_picture_has_tables_spread_and_icc():
    tree = pp.prior_predictive("strength ~ 1 + (1 | batch/cask)", pp.load_dataset("pastes"), draws=200, seed=1)
    figure = pp.plot_prior_predictive(tree, unit="%")
    assert titles(figure) == ["Tables", "How far responses scatter", "How alike members of a group are"]
    assert figure.axes[0].get_xlabel() == "strength (%)"
    assert legend(figure.axes[2]) == ["batch", "batch:cask"]
    plain = pp.prior_predictive("Reaction ~ Days", pp.load_dataset("sleepstudy"), draws=100, seed=1)
    assert len(pp.plot_prior_predictive(plain).axes) == 2


def test_along_a_predictor_there_are_two_more(slopes):
    figure = pp.plot_prior_predictive(slopes, unit="ms", xunit="days")
    assert titles(figure)[3:] == ["How far responses scatter along Days", "Lines of new levels of Subject"]
    scatter, lines = figure.axes[3:]
    assert (scatter.get_xlabel(), lines.get_xlabel()) == ("Days", "Days")
    assert (scatter.get_ylabel(), lines.get_ylabel()) == ("sd of a response (ms)", "Reaction (ms)")
    # The upper row has three panels of one height, the lower two.
    tops = [round(panel.get_subplotspec().get_position(figure).y0, 3) for panel in figure.axes]
    assert tops[0] == tops[1] == tops[2] > tops[3] == tops[4]


def test_legends_along_a_predictor_cover_neither_lines_nor_other_panels(slopes):
    figure = pp.plot_prior_predictive(slopes, unit="ms", xunit="days")
    figure.canvas.draw()
    for panel in figure.axes[3:]:
        box = panel.get_legend().get_window_extent()
        assert not [other for other in figure.axes if box.overlaps(other.get_window_extent())]
        assert box.x1 <= figure.bbox.x1


def test_the_ribbon_is_quantiles_of_the_sd_with_that_of_the_data(slopes):
    (panel,) = (p for p in pp.plot_prior_predictive(slopes).axes if "along" in p.get_title(loc="left"))
    sd = np.sqrt(slopes["outlook"]["variance"].to_numpy()[0])
    median, data = panel.get_lines()
    assert median.get_ydata() == pytest.approx(np.median(sd, axis=0))
    assert data.get_ydata() == pytest.approx(2 * [np.std(pp.load_dataset("sleepstudy")["Reaction"])])
    wide = panel.collections[0].get_paths()[0].vertices
    low, high = np.quantile(sd, [0.025, 0.975], axis=0)
    for place, x in enumerate(slopes["outlook"]["Days"].to_numpy()):
        at = wide[np.isclose(wide[:, 0], x), 1]
        assert (at.min(), at.max()) == pytest.approx((low[place], high[place]))
    assert legend(panel) == ["95 % of the prior", "50 % of the prior", "median", "the data, all rows"]


def test_so_many_lines_beside_the_range_of_the_data(slopes):
    panel = pp.plot_prior_predictive(slopes, lines=30).axes[-1]
    drawn = slopes["outlook"]["level_line"].to_numpy()[0]
    assert len(panel.get_lines()) == 30 + 2
    for line in panel.get_lines()[:30]:
        assert np.isclose(drawn, line.get_ydata()).all(axis=1).any()
    (band,) = panel.patches
    y = pp.load_dataset("sleepstudy")["Reaction"]
    assert (band.get_y(), band.get_y() + band.get_height()) == pytest.approx((y.min(), y.max()))
    bottom, top = panel.get_ylim()
    assert bottom < y.min()
    assert top > y.max()
    assert legend(panel) == ["30 draws", "95 % of 200 draws", "the data: 194 to 466"]
    assert len(pp.plot_prior_predictive(slopes, lines=1000).axes[-1].get_lines()) == 200 + 2
    for wrong in (0, 2.5, True):
        with pytest.raises(
            pp.DataError, match=f"lines must be a positive integer\n  got:     lines={wrong}\n  allowed: 1, 2"
        ):
            pp.plot_prior_predictive(slopes, lines=wrong)


def test_a_grid_in_any_order_is_drawn_in_its_own(slopes):
    tree = pp.prior_predictive(
        SLOPES, pp.load_dataset("sleepstudy"), along={"Days": [9, 0, 4]}, draws=50, seed=1
    )  # fmt: skip
    for line in pp.plot_prior_predictive(tree).axes[-1].get_lines():
        assert line.get_xdata() == pytest.approx([0, 4, 9])


def test_yes_or_no_is_a_share_and_a_probability():
    data = pp.load_dataset("contraception")
    tree = pp.prior_predictive("use ~ age + urban + (age | district)", data, family="bernoulli", draws=100, seed=1)
    tables, _, _, scatter, lines = pp.plot_prior_predictive(tree).axes
    assert tables.get_xlabel() == "use: share of ones in a table"
    share = (data["use"] == "Y").mean()
    assert tables.get_lines()[0].get_xdata() == pytest.approx([share, share])
    assert lines.get_ylabel() == "probability of use = Y"
    assert lines.get_ylim() == (-0.02, 1.02)
    assert lines.get_xlabel() == "age (years)\nheld: urban=N (first)"
    assert legend(lines)[-1] == f"the data: {share:.3g} on average"
    assert scatter.get_ylabel() == "sd of a response (logit scale)"
    assert legend(scatter)[-1] == "without any groups"


def test_counts_are_on_scales_of_factors():
    data = pp.load_dataset("grouseticks")
    model = "TICKS ~ YEAR + cHEIGHT + (1 | BROOD)"
    tree = pp.prior_predictive(model, data, family="poisson", along="cHEIGHT", draws=100, seed=1)
    axes = pp.plot_prior_predictive(tree).axes
    assert axes[0].get_xscale() == "symlog"  # the data have zeros
    assert axes[-1].get_yscale() == "log"
    assert axes[-1].get_ylabel() == "TICKS"


def test_what_was_dropped_is_not_drawn(slopes):
    outlook = slopes.filter(lambda node: node.name not in ("prior_predictive", "derived"))
    assert titles(pp.plot_prior_predictive(outlook)) == [
        "How far responses scatter along Days", "Lines of new levels of Subject",
    ]  # fmt: skip


def test_many_rows_are_a_light_curve():
    rng = np.random.default_rng(1)
    tree = pp.prior_predictive("y ~ 1", {"y": rng.normal(size=5000)}, draws=60, seed=1)
    observed = tree["observed_data"]["y"].to_numpy()
    curve = pp.plot_prior_predictive(tree).axes[0].get_lines()[-1]
    assert len(curve.get_xdata()) == 400
    shares = [(observed <= x).mean() for x in curve.get_xdata()]
    assert curve.get_ydata() == pytest.approx(shares)


@pytest.mark.parametrize("family", ["gaussian", "poisson", "gamma", "lognormal", "bernoulli", "beta"])
@pytest.mark.filterwarnings("ignore:the priors put:partialpool.DataWarning")
def test_absurd_priors_have_a_picture(family):
    """Numbers overflow, axes do not: this is where the picture is wanted most."""
    rng = np.random.default_rng(0)
    y = {
        "gaussian": rng.normal(size=60), "poisson": rng.poisson(2, 60), "bernoulli": np.arange(60) % 2,
        "beta": rng.uniform(0.1, 0.9, 60),
    }.get(family, np.exp(rng.normal(size=60)))  # fmt: skip
    wide = pp.Prior("Normal", mu=0, sigma=500)
    priors = {"beta": wide, "beta[Intercept]": wide, "sd_g": pp.Prior("HalfCauchy", beta=300)}
    data = {"y": y, "x": rng.normal(size=60), "g": np.arange(60) % 12}
    tree = pp.prior_predictive("y ~ x + (x | g)", data, family=family, priors=priors, draws=200, seed=1)
    figure = pp.plot_prior_predictive(tree)
    figure.canvas.draw()
    assert titles(figure)[-2:] == ["How far responses scatter along x", "Lines of new levels of g"]
    overflown = float(np.isnan(tree["outlook"]["variance"]).mean()) > 0.5
    assert ("beyond all numbers" in [t.get_text() for t in figure.axes[-2].texts]) == overflown
    low, high = figure.axes[-1].get_ylim()
    assert np.isfinite([low, high]).all()
    assert overflown == (family in ("poisson", "beta"))


def test_one_wild_line_does_not_flatten_the_others(slopes):
    tree = slopes.copy(deep=True)
    tree["outlook"]["level_line"][0, 0] = 1e9
    assert max(pp.plot_prior_predictive(tree).axes[-1].get_ylim()) < 1e5


def test_counts_stand_beside_lines_of_the_mean_exposure():
    rng = np.random.default_rng(2)
    data = {"x": rng.normal(size=60), "w": rng.uniform(5, 20, 60), "g": np.repeat(np.arange(10), 6)}
    data["y"] = np.append(rng.poisson(0.1 * data["w"][1:]), 9)
    tree = pp.prior_predictive("y ~ x + offset(log(w)) + (x | g)", data, family="poisson", draws=50, seed=1)
    lines = pp.plot_prior_predictive(tree).axes[-1]
    assert "the data: 0 to 9" in legend(lines)
    mean = data["w"].mean()
    assert lines.get_xlabel() == f"x\nheld: w={mean:.4g} (mean)\noffset: log(w) = {np.log(mean):.4g}"


@pytest.mark.parametrize(
    ("formula", "family", "outcome"),
    [("y ~ x + (x | g)", "gaussian", [2.0, 5.0, 8.0]),
     ("y ~ x + (x | g)", "poisson", [1, 3, 0]),
     ("y ~ x + (1 | g)", "bernoulli", [0, 1, 1])],
)  # fmt: skip
def test_placeholders_of_the_outcome_are_not_drawn(formula, family, outcome):
    plan = {"x": np.tile([0.0, 1.0, 2.0], 8), "g": np.repeat(list("abcd"), 6), "y": np.resize(outcome, 24)}
    tree = pp.prior_predictive(formula, plan, family=family, draws=50, seed=1)
    before = tree.drop_nodes("observed_data")
    figure = pp.plot_prior_predictive(before)
    assert figure.get_suptitle() == "Before the data: what the priors imply for y"
    assert len(figure.axes) == len(pp.plot_prior_predictive(tree).axes)
    for axes in figure.axes:
        told = [text.get_text() for text in (axes.get_legend().get_texts() if axes.get_legend() else [])]
        assert not any("the data" in text for text in told)
        assert not any(to_rgb(line.get_color()) == to_rgb(VERMILION) for line in axes.lines)
    assert "observed" not in str(before)


def test_categories_have_their_names_and_counts_whole_numbers():
    table = {"y": pd.Categorical(GRADES * 4, GRADES, ordered=True), "g": list("aaabbb") * 2}
    rated = pp.prior_predictive("y ~ 1 + (1 | g)", table, family="cumulative", seed=1, draws=50)
    panel = pp.plot_prior_predictive(rated).axes[0]
    assert [text.get_text() for text in panel.get_xticklabels()] == GRADES
    trials = {"hits": [1, 0, 2, 2], "n": [2, 2, 2, 2], "g": list("aabb")}
    few = pp.prior_predictive("p(hits, n) ~ 1 + (1 | g)", trials, family="binomial", seed=1, draws=50)
    ticks = pp.plot_prior_predictive(few).axes[0].get_xticks()
    assert all(tick == round(tick) for tick in ticks)
