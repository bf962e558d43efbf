"""Dates, times, periods and mixed ids are accepted as labels of groups, as text is; as values they are refused."""

import datetime as dt
import uuid

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.columns import read_column
from partialpool.design.newdata import new_rows
from partialpool.design.table import read_table
from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec

RNG = np.random.default_rng(1)
GROUP = np.repeat(np.arange(12), 10)
X = RNG.normal(size=120)
TABLE = pd.DataFrame({"x": X, "y": 2 + X + RNG.normal(size=12)[GROUP] + RNG.normal(size=120)})
DAYS = pd.to_datetime("2024-05-01") + pd.to_timedelta(GROUP, unit="D")
DATES = [f"2024-05-{day + 1:02d}" for day in range(12)]
NAMED = {
    "datetime64": (DAYS, DATES),
    "datetime64, with a zone": (DAYS.tz_localize("UTC"), [f"{d} 00:00:00+00:00" for d in DATES]),
    "datetime64, hours": (DAYS + pd.Timedelta("6h"), [f"{d} 06:00:00" for d in DATES]),
    "datetime.date": ([dt.date(2024, 5, 1) + dt.timedelta(days=int(v)) for v in GROUP], DATES),
    "datetime.datetime": (pd.Series([dt.datetime(2024, 5, 1 + int(v)) for v in GROUP], dtype=object), DATES),
    "months": (
        pd.PeriodIndex([pd.Period("2024-01", "M") + int(v) for v in GROUP]),
        [f"2024-{m + 1:02d}" for m in range(12)],
    ),
    "durations": (pd.to_timedelta(GROUP, unit="D"), [f"{d} days 00:00:00" for d in range(12)]),
    "times": ([dt.time(int(v)) for v in GROUP], [f"{v:02d}:00:00" for v in range(12)]),
    "ids 1, 2, '3b'": (
        [int(v) if v % 2 else f"{v}b" for v in GROUP],
        ["1", "3", "5", "7", "9", "11", "0b", "10b", "2b", "4b", "6b", "8b"],
    ),
    "identifiers": ([uuid.UUID(int=int(v)) for v in GROUP], [str(uuid.UUID(int=v)) for v in range(12)]),
    "categories of dates": (pd.Categorical(DAYS), DATES),
    "intervals": (pd.cut(GROUP, np.arange(-1, 12)), [f"({v - 1}, {v}]" for v in range(12)]),
}


def designed(formula, data):
    return build_design(ModelSpec.from_formula(formula), data)


@pytest.mark.parametrize("kind", NAMED)
def test_a_grouping_factor_may_be_of_any_kind(kind):
    column, labels = NAMED[kind]
    table = TABLE.assign(g=column)
    design = designed("y ~ x + (x | g)", table)
    assert list(design.factors[0].levels.labels) == labels
    expected = pp.maximum_likelihood("y ~ x + (1 | g)", TABLE.assign(g=[f"level {v:02d}" for v in GROUP]))
    assert pp.maximum_likelihood("y ~ x + (1 | g)", table).log_likelihood == pytest.approx(
        expected.log_likelihood, abs=1e-6
    )
    rows = new_rows(design, table.iloc[[115, 0, 57]])
    assert rows.groups[0].codes.tolist() == design.factors[0].codes[[115, 0, 57]].tolist()


@pytest.mark.parametrize("make", [pl.from_pandas, pa.Table.from_pandas], ids=["polars", "arrow"])
def test_dates_of_other_tables(make):
    table = TABLE.assign(g=NAMED["datetime.date"][0])
    assert list(designed("y ~ x + (1 | g)", make(table)).factors[0].levels.labels) == DATES
    nested = designed("y ~ x + (1 | h/g)", make(table.assign(h=list("ab") * 60)))
    assert nested.factors[1].levels.labels[:2] == ("a:2024-05-01", "a:2024-05-02")


def test_dates_of_any_kind_are_the_same_level():
    design = designed("y ~ x + (1 | g)", TABLE.assign(g=DAYS))
    for value in (pd.Timestamp("2024-05-03"), dt.date(2024, 5, 3), "2024-05-03", np.datetime64("2024-05-03")):
        rows = new_rows(design, {"x": [0.0], "g": [value]})
        assert rows.groups[0].codes.tolist() == [2]
    with pytest.raises(DataError, match="levels of 'g'"):
        new_rows(design, {"x": [0.0], "g": [pd.Timestamp("2024-05-03 12:00")]})


