"""Fits of several completed tables: mixed draws, diagnostics within tables, Rubin's rules, questions, files."""

import pickle
import warnings

import arviz
import numpy as np
import pandas as pd
import pytest
import xarray as xr

import partialpool as pp
from checks.refusals import check_refused
from partialpool.cli import main
from partialpool.errors import DataError, DataWarning, SamplingWarning
from partialpool.fitting.over_tables import joined_answers
from partialpool.fitting.rubin import pool
from partialpool.sampling.collapsed import CollapsedEngine
from partialpool.sampling.engine import check_room_for_effects
from partialpool.sampling.mixing import mcse_mean, mixing
from partialpool.sampling.settings import Settings

FORMULA = "y ~ x + (x | g)"
TABLES = 5
SLOPE = {
    "sd_g": pp.Prior("HalfNormal", sigma=2),
    "sigma": pp.Prior("HalfNormal", sigma=3),
    "beta[Intercept]": pp.Prior("Normal", mu=0, sigma=10),
    "beta[x]": pp.Prior("Normal", mu=0, sigma=5),
}


def complete(groups=12, each=8, seed=2):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(groups), each)
    x = rng.normal(size=len(g))
    y = 1 + 0.8 * x + rng.normal(0, 1, groups)[g] + rng.normal(0, 0.5, groups)[g] * x + rng.normal(0, 1, len(g))
    return pd.DataFrame({"g": [f"g{k:02d}" for k in g], "x": x, "y": y, "count": rng.poisson(np.exp(0.3 * x))})


def completed(tables=TABLES, share=0.3, seed=4):
    """Tables with imputed values of x, which are noise: they differ enough for chains of two tables not to agree."""
    table, rng = complete(), np.random.default_rng(seed)
    unknown = rng.random(len(table)) < share
    return [table.assign(x=table["x"].where(~unknown, rng.normal(0, 2, len(table)))) for _ in range(tables)]


@pytest.fixture(scope="module")
def tables():
    return completed()


@pytest.fixture(scope="module")
def fit(tables):
    return pp.fit_imputed(FORMULA, tables, priors=SLOPE, seed=1, progressbar=False)


def test_each_table_has_the_posterior_of_a_fit_by_itself(fit, tables):
    assert fit.posterior.sizes["chain"] == 4 * TABLES
    for own, table in zip(fit.of_tables, tables, strict=True):
        alone = pp.fit(FORMULA, table, priors=SLOPE, seed=7, progressbar=False)
        for name, draws in alone.digest.draws.items():
            mine = own.digest.draws[name]
            error = np.hypot(mcse_mean(draws), mcse_mean(mine))
            assert abs(draws.mean() - mine.mean()) < 5 * error, name
        np.testing.assert_array_equal(own.design.frame["x"], table["x"])


def test_imputations_from_the_model_give_the_posterior_of_the_observed_rows():
    """With imputed responses drawn from the model itself, the completed tables know no more than the observed rows."""
    table, rng = complete(groups=20), np.random.default_rng(8)
    unknown = rng.random(len(table)) < 0.3
    observed = pp.fit(FORMULA, table[~unknown], priors=SLOPE, seed=2, progressbar=False)
    count = 40
    drawn = pp.predict(observed, table[unknown], seed=3)["response"].stack(sample=("chain", "draw"))
    chosen = drawn.isel(sample=np.linspace(0, drawn.sizes["sample"] - 1, count).astype(int)).to_numpy()
    tables = []
    for k in range(count):
        y = table["y"].to_numpy().copy()
        y[unknown] = chosen[:, k]
        tables.append(table.assign(y=y))
    fit = pp.fit_imputed(FORMULA, tables, priors=SLOPE, draws=250, seed=4, progressbar=False)
    found, expected = pp.missing_information(fit), observed.digest.draws
    for name, draws in expected.items():
        row = found.loc[name]
        variance, between = draws.var(), row["between"] ** 2
        error = np.hypot(row["between"] / np.sqrt(count), mcse_mean(draws))
        assert abs(row["estimate"] - draws.mean()) < 5 * error, name
        # The variance between tables has a relative standard error of sqrt(2 / (m - 1)).
        spread = np.sqrt(2 / (count - 1)) * between + 0.1 * variance
        assert abs(row["std_error"] ** 2 - variance) < 5 * spread, name
    # About 30 % of the rows are missing, and as much of the information on the slope's and the residual sd.
    assert 0.1 < found.loc["sigma", "missing_information"] < 0.6


