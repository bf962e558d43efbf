"""Predictions at given parameters: what each kind adds, new levels, labels, refusals."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy import integrate, special

import partialpool as pp
from checks.fixed import fit_at
from checks.quadrature import normal_density
from partialpool import memory
from partialpool.model import chunks as pieces

SLOPES = {"beta": [250.0, 10.0], "sd_Subject": [20.0, 5.0], "corr_Subject": [[1, 0.5], [0.5, 1]], "sigma": 25.0}
MANY = 20_000


@pytest.fixture(scope="module")
def slopes():
    b = np.zeros((18, 2))
    b[0] = [30, -4]
    return fit_at("Reaction ~ Days + (Days | Subject)", pp.load_dataset("sleepstudy"), b_Subject=b, **SLOPES)


@pytest.fixture(scope="module")
def many():
    values = {name: np.repeat([value], MANY, axis=0) for name, value in SLOPES.items()}
    data = pp.load_dataset("sleepstudy")
    return fit_at("Reaction ~ Days + (Days | Subject)", data, draws=MANY, b_Subject=np.zeros((MANY, 18, 2)), **values)


def means(dataset):
    return dataset["expectation"].isel(chain=0, draw=0).to_numpy()


def test_a_level_has_its_own_line_and_the_typical_one_has_none(slopes):
    new = {"Days": [0, 9], "Subject": ["308", "308"]}
    assert means(pp.predict(slopes, new)) == pytest.approx([280, 250 + 90 + 30 - 36])
    assert means(pp.predict(slopes, new, kind="typical")) == pytest.approx([250, 340])
    assert means(pp.predict(slopes, {"Days": [0, 9]}, kind="marginal")) == pytest.approx([250, 340])


def test_own_rows_are_the_default_and_predictors_are_coordinates(slopes):
    found = pp.predict(slopes)
    assert found.sizes["obs"] == 180
    assert found["Days"].dims == ("obs",)
    assert means(found)[:10] == pytest.approx(280 + 6 * np.arange(10))
    same = pp.predict(slopes, pp.load_dataset("sleepstudy"))
    assert means(same) == pytest.approx(means(found))


def test_responses_vary_as_the_model_says(many):
    """Var(y | x) = z' Sigma z + sigma^2, within five standard errors of a variance."""
    z = np.array([1, 9.0])
    sigma = np.diag([20, 5]) @ [[1, 0.5], [0.5, 1]] @ np.diag([20, 5])
    for kind, extra in (("marginal", z @ sigma @ z), ("typical", 0.0)):
        y = pp.predict(many, {"Days": [9]}, kind=kind, seed=2)["response"].to_numpy().ravel()
        assert abs(y.var() - extra - 625) < 5 * (extra + 625) * np.sqrt(2 / MANY), kind


def test_new_levels_are_independent_of_each_other(many):
    new = {"Days": [0, 0, 0], "Subject": ["a", "a", "b"]}
    found = pp.predict(many, new, new_levels="sample", seed=1)["expectation"].to_numpy()[0]
    assert found[:, 0] == pytest.approx(found[:, 1])
    assert abs(np.corrcoef(found[:, 0], found[:, 2])[0, 1]) < 5 / np.sqrt(MANY)
    assert abs(found[:, 0].var() - 400) < 5 * 400 * np.sqrt(2 / MANY)
    zero = pp.predict(many, new, new_levels="population")["expectation"]
    assert float(zero.std()) == 0
    with pytest.raises(pp.DataError, match="levels of 'Subject' that the model has not seen"):
        pp.predict(many, new)


def test_a_seed_repeats_and_responses_do_not_follow_new_effects(many):
    new = {"Days": [0], "Subject": ["a"]}
    first, again = (pp.predict(many, new, new_levels="sample", seed=7) for _ in range(2))
    assert first.equals(again)
    noise = (first["response"] - first["expectation"]).to_numpy().ravel()
    assert abs(np.corrcoef(noise, first["expectation"].to_numpy().ravel())[0, 1]) < 5 / np.sqrt(MANY)


