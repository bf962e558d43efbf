"""Three lines per level: least squares by hand, the posterior's own, and rows brought to them."""

import numpy as np
import pandas as pd
import pytest
from scipy import special

import partialpool as pp
from checks.fixed import fit_at
from partialpool.questions.level_lines import level_lines

SLOPES = {"sd_Subject": [20, 5], "corr_Subject": [[1, -0.4], [-0.4, 1]], "sigma": 25}


@pytest.fixture(scope="module")
def sleep():
    return pp.load_dataset("sleepstudy")


def test_each_line_by_hand(sleep):
    effects = np.random.default_rng(0).normal(size=(18, 2)) * [20, 5]
    fit = fit_at("Reaction ~ Days + (Days | Subject)", sleep, beta=[250, 10], b_Subject=effects, **SLOPES)
    lines = level_lines(fit, "Days", points=4)
    grid = np.array([0.0, 3, 6, 9])
    assert lines["grid"].to_numpy() == pytest.approx(grid)
    whole = np.polynomial.Polynomial.fit(sleep["Days"], sleep["Reaction"], 1)
    assert lines["complete_pooling"].to_numpy() == pytest.approx(whole(grid))
    for at, label in enumerate(lines["level"].to_numpy()):
        rows = sleep[sleep["Subject"].astype(str) == str(label)]
        own = np.polynomial.Polynomial.fit(rows["Days"], rows["Reaction"], 1)
        assert lines["no_pooling"].sel(level=label).to_numpy() == pytest.approx(own(grid))
        partial = 250 + effects[at, 0] + (10 + effects[at, 1]) * grid
        assert lines["partial_pooling"].sel(level=label).to_numpy()[0, 0] == pytest.approx(partial)
        chosen = lines["row_level"].to_numpy() == label
        assert lines["x"].to_numpy()[chosen] == pytest.approx(rows["Days"])
        assert lines["adjusted"].to_numpy()[chosen] == pytest.approx(rows["Reaction"])
    assert (lines["y"].to_numpy() == lines["adjusted"].to_numpy()).all()
    assert lines.attrs["held"] == "nothing"


def test_without_a_varying_slope_the_lines_are_parallel(sleep):
    fit = fit_at("Reaction ~ Days + (1 | Subject)", sleep, beta=[250, 10], sd_Subject=[20.0], sigma=30.0)
    lines = level_lines(fit, "Days", points=3)
    assert np.diff(lines["no_pooling"].to_numpy(), axis=1) == pytest.approx(np.full((18, 2), 45))
    own = (sleep["Reaction"] - 10 * sleep["Days"]).groupby(sleep["Subject"].astype(str)).mean()
    at_zero = lines["no_pooling"].isel(grid=0)
    assert at_zero.to_numpy() == pytest.approx(own.loc[at_zero["level"].astype(str).to_numpy()].to_numpy())


def crossed(seed=4):
    rng = np.random.default_rng(seed)
    n = 120
    table = {"x": rng.normal(size=n), "w": rng.normal(3, 1, size=n), "g": np.repeat(np.arange(6), 20)}
    return table | {"h": np.tile(np.arange(4), 30), "c": np.tile(list("uuv"), 40), "y": rng.normal(size=n)}


