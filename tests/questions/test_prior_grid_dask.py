"""The same study on a Dask cluster: same draws, progress, failures that stay alone."""

import json
from contextlib import contextmanager

import joblib
import pytest

import partialpool as pp
from checks.cluster import two_workers
from partialpool.questions import prior_grid as grid
from partialpool.questions.prior_grid import prior_grid

SCHOOLS = "effect ~ 1 + (1 | school)"
# Under the first the search for the mode fails, under the third the quantity.
SCALES = {"sd_school": [pp.Prior("HalfNormal", sigma=s) for s in (1e-300, 2, 10, 50)]}
QUICK = {"se": "standard_error", "seed": 1, "draws": 500, "progressbar": False}
FAILURES = "1 of 4 fits failed|under 1 of 4 priors the quantity 'partly' failed"


def _refuses_ten(fit):
    if fit.spec.priors["sd_school"].arguments["sigma"] == 10:
        raise ZeroDivisionError("not for ten")
    return fit.posterior["beta"].sel(coef="Intercept")


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


@pytest.fixture(scope="module")
def side_by_side(schools):
    """On this machine's processes."""
    with pytest.warns(pp.SamplingWarning, match=FAILURES):
        return prior_grid(SCHOOLS, schools, SCALES, {"partly": _refuses_ten}, jobs=2, **QUICK)


@pytest.fixture(scope="module", params=[False, True], ids=["threads", "processes"])
def cluster(request):
    with two_workers(processes=request.param) as client:
        yield client


@pytest.mark.thorough
def test_a_cluster_gives_the_same_study(schools, side_by_side, cluster, tmp_path, monkeypatch):
    counts = []

    class Line:
        def count(self, done, total):
            counts.append((done, total))

    @contextmanager
    def line(what, *, shown):
        yield Line()

    monkeypatch.setattr(grid, "progress_line", line)
    with joblib.parallel_config(backend="dask"), pytest.warns(pp.SamplingWarning, match=FAILURES):
        found = prior_grid(SCHOOLS, schools, SCALES, {"partly": _refuses_ten}, folder=tmp_path, **QUICK)
    assert found.identical(side_by_side)
    assert counts == [(done, 4) for done in (1, 2, 3, 4)]
    first, second = json.loads(found.attrs["failed"]).values()
    assert first.startswith("ValueError")
    assert second == "the quantity 'partly' failed: ZeroDivisionError: not for ten"
    # The cells that were made are kept, and read by the next study, wherever it runs.
    made = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert len(made) == 3
    with pytest.warns(pp.SamplingWarning, match=FAILURES):
        again = prior_grid(SCHOOLS, schools, SCALES, {"partly": _refuses_ten}, folder=tmp_path, jobs=1, **QUICK)
    assert again.identical(found)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == made


def test_the_cluster_does_the_work_unless_one_job_is_asked_for(schools, cluster):
    def where(fit):
        from distributed import get_worker

        try:
            at_home = float(get_worker() is None)
        except ValueError:  # no worker
            at_home = 1.0
        return fit.posterior["beta"].sel(coef="Intercept") * 0 + at_home

    two = {"sd_school": SCALES["sd_school"][1:]}
    with joblib.parallel_config(backend="dask"):
        away, home = (prior_grid(SCHOOLS, schools, two, {"home": where}, jobs=jobs, **QUICK) for jobs in (-1, 1))
    assert (away["home"] == 0).all()
    assert (home["home"] == 1).all()
