"""A fit as a user meets it: its tree, its text, its file."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import arviz as az
import numpy as np
import pandas as pd
import pytest
import xarray as xr
from threadpoolctl import threadpool_info

import partialpool as pp
from checks.fixed import fit_at


def test_the_tree_is_labelled_and_remembers_how_it_was_made(sleepstudy_fit):
    tree = sleepstudy_fit.tree
    assert {"posterior", "sample_stats", "observed_data", "constant_data"} <= set(tree.children)
    posterior = tree["posterior"]
    assert posterior["b_Subject"].sel(Subject="308", Subject_effect="Days").dims == ("chain", "draw")
    assert posterior["corr_Subject"].sel(
        Subject_effect="Intercept", Subject_effect_bis="Intercept"
    ).to_numpy() == pytest.approx(1)
    assert all("long_name" in v.attrs for v in posterior.data_vars.values())
    attrs = tree.attrs
    assert attrs["formula"] == "Reaction ~ Days + (Days | Subject)"
    assert (attrs["engine"], attrs["seed"]) == ("nuts", 20)
    assert json.loads(attrs["priors"])["corr_Subject"] == "LKJ(eta=2)"
    assert "pymc" in json.loads(attrs["versions"])
    assert pp.ModelSpec.from_toml_text(attrs["spec"]) == sleepstudy_fit.spec


def test_arviz_takes_the_tree_as_it_is(sleepstudy_fit):
    table = az.summary(sleepstudy_fit.tree, var_names=["beta", "sd_Subject", "sigma"])
    assert list(table.index)[:2] == ["beta[Intercept]", "beta[Days]"]
    tree = sleepstudy_fit.tree.copy()
    tree["log_likelihood"] = xr.DataTree(pp.log_likelihood(sleepstudy_fit))
    # Three of Subject 308's and 332's days are outliers: their Pareto k is above 0.7, which ArviZ says.
    with pytest.warns(UserWarning, match="Pareto"):
        loo = az.loo(tree)
    assert -900 < loo.elpd < -840
    assert az.ess(sleepstudy_fit.tree)["sigma"] > 400


def test_repr_reads_like_a_summary(sleepstudy_fit):
    text = repr(sleepstudy_fit)
    for expected in (
        "Reaction ~ Days + (Days | Subject)   [gaussian]",
        "180 rows; Subject 18 levels",
        "4 chains x 1000 draws, seed 20",
        "Variance components: random (group-level) effects",
        "corr(Intercept, Days)",
        "residual  sigma",
        "Fixed effects (population-level)",
        "ICC (share of the variance, averaged over the rows)",
        "Diagnostics: good (no divergences; R-hat up to 1.0",
    ):
        assert expected in text
    assert max(len(line) for line in text.splitlines()) <= 130
    html = sleepstudy_fit._repr_html_()
    assert html.count("<table>") == 3
    assert "corr(Intercept, Days)" in html


def test_summary_gives_numbers(sleepstudy_fit):
    frame = pp.summary(sleepstudy_fit).frame
    assert list(frame.index) == [
        "beta[Intercept]",
        "beta[Days]",
        "sd_Subject[Intercept]",
        "sd_Subject[Days]",
        "corr_Subject[Intercept, Days]",
        "sigma",
        "icc[Subject]",
    ]
    assert frame.loc["beta[Days]", "mean"] == pytest.approx(
        float(sleepstudy_fit.posterior["beta"].sel(coef="Days").mean())
    )
    draws = pp.group_effects(sleepstudy_fit)
    assert "effects[308, Days]" in pp.summary(draws).index


def test_icc_by_hand(sleepstudy_fit, sleepstudy):
    posterior = sleepstudy_fit.posterior
    sd, sigma = posterior["sd_Subject"].to_numpy(), posterior["sigma"].to_numpy()
    r = posterior["corr_Subject"].to_numpy()[..., 0, 1]
    x = sleepstudy["Days"].to_numpy(dtype=float)
    between = np.mean(
        [sd[..., 0] ** 2 + 2 * r * sd[..., 0] * sd[..., 1] * v + sd[..., 1] ** 2 * v**2 for v in x], axis=0
    )
    expected = (between / (between + sigma**2)).mean()
    assert sleepstudy_fit.digest.frame.loc["icc[Subject]", "mean"] == pytest.approx(expected, rel=1e-10)


def test_save_and_load_round_trip(sleepstudy_fit, tmp_path):
    path = sleepstudy_fit.save(tmp_path / "fit.nc")
    loaded = pp.load_fit(path)
    assert loaded.tree.identical(sleepstudy_fit.tree)
    assert loaded.spec == sleepstudy_fit.spec
    assert repr(loaded) == repr(sleepstudy_fit)
    assert loaded.priors == sleepstudy_fit.priors
    assert pp.log_likelihood(loaded).identical(pp.log_likelihood(sleepstudy_fit))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["fit.nc"]


def test_a_cut_or_foreign_file_gives_a_clear_error(sleepstudy_fit, tmp_path):
    whole = sleepstudy_fit.save(tmp_path / "fit.nc").read_bytes()
    (tmp_path / "cut.nc").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "text.nc").write_text("not a fit")
    xr.Dataset({"a": 1}).to_netcdf(tmp_path / "other.nc", engine="h5netcdf")
    for name, wrong in (
        ("cut.nc", "cannot read this file as a fit"),
        ("text.nc", "cannot read this file as a fit"),
        ("other.nc", "not a partialpool fit"),
        ("none.nc", "no such file"),
    ):
        with pytest.raises(pp.FileError, match=wrong):
            pp.load_fit(tmp_path / name)


def test_a_failed_save_leaves_the_old_file_and_no_other(sleepstudy_fit, tmp_path, monkeypatch):
    path = tmp_path / "fit.nc"
    path.write_text("the old one")

    def fail(self, target, **_):
        Path(target).write_text("half a fi")
        raise OSError("disk full")

    monkeypatch.setattr(xr.DataTree, "to_netcdf", fail)
    with pytest.raises(OSError, match="disk full"):
        sleepstudy_fit.save(path)
    assert path.read_text() == "the old one"
    assert [p.name for p in tmp_path.iterdir()] == ["fit.nc"]
    with pytest.raises(pp.FileError, match="create the folder first"):
        sleepstudy_fit.save(tmp_path / "nowhere" / "fit.nc")


def test_posterior_predictive_and_prior_predictive(sleepstudy_fit, sleepstudy):
    replicated = pp.posterior_predictive(sleepstudy_fit, seed=1)
    assert replicated["Reaction"].dims == ("chain", "draw", "obs")
    assert replicated.identical(pp.posterior_predictive(sleepstudy_fit, seed=1))
    # Replicates of a model that fits have the data's mean within their own spread.
    means = replicated["Reaction"].mean("obs").to_numpy().ravel()
    assert np.quantile(means, 0.001) < sleepstudy["Reaction"].mean() < np.quantile(means, 0.999)
    prior = pp.prior_predictive("Reaction ~ Days + (Days | Subject)", sleepstudy, draws=500, seed=2)
    assert prior["prior"]["b_Subject"].shape == (1, 500, 18, 2)
    assert prior["prior_predictive"]["Reaction"].shape == (1, 500, 180)
    assert prior["prior_predictive"]["Reaction"].std() > 2 * replicated["Reaction"].std()


def test_posterior_predictive_of_new_rows(sleepstudy_fit):
    fresh = pd.DataFrame({"Days": [0, 9, 9, 9], "Subject": ["308", "308", "new", "other"]})
    with pytest.raises(pp.DataError, match="levels of 'Subject' that the model has not seen"):
        pp.posterior_predictive(sleepstudy_fit, fresh)
    sampled = pp.posterior_predictive(sleepstudy_fit, fresh, new_levels="sample", seed=1)["Reaction"]
    typical = pp.posterior_predictive(sleepstudy_fit, fresh, new_levels="population", seed=1)["Reaction"]
    posterior = sleepstudy_fit.posterior
    at_nine = (posterior["beta"] * [1, 9]).sum("coef")
    assert abs(float(sampled[..., 2].mean() - at_nine.mean())) < 5 * float(sampled[..., 2].std()) / np.sqrt(400)
    assert float(sampled[..., 2].std()) > 1.5 * float(typical[..., 2].std())
    # Two new subjects are two people: what they share is the uncertainty of the fixed effects alone.
    shared = float(at_nine.var() / sampled[..., 2].var())
    correlation = np.corrcoef(sampled[..., 2].to_numpy().ravel(), sampled[..., 3].to_numpy().ravel())[0, 1]
    assert abs(correlation - shared) < 0.12


def test_log_prior_has_top_level_parameters_only(sleepstudy_fit):
    log_prior = pp.log_prior(sleepstudy_fit)
    assert set(log_prior.data_vars) == {"beta", "sd_Subject", "corr_Subject", "sigma"}
    assert log_prior["beta"].dims == ("chain", "draw", "beta_prior")
    assert log_prior["corr_Subject"].dims == ("chain", "draw")


def test_a_modelspec_and_its_options_are_not_said_twice(sleepstudy):
    spec = pp.ModelSpec.from_formula("Reaction ~ Days + (1 | Subject)")
    with pytest.raises(pp.SpecError, match="already has these options"):
        pp.fit(spec, sleepstudy, family="gaussian")
    with pytest.raises(pp.SpecError, match="this is not a model"):
        pp.fit(42, sleepstudy)


def test_an_error_changes_nothing(sleepstudy, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = sleepstudy.copy(deep=True)
    with pytest.raises(pp.PriorError, match="does not exist"):
        pp.fit("Reaction ~ Days + (1 | Subject)", sleepstudy, priors={"sd_Sbject": pp.Prior("HalfNormal", sigma=1)})
    assert sleepstudy.equals(before)
    assert list(tmp_path.iterdir()) == []


def test_specs_and_errors_pickle():
    spec = pp.ModelSpec.from_formula("y ~ x + (x | g)", priors={"sigma": pp.Prior("HalfNormal", sigma=1)})
    assert pickle.loads(pickle.dumps(spec)) == spec


def test_import_is_light():
    """`import partialpool` loads none of the heavy libraries; their names load on first use."""
    code = """
