"""Recovered effects: their mean and covariance are those of the joint normal, by its closed form."""

import numpy as np
import pytest

from marginal.gaussian.oracle import joint, parameters, problem, table, to_zero
from partialpool.marginal.gaussian.recover import conditional_modes, recover
from partialpool.sampling.starts import starts

MODELS = {
    "one factor": ("y ~ x + (x | a)", "unbalanced", 40),
    "merged levels": ("y ~ x + (x | a)", "balanced", 40),
    "nested, by branches": ("y ~ x + (x | outer/inner)", "unbalanced", 2),
    "nested and crossed": ("y ~ x + (x | outer/inner) + (1 | a)", "unbalanced", 2),
    "crossed": ("y ~ x + (x | a) + (x || c)", "unbalanced", 40),
    "known errors": ("y | se(s) ~ x + (1 | a)", "unbalanced", 40),
    "no factor": ("y ~ x + w", "unbalanced", 40),
}


@pytest.fixture(scope="module", params=MODELS)
def case(request):
    formula, shape, branch_from = MODELS[request.param]
    design, priors, marginal = problem(formula, table(shape), branch_from)
    theta = starts(marginal)[0] + np.random.default_rng(2).normal(0, 0.3, marginal.size)
    w, mean, cov, noise, y = joint(design, priors, marginal, theta)
    gain = cov @ w.T @ np.linalg.inv(w @ cov @ w.T + np.diag(noise))
    return marginal, theta, mean + gain @ (y - w @ mean), cov - gain @ w @ cov


def everything(marginal, recovered):
    """b of every factor, then beta with the intercept at the predictors' means: the oracle's order."""
    draws = len(recovered.beta)
    beta = recovered.beta.copy()
    beta[:, 0] += beta[:, 1:] @ marginal.design.common.center
    return np.concatenate([*(b.reshape(draws, -1) for b in recovered.b), beta], axis=1)


def test_draws_have_the_joint_mean_and_covariance(case):
    marginal, theta, mean, cov = case
    draws = 20_000
    drawn = everything(marginal, recover(marginal, np.repeat(theta[None], draws, 0), np.random.SeedSequence(4)))
    sd = np.sqrt(np.diagonal(cov))
    assert np.abs(drawn.mean(axis=0) - mean).max() < (5 * sd / np.sqrt(draws)).max()
    assert (np.abs(drawn.mean(axis=0) - mean) / sd * np.sqrt(draws)).max() < 5
    # A sample covariance has standard error sqrt((s_ii s_jj + s_ij^2) / n).
    error = np.sqrt((np.outer(sd, sd) ** 2 + cov**2) / draws)
    assert (np.abs(np.cov(drawn.T) - cov) / error).max() < 5.5


def test_modes_are_the_conditional_mean(case):
    marginal, theta, mean, _ = case
    modes = np.concatenate([np.zeros(0), *(m.ravel() for m in conditional_modes(marginal, theta))])
    assert modes == pytest.approx(mean[: len(modes)], rel=1e-8, abs=1e-10)


def test_offsets_are_the_effects_without_scale(case):
    marginal, theta, _, _ = case
    found = recover(marginal, np.repeat(theta[None], 3, 0), np.random.SeedSequence(1), keep_z=True)
    sigmas = parameters(marginal, theta)[0]
    for f, (z, b) in enumerate(zip(found.z, found.b, strict=True)):
        at_means = np.linalg.inv(to_zero(marginal.design.factors[f]))
        half = np.linalg.inv(at_means) @ np.linalg.cholesky(at_means @ sigmas[f] @ at_means.T)
        assert b == pytest.approx(z @ half.T, rel=1e-8, abs=1e-10)


def test_draws_do_not_depend_on_threads(case):
    marginal, theta, _, _ = case
    thetas = theta + np.random.default_rng(1).normal(0, 0.1, (1500, marginal.size))
    one, two = (recover(marginal, thetas, np.random.SeedSequence(9), workers=w) for w in (1, 2))
    assert (everything(marginal, one) == everything(marginal, two)).all()


def test_log_densities_are_returned_too(case):
    marginal, theta, _, _ = case
    thetas = theta + np.random.default_rng(1).normal(0, 0.1, (5, marginal.size))
    found = recover(marginal, thetas, np.random.SeedSequence(9))
    assert found.log_density == pytest.approx(marginal.log_densities(thetas), rel=1e-12)
