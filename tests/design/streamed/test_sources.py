"""Sources of batches: what is read, and errors of tables that are not whole, not alike, or not the same twice."""

import dataclasses
import warnings

import dask.dataframe as dd
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import partialpool as pp
from checks.streamed import assert_same_moments, in_memory, read, table, write
from partialpool.design.streamed.duckdb_relation import DuckDBRelation
from partialpool.design.streamed.eligibility import why_not_streamed
from partialpool.design.streamed.read_errors import telling
from partialpool.design.streamed.source import as_source
from partialpool.errors import DataError, EngineError, FileError
from partialpool.marginal.gaussian.eligibility import why_not

FORMULA = "y ~ x + arm + (1 + x | g)"


def of_polars(frame, folder):
    return pl.scan_parquet(write(frame, folder))


def of_polars_text(frame, _):
    return pl.from_pandas(frame).lazy()


def of_dask(frame, _):
    return dd.from_pandas(frame, npartitions=5)


def of_duckdb(frame, folder):
    return duckdb.sql(f"select * from '{write(frame, folder)}'")


def of_dataset(frame, folder):
    return ds.dataset(write(frame, folder, files=3), format="parquet")


def of_tables(frame, _):
    return ds.dataset(pa.Table.from_pandas(frame, preserve_index=False))


def of_csv(frame, folder):
    frame.to_csv(folder / "t.csv", index=False)
    return ds.dataset(folder / "t.csv", format="csv")


def of_folders(frame, folder):
    for site, part in frame.groupby("site"):
        (folder / f"site={site}").mkdir()
        write(part.drop(columns="site"), folder / f"site={site}")
    (folder / "_SUCCESS").write_text("")
    return str(folder)


SOURCES = [of_polars, of_polars_text, of_dask, of_duckdb, of_dataset, of_tables, of_csv, of_folders]


@pytest.mark.parametrize("make", SOURCES)
def test_every_source_has_the_moments_of_the_table(make, tmp_path):
    frame = table(rows=300)
    formula = FORMULA + " + (1 | site:h)"
    found, known = read(formula, make(frame, tmp_path))
    design, expected = in_memory(formula, frame)
    assert found.common.coefs == design.common.coefs
    assert [f.levels.labels for f in found.factors] == [f.levels.labels for f in design.factors]
    assert_same_moments(known.moments, expected.moments)


class Relation:
    """What the package asks of a DuckDB relation, on a table of pandas."""

    def __init__(self, frame):
        self._frame = frame
        self.columns = list(frame.columns)

    def project(self, names):
        return Relation(self._frame[[name.strip()[1:-1].replace('""', '"') for name in names.split(",")]])

    def reader(self, rows):
        table = pa.Table.from_pandas(self._frame, preserve_index=False)
        return pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=rows))


class Version1(Relation):
    def project(self, names):
        return Version1(super().project(names)._frame)

    fetch_record_batch = Relation.reader


class Version2(Relation):
    def project(self, names):
        return Version2(super().project(names)._frame)

    to_arrow_reader = Relation.reader


@pytest.mark.parametrize("relation", [Version1, Version2])
def test_relation_is_asked_for_the_columns_of_the_model(relation, monkeypatch):
    frame = table(rows=300).rename(columns={"x": 'a "big" x'})
    formula = 'y ~ `a "big" x` + (1 | g)'
    monkeypatch.setattr("checks.streamed.as_source", lambda data: data)
    known = read(formula, DuckDBRelation(relation(frame)))[1]
    assert_same_moments(known.moments, in_memory(formula, frame)[1].moments)


def test_tables_in_memory_are_no_sources():
    frame = table(rows=10)
    assert as_source(frame) is None
    assert as_source(pa.Table.from_pandas(frame)) is None
    assert as_source({"y": [1.0]}) is None
    assert as_source("table.csv") is None


def error_of(call, kind=DataError):
    with pytest.raises(kind) as caught:
        call()
    return str(caught.value)


