"""Studies over priors: each cell is a plain fit, failures stay alone, killed studies resume, pictures move."""

import json
import os
import signal
import subprocess
import sys
import time

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from partialpool.fitting import load_fit
from partialpool.sensitivity import grid
from partialpool.sensitivity.grid import prior_grid

SCHOOLS = "effect ~ 1 + (1 | school)"
QUICK = {"se": "standard_error", "seed": 1, "jobs": 1, "progressbar": False}


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


@pytest.fixture(scope="module")
def study(schools):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10, 50)]
    asked = {"mean": lambda f: f.posterior["beta"].sel(coef="Intercept")}
    return prior_grid(SCHOOLS, schools, {"sd_school": scales}, asked, **QUICK)


def test_a_cell_is_a_plain_fit(study, schools):
    plain = pp.fit(
        SCHOOLS, schools, se="standard_error", seed=1, progressbar=False, cores=1,
        priors={"sd_school": pp.Prior("HalfNormal", sigma=10)},
    )  # fmt: skip
    found = study.sel(prior="sd_school ~ HalfNormal(sigma=10)")
    assert found["sd_school[Intercept]"].to_numpy() == pytest.approx(plain.posterior["sd_school"].to_numpy()[..., 0])
    assert found["icc[school]"].to_numpy() == pytest.approx(pp.icc(plain)["icc"].to_numpy()[..., 0])
    assert found["mean"].to_numpy() == pytest.approx(found["beta[Intercept]"].to_numpy())
    assert study["prior_of_sd_school"].to_numpy().tolist() == [f"HalfNormal(sigma={s})" for s in (2, 10, 50)]
    assert study["prior_sd_school[Intercept]"].sel(level=0.5).to_numpy() == pytest.approx(
        0.6744898 * np.array([2, 10, 50])
    )


def test_the_known_story(study):
    """Eight schools: the sd and the ICC follow the prior, the mean effect does not."""
    middle = study.median(("chain", "draw"))
    assert (np.diff(middle["sd_school[Intercept]"].to_numpy()) > 0.5).all()
    assert middle["icc[school]"].to_numpy()[-1] > 5 * middle["icc[school]"].to_numpy()[0]
    assert np.ptp(middle["beta[Intercept]"].to_numpy()) < 1.0


def test_combinations_of_several_priors(sleepstudy):
    found = prior_grid(
        "Reaction ~ Days + (Days | Subject)", sleepstudy,
        {"corr_Subject": [pp.Prior("LKJ", eta=e) for e in (1, 20)], "sigma": [pp.Prior("HalfNormal", sigma=30)]},
        seed=1, jobs=1, draws=500, progressbar=False,
    )  # fmt: skip
    assert found.sizes["prior"] == 2
    assert found["prior"].to_numpy()[0] == "corr_Subject ~ LKJ(eta=1); sigma ~ HalfNormal(sigma=30)"
    spread = found["corr_Subject[Intercept, Days]"].std(("chain", "draw")).to_numpy()
    assert spread[1] < spread[0]
    # The intercept's prior is at the predictors' means: it is no prior of the intercept at zero.
    assert "prior_beta[Intercept]" not in found
    assert "prior_beta[Days]" in found


def test_processes_give_the_same_draws(schools, study):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 50)]
    side_by_side = prior_grid(SCHOOLS, schools, {"sd_school": scales}, **{**QUICK, "jobs": 2})
    for at in (0, 1):
        one = side_by_side["sd_school[Intercept]"].isel(prior=at).to_numpy()
        assert one == pytest.approx(study["sd_school[Intercept]"].isel(prior=2 * at).to_numpy())


def test_a_failed_cell_leaves_the_others(schools, monkeypatch):
    whole = grid.fit

    def some(spec, *rest, **options):
        if "sigma=10" in str(spec.priors["sd_school"]):
            raise pp.EngineError("a bad cell", got="sigma=10", allowed="others", do="none")
        return whole(spec, *rest, **options)

    monkeypatch.setattr(grid, "fit", some)
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]
    with pytest.warns(pp.SamplingWarning, match="1 of 2 fits failed: a bad cell"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": scales}, **QUICK)
    assert np.isnan(found["icc[school]"].isel(prior=1)).all()
    assert np.isfinite(found["icc[school]"].isel(prior=0)).all()
    assert json.loads(found.attrs["failed"]) == {"sd_school ~ HalfNormal(sigma=10)": "a bad cell (sigma=10)"}
    with pytest.raises(pp.EngineError, match="every fit of the study failed"):
        prior_grid(SCHOOLS, schools, {"sd_school": scales[1:]}, **QUICK)


def test_a_stored_study_is_widened_and_other_data_are_others(schools, tmp_path):
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (2, 10)]
    first = prior_grid(SCHOOLS, schools, {"sd_school": scales[:1]}, folder=tmp_path / "study", draws=500, **QUICK)
    made = {p: p.stat().st_mtime_ns for p in (tmp_path / "study").iterdir()}
    both = prior_grid(SCHOOLS, schools, {"sd_school": scales}, folder=tmp_path / "study", draws=500, **QUICK)
    assert len(list((tmp_path / "study").iterdir())) == 2
    assert all(path.stat().st_mtime_ns == when for path, when in made.items())
    assert both["icc[school]"].isel(prior=0).to_numpy() == pytest.approx(first["icc[school]"].isel(prior=0).to_numpy())
    for change in ({"draws": 600}, {"data": schools.assign(effect=schools["effect"] + 1)}):
        data = change.get("data", schools)
        draws = change.get("draws", 500)
        prior_grid(SCHOOLS, data, {"sd_school": scales[:1]}, folder=tmp_path / "study", draws=draws, **QUICK)
    assert len(list((tmp_path / "study").iterdir())) == 4
    # A file that was cut short is made again.
    broken = next(iter(made))
    broken.write_bytes(broken.read_bytes()[:1000])
    again = prior_grid(SCHOOLS, schools, {"sd_school": scales[:1]}, folder=tmp_path / "study", draws=500, **QUICK)
    assert again["icc[school]"].to_numpy() == pytest.approx(first["icc[school]"].to_numpy())
    assert load_fit(broken).spec.priors["sd_school"] == scales[0]


