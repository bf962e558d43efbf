"""The picture of shrinkage where the response is not normal: its scales, names and gaps."""

import matplotlib as mpl
import numpy as np
import pytest
from scipy import special

mpl.use("Agg")
import matplotlib.pyplot as plt

import partialpool as pp
from checks.fixed import fit_at
from partialpool.plots.shrinkage import as_drawn


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


def throws(**values):
    table = {"hits": [2, 0, 15, 11], "throws": [4, 5, 20, 40], "pupil": list("abcd")}
    values = {"beta": [-0.3], "sd_pupil": [0.8], "b_pupil": [[0.3], [-0.6], [0.7], [0.1]]} | values
    return fit_at("p(hits, throws) ~ 1 + (1 | pupil)", table, family="binomial", **values)


def test_free_throws_are_drawn_as_probabilities():
    pooling = pp.shrinkage(throws())
    (axes,) = pp.plot_shrinkage(pooling).axes
    assert axes.get_xlabel() == "probability of hits"
    labels = [text.get_text() for text in axes.get_yticklabels()]
    assert labels == ["b  (n 5)", "d  (n 40)", "a  (n 4)", "c  (n 20)"]
    drawn = {line.get_label(): line.get_xdata() for line in axes.lines}
    np.testing.assert_allclose(drawn["no pooling"], [0, 11 / 40, 0.5, 0.75], rtol=1e-9)
    partial = special.expit(np.array([-0.9, -0.2, 0.0, 0.4]))
    np.testing.assert_allclose(drawn["partial pooling, 95 % interval"], partial)
    np.testing.assert_allclose(drawn["complete pooling"], 28 / 69, rtol=1e-9)


def test_counts_are_drawn_as_expected_counts_and_other_effects_on_their_scale():
    rng = np.random.default_rng(1)
    table = {"visits": rng.poisson(3, 30), "x": np.tile(np.arange(5.0), 6), "g": np.repeat(list("abcdef"), 5)}
    fit = fit_at("visits ~ x + (1 | g)", table, family="poisson", beta=[1.0, 0.0], sd_g=[0.3])
    (axes,) = pp.plot_shrinkage(pp.shrinkage(fit)).axes
    assert axes.get_xlabel() == "expected visits"
    own = next(line.get_xdata() for line in axes.lines if line.get_label() == "no pooling")
    assert sorted(own) == pytest.approx(sorted(table["visits"].reshape(6, 5).mean(axis=1)))
    only = fit_at("visits ~ x + (0 + x | g)", table, family="poisson", beta=[1.0, 0.0], sd_g=[0.3])
    (axes,) = pp.plot_shrinkage(pp.shrinkage(only)).axes
    assert axes.get_xlabel() == "x (log scale per unit)"
    both = fit_at("visits ~ x + (x || g)", table, family="poisson", beta=[1.0, 0.0], sd_g=[0.3, 0.1])
    (axes,) = pp.plot_shrinkage(pp.shrinkage(both)).axes
    assert axes.get_xlabel() == "Intercept of each g (log expected visits)"
    assert axes.get_ylabel() == "x of each g (log scale per unit)"


def test_a_plane_names_the_levels_without_a_finite_estimate():
    table = {"y": [0, 1, 0, 1, 0, 0, 1, 1, 0, 0, 0], "x": [1.0, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3], "g": list("ooooSSSSFFF")}
    values = {"beta": [0, 0.1], "sd_g": [1, 1], "corr_g": np.eye(2)}
    fit = fit_at("y ~ x + (x | g)", table, family="bernoulli", **values)
    figure = pp.plot_shrinkage(pp.shrinkage(fit))
    assert figure.get_suptitle().endswith("no finite estimate without pooling: F, S (2 of 3)")
    assert figure.axes[0].get_xlabel() == "Intercept of each g (log odds of y = 1)"


def test_no_level_has_an_estimate():
    table = {"y": [0, 0, 1, 1], "g": list("aabb")}
    fit = fit_at("y ~ 1 + (1 | g)", table, family="bernoulli", beta=[0.0], sd_g=[1.0])
    with pytest.raises(pp.DataError, match=r"all their estimates are infinite(?s:.*)more than one outcome"):
        pp.plot_shrinkage(pp.shrinkage(fit))


def test_levels_of_one_outcome_are_at_their_own_mean_whatever_the_population():
    """Levels with a large predictor hit less often in truth than complete pooling says: the sign is the rows' own."""
    rng = np.random.default_rng(5)
    x = np.repeat(np.linspace(-4, 4, 30), 8)
    eta = 1 + 2 * x + np.repeat(rng.normal(0, 1.5, 30), 8)
    data = {"y": (rng.random(240) < 1 / (1 + np.exp(-eta))).astype(int), "x": x, "g": np.repeat(np.arange(30), 8)}
    fit = fit_at("y ~ x + (1 | g)", data, family="bernoulli", beta=[1.0, 2.0], sd_g=[1.5])
    drawn, as_means = as_drawn(pp.shrinkage(fit))
    assert as_means
    own = np.asarray(data["y"]).reshape(30, 8).mean(axis=1)
    one_outcome = (own == 0) | (own == 1)
    assert one_outcome.sum() > 10
    np.testing.assert_array_equal(drawn["no_pooling"].to_numpy()[one_outcome, 0], own[one_outcome])


def test_a_level_without_trials_has_no_circle():
    table = {"hits": [2, 0, 5, 3], "throws": [4, 0, 6, 3], "pupil": list("abcd")}
    fit = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", table, family="binomial", beta=[0.1], sd_pupil=[1.0])
    (axes,) = pp.plot_shrinkage(pp.shrinkage(fit)).axes
    labels = [label.get_text() for label in axes.get_yticklabels()]
    own = next(line for line in axes.lines if line.get_label() == "no pooling")
    drawn = dict(zip(own.get_ydata(), own.get_xdata(), strict=True))
    at = labels.index("b  (no trials)")
    assert np.isnan(drawn.get(at, np.nan))
    assert sorted(x for x in drawn.values() if np.isfinite(x)) == pytest.approx([0.5, 5 / 6, 1.0])
