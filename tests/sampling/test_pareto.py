"""Pareto k-hat: every number is that of ArviZ; the shape of a Pareto density is found; units do not matter."""

import subprocess
import sys

import numpy as np
import pytest
from arviz_stats.base import array_stats

from partialpool.sampling.pareto import khat_of_draws, khat_of_weights

RNG = np.random.default_rng(5)
SHAPES = {
    "normal": lambda n: RNG.normal(size=n),
    "uniform": lambda n: RNG.uniform(size=n),
    "t of 2": lambda n: RNG.standard_t(2, size=n),
    "t of 1": lambda n: RNG.standard_t(1, size=n),
    "lognormal": lambda n: np.exp(3 * RNG.normal(size=n)),
    "lower tail": lambda n: -np.exp(2 * RNG.normal(size=n)),
    "far from 0": lambda n: 1e6 + RNG.normal(size=n),
}


@pytest.mark.parametrize("n", [25, 100, 225, 226, 1000, 4001])
@pytest.mark.parametrize("shape", SHAPES)
def test_draws_as_arviz(shape, n):
    draws = SHAPES[shape](n)
    expected = float(array_stats.pareto_khat(draws[None], r_eff=1.0))
    assert khat_of_draws(draws) == pytest.approx(expected, abs=1e-9, nan_ok=True)  # where both are NaN


@pytest.mark.parametrize("n", [25, 100, 225, 226, 1000, 16000])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("scale", [1e-3, 1.0, 3.0])
def test_weights_as_arviz(shape, n, scale):
    log_weights = scale * SHAPES[shape](n)
    expected = float(array_stats.psislw(-log_weights)[1])
    assert khat_of_weights(log_weights) == pytest.approx(expected, abs=1e-9, nan_ok=True)  # where both are NaN


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.8, 1.2])
def test_the_shape_of_a_pareto_density_is_found(shape):
    """The sd of the estimate is about (1 + k) / sqrt(tail); five of them."""
    n = 400_000
    log_weights = -shape * np.log(np.random.default_rng(1).uniform(size=n))
    assert khat_of_weights(log_weights) == pytest.approx(shape, abs=5 * (1 + shape) / np.sqrt(3 * np.sqrt(n)))


def test_units_origin_and_order_do_not_matter():
    draws = np.random.default_rng(2).standard_t(3, size=2000)
    expected = khat_of_draws(draws)
    for same in (draws[::-1], -draws, draws * 1e-30, draws * 1e30, draws * 4 - 8):
        assert khat_of_draws(same) == pytest.approx(expected, abs=1e-9)
    log_weights = np.random.default_rng(3).normal(size=2000)
    assert khat_of_weights(log_weights + 1000) == pytest.approx(khat_of_weights(log_weights), abs=1e-9)


@pytest.mark.parametrize("draws", [np.zeros(1000), np.arange(24.0), np.repeat([0.0, 1.0], 500)])
def test_tails_that_cannot_be_fitted(draws):
    assert np.isnan(khat_of_weights(draws))
    assert np.isnan(khat_of_draws(draws))


def test_a_tail_that_cannot_be_fitted_does_not_hide_the_other():
    long = np.exp(3 * np.random.default_rng(4).normal(size=1000))
    draws = np.concatenate([np.zeros(1000), long])
    assert khat_of_draws(draws) > 0.7
    assert khat_of_draws(-draws) == khat_of_draws(draws)


FITS = """
import sys
import partialpool as pp
print(pp.fit("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), seed=1, progressbar=False))
assert not {"arviz_stats", "scipy.stats"} & {*sys.modules}
"""


@pytest.mark.thorough
def test_a_fit_imports_no_arviz():
    subprocess.run([sys.executable, "-c", FITS], check=True)
