"""The table of typical rows: what is asked, and everything else at its mean or first category."""

import warnings

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.fixed import fit_at
from checks.responses import RESPONSES, counts_successes

RADON = pp.load_dataset("radon")
CBPP = pp.load_dataset("cbpp")
SCHOOLS = pp.load_dataset("high_school")


def fit_of(formula, data):
    return pp.fit(formula, data, draws=20, seed=1, progressbar=False)


def test_named_columns_are_crossed_and_the_others_held():
    fit = fit_of("math ~ ses * sector + sex + (1 | school)", SCHOOLS)
    found = pp.datagrid(fit, ses=[-1, 1], sector=["Public", "Catholic"])
    assert found.columns.tolist() == ["ses", "sector", "sex"]
    assert found["ses"].tolist() == [-1, -1, 1, 1]
    assert found["sector"].tolist() == ["Public", "Catholic"] * 2
    assert set(found["sex"]) == {"Female"}
    assert pp.datagrid(fit)["ses"].tolist() == pytest.approx([SCHOOLS["ses"].mean()])
    assert pp.datagrid(fit, {"ses": 0.5}, school="1224").iloc[0].to_dict() == {
        "ses": 0.5,
        "sector": "Catholic",
        "sex": "Female",
        "school": "1224",
    }


def test_columns_stand_as_the_model_has_them_and_change_as_they_were_named():
    fit = fit_of("math ~ ses + sex + (1 | school)", SCHOOLS)
    found = pp.datagrid(fit, sex=["Male", "Female"], ses={0: None, 1: None}.keys())
    assert found.to_dict("list") == {"ses": [0, 1, 0, 1], "sex": ["Male", "Male", "Female", "Female"]}
    with pytest.raises(pp.DataError, match="each value of 'ses' must be a single one"):
        pp.datagrid(fit, ses=np.eye(2))


def test_predictions_take_it_as_it_is():
    fit = fit_of("log_radon ~ floor + log_uranium + (1 | county)", RADON)
    by_hand = pd.DataFrame({"floor": [0, 1], "log_uranium": RADON["log_uranium"].mean()})
    pd.testing.assert_frame_equal(pp.datagrid(fit, floor=[0, 1]), by_hand)
    for kind in ("typical", "marginal"):
        ours = pp.predict(fit, pp.datagrid(fit, floor=[0, 1]), kind=kind, seed=1)
        assert ours.equals(pp.predict(fit, by_hand, kind=kind, seed=1))
    own = pp.predict(fit, pp.datagrid(fit, county=["AITKIN", "ANOKA"]))
    assert own.sizes["obs"] == 2


def test_trials_stand_at_one_and_a_predictor_that_also_groups_at_its_first():
    fit = fit_at("p(incidence, size) ~ period + (1 | herd)", CBPP, family="binomial", beta=np.zeros(4), sd_herd=[0.6])
    found = pp.datagrid(fit, period=["1", "4"])
    assert found["size"].tolist() == [1, 1]
    cake = fit_of("angle ~ recipe + (1 | recipe:replicate)", pp.load_dataset("cake"))
    assert pp.datagrid(cake).to_dict("list") == {"recipe": ["A"]}


def test_levels_that_rows_are_compared_within_must_be_named():
    fit = fit_of("math ~ within(ses, school) + between(ses, school) + (1 | school)", SCHOOLS)
    with pytest.raises(pp.DataError, match="no level of 'school' is typical"):
        pp.datagrid(fit, ses=0)
    assert pp.datagrid(fit, ses=0, school="1224").shape == (1, 2)


@pytest.mark.parametrize(
    ("columns", "wrong"),
    [({"flor": 0}, "the model reads no such column"), ({"floor": []}, "no value of 'floor'")],
)
def test_what_cannot_be_is_refused(columns, wrong):
    fit = fit_of("log_radon ~ floor + (1 | county)", RADON)
    with pytest.raises(pp.DataError) as caught:
        pp.datagrid(fit, **columns)
    assert caught.value.wrong == wrong


@pytest.mark.parametrize(
    ("columns", "got"),
    [
        ({"sector": ["Public", "Privat"]}, "'Privat'"),
        ({"sector": None}, "None"),
        ({"sector": [np.nan, "Public"]}, "nan"),
        ({"sector": 1}, "1"),
    ],
)
def test_a_category_that_the_model_has_not_seen_is_refused(columns, got):
    fit = fit_of("math ~ ses + sector + (1 | school)", SCHOOLS)
    with pytest.raises(pp.DataError) as caught:
        pp.datagrid(fit, **columns)
    error = caught.value
    assert error.wrong == "values of 'sector' include categories that the model has not seen"
    assert error.got == got
    assert "'Catholic'" in error.allowed
    assert "'Public'" in error.allowed
    assert error.do == "name categories that the model has seen"
    for name in ("new", None):  # a level may be new, and some kinds of predictions need none
        assert pp.datagrid(fit, school=name)["school"].tolist() == [name]


