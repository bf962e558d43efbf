"""Models with censored responses: notations, refusals, likelihoods of survival's survreg, posteriors, answers."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special, stats

import partialpool as pp
from checks.censored_table import censored_table
from checks.refusals import check_refused
from partialpool.design.append_rows import append_rows
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.design.subset import keep_rows
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.reporting.describe import describe_words

REFERENCE = Path(__file__).parent / "reference"
SURVREG = json.loads((REFERENCE / "censored.json").read_text("utf-8"))
FAMILIES = ("gaussian", "lognormal", "weibull", "exponential")
INTERVALS = "y | cens(status, y2) ~ x + (1 | g)"


def kidney():
    table = pd.read_csv(REFERENCE / "kidney.csv")
    table["upper"] = table["high"].where(table["kind"] == "interval")
    table["lower"] = table["low"].where(table["kind"] == "interval", table["time"])
    table["early"] = np.where(table["time"] > 20, "none", "left")
    return table


# Notations.


def test_the_three_notations_are_one_model():
    spec = pp.ModelSpec.from_formula(INTERVALS, family="weibull")
    assert spec == pp.ModelSpec("y", ["x"], [pp.Group("g")], family="weibull", cens=("status", "y2"))
    assert spec == pp.ModelSpec("y", ["x"], [pp.Group("g")], family="weibull", cens="status, y2")
    assert spec == pp.ModelSpec.from_formula("y | cens(status, y2=y2) ~ x + (1 | g)", family="weibull")
    assert spec.to_formula() == INTERVALS
    assert pp.ModelSpec.from_formula(spec.to_formula(), family="weibull") == spec
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
    beside = '[model]\nformula = "y ~ x"\nfamily = "weibull"\ncens = "status"'
    assert pp.ModelSpec.from_toml_text(beside).cens == "status"
    assert spec.columns == ("y", "status", "y2", "x", "g")
    assert spec.predictor_columns == ("x", "g")
    named = pp.ModelSpec.from_formula("y | cens(`the status`) + frequency(n) ~ 1", family="weibull")
    assert named.cens == "`the status`"
    assert pp.ModelSpec.from_formula(named.to_formula(), family="weibull") == named


@pytest.mark.parametrize(
    "status",
    [
        ["none", "left", "right"],
        [0, -1, 1],
        [0.0, -1.0, 1.0],
        ["None", "LEFT", "Right"],
        ["0", "-1", "1"],
    ],
)
def test_a_status_has_brms_words_or_codes(status):
    table = pd.DataFrame({"y": [1.0, 2.0, 3.0], "status": status})
    design = build_design(pp.ModelSpec.from_formula("y | cens(status) ~ 1", family="weibull"), table)
    assert design.response.other_ends.tolist() == [1.0, -np.inf, np.inf]


def test_true_is_right_censored():
    table = pd.DataFrame({"y": [1.0, 2.0, 3.0], "status": [False, True, False]})
    design = build_design(pp.ModelSpec.from_formula("y | cens(status) ~ 1", family="weibull"), table)
    assert design.response.other_ends.tolist() == [1.0, np.inf, 3.0]


# Refusals.


def test_words_that_are_no_status_are_refused():
    table = {"y": [1.0, 2.0, 3.0], "status": ["none", "dead", "right"]}
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | cens(status) ~ 1", table, family="weibull"),
        "the status of censoring 'status' has a value that is none of those known",
        "'dead'",
        "'none', 'right', 'left', 'interval'; 0, 1, -1, 2; or True (right censored) and False",
        "recode the column",
    )
    table["status"] = [0, 3, 1]
    check_refused(pp.DataError, lambda: pp.priors("y | cens(status) ~ 1", table, family="weibull"), "3 ")


def test_intervals_need_an_upper_end_above_the_response():
    table = {"y": [1.0, 2.0, 3.0], "status": ["none", "interval", "right"], "y2": [None, 2.0, None]}
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | cens(status) ~ 1", table, family="weibull"),
        "interval censored rows need the upper end of their interval",
        "cens(status, y2): the response is in (y, y2]",
    )
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | cens(status, y2) ~ 1", table, family="weibull"),
        "an interval's upper end 'y2' is not above its lower end 'y'",
        "2 to 2",
    )
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | cens(status, y2) ~ 1", table | {"y2": ["a", "b", "c"]}, family="weibull"),
        "the upper ends 'y2' are no numbers",
    )
    check_refused(
        pp.DataError,
        lambda: pp.priors("log(y) | cens(status, y2) ~ 1", table | {"y2": [1.0, 5.0, 1.0]}),
        "interval censored rows need a response that is a column",
    )


def test_rows_of_which_nothing_was_seen_are_refused():
    table = {"y": [1.0, 2.0, 3.0], "status": [1, 1, -1]}
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | cens(status) ~ 1", table, family="weibull"),
        "every row of 'y' is censored on one side",
        "3 of 3 rows are censored: 2 right, 1 left",
        "survival's event is 1 - this",
    )


@pytest.mark.parametrize("family", ["beta", "bernoulli", "skew_normal", "cumulative"])
def test_other_families_are_refused(family):
    check_refused(
        pp.SpecError,
        lambda: pp.ModelSpec.from_formula("y | cens(status) ~ 1", family=family),
        f"family {family!r} does not take censored responses",
        "'gaussian', 'student_t', 'lognormal', ",
    )


@pytest.mark.parametrize(
    ("formula", "other"),
    [
        ("y | cens(status) + se(s) ~ 1", "se='s'"),
        ("y | cens(status) + precision(w) ~ 1", "precision='w'"),
        ("y | cens(status) ~ x, sigma ~ 0 + arm", "sigma=('arm',)"),
        ("y | cens(status) ~ x + ar(time, gr=g)", "ar(time, gr=g)"),
    ],
)
def test_what_does_not_go_with_it_is_refused(formula, other):
    check_refused(
        pp.SpecError,
        lambda: pp.ModelSpec.from_formula(formula),
        "censored responses do not go with this part of the model",
        other,
    )


@pytest.mark.parametrize("text", ["cens()", "cens(a, b, c)", "cens(log(a))", "cens(a, y3=b)", "cens(1)"])
def test_a_formula_that_cannot_be_read_is_refused(text):
    check_refused(pp.FormulaError, lambda: pp.ModelSpec.from_formula(f"y | {text} ~ 1"), "'y | cens(status, y2)'")


@pytest.mark.parametrize("cens", ["", "a, b, c", 3, ("a", 3), ("a", "b", "c")])
def test_a_keyword_that_cannot_be_read_is_refused(cens):
    check_refused(pp.SpecError, lambda: pp.ModelSpec("y", cens=cens), "cens must name the column", repr(cens))


# Likelihoods.


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize(
    ("kind", "response"),
    [
        ("right", "time | cens(censored)"),
        ("interval", "lower | cens(kind, upper)"),
        ("left", "time | cens(early)"),
    ],
)
def test_maximum_likelihood_is_that_of_survreg(family, kind, response):
    fit = pp.maximum_likelihood(f"{response} ~ age + sex", kidney(), family=family)
    own = SURVREG[family][kind]
    coef = np.array(own["coef"])
    if family in ("weibull", "exponential"):  # survreg's location is log scale, ours log mean
        coef[0] += special.gammaln(1 + own["scale"])
    assert fit.log_likelihood == pytest.approx(own["loglik"], abs=2e-5)
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(coef, rel=2e-3, abs=2e-4)


def counted(table):
    """Return the table with counts in place of times."""
    return table.assign(y=np.floor(2 * table["y"]), y2=np.floor(2 * table["y2"]) + 1)


@pytest.mark.parametrize("family", [*FAMILIES, "poisson", "negative_binomial", "gamma", "student_t"])
def test_the_pymc_model_has_the_same_density_of_every_row(family):
    table = counted(censored_table()) if family in ("poisson", "negative_binomial") else censored_table()
    model = pp.build_model(INTERVALS, table, family=family)
    point = model.initial_point()
    twin = model.compile_logp(vars=model.observed_RVs, sum=False)(point)[0]
    variables = [*model.free_RVs, *model.deterministics]
    values = model.compile_fn(
        model.replace_rvs_by_values(variables), inputs=model.value_vars, point_fn=True, on_unused_input="ignore"
    )(point)
    draws = {one.name: np.asarray(value)[None] for one, value in zip(variables, values, strict=True)}
    design = build_design(pp.ModelSpec.from_formula(INTERVALS, family=family), table)
    rows = own_rows(design)
    ours = log_density(design, rows, linear_predictor(design, rows, draws), draws)[0]
    assert twin == pytest.approx(ours, rel=1e-6, abs=1e-6)  # PyMC's normal has sqrt(2) in single precision
    assert all(np.isfinite(slope).all() for slope in model.compile_dlogp()(point)[None])


@pytest.mark.parametrize("family", ["weibull", "gaussian"])
@pytest.mark.parametrize("formula", [INTERVALS, "y | cens(status) ~ x"])
def test_the_script_has_the_model_of_build_model(family, formula):
    table = censored_table()
    if formula != INTERVALS:
        table = table[table["status"] != "interval"].drop(columns="y2")
    model = pp.build_model(formula, table, family=family)
    names = {"__name__": "script"}
    exec(compile(str(pp.pymc_source(formula, table, family=family)), "script", "exec"), names)
    found = [one.compile_logp()(one.initial_point()) for one in (model, names["model"])]
    assert found[1] == pytest.approx(found[0], rel=1e-7)


def test_maximum_likelihood_of_censored_counts_is_that_of_a_search():
    table = counted(censored_table(rows=200))
    y, x, kind = table["y"].to_numpy(), table["x"].to_numpy(), table["status"].to_numpy()
    y2 = table["y2"].fillna(0).to_numpy()

    def deviance(beta):
        new = stats.poisson(np.exp(beta[0] + beta[1] * x))
        between = np.log(np.maximum(new.cdf(y2) - new.cdf(y), 1e-300))
        log_p = [new.logpmf(y), new.logsf(y), new.logcdf(y), between]
        return -2 * np.select([kind == one for one in ("none", "right", "left", "interval")], log_p).sum()

    found = optimize.minimize(deviance, [0.5, 0.0], method="Nelder-Mead", tol=1e-10)
    fit = pp.maximum_likelihood("y | cens(status, y2) ~ x", table, family="poisson")
    assert fit.log_likelihood == pytest.approx(-found.fun / 2, abs=1e-5)
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(found.x, abs=1e-4)


def test_upper_ends_of_counts_are_integers():
    table = {"y": [1, 2, 3], "status": [0, 2, 0], "y2": [None, 4.5, None]}
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | cens(status, y2) ~ 1", table, family="poisson"),
        "upper ends 'y2' of counts must be integers",
        "4.5",
    )


# Fits.


def waiting_times(rows=500, levels=50, seed=5):
    """Simulate times of a Weibull distribution, half of them cut off, with the parameters that made them."""
    rng = np.random.default_rng(seed)
    truth = {"beta": np.array([1.0, 0.5]), "sd_g": 0.5, "alpha": 1.6}
    g, x = rng.permutation(np.resize(np.arange(levels), rows)), rng.normal(size=rows)
    u = rng.normal(0, truth["sd_g"], levels)
    scale = np.exp(truth["beta"][0] + truth["beta"][1] * x + u[g]) / special.gamma(1 + 1 / truth["alpha"])
    time, cut = scale * rng.weibull(truth["alpha"], rows), rng.exponential(4, rows)
    table = pd.DataFrame({"time": np.minimum(time, cut), "censored": time > cut, "x": x, "g": g})
    return table, truth


@pytest.fixture(scope="module")
def waited():
    table, truth = waiting_times()
    return pp.fit("time | cens(censored) ~ x + (1 | g)", table, family="weibull", seed=1, progressbar=False), truth


def test_a_fit_finds_the_parameters_that_made_the_times(waited):
    fit, truth = waited
    assert fit.run.engine == "nuts"
    assert fit.digest.verdict.good
    for name, true in truth.items():
        draws = fit.posterior[name].to_numpy().reshape(4000, -1)
        z = (draws.mean(axis=0) - true) / draws.std(axis=0)
        assert (abs(z) < 3).all()
    ignored = pp.maximum_likelihood("time ~ x + (1 | g)", waiting_times()[0], family="weibull")
    assert ignored.coefficients["estimate"].iloc[0] < 0.75  # what ignoring the censoring would say


def test_a_fit_says_how_many_rows_are_censored(waited):
    fit, _ = waited
    count = int(waiting_times()[0]["censored"].sum())
    assert f"{count} of 500 rows are censored: {count} right" in str(fit)
    assert "each censored row counts with the probability of what is known of it" in describe_words(fit.design)


def test_the_log_likelihood_of_a_censored_row_is_that_of_its_tail(waited):
    fit, _ = waited
    table = waiting_times()[0]
    rows, draw = np.flatnonzero(table["censored"])[:5], {"chain": 0, "draw": 7}
    found = pp.log_likelihood(fit)["time"].isel(draw).to_numpy()[rows]
    eta = pp.predict(fit, seed=1)["linear_predictor"].isel(draw).to_numpy()[rows]
    alpha = float(fit.posterior["alpha"].isel(draw))
    new = stats.weibull_min(alpha, scale=np.exp(eta) / special.gamma(1 + 1 / alpha))
    assert found == pytest.approx(new.logsf(table["time"].to_numpy()[rows]), rel=1e-10)


def test_new_responses_are_not_censored(waited):
    fit, _ = waited
    table = waiting_times()[0]
    new = pp.posterior_predictive(fit, seed=1)["time"].mean(("chain", "draw")).to_numpy()
    expected = pp.predict(fit, seed=1)["expectation"].mean(("chain", "draw")).to_numpy()
    assert new == pytest.approx(expected, rel=0.15)
    assert new.mean() > 1.5 * table["time"].mean()
    answer = pp.predict(fit, pd.DataFrame({"x": [0.0], "g": [3]}), seed=1)  # no status is needed
    assert "response" in answer


def test_quantile_residuals_count_what_is_known(waited):
    fit, _ = waited
    z = pp.quantile_residuals(fit, levels="new", seed=1)["z"].to_numpy()
    assert stats.kstest(z, "norm").pvalue > 0.01


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (pp.posterior_checks, "posterior_checks"),
        (pp.level_statistics, "level_statistics"),
        (lambda fit: pp.residual_trends(fit, "x"), "residual_trends"),
        (pp.naive_errors, "naive_errors"),
        (pp.shrinkage, "a comparison of levels with and without pooling"),
        (lambda fit: pp.level_lines(fit, "x"), "a comparison of levels with and without pooling"),
    ],
)
def test_questions_about_responses_that_were_not_seen_are_refused(waited, ask, name):
    check_refused(
        pp.DataError,
        lambda: ask(waited[0]),
        f"{name} is not available for censored responses",
        "rows are censored: ",
        "a model whose responses were all seen",
    )


def test_check_says_what_it_does_not_judge(waited):
    finding = pp.check(waited[0], seed=1).findings[-1]
    assert not finding.judged
    assert "pp.quantile_residuals counts censored rows" in finding.found


def test_a_saved_fit_has_its_censoring(waited, tmp_path):
    fit, _ = waited
    fit.save(tmp_path / "fit.nc")
    again = pp.load_fit(tmp_path / "fit.nc")
    assert again.design.response.other_ends.tolist() == fit.design.response.other_ends.tolist()
    assert again.spec == fit.spec


def test_rows_left_out_and_rows_appended_keep_their_censoring(waited):
    fit, _ = waited
    table = waiting_times()[0]
    half = build_design(fit.spec, table.iloc[:300])
    ends = fit.design.response.other_ends
    assert append_rows(half, table.iloc[300:]).whole.response.other_ends.tolist() == ends.tolist()
    kept = np.arange(500) % 3 > 0
    assert keep_rows(fit.design, kept).response.other_ends.tolist() == ends[kept].tolist()


def test_fits_of_other_censoring_are_not_compared(waited):
    fit, _ = waited
    table = waiting_times()[0]
    other = pp.fit("time ~ x + (1 | g)", table, family="weibull", draws=50, seed=1, progressbar=False)
    check_refused(pp.DataError, lambda: pp.compare({"a": fit, "b": other}), "fits of different data")


def test_the_order_of_rows_and_the_unit_of_time_do_not_matter():
    table = kidney()
    fit = pp.maximum_likelihood("time | cens(censored) ~ age + (1 | id)", table, family="weibull")
    hours = table.assign(time=table["time"] * 24).iloc[::-1]
    other = pp.maximum_likelihood("time | cens(censored) ~ age + (1 | id)", hours, family="weibull")
    ours, others = (one.coefficients["estimate"].to_numpy() for one in (fit, other))
    assert others == pytest.approx(ours + np.array([np.log(24), 0]), abs=1e-4)
    seen = (table["censored"] == 0).sum()
    assert other.log_likelihood == pytest.approx(fit.log_likelihood - seen * np.log(24), abs=1e-4)


def test_an_lrt_has_no_simulated_null():
    check_refused(
        pp.DataError,
        lambda: pp.lrt(
            "time | cens(censored) ~ age + (1 | id)",
            "time | cens(censored) ~ age",
            kidney(),
            family="weibull",
            simulations=10,
        ),
        "a simulated null distribution is not available for censored responses",
        "simulations=0",
    )


# Beside other parts of a model.


def test_a_predictor_of_sigma_beside_censoring_finds_what_made_the_responses():
    """The spread grows with x, and so does the share of responses above the limit."""
    rng = np.random.default_rng(8)
    rows, truth = 900, {"beta": np.array([1.0, 0.4]), "beta_sigma": np.array([-0.4, 0.5])}
    x, g = rng.normal(size=rows), rng.integers(0, 30, rows)
    eta = truth["beta"][0] + truth["beta"][1] * x + rng.normal(0, 0.4, 30)[g]
    y = rng.normal(eta, np.exp(truth["beta_sigma"][0] + truth["beta_sigma"][1] * x))
    table = pd.DataFrame({"y": np.minimum(y, 1.6), "late": y > 1.6, "x": x, "g": g})
    fit = pp.fit(["y | cens(late) ~ x + (1 | g)", "sigma ~ x"], table, seed=1, progressbar=False)
    assert fit.digest.verdict.good
    for name, true in truth.items():
        draws = fit.posterior[name].to_numpy().reshape(4000, -1)
        assert (abs(draws.mean(axis=0) - true) / draws.std(axis=0) < 3.5).all()
    naive = pp.fit(["y ~ x + (1 | g)", "sigma ~ x"], table, seed=1, draws=300, progressbar=False)
    assert float(naive.posterior["beta_sigma"][..., 1].mean()) < 0.35  # bounds have no spread
    sigma = pp.predict(fit, seed=1)["sigma"].mean(("chain", "draw")).to_numpy()
    assert np.corrcoef(np.log(sigma), x)[0, 1] > 0.999
    z = pp.quantile_residuals(fit, levels="new", seed=1)["z"].to_numpy()
    assert stats.kstest(z, "norm").pvalue > 0.01


def test_a_smooth_beside_censoring_follows_the_curve_through_the_limit():
    rng = np.random.default_rng(9)
    x = rng.uniform(0, 1, 500)
    curve = np.sin(2 * np.pi * x)
    y = curve + rng.normal(0, 0.3, 500)
    table = pd.DataFrame({"y": np.minimum(y, 0.6), "late": y > 0.6, "x": x})
    grid = pd.DataFrame({"x": np.linspace(0.05, 0.95, 40)})
    truth = np.sin(2 * np.pi * grid["x"].to_numpy())
    found = {}
    for name, formula in {"censored": "y | cens(late) ~ s(x)", "naive": "y ~ s(x)"}.items():
        fit = pp.fit(formula, table, seed=1, progressbar=False)
        assert fit.digest.verdict.good
        found[name] = pp.predict(fit, grid, seed=1)["expectation"].to_numpy().reshape(4000, 40)
    mean, sd = found["censored"].mean(axis=0), found["censored"].std(axis=0)
    assert (abs(mean - truth) / sd).max() < 4
    assert np.sqrt(((mean - truth) ** 2).mean()) < 0.1
    assert (truth - found["naive"].mean(axis=0)).max() > 0.3  # 0.6 taken for the response
