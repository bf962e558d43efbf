"""Pieces of work by joblib: here, in processes, on a cluster; a lost worker's piece is given out again."""

import os
import signal
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from checks.cluster import two_workers
from partialpool import side_by_side as module
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
    with two_workers(processes=True) as client:
        yield client


@pytest.fixture(params=["processes", "dask", "dask, a worker is killed"])
def workers(request, monkeypatch):
    """A configuration of joblib, as a user writes it; a worker is killed once the first result is there."""
    if request.param == "processes":
        yield {"n_jobs": 2}
        return
    alive = []
    if "killed" in request.param:
        client = request.getfixturevalue("processes")
        client.wait_for_workers(2)  # one that was killed is replaced
        alive.append(next(iter(client.run(os.getpid).values())))
        results_of = module._without_replacements

        def kill(results):
            for result in results_of(results):
                if alive:
                    os.kill(alive.pop(), signal.SIGKILL)
                yield result

        monkeypatch.setattr(module, "_without_replacements", kill)
    else:
        request.getfixturevalue("processes")
    yield {"backend": "dask"}
    assert not alive


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


@pytest.mark.thorough
def test_a_grid_of_priors_is_the_one_made_here(workers, tmp_path):
    options = {"se": "standard_error", "seed": 1, "draws": 500, "progressbar": False}
    scales = {"sd_school": [pp.Prior("HalfNormal", sigma=s) for s in (1, 2, 5, 10, 20, 50)]}
    schools = pp.load_dataset("eight_schools")
    home = pp.prior_grid("effect ~ 1 + (1 | school)", schools, scales, jobs=1, **options)
    with joblib.parallel_config(**workers):
        away = pp.prior_grid("effect ~ 1 + (1 | school)", schools, scales, folder=tmp_path, **options)
    assert away.identical(home)
    assert len(list(tmp_path.iterdir())) == 6


def rank(model, table, priors, seed):
    """Return how many draws are below the truth: data from the prior, and a fit of them."""
    prior = pp.prior_predictive(model, table, priors=priors, draws=1, seed=seed)
    y = prior["prior_predictive"]["y"].values.ravel()
    fit = pp.fit(model, table.assign(y=y), priors=priors, seed=seed, draws=200, progressbar=False)
    return int((fit.posterior["sd_g"] < prior["prior"]["sd_g"].item()).sum())


@pytest.mark.thorough
def test_calibration_on_a_cluster_is_the_one_made_here(processes, tmp_path):
    """As in the documentation, a user's own loop by Dask; a worker is killed on the way."""
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"g": rng.integers(0, 8, 60), "x": rng.normal(size=60), "y": rng.normal(size=60)})
    normal, half = pp.Prior("Normal", mu=0, sigma=2), pp.Prior("HalfNormal", sigma=1)
    study = "y ~ x + (1 | g)", table, {"beta[Intercept]": normal, "beta": normal, "sd_g": half, "sigma": half}
    home = [rank(*study, seed) for seed in range(12)]

    def rank_or_die(seed):
        dies_once(seed, str(tmp_path))
        return rank(*study, seed)

    away = processes.gather(processes.map(rank_or_die, range(12)))
    assert (tmp_path / "dead").exists()
    assert away == home
    assert len(set(home)) > 6
