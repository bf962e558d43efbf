"""Signed sds: the same posterior in coordinates that pass through zero smoothly."""

import numpy as np
import pytest

from marginal.gaussian.oracle import problem, table
from partialpool.sampling.mode import find_peaks
from partialpool.sampling.signed_sds import choose_signed
from partialpool.sampling.starts import starts

FORMULA = "y ~ x + (x + w | a) + (x || c)"


@pytest.fixture(scope="module")
def signed():
    marginal = problem(FORMULA, table("unbalanced"))[2]
    return choose_signed(marginal, find_peaks(marginal, starts(marginal))[0])


def somewhere(signed, seed=1):
    return np.random.default_rng(seed).normal(0, 1, signed.target.size)


def test_gradient_is_that_of_differences(signed):
    x, h = somewhere(signed), 1e-4
    steps = h * np.eye(len(x))
    at = [np.array([signed.gradient(row)[0] for row in x + k * steps]) for k in (-2, -1, 1, 2)]
    slopes = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h)
    assert (x[signed.sds] < 0).any()
    assert signed.gradient(x)[1] == pytest.approx(slopes, rel=1e-5, abs=1e-5)


def test_to_theta_is_the_inverse_of_from_theta(signed):
    theta = somewhere(signed, 2)
    assert signed.to_theta(signed.from_theta(theta)) == pytest.approx(theta, rel=1e-9)


def test_the_density_is_that_of_theta_times_the_jacobian(signed):
    x, h = somewhere(signed, 3), 1e-6
    steps = h * np.eye(len(x))
    jacobian = np.array([(signed.to_theta(x + s) - signed.to_theta(x - s)) / (2 * h) for s in steps])
    expected = signed.target.log_density(signed.to_theta(x)) + np.linalg.slogdet(jacobian)[1]
    assert signed.gradient(x)[0] == pytest.approx(expected, abs=1e-5)


def test_the_sign_of_an_sd_is_equivalent_to_the_signs_of_its_correlations(signed):
    """diag(s) R diag(s) does not change when s_k and the correlations of effect k change sign; nor does the density."""
    x = somewhere(signed, 4)
    for at in signed.sds:
        mirrored = x.copy()
        mirrored[at] *= -1
        mirrored[signed.partials[(signed.first == at) | (signed.second == at)]] *= -1
        assert signed.to_theta(mirrored) == pytest.approx(signed.to_theta(x))
        assert signed.gradient(mirrored)[0] == pytest.approx(signed.gradient(x)[0], rel=1e-12)


def test_density_and_slope_are_continuous_at_zero(signed):
    """The slopes on both sides of zero agree."""
    x = somewhere(signed, 5)
    for at in signed.sds:
        near = [x.copy() for _ in range(4)]
        for point, value in zip(near, (-1e-4, -1e-8, 1e-8, 1e-4), strict=True):
            point[at] = value
        values, slopes = zip(*(signed.gradient(point) for point in near), strict=True)
        assert np.ptp(values) < 1e-2
        assert np.ptp([slope[at] for slope in slopes]) < 1e-2 * max(1.0, abs(slopes[0][at]))


def test_the_covariance_is_the_inverse_of_the_negative_hessian(signed):
    """In the three directions with the most curvature, where the data are informative."""
    peak = find_peaks(signed.target, starts(signed.target))[0]
    x, h = signed.from_theta(peak.theta), 1e-3
    covariance = signed.covariance(peak)
    curvature, axes = np.linalg.eigh(np.linalg.inv(covariance))
    for size, axis in zip(curvature[-3:], axes.T[-3:], strict=True):
        ends = [signed.gradient(x + s * h * axis)[0] for s in (-1, 0, 1)]
        assert -(ends[0] - 2 * ends[1] + ends[2]) / h**2 == pytest.approx(size, rel=1e-2)
