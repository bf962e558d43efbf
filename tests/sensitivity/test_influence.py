"""Influence of levels: weights against refits, what a refit replaces, answers that ask for a level, the picture."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.leaveout import refit_without
from partialpool.overview.chains import mcse_mean
from partialpool.sensitivity import influence
from partialpool.sensitivity.followed import follow
from partialpool.sensitivity.influence import level_influence


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
    assert found.sel(level="332")["method"].item() == "refit"
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
    with pytest.raises(pp.SpecError, match="is of the levels that are left out"):
        level_influence(slopes, {"slopes": lambda f: pp.level_effects(f, "Days")["effect"]}, progressbar=False)


def test_what_is_averaged_over_rows_is_averaged_over_all_of_them(monkeypatch):
    """A level whose predictor spreads six times as wide: weights and refits must mean the same ICC."""
    rng = np.random.default_rng(3)
    g, x = np.repeat(np.arange(10), 12), rng.normal(size=120)
    x[g == 0] *= 6
    y = rng.normal(size=10)[g] + rng.normal(size=10)[g] * x + rng.normal(size=120)
    fit = pp.fit("y ~ x + (x | g)", {"y": y, "x": x, "g": g}, seed=1, progressbar=False)
    by_weights = level_influence(fit, seed=1, progressbar=False)
    monkeypatch.setattr(influence, "MAX_KHAT", -10.0)
    by_refits = level_influence(fit, seed=1, progressbar=False)
    assert (by_refits["method"] == "refit").all()
    trusted = by_weights["khat"].to_numpy() < 0.4
    gap = (by_weights["shift"] - by_refits["shift"]).sel(quantity="icc[g]").to_numpy()[trusted]
    assert np.abs(gap).max() < 0.3


def test_a_quantity_of_a_level_that_is_gone(slopes, monkeypatch):
    monkeypatch.setattr(influence, "MAX_KHAT", -10.0)
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
    with pytest.raises(pp.DataError, match="integrated over up to three effects"):
        level_influence(fit, factor="LOCATION", progressbar=False)


def test_the_picture(found):
    (axes,) = pp.plot_level_influence(found, "sigma").axes
    assert axes.get_yticklabels()[0].get_text() == "332"
    assert "posterior sds" in axes.get_xlabel()
    with pytest.raises(pp.DataError, match="was not worked out"):
        pp.plot_level_influence(found, "sigmas")
