import contextlib
import warnings

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import stats

import partialpool as pp
from checks.many import CUTS, LACKING, made_up


@pytest.fixture(scope="module")
def many():
    return made_up()


def test_false_sign_rates_are_those_of_a_loop(many):
    look = pp.across_responses(many, seed=1)
    for coef in ("Intercept", "x"):
        above = many["beta_above_0"].sel(coef=coef).to_numpy()
        wrong = [min(p, 1 - p) for p in above]
        for r in range(200):
            if r == 3:
                continue
            mean = np.mean([w for w in wrong if w <= wrong[r]])
            assert look["false_sign"].sel(coef=coef).to_numpy()[r] == pytest.approx(wrong[r])
            assert look["s_value"].sel(coef=coef).to_numpy()[r] == pytest.approx(mean)
            assert bool(look["above_0"].sel(coef=coef)[r]) == (above[r] > 0.5)
        for limit in (0.01, 0.05, 0.1, 0.2):
            count = int((look["s_value"].sel(coef=coef) <= limit).sum())
            assert look["stated"].sel(coef=coef, s_below=limit) == count
    assert look["s_value"].isel(response=3).isnull().all()
    assert look["false_sign"].isel(response=3).isnull().all()


def test_stated_signs_are_wrong_as_often_as_expected():
    """Effects from their prior, with normal errors: the s-value is the share of wrong signs."""
    rng = np.random.default_rng(2)
    effects = rng.normal(size=20_000)
    seen = effects + rng.normal(size=20_000)
    above = stats.norm.cdf(seen / 2 / np.sqrt(0.5))  # the posterior is Normal(seen / 2, 1 / 2)
    made = xr.Dataset(
        {
            "beta_above_0": (("response", "coef"), above[:, None]),
            "fitted": ("response", np.ones(20_000, bool)),
            "seed": ("response", np.arange(20_000)),
        },
        coords={"response": np.arange(20_000), "coef": ["x"]},
    )
    look = pp.across_responses(made)
    for limit in (0.05, 0.1, 0.2):
        stated = (look["s_value"] <= limit).to_numpy()[:, 0]
        wrong = (look["above_0"].to_numpy()[:, 0] != (effects > 0))[stated]
        expected = float(look["false_sign"].to_numpy()[stated].mean())
        assert abs(wrong.mean() - expected) < 5 * np.sqrt(expected / stated.sum())


def test_the_distribution_of_iccs(many):
    look = pp.across_responses(many, seed=1)
    each = np.delete(many["icc_below"].to_numpy(), 3, axis=0).mean(axis=0)
    np.testing.assert_allclose(look["each_below"], each)
    draws = look["population_below"].sel(factor="a")
    assert (draws.diff("cut") >= 0).all()
    assert ((draws > 0) & (draws < 1 + 1e-9)).all()
    assert np.isnan(look["icc"].to_numpy()[LACKING]).all()
    assert {"mean", "sd"} <= set(pp.summary(look[["population_below"]].sel(cut=[0.1, 0.3])).columns)


def test_the_same_seed_gives_the_same_numbers(many):
    xr.testing.assert_identical(pp.across_responses(many, seed=1), pp.across_responses(many, seed=1))


def test_real_responses_and_priors_of_the_icc(tmp_path):
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"g": np.repeat(np.arange(15), 6)})
    sds = rng.uniform(0, 1.5, 40)
    y = 100 * (sds * rng.normal(size=(15, 40)))[table["g"]] + 100 * rng.normal(size=(90, 40))
    short = {"draws": 250, "seed": 1, "jobs": 1, "progressbar": False}
    with quiet():
        many = pp.fit_many("y ~ 1 + (1 | g)", y, table, path=tmp_path / "many.zarr", **short)
    # The prior: of the ICC of a model with one factor whose sds are half t with the same scale.
    t, s = (np.abs(rng.standard_t(3, size=400_000)) for _ in range(2))
    expected = (t**2 / (t**2 + s**2) < CUTS[:, None]).mean(axis=1)
    np.testing.assert_allclose(many["icc_prior_below"].sel(factor="g"), expected, atol=0.01)
    look = pp.across_responses(many, seed=1)
    means = many["icc"].sel(factor="g", statistic="mean").to_numpy()
    shrunken = look["icc"].sel(factor="g").to_numpy()
    assert np.corrcoef(means, shrunken)[0, 1] > 0.9
    with quiet():
        stated = pp.fit_many(
            "y ~ 1 + (1 | g)", y[:, :3], table, priors={"sigma": pp.Prior("HalfNormal", sigma=90)}, **short
        )
        alone = pp.fit_many("y ~ 1", y[:, :3], table, **short)
    assert "icc_prior_below" not in stated
    look = pp.across_responses(stated)
    assert "population_below" not in look
    assert "each_below" in look
    assert "each_below" not in pp.across_responses(alone)


@contextlib.contextmanager
def quiet():
    """Ignore warnings of the diagnostics of short chains."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.SamplingWarning)
        yield


def test_what_is_refused(many):
    with pytest.raises(pp.DataError, match=r"(?s)not an answer of pp.fit_many.*Dataset.*fit the responses first"):
        pp.across_responses(xr.Dataset())
    with pytest.raises(pp.DataError, match=r"(?s)no response was fitted.*200 responses without answers.*see many"):
        pp.across_responses(many.assign(fitted=("response", np.zeros(200, bool))))