def test_one_factor_may_be_given_and_another_integrated_out():
    data = pp.load_dataset("pastes")
    values = {"beta": [60.0], "sd_batch": [1.3], "sd_batch:cask": [2.9], "sigma": 0.8}
    n = 20_000
    stacked = {name: np.repeat([value], n, axis=0) for name, value in values.items()}
    b = np.zeros((n, 10, 1))
    b[:, 2] = 1.5
    fit = fit_at(
        "strength ~ 1 + (1 | batch/cask)",
        data,
        draws=n,
        **{"b_batch": b, "b_batch:cask": np.ones((n, 30, 1))},
        **stacked,
    )
    found = pp.predict(
        fit, {"batch": ["C"]}, kind={"batch": "conditional", "batch:cask": "marginal"}, seed=3
    )  # no column of casks is needed
    assert means(found) == pytest.approx([61.5])
    y = found["response"].to_numpy().ravel()
    assert abs(y.var() - 2.9**2 - 0.64) < 5 * (2.9**2 + 0.64) * np.sqrt(2 / n)
    assert found.attrs["kind"] == "batch: given each row's level; batch:cask: group effects integrated out"


def test_marginal_probabilities_against_numerical_integration():
    data = pp.load_dataset("contraception")
    fit = fit_at(
        "use ~ urban + (urban | district)", data, family="bernoulli", beta=[-0.7, 1.0],
        sd_district=[0.8, 1.1], corr_district=[[1, -0.6], [-0.6, 1]],
    )  # fmt: skip
    found = pp.predict(fit, {"urban": ["N", "Y"]}, kind="marginal")
    variance = [0.64, 0.64 + 1.21 - 2 * 0.6 * 0.88]
    expected = [
        integrate.quad(
            lambda u, m=m, v=v: special.expit(m + u) * normal_density(u / np.sqrt(v)) / np.sqrt(v), -30, 30, limit=500
        )[0]
        for m, v in zip((-0.7, 0.3), variance, strict=True)
    ]
    assert means(found) == pytest.approx(expected, abs=1e-8)
    typical = means(pp.predict(fit, {"urban": ["N", "Y"]}, kind="typical"))
    assert typical == pytest.approx(special.expit([-0.7, 0.3]))
    assert (np.abs(means(found) - 0.5) < np.abs(typical - 0.5)).all()
    assert found.attrs["expectation"] == "probability of use = Y"


def test_ordinal_predictions_are_probabilities_of_categories():
    data = {"y": [0, 1, 2, 1, 2, 0], "x": [0.0, 1, 2, 3, 4, 5], "g": [0, 0, 1, 1, 2, 2]}
    fit = fit_at("y ~ x + (1 | g)", data, family="cumulative", beta=[0.3], sd_g=[1.0], cutpoints=[-1.0, 1.0])
    found = pp.predict(fit, {"x": [0.0, 2.0]}, kind="typical", seed=1)
    assert found["expectation"].dims == ("chain", "draw", "obs", "category")
    p = means(found)
    assert p[0] == pytest.approx([special.expit(-1), special.expit(1) - special.expit(-1), special.expit(-1)])
    assert p.sum(axis=1) == pytest.approx([1, 1])