def test_diagnostics_are_those_within_tables(fit):
    assert fit.digest.verdict.good
    slope = fit.digest.draws["beta[x]"]
    assert float(arviz.rhat(fit.posterior["beta"].sel(coef="x"))) > 1.01  # the false alarm over all chains
    within = [mixing([own.digest.draws["beta[x]"]]) for own in fit.of_tables]
    row = fit.digest.frame.loc["beta[x]"]
    assert row["r_hat"] == pytest.approx(max(one.rhat[0] for one in within))
    assert row["ess_bulk"] == pytest.approx(sum(one.bulk_ess[0] for one in within))
    errors = [mcse_mean(own.digest.draws["beta[x]"]) for own in fit.of_tables]
    assert row["mcse_mean"] == pytest.approx(np.sqrt(np.square(errors).sum()) / TABLES)
    assert row["sd"] == pytest.approx(slope.std(ddof=1))


def test_a_table_whose_chains_disagree_is_found():
    good = np.random.default_rng(1).normal(size=(12, 500))
    bad = good.copy()
    bad[7] += 3
    assert mixing([good], tables=3).rhat[0] < 1.01
    assert mixing([bad], tables=3).rhat[0] > 1.2


def test_the_summary_says_what_was_mixed_and_how_much_is_missing(fit):
    text = str(fit)
    assert f"completed tables: {TABLES}, which differ in x; their draws are mixed" in text
    assert "Missing information: up to" in text
    assert f"too narrow with {TABLES} tables: use more" in text
    assert "log evidence" not in text
    assert "R-hat up to 1.0" in text
    assert "Missing information" in fit._repr_html_()


def test_rubins_rules():
    """The example of five estimates and variances in closed form."""
    rng = np.random.default_rng(3)
    means, within = np.array([1.0, 2, 3, 4, 5]), 4.0
    noise = rng.normal(size=(5, 4000))
    noise = (noise - noise.mean(axis=1, keepdims=True)) / noise.std(axis=1, ddof=1, keepdims=True) * np.sqrt(within)
    pooled = pool((means[:, None] + noise).reshape(20, 1000, 1), 5)
    between = means.var(ddof=1)
    total = within + 1.2 * between
    assert pooled.estimate[0] == pytest.approx(3)
    assert pooled.std_error[0] ** 2 == pytest.approx(total)
    r = 1.2 * between / within
    df = 4 * (1 + 1 / r) ** 2
    assert pooled.degrees_of_freedom[0] == pytest.approx(df)
    assert pooled.missing_information[0] == pytest.approx((r + 2 / (df + 3)) / (1 + r))
    mixed = (means[:, None] + noise).std()
    assert pooled.too_narrow[0] == pytest.approx(1 - mixed / np.sqrt(total), abs=1e-3)
    same = pool(np.tile(noise[:1], (5, 1)).reshape(20, 1000, 1), 5)
    assert same.missing_information[0] < 1e-12
    assert same.std_error[0] == pytest.approx(np.sqrt(within))


QUESTIONS = {
    "icc": lambda f: pp.icc(f),
    "variance_components": lambda f: pp.variance_components(f),
    "variance_function": lambda f: pp.variance_function(f, {"x": [0, 1]}),
    "predict": lambda f: pp.predict(f, {"x": [0.0, 1], "g": ["g00", "g01"]}, seed=1),
    "predict own rows": lambda f: pp.predict(f, seed=1),
    "average_effect": lambda f: pp.average_effect(f, "x"),
    "adjusted_means": lambda f: pp.adjusted_means(f, "x", at={"x": [0, 1]}),
    "shrinkage": lambda f: pp.shrinkage(f),
    "level_effects": lambda f: pp.level_effects(f, "x"),
    "level_ranks": lambda f: pp.level_ranks(f, "x"),
    "design_effect": lambda f: pp.design_effect(f),
    "recenter": lambda f: pp.recenter(f, "g", x=1),
    "log_likelihood": lambda f: pp.log_likelihood(f),
    "posterior_predictive": lambda f: pp.posterior_predictive(f, seed=1),
}