@pytest.mark.parametrize("value", [None, np.nan, np.inf, "high"])
def test_a_predictor_that_is_a_number_takes_finite_numbers(value):
    fit = fit_of("math ~ ses + sector + (1 | school)", SCHOOLS)
    with pytest.raises(pp.DataError) as caught:
        pp.datagrid(fit, ses=[0, value])
    assert caught.value.wrong == "values of 'ses' must be finite numbers"
    assert caught.value.got == repr(value)


def test_what_the_formula_reads_as_categories_has_no_mean():
    data = {
        "y": np.arange(12.0),
        "x": np.tile([0.0, 1, 5, 2], 3),
        "period": np.tile([1, 2, 4], 4),
        "w": np.arange(2.0, 14),
    }
    data["g"] = np.repeat([0, 1], 6)
    fit = fit_at("y ~ x + C(period) + offset(log(w)) + (1 | g)", data, beta=[1.0, 2, 3, 4], sd_g=[1.0], sigma=1.0)
    found = pp.datagrid(fit, x=[0, 1])
    assert found.to_dict("list") == {"x": [0, 1], "period": [1, 1], "w": [7.5, 7.5]}
    expected = 1 + 2 * found["x"] + np.log(7.5)
    assert pp.predict(fit, found, kind="marginal")["expectation"].to_numpy()[0, 0] == pytest.approx(expected)
    slopes = fit_at("y ~ x + (x:C(period) | g)", data, beta=[1, 2], sd_g=np.ones(4), corr_g=np.eye(4), sigma=1.0)
    assert pp.datagrid(slopes).to_dict("list") == {"x": [2.0], "period": [1]}


def test_a_grid_by_a_category_holds_numbers_at_the_means_of_its_rows():
    fit = fit_of("math ~ ses * sector + sex + (1 | school)", SCHOOLS)
    found = pp.datagrid(fit, sex=["Female", "Male"], by="sector")
    means = SCHOOLS.groupby("sector", observed=True)["ses"].mean()
    assert found["sector"].tolist() == [name for name in sorted(means.index) for _ in range(2)]
    assert found["ses"].tolist() == pytest.approx([means[name] for name in found["sector"]])
    assert found["sex"].tolist() == ["Female", "Male"] * 2
    assert pp.predict(fit, found, kind="marginal")["expectation"].sizes["obs"] == 4


def test_a_grid_by_a_factor_has_every_level_and_pairs_have_those_that_occur():
    fit = fit_of("math ~ ses + sector + (1 | school)", SCHOOLS)
    found = pp.datagrid(fit, by="school")
    assert len(found) == SCHOOLS["school"].nunique()
    own = SCHOOLS.groupby("school", observed=True)["ses"].mean()
    assert found["ses"].tolist() == pytest.approx([own[name] for name in found["school"]])
    both = pp.datagrid(fit, by=["sector", "school"])
    assert len(both) == SCHOOLS["school"].nunique()  # each school has one sector


def test_the_order_of_rows_does_not_change_a_grid_by_a_category():
    shuffled = SCHOOLS.sample(frac=1, random_state=1)
    grids = [pp.datagrid(fit_of("math ~ ses + sector + (1 | school)", t), by="sector") for t in (SCHOOLS, shuffled)]
    pd.testing.assert_frame_equal(*grids)


@pytest.mark.parametrize(
    ("by", "message"), [("ses", "no category"), ("nothing", "no category"), ("sex", "named twice")]
)
def test_by_must_be_a_category_that_is_not_named_otherwise(by, message):
    fit = fit_of("math ~ ses + sex + (1 | school)", SCHOOLS)
    with pytest.raises(pp.DataError, match=message):
        pp.datagrid(fit, sex=["Male"], by=by)


def test_levels_keep_a_category_that_is_constant_in_them():
    fit = fit_of("math ~ ses + sector + sex + (1 | school)", SCHOOLS)
    found = pp.datagrid(fit, by="school").set_index("school")["sector"]
    own = SCHOOLS.drop_duplicates("school").set_index("school")["sector"]
    assert found.astype(str).to_dict() == {name: str(own[name]) for name in found.index}


@pytest.mark.parametrize("family", [*RESPONSES, "categorical"])
def test_the_typical_row_of_every_family_is_predicted(family):
    """The default of both functions: a row with every predictor, and the answer as a table."""
    rng = np.random.default_rng(2)
    n = 240
    table = pd.DataFrame({"x": rng.normal(size=n), "arm": rng.choice(["a", "b"], n), "g": np.arange(n) % 12})
    table["y"] = RESPONSES[family](rng, n) if family in RESPONSES else rng.choice(["p", "q", "r"], n)
    response, trials = ("p(y, trials)", {"trials": 7}) if counts_successes(family) else ("y", {})
    data = table.assign(**trials)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.PartialPoolWarning)  # of the draws, which are few
        fit = pp.fit(f"{response} ~ x + arm + (1 | g)", data, family=family, draws=50, seed=1, progressbar=False)
    found = pp.predict(fit, pp.datagrid(fit))
    assert found.sizes["obs"] == 1
    rows = pp.to_frame(found["expectation"])
    assert np.isfinite(rows[["estimate", "conf_low", "conf_high"]]).all(axis=None)
    assert (rows[["x", "arm"]] == [table["x"].mean(), "a"]).all(axis=None)
