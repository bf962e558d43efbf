"""The probability of the intervals: drawn, stated in the picture, refused before anything is drawn."""

import inspect
import re

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from matplotlib.text import Text

import partialpool as pp
from checks.fixed import fit_at
from partialpool.intervals import DEFAULT_PROB
from plots.conftest import PICTURES, QUESTIONS

OF_A_TEST = {"plot_quantile_residuals"}
"""Their intervals are those of a test, not of draws."""
OF_DRAWS = [name for name in PICTURES if "interval" in getattr(pp, name).__doc__ and name not in OF_A_TEST]
WITH_PROB = [name for name in PICTURES if "prob" in inspect.signature(getattr(pp, name)).parameters]
MORE = {
    "plot_predictions": {"over": "Days", "by": "Subject"}, "plot_prior_grid": {"quantity": "sd_g[Intercept]"},
}  # fmt: skip
"""What a picture asks beside the answer."""
LEVELS = [0.025, 0.05, 0.1, 0.5, 0.9, 0.95, 0.975]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def more_answers(answers):
    """With answers whose pictures have intervals, where those of `answers` have none."""
    return answers | {"posterior_checks": counted(), "prior_grid": study(LEVELS)}


def counted(family="poisson"):
    rng = np.random.default_rng(1)
    y = {
        "poisson": rng.poisson(3, 60), "bernoulli": rng.integers(0, 2, 60),
        "cumulative": pd.Categorical.from_codes(rng.integers(0, 3, 60), ["low", "middle", "high"], ordered=True),
    }[family]  # fmt: skip
    values = {"cutpoints": np.tile([-0.7, 0.7], (50, 1))} if family == "cumulative" else {}
    beta = rng.normal(0, 0.1, (50, 1 if family == "cumulative" else 2))
    data = pd.DataFrame({"y": y, "x": rng.normal(size=60)})
    return pp.posterior_checks(fit_at("y ~ x", data, family=family, draws=50, beta=beta, **values), seed=1)


def study(levels):
    """Two uniform priors, whose quantiles are their levels, and times two."""
    draws = np.random.default_rng(0).uniform(size=(2, 1, 400))
    variables = {
        "sd_g[Intercept]": (("prior", "chain", "draw"), draws),
        "prior_sd_g[Intercept]": (("prior", "level"), np.outer([1, 2], levels)),
    }
    said = ("prior", ["Uniform(lower=0, upper=1)", "Uniform(lower=0, upper=2)"])
    coords = {"prior": ["one", "two"], "level": levels, "good": ("prior", [True, True]), "prior_of_sd_g": said}
    return xr.Dataset(variables, coords=coords, attrs={"response": "y"})


def drawn(name, answers, **options):
    return getattr(pp, name)(answers[QUESTIONS[name]], **MORE.get(name, {}), **options)


def texts(figure):
    return " ".join(text.get_text() for text in figure.findobj(Text))


def segments(axes, which):
    """Ends of one of the groups of bars, (bars, 2)."""
    return np.array([segment[:, 0] for segment in axes.collections[which].get_segments()])


@pytest.mark.parametrize("name", OF_DRAWS)
def test_pictures_with_intervals_take_a_probability(name):
    draw = getattr(pp, name)
    prob = inspect.signature(draw).parameters["prob"]
    assert prob.kind is prob.KEYWORD_ONLY
    assert prob.default == DEFAULT_PROB
    assert re.search(r"^prob\n    \S", inspect.getdoc(draw), re.M)


def test_what_has_no_interval_takes_none():
    assert WITH_PROB == OF_DRAWS
    assert set(PICTURES) - set(WITH_PROB) == {
        "plot_compare", "plot_level_influence", "plot_lrt", "plot_naive_errors", "plot_power_scale",
        "plot_quantile_residuals", "plot_residual_trends", "plot_singularity",
    }  # fmt: skip


@pytest.mark.parametrize("name", WITH_PROB)
def test_the_picture_states_what_is_drawn(name, more_answers):
    assert "95 %" in texts(drawn(name, more_answers))
    said = texts(drawn(name, more_answers, prob=0.8))
    assert "80 %" in said
    assert "95 %" not in said
    narrow = texts(drawn(name, more_answers, prob=0.3))  # no thick bar within these
    assert "30 %" in narrow
    assert "50 %" not in narrow


@pytest.mark.parametrize("family", ["bernoulli", "cumulative"])
def test_shares_and_categories_state_it_too(family):
    figure = pp.plot_posterior_checks(counted(family), prob=0.8)
    assert "80 %" in figure.axes[0].get_title(loc="left")


