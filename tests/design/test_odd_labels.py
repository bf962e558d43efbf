"""Labels that are likely errors give a warning when the model is built; ordinary labels give none."""

import warnings

import numpy as np
import pandas as pd
import polars as pl
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.dates_as_text import dates_as_text
from partialpool.design.odd_labels import find_odd_labels
from partialpool.design.row_names import LINE
from partialpool.errors import DataWarning
from partialpool.reporting.describe import describe_words
from partialpool.spec.model import ModelSpec

RNG = np.random.default_rng(3)
TABLE = pd.DataFrame(
    {
        "y": RNG.normal(size=48),
        "x": RNG.normal(size=48),
        "g": np.repeat([f"s{n}" for n in range(8)], 6),
        "habitat": np.resize(["Forest", "Meadow", "Bog"], 48),
    }
)


def with_cell(column, row, value):
    return TABLE.assign(**{column: TABLE[column].where(TABLE.index != row, value)})


def warnings_of(formula, data, **options):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        build_design(ModelSpec.from_formula(formula, **options), data)
    assert all(issubclass(one.category, DataWarning) for one in caught)
    return [str(one.message) for one in caught]


@pytest.mark.parametrize("label", ["Forest ", " forest", "FOREST", "Forest\u00a0"])
@pytest.mark.parametrize("kind", ["text", "categorical", "polars"])
def test_labels_that_differ_only_by_case_or_space_give_a_warning(label, kind):
    table = with_cell("habitat", 0, label)
    if kind == "categorical":
        table["habitat"] = table["habitat"].astype("category")
    alike, alone = warnings_of("y ~ habitat + (1 | g)", pl.from_pandas(table) if kind == "polars" else table)
    assert alike.startswith("labels of 'habitat' differ only by case or space: got ")
    assert "'Forest' (15 rows)" in alike
    assert f"{label!r} (1 row)" in alike
    assert "allowed, but each is a separate category: make them equal" in alike
    assert alone.startswith(f"categories of 'habitat' have one row: got {label!r}")
    # It is the reference where it is first in the order of text.
    mark = " (the reference of all others)" if min([*TABLE.habitat, label]) == label else ""
    assert f"have one row: got {label!r}{mark}; allowed, but its coefficient depends on that row alone" in alone


def test_labels_of_a_grouping_factor_that_differ_only_by_case_give_a_warning():
    (alike,) = warnings_of("y ~ x + (1 | g)", with_cell("g", 0, "S0"))
    assert "labels of 'g' differ only by case or space: got 'S0' (1 row) and 's0' (5 rows)" in alike


@pytest.mark.parametrize("formula", ["y ~ b + (1|g)", "y ~ C(p) + (1|g)", "y ~ x + (0 + b | g)"])
def test_a_category_of_one_row_gives_a_warning(formula):
    (alone,) = warnings_of(formula, TABLE.assign(b=TABLE.index == 7, p=np.where(TABLE.index == 7, 3, TABLE.index % 2)))
    assert "have one row: got " in alone
    assert ("got 3;" in alone) == ("C(p)" in formula)


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "10", "2"], "numbers"),
        (["0.5", "1.5", "2"], "numbers"),
        (["1,5", "2,5", "3"], "numbers"),
        (["10 %", "20 %", "5%"], "numbers"),
        (["2024-05-01", "2024-05-02", "2024-06-01"], "dates"),
        (["1/5/2024", "2/5/2024", "13/5/2024"], "dates"),
        (["1 May 2024", "2-May-24", "01.06.2024"], "dates"),
        (["2024-05", "2024-06", "2024-07"], "dates"),
    ],
)
def test_numbers_and_dates_written_as_text_give_a_warning(values, kind):
    table = TABLE.assign(v=np.resize(values, 48))
    (found,) = warnings_of("y ~ v + (1 | g)", table)
    verb = "looks like" if kind == "dates" else "has"
    assert found.startswith(f"'v' {verb} {kind} written as text: got ")
    assert "read as 3 categories in the order of text" in found
    assert "C(v)" in found
    # A declared category, and a grouping factor, may look like anything.
    assert warnings_of("y ~ C(v) + (1 | g)", table) == []
    assert warnings_of("y ~ v + (1 | g)", table.assign(v=table.v.astype("category"))) == []
    assert warnings_of("y ~ x + (1 | v)", table) == []


def test_the_reference_is_named_first_among_categories_of_one_row():
    table = TABLE.assign(v=[*"bcdeghijklm", *["f"] * 37])
    for formula, got in (
        (
            "y ~ v + (1 | g)",
            "'b' (the reference of all others), 'c', 'd', 'e', 'g', 'h', 'i', 'j', 'k', 'l' and 1 more",
        ),
        (
            "y ~ T(v, ref='c') + (1 | g)",
            "'c' (the reference of all others), 'b', 'd', 'e', 'g', 'h', 'i', 'j', 'k', 'l' and 1 more",
        ),
        ("y ~ T(v, ref='f') + (1 | g)", "'b', 'c', 'd', 'e', 'g', 'h', 'i', 'j', 'k', 'l' and 1 more"),
    ):
        (alone,) = warnings_of(formula, table)
        assert alone == (
            f"categories of 'v' have one row: got {got}; allowed, but each coefficient depends on that row alone: "
            "check the labels, or merge them with other categories"
        )


