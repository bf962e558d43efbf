"""A Dask DataFrame is read on the workers of a cluster: the same design and moments, whatever happens to a worker."""

import os
import signal

import dask.dataframe as dd
import joblib
import numpy as np
import pytest
import xarray as xr

import partialpool as pp
from checks.cluster import two_workers
from checks.refusals import check_refused
from checks.streamed import assert_close, assert_same_moments, read, table, write
from partialpool.fitting import fit_many as many
from partialpool.model.default_priors import resolve_priors

FORMULAS = (
    "y ~ x * arm + (1 + x | g) + (1 | h)",
    "y ~ x + (1 | g/cask)",
    "y ~ center(x) + scale(w) + told + C(visit) + (1 + scale(w) | h)",
    "y ~ x + (1 | g:cask:site)",
    "y ~ 0 + arm + (0 + x | g)",
)


@pytest.fixture(scope="module")
def cluster():
    with two_workers(processes=False) as client:
        yield client


@pytest.fixture(scope="module")
def processes():
    with two_workers(processes=True) as client:
        yield client


def partitions(frame, count=5):
    """Return a Dask DataFrame of a table sorted by group, so that partitions have other levels, one of them none."""
    data = frame.sort_values(["g", "x"], kind="stable").reset_index(drop=True)
    return dd.concat([dd.from_pandas(data, npartitions=count), dd.from_pandas(data.iloc[:0], npartitions=1)])


