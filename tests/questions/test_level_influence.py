"""Influence of levels: weights against refits, what a refit replaces, answers that ask for a level, the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from arviz_stats.base import array_stats

import partialpool as pp
from checks.fixed import fit_at
from partialpool.marginal.group_log_density import joint_log_density
from partialpool.questions import level_influence as influence
from partialpool.questions.cross_validation import refit_without
from partialpool.questions.level_influence import level_influence
from partialpool.questions.quantities import follow
from partialpool.sampling.mixing import mcse_mean


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def slopes(sleepstudy):
    return pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False)


@pytest.fixture(scope="module")
def found(slopes):
    return level_influence(slopes, seed=1, progressbar=False)


def test_weights_agree_with_refits(slopes, found):
    """Means without a level, five combined Monte Carlo errors; the weighted one's is that of a smaller sample."""
    for level in ("309", "335", "308"):
        row = found.sel(level=level)
        assert row["method"].item() == "weights"
        codes = slopes.design.factors[0].codes
        at = list(slopes.design.factors[0].levels.labels).index(level)
        again = follow(refit_without(slopes, codes == at, seed=4), {})
        for name, column in again.items():
            error = mcse_mean(column) * np.hypot(1, 2)
            assert abs(column.mean() - float(row["mean"].sel(quantity=name))) < 5 * error, (level, name)


def test_the_subject_with_odd_days_drives_sigma(found):
    sigma = found["shift"].sel(quantity="sigma").to_numpy()
    assert found["level"].to_numpy()[np.abs(sigma).argmax()] == "332"
    assert (found["method"] == np.where(found["khat"] > 0.7, "refit", "weights")).all()
    assert float(found.sel(level="332", quantity="sigma")["shift"]) < -1.5
    shift = (found["mean"] - found["whole_mean"]) / found["whole_sd"]
    assert found["shift"].to_numpy() == pytest.approx(shift.transpose("level", "quantity").to_numpy())


def test_other_answers_and_nested_factors():
    data = pp.load_dataset("pastes")
    fit = pp.fit("strength ~ 1 + (1 | batch/cask)", data, seed=1, progressbar=False)
    asked = {"total": lambda f: pp.icc(f)["total"]}
    moved = level_influence(fit, asked, factor="batch", seed=1, progressbar=False)
    assert moved.sizes["level"] == 10
    assert "total" in moved["quantity"]
    with pytest.raises(pp.DataError, match="name a grouping factor"):
        level_influence(fit, progressbar=False)


def test_answers_about_levels_are_refused(slopes):
    with pytest.raises(pp.SpecError, match="refers to the levels that are left out"):
        level_influence(slopes, {"slopes": lambda f: pp.level_effects(f, "Days")["effect"]}, progressbar=False)


