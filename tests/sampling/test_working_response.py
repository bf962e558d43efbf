"""The normal approximation of the rows at the mode, with weights that allow large effects of saturated levels.

With the weights at the mode, draws under these seeds of `weak_table` had R-hat up to 1.33 and 103 divergences.
"""

import arviz as az
import numpy as np
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.glmm.predictors import lay_out
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.working_response import find_mode, with_wide_weights
from partialpool.spec.model import ModelSpec


def weak_table(seed):
    """A few levels with a few binary rows each, whose intercepts and slopes vary."""
    rng = np.random.default_rng(seed)
    levels, rows = int(rng.integers(5, 31)), int(rng.integers(2, 13))
    g, x = np.repeat(np.arange(levels), rows), rng.normal(size=levels * rows)
    sds = abs(rng.normal()) * 1.5, abs(rng.normal())
    eta = (
        rng.normal() + rng.normal() * x + sds[0] * rng.normal(size=levels)[g] + sds[1] * rng.normal(size=levels)[g] * x
    )
    return {"y": (rng.random(len(g)) < 1 / (1 + np.exp(-eta))).astype(int), "x": x, "g": g}


@pytest.mark.thorough
@pytest.mark.parametrize("seed", [38, 337, 454])
def test_weakly_identified_choices_are_sampled_well(seed):
    fit = pp.fit("y ~ x + (x | g)", weak_table(seed), family="bernoulli", seed=1, progressbar=False)
    assert fit.run.engine == "nuts"
    draws = fit.posterior[["beta", "sd_g", "b_g"]]
    rhat, ess = az.rhat(draws), az.ess(draws)
    assert max(float(rhat[name].max()) for name in rhat) < 1.04
    assert min(float(ess[name].min()) for name in ess) > 200


def of_rows(posterior):
    """The precision of the only effect of every level in the normal approximation."""
    return posterior.stand_in.arrangement.moments.own[0][:, 0, 0]


@pytest.mark.parametrize("family", ["bernoulli", "poisson"])
def test_saturated_levels_lose_weight_and_others_keep_it(family):
    """Levels of zeros, and levels with many rows that differ in their means; the mode does not move."""
    rng = np.random.default_rng(1)
    saturated, mean = np.arange(16) < 6, np.linspace(0.2, 0.8, 16)
    g = np.concatenate([np.repeat(np.arange(6), 4), np.repeat(np.arange(6, 16), 200)])
    y = (rng.random(len(g)) < mean[g]).astype(int) if family == "bernoulli" else rng.poisson(9 * mean[g])
    y[saturated[g]] = 0
    design = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g)", family=family), {"y": y, "g": g})
    priors = resolve_priors(design)
    posterior, peak = find_mode(design, priors, lay_out(design, priors))
    wide = with_wide_weights(posterior, lay_out(design, priors), peak.theta, np.sqrt(np.diagonal(peak.covariance)))
    share = of_rows(wide) / of_rows(posterior)
    assert (share[saturated] < 0.6).all()
    assert (share[~saturated] > 0.97).all()
    assert (share < 1 + 1e-4).all()
    at = wide.linear_predictor(peak.theta), posterior.linear_predictor(peak.theta)
    np.testing.assert_allclose(*at, atol=0.02)


def test_the_mode_is_found_from_levels_of_zeros():
    """Full steps are taken even if the density decreases, as it does from the responses towards the prior."""
    rng = np.random.default_rng(1)
    g = np.concatenate([np.repeat(np.arange(6), 4), np.repeat(np.arange(6, 16), 200)])
    y = np.where(g < 6, 0, rng.poisson(4, len(g)))
    design = build_design(ModelSpec.from_formula("y ~ 1 + (1 | g)", family="poisson"), {"y": y, "g": g})
    priors = resolve_priors(design)
    posterior, peak = find_mode(design, priors, lay_out(design, priors))
    eta = posterior.linear_predictor(peak.theta)
    sd = np.exp(peak.theta[0])
    b = np.array([eta[g == level][0] for level in range(16)]) - eta.mean()
    score = np.bincount(g, y - np.exp(eta))
    # At the mode the score of every level equals its prior's pull, b_j / sd^2, about one common mean.
    pull = score * sd**2
    np.testing.assert_allclose(pull - pull.mean(), b - b.mean(), atol=0.02)


def test_normal_rows_keep_their_weights():
    design = build_design(ModelSpec.from_formula("Reaction ~ Days + (Days | Subject)"), pp.load_dataset("sleepstudy"))
    priors = resolve_priors(design)
    posterior, peak = find_mode(design, priors, lay_out(design, priors))
    wide = with_wide_weights(posterior, lay_out(design, priors), peak.theta, np.sqrt(np.diagonal(peak.covariance)))
    own = [p.stand_in.arrangement.moments.own[0] for p in (wide, posterior)]
    np.testing.assert_allclose(own[0] / own[0].max(), own[1] / own[1].max(), atol=1e-12)
