"""Kept fits: found again when their draws would be the same, never mistaken for others, whatever lies in the folder."""

import shutil
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from partialpool.fitting.table_digest import table_digest
from partialpool.questions import grid_cache as kept
from partialpool.questions.grid_cache import address
from partialpool.questions.prior_grid import prior_grid
from partialpool.sampling.settings import Settings

FORMULA = "effect ~ 1 + (1 | school)"
TEN = {"sd_school": [pp.Prior("HalfNormal", sigma=10)]}
QUICK = {"se": "standard_error", "seed": 1, "jobs": 1, "progressbar": False}


@pytest.fixture(scope="module")
def schools():
    return pp.load_dataset("eight_schools")


def test_the_address_changes_with_all_that_changes_draws_and_nothing_else(schools, monkeypatch):
    spec = pp.ModelSpec.from_formula(FORMULA, se="standard_error", priors={"sd_school": TEN["sd_school"][0]})
    settings = Settings(seed=1)

    def found(spec=spec, table=schools, engine="collapsed", **changed):
        return address(spec, table_digest(table), engine, replace(settings, **changed))

    same = {found(), found(cores=1), found(cores=7), found(progressbar=False), found(draws=1000, parametrization={})}
    assert len(same) == 1
    other = schools.assign(effect=schools["effect"] + 1e-9)
    changes = [
        found(table=other), found(table=schools.iloc[::-1]), found(table=schools.rename(columns={"effect": "y"})),
        found(table=schools.astype({"school": str})),
        found(spec=spec.with_priors({"sd_school": pp.Prior("HalfNormal", sigma=np.nextafter(10, 11))})),
        found(spec=spec.with_priors({"beta[Intercept]": pp.Prior("Normal", mu=0, sigma=1)})),
        found(spec=pp.ModelSpec.from_formula(FORMULA, priors=spec.priors)),
        found(seed=2), found(draws=999), found(chains=3), found(tune=999), found(engine="nuts"),
        found(target_accept=0.95), found(keep_z=True),
    ]  # fmt: skip
    monkeypatch.setattr(kept, "version", lambda package: "99.0")
    changes.append(found())
    monkeypatch.undo()
    monkeypatch.setattr(kept, "FORMAT", "partialpool-fit-99")
    changes.append(found())
    assert len({*same, *changes}) == 1 + len(changes)


def test_the_order_of_categories_is_part_of_the_data():
    values = ["a", "b", "b"]
    tables = [
        pd.DataFrame({"c": pd.Categorical(values, order, ordered=ordered)})
        for order in (["a", "b"], ["b", "a"], ["a", "b", "c"])
        for ordered in (False, True)
    ]
    assert len({table_digest(table) for table in tables}) == len(tables)


def test_defaults_spelled_out_are_the_same_study(schools, tmp_path):
    prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK)
    (made,) = tmp_path.iterdir()
    when = made.stat().st_mtime_ns
    spelled = {"draws": 1000, "chains": 4, "engine": "collapsed", "family": "gaussian", "link": "identity"}
    prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK, **spelled)
    prior_grid(FORMULA, schools, TEN, folder=tmp_path, **{**QUICK, "seed": np.int64(1)}, cores=2)
    model = pp.ModelSpec("effect", groups=[pp.Group("school")], se="standard_error")
    prior_grid(model, schools.to_dict("list"), TEN, folder=tmp_path, seed=1, jobs=1, progressbar=False)
    assert [path.stat().st_mtime_ns for path in tmp_path.iterdir()] == [when]
    prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK, draws=900)
    assert len(list(tmp_path.iterdir())) == 2


def _cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _text(path):
    path.write_text("not a fit")


def _other_netcdf(path):
    xr.Dataset({"x": ("t", [1.0])}).to_netcdf(path, engine="h5netcdf")


def _bare(path):
    """A fit by its format alone: the attributes a fit is rebuilt from are not there."""
    xr.DataTree.from_dict({"/": xr.Dataset(attrs={"format": kept.FORMAT})}).to_netcdf(path, engine="h5netcdf")


def _without_draws(path):
    tree = xr.load_datatree(path, engine="h5netcdf")
    tree.filter(lambda node: node.name != "posterior").to_netcdf(path, engine="h5netcdf")


def _another_study(path):
    """A whole fit of the same shape, of another prior, under this one's name."""
    folder = path.parent / "other"
    three = {"sd_school": [pp.Prior("HalfNormal", sigma=3)]}
    prior_grid(FORMULA, pp.load_dataset("eight_schools"), three, folder=folder, **QUICK)
    (made,) = folder.iterdir()
    shutil.move(made, path)
    folder.rmdir()


@pytest.mark.parametrize("spoil", [_cut, _text, _other_netcdf, _bare, _without_draws, _another_study])
def test_what_is_no_kept_fit_is_made_again(schools, tmp_path, spoil):
    first = prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK)
    (made,) = tmp_path.iterdir()
    spoil(made)
    again = prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK)
    assert again.identical(first)
    assert list(tmp_path.iterdir()) == [made]
    assert pp.load_fit(made).spec.priors["sd_school"] == TEN["sd_school"][0]


def test_a_fit_that_cannot_be_kept_still_answers(schools, tmp_path):
    first = prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK)
    (made,) = tmp_path.iterdir()
    made.unlink()
    made.mkdir()
    with pytest.warns(pp.SamplingWarning, match="under 1 of 1 priors the fit was not kept: cannot save the fit"):
        again = prior_grid(FORMULA, schools, TEN, folder=tmp_path, **QUICK)
    assert again["icc[school]"].identical(first["icc[school]"])
