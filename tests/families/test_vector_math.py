"""Exponentials, logarithms and log gammas in plain arithmetic, compared with 60-digit decimals and with SciPy."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
from scipy import special

from partialpool.families.row_kernels import gamma_functions, vector_math
from partialpool.families.row_kernels.binary_links import mills_ratio
from partialpool.kernels import kernel

EPS = np.finfo(float).eps


@kernel
def evaluate_exp(x, out):
    for i in range(len(x)):
        out[0, i] = vector_math.exp(x[i])
        out[1, i], out[2, i] = vector_math.excess_of_exp(x[i])


@kernel
def evaluate_log(x, out):
    for i in range(len(x)):
        out[0, i] = vector_math.log(x[i])
        out[1, i] = vector_math.log_excess(x[i])


@kernel
def evaluate_log1p(x, out):
    for i in range(len(x)):
        out[0, i] = vector_math.log1p(x[i])
        out[1, i] = vector_math.log1p_of_share(min(max(x[i], 0.0), 1.0))


@kernel
def evaluate_gamma(x, out):
    for i in range(len(x)):
        out[0, i], out[1, i] = gamma_functions.log_gamma_excess(x[i])
        out[2, i], out[3, i] = gamma_functions.log_gamma_half_step(x[i])
        _, out[4, i], squares = gamma_functions.successor_tail(x[i])
        out[5, i] = squares + gamma_functions.trigamma_from_eight(x[i] + 8.0)


@kernel
def evaluate_mills(x, out):
    for i in range(len(x)):
        out[0, i] = mills_ratio(x[i])


def evaluated(function, x, rows):
    x = np.asarray(x, float)
    out = np.empty((rows, len(x)))
    function(x, out)
    return out


def exact(function, x):
    """A function of decimals, of floats taken exactly."""
    with localcontext() as context:
        context.prec = 60
        return np.array([float(function(Decimal(float(v)))) for v in x])


def worst(found, expected):
    """Largest relative error, in units in the last place of 1."""
    return np.max(np.abs(found - expected) / np.abs(expected)) / EPS


def test_exp_is_right_to_two_units_in_the_last_place():
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.uniform(-708, 709, 2000), rng.normal(0, 1, 1000), 10.0 ** rng.uniform(-20, 0, 300)])
    value, less_one, excess = evaluated(evaluate_exp, x, 3)
    assert worst(value, exact(lambda v: v.exp(), x)) < 2
    assert worst(less_one, exact(lambda v: v.exp() - 1, x)) < 4
    assert worst(excess, exact(lambda v: v.exp() - 1 - v, x)) < 10


def test_exp_beyond_its_range_is_infinite_or_tiny():
    value, less_one, excess = evaluated(evaluate_exp, [709.5, np.inf, -800.0, -np.inf], 3)
    assert (value[:2] == np.inf).all()
    assert (value[2:] < 1e-307).all()
    assert (less_one[2:] == -1).all()
    assert excess[2] == 799
    assert np.isnan(evaluated(evaluate_exp, [np.nan], 3)[0, 0])


def test_log_is_right_to_two_units_in_the_last_place_near_1_too():
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [10.0 ** rng.uniform(-300, 300, 2000), 1 + rng.normal(0, 0.1, 500), 1 + rng.normal(0, 1e-9, 200)]
    )
    value, excess = evaluated(evaluate_log, x, 2)
    assert worst(value, exact(lambda v: v.ln(), x)) < 2
    assert worst(excess, exact(lambda v: v - 1 - v.ln(), x)) < 25
    assert evaluated(evaluate_log, [np.inf], 2)[0, 0] == np.inf


def test_log1p_is_right_to_two_units_in_the_last_place_however_small_its_argument():
    rng = np.random.default_rng(3)
    x = np.concatenate([10.0 ** rng.uniform(-20, 300, 2000), -(10.0 ** rng.uniform(-20, -0.01, 500))])
    value, _ = evaluated(evaluate_log1p, x, 2)
    assert worst(value, exact(lambda v: (1 + v).ln(), x)) < 3
    share = 10.0 ** rng.uniform(-18, 0, 1000)
    assert worst(evaluated(evaluate_log1p, share, 2)[1], exact(lambda v: (1 + v).ln(), share)) < 2


def test_mills_ratio_is_that_of_scipy_s_scaled_error_function():
    t = np.concatenate([[0.0], 10.0 ** np.random.default_rng(4).uniform(-9, 6, 2000)])
    expected = np.sqrt(np.pi / 2) * special.erfcx(t / np.sqrt(2))
    assert worst(evaluated(evaluate_mills, t, 1)[0], expected) < 8


@pytest.mark.parametrize("x", [1e-9, 1e-3, 0.3, 1.0, 2.0, 7.5, 40.0, 1e4])
def test_log_gamma_and_its_derivatives_are_scipy_s(x):
    excess, excess_slope, step, step_slope, successor, trigamma = evaluated(evaluate_gamma, [x], 6)[:, 0]
    scale = 1e-14 * (1 + abs(special.gammaln(x)) + x)
    assert excess == pytest.approx(special.gammaln(x) - x * np.log(x) + x, abs=scale)
    assert excess_slope == pytest.approx(special.digamma(x) - np.log(x), rel=1e-12)
    assert step == pytest.approx(special.gammaln(x + 0.5) - special.gammaln(x) - 0.5 * np.log(x), abs=5 * scale)
    assert step_slope == pytest.approx(special.digamma(x + 0.5) - special.digamma(x) - 0.5 / x, abs=1e-14 * (1 + 1 / x))
    assert successor + np.log(x + 8) == pytest.approx(special.digamma(x + 1), rel=1e-13, abs=1e-14)
    assert trigamma == pytest.approx(special.polygamma(1, x + 1), rel=1e-13)


def test_log_gamma_of_large_numbers_keeps_its_digits_in_differences():
    """From the asymptotic series, whose next terms are below 1e-20."""
    excess, excess_slope, step, step_slope, _, _ = evaluated(evaluate_gamma, [1e8], 6)[:, 0]
    assert excess == pytest.approx(0.5 * np.log(2 * np.pi / 1e8) + 1 / 12e8, rel=1e-14)
    assert excess_slope == pytest.approx(-0.5e-8 - 1 / 12e16, rel=1e-6)
    assert step == pytest.approx(-1 / 8e8, abs=1e-15)
    assert step_slope == pytest.approx(1 / 8e16, rel=1e-3)


def test_the_constant_of_counts_is_that_of_exact_factorials():
    y = np.array([0.0, 1, 2, 15, 16, 17, 100])
    exactly = [float(v) * np.log(max(v, 1)) - v - special.gammaln(v + 1) for v in y]
    assert gamma_functions.log_poisson_at_count(y) == pytest.approx(exactly, abs=1e-12)
    assert gamma_functions.log_poisson_at_count(np.array([1e9]))[0] == pytest.approx(
        -0.5 * np.log(2e9 * np.pi), abs=1e-9
    )