import time, sys
start = time.perf_counter()
import partialpool as pp
seconds = time.perf_counter() - start
heavy = {"pymc", "pytensor", "arviz", "pandas", "numpy", "matplotlib", "formulae", "nutpie", "numba"}
print(seconds, sorted(heavy & set(sys.modules)))
pp.Prior, pp.ModelSpec
print(sorted({"pymc", "arviz", "matplotlib"} & set(sys.modules)))
"""
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ
    ).stdout
    first, second = out.strip().splitlines()
    seconds, heavy = first.split(maxsplit=1)
    assert heavy == "[]"
    assert float(seconds) < 0.5
    assert second == "[]"


def test_every_public_name_exists_and_is_no_module():
    for name in pp.__all__:
        assert not hasattr(getattr(pp, name), "__path__"), name


@pytest.mark.parametrize("broken", ["no group", "no draws"])
def test_a_fit_without_draws_answers_no_question(broken):
    fit = fit_at("Yield ~ 1 + (1 | Batch)", pp.load_dataset("dyestuff"), beta=[1500.0], sd_Batch=[40.0], sigma=50.0)
    groups = {} if broken == "no group" else {"posterior": fit.posterior.isel(draw=slice(0, 0))}
    empty = replace(fit, tree=xr.DataTree.from_dict(groups))
    for question in (
        pp.icc,
        pp.variance_components,
        pp.shrinkage,
        pp.predict,
        pp.singularity,
        pp.check,
        pp.design_effect,
    ):
        with pytest.raises(pp.DataError, match="this fit has no draws"):
            question(empty)


def test_a_fit_with_divergences_warns_and_gives_its_draws(monkeypatch):
    monkeypatch.setattr(
        "partialpool.fitting.fit.alarm", lambda tree, one_sided: "3 of 400 draws diverged: do something"
    )
    data = pp.load_dataset("dyestuff")
    with pytest.warns(pp.SamplingWarning, match="do not rely on these draws: 3 of 400 draws diverged") as caught:
        fit = pp.fit("Yield ~ 1 + (1 | Batch)", data, draws=100, seed=1, progressbar=False)
    assert caught[0].filename == __file__
    assert fit.posterior.sizes["draw"] == 100


def test_a_file_whose_columns_were_coded_otherwise_is_refused(tmp_path):
    table = {"y": np.arange(24.0) % 7, "b": np.resize([True, False], 24), "g": np.repeat(list("abcd"), 6)}
    made = pp.fit("y ~ b + (1 | g)", table, draws=20, chains=2, seed=1, progressbar=False)
    old = made.tree.copy()
    old["posterior"] = old["posterior"].to_dataset().assign_coords(coef=["Intercept", "b"])
    path = tmp_path / "old.nc"
    old.to_netcdf(path, engine="h5netcdf")
    with pytest.raises(pp.FileError) as caught:
        pp.load_fit(path)
    assert "coded its columns differently" in caught.value.wrong
    assert (caught.value.got, caught.value.allowed) == ("draws of Intercept, b", "draws of Intercept, b[True]")
    assert "fit the model again" in caught.value.do


@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_linear_algebra_keeps_to_one_thread_during_a_fit(family, monkeypatch):
    """Threads of OpenBLAS that wait for work take the processor from the chains."""
    threads = []

    def alarm(tree, one_sided):
        threads.extend(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")
        return ""

    monkeypatch.setattr("partialpool.fitting.fit.alarm", alarm)
    table = {"y": [3, 1, 4, 1, 5, 9], "g": list("aabbcc")}
    before = threadpool_info()
    pp.fit("y ~ 1 + (1 | g)", table, family=family, draws=20, tune=20, chains=1, seed=1, progressbar=False)
    assert set(threads) == {1}
    assert threadpool_info() == before
