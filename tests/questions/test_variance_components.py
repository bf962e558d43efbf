"""Variance components by hand, and at lme4's estimates against insight and performance."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.r_values import SUMMARIES, fit_at_estimates


def test_by_hand():
    data = pp.load_dataset("sleepstudy")
    corr = np.array([[1, 0.25], [0.25, 1]])
    fit = fit_at(
        "Reaction ~ Days + (Days | Subject)", data, beta=[250, 10], sd_Subject=[20, 5], corr_Subject=corr, sigma=25
    )
    found = pp.variance_components(fit).isel(chain=0, draw=0)
    assert found["sd"].to_numpy() == pytest.approx([20, 5])
    assert found["variance"].sel(component="Subject: Days") == pytest.approx(25)
    assert found["correlation"].sel(pair="Subject: Intercept, Days") == pytest.approx(0.25)
    assert found["covariance"].sel(pair="Subject: Intercept, Days") == pytest.approx(25)
    days = data["Days"]
    parts = [100 * days.var(), 400 + 50 * days.mean() + 25 * (days**2).mean(), 625]
    assert found["part_variance"].to_numpy() == pytest.approx(parts)
    assert found["share"].to_numpy() == pytest.approx(np.array(parts) / sum(parts))
    assert float(found["r2_marginal"]) == pytest.approx(parts[0] / sum(parts))
    assert float(found["r2_conditional"]) == pytest.approx(1 - parts[2] / sum(parts))


@pytest.mark.parametrize("index", [i for i, s in enumerate(SUMMARIES) if s["family"] != "poisson"])
def test_at_lme4s_estimates_they_are_insights(index):
    reference = SUMMARIES[index]
    found = pp.variance_components(fit_at_estimates(reference)).isel(chain=0, draw=0)
    # A variance at the boundary is 0 for insight too, which then gives no R2.
    for name, key in (("fixed", "var_fixed"), ("residual", "var_distribution")):
        if isinstance(reference[key], float):
            assert float(found["part_variance"].sel(part=name)) == pytest.approx(reference[key], rel=1e-6, abs=1e-9)
    if isinstance(reference["r2_conditional"], float):
        assert float(found["r2_conditional"]) == pytest.approx(reference["r2_conditional"], rel=1e-6)
        assert float(found["r2_marginal"]) == pytest.approx(reference["r2_marginal"], rel=1e-6, abs=1e-9)
    assert float(found["share"].sum()) == pytest.approx(1)


def test_a_model_without_groups():
    fit = fit_at("y ~ x", {"y": [1.0, 2, 3], "x": [0.0, 1, 3]}, beta=[0, 1], sigma=2)
    found = pp.variance_components(fit)
    assert found["sd"].shape == (1, 1, 0)
    assert found["r2_conditional"].to_numpy() == pytest.approx(found["r2_marginal"].to_numpy())