def test_rows_are_brought_to_where_the_lines_are():
    """Other predictors at their means or where they are put, another factor off: no pooling is their regression.

    Of a category that is named only its own rows are shown.
    """
    data = crossed()
    b_g, b_h = np.random.default_rng(1).normal(size=(6, 2)), np.random.default_rng(2).normal(size=(4, 1))
    values = {"beta": [1.0, 2.0, -1.5, 0.7], "sd_g": [1, 1], "corr_g": np.eye(2), "sd_h": [1.0], "sigma": 1.0}
    fit = fit_at("y ~ x + w + c + (x | g) + (1 | h)", data, b_g=b_g, b_h=b_h, **values)
    lines = level_lines(fit, "x", factor="g", at={"c": "v"}, points=2)
    mean = data["w"].mean()
    is_v = data["c"] == np.array("v")
    expected = data["y"] + 1.5 * (data["w"] - mean) + 0.7 * (1.0 - is_v) - b_h[data["h"], 0]
    assert lines["adjusted"].to_numpy() == pytest.approx(expected[is_v])
    assert lines["y"].to_numpy() == pytest.approx(data["y"][is_v])
    assert lines["obs"].to_numpy().tolist() == np.flatnonzero(is_v).tolist()
    assert lines.attrs["rows"] == "of c=v"
    for level in range(6):
        own = np.polynomial.Polynomial.fit(data["x"][data["g"] == level], expected[data["g"] == level], 1)
        assert lines["no_pooling"].sel(level=level).to_numpy() == pytest.approx(own(lines["grid"].to_numpy()))
    partial = 1 + 0.7 - 1.5 * mean + b_g[:, :1] + (2 + b_g[:, 1:]) * lines["grid"].to_numpy()
    assert lines["partial_pooling"].to_numpy()[0, 0] == pytest.approx(partial)
    x = np.column_stack([np.ones(120), data["x"], data["w"], is_v])
    whole = np.linalg.lstsq(x, data["y"], rcond=None)[0]
    there = np.column_stack([np.ones(2), lines["grid"], np.full(2, mean), np.ones(2)])
    assert lines["complete_pooling"].to_numpy() == pytest.approx(there @ whole)
    assert lines.attrs["held"] == f"c=v (given), w={mean:.4g} (mean)"
    assert lines.attrs["other_factors"] == "effects of h at 0"


def test_a_slope_of_another_predictor_is_taken_off_its_rows():
    data = crossed()
    b = np.random.default_rng(1).normal(size=(6, 2))
    fit = fit_at("y ~ x + (w || g)", data, beta=[1.0, 2.0], b_g=b, sd_g=[1, 1], sigma=1.0)
    adjusted = level_lines(fit, "x")["adjusted"].to_numpy()
    assert adjusted == pytest.approx(data["y"] - b[data["g"], 1] * (data["w"] - data["w"].mean()))


def test_a_level_that_does_not_tell_has_no_line_and_some_levels_can_be_named():
    data = {"y": np.arange(7.0), "x": [0.0, 1, 3, 2, 0, 1, 4], "g": list("aaabbbc")}
    fit = fit_at("y ~ x + (x | g)", data, beta=[0, 1], sd_g=[1, 1], corr_g=np.eye(2), sigma=1.0)
    lines = level_lines(fit, "x", levels=["c", "a"])
    assert lines["level"].to_numpy().tolist() == ["a", "c"]
    assert np.isnan(lines["no_pooling"].sel(level="c")).all()
    assert np.isfinite(lines["no_pooling"].sel(level="a")).all()
    assert lines["row_level"].to_numpy().tolist() == ["a", "a", "a", "c"]
    assert lines["obs"].to_numpy().tolist() == [0, 1, 2, 6]


def test_levels_are_named_as_in_the_table_or_as_text():
    fit = fit_at("y ~ x + c + (1 | g)", crossed(), beta=[0, 1, 0], sd_g=[1.0], sigma=1.0)
    by_number, by_text = (level_lines(fit, "x", levels=levels) for levels in ([2, 0], ["2", "0"]))
    assert by_text["level"].to_numpy().tolist() == [0, 2]
    assert by_text.equals(by_number)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"over": "Reaction"}, "a line needs a predictor that the model reads"),
        ({"over": "g"}, "a line needs a predictor that the model reads"),
        ({"over": "c"}, "cannot be both fixed and the predictor of the line"),
        ({"factor": "k"}, "no such grouping factor"),
        ({"points": 1}, "a line needs two points"),
        ({"points": 2.5}, "a line needs two points"),
        ({"at": {"x": 1}}, "cannot be both fixed and the predictor of the line"),
        ({"at": {"c": ["u", "v"]}}, "fixed at one value"),
        ({"at": {"q": 1, "c": "u"}}, "does not read this column"),
        ({"at": {"c": "w"}}, "has not seen"),
        ({"levels": [9]}, "no such level of 'g'"),
        ({"levels": []}, "no level of 'g' is named"),
    ],
)
def test_wrong_questions(options, text):
    fit = fit_at("y ~ x + c + (1 | g)", crossed(), beta=[0, 1, 0], sd_g=[1.0], sigma=1.0)
    with pytest.raises(pp.DataError, match=text):
        level_lines(fit, **({"over": "x", "at": {"c": "u"}} | options))