def test_a_number_is_a_level_among_mixed_ids():
    design = designed("y ~ x + (1 | g)", TABLE.assign(g=NAMED["ids 1, 2, '3b'"][0]))
    rows = new_rows(design, {"x": [0.0, 0.0], "g": [11, 1]})
    assert [design.factors[0].levels.labels[code] for code in rows.groups[0].codes] == ["11", "1"]
    # pandas.read_csv reads in chunks, and may read one id as a number and as text: both are the same level.
    both = designed("y ~ x + (1 | g)", TABLE.assign(g=[int(v) if i % 2 else f"{v}" for i, v in enumerate(GROUP)]))
    assert both.factors[0].levels.labels == tuple(str(v) for v in range(12))


def test_a_saved_fit_predicts_for_dates_and_mixed_ids(tmp_path):
    for column in ("datetime64", "ids 1, 2, '3b'", "months"):
        table = TABLE.assign(g=NAMED[column][0])
        fit = pp.fit("y ~ x + (1 | g)", table, seed=1, draws=60, chains=2, progressbar=False)
        again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
        assert again.posterior["g"].values.tolist() == NAMED[column][1]
        here, there = (pp.predict(f, table[::17], seed=2)["expectation"].values for f in (fit, again))
        np.testing.assert_array_equal(here, there)
        new = table[:3].assign(g=[dt.date(2030, 1, 1), "new", 3])
        assert pp.predict(again, new, new_levels="sample", seed=1).sizes["obs"] == 3


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")  # g is made of whole days
def test_dates_inside_a_call_of_c_are_categories():
    design = designed("y ~ C(day) + within(x, day) + (1 | g)", TABLE.assign(day=DAYS, g=np.tile(np.arange(6), 20)))
    assert design.categories["day"].values == tuple(DATES)
    assert design.common.names[0] == "C(day)[2024-05-02]"
    rows = new_rows(design, {"x": [1.0], "day": [dt.date(2024, 5, 2)], "g": [0]})
    assert rows.common[0, :2].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("kind", ["datetime64", "datetime.date", "months", "durations", "ids 1, 2, '3b'"])
def test_as_values_they_are_refused(kind):
    with pytest.raises(DataError) as caught:
        designed("y ~ day + (1 | day)", TABLE.assign(day=NAMED[kind][0]))
    assert "column 'day' is neither numbers nor categories" in caught.value.wrong
    assert ("days since the first" in caught.value.do) == (kind[0] != "i")


@pytest.mark.parametrize("value", [[1], {"a": 1}, b"bytes", 1j])
def test_values_that_are_no_labels_are_refused_as_groups(value):
    with pytest.raises(DataError, match="neither numbers nor categories"):
        read_column("g", pd.Series([value, value, "a"], dtype=object), is_value=False)


def test_mixed_categories_keep_their_declared_order():
    column = read_column("g", pd.Series(pd.Categorical([1, "b", 2], categories=["b", 2, 1])), is_value=True)
    assert column.tolist() == ["1", "b", "2"]
    assert column.cat.categories.tolist() == ["b", "2", "1"]


@pytest.mark.parametrize("dtype", ["uint64", "UInt64", "uint64[pyarrow]", object])
@pytest.mark.parametrize("is_value", [True, False])
def test_integers_that_are_too_large_are_refused_for_every_type(dtype, is_value):
    """Unsigned integers would overflow: 2**63 would be labelled -2**63."""
    column = pd.Series([1, 2**63], dtype=dtype)
    with pytest.raises(DataError, match="column 'id' has integers that are too large") as error:
        read_column("id", column, is_value)
    assert str(2**63) in error.value.got
    largest = pd.Series([1, 2**63 - 1], dtype=dtype)
    assert read_column("id", largest, is_value).tolist() == [1, 2**63 - 1]


DECLARED = pd.Series(pd.Categorical(["a", "c", "a", "b"], categories=["z", "c", "q", "a", "b"], ordered=True))
TABLES = {
    "pandas": pd.DataFrame({"r": DECLARED}),
    "pandas, arrow": pa.table({"r": pa.array(DECLARED)}).to_pandas(types_mapper=pd.ArrowDtype),
    "polars": pl.DataFrame({"r": pl.Series(DECLARED.astype(str).tolist(), dtype=pl.Enum(["z", "c", "q", "a", "b"]))}),
    "arrow": pa.table({"r": pa.array(DECLARED)}),
}


@pytest.mark.parametrize("case", TABLES)
def test_declared_categories_without_rows_are_recorded(case):
    assert dict(read_table(TABLES[case], ("r",)).unused) == {"r": ("z", "q")}


def test_categories_whose_rows_are_dropped_count_as_without_rows():
    table = pd.DataFrame({"r": DECLARED, "x": [1.0, np.nan, 2.0, 3.0]})
    with pytest.warns(pp.DataWarning, match="dropped 1 of 4"):
        assert dict(read_table(table, ("r", "x")).unused) == {"r": ("z", "c", "q")}
    assert not read_table(pd.DataFrame({"r": list("aab"), "x": [1, 2, 3]}), ("r", "x")).unused
