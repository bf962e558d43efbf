"""The variance function against simulated rows, and against the parabola."""

import numpy as np
import pytest

import partialpool as pp
from checks.fixed import fit_at

VALUES = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": [[1, -0.4], [-0.4, 1]], "sigma": 25}


@pytest.fixture(scope="module")
def fit():
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **VALUES)


def test_it_is_a_parabola(fit):
    days = np.linspace(0, 9, 7)
    found = pp.variance_function(fit, {"Days": days}).isel(chain=0, draw=0)
    expected = 400 - 2 * 0.4 * 100 * days + 25 * days**2 + 625
    assert found["variance"].to_numpy() == pytest.approx(expected)
    assert found["parts"].sel(part="residual").to_numpy() == pytest.approx(np.full(7, 625))
    assert found["mean"].to_numpy() == pytest.approx(250 + 10 * days)
    covariance = 400 - 40 * (days[:, None] + days) + 25 * days[:, None] * days
    assert found["covariance"].sel(factor="Subject").to_numpy() == pytest.approx(covariance)


def test_simulated_rows_have_that_covariance(fit):
    rng = np.random.default_rng(0)
    half = np.linalg.cholesky([[400, -40], [-40, 25]])
    b = rng.normal(size=(200_000, 2)) @ half.T
    days = np.array([1.0, 6.0])
    y = b @ np.stack([np.ones(2), days]) + rng.normal(0, 25, (200_000, 2))
    found = pp.variance_function(fit, {"Days": days}).isel(chain=0, draw=0)
    error = 4 * found["variance"].to_numpy().max() * np.sqrt(2 / 200_000)
    assert found["variance"].to_numpy() == pytest.approx(y.var(axis=0), abs=error)
    assert float(found["covariance"][0, 0, 1]) == pytest.approx(np.cov(y.T)[0, 1], abs=error)


def test_a_grid_of_two_predictors():
    rng = np.random.default_rng(1)
    data = {"y": rng.normal(size=40), "x": rng.normal(size=40), "w": rng.normal(size=40), "g": np.arange(40) % 5}
    fit = fit_at("y ~ x + w + (x + w || g)", data, beta=[0, 0, 0], sd_g=[1, 2, 3], sigma=1)
    found = pp.variance_function(fit, {"x": [0, 1], "w": [0, 1, 2]}).isel(chain=0, draw=0)
    assert found["variance"].dims == ("x", "w")
    assert found["variance"].to_numpy() == pytest.approx(2 + np.array([[0, 9, 36], [4, 13, 40]]))


def test_a_column_the_model_does_not_read(fit):
    with pytest.raises(pp.DataError, match="does not read"):
        pp.variance_function(fit, {"Dayz": [1]})