def test_file_that_is_cut_short(tmp_path):
    path = write(table(), tmp_path)
    path.write_bytes(path.read_bytes()[:-2000])
    told = error_of(lambda: read(FORMULA, path), FileError)
    assert "cannot be read to its end" in told
    assert str(path) in told
    assert "complete files" in told
    assert "write or copy the file again" in told


OF_FILES = {
    "pyarrow dataset": lambda folder: ds.dataset(folder, format="parquet"),
    "polars LazyFrame": lambda folder: pl.scan_parquet(folder / "*.parquet"),
    "DuckDB relation": lambda folder: duckdb.sql(f"select * from '{folder}/*.parquet'"),
    "Dask DataFrame": dd.read_parquet,
}
"""Queries of the Parquet files of a folder."""
OF_DASK = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index is deprecated")
"""Dask's reading of Parquet files gives it, with pandas 3.1."""


@OF_DASK
@pytest.mark.parametrize("kind", OF_FILES)
def test_query_of_a_file_that_is_cut_short(kind, tmp_path):
    """Cut after the query was made: its columns are known, and its rows are not."""
    write(table(), tmp_path, files=3)
    query = OF_FILES[kind](tmp_path)
    path = sorted(tmp_path.glob("*.parquet"))[1]
    path.write_bytes(path.read_bytes()[:-2000])
    told = error_of(lambda: read(FORMULA, query), FileError)
    assert "a table cannot be read to its end" in told
    assert kind in told
    assert "write or copy the file again" in told


@OF_DASK
@pytest.mark.parametrize("kind", OF_FILES)
def test_query_of_files_with_a_column_of_another_type(kind, tmp_path):
    frame = table()
    write(frame, tmp_path, files=2)
    other = frame.iloc[:50].assign(x="many")
    pq.write_table(pa.Table.from_pandas(other, preserve_index=False), tmp_path / "part-7.parquet")

    told = error_of(lambda: read(FORMULA, OF_FILES[kind](tmp_path)), DataError)
    assert kind in told
    assert "a column has another type in" in told
    assert "do: " in told


@OF_DASK
@pytest.mark.parametrize("kind", OF_FILES)
def test_query_of_files_that_are_gone(kind, tmp_path):
    write(table(), tmp_path, files=2)
    query = OF_FILES[kind](tmp_path)
    for path in tmp_path.iterdir():
        path.unlink()
    told = error_of(lambda: read(FORMULA, query), FileError)
    assert kind in told
    assert "do: " in told


@pytest.mark.parametrize("error", [ConnectionResetError("reset"), TimeoutError("no answer")])
def test_connections_that_fail_are_no_damaged_files(error):
    with pytest.raises(type(error)), telling("the table"):
        raise error


def test_file_whose_middle_is_damaged(tmp_path):
    path = write(table(), tmp_path)
    whole = bytearray(path.read_bytes())
    whole[4:600] = bytes(596)
    path.write_bytes(whole)
    assert "cannot be read to its end" in error_of(lambda: read(FORMULA, path), FileError)


def test_file_of_another_format(tmp_path):
    (tmp_path / "t.parquet").write_text("y,x\n1,2\n")
    assert "of another format" in error_of(lambda: read(FORMULA, tmp_path / "t.parquet"), FileError)


def test_no_file_and_no_parquet_files(tmp_path):
    assert "no such file" in error_of(lambda: as_source(tmp_path / "none.parquet"), FileError)
    told = error_of(lambda: as_source(tmp_path), FileError)
    assert "the folder has no Parquet files" in told
    assert "pyarrow.dataset.dataset" in told


def test_column_of_another_type_in_one_file(tmp_path):
    frame = table()
    write(frame, tmp_path, files=3)
    other = frame.iloc[:50].assign(x=frame["x"].iloc[:50].astype(str))
    pq.write_table(pa.Table.from_pandas(other, preserve_index=False), tmp_path / "part-7.parquet")
    told = error_of(lambda: read(FORMULA, tmp_path))
    assert "column 'x' has another type in one of the files" in told
    assert "string in" in told
    assert "part-7.parquet, double in" in told
    assert "write this file again" in told
    read("y ~ arm + (1 | g)", tmp_path)  # which does not read it