def trial(seed=6):
    """Weeks of subjects who are treated or not; a visit in the morning or not, which varies within subjects."""
    rng = np.random.default_rng(seed)
    data = {"week": np.tile(np.arange(4.0), 10), "s": np.repeat(np.arange(10), 4)}
    data |= {"arm": np.repeat(["active", "placebo"], 20), "base": np.repeat(rng.normal(140, 9, 10), 4)}
    return data | {"am": rng.integers(0, 2, 40).astype(bool), "y": rng.normal(150, 5, 40)}


TRIAL = {"beta": [30.0, -1, 4, 0.8, -2, 1.5], "sd_s": [3.0, 1.0], "corr_s": np.eye(2), "sigma": 4.0}
FORMULA = "y ~ week + arm + base + am + week:arm + (week | s)"


def test_lines_of_a_trial_are_those_of_each_subjects_own_arm():
    data = trial()
    b = np.random.default_rng(2).normal(size=(10, 2))
    beta = dict(zip(["Intercept", "week", "arm", "base", "am", "week:arm"], TRIAL["beta"], strict=True))
    fit = fit_at(FORMULA, data, b_s=b, **TRIAL)
    lines = level_lines(fit, "week", points=2)
    placebo = np.repeat([0.0, 1.0], 5)[:, None]
    week, am = np.array([0.0, 3.0]), np.mean(data["am"])
    there = beta["Intercept"] + beta["base"] * np.mean(data["base"]) + beta["am"] * am
    population = there + beta["arm"] * placebo + (beta["week"] + beta["week:arm"] * placebo) * week
    partial = population + b[:, :1] + b[:, 1:] * week
    assert lines["partial_pooling"].to_numpy()[0, 0] == pytest.approx(partial)
    assert lines["complete_pooling"].dims == ("level", "grid")
    off = beta["base"] * (data["base"] - np.mean(data["base"])) + beta["am"] * (data["am"] - am)
    assert lines["adjusted"].to_numpy() == pytest.approx(data["y"] - off)
    mean = np.mean(data["base"])
    assert lines.attrs["held"] == f"arm (each level's own), base={mean:.4g} (mean), am (averaged over the rows)"


def test_a_condition_that_is_named_has_its_own_rows_and_levels():
    data = trial()
    fit = fit_at(FORMULA, data, **TRIAL)
    lines = level_lines(fit, "week", points=2, at={"arm": "active"})
    assert lines["level"].to_numpy().tolist() == list(range(5))
    assert lines["obs"].to_numpy().tolist() == list(range(20))
    assert lines["complete_pooling"].dims == ("grid",)
    asked = level_lines(fit, "week", points=2, at={"arm": "active"}, levels=[0, 7])
    assert set(asked["row_level"].to_numpy()) == {0}
    mornings = level_lines(fit, "week", points=2, at={"am": True})
    assert mornings["obs"].to_numpy().tolist() == np.flatnonzero(data["am"]).tolist()


def test_the_offset_is_in_the_lines_at_its_mean():
    data = trial()
    fit = fit_at("y ~ week + offset(base) + (1 | s)", data, beta=[1.0, 2.0], sd_s=[1.0], sigma=3.0)
    lines = level_lines(fit, "week", points=2)
    mean = np.mean(data["base"])
    assert lines["partial_pooling"].to_numpy()[0, 0, 0] == pytest.approx([1 + mean, 7 + mean])
    assert lines["adjusted"].to_numpy() == pytest.approx(data["y"] - data["base"] + mean)
    assert lines["y"].to_numpy() == pytest.approx(data["y"])
    assert lines.attrs["held"] == f"base={mean:.4g} (mean)"


def shares():
    rng = np.random.default_rng(3)
    table = {"x": np.tile(np.arange(4.0), 5), "g": np.repeat(list("abcde"), 4), "n": rng.integers(4, 30, 20)}
    p = special.expit(-1 + 0.5 * table["x"])
    return table | {"hits": np.where(table["g"] == "e", 0, rng.binomial(table["n"], p))}


SHARES = {"family": "binomial", "beta": [-1.0, 0.5], "sd_g": [1.0]}


