"""Moving the origin: the formula, and a fit to moved data."""

import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from checks.fixed import fit_at

VALUES = {"beta": [250, 10], "sd_Subject": [20, 5], "corr_Subject": [[1, -0.4], [-0.4, 1]], "sigma": 25}


@pytest.fixture(scope="module")
def fit():
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), **VALUES)


def test_powers_and_interactions_are_refused():
    rng = np.random.default_rng(0)
    data = {
        "y": rng.normal(size=40),
        "x": rng.normal(size=40),
        "z": rng.normal(size=40),
        "g": np.repeat(np.arange(5), 8),
    }
    bent = fit_at(
        "y ~ x + I(x**2) + (x + I(x**2) | g)", data, beta=[0, 0, 0], sd_g=[1, 1, 1], corr_g=np.eye(3), sigma=1.0
    )
    with pytest.raises(pp.DataError, match="another effect reads the same predictor"):
        pp.recenter(bent, x=2)
    assert np.isnan(pp.recenter(bent)["uncorrelated_at"].to_numpy()).all()
    crossed = fit_at("y ~ x*z + (x*z | g)", data, beta=[0, 0, 0, 0], sd_g=[1, 1, 1, 1], corr_g=np.eye(4), sigma=1.0)
    with pytest.raises(pp.DataError, match="'x' beside 'x:z'"):
        pp.recenter(crossed, x=2)


def test_the_formula(fit):
    found = pp.recenter(fit, Days=4.5).isel(chain=0, draw=0)
    assert found["covariance"].to_numpy() == pytest.approx(
        np.array([[400 - 2 * 4.5 * 40 + 4.5**2 * 25, -40 + 4.5 * 25], [-40 + 4.5 * 25, 25]])
    )
    assert found["sd"].to_numpy()[1] == pytest.approx(5)
    assert float(found["uncorrelated_at"].sel(slope="Days")) == pytest.approx(40 / 25)


def test_at_its_own_origin_they_are_uncorrelated(fit):
    origin = float(pp.recenter(fit)["uncorrelated_at"].squeeze())
    found = pp.recenter(fit, Days=origin).isel(chain=0, draw=0)
    assert float(found["correlation"].sel(effect="Intercept", effect_bis="Days")) == pytest.approx(0, abs=1e-12)


def test_moved_data_give_the_moved_covariance():
    """The likelihood's maximum moves with the data, and so does its covariance."""
    data = pp.load_dataset("sleepstudy")
    here = pp.maximum_likelihood("Reaction ~ Days + (Days | Subject)", data)
    there = pp.maximum_likelihood("Reaction ~ Days + (Days | Subject)", data.assign(Days=data["Days"] - 4.5))
    at = {"beta": here.maximum.beta, "sd_Subject": here.maximum.sd[0], "corr_Subject": here.maximum.corr[0]}
    moved = pp.recenter(fit_at("Reaction ~ Days + (Days | Subject)", data, sigma=here.maximum.sigma, **at), Days=4.5)
    assert moved["sd"].to_numpy()[0, 0] == pytest.approx(there.maximum.sd[0], rel=1e-6)
    assert moved["correlation"].to_numpy()[0, 0] == pytest.approx(there.maximum.corr[0], rel=1e-5)


def test_several_origins_are_each_origin_by_itself(fit):
    places = [-3.0, 0, 1.6, 9]
    found = pp.recenter(fit, Days=places)
    assert found["covariance"].dims == ("chain", "draw", "origin", "effect", "effect_bis")
    assert found["origin"].to_numpy().tolist() == places
    for place in places:
        alone, there = pp.recenter(fit, Days=place), found.sel(origin=place)
        for name in ("covariance", "correlation", "sd"):
            assert there[name].to_numpy() == pytest.approx(alone[name].to_numpy())
            assert "origin" not in alone[name].dims
        assert there["uncorrelated_at"].to_numpy() == pytest.approx(alone["uncorrelated_at"].to_numpy())
    spread = found["sd"].sel(effect="Intercept").to_numpy()[0, 0]
    assert spread.argmin() == 2  # uncorrelated at 1.6, where intercepts differ least
    assert found.attrs["along"] == "Days"
    assert found.attrs["origin"] == "Days=-3 to 9"
    assert (float(found["lowest"].squeeze()), float(found["highest"].squeeze())) == (0, 9)


def test_one_predictor_runs_while_another_is_moved():
    rng = np.random.default_rng(0)
    data = {
        "y": rng.normal(size=40),
        "x": rng.normal(size=40),
        "w": rng.normal(size=40),
        "g": np.repeat([0, 1, 2, 3], 10),
    }
    corr = [[1, 0.2, -0.3], [0.2, 1, 0.4], [-0.3, 0.4, 1]]
    fit = fit_at("y ~ x + w + (x + w | g)", data, beta=[0, 0, 0], sd_g=[1, 2, 3], corr_g=corr, sigma=1.0)
    found = pp.recenter(fit, x=[0.0, 2.0], w=-1.0)["covariance"].to_numpy()[0, 0, 1]
    turn = np.array([[1, 2, -1], [0, 1, 0], [0, 0, 1]])
    sigma = np.diag([1, 2, 3]) @ np.array(corr) @ np.diag([1, 2, 3])
    assert found == pytest.approx(turn @ sigma @ turn.T)
    with pytest.raises(pp.DataError, match="only one predictor may have several origins"):
        pp.recenter(fit, x=[0, 1], w=[0, 1])


@pytest.mark.parametrize("origin", ["four", [], [0, np.nan], [[1, 2]], None])
def test_an_origin_is_a_number_or_a_list_of_them(fit, origin):
    with pytest.raises(pp.DataError, match="is not a value on its axis"):
        pp.recenter(fit, Days=origin)


def test_wrong_questions(fit):
    with pytest.raises(pp.DataError, match="no slope of this name"):
        pp.recenter(fit, Dayz=1)
    with pytest.raises(pp.DataError, match="name a factor"):
        pp.recenter(fit, "Subjekt", Days=1)
    plain = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), beta=[1500.0], sd_Batch=[40.0], sigma=50.0)
    with pytest.raises(pp.DataError, match="no intercept varies together with a slope"):
        pp.recenter(plain)


@pytest.mark.parametrize("name", ["fit", "factor", "at", "origin", "log(dose)", "two words"])
def test_a_predictor_of_any_name_is_moved(name):
    rng = np.random.default_rng(3)
    column = "dose" if "(" in name else name
    data = {column: rng.uniform(1, 9, 60), "g": np.repeat(np.arange(12), 5), "y": rng.normal(size=60)}
    slope = f"`{name}`" if " " in name else name
    fit = pp.fit(f"y ~ {slope} + ({slope} | g)", data, seed=1, draws=50, progressbar=False)
    own = next(n for n in fit.design.factors[0].names if n != "Intercept")
    moved = pp.recenter(fit, at={own: 2.0})
    assert moved.attrs["origin"] == f"{own}=2"
    if name in ("fit", "origin"):
        xr.testing.assert_equal(moved["sd"], pp.recenter(fit, **{name: 2.0})["sd"])


def test_origins_by_name_are_a_mapping(fit):
    with pytest.raises(pp.DataError, match="at= must be a mapping"):
        pp.recenter(fit, at=4.5)