def test_binomial_predictions_are_probabilities_and_counts():
    data = pp.load_dataset("cbpp")
    fit = fit_at("p(incidence, size) ~ 1 + (1 | herd)", data, family="binomial", beta=[-1.0], sd_herd=[0.5])
    found = pp.predict(fit, {"size": [10, 1000]}, kind="typical", seed=1)
    assert means(found) == pytest.approx(special.expit([-1, -1]))
    assert abs(float(found["response"][0, 0, 1]) - 1000 * special.expit(-1)) < 5 * np.sqrt(1000 * 0.27 * 0.73)


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")  # four rows
def test_predictors_called_like_a_dimension_keep_their_values():
    data = {"y": [0.0, 1, 2, 3], "obs": [5.0, 6, 7, 9], "response": [1.0, 0, 1, 0], "g": [0, 0, 1, 1]}
    fit = fit_at("y ~ obs + response + (1 | g)", data, beta=[0, 1, 0], sd_g=[1.0], sigma=1.0)
    found = pp.predict(fit, seed=1)
    assert found["obs_column"].to_numpy().tolist() == [5, 6, 7, 9]
    assert found["response_column"].to_numpy().tolist() == [1, 0, 1, 0]
    assert found["obs"].to_numpy().tolist() == [0, 1, 2, 3]


def test_proportions_whose_mean_rounds_to_one_are_drawn():
    data = {"y": [0.2, 0.9, 0.5, 0.6], "x": [0.0, 5, 0, 9], "g": [0, 0, 1, 1]}
    fit = fit_at("y ~ x + (1 | g)", data, family="beta", link="cloglog", beta=[1.0, 0.7], sd_g=[0.6], phi=5.0)
    y = pp.predict(fit, kind="marginal", seed=1)["response"].to_numpy()
    assert ((y > 0) & (y <= 1)).all()


def test_wrong_arguments(slopes):
    with pytest.raises(pp.SpecError, match="unknown kind of prediction"):
        pp.predict(slopes, kind="margin")
    with pytest.raises(pp.SpecError, match="no such grouping factor"):
        pp.predict(slopes, kind={"Subjects": "typical"})
    with pytest.raises(pp.DataError, match="no column 'Days'"):
        pp.predict(slopes, pd.DataFrame({"Day": [1]}), kind="typical")
    with pytest.raises(pp.DataError, match="unknown treatment of new levels"):
        pp.predict(slopes, {"Days": [1], "Subject": ["308"]}, new_levels="draw")


def test_the_linear_predictor_is_that_before_the_link():
    """By hand from beta and b; what is typical or integrated out is left out of it."""
    herd = np.linspace(-1, 1, 15)[:, None]
    fit = fit_at(
        "p(incidence, size) ~ period + (1 | herd)",
        pp.load_dataset("cbpp"),
        family="binomial",
        beta=[-1.4, -1.0, -1.1, -1.6],
        sd_herd=[0.6],
        b_herd=herd,
    )
    given = pp.predict(fit, seed=1)
    eta = given["linear_predictor"].to_numpy()[0, 0]
    codes = fit.design.factor_named("herd").codes
    fixed = np.array([-1.4, -2.4, -2.5, -3.0])[pp.load_dataset("cbpp")["period"].cat.codes]
    np.testing.assert_allclose(eta, fixed + herd[codes, 0])
    np.testing.assert_allclose(given["expectation"].to_numpy()[0, 0], 1 / (1 + np.exp(-eta)))
    for kind in ("typical", "marginal"):
        np.testing.assert_allclose(pp.predict(fit, kind=kind, seed=1)["linear_predictor"].to_numpy()[0, 0], fixed)


def test_the_mean_is_no_view_of_the_linear_predictor(slopes):
    found = pp.predict(slopes, kind="typical", seed=1)
    before = found["linear_predictor"].copy(deep=True)
    found["expectation"][:] = 0
    assert found["linear_predictor"].equals(before)


def test_what_is_drawn_does_not_depend_on_the_pieces(many, monkeypatch):
    new = {"Days": [0, 9, 3], "Subject": ["308", "a", "b"]}
    asked = {"kind": "conditional", "new_levels": "sample", "seed": 4}
    whole, marginal = pp.predict(many, new, **asked), pp.predict(many, new, kind="marginal", seed=4)
    checked = pp.posterior_predictive(many, new, new_levels="sample", seed=4)
    monkeypatch.setattr(pieces, "_AT_ONCE", 3 * 1234)
    xr.testing.assert_equal(pp.predict(many, new, **asked), whole)
    xr.testing.assert_equal(pp.predict(many, new, kind="marginal", seed=4), marginal)
    xr.testing.assert_equal(pp.posterior_predictive(many, new, new_levels="sample", seed=4), checked)