STUDY = """
import sys
import partialpool as pp
if __name__ == "__main__":
    scales = [pp.Prior("HalfNormal", sigma=s) for s in range(2, 42)]
    pp.prior_grid(
        "effect ~ 1 + (1 | school)", pp.load_dataset("eight_schools"), {"sd_school": scales}, se="standard_error",
        seed=1, draws=100, jobs=2, folder=sys.argv[1], progressbar=False,
    )
"""


def test_categories_in_another_order_are_another_study(tmp_path):
    """The reference category is the first: draws of one order must not be taken for those of the other."""
    rng = np.random.default_rng(0)
    data = {"y": rng.normal(size=60), "c": np.tile(["a", "b"], 30), "g": np.repeat(np.arange(6), 10)}
    tables = [
        pd.DataFrame(data).assign(c=pd.Categorical(data["c"], order, ordered=True))
        for order in (["a", "b"], ["b", "a"])
    ]
    priors = {"sigma": [pp.Prior("HalfNormal", sigma=2)]}
    one, other = (
        prior_grid("y ~ c + (1 | g)", t, priors, folder=tmp_path, seed=1, jobs=1, progressbar=False) for t in tables
    )
    assert len(list(tmp_path.iterdir())) == 2
    assert "beta[c[b]]" in one
    assert "beta[c[a]]" in other


def test_a_prior_for_all_effects_replaces_those_stated_one_by_one(schools):
    spec = pp.ModelSpec.from_formula(
        SCHOOLS, se="standard_error", priors={"sd_school[Intercept]": pp.Prior("HalfNormal", sigma=1)}
    )
    scales = [pp.Prior("HalfNormal", sigma=s) for s in (1, 100)]
    found = prior_grid(spec, schools, {"sd_school": scales}, seed=1, jobs=1, progressbar=False)
    middle = found["sd_school[Intercept]"].median(("chain", "draw")).to_numpy()
    assert middle[1] > 3 * middle[0]


def test_fits_whose_diagnostics_are_not_good_are_named(schools):
    with pytest.warns(pp.SamplingWarning, match="the diagnostics of 1 of 1 fits are not good"):
        found = prior_grid(SCHOOLS, schools, {"sd_school": [pp.Prior("HalfNormal", sigma=9)]}, draws=10, **QUICK)
    assert found["good"].to_numpy().tolist() == [False]


def test_a_killed_study_resumes(tmp_path):
    """SIGKILL to the whole process group once some cells are there: they stay as they are and are not made again."""
    script, folder = tmp_path / "study.py", tmp_path / "cells"
    script.write_text(STUDY)

    def whole():
        return {p: p.stat().st_mtime_ns for p in folder.glob("[!.]*.nc")} if folder.exists() else {}

    running = subprocess.Popen([sys.executable, script, folder], start_new_session=True)
    deadline = time.monotonic() + 120
    while len(whole()) < 3 and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.02)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    before = whole()
    assert len(before) >= 3
    for path in before:
        load_fit(path)
    subprocess.run([sys.executable, script, folder], check=True)
    after = whole()
    assert len(after) == 40
    assert all(after[path] == when for path, when in before.items())
    for path in after:
        load_fit(path)


def test_pictures(study, schools):
    (axes,) = pp.plot_prior_grid(study, "sd_school[Intercept]", unit="points").axes
    assert axes.get_xlabel() == "sd_school[Intercept] (points)"
    assert [t.get_text() for t in axes.get_yticklabels()] == study["prior"].to_numpy().tolist()
    assert len(axes.collections) == 3  # 90 %, 50 %, prior
    (plain,) = pp.plot_prior_grid(study, "icc[school]").axes
    assert len(plain.collections) == 2
    fit = pp.fit(SCHOOLS, schools, se="standard_error", seed=1, progressbar=False)
    (axes,) = pp.plot_power_scale(pp.power_scale(fit)).axes
    assert [t.get_text() for t in axes.get_yticklabels()] == ["beta[Intercept]", "sd_school[Intercept]", "icc[school]"]


def test_wrong_arguments(study, schools, tmp_path):
    with pytest.raises(pp.PriorError, match="a study needs priors"):
        prior_grid(SCHOOLS, schools, {}, **QUICK)
    with pytest.raises(pp.PriorError, match="a study needs priors"):
        prior_grid(SCHOOLS, schools, {"sd_school": []}, **QUICK)
    with pytest.raises(pp.PriorError, match="does not exist"):
        prior_grid(SCHOOLS, schools, {"sd_scool": [pp.Prior("HalfNormal", sigma=1)]}, **QUICK)
    (tmp_path / "file").write_text("")
    with pytest.raises(pp.FileError, match="cannot make the study's folder"):
        prior_grid(
            SCHOOLS, schools, {"sd_school": [pp.Prior("HalfNormal", sigma=1)]}, folder=tmp_path / "file", **QUICK
        )
    with pytest.raises(pp.DataError, match="did not follow this answer"):
        pp.plot_prior_grid(study, "icc")
