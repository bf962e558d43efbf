"""Tables for papers: every number is the fit's, rows are aligned over models, names are text in every format."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import docx
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from docx.oxml.ns import qn
from markdown_it import MarkdownIt

import partialpool as pp
from checks.fixed import fit_at
from checks.outline import Outline
from partialpool.design.build import build_design
from partialpool.design.labels import coordinates, variable_dims
from partialpool.reporting.tables import model_table
from reporting.browser import Browser, find_chromium
from reporting.conftest import HOSTILE

FORMATS = (".docx", ".tex", ".html", ".md", ".csv")
NAMES = (
    *("50 % off", "a_b & c", "<b>bold</b>", "x | y", "Zürich ^2", "$10 #1", "{curly} ~\\back", "'q' \"Q\" `t`", "--?`"),
    *("[bracket]", "*star*", "\N{GREEK SMALL LETTER BETA} ≤ 3 µg", "1. one", "- two", "@three"),
)


@pytest.fixture(scope="module")
def slopes_and_intercepts(sleep):
    data = pp.load_dataset("sleepstudy")
    return {
        "Slopes": sleep,
        "Intercepts": pp.fit("Reaction ~ Days + (1 | Subject)", data, seed=1, progressbar=False),
    }


@pytest.fixture(scope="module")
def cbpp():
    data = pp.load_dataset("cbpp")
    formula = "p(incidence, size) ~ period + (1 | herd)"
    return pp.fit(formula, data, family="binomial", seed=1, progressbar=False)


def drawn(formula, data, *, family="gaussian", link=None, **values):
    """A fit of 200 draws of noise, except for the variables given: what matters is what they are called."""
    rng = np.random.default_rng(1)
    design = build_design(pp.ModelSpec.from_formula(formula, family=family, link=link), data)
    known = coordinates(design)
    for name, dims in variable_dims(design).items():
        shape = (200, *(len(known[dim]) for dim in dims))
        noise = rng.normal(size=shape)
        if name.startswith("corr_"):
            noise = np.where(np.eye(shape[-1], dtype=bool), 1.0, rng.uniform(0, 0.9, (200, 1, 1)))
        values.setdefault(name, noise if name.startswith(("beta", "b_", "corr_", "cutpoints")) else np.abs(noise))
    fit = fit_at(formula, data, draws=True, family=family, link=link, **values)
    return replace(fit, tree=fit.tree.assign(sample_stats=xr.DataTree(xr.Dataset())))


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(5)
    n = 200
    return pd.DataFrame(
        {
            "y": rng.gamma(3.0, size=n), "x": rng.normal(size=n), "my z": rng.normal(size=n),
            "arm": rng.choice(["a", "b"], n), "period": rng.integers(1, 4, n), "site": rng.choice(list("uvwxy"), n),
            "day": rng.choice(list("1234"), n), "count": rng.poisson(3, n), "yes": rng.integers(0, 2, n),
            "grade": pd.Categorical(rng.choice(["low", "mid", "high"], n), ["low", "mid", "high"], ordered=True),
        }
    )  # fmt: skip


def labels_of(fit, **options):
    return pp.table(fit, **options).frame["label"].tolist()


def cell(table, label, model=0):
    (row,) = [row for block in table.content.blocks for row in block.rows if row.label == label]
    return row.cells[model]


def block(table, heading):
    (found,) = [block for block in table.content.blocks if block.heading == heading]
    return [row.label for row in found.rows]


def fixed(table):
    """The labels of the coefficients; reference categories, which stand among them, have tests of their own."""
    found = next(block for block in table.content.blocks if block.heading.startswith("Fixed effects"))
    return [row.label for row in found.rows if not row.label.endswith(" (reference)")]


# The numbers.


@pytest.mark.parametrize("fixture", ["sleep", "pastes", "without_groups", "cbpp"])
def test_numbers_are_those_of_the_fit(fixture, request):
    fit = request.getfixturevalue(fixture)
    frame = pp.table(fit, prob=0.9).frame.set_index("term")
    for term, draws in fit.digest.draws.items():
        row = frame.loc[term]
        assert (row["estimate"], row["std_error"]) == pytest.approx((draws.mean(), draws.std(ddof=1)))
        assert (row["conf_low"], row["conf_high"]) == pytest.approx(tuple(np.quantile(draws, [0.05, 0.95])))
        assert row["statistic"] == "mean"
    parts = pp.variance_components(fit)
    for name in ("r2_marginal", "r2_conditional"):
        if name in frame.index:
            assert frame.loc[name, "estimate"] == pytest.approx(float(parts[name].mean()))
    assert ("r2_conditional" in frame.index) == bool(fit.design.factors)
    assert ("r2_marginal" in frame.index) == bool(fit.design.common.names)
    sizes = frame[frame["statistic"] == "count"]["estimate"].to_dict()
    expected = {f"levels[{factor.name}]": factor.n_levels for factor in fit.design.factors} | {
        "rows": fit.design.n_rows
    }
    assert sizes == expected | ({"trials": 842} if fixture == "cbpp" else {})


def test_intervals_have_the_probability_asked_for(sleep):
    draws = sleep.digest.draws["beta[Days]"]
    for prob in (0.5, 0.95):
        table = pp.table(sleep, prob=prob)
        row = table.frame.set_index("term").loc["beta[Days]"]
        np.testing.assert_allclose(
            row[["conf_low", "conf_high"]].astype(float), np.quantile(draws, [(1 - prob) / 2, (1 + prob) / 2])
        )
        assert table.content.heads[0].measure == f"Estimate ({100 * prob:.0f} % interval)"
        assert f"Estimates are posterior means with equal-tailed {100 * prob:.0f} % intervals." in table.content.notes
    assert pp.table(sleep).content.heads[0].interval == "95 % interval"
    with pytest.raises(pp.SpecError, match="prob must be a probability"):
        pp.table(sleep, prob=95)


def test_a_count_model_has_an_icc_where_the_summary_has_none(rows):
    fit = drawn("count ~ x + (1 | site)", rows, family="poisson")
    assert "icc[site]" not in fit.digest.frame.index
    row = pp.table(fit).frame.set_index("term").loc["icc[site]"]
    assert row["estimate"] == pytest.approx(float(pp.icc(fit)["icc"].mean()))
    (note,) = [note for note in pp.table(fit).content.notes if note.startswith("Residual variance")]
    assert pp.icc(fit).attrs["residual"] in note


def test_decimals_follow_the_posterior_sd_and_are_those_of_the_most_precise_model(slopes_and_intercepts):
    table = pp.table(slopes_and_intercepts)
    days = [cell(table, "Days", at) for at in (0, 1)]
    assert all(re.fullmatch(r"1\d\.\d\d", one.estimate) for one in days)  # sd 1.6 and 0.8
    assert all(re.fullmatch(r"\d+\.\d\d to \d+\.\d\d", one.interval) for one in days)
    assert re.fullmatch(r"25\d\.\d", cell(table, "Intercept").estimate)
    assert re.fullmatch(r"0\.\d\d", cell(table, "ICC, Subject").estimate)
    more = pp.table(slopes_and_intercepts, digits=4)
    assert re.fullmatch(r"1\d\.\d{4}", cell(more, "Days").estimate)
    alone = pp.table(slopes_and_intercepts["Slopes"])
    assert re.fullmatch(r"1\d\.\d", cell(alone, "Days").estimate)


def test_models_on_other_scales_have_decimals_of_their_own(sleep, rows):
    small = drawn("y ~ 1 + (1 | site)", rows, beta=np.random.default_rng(1).normal(0, 1e-4, (200, 1)))
    table = pp.table({"a": sleep, "b": small})
    assert re.fullmatch(r"25\d\.\d", cell(table, "Intercept").estimate)
    assert re.fullmatch(r"-?0\.\d{6}", cell(table, "Intercept", 1).estimate)


@pytest.mark.parametrize("digits", [0, 7, 2.0, True, "2"])
def test_digits_out_of_range_are_refused(sleep, digits):
    with pytest.raises(pp.SpecError) as refused:
        pp.table(sleep, digits=digits)
    assert str(refused.value) == (
        f"digits must be a whole number\n  got:     {digits!r}\n  allowed: 1 to 6, the significant digits of the "
        "posterior sd\n  do:      leave it out for 2"
    )


def test_a_parameter_that_does_not_vary_has_a_plain_number(rows):
    table = pp.table(drawn("y ~ 1 + (1 | site)", rows, sigma=np.full(200, 1.5)))
    assert (cell(table, "Residual sd").estimate, cell(table, "Residual sd").interval) == ("1.5", "1.5 to 1.5")


def test_a_median_is_marked_where_a_few_draws_decide_the_mean(rows):
    heavy = np.exp(4 * np.random.default_rng(2).normal(size=(200, 1)))
    fit = drawn("y ~ x + (1 | site)", rows, sd_site=heavy)
    assert "sd_site[Intercept]" in fit.digest.means_not_known
    table = pp.table(fit)
    row = table.frame.set_index("term").loc["sd_site[Intercept]"]
    assert (row["estimate"], row["statistic"]) == (pytest.approx(np.median(heavy)), "median")
    assert np.isnan(row["std_error"])
    marked = {row.label for block in table.content.blocks for row in block.rows if row.cells[0].marked}
    assert marked == {"site, sd of Intercept"}
    assert "† Posterior median: a few draws decide the mean." in table.content.notes
    assert re.search(r"site, sd of Intercept +[\d.]+ +\([\d.]+ to [\d.]+\)†", str(table))


# Models side by side.


def test_rows_are_aligned_by_name(slopes_and_intercepts):
    table = pp.table(slopes_and_intercepts)
    assert [head.name for head in table.content.heads] == ["Slopes", "Intercepts"]
    assert fixed(table) == ["Intercept", "Days"]
    assert block(table, "Random effects") == [
        "Subject, sd of Intercept", "Subject, sd of Days", "Subject, correlation of Intercept and Days", "Residual sd",
    ]  # fmt: skip
    assert cell(table, "Subject, sd of Days", 1) is None
    assert cell(table, "Subject, sd of Intercept", 1) is not None
    assert "Empty cells: not in this model." in table.content.notes
    assert "Empty cells: not in this model." not in pp.table(slopes_and_intercepts["Slopes"]).content.notes


def test_the_order_of_the_models_is_that_of_the_columns_alone(slopes_and_intercepts):
    there = pp.table(slopes_and_intercepts)
    back = pp.table(dict(reversed(slopes_and_intercepts.items())))
    assert [head.name for head in back.content.heads] == ["Intercepts", "Slopes"]
    for mine, other in zip(there.content.blocks, back.content.blocks, strict=True):
        assert mine.heading == other.heading
        cells = {row.label: tuple(reversed(row.cells)) for row in other.rows}
        assert cells == {row.label: row.cells for row in mine.rows}
    listed = pp.table(list(slopes_and_intercepts.values()))
    assert [head.name for head in listed.content.heads] == ["Model 1", "Model 2"]


def test_what_a_later_model_adds_stands_before_what_follows_it_there(rows):
    first = drawn("y ~ x + (1 | site)", rows)
    second = drawn("y ~ arm + x + C(period) + (1 | site) + (1 | day)", rows)
    table = pp.table({"a": first, "b": second})
    assert fixed(table) == ["Intercept", "arm: b", "x", "period: 2", "period: 3"]
    assert block(table, "Random effects") == ["site, sd of Intercept", "day, sd of Intercept", "Residual sd"]
    assert block(table, "Numbers of levels and rows") == ["site", "day", "Rows"]


def test_models_on_different_scales_are_told_apart(sleep, cbpp):
    table = pp.table({"Sleep": sleep, "Cattle": cbpp})
    assert [head.estimate for head in table.content.heads] == ["Estimate", "Estimate"]
    assert table.content.blocks[0].heading == "Fixed effects: Sleep, estimates; Cattle, log odds"
    (note,) = [note for note in table.content.notes if "not on one scale" in note]
    assert note == (
        "The models are not on one scale, and their estimates cannot be compared: "
        "Sleep, estimate of Reaction; Cattle, log odds of incidence."
    )
    assert "Residual variance of Cattle: latent variance of the logit link." in table.content.notes


@pytest.mark.parametrize("fits", [{}, [], "fit", 3, {"a": None}])
def test_what_is_not_a_fit_is_refused(fits):
    with pytest.raises(pp.DataError) as refused:
        pp.table(fits)
    assert refused.value.wrong == "a table shows fits"
    assert refused.value.allowed == "a fit, fits by name, or a list of fits"


# Notes and warnings.


def test_the_notes_say_what_the_numbers_are(cbpp):
    assert pp.table({"Herds": cbpp}, labels={"period": "Quarter"}).content.notes == (
        "Herds: p(incidence, size) ~ period + (1 | herd); family binomial, link logit.",
        "Names in the formula: period: Quarter.",
        "Estimates are posterior means with equal-tailed 95 % intervals.",
        "Intercept: at Quarter = 1.",
        "ICC: share of the variance between the levels of a factor, without the fixed effects' part.",
        "R²: share of the variance that the effects explain (Nakagawa & Schielzeth 2013).",
        "Residual variance: latent variance of the logit link.",
    )


def test_rows_with_missing_values_and_columns_left_out_are_told(rows):
    data = rows.assign(x=rows["x"].mask((rows["arm"] == "a").cumsum() == 3))
    with pytest.warns(pp.DataWarning):
        fit = drawn("y ~ x + arm * C(period) + (1 | site)", data[~((data.arm == "b") & (data.period == 3))])
    (note,) = [note for note in pp.table(fit).content.notes if note.startswith("Model: ")]
    assert re.search(r"; \d of 1\d\d rows left out, with missing values;", note)
    assert "left out, not identified by the rows: arm[b]:C(period)[3]" in note


@pytest.mark.parametrize("suffix", [".docx", ".tex", ".html", ".md"])
def test_draws_that_failed_are_warned_of_in_every_format(doubtful, sleep, tmp_path, suffix):
    table = pp.table({"Few draws": doubtful, "Enough": sleep})
    warning = table.content.warnings[0]
    assert warning.startswith("Warning: do not rely on Few draws: its draws failed the diagnostics (")
    assert all(finding.found in warning for finding in doubtful.digest.verdict.findings if not finding.good)
    assert warning in str(table)
    path = table.write(tmp_path / f"table{suffix}")
    text = "\n".join(p.text for p in docx.Document(path).paragraphs) if suffix == ".docx" else path.read_text("utf-8")
    assert "Warning: do not rely on Few draws" in text


def test_the_response_and_where_the_intercept_is_are_told(sleep, cbpp):
    notes = pp.table(sleep, labels={"Reaction": "Reaction time", "Days": "Days awake"}).content.notes
    assert notes[1:3] == (
        "Response: Reaction time in ms.",
        "Names in the formula: Reaction: Reaction time; Days: Days awake.",
    )
    assert "Intercept: at Days awake = 0." in notes
    both = pp.table({"Sleep": sleep, "Cattle": cbpp}).content.notes
    assert "Response: Reaction in ms, incidence." in both
    assert "Intercept: at Days = 0 (Sleep); at period = 1 (Cattle)." in both


# Chosen rows.


@pytest.mark.parametrize(
    ("rows", "labels"),
    [(["period"], ["period: 1 (reference)", "period: 2", "period: 3", "period: 4"]),
     (["period[3]"], ["period: 3"]),
     (["beta[period[3]]", "herd"], ["period: 3", "herd, sd of Intercept", "ICC, herd", "herd"]),
     (["random"], ["herd, sd of Intercept"]),
     ("sd_herd", ["herd, sd of Intercept"]),
     (["r2_marginal", "Intercept"], ["Intercept", "R², marginal (fixed effects)"]),
     (["Rows"], ["Rows"])],
)  # fmt: skip
def test_rows_are_chosen_by_name_in_the_order_of_the_table(cbpp, rows, labels):
    table = pp.table(cbpp, rows=rows)
    assert [row.label for own in table.content.blocks for row in own.rows] == labels
    assert table.frame["label"].tolist() == [label for label in labels if "(reference)" not in label]
    notes = " ".join(table.content.notes)
    assert ("Intercept: at" in notes) == ("Intercept" in labels)
    assert ("ICC: share" in notes) == ("ICC, herd" in labels)
    # A coefficient of a category needs its reference, where that has no row.
    assert ("Reference categories: period = 1." in notes) == (labels[0] == "period: 3")


def test_rows_are_chosen_by_label(cbpp):
    labels = {"period": "Quarter", "herd": "Herd", "period[2]": "Spring"}
    chosen = pp.table(cbpp, labels=labels, rows=["Quarter", "Herd"])
    assert chosen.frame["term"].tolist() == pp.table(cbpp, rows=["period", "herd"]).frame["term"].tolist()
    assert pp.table(cbpp, labels=labels, rows=["Spring"]).frame["term"].tolist() == ["beta[period[2]]"]


def test_a_row_that_no_model_has_is_refused(cbpp):
    with pytest.raises(pp.SpecError) as refused:
        pp.table(cbpp, rows=["perod"])
    error = refused.value
    assert (error.wrong, error.got) == ("the table has no such row", "'perod'")
    assert "period" in error.allowed
    assert error.do == "name rows as the table or print(fit) does, a predictor, a factor, or a block of rows"
    with pytest.raises(pp.SpecError, match="a table needs rows"):
        pp.table(cbpp, rows=[])


def test_a_document_has_todays_date_and_no_author(cbpp, tmp_path):
    about = docx.Document(pp.table(cbpp, tmp_path / "table.docx", title="Cattle")).core_properties
    assert (about.author, about.last_modified_by, about.comments, about.title) == ("", "", "", "Cattle")
    for date in (about.created, about.modified):
        assert abs(date.replace(tzinfo=UTC) - datetime.now(UTC)) < timedelta(minutes=10)


# Ratios.


def test_ratios_are_medians_of_exponentials(cbpp):
    table = pp.table(cbpp, exponentiate=True)
    assert table.content.heads[0].measure == "Estimate (95 % interval)"
    assert table.content.blocks[0].heading == "Fixed effects: odds ratios"
    assert pp.table(cbpp).content.blocks[0].heading == "Fixed effects: log odds"
    frame, plain = (one.frame.set_index("term") for one in (table, pp.table(cbpp)))
    for name in cbpp.design.common.coefs:
        draws = np.exp(cbpp.digest.draws[f"beta[{name}]"])
        row = frame.loc[f"beta[{name}]"]
        assert (row["estimate"], row["statistic"]) == (pytest.approx(np.median(draws)), "median")
        np.testing.assert_allclose(row[["conf_low", "conf_high"]].astype(float), np.quantile(draws, [0.025, 0.975]))
    rest = [term for term in frame.index if not term.startswith("beta[")]
    pd.testing.assert_frame_equal(frame.loc[rest], plain.loc[rest])
    assert table.content.notes[1:4] == (
        "Odds ratios are posterior medians of exp(coefficient); other estimates are posterior means. Intervals are "
        "equal-tailed 95 % intervals.",
        "exp(Intercept) is not a ratio: it is the odds where predictors are 0 and categories at their reference.",
        "Intercept: at period = 1.",
    )
    assert table.content.notes[4] == "Random effects are not exponentiated: they are on the log odds scale."
    assert all(re.fullmatch(r"0\.\d\d", cell(table, f"period: {k}").estimate) for k in (2, 3, 4))


@pytest.mark.parametrize(
    ("formula", "family", "link", "head", "intercept"),
    [
        ("count ~ x + (1 | site)", "poisson", None, "rate ratios", "the rate (expected count)"),
        ("y ~ x + (1 | site)", "gamma", "log", "ratios of means", "the mean"),
        ("y ~ x + (1 | site)", "lognormal", None, "ratios of medians", "the median"),
        ("yes ~ x + (1 | site)", "bernoulli", None, "odds ratios", "the odds"),
    ],
)
def test_a_ratio_has_the_name_of_its_scale(rows, formula, family, link, head, intercept):
    table = pp.table(drawn(formula, rows, family=family, link=link), exponentiate=True)
    assert table.content.blocks[0].heading == f"Fixed effects: {head}"
    assert table.content.heads[0].estimate == "Estimate"
    (note,) = [note for note in table.content.notes if note.startswith("exp(Intercept)")]
    assert f"it is {intercept} where" in note


def test_an_ordinal_model_has_its_cutpoints_in_a_block_of_their_own(rows):
    fit = drawn("grade ~ x + (1 | site)", rows, family="cumulative", cutpoints=np.tile([-1.0, 1.0], (200, 1)))
    table = pp.table(fit, exponentiate=True, labels={"mid": "middling"})
    assert fixed(table) == ["x"]
    assert block(table, "Cutpoints between categories") == ["low | middling", "middling | high"]
    assert cell(table, "low | middling").estimate == "-1"
    assert "Cutpoints and random effects are not exponentiated: they are on the log odds scale." in table.content.notes
    assert "A ratio above 1 means that higher categories are more probable." in table.content.notes
    assert not any(note.startswith("exp(Intercept)") for note in table.content.notes)
    assert "A positive effect means that higher categories are more probable." in pp.table(fit).content.notes


@pytest.mark.parametrize("family", ["sratio", "acat"])
def test_categories_without_a_latent_variable_have_no_shares_of_the_variance(rows, family):
    table = pp.table(drawn("grade ~ x + (1 | site)", rows, family=family, cutpoints=np.tile([1.0, -1.0], (200, 1))))
    assert block(table, "Cutpoints between categories") == ["low | mid", "mid | high"]
    assert not any(one.heading.startswith("Shares of the variance") for one in table.content.blocks)
    assert not any("Residual variance" in note for note in table.content.notes)


def test_models_without_ratios_stay_as_they_are_beside_others(sleep, cbpp):
    table = pp.table({"Sleep": sleep, "Cattle": cbpp}, exponentiate=True)
    assert table.content.blocks[0].heading == "Fixed effects: Sleep, estimates; Cattle, odds ratios"
    assert cell(table, "Intercept") == cell(pp.table(sleep), "Intercept")
    assert not any(row.cells[1].marked for b in table.content.blocks for row in b.rows if row.cells[1])
    with pytest.raises(pp.SpecError) as refused:
        pp.table(sleep, exponentiate=True)
    assert str(refused.value) == (
        "exponentials of these coefficients have no meaning\n  got:     family gaussian, link identity\n"
        "  allowed: link 'logit' or 'log', or family 'lognormal', in one of the models\n"
        "  do:      leave out exponentiate"
    )


def test_a_small_ratio_keeps_its_digits_and_a_huge_one_is_not_an_error(rows):
    rng = np.random.default_rng(1)
    beta = np.column_stack([rng.normal(-6, 0.4, 200), rng.normal(0, 900, 200)])
    table = pp.table(drawn("yes ~ x + (1 | site)", rows, family="bernoulli", beta=beta), exponentiate=True)
    assert re.fullmatch(r"0\.00\d\d", cell(table, "Intercept").estimate)
    assert cell(table, "x").interval.endswith("inf")


# Reference categories.


def all_fixed(table):
    return [row.label for row in table.content.blocks[0].rows]


def test_a_reference_category_has_a_row_before_its_first_contrast(cbpp, tmp_path):
    for options, value in (({}, "0"), ({"exponentiate": True}, "1")):
        table = pp.table(cbpp, **options)
        assert all_fixed(table) == ["Intercept", "period: 1 (reference)", *(f"period: {k}" for k in (2, 3, 4))]
        found = cell(table, "period: 1 (reference)")
        assert (found.estimate, found.interval, found.marked) == (value, "", False)
        assert not any(note.startswith("Reference categories") for note in table.content.notes)
        assert re.search(rf"period: 1 \(reference\) +{value}\n", str(table))
        for suffix in (".tex", ".html", ".md"):
            assert "period: 1 (reference)" in table.write(tmp_path / f"table{suffix}").read_text("utf-8")
    # The frame has estimates, and so no such row.
    assert "beta[period[1]]" not in pp.table(cbpp).frame["term"].tolist()


def test_reference_categories_of_every_way_to_write_treatment_coding(rows):
    data = rows.assign(b=rows["x"] > 0)
    fit = drawn("y ~ x + arm + C(period) + T(day, ref='3') + b + x:arm + (1 | site)", data)
    assert all_fixed(pp.table(fit, labels={"day": "Day", "arm[a]": "placebo"})) == [
        "Intercept", "x", "placebo (reference)", "arm: b", "period: 1 (reference)", "period: 2", "period: 3",
        "Day: 3 (reference)", "Day: 1", "Day: 2", "Day: 4", "b: False (reference)", "b: True", "x × arm: b",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("formula", "note"),
    [
        ("y ~ x + S(day) + (1 | site)", "Reference categories: day = 4 (minus the sum of the others)."),
        ("y ~ 0 + arm + (1 | site)", None),
        ("y ~ x + x:arm + (1 | site)", "Reference categories: arm = a."),
        ("y ~ x + (arm | site)", "Reference categories: arm = a."),
    ],
)
def test_other_codings_have_no_such_row(rows, formula, note):
    content = pp.table(drawn(formula, rows)).content
    assert not any(row.label.endswith("(reference)") for row in content.blocks[0].rows)
    assert [one for one in content.notes if one.startswith("Reference")] == ([note] if note else [])


def test_models_with_other_references_share_a_row(rows):
    first = drawn("count ~ arm + (1 | site)", rows, family="poisson")
    second = drawn("count ~ arm + (1 | site)", rows.assign(arm=pd.Categorical(rows["arm"], ["b", "a"])),
                   family="poisson")  # fmt: skip
    table = pp.table({"one": first, "two": second}, exponentiate=True)
    assert sorted(all_fixed(table)) == ["Intercept", "arm: a", "arm: b"]
    for at, reference, other in ((0, "arm: a", "arm: b"), (1, "arm: b", "arm: a")):
        assert (cell(table, reference, at).estimate, cell(table, reference, at).interval) == ("1", "reference")
        assert " to " in cell(table, other, at).interval
    without = pp.table({"one": first, "three": drawn("count ~ x + (1 | site)", rows, family="poisson")})
    assert cell(without, "arm: a (reference)").estimate == "0"
    assert cell(without, "arm: a (reference)", 1) is None


@pytest.mark.parametrize(
    ("formula", "family", "what"),
    [
        ("count ~ x + (1 | site)", "poisson", "the rate (expected count) where"),
        ("count ~ x + offset(log(area)) + (1 | site)", "poisson",
         "the rate (expected count) per unit of Area (ha) where"),
        ("count ~ x + offset(log(area * `my z`)) + (1 | site)", "negative_binomial",
         "the rate (expected count) per unit of Area (ha) * my z where"),
        ("count ~ x + offset(x / 2) + (1 | site)", "poisson",
         "the rate (expected count) for an offset of 0 (x / 2) where"),
        ("count ~ x + offset(log(area)) + offset(x) + (1 | site)", "poisson",
         "the rate (expected count) for an offset of 0 (log(Area (ha)) + x) where"),
        ("yes ~ x + offset(log(area)) + (1 | site)", "bernoulli", "the odds for an offset of 0 (log(Area (ha))) where"),
    ],
)  # fmt: skip
def test_the_exponential_of_the_intercept_is_per_unit_of_the_exposure(rows, formula, family, what):
    data = rows.assign(area=rows["y"], **{"my z": rows["my z"].abs()})
    labels = {"area": "Area (ha)"} if "area" in formula else {}
    table = pp.table(drawn(formula, data, family=family), exponentiate=True, labels=labels)
    (note,) = [note for note in table.content.notes if note.startswith("exp(Intercept)")]
    assert f"it is {what} predictors are 0" in note


def test_slopes_and_rates_are_per_unit_of_the_predictor_where_it_is_known(sleep, rows):
    (note,) = [note for note in pp.table(sleep, labels={"Days": "Time awake"}).content.notes if "Slopes" in note]
    assert note == "Slopes are per unit of the predictor: Time awake per day."
    data = rows.assign(hours=rows["y"].abs(), effort=rows["y"].abs())
    for column, label, told in (("hours", "hours", "per hour where"), ("effort", "Effort", "per hour of Effort where")):
        fit = drawn(f"count ~ x + offset(log({column})) + (1 | site)", data, family="poisson")
        table = pp.table(fit.with_units({column: "hours"}), exponentiate=True, labels={column: label})
        assert not any(note.startswith("Slopes") for note in table.content.notes)
        (note,) = [note for note in table.content.notes if note.startswith("exp(Intercept)")]
        assert f"the rate (expected count) {told}" in note


# Labels.


def test_default_labels_are_for_reading(rows):
    fit = drawn(
        "y ~ x * C(period) + arm:x + I(x**2) + log(count + 1) + poly(`my z`, 2) + within(x, site) + (x || site) "
        "+ (1 | site:day)",
        rows,
    )
    assert fixed(pp.table(fit)) == [
        "Intercept", "x", "period: 2", "period: 3", "x × period: 2", "x × period: 3", "arm: b × x", "x²",
        "log(count + 1)", "poly(my z, 2), column 1", "poly(my z, 2), column 2", "x, within site",
    ]  # fmt: skip
    assert block(pp.table(fit), "Random effects")[:3] == [
        "site, sd of Intercept",
        "site, sd of x",
        "site:day, sd of Intercept",
    ]


def test_a_label_is_used_wherever_the_name_appears(rows):
    fit = drawn("y ~ x * C(period) + I(x**2) + log(`my z` + 9) + within(x, site) + (x | site) + (1 | site:day)", rows)
    labels = {"x": "Dose (mg)", "period": "Quarter", "site": "Clinic", "my z": "Weight", "C(period)[3]": "Last quarter",
              "Intercept": "Constant", "sigma": "Noise", "I(x**2)": "Dose, squared"}  # fmt: skip
    table = pp.table(fit, labels=labels)
    assert fixed(table) == [
        "Constant", "Dose (mg)", "Quarter: 2", "Last quarter", "Dose (mg) × Quarter: 2", "Dose (mg) × Last quarter",
        "Dose, squared", "log(Weight + 9)", "Dose (mg), within Clinic",
    ]  # fmt: skip
    assert block(table, "Random effects") == [
        "Clinic, sd of Constant", "Clinic, sd of Dose (mg)", "Clinic, correlation of Constant and Dose (mg)",
        "Clinic:day, sd of Constant", "Noise",
    ]  # fmt: skip
    assert block(table, "Numbers of levels and rows") == ["Clinic", "Clinic:day", "Rows"]
    assert cell(table, "Quarter: 1 (reference)").estimate == "0"
    assert "ICC, Clinic:day" in block(table, "Shares of the variance")
    whole = pp.table(fit, labels={"x:C(period)[2]": "Both", "site:day": "Clinic day", "period[1]": "spring"})
    assert "Both" in fixed(whole)
    assert "Clinic day" in block(whole, "Numbers of levels and rows")
    assert cell(whole, "spring (reference)").estimate == "0"


def test_levels_with_colons_and_brackets_are_not_taken_apart(rows):
    fit = drawn("y ~ x * kind + (1 | site)", rows.assign(kind=rows["arm"].map({"a": "[d]:x", "b": "x: (b]"})))
    assert labels_of(fit, labels={"x": "Dose", "kind": "Kind"})[1:4] == ["Dose", "Kind: x: (b]", "Dose × Kind: x: (b]"]


def test_a_column_may_be_called_like_a_call(rows):
    odd = rows.rename(columns={"x": "I(x)", "my z": "an (odd) name)", "arm": "log", "site": "C"})
    fit = drawn("y ~ `I(x)` * log + log(`an (odd) name)` + 9) + C(period) + (1 | C)", odd)
    labels = {"I(x)": "Dose", "an (odd) name)": "Weight", "log": "Arm", "C": "Clinic"}
    assert fixed(pp.table(fit, labels=labels)) == [
        "Intercept", "Dose", "Arm: b", "Dose × Arm: b", "log(Weight + 9)", "period: 2", "period: 3",
    ]  # fmt: skip
    assert fixed(pp.table(fit))[1:5] == [
        "I(x)", "log: b", "I(x) × log: b", "log(an (odd) name) + 9)",
    ]  # fmt: skip
    assert labels_of(fit, labels=labels)[7] == "Clinic, sd of Intercept"


def test_a_saved_fit_has_the_same_table(cbpp, tmp_path):
    again = pp.load_fit(cbpp.save(tmp_path / "fit.nc"))
    assert str(pp.table(again)) == str(pp.table(cbpp))


def test_a_label_for_an_unknown_name_is_refused_with_the_nearest(sleep):
    with pytest.raises(pp.SpecError) as refused:
        pp.table(sleep, labels={"Dayz": "Days awake"})
    assert str(refused.value) == (
        "labels name something that no model has\n  got:     'Dayz'\n"
        "  allowed: 'Days' (nearest), 'Intercept', 'Subject', 'Reaction', 'sigma'\n"
        "  do:      name a coefficient, a column, a factor or a parameter, as print(fit) does"
    )
    assert labels_of({"a": sleep}, labels={"Days": "Tage\nwach \x07"})[1] == "Tage wach \N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("labels", [["Days"], {"Days": 3}, {3: "x"}])
def test_labels_that_are_not_text_are_refused(sleep, labels):
    with pytest.raises(pp.SpecError, match="labels must be a dictionary of text"):
        pp.table(sleep, labels=labels)


# Files.


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_path_writes_the_file_and_returns_it(sleep, tmp_path, suffix):
    path = tmp_path / f"table{suffix.upper() if suffix == '.md' else suffix}"
    assert pp.table(sleep, path, title="Sleep") == path
    assert path.read_bytes()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    if suffix in (".tex", ".html", ".md", ".csv"):
        again = pp.table(sleep, title="Sleep").write(tmp_path / f"again{suffix}")
        assert again.read_bytes() == path.read_bytes()


def test_csv_has_the_frame(sleep, tmp_path):
    table = pp.table({"a": sleep})
    read = pd.read_csv(table.write(tmp_path / "table.csv"))
    pd.testing.assert_frame_equal(read, table.frame, check_dtype=False)


def test_an_unknown_format_is_refused_before_any_work(sleep, tmp_path):
    for name in ("table.doc", "table", "table.pdf"):
        with pytest.raises(pp.FileError) as refused:
            pp.table(sleep, tmp_path / name)
        assert refused.value.wrong == "unknown format of a table"
        assert all(repr(suffix) in refused.value.allowed for suffix in FORMATS)
        assert refused.value.do == "end the file's name with one of these"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_folder_that_is_not_there_leaves_nothing(sleep, tmp_path, suffix):
    with pytest.raises(pp.FileError, match="cannot write the table"):
        pp.table(sleep, tmp_path / "nowhere" / f"table{suffix}")
    (tmp_path / f"folder{suffix}").mkdir()
    with pytest.raises(pp.FileError, match="a folder"):
        pp.table(sleep, tmp_path / f"folder{suffix}")
    assert [p.name for p in tmp_path.iterdir()] == [f"folder{suffix}"]


def test_a_file_that_cannot_be_finished_keeps_the_old_one(sleep, tmp_path, monkeypatch):
    path = pp.table(sleep, tmp_path / "table.tex")
    before = path.read_bytes()

    def break_down(_):
        raise ValueError("a bug")

    monkeypatch.setattr(model_table, "as_latex", break_down)
    with pytest.raises(ValueError, match="a bug"):
        pp.table(sleep, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["table.tex"]


def test_without_python_docx_a_document_is_refused_with_the_way_to_it(sleep, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "docx", None)
    with pytest.raises(pp.FileError) as refused:
        pp.table(sleep, tmp_path / "table.docx")
    assert refused.value.wrong == "a Word document needs another package"
    assert refused.value.do == "pip install 'partialpool[table]'"
    assert pp.table(sleep, tmp_path / "table.tex").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["table.tex"]


# Each format, with names that would be markup.


@pytest.fixture(scope="module")
def awkward_table(rows):
    rng = np.random.default_rng(3)
    names = [*NAMES, *(name for name in HOSTILE if name not in NAMES)]
    data = pd.DataFrame(
        {"y_1 (%)": rng.normal(size=10 * len(names)), "a & b": rng.normal(size=10 * len(names)),
         "c<d>": np.resize(names, 10 * len(names)), "g_#": rng.permutation(np.resize(names, 10 * len(names)))}
    )  # fmt: skip
    fit = drawn("`y_1 (%)` ~ `a & b` * `c<d>` + (`a & b` | `g_#`)", data)
    return pp.table({"Mod_el & 1 %": fit, "<i>2</i> | $": fit}, title="100 % of_everything & <more>")


def texts_of(table):
    content = table.content
    rows = [row.label for b in content.blocks for row in b.rows]
    return [content.title, *(head.name for head in content.heads), *rows]


def test_names_are_text_in_html(awkward_table, tmp_path):
    text = awkward_table.write(tmp_path / "table.html").read_text("utf-8")
    outline = Outline(text)
    assert outline.all("script") == outline.all("b") == outline.all("i") == []
    assert not any(name.startswith("on") for _, attrs in outline.elements for name in attrs)
    assert set(texts_of(awkward_table)) <= set(outline.texts)
    assert {attrs.get("scope") for attrs in outline.all("th")} == {"row", "col", "rowgroup"}
    assert outline.all("link") == outline.all("img") == []
    part = awkward_table._repr_html_()
    assert "<html" not in part
    assert part.strip() in text


def test_names_are_text_in_markdown(awkward_table, tmp_path):
    text = awkward_table.write(tmp_path / "table.md").read_text("utf-8")
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    kinds = {token.type for token in tokens}
    assert kinds <= {
        "inline",
        *(
            f"{tag}_{end}"
            for tag in ("paragraph", "table", "thead", "tbody", "tr", "th", "td")
            for end in ("open", "close")
        ),
    }
    inside = [child for token in tokens if token.type == "inline" for child in token.children]
    assert {child.type for child in inside} <= {"text", "text_special", "strong_open", "strong_close"}
    shown = ["".join(child.content for child in token.children) for token in tokens if token.type == "inline"]
    assert set(texts_of(awkward_table)[3:]) <= set(shown)
    assert "100 % of_everything & <more>" in shown
    assert "<i>2</i> | $: estimate (95 % interval)" in shown
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in lines} == {4}


def test_a_word_document_is_a_table_with_the_cells(awkward_table, tmp_path):
    document = docx.Document(awkward_table.write(tmp_path / "table.docx"))
    assert document.paragraphs[0].text == awkward_table.content.title.replace(" %", "\N{NO-BREAK SPACE}%")
    (table,) = document.tables
    plain = [[cell.text.replace("\N{NO-BREAK SPACE}", " ") for cell in row.cells] for row in table.rows]
    assert plain[0] == ["", "Mod_el & 1 %", "<i>2</i> | $"]
    assert plain[1] == ["", "Estimate (95 % interval)", "Estimate (95 % interval)"]
    expected = [
        row for b in awkward_table.content.blocks for row in ([b.heading] * 3, *([r.label, *r.cells] for r in b.rows))
    ]
    for found, wanted in zip(plain[2:], expected, strict=True):
        assert found[0] == wanted[0]
        for text, one in zip(found[1:], wanted[1:], strict=True):
            if isinstance(one, str):
                assert text == one
            else:
                bare = re.sub("[\N{FIGURE SPACE}\N{PUNCTUATION SPACE}]", "", text).replace("\N{MINUS SIGN}", "-")
                assert bare == (f"{one.estimate} ({one.interval})" if one.interval else one.estimate)
    heads = [row._tr.trPr.find(qn("w:tblHeader")) is not None for row in table.rows]
    assert heads == [True] * 2 + [False] * (len(heads) - 2)
    ruled = [bool(row._tr.findall(f".//{qn('w:tcBorders')}")) for row in table.rows]
    assert ruled == [True, True, *[False] * (len(ruled) - 3), True]  # three rules


WRITTEN = {
    "50 % off": r"50~\% off",
    "a_b & c": r"a\_b \& c",
    "<b>bold</b>": r"\textless{}b\textgreater{}bold\textless{}/b\textgreater{}",
    "x | y": r"x \textbar{} y",
    "Zürich ^2": r"Zürich \textasciicircum{}2",
    "$10 #1": r"\$10 \#1",
    "{curly} ~\\back": r"\{curly\} $\sim$\textbackslash{}back",
    "'q' \"Q\" `t`": r"'q' \char34{}Q\char34{} \textasciigrave{}t\textasciigrave{}",
    "--?`": r"-{}-?\textasciigrave{}",
    "\N{GREEK SMALL LETTER BETA} ≤ 3 µg": r"$\beta$ $\le$ 3 µg",
}
ESCAPED = re.compile(r"\\[%#_&{}$]|~\\%|\\char34\{\}|\$(?:-|\\\w+|\^\{\d\})\$")
"""What is written for a character, or for a number's sign."""