def test_what_does_not_fit_into_memory_is_refused(many, monkeypatch):
    monkeypatch.setattr(memory, "SHARE", 1e-9)
    with pytest.raises(pp.EngineError, match="the draws of the predictions do not fit into memory") as caught:
        pp.predict(many)
    assert caught.value.got.startswith("20000 draws x 180 rows x 3 numbers")
    with pytest.raises(pp.EngineError, match="the draws of the response do not fit into memory"):
        pp.posterior_predictive(many)


def test_means_need_no_standard_errors_and_no_trials():
    """Without them there is a mean but no new response; the fit's own rows have both."""
    schools = pp.load_dataset("eight_schools")
    fit = fit_at("effect ~ 1 + (1 | school)", schools, se="standard_error", beta=[8.0], sd_school=[6.0])
    for kind in ("typical", "marginal"):
        found = pp.predict(fit, {"any": [0]}, kind=kind)
        assert means(found) == pytest.approx([8.0])
        assert "response" not in found
        assert found.attrs["no_response"] == "no known standard errors, column 'standard_error'"
        assert "response" in pp.predict(fit, {"standard_error": [10.0]}, kind=kind)
    assert "response" in pp.predict(fit)
    with pytest.raises(pp.DataError, match="no column 'standard_error'"):
        pp.posterior_predictive(fit, {"school": ["Choate"]}, new_levels="population")
    data = {"s": [1, 2, 0, 3], "n": [4, 4, 4, 4], "x": [0.0, 1, 2, 3], "g": [0, 0, 1, 1]}
    fit = fit_at("p(s, n) ~ x + (1 | g)", data, family="binomial", beta=[-0.5, 0.3], sd_g=[0.2])
    found = pp.predict(fit, {"x": [0.0, 1.0]}, kind="typical")
    assert means(found) == pytest.approx(special.expit([-0.5, -0.2]))
    assert found.attrs["no_response"] == "no numbers of trials, n"
    assert pp.plot_predictions(found, "x").axes
    plt.close("all")


def test_fewer_draws_are_spread_over_the_chains(sleepstudy):
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", sleepstudy, seed=1, progressbar=False)
    chains = fit.posterior.sizes["chain"]
    every, some = pp.predict(fit, seed=1), pp.predict(fit, draws=10 * chains, seed=1)
    assert some.sizes["draw"] == 10
    assert some["draw"].to_numpy()[[0, -1]].tolist() == every["draw"].to_numpy()[[0, -1]].tolist()
    same = every["expectation"].sel(draw=some["draw"])
    assert some["expectation"].to_numpy() == pytest.approx(same.to_numpy())
    assert pp.predict(fit, draws=1).sizes["draw"] == 1
    for wrong in (0, True, 2.5, 10**9):
        with pytest.raises(pp.SpecError, match="draws must be the number of posterior draws"):
            pp.predict(fit, draws=wrong)


def test_a_grid_without_levels_is_predicted_for_the_population(sleepstudy_fit):
    grid = pp.datagrid(sleepstudy_fit, Days=[0, 9])
    found = pp.predict(sleepstudy_fit, grid, seed=1)
    xr.testing.assert_identical(found, pp.predict(sleepstudy_fit, grid, kind="marginal", seed=1))
    assert found.attrs["kind"] == "Subject: group effects integrated out"
    with_level = pp.predict(sleepstudy_fit, grid.assign(Subject="308"), seed=1)
    assert with_level.attrs["kind"] == "Subject: given each row's level"


def test_a_factor_under_another_name_is_not_taken_for_absent(sleepstudy_fit):
    with pytest.raises(pp.DataError, match="no column 'Subject'"):
        pp.predict(sleepstudy_fit, {"Days": [0, 9], "subject": ["308", "309"]})
