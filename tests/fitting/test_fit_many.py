import signal
import subprocess
import sys
import textwrap
import time
import warnings

import arviz
import numpy as np
import pandas as pd
import polars as pl
import psutil
import pytest
import xarray as xr

import partialpool as pp
from partialpool.fitting import fit_many as module
from partialpool.fitting.many_batches import seed_of

MODEL = "y ~ x + (1 | a) + (1 | b)"
SHORT = {"draws": 60, "seed": 4, "jobs": 1, "progressbar": False}


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "a": [f"a{i}" for i in rng.integers(0, 12, 90)],
            "b": [f"b{i}" for i in rng.integers(0, 6, 90)],
            "x": rng.normal(size=90),
        }
    )


@pytest.fixture(scope="module")
def responses(table):
    rng = np.random.default_rng(2)
    a, b = (pd.Categorical(table[name]).codes for name in ("a", "b"))
    found = {}
    for at, (sd_a, sd_b) in enumerate([(1.0, 0.3), (0.1, 0.8), (0.5, 0.5)]):
        effects = sd_a * rng.normal(size=12)[a] + sd_b * rng.normal(size=6)[b]
        found[f"gene {at}"] = 10.0**at * (5 + effects + 0.4 * table["x"] + rng.normal(size=90))
    found["with gaps"] = found["gene 1"].where(rng.random(90) > 0.2)
    return pd.DataFrame(found)


def of_one(many, responses, table, model=MODEL, **more):
    """Fit one response by `fit` with its seed, as a user would check it."""
    name = many["response"].item()
    settings = {"draws": SHORT["draws"], "seed": int(many["seed"]), "cores": 1, "progressbar": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.DataWarning)  # of the rows that are left out
        return pp.fit(model, table.assign(y=responses[name]), **settings, **more)