def test_what_is_averaged_over_rows_is_averaged_over_those_left(monkeypatch):
    """A level whose predictor spreads six times as wide: its rows do not count towards the ICC without it."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(10), 12), rng.normal(size=120)
    x[g == 0] *= 6
    y = rng.normal(size=10)[g] + rng.normal(size=10)[g] * x + rng.normal(size=120)
    fit = pp.fit("y ~ x + (x | g)", {"y": y, "x": x, "g": g}, seed=1, progressbar=False)
    monkeypatch.setattr(influence, "MAX_KHAT", np.inf)
    by_weights = level_influence(fit, seed=1, progressbar=False)
    assert (by_weights["method"] == "weights").all()
    monkeypatch.setattr(influence, "MAX_KHAT", -10.0)
    by_refits = level_influence(fit, seed=1, progressbar=False)
    assert (by_refits["method"] == "refit").all()
    trusted = by_weights["khat"].to_numpy() < 0.4
    gap = (by_weights["shift"] - by_refits["shift"]).sel(quantity="icc[g]").to_numpy()
    assert np.abs(gap[trusted]).max() < 0.3
    # Without the wide level slopes count for less: the sign is told whatever the weights are worth.
    without = refit_without(fit, g == 0, seed=5)
    sd, corr = (without.posterior[f"{name}_g"].to_numpy() for name in ("sd", "corr"))
    z = np.column_stack([np.ones(108), x[g != 0]])
    groups = np.einsum("cdi,cdij,cdj,ij->cd", sd, corr, sd, z.T @ z / 108)
    expected = groups / (groups + without.posterior["sigma"].to_numpy() ** 2)
    found = by_refits.sel(quantity="icc[g]").isel(level=0)
    assert abs(float(found["mean"]) - expected.mean()) < 5 * mcse_mean(expected) * np.sqrt(2)
    assert float(found["shift"]) < -0.3
    assert float(by_weights.sel(quantity="icc[g]").isel(level=0)["shift"]) < -0.3


def test_the_icc_of_counts_without_a_level_takes_its_mean_over_the_other_rows():
    rng = np.random.default_rng(5)
    g, n = np.repeat(np.arange(6), 8), 800
    x = np.where(g == 0, 2.0, rng.normal(size=48))
    y = rng.poisson(np.exp(0.5 + 0.8 * x))
    beta, sd = rng.normal([0.5, 0.8], 0.05, (n, 2)), rng.gamma(4, 0.1, (n, 1))
    fit = fit_at("y ~ x + (1 | g)", {"y": y, "x": x, "g": g}, family="poisson", draws=n, beta=beta, sd_g=sd,
                 b_g=rng.normal(size=(n, 6, 1)) * sd[:, None])  # fmt: skip
    found = level_influence(fit, progressbar=False).sel(quantity="icc[g]")
    log_weights, _ = array_stats.psislw(joint_log_density(fit.design, g, fit.stacked()).T)
    for k in range(6):
        mean = np.exp(beta[:, :1] + beta[:, 1:] * x[g != k] + sd**2 / 2).mean(axis=1)
        icc = sd[:, 0] ** 2 / (sd[:, 0] ** 2 + np.log1p(1 / mean))
        assert float(found["mean"][k]) == pytest.approx(np.exp(log_weights[k]) @ icc, rel=1e-9)


def test_quantities_that_are_no_mapping(slopes):
    for ask in (level_influence, pp.power_scale):
        with pytest.raises(pp.SpecError, match="quantities must be a mapping from names to functions of a fit"):
            ask(slopes, "Subject")
    with pytest.raises(pp.SpecError, match="by factor="):
        level_influence(slopes, "Subject")


def test_functions_without_a_name_and_names_without_a_function(slopes):
    """Here power_scale and prior_grid too: a function alone has no name to stand under."""
    priors = {"sd_Subject": [pp.Prior("HalfNormal", sigma=5)]}
    for ask in (
        lambda given: level_influence(slopes, given, factor="Subject"),
        lambda given: pp.power_scale(slopes, given),
        lambda given: pp.prior_grid(slopes.spec, pp.load_dataset("sleepstudy"), priors, given, jobs=1),
    ):
        with pytest.raises(pp.SpecError, match="the function icc") as told:
            ask(pp.icc)
        assert told.value.do == "write a name before the function, which returns one variable"
        with pytest.raises(pp.SpecError, match="the quantity 'a' is not labelled draws"):
            ask({"a": 3})


@pytest.mark.parametrize("limit", [-10.0, np.inf])
def test_a_quantity_of_a_level_that_is_gone(slopes, monkeypatch, limit):
    """By refits and by weights: what the level's own rows told of it is not taken away by weights of the population."""
    monkeypatch.setattr(influence, "MAX_KHAT", limit)
    asked = {"rate of 308": lambda f: pp.predict(f, {"Days": [1], "Subject": ["308"]}, seed=1)["expectation"]}
    with pytest.raises(pp.EngineError, match="a level could not be left out"):
        level_influence(slopes, asked, seed=1, progressbar=False)


def test_where_the_response_is_not_normal():
    ticks = pp.load_dataset("grouseticks")
    sizes = {f: ticks[f].nunique() for f in ("BROOD", "LOCATION")}
    effects = {f"b_{f}": np.zeros((100, n, 1)) for f, n in sizes.items()}
    half = np.full((100, 1), 0.5)
    fit = fit_at(
        "TICKS ~ 1 + (1 | LOCATION) + (1 | BROOD)", ticks, family="poisson", draws=100, beta=half, sd_LOCATION=half,
        sd_BROOD=half, **effects,
    )  # fmt: skip
    with pytest.raises(pp.DataError, match="integrated over at most three effects"):
        level_influence(fit, factor="LOCATION", progressbar=False)


def test_the_picture(found):
    (axes,) = pp.plot_level_influence(found, "sigma").axes
    assert axes.get_yticklabels()[0].get_text() == "332"
    assert "posterior sds" in axes.get_xlabel()
    with pytest.raises(pp.DataError, match="was not computed"):
        pp.plot_level_influence(found, "sigmas")
