"""Studies that are stopped: killed ones resume, interrupted ones end at once, and no part of a fit is kept."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

import partialpool as pp
from partialpool.fitting.load_fit import load_fit
from partialpool.questions import prior_grid as grid
from partialpool.questions.prior_grid import prior_grid

SCHOOLS = "effect ~ 1 + (1 | school)"
QUICK = {"se": "standard_error", "seed": 1, "jobs": 1, "progressbar": False}

STUDY = """
import sys
import partialpool as pp
if __name__ == "__main__":
    scales = [pp.Prior("HalfNormal", sigma=s) for s in range(2, 2 + int(sys.argv[2]))]
    pp.prior_grid(
        "effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), {"sd_school": scales}, se="standard_error",
        seed=1, draws=100, jobs=2, folder=sys.argv[1], progressbar=False,
    )
"""


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


def _started(tmp_path, cells):
    """A study in a process group of its own, once a few of its cells are there."""
    script, folder = tmp_path / "study.py", tmp_path / "cells"
    script.write_text(STUDY)
    running = subprocess.Popen(
        [sys.executable, script, folder, str(cells)], start_new_session=True, stderr=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 120
    while len(_whole(folder)) < 3 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.02)
    return running, folder


def _whole(folder):
    return {p: p.stat().st_mtime_ns for p in folder.glob("[!.]*.nc")} if folder.exists() else {}


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:the diagnostics of 16 of 16 fits")  # of so few draws
def test_a_killed_study_resumes(schools, tmp_path):
    """SIGKILL to the whole process group once some cells are there: they stay as they are and are not made again."""
    running, folder = _started(tmp_path, 16)
    os.killpg(running.pid, signal.SIGKILL)
    running.communicate()
    before = _whole(folder)
    assert len(before) >= 3
    for path in before:
        load_fit(path)
    scales = [pp.Prior("HalfNormal", sigma=s) for s in range(2, 18)]
    prior_grid(SCHOOLS, schools, {"sd_school": scales}, draws=100, folder=folder, **QUICK)
    after = _whole(folder)
    assert len(after) == 16
    assert all(after[path] == when for path, when in before.items())
    for path in after:
        load_fit(path)


@pytest.mark.thorough
@pytest.mark.parametrize("everybody", [True, False], ids=["as a terminal does", "the study alone"])
def test_ctrl_c_stops_a_study_at_once(tmp_path, everybody):
    running, folder = _started(tmp_path, 2000)
    (os.killpg if everybody else os.kill)(running.pid, signal.SIGINT)
    sent = time.monotonic()
    _, said = running.communicate(timeout=120)
    assert time.monotonic() - sent < 30  # 2000 cells take minutes
    # Where the semaphores' tracker is interrupted too, it may say after it that one was removed already.
    assert "KeyboardInterrupt" in said.splitlines()
    left = len(_whole(folder))
    time.sleep(1.0)  # nobody goes on
    assert 3 <= len(_whole(folder)) == left < 1000


def test_an_interrupted_fit_stops_the_study_and_is_not_kept(schools, tmp_path, monkeypatch):
    """An engine that answers Ctrl-C with the draws it has must not have them taken for a whole fit."""
    whole = grid.fit

    def cut(spec, *rest, **options):
        made = whole(spec, *rest, **options)
        if "sigma=10" in str(spec.priors["sd_school"]):
            made.tree.attrs["run"] = json.dumps({**json.loads(made.tree.attrs["run"]), "interrupted": True})
        return made

    monkeypatch.setattr(grid, "fit", cut)
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10, 50)]
    with pytest.raises(KeyboardInterrupt):
        prior_grid(SCHOOLS, schools, {"sd_school": scales}, folder=tmp_path, **QUICK)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:A worker stopped while some jobs:UserWarning")  # joblib's, if it notices first
def test_a_worker_that_dies_leaves_the_cells_that_came_back(schools, tmp_path):
    def dies_of_ten(fit):
        if fit.spec.priors["sd_school"].arguments["sigma"] == 10:
            answered = tmp_path / "answered"
            while not answered.exists():
                time.sleep(0.05)
            time.sleep(1.0)  # the other cell's answers are on their way
            os.kill(os.getpid(), signal.SIGKILL)
        elif fit.spec.priors["sd_school"].arguments["sigma"] == 2:
            (tmp_path / "answered").touch()
        return fit.posterior["beta"]

    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]
    with pytest.warns(pp.SamplingWarning, match="1 of 2 fits failed: TerminatedWorkerError"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, {"mean": dies_of_ten}, **{**QUICK, "jobs": 2})
    assert found["good"].to_numpy().tolist() == [True, False]
