import decimal

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from partialpool.design.table import read_table
from partialpool.errors import DataError, DataWarning

N = 24
BASE = pd.DataFrame({"y": np.arange(N) / 7, "x": np.arange(N) ** 2, "g": list("abcd") * 6})


def with_column(values):
    return BASE.assign(x=values)


DATES = pd.date_range("2020-01-01", periods=N)
REFUSED = {
    "absent": (BASE.rename(columns={"x": "X1"}), "no column 'x'", "3 columns", "'X1' (nearest)", "correct the name"),
    "absent, other case": (BASE.rename(columns={"x": "X"}), "no column 'x'", "3 columns", "'X' (nearest)", "correct"),
    "index, not a column": (BASE.set_index("x"), "no column 'x'", "2 columns", "'y', 'g'", "correct the name"),
    "semicolons": (
        pd.DataFrame({"y;x;g": ["1;2,5;a"]}),
        "no column 'y'",
        "1 column",
        "'y;x;g'",
        'sep=";", decimal=","',
    ),
    "tabs": (pd.DataFrame({"y\tx\tg": ["1\t2\ta"]}), "no column 'y'", "1 column", "y\\tx\\tg", 'sep="\\t"'),
    "commas": (pl.DataFrame({"y,x,g": ["1,2,a"]}), "no column 'y'", "1 column", "'y,x,g'", "another separator"),
    "one column, read well": (pd.DataFrame({"y": [1.0]}), "no column 'x'", "1 column", "'y'", "correct the name"),
    "no columns": ({}, "no column 'y'", "0 columns", "(none)", "correct the name"),
    "empty": (BASE.iloc[:0], "the table is empty", "0 rows", "one row or more", "check how it was read"),
    "empty polars": (pl.DataFrame(BASE).head(0), "the table is empty", "0 rows", "one row or more", "check how"),
    "empty arrow": (pa.table(BASE.to_dict("list")).slice(0, 0), "the table is empty", "0 rows", "one row", "check how"),
    "all missing": (with_column(np.nan), "no row is complete", "x (24)", "one complete row or more", "read or joined"),
    "infinite": (
        with_column([0.0, 1, 2, np.inf] + [0.0] * 20),
        "'x' has infinite values",
        "inf in row 3",
        "finite numbers",
        "mark the values as missing",
    ),
    "minus infinite, polars": (
        pl.DataFrame(with_column([0.0, -np.inf] + [0.0] * 22)),
        "'x' has infinite values",
        "-inf in row 1",
        "finite",
        "correct these rows",
    ),
    "odd cells": (
        with_column([str(v) for v in range(22)] + ["-", "n/a"]),
        "'x' has text where numbers are needed",
        "'-' in row 22, 'n/a' in row 23 (counted from 0); the other 22 are numbers",
        "numbers; or categories",
        "pd.read_csv(..., na_values=['-', 'n/a']), or correct the cells; or make it a categorical: C(x)",
    ),
    "blank cells": (
        with_column([str(v) for v in range(22)] + ["", ""]),
        "'x' has text where numbers are needed",
        "'' in rows 22, 23 (counted from 0); the other 22 are numbers",
        "numbers",
        "pd.read_csv(..., na_values=['']), or correct the cells",
    ),
    "dates": (with_column(DATES), "neither numbers nor categories", "datetime64", "numbers, booleans, text", "days"),
    "times": (with_column(DATES - DATES[0]), "neither numbers nor", "timedelta64", "text, categories", "convert"),
    "periods": (with_column(DATES.to_period("D")), "neither numbers nor", "period", "text, categories", "convert"),
    "dates, polars": (
        pl.DataFrame(BASE).with_columns(x=pl.date(2020, 1, 1)),
        "'x' is neither numbers nor categories",
        "datetime64",
        "numbers, booleans, text, categories",
        "convert the column",
    ),
    "text and numbers": (with_column([1, "a"] * 12), "neither numbers nor", "mixed-integer", "text", "convert"),
    "lists": (with_column([[1]] * N), "neither numbers nor categories", "mixed", "categories", "convert the column"),
    "doubled": (
        pd.concat([BASE, BASE[["x"]]], axis=1),
        "two columns of the same name",
        "'x'",
        "each name once",
        "rename or drop one",
    ),
    "doubled, not read": (
        pd.concat([BASE, BASE[["x"]].rename(columns={"x": "q"}), BASE[["x"]].rename(columns={"x": "q"})], axis=1),
        "two columns of the same name",
        "'q'",
        "each name once",
        "rename or drop one",
    ),
    "doubled as text": (
        BASE.assign(**{"1": 0}).rename(columns={"y": 1, "x": "y", "g": "x"}),
        "two columns",
        "'1'",
        "each name once",
        "rename",
    ),
    "doubled, arrow": (
        pa.table([pa.array([1.0, 2.0])] * 4, names=["y", "x", "x", "g"]),
        "two columns of the same name",
        "'x'",
        "each name once",
        "rename or drop one",
    ),
    "a number": (3, "not a table", "a int", "pandas, polars or pyarrow table", "pandas.read_csv"),
    "nothing": (None, "not a table", "a NoneType", "pandas, polars or pyarrow table", "pandas.read_csv"),
    "a path": ("data.csv", "not a table", "a str", "dictionary of columns", "pandas.read_csv"),
    "an array": (np.zeros((3, 3)), "not a table", "a ndarray", "dictionary of columns", "pandas.read_csv"),
    "a column": (BASE["x"], "not a table", "a Series", "dictionary of columns", "pandas.read_csv"),
    "records": (BASE.to_dict("records"), "not a table", "a list", "dictionary of columns", "pandas.read_csv"),
    "lazy": (pl.LazyFrame(BASE), "not a table", "a LazyFrame", "pandas, polars", "collect a lazy frame first"),
    "ragged": ({"y": [1.0, 2.0], "x": [1.0], "g": ["a", "b"]}, "", "", "", ""),
    "scalars": ({"y": 1.0, "x": 2.0, "g": "a"}, "", "", "", ""),
    "two-dimensional": ({"y": [1.0, 2.0], "x": np.zeros((2, 2)), "g": ["a", "b"]}, "", "", "", ""),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_table_that_cannot_be_read_is_refused(case, check_parts):
    data, *parts = REFUSED[case]
    with pytest.raises(DataError) as caught:
        read_table(data, ("y", "x", "g"), predictors=("x",))
    check_parts(caught.value, *parts)


def test_complex_numbers_are_refused():
    with pytest.raises(DataError, match="'x'"):
        read_table(with_column(np.arange(N) + 1j), ("x",))


def test_a_quoted_number_reads_the_column_of_that_number():
    table = read_table(pd.DataFrame({1: [1.0, 2.0], "y": [0.0, 1.0]}), ("y", "1"))
    assert table.frame["1"].tolist() == [1.0, 2.0]


def test_incomplete_rows_are_dropped_and_counted_by_column():
    data = BASE.assign(x=[np.nan, np.nan, *range(22)], g=[None, *"bcd" * 7, "a", "b"], unread=np.nan)
    with pytest.warns(DataWarning, match=r"dropped 2 of 24 rows with missing values, in x \(2\), g \(1\)"):
        table = read_table(data, ("y", "x", "g"))
    assert table.rows.tolist() == list(range(2, 24))
    assert table.n_given == 24
    assert table.frame.index.tolist() == table.rows.tolist()
    np.testing.assert_array_equal(table.frame["y"], data["y"][2:])
    assert list(table.frame) == ["y", "x", "g"]


def test_missing_values_are_refused_on_request(check_parts):
    with pytest.raises(DataError) as caught:
        read_table(BASE.assign(x=[np.nan, *range(23)]), ("y", "x"), missing="error")
    check_parts(
        caught.value, "the table has missing values", "1 of 24 rows, in x (1)", "missing='error'", "missing='drop'"
    )


def test_missing_takes_two_values(check_parts):
    with pytest.raises(DataError) as caught:
        read_table(BASE, ("y",), missing="ignore")
    check_parts(caught.value, "unknown treatment of missing", "'ignore'", "'drop' or 'error'", "name one")


def test_the_row_of_an_infinite_value_is_counted_in_the_table_as_given():
    data = with_column([np.nan, 1, 2, np.inf] + [0.0] * 20)
    with pytest.warns(DataWarning), pytest.raises(DataError, match="inf in row 3"):
        read_table(data, ("y", "x"))


CATEGORY = pd.CategoricalDtype(["b", "a"])
KINDS = {
    "int64": (np.array([1, 2] * 12), [1, 2]),
    "uint8": (np.array([1, 2] * 12, dtype="uint8"), [1, 2]),
    "float32": (np.array([0.5, 2] * 12, dtype="float32"), [0.5, 2]),
    "bool": (np.array([True, False] * 12), [True, False]),
    "Int64": (pd.array([1, 2] * 12, dtype="Int64"), [1, 2]),
    "Float64": (pd.array([0.5, 2] * 12, dtype="Float64"), [0.5, 2]),
    "boolean": (pd.array([True, False] * 12, dtype="boolean"), [True, False]),
    "string": (pd.array(["a", "b"] * 12, dtype="string"), ["a", "b"]),
    "object text": (pd.Series(["a", "b"] * 12, dtype=object), ["a", "b"]),
    "object numbers": (pd.Series([1, 2.5] * 12, dtype=object), [1, 2.5]),
    "object booleans": (pd.Series([True, False] * 12, dtype=object), [True, False]),
    "decimal": ([decimal.Decimal("1.5"), decimal.Decimal(2)] * 12, [1.5, 2]),
    "categorical": (pd.Categorical(["a", "b"] * 12, dtype=CATEGORY), ["a", "b"]),
    "arrow int": (pd.array([1, 2] * 12, dtype="int64[pyarrow]"), [1, 2]),
    "arrow bool": (pd.array([True, False] * 12, dtype="bool[pyarrow]"), [True, False]),
    "arrow text": (pd.array(["a", "b"] * 12, dtype="string[pyarrow]"), ["a", "b"]),
    "arrow dictionary": (
        pd.Series(["a", "b"] * 12).astype(pd.ArrowDtype(pa.dictionary(pa.int32(), pa.string()))),
        ["a", "b"],
    ),
    "sparse": (pd.arrays.SparseArray([0.0, 2.0] * 12), [0, 2]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_column_becomes_numbers_booleans_or_categories(kind):
    values, first = KINDS[kind]
    column = read_table(with_column(values), ("x",)).frame["x"]
    assert column.tolist() == first * 12
    assert isinstance(column.dtype, pd.CategoricalDtype) or column.dtype.kind in "iufb"
    assert isinstance(column.dtype, pd.CategoricalDtype) == isinstance(first[0], str)


MISSING = {
    "Int64": (pd.array([None, *range(23)], dtype="Int64"), list(range(23))),
    "float": ([np.nan, *range(23)], list(range(23))),
    "text": ([None, *"abcdefghijklmnopqrstuvw"], list("abcdefghijklmnopqrstuvw")),
    "string": (pd.array([pd.NA, *"abcdefghijklmnopqrstuvw"], dtype="string"), list("abcdefghijklmnopqrstuvw")),
    "categorical": (pd.Categorical([None, *"abcdefghijklmnopqrstuvw"]), list("abcdefghijklmnopqrstuvw")),
}


@pytest.mark.parametrize("kind", MISSING)
def test_missing_values_of_every_kind_are_dropped(kind):
    values, rest = MISSING[kind]
    with pytest.warns(DataWarning, match=r"1 of 24 rows .* x \(1\)"):
        assert read_table(with_column(values), ("x",)).frame["x"].tolist() == rest


@pytest.mark.parametrize(
    "data",
    [
        BASE.assign(x=pd.array([None] + [True] * 12 + [False] * 11, dtype="boolean")),
        BASE.assign(x=pd.Series([None] + [True] * 12 + [False] * 11, dtype=object)),
        pl.DataFrame(BASE).with_columns(x=pl.Series([None] + [True] * 12 + [False] * 11)),
        pa.table({"x": pa.array([None] + [True] * 12 + [False] * 11)}),
    ],
    ids=["pandas nullable", "pandas object", "polars", "arrow"],
)
def test_booleans_stay_booleans_when_one_is_missing(data):
    with pytest.warns(DataWarning, match="dropped 1 of 24"):
        column = read_table(data, ("x",)).frame["x"]
    assert column.dtype == bool
    assert column.tolist() == [True] * 12 + [False] * 11


@pytest.mark.parametrize(
    "column",
    [
        pd.array([None] + [2**60 + i % 8 for i in range(23)], dtype="Int64"),
        pd.Series([None] + [2**60 + i % 8 for i in range(23)], dtype=object),
    ],
    ids=["nullable", "object"],
)
def test_long_integer_ids_stay_apart_when_one_is_missing(column):
    with pytest.warns(DataWarning, match="dropped 1 of 24"):
        assert read_table(with_column(column), ("x",)).frame["x"].nunique() == 8


def test_unused_categories_are_left_out_and_the_order_is_kept():
    column = pd.Categorical(["c", "a"] * 12, categories=["q", "c", "b", "a"], ordered=True)
    read = read_table(with_column(column), ("x",)).frame["x"].cat
    assert read.categories.tolist() == ["c", "a"]
    assert read.ordered


def test_text_with_few_distinct_values_is_a_category_even_among_numbers():
    labels = ["0", "1", "2", "3+"] * 6
    assert read_table(with_column(labels), ("x",)).frame["x"].tolist() == labels


def test_a_categorical_may_look_like_broken_numbers():
    labels = [str(v) for v in range(23)] + ["12A"]
    assert read_table(with_column(pd.Categorical(labels)), ("x",)).frame["x"].tolist() == labels


@pytest.mark.parametrize(
    "convert",
    [pl.DataFrame, pa.Table.from_pandas, lambda d: d.to_dict("list"), lambda d: {n: d[n].to_numpy() for n in d}],
    ids=["polars", "arrow", "lists", "arrays"],
)
def test_every_kind_of_table_gives_the_same_frame(convert):
    given = read_table(BASE, ("y", "x", "g")).frame
    pd.testing.assert_frame_equal(
        read_table(convert(BASE), ("y", "x", "g")).frame, given, check_categorical=True, check_dtype=True
    )


def test_the_index_of_a_pandas_table_is_ignored():
    odd = BASE.set_index(pd.Index(np.zeros(N)))
    pd.testing.assert_frame_equal(read_table(odd, ("y", "g")).frame, read_table(BASE, ("y", "g")).frame)


@pytest.mark.parametrize("name", ["row", "olre", "ID"])
def test_a_column_that_would_number_the_rows_is_explained(name):
    with pytest.raises(DataError) as error:
        read_table(BASE, ("y", "x", name))
    assert error.value.wrong == f"the table has no column {name!r}"
    assert error.value.do == (
        "correct the name in the model or in the table; for an effect of each row add a column that numbers the rows: "
        "table['row'] = range(len(table))"
    )