def test_curves_state_it_too():
    data = pp.load_dataset("sleepstudy")
    values = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": np.eye(2), "sigma": 25}
    icc = pp.icc(fit_at("Reaction ~ Days + (Days | Subject)", data, **values), at={"Days": [0, 3, 9]})
    assert "50 % and 80 % intervals" in pp.plot_icc(icc, prob=0.8).get_suptitle()


@pytest.mark.parametrize("prob", [95, 0.0, 1.0, "0.9", True, None])
@pytest.mark.parametrize("name", WITH_PROB)
def test_a_bad_probability_is_refused_before_anything_is_drawn(name, prob, more_answers):
    before = plt.get_fignums()
    with pytest.raises(pp.SpecError, match="prob must be a probability"):
        drawn(name, more_answers, prob=prob)
    assert plt.get_fignums() == before


def test_thin_bars_end_at_quantiles(more_answers):
    draws = more_answers["group_effects"]["effects"].isel(effect=0)
    order = draws.mean(("chain", "draw")).argsort().to_numpy()
    expected = np.quantile(draws.stack(sample=("chain", "draw"))[order], [0.1, 0.9], axis=1).T
    axes = drawn("plot_group_effects", more_answers, prob=0.8).axes[0]
    assert segments(axes, 0) == pytest.approx(expected)
    assert len(axes.collections) == 2
    assert len(drawn("plot_group_effects", more_answers, prob=0.5).axes[0].collections) == 1

    share = more_answers["variance_components"]["share"]
    (axes,) = drawn("plot_variance_components", more_answers, prob=0.8).axes
    for k, part in enumerate(share["part"].to_numpy()):
        assert segments(axes, 2 * k)[0] == pytest.approx(np.quantile(share.sel(part=part), [0.1, 0.9]))


def test_bands_end_at_quantiles(more_answers):
    moved = more_answers["recenter"]["correlation"].isel(effect=0, effect_bis=1)
    left = drawn("plot_recenter", more_answers, prob=0.8).axes[0]
    wide = left.collections[0].get_paths()[0].vertices
    expected = moved.quantile([0.1, 0.9], ("chain", "draw")).to_numpy()
    assert (wide[:, 1].min(), wide[:, 1].max()) == pytest.approx((expected.min(), expected.max()))


def test_a_fan_holds_the_share_of_a_normal(more_answers):
    variances = more_answers["variance_function"]
    left = drawn("plot_variance_function", more_answers, prob=0.8).axes[0]
    fan = left.collections[0].get_paths()[0].vertices[:, 1]
    top = variances["mean"].mean(("chain", "draw")) + 1.2815516 * np.sqrt(variances["variance"].mean(("chain", "draw")))
    assert fan.max() == pytest.approx(float(top.max()))


@pytest.mark.parametrize("prob", [0.5, 0.95])
def test_an_ellipse_holds_the_share_of_the_levels(prob, more_answers):
    pooling = more_answers["shrinkage"]
    figure = drawn("plot_shrinkage", more_answers, prob=prob)
    (outline,) = [line for line in figure.axes[0].lines if line.get_label().endswith("of levels")]
    around = np.column_stack(outline.get_data())[:-1]
    sigma = pooling["covariance"].mean(("chain", "draw")).to_numpy()
    levels = around.mean(axis=0) + np.random.default_rng(0).multivariate_normal([0, 0], sigma, 20_000)
    root = np.linalg.inv(np.linalg.cholesky(sigma))
    radius = np.linalg.norm((around - around.mean(axis=0)) @ root.T, axis=1)
    assert np.ptp(radius) < 1e-2 * radius.mean()
    inside = np.linalg.norm((levels - around.mean(axis=0)) @ root.T, axis=1) < radius.mean()
    assert inside.mean() == pytest.approx(prob, abs=0.01)


@pytest.mark.parametrize(
    ("levels", "prob", "stated"),
    [(LEVELS, 0.95, 0.95), (LEVELS, 0.9, 0.9), ([0.05, 0.5, 0.95], 0.95, 0.9), ([0.05, 0.5, 0.95], 0.2, 0.9)],
)
def test_a_prior_is_drawn_as_far_as_the_study_knows_it(levels, prob, stated):
    """A study contains few quantiles of its priors: the picture states which of them it draws."""
    (axes,) = pp.plot_prior_grid(study(levels), "sd_g[Intercept]", prob=prob).axes
    (own,) = [c for c in axes.collections if c.get_label().startswith("prior")]
    assert own.get_label() == f"prior: {100 * stated:g} % interval"
    ends = np.array([segment[:, 0] for segment in own.get_segments()])
    assert ends == pytest.approx(np.outer([1, 2], [(1 - stated) / 2, (1 + stated) / 2]))