def test_names_are_text_in_latex(awkward_table, tmp_path):
    text = awkward_table.write(tmp_path / "table.tex").read_text("utf-8")
    assert text.startswith("% Written by partialpool. In the preamble: \\usepackage{booktabs}\n")
    assert [text.count(rule) for rule in (r"\toprule", r"\midrule", r"\bottomrule")] == [1, 1, 1]
    lines = text.splitlines()[1:]
    rows = [line for line in lines if line.startswith(r"\pplabel{")]
    assert len(rows) == sum(len(b.rows) for b in awkward_table.content.blocks)
    assert {len(re.findall(r"(?<!\\)&", row)) for row in rows} == {4}
    for line in [*rows, *(line for line in lines if line.endswith(r"\par"))]:
        bare = ESCAPED.sub("", line)
        assert not set('%#_~^<>|$"`') & set(bare), line
        assert bare.count("{") == bare.count("}")
    for name, written in WRITTEN.items():
        assert sum(f"c\\textless{{}}d\\textgreater{{}}: {written}}} &" in row for row in rows) == 2 * (name in NAMES), (
            name
        )


def test_many_models_have_intervals_below_estimates(slopes_and_intercepts, tmp_path):
    few = pp.table(slopes_and_intercepts)
    many = pp.table({f"M{k}": fit for k, fit in enumerate([*slopes_and_intercepts.values()] * 2)})
    assert (few.content.is_stacked, many.content.is_stacked) == (False, True)
    assert r"\begin{tabular}[t]{@{}c@{}}" in many.write(tmp_path / "many.tex").read_text("utf-8")
    (table,) = docx.Document(many.write(tmp_path / "many.docx")).tables
    assert re.fullmatch(r"[\d.\s]+\n\(.*\)", table.rows[3].cells[1].text)
    page = docx.Document(tmp_path / "many.docx").sections[0]
    assert sum(column.width for column in table.columns) <= page.page_width - page.left_margin - page.right_margin