def quiet(*arguments, **more):
    """Call `fit_many`, whose warning of short chains is expected."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pp.SamplingWarning)
        return pp.fit_many(*arguments, **{**SHORT, **more})


@pytest.mark.parametrize("keep", [("beta", "sd_a", "sigma", "icc", "share"), ("beta", "b_a", "b_b", "icc", "share")])
def test_each_response_has_the_draws_of_a_fit_of_its_own(responses, table, keep):
    many = quiet(MODEL, responses, table, keep=keep)
    assert many["fitted"].all()
    for at, name in enumerate(responses):
        one = many.isel(response=at)
        fit = of_one(one, responses, table)
        for variable in set(keep) - {"icc", "share"}:
            np.testing.assert_array_equal(one[f"draws_{variable}"], fit.posterior[variable], err_msg=name)
        icc = pp.icc(fit)["icc"]
        np.testing.assert_array_equal(one["draws_icc"].transpose("chain", "draw", "factor"), icc)
        np.testing.assert_array_equal(one["draws_share"], pp.variance_components(fit)["share"])
        assert one["log_evidence"] == fit.run.log_evidence
        assert one["log_evidence_se"] == fit.run.log_evidence_se
        assert one["n_rows"] == fit.design.n_rows
        for variable in ("beta", "sd_a", "sd_b", "sigma"):
            draws = fit.posterior[variable]
            stated = one[variable]
            np.testing.assert_allclose(stated.sel(statistic="mean"), draws.mean(("chain", "draw")), rtol=1e-12)
            np.testing.assert_allclose(stated.sel(statistic="sd"), draws.std(("chain", "draw"), ddof=1), rtol=1e-12)
            for level in (2.5, 25, 50, 75, 97.5):
                expected = draws.quantile(level / 100, ("chain", "draw"))
                np.testing.assert_allclose(stated.sel(statistic=f"{level:g}%"), expected, rtol=1e-12)
        above = (fit.posterior["beta"] > 0).mean(("chain", "draw"))
        np.testing.assert_allclose(one["beta_above_0"], above, rtol=1e-12)
        for cut in (0.1, 0.5):
            below = (icc < cut).mean(("chain", "draw"))
            np.testing.assert_allclose(one["icc_below"].sel(cut=cut), below, rtol=1e-12)


def test_diagnostics_are_those_of_a_fit(responses, table):
    many = quiet(MODEL, responses.iloc[:, :1], table, draws=250).isel(response=0)
    fit = pp.fit(
        MODEL, table.assign(y=responses["gene 0"]), draws=250, seed=int(many["seed"]), cores=1, progressbar=False
    )
    drawn = fit.posterior[["beta", "sd_a", "sd_b", "sigma"]]
    each = {
        "rhat": max(float(values.max()) for values in arviz.rhat(drawn).values()),
        "ess_bulk": min(float(values.min()) for values in arviz.ess(drawn, method="bulk").values()),
        "ess_tail": min(float(values.min()) for values in arviz.ess(drawn, method="tail", prob=(0.05, 0.95)).values()),
    }
    for name, value in each.items():
        assert float(many[name]) == pytest.approx(value, rel=1e-9)
    assert float(many["importance_khat"]) == fit.run.importance_khat


def test_correlated_slopes_and_stated_priors(sleepstudy):
    scaled = {"a": sleepstudy["Reaction"], "b": sleepstudy["Reaction"] * 2 - 100}
    model, priors = "y ~ Days + (Days | Subject)", {"sigma": pp.Prior("HalfNormal", sigma=40)}
    many = quiet(model, scaled, sleepstudy, priors=priors, keep=["corr_Subject"])
    for at, name in enumerate(scaled):
        one = many.isel(response=at)
        fit = of_one(one, pd.DataFrame(scaled), sleepstudy, model, priors=priors)
        np.testing.assert_array_equal(one["draws_corr_Subject"], fit.posterior["corr_Subject"], err_msg=name)
        np.testing.assert_allclose(
            one["sd_Subject"].sel(statistic="mean"), fit.posterior["sd_Subject"].mean(("chain", "draw")), rtol=1e-12
        )


def test_a_lognormal_response_and_one_without_groups(responses, table):
    many = quiet("y ~ x + (1 | a)", np.exp(responses[["gene 0"]] / 5), table, family="lognormal", keep=["beta"])
    fit = of_one(many.isel(response=0), np.exp(responses[["gene 0"]] / 5), table, "y ~ x + (1 | a)", family="lognormal")
    np.testing.assert_array_equal(many["draws_beta"].isel(response=0), fit.posterior["beta"])
    plain = quiet("y ~ x", responses[["gene 0"]], table)
    assert plain["fitted"].all()
    assert "icc" not in plain


def test_a_response_that_cannot_be_fitted_is_a_row_with_its_reason(responses, table):
    spoiled = responses[["gene 0"]].assign(
        constant=3.0,
        empty=np.nan,
        infinite=responses["gene 1"].where(responses.index != 7, np.inf),
        text="high",
        one=np.where(responses.index == 2, 1.0, np.nan),
        last=responses["gene 2"],
    )
    with pytest.warns(
        pp.SamplingWarning, match="5 of 7 responses were not fitted: constant: the response 'y' does not"
    ):
        many = pp.fit_many(MODEL, spoiled, table, **{**SHORT, "draws": 300})
    assert many["fitted"].to_numpy().tolist() == [True, False, False, False, False, False, True]
    assert many["done"].all()
    reasons = dict(zip(many["response"].to_numpy().tolist(), many["reason"].to_numpy().tolist(), strict=True))
    assert reasons["constant"] == "the response 'y' does not vary (3 in every row)"
    assert reasons["empty"] == "all values are missing (90 rows)"
    assert reasons["infinite"] == "values are infinite (inf in row 7)"
    assert reasons["text"] == "not numbers ('high')"
    assert reasons["one"]
    for name in ("beta", "icc", "log_evidence", "n_rows"):
        assert many[name].isel(response=slice(1, 6)).isnull().all()
    alone = quiet(MODEL, responses[["gene 0"]], table, draws=300)
    xr.testing.assert_identical(alone.isel(response=0), many.isel(response=0))


def test_an_error_of_any_kind_leaves_the_others(responses, table, monkeypatch):
    run_on = module.fit_batch.__globals__["CollapsedEngine"].run_on

    def fails(self, design, *rest, **more):
        if design.response.values.mean() > 100:
            raise ZeroDivisionError("division by zero")
        return run_on(self, design, *rest, **more)

    monkeypatch.setattr("partialpool.fitting.many_batches.CollapsedEngine.run_on", fails)
    many = quiet(MODEL, responses, table)
    assert many["fitted"].to_numpy().tolist() == [True, True, False, True]
    assert many["reason"].to_numpy()[2] == "ZeroDivisionError: division by zero"


def test_rows_without_a_category_would_have_another_reference(responses, table):
    arms = table.assign(arm=np.where(np.arange(90) < 30, "control", np.where(np.arange(90) < 60, "drug", "placebo")))
    gaps = responses[["gene 0"]].assign(gap=responses["gene 0"].where(arms["arm"] != "control"))
    many = quiet("y ~ arm + (1 | a)", gaps, arms)
    assert many["fitted"].to_numpy().tolist() == [True, False]
    assert many["reason"].to_numpy()[1] == (
        "the rows in which the response is known do not have all coefficients and effects of the model "
        "(without arm[drug])"
    )


def test_levels_that_a_response_lacks_have_no_effects(responses, table):
    gap = responses[["gene 0"]].where(table["a"] != "a3")
    many = quiet("y ~ x + (1 | a)", gap, table, keep=["b_a"]).isel(response=0)
    lacks = many["draws_b_a"].isnull().all(("chain", "draw", "a_effect"))
    assert many["a"].to_numpy()[lacks].tolist() == ["a3"]
    fit = of_one(many, gap, table, "y ~ x + (1 | a)")
    kept = many["draws_b_a"].sel(a=fit.posterior["a"].to_numpy())
    np.testing.assert_array_equal(kept, fit.posterior["b_a"])


def test_neither_order_nor_neighbours_matter(responses, table):
    whole = quiet(MODEL, responses, table)
    turned = quiet(MODEL, responses.iloc[:, ::-1], table)
    xr.testing.assert_identical(whole, turned.isel(response=slice(None, None, -1)))
    some = quiet(MODEL, responses[["gene 2"]], table)
    xr.testing.assert_identical(whole.sel(response=["gene 2"]), some)


@pytest.mark.thorough
def test_processes_give_the_same_answers(responses, table):
    one, two = quiet(MODEL, responses, table), quiet(MODEL, responses, table, jobs=2)
    xr.testing.assert_identical(one, two)


@pytest.mark.parametrize("kind", ["dictionary", "polars", "arrow", "labelled"])
def test_responses_of_any_kind(responses, table, kind):
    few = responses[["gene 0", "with gaps"]]
    given = {
        "dictionary": lambda: few.to_dict("list"),
        "polars": lambda: pl.from_pandas(few),
        "arrow": lambda: pl.from_pandas(few).to_arrow(),
        "labelled": lambda: xr.DataArray(few, dims=("person", "gene"), coords={"gene": list(few)}),
    }[kind]()
    xr.testing.assert_identical(quiet(MODEL, few, table), quiet(MODEL, given, table))


def test_an_array_has_numbers_for_names(responses, table):
    many = quiet(MODEL, responses.to_numpy()[:, :2], pl.from_pandas(table))
    assert many["response"].to_numpy().tolist() == ["0", "1"]
    assert many["seed"].to_numpy().tolist() == [seed_of(4, "0"), seed_of(4, "1")]


def test_masked_values_are_missing(responses, table):
    values = responses[["gene 0", "with gaps"]].to_numpy()
    masked = np.ma.array(np.where(np.isnan(values), -9999.0, values), mask=np.isnan(values))
    xr.testing.assert_identical(quiet(MODEL, masked, table), quiet(MODEL, values, table))


def test_a_response_without_a_visit_is_a_row_with_its_reason():
    rng = np.random.default_rng(0)
    visits = pd.DataFrame({"g": np.repeat(np.arange(20), 3), "v": np.tile([1, 2, 3], 20)})
    several = pd.DataFrame(rng.normal(size=(60, 2)), columns=["all visits", "not the first"])
    several.loc[visits["v"] == 1, "not the first"] = np.nan
    many = quiet("y ~ 1 + unstr(v, gr=g)", several, visits)
    assert many["fitted"].to_numpy().tolist() == [True, False]
    assert "do not have all of" in str(many["reason"].to_numpy()[1])


def test_a_seed_that_is_not_given_is_drawn_and_stated(responses, table):
    first = quiet(MODEL, responses.iloc[:, :1], table, seed=None)
    again = quiet(MODEL, responses.iloc[:, :1], table, seed=int(first.attrs["seed"]))
    xr.testing.assert_identical(first, again)


# A folder that is written as the answers are made.


def test_answers_in_a_folder_are_those_in_memory(responses, table, tmp_path):
    spoiled = responses.assign(constant=1.0)
    stored = quiet(MODEL, spoiled, table, path=tmp_path / "many.zarr", keep=["beta"])
    there = quiet(MODEL, spoiled, table, keep=["beta"])
    xr.testing.assert_equal(stored.load().drop_vars("reason"), there.drop_vars("reason"))
    assert stored["reason"].to_numpy().tolist() == there["reason"].to_numpy().tolist()
    with xr.open_zarr(tmp_path / "many.zarr", chunks=None) as read:
        xr.testing.assert_equal(read.load(), stored)


def test_an_interrupted_study_is_continued(responses, table, tmp_path, monkeypatch):
    done = []

    def until(most):
        def fit_batch(names, *rest):
            if len(done) >= most:
                raise KeyboardInterrupt
            done.extend(names)
            return whole(names, *rest)

        return fit_batch

    whole, path = module.fit_batch, tmp_path / "many.zarr"
    monkeypatch.setattr(module, "fit_batch", until(2))
    with pytest.warns(pp.SamplingWarning, match="interrupted: 2 of 4 responses are done"):
        part = pp.fit_many(MODEL, responses, table, path=path, **{**SHORT, "draws": 300})
    assert part["done"].to_numpy().tolist() == [True, True, False, False]
    assert part["beta"].isel(response=slice(2, 4)).isnull().all()
    monkeypatch.setattr(module, "fit_batch", until(99))
    rest = quiet(MODEL, responses, table, path=path, draws=300, seed=None)
    assert done == list(responses)
    monkeypatch.setattr(module, "fit_batch", whole)
    xr.testing.assert_equal(
        rest.load().drop_vars("reason"), quiet(MODEL, responses, table, draws=300).drop_vars("reason")
    )
    quiet(MODEL, responses, table, path=path, draws=300)
    assert done == list(responses)


def test_an_interrupt_in_memory_leaves_what_is_done(responses, table, monkeypatch):
    whole = module.fit_batch

    def fit_batch(names, *rest):
        if list(responses)[1] in names:
            raise KeyboardInterrupt
        return whole(names, *rest)

    monkeypatch.setattr(module, "fit_batch", fit_batch)
    with pytest.warns(pp.SamplingWarning, match="interrupted: 1 of 4 responses are done; see `done`"):
        part = pp.fit_many(MODEL, responses, table, **{**SHORT, "draws": 300})
    assert part["done"].to_numpy().tolist() == [True, False, False, False]
    assert part["fitted"].to_numpy().tolist() == [True, False, False, False]


SCRIPT = """
    import numpy as np, pandas as pd, sys
    import partialpool as pp

    if __name__ == "__main__":
        rng = np.random.default_rng(1)
        table = pd.DataFrame({"a": rng.integers(0, 12, 90), "b": rng.integers(0, 6, 90), "x": rng.normal(size=90)})
        y = rng.normal(size=(90, 120)) + rng.normal(size=(12, 120))[table["a"]]
        path = None if sys.argv[1] == "-" else sys.argv[1]
        many = pp.fit_many("y ~ x + (1 | a) + (1 | b)", y, table, seed=1, draws=100, jobs=int(sys.argv[2]), path=path)
        print("done", int(many["done"].sum()), int(many["fitted"].sum()))
