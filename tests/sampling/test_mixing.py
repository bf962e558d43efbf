"""R-hat and effective sample sizes, held to ArviZ one quantity at a time."""

import time

import numpy as np
import pytest
from arviz_stats.base import array_stats

from partialpool.sampling.mixing import bulk_ess, mcse_mean, mean_ess, mixing, rhat

AXES = {"chain_axis": 0, "draw_axis": 1}


def autoregressive(rng, chains, draws, rho):
    x = rng.normal(size=(chains, draws))
    for t in range(1, draws):
        x[:, t] += rho * x[:, t - 1]
    return x


def quantities(chains, draws):
    """Independent, slow, antithetic, repeated, skewed, trending, binary and rounded draws."""
    rng = np.random.default_rng([chains, draws])
    repeated = rng.normal(size=(chains, draws))
    for t in range(1, draws):
        stay = rng.random(chains) < 0.3
        repeated[stay, t] = repeated[stay, t - 1]
    return [
        rng.normal(size=(chains, draws)),
        autoregressive(rng, chains, draws, 0.5),
        autoregressive(rng, chains, draws, 0.99),
        autoregressive(rng, chains, draws, -0.9),
        repeated,
        np.exp(3 * rng.normal(size=(chains, draws))),
        rng.normal(size=(chains, draws)) + np.linspace(0, 3, draws),
        rng.normal(size=(chains, draws)) + 2 * np.arange(chains)[:, None],
        (rng.random((chains, draws)) < 0.02).astype(float),
        np.round(rng.normal(size=(chains, draws))),
        np.where(np.arange(draws) < draws // 2, 0.0, 1.0) + 0.1 * rng.normal(size=(chains, draws)),
    ]


@pytest.mark.parametrize("draws", [4, 5, 6, 7, 8, 9, 11, 50, 333, 1000])
@pytest.mark.parametrize("chains", [1, 2, 4])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_it_is_what_arviz_computes(chains, draws):
    columns = quantities(chains, draws)
    found = mixing(columns, workers=2)
    for k, x in enumerate(columns):
        assert found.bulk_ess[k] == pytest.approx(array_stats.ess(x, method="bulk", **AXES), rel=1e-9, nan_ok=True)
        tail = array_stats.ess(x, method="tail", prob=(0.05, 0.95), **AXES)
        assert found.tail_ess[k] == pytest.approx(tail, rel=1e-9, nan_ok=True)
        if chains > 1:
            assert found.rhat[k] == pytest.approx(array_stats.rhat(x, **AXES), rel=1e-9, nan_ok=True)
        assert (rhat(x), bulk_ess(x)) == pytest.approx((found.rhat[k], found.bulk_ess[k]), rel=1e-12, nan_ok=True)
        assert mean_ess(x) == pytest.approx(array_stats.ess(x, method="mean", **AXES), rel=1e-9, nan_ok=True)
        assert mcse_mean(x) == pytest.approx(array_stats.mcse(x, method="mean", **AXES), rel=1e-9, nan_ok=True)
    assert np.isnan(found.rhat).all() == (chains == 1)


def test_draws_that_are_not_finite_have_no_diagnostics():
    x = np.random.default_rng(1).normal(size=(4, 100))
    spoiled = x.copy()
    spoiled[2, 7] = np.nan
    found = mixing([x, spoiled])
    assert np.isfinite([found.rhat[0], found.bulk_ess[0], found.tail_ess[0]]).all()
    assert np.isnan([found.rhat[1], found.bulk_ess[1], found.tail_ess[1]]).all()


def test_too_few_draws_and_no_quantities():
    assert np.isnan(mixing([np.zeros((4, 3))]).bulk_ess).all()
    assert mixing([]).rhat.shape == (0,)


def test_many_quantities_take_less_time_than_one_by_one():
    """The ratio depends on the machine and on the release of ArviZ: 0.30 to 0.36 on the machines tried."""
    x = np.random.default_rng(1).normal(size=(300, 4, 1000))
    columns = list(x)

    def seconds(work):
        started = time.process_time()
        work()
        return time.process_time() - started

    def one_by_one():
        for column in columns:
            array_stats.rhat(column, **AXES)
            array_stats.ess(column, method="bulk", **AXES)
            array_stats.ess(column, method="tail", prob=(0.05, 0.95), **AXES)

    mixing(columns[:2])
    assert min(seconds(lambda: mixing(columns)) for _ in range(3)) < 0.5 * seconds(one_by_one)
