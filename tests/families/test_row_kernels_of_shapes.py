"""Row kernels of families with shapes, against exact arithmetic at the extremes of their parameters."""

import numpy as np
import pytest

from families import decimal_density as exact
from families.test_row_kernels import Evaluated, assert_exact
from partialpool.families.registry import FAMILIES


@pytest.mark.parametrize("alpha", [1e-3, 0.3, 0.999, 1.0, 2.5, 4.0, 4.001, 300.0, 1e8])
def test_weibull_is_exact_from_no_hazard_to_a_sudden_one(alpha):
    for y in (1e-200, 1e-3, 1.0, 4e5):
        for away in (-2.0, -1e-4, 1e-6, 0.5) if alpha < 10 else (-2.0 / alpha, 1e-6 / alpha, 3.0 / alpha):
            # alpha (log y - eta) has the rounding errors of log y, times alpha.
            lost = 1e-15 * alpha * max(abs(np.log(y)), 1.0)
            digits = 1e-12 + 100 * lost
            found = Evaluated(FAMILIES["weibull"], "log", [y], [np.log(y) + away], [alpha])
            assert np.isfinite(found.value)
            if lost < 1e-8:
                assert_exact(
                    FAMILIES["weibull"],
                    "log",
                    [y],
                    [np.log(y) + away],
                    [alpha],
                    digits=digits,
                    slack=1e3 * lost * alpha,
                )


@pytest.mark.parametrize("lam", [1e-6, 0.3, 20.0, 1e8])
def test_inverse_gaussian_is_exact_from_tiny_to_huge_shapes(lam):
    for y in (0.02, 1.0, 40.0):
        for eta in (*(np.log(y) + np.array([-2.0, -1e-4, 1e-6, 0.5])), -30.0, 40.0):
            # log y - eta has the rounding errors of log y.
            slack = 1e-13 * lam * np.exp(-eta)
            digits = 2e-12 + 1e-16 * lam / y * min(abs(np.log(y) - eta), 1.0)
            assert_exact(FAMILIES["inverse_gaussian"], "log", [y], [eta], [lam], digits=digits, slack=slack)


@pytest.mark.parametrize("tau", [1e-6, 1e-3, 0.02, 0.3, 1.0, 30.0, 1e4])
def test_exgaussian_is_exact_from_normal_to_exponential(tau):
    for sigma in (1e-4, 0.5, 3.0):
        for away in (-40.0, -3.0, -0.4, 0.0, 1e-3, 0.6, 7.0, 300.0):
            y = 1.0 + away * np.hypot(sigma, tau)
            # With z = (y - mean + tau) / sigma, log p and slopes have the rounding errors of z^2, and of sigma / tau.
            large = (abs(y - 1.0) + tau) / sigma
            lost = 1e-15 * (max(large, 1.0) ** 2 + min(sigma / tau, 50.0))
            assert_exact(
                FAMILIES["exgaussian"], "identity", [y], [1.0], [sigma, tau], digits=1e-12 + lost, slack=lost / sigma
            )


def test_the_slope_in_tau_keeps_its_digits_where_the_family_is_nearly_normal():
    for ratio in (10.0, 49.0, 60.0, 1e3, 1e6):
        for z in (-2.0, 0.3, 2.5):
            own = [1.0, 1.0 / ratio]
            y = z - own[1]
            found = Evaluated(FAMILIES["exgaussian"], "identity", [y], [0.0], own)
            expected = np.array(exact.own_slopes("exgaussian", "identity", y, None, 0.0, own))
            assert found.own_slope == pytest.approx(expected, rel=2e-9, abs=1e-12)


@pytest.mark.parametrize("alpha", [-1e6, -30.0, -4.0, -0.3, -1e-5, 0.0, 1e-5, 0.9, 4.0, 100.0, 1e6])
def test_skew_normal_is_exact_for_skewness_of_either_sign_and_far_out(alpha):
    for away in (-30.0, -3.0, -0.4, 0.0, 0.6, 3.0, 30.0):
        largest = max(1.0, abs(alpha)) * (abs(away) + 1.0)
        slack = 1e-15 * largest**2
        assert_exact(
            FAMILIES["skew_normal"], "identity", [1 + 0.7 * away], [1.0], [0.7, alpha], digits=1e-12, slack=slack
        )


@pytest.mark.parametrize("link", FAMILIES["zero_one_inflated_beta"].links)
def test_zeros_and_ones_tell_nothing_of_the_mean(link):
    family = FAMILIES["zero_one_inflated_beta"]
    for own in ([7.0, 0.3, 0.4], [0.5, 1e-9, 1 - 1e-9], [100.0, 0.999, 1e-6]):
        for y in (0.0, 1.0, 1e-9, 0.3):
            assert_exact(family, link, [y], [0.4], own, digits=1e-12, slack=1e-14 * own[0])
        ends = Evaluated(family, link, [0.0, 1.0], [0.4, -2.0], own)
        assert ends.slope.tolist() == [0.0, 0.0]
        assert ends.information.tolist() == [1e-300, 1e-300]
