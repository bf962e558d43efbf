"""Answers and draws as data frames: every number is that of the draws, every row says which quantity it is."""

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp

ESTIMATE = ["estimate", "std_error", "conf_low", "conf_high", "statistic"]


def draws(values, dims=("chain", "draw"), **coords):
    return xr.DataArray(np.asarray(values, float), dims=dims, coords=coords)


@pytest.fixture(scope="module")
def predictions(sleepstudy_fit):
    return pp.predict(sleepstudy_fit, pp.datagrid(sleepstudy_fit, Days=[0, 9]), kind="marginal")


@pytest.mark.parametrize("prob", [0.5, 0.95])
def test_a_row_has_mean_sd_and_central_interval(prob):
    values = np.random.default_rng(1).normal(3, 2, size=(2, 500, 3))
    answer = draws(values, ("chain", "draw", "level"), level=["a", "b", "c"]).to_dataset(name="x")
    table = pp.to_frame(answer, prob=prob)
    assert table.columns.tolist() == ["term", "level", *ESTIMATE]
    assert table["level"].tolist() == ["a", "b", "c"]
    flat = values.reshape(-1, 3)
    np.testing.assert_allclose(table["estimate"], flat.mean(axis=0))
    np.testing.assert_allclose(table["std_error"], flat.std(axis=0, ddof=1))
    ends = np.quantile(flat, [(1 - prob) / 2, (1 + prob) / 2], axis=0)
    np.testing.assert_allclose(table[["conf_low", "conf_high"]].T, ends)


def test_the_order_of_dimensions_does_not_matter():
    values = draws(np.random.default_rng(2).normal(size=(2, 50, 3)), ("chain", "draw", "k"), k=[3, 1, 2])
    pd.testing.assert_frame_equal(
        pp.to_frame(values.rename("x")), pp.to_frame(values.transpose("k", "draw", "chain").rename("x"))
    )


def test_covariates_of_predictions_are_columns(predictions):
    table = pp.to_frame(predictions[["expectation"]])
    assert table["Days"].tolist() == [0, 9]
    by_hand = predictions["expectation"].mean(("chain", "draw"))
    np.testing.assert_allclose(table["estimate"], by_hand)


def test_terms_of_different_dimensions_share_a_table(sleepstudy_fit):
    answer = pp.variance_components(sleepstudy_fit)
    table = pp.to_frame(answer)
    assert set(table["term"]) == set(map(str, answer.data_vars))
    assert len(table) == sum(int(np.prod(v.shape[2:])) for v in answer.data_vars.values())
    shares = table[table["term"] == "share"]
    assert shares["part"].tolist() == ["fixed", "Subject", "residual"]
    assert shares["component"].isna().all()


def test_a_fit_has_the_rows_of_its_summary(sleepstudy_fit):
    table, frame = pp.to_frame(sleepstudy_fit, prob=0.9), pp.summary(sleepstudy_fit, prob=0.9).frame
    assert table["term"].tolist() == frame.index.tolist()
    np.testing.assert_allclose(table["estimate"], frame["mean"])
    np.testing.assert_allclose(table[["conf_low", "conf_high"]], frame[["conf_low", "conf_high"]])


def test_a_mean_that_a_few_draws_decide_is_a_median():
    heavy = np.exp(6 * np.random.default_rng(3).normal(size=(4, 1000)))
    (row,) = pp.to_frame(draws(heavy).rename("x")).itertuples()
    assert (row.statistic, row.estimate) == ("median", np.median(heavy))
    assert np.isnan(row.std_error)


def test_draws_are_rows(sleepstudy_fit):
    frame, posterior = pp.draws_frame(sleepstudy_fit), sleepstudy_fit.posterior
    assert len(frame) == posterior.sizes["chain"] * posterior.sizes["draw"]
    here = frame[(frame["chain"] == 2) & (frame["draw"] == 5)]
    assert float(here["beta[Days]"].item()) == float(posterior["beta"].sel(chain=2, draw=5, coef="Days"))
    correlation = posterior["corr_Subject"].sel(chain=2, draw=5)[0, 1]
    assert float(here["corr_Subject[Intercept, Days]"].item()) == float(correlation)


def test_the_long_form_has_the_same_draws(predictions):
    wide, long = pp.draws_frame(predictions), pp.draws_frame(predictions, long=True)
    assert long.columns.tolist() == ["chain", "draw", "term", "obs", "Days", "value"]
    assert len(long) == len(wide) * (len(wide.columns) - 2)
    for row in long.sample(50, random_state=1).itertuples():
        there = wide[(wide["chain"] == row.chain) & (wide["draw"] == row.draw)]
        assert there[f"{row.term}[{row.obs}]"].item() == row.value


@pytest.mark.parametrize("prob", [0, 1, 95, -0.1, "0.9", True, None])
def test_a_prob_that_is_none_is_refused(prob):
    with pytest.raises(pp.SpecError, match="prob must be a probability"):
        pp.to_frame(draws(np.zeros((2, 5))), prob=prob)


@pytest.mark.parametrize("table", [pp.to_frame, pp.draws_frame])
def test_what_has_no_draws_is_refused(table):
    with pytest.raises(pp.DataError, match="no draws"):
        table(xr.Dataset({"x": ("k", [1.0])}))
    with pytest.raises(pp.DataError, match="only a fit"):
        table({"x": 1})


def test_answers_about_levels_have_their_numbers_of_rows(sleepstudy):
    short = sleepstudy.drop(index=sleepstudy.index[:3])
    fit = pp.fit("Reaction ~ Days + (Days | Subject)", short, seed=1, draws=100, progressbar=False)
    rows = short["Subject"].astype(str).value_counts().to_dict()
    answers = {
        "group_effects": pp.group_effects(fit),
        "level_effects": pp.level_effects(fit, "Days"),
        "level_ranks": pp.level_ranks(fit, "Days"),
        "shrinkage": pp.shrinkage(fit),
    }
    for name, answer in answers.items():
        table = pp.to_frame(answer).dropna(subset=["level"])
        assert table["n"].tolist() == [rows[level] for level in table["level"]], name
        assert pd.api.types.is_integer_dtype(table["n"]), name


def test_kept_levels_have_their_numbers_of_rows(sleepstudy):
    short = sleepstudy.drop(index=sleepstudy.index[:3])
    model = "Reaction ~ Days + (Days | Subject)"
    fit = pp.fit(model, short, seed=1, draws=100, keep_levels=["335", "308"], progressbar=False)
    for answer in (pp.group_effects(fit), pp.level_effects(fit, "Days")):
        assert dict(zip(answer["level"].values.tolist(), answer["n"].values.tolist(), strict=True)) == {
            "308": 7,
            "335": 10,
        }