def here(formula, data):
    """Read a Dask DataFrame without a cluster, one partition after the other."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("partialpool.fitting.streamed.cluster_of", lambda source: None)
        return read(formula, data)


def assert_same(found, expected):
    (design, known), (other, others) = found, expected
    assert [f.levels.labels for f in design.factors] == [f.levels.labels for f in other.factors]
    assert [f.names for f in design.factors] == [f.names for f in other.factors]
    assert design.common.coefs == other.common.coefs
    assert (design.n_rows, design.n_given) == (other.n_rows, other.n_given)
    for mine, theirs in zip(design.factors, other.factors, strict=True):
        np.testing.assert_array_equal(mine.counts, theirs.counts)
    assert_close(known.units.unit, others.units.unit)
    assert_same_moments(known.moments, others.moments)
    texts = [{e.parameter: str(e.prior) for e in resolve_priors(one).entries} for one in (design, other)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize(
    "formula", [FORMULAS[0], *(pytest.param(formula, marks=pytest.mark.thorough) for formula in FORMULAS[1:])]
)
def test_the_moments_are_those_of_one_partition_after_the_other(formula, cluster):
    data = partitions(table())
    assert_same(read(formula, data), here(formula, data))


def test_rows_with_missing_values_are_counted_once(cluster):
    frame = table()
    frame.loc[::50, "x"] = np.nan
    frame.loc[3::70, "arm"] = None
    data = partitions(frame)
    formula = "y ~ x + arm + (1 | g)"
    with pytest.warns(pp.DataWarning) as told:
        found = read(formula, data)
    with pytest.warns(pp.DataWarning) as before:
        expected = here(formula, data)
    assert [str(w.message) for w in told] == [str(w.message) for w in before]
    assert_same(found, expected)
    assert found[0].left_out == expected[0].left_out


def test_errors_of_a_partition_are_told_as_here(cluster):
    frame = table()
    mixed = dd.concat([dd.from_pandas(frame, npartitions=2), dd.from_pandas(frame.assign(x="a"), npartitions=1)])
    check_refused(pp.DataError, lambda: read("y ~ x + (1 | g)", mixed), "column 'x' has another type")
    frame.loc[400, "x"] = np.inf
    check_refused(pp.DataError, lambda: read("y ~ x + (1 | g)", partitions(frame)), "infinite values")
    check_refused(pp.DataError, lambda: read("y ~ nothing + (1 | g)", partitions(frame)), "nothing")


@pytest.mark.filterwarnings("ignore:The inplace keyword")  # in Dask, by pandas
def test_a_file_that_is_cut_short_is_told_as_here(cluster, tmp_path):
    write(table(), tmp_path, files=3)
    data = dd.read_parquet(tmp_path)
    last = sorted(tmp_path.iterdir())[-1]
    last.write_bytes(last.read_bytes()[:-50])
    said = []
    for reader in (read, here):
        with pytest.raises(pp.FileError, match="a table cannot be read to its end") as error:
            reader("y ~ x + (1 | g)", data)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_table_that_changes_is_refused(cluster, tmp_path):
    """The second computation of a partition has other numbers."""
    seen = tmp_path / "seen"

    def changes(part):
        if len(part) and seen.exists():
            return part.assign(x=part["x"] + 1)
        if len(part) and part["g"].iloc[0] == "s5":
            seen.touch()
        return part

    data = table().query("g == 's5'").reset_index(drop=True)
    data["h"] = np.arange(len(data)) % 5
    frame = dd.from_pandas(data, npartitions=1).map_partitions(changes, meta=data)
    check_refused(pp.DataError, lambda: read("y ~ x + (1 | h)", frame), "the table changed between two passes")


def die_in_each_pass(part, folder, whose):
    """Kill the worker process the first and the third time that a partition is computed: in both passes."""
    if len(part) and part["g"].iloc[0] == whose:
        calls = len(os.listdir(folder))  # noqa: PTH208 - a worker has no reason to import pathlib
        with open(f"{folder}/{calls}", "w"):  # noqa: PTH123
            pass
        if calls in (0, 2):
            os._exit(1)
    return part


@pytest.mark.thorough
def test_a_worker_that_is_killed_changes_nothing(processes, tmp_path):
    formula, frame = "y ~ x + arm + (1 + x | g) + (1 | h)", table()
    data = partitions(frame)
    whole = read(formula, data)
    dies = data.map_partitions(die_in_each_pass, str(tmp_path), "s5", meta=frame.iloc[:0])
    found = read(formula, dies)
    assert len(list(tmp_path.iterdir())) == 4  # computed twice in each pass
    for mine, theirs in zip(found[1].moments.dense, whole[1].moments.dense, strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert_same(found, whole)
    assert_same(found, here(formula, data))


@pytest.mark.thorough
def test_a_fit_on_a_cluster_is_the_fit_in_memory(cluster):
    frame = table()
    options = {"seed": 1, "progressbar": False, "draws": 300}
    away = pp.fit("y ~ x + (1 | g)", partitions(frame), **options)
    home = pp.fit("y ~ x + (1 | g)", frame, **options)
    assert away.posterior["g"].values.tolist() == home.posterior["g"].values.tolist()
    for name, values in home.posterior.items():
        np.testing.assert_allclose(away.posterior[name], values, rtol=1e-5, atol=1e-5)


@pytest.mark.thorough
def test_many_responses_on_a_cluster_whose_worker_is_killed(processes, monkeypatch):
    """It is killed when the first answers are there, and its work is done by the other one."""
    alive, take = list(processes.run(os.getpid).values()), many._Study.take

    def take_and_kill(self, at, found):
        if len(alive) == 2:
            os.kill(alive.pop(), signal.SIGKILL)
        return take(self, at, found)

    frame = table(rows=200)
    responses = {f"y{k}": np.random.default_rng(100 + k).normal(size=200) for k in range(20)}
    options = {"seed": 1, "draws": 300, "progressbar": False}
    with joblib.parallel_config(backend="dask"), monkeypatch.context() as patch:
        patch.setattr(many._Study, "take", take_and_kill)
        away = pp.fit_many("y ~ x + (1 | g)", responses, frame, **options)
    assert len(alive) == 1
    assert away["fitted"].all()
    xr.testing.assert_identical(away, pp.fit_many("y ~ x + (1 | g)", responses, frame, jobs=1, **options))