def compiled(path, folder, page=r"\documentclass[11pt]{article}\usepackage[a4paper,margin=25mm]{geometry}"):
    """Compile a document that reads the table, and return what TeX said."""
    program = shutil.which("pdflatex") or pytest.skip(
        "no pdflatex: install TeX Live (`apt-get install texlive-latex-extra`)"
    )
    page += rf"\usepackage{{booktabs}}\begin{{document}}\input{{{path.name}}}\end{{document}}"
    (folder / "page.tex").write_text(page, encoding="utf-8")
    done = subprocess.run(
        [program, "-interaction=nonstopmode", "-halt-on-error", "page.tex"],
        cwd=folder,
        capture_output=True,
        check=False,
        timeout=120,
    )
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-3000:]
    return said


@pytest.mark.slow
def test_latex_compiles_whatever_the_names_are(awkward_table, tmp_path):
    compiled(awkward_table.write(tmp_path / "table.tex"), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5])
def test_a_latex_table_is_no_wider_than_the_text(slopes_and_intercepts, tmp_path, count):
    fits = [*slopes_and_intercepts.values()] * 3
    table = pp.table(
        {f"Model {k}": fit for k, fit in enumerate(fits[:count])},
        title="Sleep",
        labels={"Days": "Days of sleep deprivation"},
    )
    path = table.write(tmp_path / "table.tex")
    assert "Overfull \\hbox" not in compiled(path, tmp_path)
    if count == 5:  # five intervals are wider than 345 pt, even in small letters
        return
    # The text of the plain classes is narrower.
    assert "Overfull \\hbox" not in compiled(path, tmp_path, r"\documentclass{article}")
    assert "Overfull \\hbox" not in compiled(path, tmp_path, r"\documentclass[a4paper,12pt]{report}")


