"""Pieces of work by joblib: here, in processes, on a cluster; a lost worker's piece is given out again."""

import os
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pytest
import xarray as xr
from dask.distributed import Client, LocalCluster

import partialpool as pp
from partialpool.side_by_side import are_wanted, quiet, side_by_side

KEPT = []
FORMULA = "Reaction ~ Days + (1 | Subject)"


def shifted(x, by):
    return x + by, os.getpid()


def dies_once(at, folder):
    """End the process of the first call for place 2."""
    mark = Path(folder, "dead")
    if at == 2 and not mark.exists():
        mark.touch()
        os._exit(1)
    return at


def dies(at):
    os._exit(1)


def grows(at):
    """Keep 400 MB from the second piece of a process on, for which joblib replaces the process."""
    if KEPT:
        KEPT.append(np.ones(50_000_000))
        time.sleep(1.1)  # joblib looks at the memory of its processes once a second
    KEPT.append(os.getpid())
    return os.getpid()


def fails(at):
    if at == 3:
        raise ZeroDivisionError("place 3")
    return at


@pytest.mark.parametrize("jobs", [None, 1, 2])
def test_every_piece_is_done_once(jobs):
    found = dict(side_by_side(shifted, [(x,) for x in range(20)], 100, jobs=jobs))
    assert {at: value for at, (value, _) in found.items()} == {at: at + 100 for at in range(20)}
    assert (os.getpid() in {process for _, process in found.values()}) == (jobs != 2)


def test_workers_are_wanted_inside_a_configuration():
    assert not are_wanted()
    with joblib.parallel_config(n_jobs=2):
        assert are_wanted()
        assert {process for _, (_, process) in side_by_side(shifted, [(x,) for x in range(6)], 0)} != {os.getpid()}
        assert {process for _, (_, process) in side_by_side(shifted, [(1,)], 0, jobs=1)} == {os.getpid()}
    with joblib.parallel_config(n_jobs=1):
        assert not are_wanted()


def test_a_lost_piece_is_given_out_again(tmp_path):
    found = sorted(side_by_side(dies_once, [(at,) for at in range(5)], str(tmp_path), jobs=2))
    assert found == [(at, at) for at in range(5)]
    assert (tmp_path / "dead").exists()


def test_no_warning_tells_of_a_process_that_joblib_replaces():
    """Its piece is done and nothing is lost: there is nothing to do for whoever reads it."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        found = dict(side_by_side(grows, [(at,) for at in range(12)], jobs=2))
    assert sorted(found) == list(range(12))
    assert len(set(found.values())) > 2  # processes were replaced
    assert [str(one.message) for one in told] == []


def test_pieces_that_are_lost_again_and_again_are_an_error():
    with pytest.raises(Exception, match="terminated"):
        list(side_by_side(dies, [(0,), (1,)], jobs=2))


@pytest.mark.parametrize("jobs", [1, 2])
def test_an_error_of_a_piece_is_raised_at_once(jobs):
    with pytest.raises(ZeroDivisionError, match="place 3"):
        list(side_by_side(fails, [(at,) for at in range(6)], jobs=jobs))


def test_only_the_main_thread_changes_the_filters_of_warnings():
    def tell():
        with quiet():
            warnings.warn("said", UserWarning, stacklevel=1)

    with pytest.warns(UserWarning, match="said"), ThreadPoolExecutor(1) as other:
        other.submit(tell).result()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tell()


@pytest.fixture(scope="module")
def processes():
    options = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
    with LocalCluster(processes=True, **options) as made, Client(made) as client:
        yield client


@pytest.fixture(params=["processes", "dask"])
def workers(request):
    """A configuration of joblib, as a user writes it."""
    if request.param == "dask":
        request.getfixturevalue("processes")
        return {"backend": "dask"}
    return {"n_jobs": 2}


@pytest.mark.thorough
def test_refits_without_levels_are_those_made_here(sleepstudy, workers):
    """Few draws, so that weights are unreliable and several levels are left out by refits."""
    fit = pp.fit(FORMULA, sleepstudy.iloc[:60], draws=150, seed=3, progressbar=False)
    home = pp.level_influence(fit, seed=1, progressbar=False)
    assert (home["method"] == "refit").any()
    with joblib.parallel_config(**workers):
        away = pp.level_influence(fit, seed=1, progressbar=False)
    xr.testing.assert_allclose(away, home, rtol=1e-9)


@pytest.mark.thorough
def test_scores_of_rows_by_refits_are_those_made_here(workers):
    table = pp.load_dataset("eight_schools")
    table.loc[0, "effect"] = 100.0  # far from the others, so that weights are unreliable
    fits = {
        name: pp.fit(f"effect ~ 1{rest}", table, se="standard_error", draws=300, seed=1, progressbar=False)
        for name, rest in (("schools", " + (1 | school)"), ("one", ""))
    }
    home = pp.compare(fits, refit=True, seed=1, progressbar=False)
    assert "left out by a refit" in str(home)
    with joblib.parallel_config(**workers):
        away = pp.compare(fits, refit=True, seed=1, progressbar=False)
    assert str(away) == str(home)


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("full", "reduced", "family"),
    [
        ("Reaction ~ Days + (Days | Subject)", "Reaction ~ Days + (1 | Subject)", "gaussian"),
        ("slow ~ Days + (1 | Subject)", "slow ~ 1 + (1 | Subject)", "bernoulli"),
    ],
)
def test_a_simulated_null_is_the_one_made_here(sleepstudy, workers, full, reduced, family):
    table = sleepstudy.assign(slow=(sleepstudy["Reaction"] > 300).astype(int))
    options = {"family": family, "simulations": 100, "seed": 1, "progressbar": False}
    home = pp.lrt(full, reduced, table, **options)
    with joblib.parallel_config(**workers):
        away = pp.lrt(full, reduced, table, **options)
    assert len(home.null) == 100
    np.testing.assert_allclose(np.sort(away.null), np.sort(home.null), rtol=1e-9, atol=1e-9)