@pytest.mark.parametrize("question", QUESTIONS)
def test_a_question_is_asked_of_each_table_with_its_own_draws(fit, question):
    answer = QUESTIONS[question](fit)
    parts = [QUESTIONS[question](own) for own in fit.of_tables]
    drawn = [name for name in answer.data_vars if "chain" in answer[name].dims]
    assert drawn
    for name in (one for one in drawn if one not in ("response", "y")):  # each table has random numbers of its own
        stacked = np.concatenate([part[name].transpose("chain", ...).to_numpy() for part in parts])
        np.testing.assert_array_equal(answer[name].transpose("chain", ...).to_numpy(), stacked)
    assert list(answer.data_vars) == list(parts[0].data_vars)
    assert answer.sizes["chain"] == 4 * TABLES
    assert str(answer)
    missing = pp.missing_information(fit, answer[[drawn[0]]])
    assert (missing["std_error"] >= missing["within"]).all()


def test_noise_of_tables_is_independent_and_follows_the_seed(fit):
    new = {"x": [0.0], "g": ["somebody else"]}
    ask = lambda: pp.predict(fit, new, new_levels="sample", seed=3)  # noqa: E731
    answer = ask()
    xr.testing.assert_equal(answer, ask())
    noise = (answer["response"] - answer["expectation"]).to_numpy().reshape(TABLES, -1)
    correlation = np.corrcoef(noise)[np.triu_indices(TABLES, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(noise.shape[1])
    effects = (answer["expectation"] - pp.predict(fit, new, kind="typical")["expectation"]).to_numpy()
    correlation = np.corrcoef(effects.reshape(TABLES, -1))[np.triu_indices(TABLES, 1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(noise.shape[1])


def test_held_values_are_those_of_all_tables(fit, tables):
    grid = pp.datagrid(fit)
    assert grid["x"].item() == pytest.approx(np.mean([table["x"].mean() for table in tables]))
    assert str(pp.datagrid(pp.fit_imputed(FORMULA, tables[::-1], draws=20, seed=1, progressbar=False))) == str(grid)


def test_answers_to_different_questions_are_not_mixed(tables):
    two = [table.assign(x=(table["x"] > 0) * 10.0) for table in tables[:2]]
    two[1].loc[0, "x"] = 5.0  # three values in one table: its contrast is another
    mixed = pp.fit_imputed("y ~ x + (1 | g)", two, draws=50, seed=1, progressbar=False)
    check_refused(DataError, lambda: pp.average_effect(mixed, "x"), "do not answer the same question", "table 2 has")
    assert pp.average_effect(mixed, "x", values=[0, 10]).sizes["contrast"] == 1


def test_estimates_without_draws_are_pooled_by_rubins_rules(fit):
    answer = pp.shrinkage(fit)
    parts = [pp.shrinkage(own) for own in fit.of_tables]
    estimates = np.stack([part["no_pooling"].to_numpy() for part in parts])
    errors = np.stack([part["no_pooling_se"].to_numpy() for part in parts])
    np.testing.assert_allclose(answer["no_pooling"], estimates.mean(axis=0))
    total = np.mean(errors**2, axis=0) + (1 + 1 / TABLES) * estimates.var(axis=0, ddof=1)
    np.testing.assert_allclose(answer["no_pooling_se"], np.sqrt(total))


def test_answers_without_any_difference_stay_as_they_are():
    answer = xr.Dataset({"n": ("g", [3, 4]), "name": ("g", ["a", "b"]), "v": (("chain", "draw"), np.ones((1, 2)))})
    joined = joined_answers([answer, answer])
    assert joined["n"].dtype == answer["n"].dtype
    assert joined["name"].values.tolist() == ["a", "b"]
    assert joined["chain"].values.tolist() == [0, 1]


@pytest.mark.parametrize(
    "question",
    [
        lambda f: pp.posterior_checks(f, seed=1),
        lambda f: pp.quantile_residuals(f, seed=1),
        lambda f: pp.naive_errors(f),
        lambda f: pp.level_lines(f, "x"),
        lambda f: pp.singularity(f),
        lambda f: pp.power_scale(f),
        lambda f: pp.check(f, seed=1),
    ],
)
def test_checks_look_at_the_first_table_and_say_so(fit, question):
    with pytest.warns(DataWarning, match=f"looks at the first of {TABLES} completed tables"):
        answer = question(fit)
    assert str(answer) == str(question(fit.of_tables[0]))


def test_fits_of_completed_tables_are_compared_by_the_first(fit, tables):
    simple = pp.fit_imputed("y ~ x + (1 | g)", tables, seed=1, progressbar=False)
    with pytest.warns(DataWarning, match="compare looks at the first"):
        found = pp.compare({"slopes": fit, "intercepts": simple}, progressbar=False)
    firsts = {"slopes": fit.of_tables[0], "intercepts": simple.of_tables[0]}
    assert str(found) == str(pp.compare(firsts, progressbar=False))


def test_a_saved_fit_is_the_same(fit, tmp_path):
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert isinstance(again, pp.ImputedFit)
    assert str(again) == str(fit)
    assert str(pp.icc(again)) == str(pp.icc(fit))
    assert str(pp.predict(again, seed=1)) == str(pp.predict(fit, seed=1))
    assert str(pickle.loads(pickle.dumps(fit))) == str(fit)
    labelled = again.with_units({"y": "mm"})
    assert labelled.design.axis_units.response == "mm"
    assert all(own.design.axis_units.response == "mm" for own in labelled.of_tables)
    tree = pp.to_datatree(again, log_likelihood=False, posterior_predictive=False)
    assert "completed_tables" not in tree.children
    assert "log_likelihood" not in pp.to_datatree(again, posterior_predictive=False).children
    np.testing.assert_array_equal(tree["posterior"]["icc[g]"], fit.digest.draws["icc[g]"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DataWarning)  # of priors, which were scaled to all tables
        alone = pp.load_fit(fit.of_tables[1].save(tmp_path / "one.nc"))
    xr.testing.assert_equal(alone.posterior, fit.of_tables[1].posterior)


def test_some_draws_are_as_many_of_each_table(fit):
    answer = pp.predict(fit, {"x": [0.0], "g": ["g00"]}, draws=100, seed=1)
    assert dict(answer.sizes) == {"chain": 4 * TABLES, "draw": 5, "obs": 1}


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("count ~ x + (1 | g)", "poisson"),
        ("y ~ x + (1 | g) + ar(visit, gr=g)", "gaussian"),
        ("y ~ s(x, k=4) + (1 | g)", "gaussian"),
        ("y ~ x + (1 | g), sigma ~ 0 + arm", "gaussian"),
    ],
)
def test_every_kind_of_model_takes_completed_tables(tables, formula, family, tmp_path):
    rows = np.arange(len(tables[0]))
    more = [table.assign(visit=rows % 8, arm=np.where(rows // 8 % 2, "a", "b")) for table in tables[:2]]
    found = pp.fit_imputed(formula, more, family=family, draws=100, seed=1, progressbar=False)
    again = pp.load_fit(found.save(tmp_path / "fit.nc"))
    new = {"x": [0.0, 1], "g": ["g00", "g01"], "visit": [9, 9], "arm": ["a", "b"]}
    for one in (found, again):
        answer = pp.predict(one, new, seed=1)
        assert answer["expectation"].shape == (8, 100, 2)
    assert str(again) == str(found)


def test_the_seed_gives_the_same_draws_and_each_table_its_own(tables):
    short = {"draws": 50, "seed": 5, "progressbar": False}
    one, other = (pp.fit_imputed(FORMULA, tables[:2], **short) for _ in range(2))
    xr.testing.assert_equal(one.posterior, other.posterior)
    same = pp.fit_imputed(FORMULA, [tables[0], tables[0].assign(y=tables[0]["y"] + 1e-9)], **short)
    sigma = same.posterior["sigma"].to_numpy()
    assert abs(sigma[:4] - sigma[4:]).max() > 1e-3


class _Interrupted(CollapsedEngine):
    """An engine that is interrupted in the n-th table."""

    def __init__(self, at):
        self.left = at

    def run(self, design, priors, settings):
        self.left -= 1
        if not self.left:
            raise KeyboardInterrupt
        return super().run(design, priors, settings)


def test_an_interrupt_keeps_the_finished_tables(tables, monkeypatch, tmp_path):
    from partialpool.fitting import imputed

    for at, kept in ((4, 3), (3, 2)):
        monkeypatch.setattr(imputed, "choose_engine", lambda *_, at=at: (_Interrupted(at), "for the test"))
        with pytest.warns(SamplingWarning, match=f"draws of the first {kept} of {TABLES} completed tables"):
            found = pp.fit_imputed(FORMULA, tables, engine="collapsed", draws=50, seed=1, progressbar=False)
        assert found.n_tables == kept
        assert found.posterior.sizes["chain"] == 4 * kept
        assert f"completed tables: {kept}," in str(found)
        again = pp.load_fit(found.save(tmp_path / f"{kept}.nc"))
        assert again.n_tables == kept
        np.testing.assert_allclose(again.design.common.center, found.design.common.center)
        assert str(again.priors) == str(found.priors)
    monkeypatch.setattr(imputed, "choose_engine", lambda *_: (_Interrupted(2), "for the test"))
    with pytest.raises(KeyboardInterrupt):
        pp.fit_imputed(FORMULA, tables, engine="collapsed", draws=50, seed=1, progressbar=False)


def test_what_is_refused(fit, tables):
    check_refused(DataError, lambda: fit.update(tables[0]), "cannot be updated", "impute", "pp.fit_imputed")
    alone = fit.of_tables[0]
    check_refused(DataError, lambda: pp.missing_information(alone), "several completed tables", "a fit of one table")
    check_refused(
        DataError, lambda: pp.missing_information(fit, pp.icc(alone)), "not one of this fit", "4 chains", "20 chains"
    )
    check_refused(DataError, lambda: pp.missing_information(fit, xr.Dataset({"n": 1})), "contains no draws")


def test_draws_of_all_tables_must_fit_into_memory(tables):
    designs = pp.fit_imputed(FORMULA, tables[:2], draws=20, seed=1, progressbar=False).designs
    check_refused(
        pp.EngineError,
        lambda: check_room_for_effects(designs[0], Settings(draws=10**8), tables=len(designs)),
        "do not fit into memory",
        "x 2 tables",
    )


def test_reports_tables_and_methods_say_it(fit, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the report says once that checks look at the first table
        page = pp.report(fit, tmp_path / "report.html", sections=["Statistical methods", "Model checks"])
    said = f"Missing values of x were imputed {TABLES} times."
    assert said in pp.methods(fit)
    assert said in page.read_text(encoding="utf-8")
    assert f"Missing values were imputed {TABLES} times; the draws of all tables are mixed." in str(pp.table(fit))


def test_a_model_file_names_the_completed_tables(fit, tables, tmp_path, capsys):
    for k, table in enumerate(tables):
        table.to_csv(tmp_path / f"{k}.csv", index=False)
    names = ", ".join(f"'{k}.csv'" for k in range(TABLES))
    spec = pp.ModelSpec.from_formula(FORMULA, priors=SLOPE)
    text = f"{spec.to_toml()}\n[data]\nfiles = [{names}]\n"
    (tmp_path / "model.toml").write_text(text, encoding="utf-8")
    found = pp.fit_file(tmp_path / "model.toml", seed=1, progressbar=False)
    assert isinstance(found, pp.ImputedFit)
    np.testing.assert_allclose(found.posterior["beta"], fit.posterior["beta"], rtol=1e-6)
    assert main(["check", str(tmp_path / "model.toml")]) == 0
    assert "HalfNormal(sigma=2)" in capsys.readouterr().out
