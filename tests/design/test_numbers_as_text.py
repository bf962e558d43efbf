"""Of a column of text most of whose cells are numbers, errors and warnings name the cells that are not."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from partialpool.design.build import build_design
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.errors import DataError, DataWarning
from partialpool.spec.model import ModelSpec

N = 100
COUNTS = np.random.default_rng(4).poisson(4, N)
TABLE = pd.DataFrame(
    {
        "count": COUNTS,
        "x": np.random.default_rng(5).normal(size=N),
        "height": 400 + np.arange(N),
        "traps": np.resize([5, 10], N),
        "g": np.repeat([f"s{n}" for n in range(10)], 10),
    }
)


def written(column, cells, decimal="."):
    """The table with a column as text, as `read_csv` gives it where one cell is not a number."""
    text = TABLE[column].astype(str).str.replace(".", decimal).astype(object)
    text[list(cells)] = list(cells.values())
    return TABLE.assign(**{column: text})


def refusal(formula, data, **options):
    with pytest.raises(DataError) as caught:
        build_design(ModelSpec.from_formula(formula, **options), data)
    return caught.value


@pytest.mark.parametrize("table", [pd.DataFrame, pl.from_pandas])
def test_a_response_names_the_cell_that_is_not_a_number(table):
    error = refusal("count ~ x + (1|g)", table(written("count", {44: "k.A."})), family="poisson")
    assert str(error) == (
        "the response 'count' is text where numbers are needed\n"
        "  got:     'k.A.' in row 44 (counted from 0); the other 99 are numbers\n"
        "  allowed: numbers; categories under families 'bernoulli', 'cumulative', 'sratio' and 'acat'\n"
        "  do:      pd.read_csv(..., na_values=['k.A.']), or correct the cells"
    )


def test_rows_are_those_of_the_table_as_given_where_other_rows_are_left_out():
    data = written("count", {3: None, 44: "k.A."})
    with pytest.warns(DataWarning, match="dropped 1 of 100 rows"):
        error = refusal("count ~ x + (1|g)", data, family="poisson")
    assert error.got == "'k.A.' in row 44 (counted from 0); the other 98 are numbers"


def test_several_cells_are_named_in_the_order_of_the_rows():
    cells = {70: "?", 3: "k.A.", 8: "?", 9: "?", 11: "?", 50: "n.d.", 60: "many"}
    error = refusal("count ~ x + (1|g)", written("count", cells), family="poisson")
    assert error.got == (
        "'k.A.' in row 3, '?' in rows 8, 9, 11 and 1 more, 'n.d.' in row 50 (counted from 0) and 1 more label; "
        "the other 93 are numbers"
    )
    assert error.do == "pd.read_csv(..., na_values=['k.A.', '?', 'n.d.', 'many']), or correct the cells"


def test_numbers_that_are_all_text_are_to_be_converted():
    error = refusal("count ~ x + (1|g)", written("count", {}), family="poisson")
    assert error.got == f"numbers written as text, such as '{COUNTS[0]}'"
    assert error.do == "convert the column: pd.to_numeric(data['count'])"


def test_a_decimal_comma_is_named():
    error = refusal("x ~ height + (1|g)", written("x", {}, decimal=","))
    assert error.got.startswith("numbers with a decimal comma, such as '")
    assert error.do == "pd.read_csv(..., decimal=',')"
    error = refusal("x ~ height + (1|g)", written("x", {2: "-"}, decimal=","))
    assert error.got.startswith(
        "'-' in row 2 (counted from 0); the other 99 are numbers with a decimal comma, such as '"
    )
    assert error.do == "pd.read_csv(..., decimal=',', na_values=['-']), or correct the cells"


@pytest.mark.parametrize("labels", [["u", "v", "w"], ["u", "v", "1", "2", "w"]])
def test_text_that_is_not_mostly_numbers_is_not_taken_for_numbers(labels):
    assert numbers_as_text(pd.Series(labels)) is None
    error = refusal("f ~ x + (1|g)", TABLE.assign(f=np.resize(labels, N)))
    assert error.got == "categories such as 'u'"


def test_a_predictor_of_many_numbers_names_the_cell_that_is_not_a_number():
    for decimal, do in ((".", ""), (",", "decimal=',', ")):
        data = written("x", {44: "k.A."}, decimal=decimal)
        error = refusal("count ~ x + (1|g)", data, family="poisson")
        assert error.wrong == "column 'x' has text where numbers are needed"
        assert error.got.startswith("'k.A.' in row 44 (counted from 0); the other 99 are numbers")
        assert error.allowed == "numbers; or categories, declared as such"
        assert (
            error.do
            == f"pd.read_csv(..., {do}na_values=['k.A.']), or correct the cells; or make it a categorical: C(x)"
        )


def test_many_unlike_labels_do_not_turn_numbers_into_categories():
    # 20 numbers and 6 other labels in 10 rows: 9 of 10 cells, but fewer than 8 of 10 labels.
    data = TABLE.assign(v=np.resize([str(k) for k in range(20)], N).astype(object))
    data.loc[:9, "v"] = [f"no {k % 6}" for k in range(10)]
    assert "the other 90 are numbers" in refusal("count ~ v + (1|g)", data, family="poisson").got


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("count ~ x + offset(log(traps)) + (1|g)", "poisson"),
        ("count ~ x + offset(traps) + (1|g)", "poisson"),
        ("count ~ x + log(traps) + (1|g)", "poisson"),
        ("log(traps) ~ x + (1|g)", "gaussian"),
        ("p(x, traps) ~ height + (1|g)", "binomial"),
    ],
)
def test_a_column_that_is_computed_with_names_the_cell_that_is_not_a_number(formula, family):
    error = refusal(formula, written("traps", {44: "k.A."}).assign(x=COUNTS % 3), family=family)
    assert "'traps'" in error.wrong
    assert error.got == "'k.A.' in row 44 (counted from 0); the other 99 are numbers"
    assert error.do == "pd.read_csv(..., na_values=['k.A.']), or correct the cells"


@pytest.mark.parametrize("formula", ["count ~ log(x) + (1|g)", "count ~ 1 + offset(x) + (1|g)", "y ~ (I(x**2) | g)"])
def test_a_column_that_expressions_compute_with_is_not_offered_as_a_category(formula):
    error = refusal(formula, written("x", {44: "k.A."}).assign(y=COUNTS), family="poisson")
    assert (error.allowed, error.do) == ("numbers", "pd.read_csv(..., na_values=['k.A.']), or correct the cells")


def test_standard_errors_name_the_cell_that_is_not_a_number():
    error = refusal("x ~ height + (1|g)", written("traps", {44: "k.A."}), se="traps")
    assert error.wrong == "the standard errors 'traps' are text where numbers are needed"
    assert (error.got, error.allowed) == (
        "'k.A.' in row 44 (counted from 0); the other 99 are numbers",
        "numbers above 0",
    )


def test_few_numbers_with_a_cell_that_is_not_a_number_give_a_warning():
    with pytest.warns(DataWarning) as caught:
        build_design(ModelSpec.from_formula("x ~ traps + (1|g)"), written("traps", {44: "k.A.", 45: "k.A."}))
    (warning,) = [str(one.message) for one in caught]
    assert warning == (
        "'traps' has numbers written as text, except for 'k.A.' in rows 44, 45 (counted from 0), read as 3 "
        "categories in the order of text; allowed, but pd.read_csv(..., na_values=['k.A.']), or correct the cells; "
        "or declare it a category: C(traps), or a categorical"
    )


@pytest.mark.parametrize("label", ["2+", ">10", "10b", "≥ 10"])
def test_a_class_of_numbers_is_an_ordinary_label(recwarn, label):
    build_design(ModelSpec.from_formula("x ~ traps + (1|g)"), written("traps", {44: label, 45: label}))
    assert [str(one.message) for one in recwarn] == []


def test_commas_that_may_separate_thousands_are_not_called_decimal():
    found = numbers_as_text(pd.Series(["1,234", "980", "12,500"], name="km"))
    assert found.got == "numbers with a comma, such as '1,234'"
    assert found.do == "pd.read_csv(..., decimal=',' or thousands=',')"
    assert "decimal comma" in numbers_as_text(pd.Series(["1,234", "980", "0,5"], name="km")).got