def test_whole_numbers_in_one_file(tmp_path):
    frame = table()
    frame["x"] = frame["x"].round()
    write(frame.iloc[:300].assign(x=frame["x"].iloc[:300].astype(int)), tmp_path)
    pq.write_table(pa.Table.from_pandas(frame.iloc[300:], preserve_index=False), tmp_path / "u.parquet")
    assert_same_moments(read(FORMULA, tmp_path)[1].moments, in_memory(FORMULA, frame)[1].moments)


def test_column_that_one_file_lacks(tmp_path):
    frame = table()
    write(frame, tmp_path, files=2)
    pq.write_table(pa.Table.from_pandas(frame.drop(columns="x"), preserve_index=False), tmp_path / "part-7.parquet")
    told = error_of(lambda: read(FORMULA, tmp_path))
    assert "one of the files has no column 'x'" in told
    assert "part-7.parquet" in told
    assert "the same columns in every file" in told
    assert "take it out of the folder" in told


class Changing:
    """A source that is another table the second time."""

    name = "a query"

    def __init__(self, first, second):
        self._tables = [first, second]
        self.column_names = list(first.columns)

    def count_rows(self):
        return None

    def batches(self, columns):
        frame = self._tables.pop(0)
        yield from pa.Table.from_pandas(frame[list(columns)], preserve_index=False).to_batches(max_chunksize=64)


def changed(how):
    frame = table(rows=200)
    other = frame.copy()
    return how(other)