@pytest.mark.parametrize(
    ("dates", "form"),
    [
        (["1.5.2025", "12.7.2025", "13.5.2025"], "format='%d.%m.%Y'"),
        (["2025-05-01", "2025-07-12", "2025-05-13"], "format='%Y-%m-%d'"),
        (["5/13/2025", "7/12/2025", "5/1/2025"], "format='%m/%d/%Y'"),
        (["5/1/2025", "7/12/2025", "5/2/2025"], "format='%d/%m/%Y' or format='%m/%d/%Y'"),
        (["1 May 2025", "12 Jul 2025", "13 May 2025"], "format='%d %b %Y'"),
    ],
)
def test_the_warning_says_how_to_convert_dates(dates, form):
    table = TABLE.assign(day=np.resize(dates, 48))
    (found,) = warnings_of("y ~ day + (1 | g)", table)
    shown = ", ".join(map(repr, sorted(dates)))  # in the order of text, whatever the order of the rows
    assert found.startswith(f"'day' looks like dates written as text: got {shown}, read as 3 categories in the order")
    assert f"to days since the first: day = pd.to_datetime(data['day'], {form}); (day - day.min()).dt.days; or" in found
    shuffled = table.sample(frac=1, random_state=2).reset_index(drop=True)
    assert warnings_of("y ~ day + (1 | g)", shuffled) == [found]
    day = pd.to_datetime(table["day"], format=form.split("'")[1])
    assert warnings_of("y ~ day + (1 | g)", table.assign(day=(day - day.min()).dt.days)) == []


def test_dates_of_one_row_give_one_warning_that_names_the_cell_that_is_no_date():
    days = pd.date_range("2025-05-01", periods=48).strftime("%d.%m.%Y").to_numpy(dtype=object)
    days[7] = "Mai"
    # Of the other warnings, that 48 categories leave no residual, none is about labels.
    (found,) = (found for found in warnings_of("y ~ day + (1 | g)", TABLE.assign(day=days)) if "'day'" in found)
    assert (
        "got '01.05.2025', '01.06.2025', '02.05.2025', ..., except for 'Mai' in row 7 (counted from 0), read as"
        in found
    )
    assert "allowed, but correct these cells, and convert the column to days since the first" in found
    days[:20] = "Mai"
    assert all("dates" not in found for found in warnings_of("y ~ day + (1 | g)", TABLE.assign(day=days)))


def test_ordinary_labels_give_no_warning():
    table = TABLE.assign(dose=np.resize(["0", "1", "2+", "0", "1"], 48), arm=np.resize(["T1", "T2"], 48), b=TABLE.x > 0)
    assert warnings_of("y ~ habitat * x + dose + arm + b + (arm | g)", table) == []
    # A level with one row is common; a category with one row is unusual.
    assert warnings_of("y ~ x + (1 | g)", with_cell("g", 0, "alone")) == []


def test_the_reference_category_is_named_by_print_and_check_and_report(tmp_path):
    table = TABLE.assign(b=TABLE.x > 0, habitat=pd.Categorical(TABLE.habitat, categories=["Meadow", "Bog", "Forest"]))
    fit = pp.fit("y ~ habitat + S(z) + b + (1|g)", table.assign(z=np.resize(list("uuvvww"), 48)), seed=1,
                 draws=100, chains=2, progressbar=False)  # fmt: skip
    expected = "habitat = Meadow, z = w (minus the sum of the others), b = False"
    assert f"reference categories: {expected}" in str(fit)
    assert expected in fit._repr_html_()
    finding = next(f for f in pp.check(fit, seed=1).findings if f.check == "categories")
    assert (finding.good, finding.found) == (True, f"reference: {expected}")
    assert f"compare with the reference: {expected}." in describe_words(fit.design)
    assert expected in pp.report(fit, tmp_path / "page.html").read_text(encoding="utf-8")


def test_check_reports_a_label_that_is_a_likely_error():
    with pytest.warns(DataWarning, match="have one row"), pytest.warns(DataWarning, match="case or space"):
        fit = pp.fit("y ~ habitat + (1|g)", with_cell("habitat", 0, "Forest "), seed=1, draws=100, chains=2,
                     progressbar=False)  # fmt: skip
    finding = next(f for f in pp.check(fit, seed=1).findings if f.check == "categories")
    assert not finding.good
    assert "reference: habitat = Bog; labels of 'habitat' differ only by case or space" in finding.found
    assert "habitat: each is a separate category" in finding.cure
    assert "left out" not in str(fit)


def test_columns_left_out_are_printed():
    table = TABLE.assign(arm=np.where(TABLE.habitat == "Bog", "A", np.resize(list("AB"), 48)))
    with pytest.warns(DataWarning, match="do not identify"):
        fit = pp.fit("y ~ habitat * arm + (1|g)", table, seed=1, draws=100, chains=2, progressbar=False)
    assert "left out, not identified by the rows: habitat[Meadow]:arm[B]" in str(fit)
    assert "Left out, because the rows do not identify them: habitat[Meadow]:arm[B]." in describe_words(fit.design)
    assert "reference categories: habitat = Bog, arm = A" in str(fit)


@pytest.mark.parametrize("labels", [["2018-19", "2019-20", "2020-21"], ["1.2.1", "1.2.2", "1.13.1"]])
def test_school_years_and_sections_are_no_dates(labels):
    assert dates_as_text(pd.Series(labels * 3, name="k")) is None


def test_dates_in_a_file_are_to_be_converted_in_the_file():
    days = pd.Series([f"{k}.5.2025" for k in range(1, 25)], name="day", index=pd.RangeIndex(2, 26, name=LINE))
    assert dates_as_text(days).do == "write the days since the first into a column of numbers, and name that one"
    labels = pd.DataFrame({"v": pd.Categorical(["bog", "Bog"] * 12)}, index=days.index)
    (alike,) = find_odd_labels(labels, {})
    assert alike.do == "each is a separate category: make them equal in the file if they are one"