"""


def start(tmp_path, path, jobs):
    script = tmp_path / "study.py"
    script.write_text(textwrap.dedent(SCRIPT))
    return subprocess.Popen(
        [sys.executable, str(script), str(path), str(jobs)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def wait_for_some(path, process, *, least=12):
    for _ in range(1200):
        time.sleep(0.1)
        assert process.poll() is None, process.stderr.read()
        if path.exists():
            with xr.open_zarr(path, chunks=None) as found:
                if int(found["done"].sum()) >= least:
                    return
    raise AssertionError("no answers after two minutes")


@pytest.mark.thorough
@pytest.mark.parametrize("jobs", [1, 2])
def test_a_killed_study_is_readable_and_continued(tmp_path, jobs):
    path = tmp_path / "many.zarr"
    process = start(tmp_path, path, jobs)
    wait_for_some(path, process)
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for one in reversed(family):  # the study first: its workers would wait for it, and keep its pipes open
        one.kill()
    process.communicate(timeout=60)
    with xr.open_zarr(path, chunks=None) as part:
        done = part["done"].to_numpy()
        assert 12 <= done.sum() < 120
        assert part["fitted"].to_numpy()[done].all()
        assert np.isfinite(part["beta"].to_numpy()[done]).all()
        before = part.isel(response=np.flatnonzero(done)).load()
    again = start(tmp_path, path, jobs)
    out, err = again.communicate(timeout=300)
    assert "done 120 120" in out, err
    with xr.open_zarr(path, chunks=None) as whole:
        xr.testing.assert_equal(whole.isel(response=np.flatnonzero(done)).load(), before)
        assert np.isfinite(whole["beta"].to_numpy()).all()


@pytest.mark.thorough
def test_ctrl_c_leaves_what_is_done(tmp_path):
    path = tmp_path / "many.zarr"
    process = start(tmp_path, path, 2)
    wait_for_some(path, process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert "interrupted: " in err
    assert 12 <= int(out.split()[1]) < 120


@pytest.mark.thorough
def test_a_worker_that_is_killed_loses_nothing(tmp_path):
    path = tmp_path / "many.zarr"
    process = start(tmp_path, path, 2)
    wait_for_some(path, process)
    workers = [c for c in psutil.Process(process.pid).children() if "popen_loky" in " ".join(c.cmdline())]
    workers[0].kill()
    out, err = process.communicate(timeout=300)
    assert "done 120 120" in out, err


# What is refused.


def test_wrong_responses(responses, table):
    for wrong, message in [
        (
            responses.to_numpy().T,
            "another number of rows than the table\n.*4 rows of responses, 90 of the.*\n.*\n.*transpose",
        ),
        (responses.iloc[:50], "(?s)another number of rows.*select the same rows of both"),
        (responses.iloc[:, :0], "(?s)there are no responses.*0 columns"),
        (responses.to_numpy()[:, 0], "(?s)not an array of two dimensions.*1 dimensions, shape"),
        (np.full((90, 2), "high"), "(?s)values that are no numbers.*NaN where a value is missing"),
        (responses.set_axis(["a", "a", "b", "c"], axis=1), "(?s)the same name.*'a'.*rename them"),
        (responses.set_axis(responses.index[::-1] + 1, axis=0), "(?s)other labels than.*put them in the table's order"),
    ]:
        given = table.set_axis(table.index + 1, axis=0)
        with pytest.raises(pp.DataError, match=message):
            pp.fit_many(MODEL, wrong, given, **SHORT)


def test_a_sorted_table_and_responses_that_are_not(responses, table):
    """The labels of both are 0, 1, ..., in another order."""
    with pytest.raises(pp.DataError, match=r"(?s)other labels than.*responses.loc\[data.index\]"):
        pp.fit_many(MODEL, responses, table.iloc[::-1], **SHORT)


def test_wrong_models(responses, table):
    for model, more, error, message in [
        (
            MODEL,
            {"family": "poisson"},
            pp.EngineError,
            "(?s)integrate out exactly.*'poisson'.*fit each response by pp.fit",
        ),
        ("log(y) ~ x + (1 | a)", {}, pp.SpecError, "(?s)a name alone.*stands for each.*transform them before"),
        ("y | frequency(n) ~ x + (1 | a)", {}, pp.SpecError, "(?s)a name alone.*repeat the rows"),
        (MODEL, {"keep": ["bta"]}, pp.SpecError, r"(?s)no such quantity to keep.*'bta'.*'beta' \(nearest\)"),
        ("y ~ z + (1 | a)", {}, pp.DataError, "the table has no column 'z'"),
    ]:
        with pytest.raises(error, match=message):
            pp.fit_many(model, responses, table.assign(n=2), **SHORT, **more)
    with pytest.raises(pp.SpecError, match=r"(?s)cannot be kept: a dimension.*'response'.*rename the column"):
        pp.fit_many(
            "y ~ 1 + (1 | response)", responses, table.rename(columns={"a": "response"}), keep=["b_response"], **SHORT
        )


def test_another_study_in_the_folder_is_refused(responses, table, tmp_path):
    path = tmp_path / "many.zarr"
    quiet(MODEL, responses.iloc[:, :1], table, path=path)
    for other, more in [
        (responses.iloc[:, :1] + 1, {}), (responses.iloc[:, :2], {}), (responses.iloc[:, :1], {"draws": 70}),
        (responses.iloc[:, :1], {"keep": ["beta"]}),
    ]:  # fmt: skip
        with pytest.raises(
            pp.FileError, match=r"(?s)other data, another model or other settings.*name another, or delete"
        ):
            quiet(MODEL, other, table, path=path, **more)
    with pytest.raises(pp.FileError, match=r"(?s)answers of another seed.*seed=5.*leave out seed="):
        quiet(MODEL, responses.iloc[:, :1], table, path=path, seed=5)
    (tmp_path / "note").write_text("text")
    with pytest.raises(pp.FileError, match=r"(?s)the path of the answers has something else.*name another"):
        quiet(MODEL, responses.iloc[:, :1], table, path=tmp_path / "note")
    with pytest.raises(
        pp.FileError, match=r"(?s)cannot create the folder of the answers.*create the folder above first"
    ):
        quiet(MODEL, responses.iloc[:, :1], table, path=tmp_path / "note" / "many.zarr")


def test_answers_that_do_not_fit_are_refused_before_the_first_fit(responses, table, monkeypatch):
    monkeypatch.setattr("partialpool.memory.psutil.virtual_memory", lambda: type("M", (), {"total": 1000.0})())
    with pytest.raises(pp.EngineError, match=r"(?s)the answers of all responses do not fit into memory.*path="):
        pp.fit_many(MODEL, responses, table, **SHORT)