def test_curves_of_shares_by_hand():
    """No pooling: a level's log odds that make expected hits equal to its hits, the slope at its posterior mean."""
    table, b = shares(), np.array([[0.3], [-0.4], [0.1], [0.6], [-1.0]])
    lines = level_lines(fit_at("p(hits, n) ~ x + (1 | g)", table, b_g=b, **SHARES), "x", points=4)
    grid = np.arange(4.0)
    partial = special.expit(-1 + 0.5 * grid + b)
    assert lines["partial_pooling"].to_numpy()[0, 0] == pytest.approx(partial)
    for at, level in enumerate("abcd"):
        n, hits = (table[name].reshape(5, 4)[at] for name in ("n", "hits"))
        p = lines["no_pooling"].sel(level=level).to_numpy()
        assert np.diff(special.logit(p)) == pytest.approx(np.full(3, 0.5))
        assert n @ p == pytest.approx(hits.sum())
    assert np.isnan(lines["no_pooling"].sel(level="e")).all()
    assert lines["no_estimate"].to_series().to_dict() == dict.fromkeys("abcd", "") | {"e": "infinite"}
    # Complete pooling: the score equations of all rows.
    p = lines["complete_pooling"].to_numpy()[table["x"].astype(int)]
    assert [(table["n"] * p).sum(), (table["n"] * p * table["x"]).sum()] == pytest.approx(
        [table["hits"].sum(), (table["hits"] * table["x"]).sum()]
    )
    assert lines["y"].to_numpy() == pytest.approx(table["hits"] / table["n"])
    assert lines["adjusted"].to_numpy() == pytest.approx(table["hits"] / table["n"])
    assert lines["trials"].to_numpy().tolist() == table["n"].tolist()
    assert (lines.attrs["scale"], lines.attrs["mean"]) == ("logit", "probability of hits")


def test_rows_of_shares_and_counts_move_along_the_link():
    """Odds are multiplied, so that 0 stays 0; counts per exposure are brought to the mean log exposure."""
    table = shares() | {"w": np.arange(20.0)}
    fit = fit_at("p(hits, n) ~ x + w + (1 | g)", table, **(SHARES | {"beta": [-1.0, 0.5, 0.1]}))
    share = table["hits"] / table["n"]
    with np.errstate(divide="ignore"):
        expected = special.expit(special.logit(share) - 0.1 * (table["w"] - 9.5))
    found = level_lines(fit, "x")["adjusted"].to_numpy()
    assert found == pytest.approx(expected)
    assert (found[16:] == 0).all()
    table = table | {"logn": np.log(table["n"])}
    fit = fit_at("hits ~ x + offset(logn) + (1 | g)", table, family="poisson", beta=[-1.0, 0.5], sd_g=[1.0])
    lines = level_lines(fit, "x", points=2)
    middle = np.exp(table["logn"].mean())
    assert lines["adjusted"].to_numpy() == pytest.approx(share * middle)
    assert lines["complete_pooling"].attrs == {}
    assert lines["partial_pooling"].to_numpy()[0, 0, 0] == pytest.approx(middle * np.exp([-1.0, 0.5]))


def test_an_ordinal_response_is_refused():
    data = {"y": [1, 2, 3, 1, 2, 3], "x": [0.0, 1, 2, 3, 4, 5], "g": list("aaabbb")}
    fit = fit_at("y ~ x + (1 | g)", data, family="cumulative", beta=[0.0], sd_g=[1.0], cutpoints=[-1.0, 1.0])
    with pytest.raises(pp.DataError, match="cutpoints in place of an intercept"):
        level_lines(fit, "x")