CHANGES = {
    "a row less": (lambda t: t.iloc[1:], "199 rows, 199 of them complete, and at first 200, 200 complete"),
    "a row more": (lambda t: pd.concat([t, t.iloc[:1]]), "201 rows"),
    "a number": (lambda t: t.assign(x=np.where(t.index == 5, 0.25, t["x"])), "other values of 'x'"),
    "a missing number": (lambda t: t.assign(x=t["x"].where(t.index != 5)), "200 rows, 199 of them complete"),
    "a new level": (lambda t: t.assign(g=np.where(t.index == 5, "new", t["g"])), "a new value of 'g'"),
    "an exchange of levels": (
        lambda t: t.assign(g=t["g"].replace({"s1": "s2"})),
        "numbers of rows of the levels of 'g'",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_table_that_changes_between_the_passes(change, monkeypatch):
    how, said = CHANGES[change]
    source = Changing(table(rows=200), changed(how))
    monkeypatch.setattr("checks.streamed.as_source", lambda data: data)
    told = error_of(lambda: read(FORMULA, source))
    assert "the table changed between two passes" in told
    assert said in told
    assert "the same rows each time" in told
    assert "write what a query with random numbers gives to a file first" in told


def test_the_same_rows_in_another_order_are_no_change(monkeypatch):
    frame = table(rows=200)
    monkeypatch.setattr("checks.streamed.as_source", lambda data: data)
    read(FORMULA, Changing(frame, frame.iloc[::-1]))


def test_infinite_numbers(tmp_path):
    frame = table()
    frame.loc[400, "x"] = np.inf
    told = error_of(lambda: read(FORMULA, write(frame, tmp_path)))
    assert "column 'x' has infinite values" in told
    assert "inf in the" in told


def test_empty_table(tmp_path):
    assert "the table is empty" in error_of(lambda: read(FORMULA, write(table().iloc[:0], tmp_path)))


def test_columns_that_do_not_exist(tmp_path):
    told = error_of(lambda: read("y ~ xx + (1 | g)", write(table(), tmp_path)))
    assert "the table has no column 'xx'" in told
    assert "'x' (nearest)" in told


def test_text_where_numbers_are_needed(tmp_path):
    frame = table()
    frame["x"] = frame["x"].round(3).astype(str)
    frame.loc[3, "x"] = "k.A."
    told = error_of(lambda: read(FORMULA, write(frame, tmp_path)))
    assert "column 'x' has text where numbers are needed" in told
    assert "'k.A.', and" in told
    assert "different numbers written as text" in told
    assert "C(x)" in told
    told = error_of(lambda: read("arm ~ x + (1 | g)", write(table(), tmp_path)))
    assert "the response 'arm' is text where numbers are needed" in told


def test_dates_as_predictors(tmp_path):
    frame = table()
    frame["x"] = pd.Timestamp("2024-01-01") + pd.to_timedelta(np.arange(len(frame)), unit="D")
    told = error_of(lambda: read(FORMULA, write(frame, tmp_path)))
    assert "column 'x' is neither numbers nor categories" in told


REFUSED = {
    "family": ("h ~ x + (1 | g)", {"family": "poisson"}, "a 'poisson' response has no sums that replace its rows"),
    "standard errors": ("y ~ x + (1 | g)", {"se": "w"}, "known standard errors"),
    "precision": ("y | precision(w) ~ x + (1 | g)", {}, "precisions"),
    "frequency": ("y | frequency(visit) ~ x + (1 | g)", {}, "frequencies"),
    "residuals": ("y ~ x + ar(visit, gr=g) + (1 | g)", {}, "residuals with several sds or correlations"),
    "smooth": ("y ~ s(x) + (1 | g)", {}, "smooths"),
    "heavy": ("y ~ x + (1 | gr(g, dist='student_t'))", {}, "Student t"),
    "structure": ("y ~ x + cs(0 + arm | g)", {}, "covariances with a structure"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_models_that_need_their_rows(what, tmp_path):
    formula, options, reason = REFUSED[what]
    told = error_of(lambda: read(formula, write(table(), tmp_path), **options))
    assert "this model cannot be fitted to a table that is read in batches" in told
    assert reason in told
    assert "the Parquet file" in told
    assert "a normal or lognormal response" in told
    assert "a random sample of the rows" in told


@pytest.mark.parametrize("term", ["poly(x, 2)", "bs(x, df=4)", "within(x, g)", "scale(log(w))"])
def test_functions_that_learn_more_than_means(term, tmp_path):
    told = error_of(lambda: read(f"y ~ {term} + (1 | g)", write(table(), tmp_path)))
    assert "learns its constants from all rows" in told
    assert "center(x), scale(x) and standardize(x) of a column of numbers" in told
    assert "x + I(x**2)" in told


def test_values_that_are_not_finite(tmp_path):
    frame = table()
    frame.loc[650, "w"] = -1.0
    told = error_of(lambda: read("y ~ log(w) + (1 | g)", write(frame, tmp_path)))
    assert "the term 'log(w)' is not finite" in told
    assert "of one batch of rows" in told
    told = error_of(lambda: read("w ~ x + (1 | g)", write(frame, tmp_path), family="lognormal"))
    assert "cannot have made the response 'w'" in told


@pytest.mark.parametrize("change", [{"y": 2.0}, {"x": 3.0}, {"g": "a"}, {"arm": "low"}])
def test_columns_that_do_not_vary(change, tmp_path):
    frame = table().assign(**change)
    told = error_of(lambda: read(FORMULA, write(frame, tmp_path)))
    assert told.splitlines()[0] == error_of(lambda: in_memory(FORMULA, frame)).splitlines()[0]


def test_duplicate_predictors(tmp_path):
    frame = table().assign(v=lambda t: 1.8 * t["x"] + 32)
    formula = "y ~ x + v + (1 | g)"
    told = error_of(lambda: read(formula, write(frame, tmp_path)))
    assert told == error_of(lambda: in_memory(formula, frame))


def test_engines_that_read_rows(tmp_path):
    path = write(table(), tmp_path)
    told = error_of(lambda: pp.fit(FORMULA, path, engine="nuts", progressbar=False), EngineError)
    assert "this engine reads the rows at every step" in told
    assert "engine='auto' or 'collapsed'" in told


def test_batches_without_a_single_value(monkeypatch):
    """A part in which a column has no value has no type there: its rows are left out as others are."""
    frame = table(rows=200)
    frame.loc[:63, "x"] = np.nan
    first = frame.astype({"x": object}).where(frame.notna(), None)

    class Parts(Changing):
        def batches(self, columns):
            for part in (first.iloc[:64], frame.iloc[64:]):
                yield from pa.Table.from_pandas(part[list(columns)], preserve_index=False).to_batches()

    monkeypatch.setattr("checks.streamed.as_source", lambda data: data)
    with pytest.warns(pp.DataWarning, match="dropped 64 of 200 rows"):
        found, known = read(FORMULA, Parts(frame, frame))
    with pytest.warns(pp.DataWarning, match="dropped 64 of 200 rows"):
        design, expected = in_memory(FORMULA, frame)
    assert found.left_out == design.left_out
    assert_same_moments(known.moments, expected.moments)


def test_no_complete_row(tmp_path):
    frame = table(rows=50).assign(x=np.nan)
    told = error_of(lambda: read(FORMULA, write(frame, tmp_path)))
    assert told == error_of(lambda: in_memory(FORMULA, frame))


def test_unknown_treatment_of_missing_values(tmp_path):
    told = error_of(lambda: read(FORMULA, write(table(rows=50), tmp_path), missing="ignore"))
    assert "unknown treatment of missing values" in told


def test_old_polars(monkeypatch):
    frame = table(rows=50)
    monkeypatch.delattr(pl.LazyFrame, "collect_batches")
    told = error_of(lambda: read(FORMULA, pl.from_pandas(frame).lazy()))
    assert "does not give a query's rows in batches" in told
    assert f"polars {pl.__version__}" in told
    assert "query.sink_parquet(path)" in told


@pytest.mark.parametrize(
    "formula",
    ["y ~ x + (1 | gr(g, dist='student_t'))", "y | cens(c) ~ x", "y | trunc(lb=0) ~ x", "y ~ x, sigma ~ x"],
)
def test_what_cannot_be_integrated_out_cannot_be_read_in_batches(formula):
    spec = pp.ModelSpec.from_formula(formula)
    assert why_not(spec)
    assert why_not_streamed(spec)


def test_every_part_of_a_model_is_either_read_or_refused():
    """A new part of `ModelSpec` must be put on one of these lists."""
    read = {"response", "common", "groups", "intercept", "family", "link", "priors", "offsets", "units"}
    refused = {"se", "precision", "frequency", "cens", "trunc", "smooths", "residual", "sigma", "parameters", "cs"}
    assert {field.name for field in dataclasses.fields(pp.ModelSpec)} == read | refused


def test_hidden_folders_are_no_data(tmp_path):
    frame = table(rows=40)
    write(frame, tmp_path)
    for folder in ("_temporary/0", ".ipynb_checkpoints"):
        (tmp_path / folder).mkdir(parents=True)
        frame.to_parquet(tmp_path / folder / "part.parquet")
    (tmp_path / "_year=2020").mkdir()
    assert as_source(tmp_path).count_rows() == 40
    frame.to_parquet(tmp_path / "_year=2020" / "part.parquet")
    assert as_source(tmp_path).count_rows() == 80


def test_a_file_without_values_of_a_column_has_the_type_of_the_others(tmp_path):
    frame = table(rows=60)
    frame.assign(h=None).to_parquet(tmp_path / "a.parquet")
    frame.to_parquet(tmp_path / "b.parquet")
    fit = quiet_fit("y ~ x + (1 | h)", tmp_path)
    assert fit.design.n_rows == 60


def test_minus_zero_is_zero(tmp_path):
    frame = table(rows=60).assign(z=np.tile([0.0, -0.0, 1.0], 20))
    frame.to_parquet(tmp_path / "a.parquet")
    assert quiet_fit("y ~ x + (1 | z)", tmp_path).design.factors[0].n_levels == 2


def test_columns_that_sums_cannot_tell_apart_are_refused(tmp_path):
    frame = table(rows=300)
    frame["t"] = 1.7e9 + 1e3 * np.random.default_rng(0).normal(size=len(frame))
    frame.to_parquet(tmp_path / "a.parquet")
    with pytest.raises(pp.DataError, match="nearly combinations of each other"):
        quiet_fit("y ~ t * arm + (1 | g)", tmp_path)


def quiet_fit(formula, path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.DataWarning)
        return pp.fit(formula, path, seed=1, draws=20, progressbar=False)
