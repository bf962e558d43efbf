"""Means and variances of hurdle counts equal sums over counts, and integrals by adaptive quadrature."""

import numpy as np
import pytest
from scipy import integrate, stats

from partialpool.families.counts_above_zero import CountsAboveZero

HU = 0.3
SHAPES = [None, 0.2, 1.0, 2.5, 1e6]
EVERY = pytest.mark.parametrize("alpha", SHAPES)


def means(alpha):
    return CountsAboveZero(np.array([[1 - HU]]), None if alpha is None else np.array([[alpha]]))


def by_sums(alpha, eta):
    """Mean and variance of the counts above 0, and of all."""
    rate = np.exp(eta)
    counts = stats.poisson(rate) if alpha is None else stats.nbinom(alpha, alpha / (alpha + rate))
    y = np.arange(1, 20_000.0)
    p = counts.pmf(y)
    first, second = (p @ y**k / p.sum() * (1 - HU) for k in (1, 2))
    return first, second - first**2


@EVERY
@pytest.mark.parametrize("eta", [-4.0, -1.0, 0.3, 2.0, 4.0])
def test_mean_and_variance_are_those_of_the_counts(alpha, eta):
    mean, variance = by_sums(alpha, eta)
    at = np.array([[eta]])
    assert means(alpha).inverse(at)[0, 0] == pytest.approx(mean, rel=1e-9)
    assert means(alpha).variance(at)[0, 0] == pytest.approx(variance, rel=1e-8)


@EVERY
def test_slopes_are_differences_and_means_are_inverted(alpha):
    eta = np.linspace(-6, 8, 40)[None]
    f, h = means(alpha), 1e-5
    assert f.slope(eta) == pytest.approx((f.inverse(eta + h) - f.inverse(eta - h)) / (2 * h), rel=1e-6, abs=1e-9)
    assert f.forward(f.inverse(eta)) == pytest.approx(eta, abs=1e-8)


@EVERY
def test_far_out_nothing_overflows(alpha):
    f, far = means(alpha), np.array([[-700.0, -300, -40, 40, 300]])
    for values in (f.inverse(far), f.slope(far), f.variance(far)):
        assert np.isfinite(values).all()
    assert f.inverse(far)[0, 0] == pytest.approx(1 - HU)


@EVERY
@pytest.mark.parametrize("sd", [0.01, 0.7, 2.0])
def test_means_over_a_normal_predictor_are_integrals(alpha, sd):
    f, eta, spread = means(alpha), np.array([[0.4]]), np.array([[sd**2]])

    def expectation(function):
        inside = lambda u: function(np.array([[0.4 + sd * u]]))[0, 0] * stats.norm.pdf(u)  # noqa: E731
        return integrate.quad(inside, -12, 12, epsabs=1e-12, epsrel=1e-10, limit=400)[0]

    mean = expectation(f.inverse)
    assert f.mean_over_normal(eta, spread)[0, 0] == pytest.approx(mean, rel=1e-7)
    assert f.variance_over_normal(eta, spread)[0, 0] == pytest.approx(expectation(f.variance), rel=1e-7)
    both = expectation(lambda x: f.inverse(x) ** 2) - mean**2
    assert f.covariance_over_normal(eta, spread, spread)[0, 0] == pytest.approx(both, rel=1e-5, abs=1e-9)


@EVERY
def test_the_covariance_of_two_counts_that_share_a_part_of_the_spread(alpha):
    f, eta, shared, spread = means(alpha), np.array([[0.4]]), np.array([[0.36]]), np.array([[0.85]])

    def squared(u):
        return f.mean_over_normal(eta + 0.6 * u, spread - shared)[0, 0] ** 2 * stats.norm.pdf(u)

    expected = integrate.quad(squared, -12, 12, epsabs=1e-12)[0] - f.mean_over_normal(eta, spread)[0, 0] ** 2
    assert f.covariance_over_normal(eta, shared, spread)[0, 0] == pytest.approx(expected, rel=1e-6)