def by_condition(seed=8):
    """Five levels, three conditions, of which level 4 lacks one; a number that varies too."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame({"g": np.repeat(np.arange(5), 12), "c": np.tile(list("uvw"), 20), "x": rng.normal(2, 1, 60)})
    table = table.assign(y=rng.normal(5, 1, 60))
    return table[(table["g"] != 4) | (table["c"] != "w")].reset_index(drop=True)


def test_along_categories_lines_are_the_means_of_cells():
    data, b = by_condition(), np.random.default_rng(1).normal(size=(5, 3))
    values = {"beta": [1.0, 2.0, 4.0], "sd_g": [1.0] * 3, "corr_g": np.eye(3), "sigma": 1.0}
    lines = level_lines(fit_at("y ~ c + (0 + c | g)", data, b_g=b, **values), "c")
    assert lines["grid"].to_numpy().tolist() == ["u", "v", "w"]
    assert lines["grid"].attrs == {"kind": "category"}
    cells = data.pivot_table("y", "g", "c").to_numpy()
    assert lines["no_pooling"].to_numpy()[:4] == pytest.approx(cells[:4])
    assert np.isnan(lines["no_pooling"].to_numpy()[4]).all()
    assert lines["complete_pooling"].to_numpy() == pytest.approx(data.groupby("c")["y"].mean().to_numpy())
    assert lines["partial_pooling"].to_numpy()[0, 0] == pytest.approx(np.array([1.0, 3, 5]) + b)
    assert lines["x"].to_numpy().tolist() == data["c"].tolist()
    assert lines["adjusted"].to_numpy() == pytest.approx(data["y"].to_numpy())


def test_categories_without_a_varying_effect_shift_with_the_level():
    data, b = by_condition(), np.random.default_rng(1).normal(size=(5, 1))
    fit = fit_at("y ~ c + x + (1 | g)", data, b_g=b, beta=[1.0, 2.0, 4.0, 0.5], sd_g=[1.0], sigma=1.0)
    lines = level_lines(fit, "c")
    mean = data["x"].mean()
    fixed = np.array([1.0, 3, 5]) + 0.5 * mean
    assert lines["partial_pooling"].to_numpy()[0, 0] == pytest.approx(fixed + b)
    rest = data["y"] - data["c"].map({"u": 1.0, "v": 3.0, "w": 5.0}) - 0.5 * data["x"]
    assert lines["no_pooling"].to_numpy() == pytest.approx(fixed + rest.groupby(data["g"]).mean().to_numpy()[:, None])
    assert lines["adjusted"].to_numpy() == pytest.approx((data["y"] - 0.5 * (data["x"] - mean)).to_numpy())
    assert lines.attrs["held"] == f"x={mean:.4g} (mean)"


CODINGS = {
    "C(c)": [1.0, 2.0, 4.0],
    'T(c, "v")': [3.0, -2.0, 2.0],
    "0 + c": [1.0, 3.0, 5.0],
}


@pytest.mark.parametrize("term", CODINGS)
def test_neither_coding_nor_reference_changes_lines_or_their_order(term):
    data, b = by_condition(), np.random.default_rng(1).normal(size=(5, 1))
    values = {"b_g": b, "sd_g": [1.0], "sigma": 1.0}
    plain = level_lines(fit_at("y ~ c + (1 | g)", data, beta=[1.0, 2.0, 4.0], **values), "c")
    other = level_lines(fit_at(f"y ~ {term} + (1 | g)", data, beta=CODINGS[term], **values), "c")
    assert other["grid"].to_numpy().tolist() == ["u", "v", "w"]
    for name in ("no_pooling", "complete_pooling", "partial_pooling", "adjusted"):
        np.testing.assert_allclose(other[name], plain[name], rtol=1e-10)


@pytest.mark.parametrize(
    ("column", "term", "expected"),
    [
        ([3, 1, 2], "C(c)", [1, 2, 3]),
        ([False, True, True], "c", [False, True]),
        (pd.Categorical(list("abc"), ["c", "a", "b"]), "c", ["c", "a", "b"]),
    ],
)
def test_categories_are_numbers_booleans_or_declared(column, term, expected):
    data = pd.DataFrame({"y": np.arange(12.0), "g": np.repeat([0, 1], 6)}).assign(
        c=pd.Series(column)[np.arange(12) % 3].values
    )
    fit = fit_at(f"y ~ {term} + (1 | g)", data, beta=np.zeros(len(expected)), sd_g=[1.0], sigma=1.0)
    lines = level_lines(fit, "c")
    assert lines["grid"].to_numpy().tolist() == expected
    assert lines["x"].to_numpy().tolist() == data["c"].tolist()
    assert lines["complete_pooling"].to_numpy() == pytest.approx(
        [data["y"][(data["c"] == one).to_numpy()].mean() for one in expected]
    )


def test_groups_of_within_are_no_categories_to_move_along():
    data = by_condition().assign(h=lambda t: t["g"].map(str))
    fit = fit_at("y ~ within(x, h) + (1 | g)", data, beta=[1.0, 2.0], sd_g=[1.0], sigma=1.0)
    with pytest.raises(pp.DataError, match="a line needs a predictor that the model reads") as error:
        level_lines(fit, "h")
    assert error.value.allowed == "'x'"
