"""Outlines of densities: near the truth inside and at the boundary, whatever the tail."""

import numpy as np
import pytest
from scipy import stats

from partialpool.explorer.density import outline

POINTS = np.linspace(0, 3, 161)


@pytest.mark.parametrize(
    "truth", [stats.halfnorm(), stats.gamma(8, 0, 1 / 8), stats.halfcauchy(), stats.expon()], ids=lambda d: d.dist.name
)
def test_a_density_is_found_again(truth):
    draws = truth.rvs(200_000, random_state=np.random.default_rng(0))
    found = outline(draws, truth.pdf, POINTS, np.inf)
    # Both curves are divided by one number, so that they can be compared.
    np.testing.assert_allclose(found.posterior, found.prior, atol=0.05)
    assert max(found.posterior.max(), found.prior.max()) == pytest.approx(1.0, abs=0.05)
    assert (found.low, found.median, found.high) == pytest.approx(truth.ppf([0.025, 0.5, 0.975]), rel=0.02, abs=0.001)
    half = outline(draws, truth.pdf, POINTS, np.inf, prob=0.5)
    assert (half.low, half.high) == pytest.approx(truth.ppf([0.25, 0.75]), rel=0.02, abs=0.001)
    assert found.beyond == pytest.approx(truth.sf(3.0), abs=0.005)


def test_a_share_stays_between_its_ends():
    draws = stats.beta(0.7, 3).rvs(100_000, random_state=np.random.default_rng(1))
    points = np.linspace(0, 1, 101)
    found = outline(draws, np.random.default_rng(2).uniform(size=100_000), points, 1.0)
    peak = found.prior[50]  # of a uniform, whose density is 1
    area = np.trapezoid(found.posterior, points) / peak
    assert area == pytest.approx(1.0, abs=0.05)
    np.testing.assert_allclose(found.prior / peak, 1.0, atol=0.08)


def test_a_prior_that_spikes_does_not_flatten_the_posterior():
    draws = stats.gamma(30, 0, 1 / 30).rvs(5000, random_state=np.random.default_rng(3))
    found = outline(draws, lambda x: np.where(x == 0, np.inf, 1e6 * np.exp(-x)), POINTS, np.inf)
    assert 0.8 < found.posterior.max() <= 1.0
    assert np.isfinite(found.prior).all()


def test_draws_that_do_not_vary_have_no_curve():
    found = outline(np.zeros(100), np.ones_like, POINTS, np.inf)
    assert (found.posterior == 0).all()
    assert found.median == 0
