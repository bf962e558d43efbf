"""The population of ICCs beside what is known exactly: no information, certain ICCs, a simulated population."""

import numpy as np
import pytest
from scipy import stats

from partialpool.sampling.icc_population import _basis, _Population, population_of_iccs

CUTS = np.round(0.02 * np.arange(1, 50), 2)
MIDDLES = np.arange(50) * 0.02 + 0.01


def population(*given):
    drawn, means = population_of_iccs(*given, np.random.SeedSequence(1))
    return drawn.reshape(-1, drawn.shape[2]), means


def noisy(rng, count, population, error):
    """Posteriors of ICCs measured on the logit scale with a normal error, under a uniform prior."""
    true = population.rvs(count, random_state=rng)
    seen = np.log(true / (1 - true)) + error * rng.normal(size=count)
    fine = (np.arange(5000) + 0.5) / 5000
    density = np.exp(-0.5 * ((np.log(fine / (1 - fine)) - seen[:, None]) / error) ** 2)
    masses = density.reshape(count, 50, 100).sum(axis=2)
    return (masses / masses.sum(axis=1, keepdims=True)).cumsum(axis=1)[:, :-1], true


def test_responses_that_tell_nothing_leave_the_prior():
    prior = stats.beta(0.8, 1.5).cdf(CUTS)  # of each response, which does not matter
    drawn, means = population(np.tile(prior, (30, 1)), prior, CUTS)
    rng = np.random.default_rng(2)
    target = _Population(np.ones((1, 50)), _basis(MIDDLES), np.full(50, 0.02))
    expected = target.steps(rng.normal(size=(20_000, target.size))).cumsum(axis=1)[:, :-1]
    error = expected[:, ::8].std(axis=0) / np.sqrt(len(drawn) / 2)
    assert (np.abs(drawn.mean(axis=0)[::8] - expected.mean(axis=0)[::8]) < 5 * error).all()
    np.testing.assert_allclose(means, means[0])


def test_certain_iccs_are_counted():
    rng = np.random.default_rng(3)
    true = rng.beta(2, 4, size=3000)
    below = (true[:, None] < CUTS).astype(float)
    drawn, means = population(below, CUTS, CUTS)
    np.testing.assert_allclose(drawn.mean(axis=0), below.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(means, np.floor(true / 0.02) * 0.02 + 0.01, atol=1e-9)


def test_the_likelihood_is_the_obvious_one():
    below, _ = noisy(np.random.default_rng(4), 7, stats.beta(2, 3), 0.5)
    masses = np.diff(np.concatenate([np.zeros((7, 1)), below, np.ones((7, 1))], axis=1), axis=1)
    target = _Population(masses / 0.02, _basis(MIDDLES), np.full(50, 0.02))
    alpha = np.linspace(-1, 1, target.size)
    logs = target.basis @ alpha
    g = np.exp(logs) / np.exp(logs).sum()
    slow = sum(np.log(sum(masses[r, k] / 0.02 * g[k] for k in range(50))) for r in range(7)) - (alpha**2).sum() / 2
    assert target.log_densities(np.stack([0 * alpha, alpha]))[1] == pytest.approx(slow, rel=1e-12)


def test_noise_is_taken_off_a_simulated_population():
    true_population = stats.beta(2, 5)
    below, true = noisy(np.random.default_rng(5), 2000, true_population, 0.7)
    drawn, means = population(below, CUTS, CUTS)
    truth = true_population.cdf(CUTS)
    assert np.abs(drawn.mean(axis=0) - truth).max() < 0.05 < np.abs(below.mean(axis=0) - truth).max()
    masses = np.diff(np.concatenate([np.zeros((2000, 1)), below, np.ones((2000, 1))], axis=1), axis=1)
    alone = masses @ MIDDLES
    assert np.mean((means - true) ** 2) < 0.85 * np.mean((alone - true) ** 2)
    inside = (np.quantile(drawn, 0.001, axis=0) <= truth) & (truth <= np.quantile(drawn, 0.999, axis=0))
    assert inside[5::5].mean() > 0.7


def test_the_basis_has_no_constant():
    basis = _basis(MIDDLES)
    np.testing.assert_allclose(basis.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(basis.T @ basis / 50, np.eye(6), atol=1e-12)
