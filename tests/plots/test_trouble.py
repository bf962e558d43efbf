"""Pictures of what is wrong: singular fits, residual trends."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at

SLOPES = {"beta": [250.0, 10.0], "sd_Subject": [20.0, 5.0], "corr_Subject": np.eye(2), "sigma": 25.0}

GRADES = ["bad", "fair", "good"]


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def slopes():
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **SLOPES)


def test_a_panel_per_effect_and_per_correlation(slopes):
    axes = pp.plot_singularity(pp.singularity(slopes), unit="ms").axes
    assert [panel.get_title(loc="left").split("\n")[0] for panel in axes] == [
        "Subject: Intercept", "Subject: Days", "Subject: Intercept, Days",
    ]  # fmt: skip
    assert axes[0].get_xlabel() == "sd it contributes (ms)"
    assert axes[2].get_xlim() == (-1, 1)


def test_a_line_per_level_and_the_check(slopes):
    left, right = pp.plot_residual_trends(pp.residual_trends(slopes, "Days", seed=1), unit="ms", xunit="d").axes
    assert (left.get_xlabel(), left.get_ylabel()) == ("Days (d)", "residual of Reaction (ms)")
    assert len(left.get_lines()) == 2 + 18  # residuals, zero, a line per subject
    assert right.get_title(loc="left") == "posterior-predictive p < 0.001"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["new responses", "the data"]


def test_models_side_by_side(sleepstudy):
    names = {"slopes": "Reaction ~ Days + (Days | Subject)", "no groups": "Reaction ~ Days"}
    fits = {name: pp.fit(formula, sleepstudy, seed=1, progressbar=False) for name, formula in names.items()}
    axes = pp.plot_compare(pp.compare(fits, seed=1, progressbar=False)).axes
    assert [panel.get_title(loc="left") for panel in axes] == [
        "new rows of the same levels", "a new Subject", "all the data (evidence)",
    ]  # fmt: skip
    assert [tick.get_text() for tick in axes[0].get_yticklabels()] == list(names)


def test_levels_against_new_data(slopes):
    axes = pp.plot_level_statistics(pp.level_statistics(slopes, seed=1), unit="ms").axes
    assert [panel.get_title(loc="left") for panel in axes] == ["mean", "spread", "trend along Days"]
    assert [panel.get_ylabel() for panel in axes] == [
        "mean Reaction (ms)", "sd of Reaction (ms)", "Reaction (ms) per day",
    ]  # fmt: skip
    assert axes[0].get_xticklabels()[0].get_text() == "309"  # the quickest subject


def test_levels_of_trials_have_shares_and_those_of_ratings_codes():
    trials = {"hits": [2, 0, 15, 11], "throws": [4, 5, 20, 40], "pupil": list("aabb")}
    throws = fit_at("p(hits, throws) ~ 1 + (1 | pupil)", trials, family="binomial", beta=[-0.3], sd_pupil=[0.8])
    mean, spread = pp.plot_level_statistics(pp.level_statistics(throws, seed=1), unit="hits").axes
    assert (mean.get_ylabel(), spread.get_ylabel()) == ("mean share of hits", "sd of share of hits")
    table = {"y": pd.Categorical(GRADES * 2, GRADES, ordered=True), "g": list("aaabbb")}
    rated = fit_at("y ~ 1 + (1 | g)", table, family="cumulative", sd_g=[1.0], cutpoints=[-1.0, 1.0])
    mean, _ = pp.plot_level_statistics(pp.level_statistics(rated, seed=1)).axes
    assert mean.get_ylabel() == "mean y (bad 0 to good 2)"
    yes = fit_at("y ~ 1 + (1 | g)", {"y": [0, 1] * 3, "g": list("aaabbb")}, family="bernoulli", beta=[0.0], sd_g=[1.0])
    assert pp.plot_level_statistics(pp.level_statistics(yes, seed=1)).axes[0].get_ylabel() == "mean y"