def test_a_page_fits_a_phone(sleep, slopes_and_intercepts, awkward_table, tmp_path):
    tables = [pp.table(sleep, title="Sleep"), pp.table(slopes_and_intercepts), awkward_table]
    texts = [table.write(tmp_path / f"{k}.html").read_text("utf-8") for k, table in enumerate(tables)]
    frames = [(text, width) for text in texts for width in (390, 800)]
    seen, complaints = Browser(find_chromium(), tmp_path).measure(*frames)
    assert complaints == []
    for one, (_, width) in zip(seen, frames, strict=True):
        assert one["scrollWidth"] <= one["width"] == width
        assert one["fetched"] == []
        assert one["hidden"] == 0
    assert not any(scrolls for one in seen[:4] for scrolls in one["scrollers"])


@pytest.mark.parametrize(
    ("formula", "rows"),
    [
        (
            "y ~ x + unstr(visit, gr=id)",
            {
                "Residual sd, a": "sigma[a]",
                "Residual sd, b": "sigma[b]",
                "Residual correlation of a and b": "residual_corr[a, b]",
            },
        ),
        (
            "y ~ x + ar(week, gr=id)",
            {"Residual sd": "sigma", "Residual correlation within id, week 2 apart": "residual_corr"},
        ),
        ("y ~ x + cosy(gr=id)", {"Residual sd": "sigma", "Residual correlation within id": "residual_corr"}),
        ("y ~ x, sigma ~ 0 + visit", {"Residual sd, a": "sigma[a]", "Residual sd, b": "sigma[b]"}),
    ],
)
def test_residual_sds_and_correlations_are_rows_and_series_are_counted(formula, rows):
    rng = np.random.default_rng(3)
    data = pd.DataFrame(
        {
            "id": [f"p{k}" for k in np.repeat(np.arange(20), 2)],
            "visit": np.tile(["a", "b"], 20),
            "week": np.tile([1, 3], 20),
            "x": rng.normal(size=40),
            "y": rng.normal(size=40),
        }
    )
    fit = pp.fit(formula, data, draws=100, seed=1, progressbar=False)
    frame, found = pp.table(fit).frame, fit.digest.frame
    for label, name in rows.items():
        (row,) = [one for one in frame.to_dict("records") if one["label"] == label]
        assert row["estimate"] == pytest.approx(found.loc[name, "mean"])
    labels = frame["label"].tolist()
    assert ("id" in labels) == ("gr=" in formula)
    assert ("id 20 series" in str(fit)) == ("gr=" in formula)
