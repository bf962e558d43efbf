"""The verdict: what moves, over which priors, and the two sentences."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from partialpool.questions import prior_grid as grid
from partialpool.questions.sensitivity_report import _sentences, sensitivity_report


@pytest.fixture(scope="module")
def schools():
    data = pp.load_dataset("eight_schools")
    fit = pp.fit("effect ~ 1 + (1 | school)", data, se="standard_error", seed=1, progressbar=False)
    return sensitivity_report(fit, jobs=1, seed=1, progressbar=False)


def test_eight_schools_are_the_priors(schools):
    first, second = schools.sentences
    assert first.startswith("icc[school] moves from 0.01")
    assert first.endswith("over these priors: with 8 levels of school the prior dominates.")
    assert second == "beta[Intercept] does not move."
    assert str(schools).endswith(f"{first} {second}")
    assert schools.study.sizes["prior"] == 15


def test_ranges_are_of_the_studys_medians(schools):
    medians = schools.study["icc[school]"].median(("chain", "draw")).to_numpy()
    row = schools.ranges.loc["icc[school]"]
    assert (row["lowest"], row["highest"]) == pytest.approx((medians.min(), medians.max()))
    assert row["moves"] == (np.ptp(medians) > 0.5 * row["sd"])


@pytest.mark.thorough
def test_many_levels_decide_for_themselves():
    rng = np.random.default_rng(1)
    g = np.repeat(np.arange(500), 4)
    data = {"y": 5 + rng.normal(size=500)[g] + rng.normal(size=2000), "g": g}
    fit = pp.fit("y ~ 1 + (1 | g)", data, seed=1, progressbar=False)
    found = sensitivity_report(fit, jobs=1, seed=1, progressbar=False)
    assert found.sentences == (
        "No answer moves with the priors that were tried, nor with powers of its priors near 1.",
        "With 500 levels of g the data determine the answers.",
    )  # fmt: skip


@pytest.mark.thorough
def test_every_effect_keeps_its_own_scale(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False)
    found = sensitivity_report(fit, jobs=1, seed=1, progressbar=False)
    first = found.study["prior"].to_numpy()[0]
    scale = sleepstudy["Reaction"].std(ddof=0) / 4
    assert f"sd_Subject[Intercept] ~ HalfNormal(sigma={scale:.4g})" in first
    assert f"sd_Subject[Days] ~ HalfNormal(sigma={scale / np.std(np.arange(10)):.4g})" in first
    assert found.sentences[0].endswith("the prior is influential.")


def test_nuts_fits_are_judged_by_power_scaling_alone(sleepstudy_fit):
    found = sensitivity_report(sleepstudy_fit)
    assert found.study is None
    # The correlation of two effects of 18 subjects lies about the threshold; all else is robust.
    moving = found.power.frame.index[found.power.frame["diagnosis"] != "robust"].tolist()
    assert set(moving) <= {"corr_Subject[Intercept, Days]"}
    said = f"{moving[0]} is sensitive to the priors as they are" if moving else "No answer moves with powers of its"
    assert found.sentences[0].startswith(said)


@pytest.mark.thorough
def test_priors_that_the_study_does_not_vary_are_not_called_harmless(sleepstudy):
    tight = {"beta[Days]": pp.Prior("Normal", mu=0, sigma=0.1)}
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, priors=tight, seed=1, progressbar=False)
    found = sensitivity_report(fit, jobs=1, seed=1, progressbar=False)
    assert "beta[Days]" not in found.sentences[1]
    assert "the data determine" not in found.sentences[1]


def test_a_prior_of_ones_own_far_from_the_studys_is_seen():
    data, own = pp.load_dataset("eight_schools"), {"sd_school": pp.Prior("InverseGamma", alpha=3, beta=500)}
    fit = pp.fit("effect ~ 1 + (1 | school)", data, se="standard_error", priors=own, seed=1, progressbar=False)
    found = sensitivity_report(fit, jobs=1, seed=1, progressbar=False)
    assert bool(found.ranges.loc["sd_school[Intercept]", "moves"])
    assert found.ranges.loc["sd_school[Intercept]", "highest"] > 20


def test_groups_are_needed():
    fit = fit_at("y ~ x", {"y": [1.0, 2, 4, 3], "x": [0.0, 1, 2, 3]}, beta=[0, 1], sigma=1.0)
    with pytest.raises(pp.DataError, match="priors of group sds need groups"):
        sensitivity_report(fit)


def test_a_failed_fit_of_the_study_is_left_out_of_the_ranges(monkeypatch):
    data = pp.load_dataset("eight_schools")
    fit = pp.fit("effect ~ 1 + (1 | school)", data, se="standard_error", seed=1, progressbar=False)
    whole = grid.fit

    def some(spec, *rest, **options):
        if "HalfNormal" in str(spec.priors):
            raise ZeroDivisionError("half-normal priors are not for this test")
        return whole(spec, *rest, **options)

    monkeypatch.setattr(grid, "fit", some)
    with pytest.warns(pp.SamplingWarning, match="5 of 15 fits failed: ZeroDivisionError"):
        found = sensitivity_report(fit, jobs=1, seed=1, progressbar=False)
    others = found.study["icc[school]"].isel(prior=~found.study["prior"].str.contains("HalfNormal"))
    medians = others.median(("chain", "draw")).to_numpy()
    assert medians.size == 10
    row = found.ranges.loc["icc[school]"]
    assert (row["lowest"], row["highest"]) == pytest.approx((medians.min(), medians.max()))


def test_an_answer_near_the_threshold_is_named(monkeypatch):
    fit = pp.fit("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), seed=1, progressbar=False)
    power = pp.power_scale(fit, alphas=())
    monkeypatch.setattr("partialpool.questions.power_scale.THRESHOLD", power.frame.loc["icc[Batch]", "prior"])
    found = pp.power_scale(fit, alphas=())
    assert found.frame.loc["icc[Batch]", "diagnosis"] == "near the threshold"
    _, second = _sentences(fit, found, pd.DataFrame(), [])
    assert "icc[Batch]" in second
    assert second.endswith("near the threshold of power scaling: more draws have to decide.")
