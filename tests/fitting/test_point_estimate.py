"""Means that a few draws decide are not printed as if they were known: closed forms, and what must not matter."""

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from partialpool.fitting.point_estimate import (
    MEAN,
    MEDIAN,
    common_point,
    mean_is_known,
    point_estimate,
    quantiles,
)

S = 4000


def _normal(seed=1, size=S):
    return np.random.default_rng(seed).normal(size=size)


@pytest.mark.parametrize("seed", range(20))
def test_the_mean_of_a_lognormal_of_sigma_3_is_not_known_and_its_median_is(seed):
    draws = np.exp(3 * _normal(seed))
    assert not mean_is_known(draws)
    value, kind = point_estimate(draws)
    assert kind == "median"
    # The median's density is that of N(0, 3) at 0, on the log scale.
    se = np.sqrt(np.pi / 2) * 3 / np.sqrt(S)
    assert abs(np.log(value)) < 5 * se


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("of", ["normal", "exponential", "uniform", "t5", "lognormal 0.7", "bernoulli", "beta"])
def test_means_that_are_known_stay(of, seed):
    rng = np.random.default_rng(seed)
    draws = {
        "normal": lambda: rng.normal(size=S),
        "exponential": lambda: rng.exponential(size=S),
        "uniform": lambda: rng.uniform(size=S),
        "t5": lambda: rng.standard_t(5, size=S),
        "lognormal 0.7": lambda: np.exp(0.7 * rng.normal(size=S)),
        "bernoulli": lambda: (rng.random(S) < 0.1).astype(float),
        "beta": lambda: rng.beta(0.5, 0.5, size=S),
    }[of]()
    assert mean_is_known(draws)
    assert point_estimate(draws) == (draws.mean(), "mean")


def test_a_symmetric_tail_without_a_mean():
    draws = np.random.default_rng(1).standard_cauchy(S)
    low, high = np.quantile(draws, [0.25, 0.75])
    assert not mean_is_known(draws)
    assert low < point_estimate(draws)[0] < high


@pytest.mark.parametrize("value", [0.0, 0.1, -3e200, 1e-300])
@pytest.mark.parametrize("how_many", [1, 4, S])
def test_what_is_fixed_is_known(value, how_many):
    assert mean_is_known(np.full(how_many, value))
    assert point_estimate(np.full(how_many, value)) == (pytest.approx(value), "mean")


def test_draws_that_are_no_numbers():
    draws = _normal()
    draws[:3] = np.inf
    assert not mean_is_known(draws)
    assert point_estimate(draws) == (np.median(draws), "median")
    draws[0] = np.nan
    assert not mean_is_known(draws)
    assert np.isnan(point_estimate(draws)[0])
    assert not mean_is_known(np.full(5, np.inf))
    assert not mean_is_known(np.array([]))


@pytest.mark.parametrize("sigma", np.linspace(0.5, 3, 11))
@pytest.mark.parametrize("factor", [1e-200, -1e-3, 7.3, 1e200])
def test_units_order_and_the_place_of_zero_do_not_matter(sigma, factor):
    draws = np.exp(sigma * _normal())
    known = mean_is_known(draws)
    assert mean_is_known(factor * draws) == known
    assert mean_is_known(draws - 37.0) == known
    assert mean_is_known(np.random.default_rng(2).permutation(draws)) == known
    assert mean_is_known(draws.reshape(4, 1000)) == known


def test_a_tail_of_equal_numbers_is_no_long_one():
    draws = _normal()
    draws[:200], draws[200:400] = 100.0, -100.0
    assert mean_is_known(draws)


def test_one_kind_for_all_and_gaps_decide_nothing():
    steady, wild, gap = _normal(), np.exp(3 * _normal(2)), np.full(S, np.nan)
    assert common_point(steady, np.stack([steady, gap], axis=1)) == MEAN
    assert common_point(np.stack([steady, gap, wild], axis=1)) == MEDIAN
    many = np.tile(steady[:400, None], (1, 600))
    assert common_point(many) == MEAN
    many[:, 599] = wild[:400]
    assert common_point(many) == MEDIAN
    labelled = xr.DataArray(np.stack([steady, wild]).reshape(2, 4, 1000), dims=("a", "chain", "draw"))
    assert common_point(labelled) == MEDIAN
    assert common_point(labelled.sel(a=0)) == MEAN
    assert common_point(labelled.isel(a=[])) == MEAN


def test_names():
    assert MEAN.name == "posterior mean"
    assert MEDIAN.name == "posterior median (a few draws decide the mean)"
    np.testing.assert_array_equal(MEDIAN.of(np.arange(6.0).reshape(3, 2), axis=0), [2, 3])


def test_quantiles_of_infinite_draws():
    draws = np.r_[_normal(size=90), np.full(10, np.inf)]
    low, high = quantiles(draws, (0.05, 0.95))
    assert low in draws
    assert high == np.inf
    np.testing.assert_array_equal(quantiles(draws[:90], (0.1, 0.9)), np.quantile(draws[:90], [0.1, 0.9]))


def test_a_correlation_near_one_needs_no_median():
    """Years far from zero: at zero intercept and slope are as good as one, and the draws' tail is on one side."""
    rng = np.random.default_rng(4)
    person, year = np.repeat(np.arange(20), 6), np.tile(np.arange(2000.0, 2006.0), 20)
    y = rng.normal(size=20)[person] + (0.1 + 0.1 * rng.normal(size=20)[person]) * (year - 2002.5)
    table = {"y": y + 0.5 * rng.normal(size=120), "year": year, "id": person}
    fit = pp.fit("y ~ year + (year | id)", table, seed=1, progressbar=False)
    assert not [name for name in fit.digest.means_not_known if name.startswith(("corr_", "icc"))]
    assert "corr(Intercept, year)" not in str(fit).partition("read the median")[2]
