"""Models with truncated responses: notations, refusals, likelihoods, fits and answers."""

import json
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text
from scipy import optimize, stats

import partialpool as pp
from checks.bounded_rows import distribution
from checks.refusals import check_refused
from partialpool.design.append_rows import append_rows
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.design.subset import keep_rows
from partialpool.design.truncation import Truncation
from partialpool.families.given import Given
from partialpool.families.links import LINKS
from partialpool.families.registry import FAMILIES as RECORDS
from partialpool.model.marginal_effects import check_marginal_mean
from partialpool.model.predictor import linear_predictor
from partialpool.model.response import log_density
from partialpool.model.truncated_mean import mean_over_levels_within
from partialpool.reporting.describe import describe_words

REFERENCE = Path(__file__).parent / "reference"
R = json.loads((REFERENCE / "truncated.json").read_text("utf-8"))
BOTH = "y | trunc(lb=low, ub=3) ~ x + (1 | g)"
COUNTS = ("poisson", "negative_binomial")
FAMILIES = ("gaussian", "lognormal", "weibull", "exponential")


def truncated_table(rows=80, levels=6, seed=3, *, counts=False):
    """Return responses within bounds of their own, 0.2 to 0.5 and 3, with the bounds as columns."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=rows * 4),
            "g": [f"g{i}" for i in rng.integers(0, levels, rows * 4)],
            "low": rng.choice([0.2, 0.5], rows * 4) if not counts else rng.choice([1.0, 2.0], rows * 4),
        }
    )
    y = rng.lognormal(0.2 * table["x"], 0.7)
    table["y"] = np.floor(3 * y) if counts else y
    table["most"] = 12.0 if counts else 3.0
    inside = (table["y"] >= table["low"]) & (table["y"] <= table["most"])
    return table[inside].head(rows).reset_index(drop=True)


# Notations.


def test_the_three_notations_are_one_model():
    spec = pp.ModelSpec.from_formula(BOTH, family="weibull")
    assert spec == pp.ModelSpec("y", ["x"], [pp.Group("g")], family="weibull", trunc="lb=low, ub=3")
    assert spec == pp.ModelSpec("y", ["x"], [pp.Group("g")], family="weibull", trunc={"lb": "low", "ub": 3})
    assert spec == pp.ModelSpec.from_formula("y | trunc(low, 3) ~ x + (1 | g)", family="weibull")
    assert spec == pp.ModelSpec.from_formula("y | trunc(ub=3, lb=low) ~ x + (1 | g)", family="weibull")
    assert spec.to_formula() == BOTH
    assert pp.ModelSpec.from_formula(spec.to_formula(), family="weibull") == spec
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
    beside = '[model]\nformula = "y ~ x"\ntrunc = "ub=-1.5"'
    assert pp.ModelSpec.from_toml_text(beside).trunc == "ub=-1.5"
    assert spec.columns == ("y", "x", "low", "g")
    assert spec.predictor_columns == ("x", "low", "g")
    named = pp.ModelSpec("y", trunc={"lb": np.float64(1e-7), "ub": "the limit"})
    assert named.trunc == "lb=0.0000001, ub=`the limit`"
    assert pp.ModelSpec.from_formula(named.to_formula()) == named


def test_it_stands_beside_censoring():
    spec = pp.ModelSpec.from_formula("y | trunc(lb=1) + cens(status) ~ x", family="weibull")
    assert (spec.cens, spec.trunc) == ("status", "lb=1")
    assert spec.to_formula() == "y | cens(status) + trunc(lb=1) ~ x"


@pytest.mark.parametrize(
    ("family", "trunc", "low", "high"),
    [
        ("poisson", "lb=1, ub=4", 0, 4),
        ("poisson", "lb=0, ub=4", -np.inf, 4),
        ("poisson", "lb=0.5, ub=4.5", 0, 4),
        ("gaussian", "lb=0, ub=4", 0, 4),
        ("weibull", "lb=0, ub=4", -np.inf, 4),
        ("weibull", "lb=0.5", 0.5, np.inf),
    ],
)
def test_bounds_are_possible_responses(family, trunc, low, high):
    table = pd.DataFrame({"y": [1.0, 2.0, 4.0], "x": [1.0, 2.0, 2.0]})
    bounds = build_design(pp.ModelSpec("y", family=family, trunc=trunc), table).response.truncation
    assert bounds.low.tolist() == [low] * 3
    assert bounds.high.tolist() == [high] * 3


# Refusals.


@pytest.mark.parametrize("text", ["trunc()", "trunc(1, 2, 3)", "trunc(x + 1)", "trunc(lb=1, lb=2)", "trunc(1, lb=2)"])
def test_a_formula_that_cannot_be_read_is_refused(text):
    check_refused(
        pp.FormulaError,
        lambda: pp.ModelSpec.from_formula(f"y | {text} ~ 1"),
        "cannot read what follows | in the response",
        text,
        "'y | trunc(lb=0, ub=high)'",
        "name a lower bound lb=, an upper bound ub= or both: numbers, or columns of the table",
    )


@pytest.mark.parametrize("trunc", ["", 3, {}, {"lb": ""}, {"lb": np.inf}, {"lower": 1}, {"lb": True}, ["a"]])
def test_a_keyword_that_cannot_be_read_is_refused(trunc):
    check_refused(
        pp.SpecError,
        lambda: pp.ModelSpec("y", trunc=trunc),
        "trunc must state a lower bound lb, an upper bound ub, or both",
        repr(trunc),
        "trunc={'lb': 0, 'ub': 'high'}: numbers, or columns",
        "state numbers, or name columns",
    )


def test_bounds_in_the_wrong_order_are_refused():
    check_refused(
        pp.SpecError,
        lambda: pp.ModelSpec("y", trunc="lb=3, ub=2"),
        "the lower bound of a truncated response is not below the upper one",
        "trunc(lb=3, ub=2)",
        "lb below ub",
        "exchange the two, or correct them",
    )
    table = {"y": [1.0, 2.0], "a": [0.0, 5.0], "b": [3.0, 4.0]}
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | trunc(a, b) ~ 1", table),
        "a lower bound of the response is not below the upper one",
        "5 and 4 in row 1 (counted from 0)",
        "lb below ub",
        "correct the rows",
    )


@pytest.mark.parametrize("family", ["bernoulli", "beta", "cumulative", "zero_inflated_poisson", "skew_normal"])
def test_other_families_are_refused(family):
    check_refused(
        pp.SpecError,
        lambda: pp.ModelSpec.from_formula("y | trunc(lb=1) ~ 1", family=family),
        f"family {family!r} does not take truncated responses",
        f"trunc(lb=1) with family {family!r}",
        "'gaussian', 'student_t', 'lognormal', ",
        "choose one of these families, or leave trunc out",
    )


@pytest.mark.parametrize(
    ("formula", "other"),
    [
        ("y | trunc(lb=1) + se(s) ~ 1", "se='s'"),
        ("y | trunc(lb=1) + precision(w) ~ 1", "precision='w'"),
        ("y | trunc(lb=1) ~ x, sigma ~ 0 + arm", "sigma=('arm',)"),
        ("y | trunc(lb=1) ~ x + ar(time, gr=g)", "ar(time, gr=g)"),
    ],
)
def test_what_does_not_go_with_it_is_refused(formula, other):
    check_refused(
        pp.SpecError,
        lambda: pp.ModelSpec.from_formula(formula),
        "truncated responses do not go with this part of the model",
        f"trunc(lb=1) and {other}",
        "rows with one residual sd, estimated, and independent of each other given the effects",
        "leave one of the two out",
    )


@pytest.mark.parametrize(
    ("family", "trunc", "got"),
    [
        ("gaussian", "lb=1.5", "1, trunc(lb=1.5), in row 0"),
        ("gaussian", "ub=2.5", "3, trunc(ub=2.5), in row 2"),
        ("gaussian", "ub=most", "3, trunc(ub=most), in row 2"),
        ("poisson", "lb=2", "1, trunc(lb=2), in row 0"),
        ("poisson", "lb=2, ub=2.9", "1, trunc(lb=2, ub=2.9), in rows 0, 2"),
    ],
)
def test_responses_outside_their_bounds_are_refused(family, trunc, got):
    table = pd.DataFrame({"y": [1.0, 2.0, 3.0], "most": [2.0, 2.0, 2.0]})
    if "rows" in got:
        got = "1, trunc(lb=2, ub=2.9), "
    check_refused(
        pp.DataError,
        lambda: pp.priors(pp.ModelSpec("y", family=family, trunc=trunc), table),
        "a response 'y' is outside the bounds of its row",
        got,
        "lb <= response <= ub in every row: others are not in a truncated table",
        "a response that was recorded as its bound is censored, cens(status)",
    )


def test_censored_responses_that_are_known_to_be_outside_are_refused():
    table = pd.DataFrame({"y": [1.0, 2.0, 3.0], "status": ["none", "none", "right"]})
    model = pp.ModelSpec("y", cens="status", trunc="ub=3")
    check_refused(
        pp.DataError, lambda: pp.priors(model, table), "outside the bounds of its row", "above 3, trunc(ub=3)"
    )
    left = table.assign(status=["left", "none", "none"])
    model = pp.ModelSpec("y", cens="status", trunc="lb=1")
    check_refused(pp.DataError, lambda: pp.priors(model, left), "outside the bounds of its row", "1 or below")


def test_columns_of_bounds_are_numbers():
    check_refused(
        pp.DataError,
        lambda: pp.priors("y | trunc(lb=a) ~ 1", {"y": [1.0, 2.0], "a": ["u", "v"]}),
        "the bounds 'a' of the response are no numbers",
        "'u'",
        "numbers; infinite where a row has no bound",
        "name a column of bounds",
    )


# Likelihoods.


def test_the_mean_of_rows_without_a_bound_is_that_of_the_plain_model():
    """Infinite bounds change nothing, and neither do bounds that the family never reaches."""
    table = truncated_table().assign(most=np.inf)
    plain = pp.maximum_likelihood("y ~ x", table, family="weibull")
    for trunc in ("lb=0", "ub=most", "lb=0, ub=most"):
        bounded = pp.maximum_likelihood(pp.ModelSpec("y", ["x"], family="weibull", trunc=trunc), table)
        assert bounded.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-6)


@pytest.mark.parametrize("family", [*FAMILIES, *COUNTS, "gamma", "student_t"])
def test_maximum_likelihood_is_that_of_a_search(family):
    counts = family in COUNTS
    table = truncated_table(rows=300, counts=counts)
    y, x, low, high = (table[name].to_numpy() for name in ("y", "x", "low", "most"))

    def deviance(at):
        own = [np.exp(at[2]), 4.0] if family == "student_t" else [np.exp(at[2])]
        new = distribution(family, RECORDS[family].default_link, own, at[0] + at[1] * x)
        log_p = new.logpmf(y) if counts else new.logpdf(y)
        return -2 * (log_p - np.log(new.cdf(high) - new.cdf(low - counts))).sum()

    found = optimize.minimize(deviance, [0.5, 0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-8, "maxiter": 5000})
    fixed = {"nu": pp.Prior("DiracDelta", c=4)} if family == "student_t" else {}
    model = pp.ModelSpec("y", ["x"], family=family, trunc="lb=low, ub=most", priors=fixed)
    fit = pp.maximum_likelihood(model, table)
    assert fit.log_likelihood == pytest.approx(-found.fun / 2, abs=1e-5)
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(found.x[:2], abs=2e-3)


@pytest.mark.parametrize("family", ["poisson", "negative_binomial"])
def test_zero_truncated_counts_have_the_maximum_of_glmmtmb(family):
    table = pd.read_csv(REFERENCE / "parameters_articles.csv")
    fit = pp.maximum_likelihood("art | trunc(lb=1) ~ ment", table[table["art"] >= 1], family=family)
    reference = R["counts"][family]
    assert fit.log_likelihood == pytest.approx(reference["loglik"], abs=1e-4)
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(np.array(reference["coef"]), rel=2e-3, abs=2e-4)


@pytest.mark.parametrize(
    ("kind", "response"),
    [
        ("right", "time | cens(censored)"),
        ("left", "time | cens(early)"),
        ("interval", "lower | cens(kind, upper)"),
    ],
)
def test_censored_student_t_responses_have_the_maximum_of_survreg(kind, response):
    table = pd.read_csv(REFERENCE / "kidney.csv")
    table["upper"] = np.log(table["high"].where(table["kind"] == "interval"))
    table["lower"] = np.log(table["low"].where(table["kind"] == "interval", table["time"]))
    table["early"] = np.where(table["time"] > 20, "none", "left")
    table["time"] = np.log(table["time"])
    spec = pp.ModelSpec.from_formula(
        f"{response} ~ age + sex", family="student_t", priors={"nu": pp.Prior("DiracDelta", c=4)}
    )
    fit = pp.maximum_likelihood(spec, table)
    reference = R["student_t"][kind]
    assert fit.log_likelihood == pytest.approx(reference["loglik"], abs=2e-5)
    assert fit.coefficients["estimate"].to_numpy() == pytest.approx(np.array(reference["coef"]), rel=2e-3, abs=2e-4)


@pytest.mark.parametrize(
    ("family", "trunc"),
    [*((family, "lb=low, ub=most") for family in (*FAMILIES, *COUNTS, "gamma", "student_t")), ("poisson", "lb=1")],
)
def test_the_pymc_model_has_the_same_density_of_every_row(family, trunc):
    table = truncated_table(counts=family in COUNTS)
    spec = pp.ModelSpec("y", ["x"], [pp.Group("g")], family=family, trunc=trunc)
    check_twin(spec, table)


@pytest.mark.parametrize("family", ["weibull", "poisson"])
def test_the_pymc_model_has_the_same_density_of_censored_rows_within_bounds(family):
    table = truncated_table(counts=family == "poisson")
    table["status"] = np.resize(["none", "right", "left"], len(table))
    table.loc[(table["status"] == "right") & (table["y"] >= table["most"]), "status"] = "none"
    table.loc[(table["status"] == "left") & (table["y"] <= table["low"]), "status"] = "none"
    check_twin(pp.ModelSpec("y", ["x"], [pp.Group("g")], family=family, trunc="lb=low, ub=most", cens="status"), table)


def check_twin(spec, table):
    """Compare the log density of every row, and of new values that they are within bounds."""
    model = pp.build_model(spec, table)
    point = model.initial_point()
    twin = model.compile_logp(vars=model.observed_RVs, sum=False)(point)[0]
    variables = [*model.free_RVs, *model.deterministics]
    values = model.compile_fn(
        model.replace_rvs_by_values(variables), inputs=model.value_vars, point_fn=True, on_unused_input="ignore"
    )(point)
    draws = {one.name: np.asarray(value)[None] for one, value in zip(variables, values, strict=True)}
    design = build_design(spec, table)
    rows = own_rows(design)
    ours = log_density(design, rows, linear_predictor(design, rows, draws), draws)[0]
    assert twin == pytest.approx(ours, rel=2e-6, abs=2e-6)  # PyMC's normal has sqrt(2) in single precision
    assert all(np.isfinite(slope).all() for slope in model.compile_dlogp()(point)[None])


@pytest.mark.parametrize(
    ("family", "trunc"), [("weibull", "lb=low, ub=most"), ("gaussian", "lb=1"), ("poisson", "lb=low, ub=13")]
)
def test_the_script_has_the_model_of_build_model(family, trunc):
    table = truncated_table(counts=family == "poisson")
    table = table[table["y"] >= 1]
    spec = pp.ModelSpec("y", ["x"], [pp.Group("g")], family=family, trunc=trunc)
    model = pp.build_model(spec, table)
    names = {"__name__": "script"}
    exec(compile(str(pp.pymc_source(spec, table)), "script", "exec"), names)
    found = [one.compile_logp()(one.initial_point()) for one in (model, names["model"])]
    assert found[1] == pytest.approx(found[0], rel=1e-7)


@pytest.mark.filterwarnings("ignore:Numba will use object mode:UserWarning")
@pytest.mark.parametrize("family", ["gaussian", "poisson"])
def test_new_values_of_the_pymc_model_are_within_the_bounds(family):
    """Under priors near the data: PyMC gives up where nearly no draw without bounds is within them."""
    pm = pytest.importorskip("pymc")
    table = truncated_table(counts=family == "poisson")
    priors = {f"beta[{name}]": pp.Prior("Normal", mu=mu, sigma=0.1) for name, mu in (("Intercept", 1), ("x", 0))}
    spec = pp.ModelSpec("y", ["x"], family=family, trunc="lb=low, ub=most", priors=priors)
    with pp.build_model(spec, table) as model:
        new = pm.draw(model.observed_RVs[0], draws=20, random_seed=1)
    assert (new >= table["low"].to_numpy()).all()
    assert (new <= table["most"].to_numpy()).all()
    assert len(np.unique(new)) > 5


def test_a_pymc_model_of_bounds_in_some_rows_only_is_refused():
    table = truncated_table()
    table.loc[3, "most"] = np.inf
    check_refused(
        pp.SpecError,
        lambda: pp.build_model("y | trunc(lb=low, ub=most) ~ x", table),
        "a PyMC model is not available where only some rows have the upper bound",
        "79 of 80 rows with the upper bound",
        "a bound in every row, or in none",
        "give the other rows a bound that no response reaches, or fit without PyMC, engine='auto'",
    )


# Fits.


def within_limits(rows=1400, levels=30, seed=5):
    """Simulate a normal response, 0.5 to 3 of which are in the table, and the parameters that made it."""
    rng = np.random.default_rng(seed)
    truth = {"beta": np.array([1.0, 0.5]), "sd_g": 0.5, "sigma": 0.7}
    g, x = rng.integers(0, levels, rows), rng.normal(size=rows)
    u = rng.normal(0, truth["sd_g"], levels)
    y = truth["beta"][0] + truth["beta"][1] * x + u[g] + rng.normal(0, truth["sigma"], rows)
    table = pd.DataFrame({"y": y, "x": x, "g": g, "most": 3.0})
    return table[(y >= 0.5) & (y <= 3)].reset_index(drop=True), truth


@pytest.fixture(scope="module")
def bounded():
    table, truth = within_limits()
    fit = pp.fit("y | trunc(lb=0.5, ub=most) ~ x + (1 | g)", table, seed=1, progressbar=False)
    return fit, truth, table


def test_a_fit_finds_the_parameters_that_made_the_responses(bounded):
    fit, truth, table = bounded
    assert fit.run.engine == "nuts"
    assert fit.digest.verdict.good
    for name, true in truth.items():
        draws = fit.posterior[name].to_numpy().reshape(4000, -1)
        z = (draws.mean(axis=0) - true) / draws.std(axis=0)
        assert (abs(z) < 3.5).all()
    ignored = pp.maximum_likelihood("y ~ x + (1 | g)", table)
    assert ignored.coefficients["estimate"].iloc[1] < 0.3  # what ignoring the truncation would say


def test_a_fit_says_which_responses_are_in_the_table(bounded):
    fit, *_ = bounded
    assert "the table has only responses from 0.5 to most" in str(fit)
    assert "each row counts with its probability given that it is within them" in describe_words(fit.design)


def test_the_log_likelihood_is_given_the_bounds(bounded):
    fit, _, table = bounded
    draw = {"chain": 0, "draw": 7}
    found = pp.log_likelihood(fit)["y"].isel(draw).to_numpy()
    eta = pp.predict(fit, seed=1)["linear_predictor"].isel(draw).to_numpy()
    sigma = float(fit.posterior["sigma"].isel(draw))
    new = stats.truncnorm((0.5 - eta) / sigma, (3 - eta) / sigma, eta, sigma)
    assert found == pytest.approx(new.logpdf(table["y"].to_numpy()), rel=1e-9, abs=1e-9)


def test_predictions_are_within_the_bounds(bounded):
    fit, _, table = bounded
    answer = pp.predict(fit, seed=1)
    draw = {"chain": 1, "draw": 3}
    eta, sigma = answer["linear_predictor"].isel(draw).to_numpy(), float(fit.posterior["sigma"].isel(draw))
    new = stats.truncnorm((0.5 - eta) / sigma, (3 - eta) / sigma, eta, sigma)
    assert answer["expectation"].isel(draw).to_numpy() == pytest.approx(new.mean(), rel=1e-9)
    assert answer.attrs["expectation"] == "mean of the response within its bounds, trunc(lb=0.5, ub=most)"
    for responses in (answer["response"], pp.posterior_predictive(fit, seed=1)["y"]):
        assert float(responses.min()) > 0.5
        assert float(responses.max()) <= 3
        assert float(responses.mean()) == pytest.approx(table["y"].mean(), abs=0.02)
    other = pp.predict(fit, pd.DataFrame({"x": [0.0], "g": [3], "most": [1.0]}), seed=1)
    assert float(other["response"].max()) <= 1
    assert float(other["expectation"].max()) < 1


def test_new_rows_need_the_columns_of_their_bounds(bounded):
    check_refused(pp.DataError, lambda: pp.predict(bounded[0], pd.DataFrame({"x": [0.0], "g": [3]})), "'most'")


def test_the_mean_over_levels_is_the_average_of_their_means_within_the_bounds(bounded):
    fit, _, table = bounded
    some = table.iloc[:20]
    marginal = pp.predict(fit, some, kind="marginal", seed=1)
    assert marginal.attrs["expectation"] == "mean of the response within its bounds, trunc(lb=0.5, ub=most)"
    draw = {"chain": 1, "draw": 3}
    eta = marginal["linear_predictor"].isel(draw).to_numpy()
    sigma, sd = (float(fit.posterior[name].isel(draw).squeeze()) for name in ("sigma", "sd_g"))
    u = np.linspace(-8, 8, 401)[:, None]  # scipy takes a quarter of a millisecond for each mean
    at, weight = eta + sd * u, stats.norm.pdf(u)
    each = stats.truncnorm((0.5 - at) / sigma, (3 - at) / sigma, at, sigma).mean()
    expected = (weight * each).sum(axis=0) / weight.sum()
    assert marginal["expectation"].isel(draw).to_numpy() == pytest.approx(expected, rel=1e-6)
    typical = pp.predict(fit, some, kind="typical", seed=1)["expectation"]
    assert np.abs(marginal["expectation"] - typical).max() > 1e-3


@pytest.mark.parametrize(("family", "link", "sd"), [("poisson", "log", 1.2), ("gamma", "log", 2.0)])
def test_means_over_levels_of_skewed_responses(family, link, sd):
    record, own = RECORDS[family], {"alpha": np.array([[1.7]])}
    eta = np.array([[-1.0, 0.5, 2.0]])
    bounds = Truncation(np.zeros(3), np.array([4.0, np.inf, 9.0]))
    found = mean_over_levels_within(record, Given(LINKS[link], eta, own), np.full(eta.shape, sd**2), bounds)
    nodes = np.linspace(-12, 12, 20_001)
    every = Given(LINKS[link], eta + sd * nodes[:, None], {"alpha": np.full((len(nodes), 1), 1.7)})
    weight = stats.norm.pdf(nodes)[:, None]
    expected = (weight * record.mean_within(every, bounds.low, bounds.high)).sum(axis=0) / weight.sum()
    assert found[0] == pytest.approx(expected, rel=2e-6)


def test_a_residual_sd_that_is_small_beside_the_levels_still_has_a_mean():
    """Without residuals the mean within the bounds is the predictor, cut off at them."""
    given = Given(LINKS["identity"], np.array([[0.3]]), {"sigma": np.array([[1e-3]])})
    bounds = Truncation(np.array([-1.0]), np.array([1.0]))
    found = mean_over_levels_within(RECORDS["gaussian"], given, np.array([[4.0]]), bounds)
    new = stats.norm(0.3, 2)
    inside = stats.truncnorm((-1 - 0.3) / 2, (1 - 0.3) / 2, 0.3, 2).mean() * (new.cdf(1) - new.cdf(-1))
    assert found[0, 0] == pytest.approx(inside + new.sf(1) - new.cdf(-1), abs=1e-4)


def test_the_mean_over_levels_is_refused_where_more_than_the_mean_varies_with_them(bounded):
    frame = bounded[0].design.frame
    design = build_design(pp.ModelSpec.from_formula("y | trunc(lb=0.5) ~ x + (1 | g), sigma ~ (1 | g)"), frame)
    check_refused(
        pp.DataError,
        lambda: check_marginal_mean(design, ["g"]),
        "the mean over levels of a truncated response is available for normal effects on its mean alone",
        "trunc(lb=0.5), sigma ~ 1 + (1 | g)",
        "kind='conditional' or 'typical'",
        "pass kind='conditional' with new_levels='sample', and average over draws",
    )
    check_marginal_mean(design, [])


def test_effects_are_those_before_truncation(bounded):
    fit, *_ = bounded
    effect = pp.average_effect(fit, "x", values=[0, 1])
    slope = fit.posterior["beta"].sel(coef="x")
    assert float(effect["population_average"].mean()) == pytest.approx(float(slope.mean()), rel=1e-9)
    assert effect.attrs["population_average"].endswith("of the response before truncation")
    means = pp.adjusted_means(fit, "x", at={"x": [0.0]})
    assert means.attrs["expectation"] == "mean of the response before truncation"
    for answer in (effect, means, pp.icc(fit), pp.variance_components(fit)):
        assert "of the response before truncation; pp.predict is within the bounds" in str(answer)


def test_predictions_along_a_predictor_are_means_over_levels(bounded):
    texts = " ".join(text.get_text() for text in pp.plot_predictions(bounded[0], "x").findobj(Text))
    one = pp.predict(bounded[0], bounded[2].iloc[:1], kind="marginal")
    assert one.attrs["kind"][:20] in texts.replace("\n", " ")
    plt.close("all")


@pytest.mark.parametrize("family", ["gamma", "negative_binomial"])
def test_laplace_s_approximation_has_the_observed_information(family):
    """The kernels' information of truncated rows is another one: with it the intercept was off by a tenth."""
    rng = np.random.default_rng(1)
    g, x = rng.integers(0, 25, 900), rng.normal(size=900)
    mean = np.exp(0.6 + 0.4 * x + rng.normal(0, 0.5, 25)[g])
    y = rng.gamma(2, mean / 2) if family == "gamma" else rng.poisson(rng.gamma(2, mean / 2))
    table = pd.DataFrame({"y": y, "x": x, "g": g})[y >= 1]
    exact, laplace = (pp.maximum_likelihood("y | trunc(lb=1) ~ x + (1 | g)", table, family=family, laplace=how)
                      for how in (False, True))  # fmt: skip
    assert "observed information" in str(laplace)
    assert laplace.log_likelihood == pytest.approx(exact.log_likelihood, abs=0.25)
    off = laplace.coefficients["estimate"] - exact.coefficients["estimate"]
    assert (off.abs() < 0.1 * exact.coefficients["std_error"]).all()


def test_quantile_residuals_are_those_within_the_bounds(bounded):
    z = pp.quantile_residuals(bounded[0], seed=1)["z"].to_numpy()  # given the levels, rows are independent
    assert stats.kstest(z, "norm").pvalue > 1e-4


def test_checks_compare_with_new_responses_within_the_bounds(bounded):
    fit, *_ = bounded
    tree = pp.posterior_checks(fit, seed=1)
    assert (tree["checks"]["p_value"].to_numpy() > 0.01).all()
    assert float(tree["posterior_predictive"]["y"].max()) <= 3
    prior = pp.prior_predictive(fit.spec, within_limits()[0], draws=200, seed=1)
    assert float(prior["prior_predictive"]["y"].min()) > 0.5


@pytest.mark.parametrize(
    ("ask", "name"),
    [
        (lambda fit: pp.residual_trends(fit, "x"), "residual_trends"),
        (pp.naive_errors, "naive_errors"),
        (pp.shrinkage, "a comparison of levels with and without pooling"),
        (lambda fit: pp.level_lines(fit, "x"), "a comparison of levels with and without pooling"),
    ],
)
def test_questions_that_are_not_defined_are_refused(bounded, ask, name):
    check_refused(
        pp.DataError,
        lambda: ask(bounded[0]),
        f"{name} is not available for truncated responses",
        "trunc(lb=0.5, ub=most)",
        "a model without trunc(...)",
        "use",
    ) if name != "naive_errors" else check_refused(
        pp.DataError, lambda: ask(bounded[0]), f"{name} is not available for truncated responses", "pp.fit"
    )


def test_a_saved_fit_has_its_bounds(bounded, tmp_path):
    fit, *_ = bounded
    fit.save(tmp_path / "fit.nc")
    again = pp.load_fit(tmp_path / "fit.nc")
    assert again.design.response.truncation.high.tolist() == fit.design.response.truncation.high.tolist()
    assert again.spec == fit.spec


def test_rows_left_out_and_rows_appended_keep_their_bounds(bounded):
    fit, _, table = bounded
    half = build_design(fit.spec, table.iloc[:300])
    bounds = fit.design.response.truncation
    whole = append_rows(half, table.iloc[300:]).whole.response.truncation
    assert whole.low.tolist() == bounds.low.tolist()
    kept = np.arange(len(table)) % 3 > 0
    assert keep_rows(fit.design, kept).response.truncation.high.tolist() == bounds.high[kept].tolist()


def test_fits_of_other_bounds_are_not_compared(bounded):
    fit, _, table = bounded
    other = pp.fit("y ~ x + (1 | g)", table, draws=50, seed=1, progressbar=False)
    check_refused(pp.DataError, lambda: pp.compare({"a": fit, "b": other}), "fits of different data")
    check_refused(
        pp.SpecError,
        lambda: pp.lrt("y | trunc(lb=0.5) ~ x + (1 | g)", "y ~ 1 + (1 | g)", table),
        "the two models differ in their trunc",
    )


def test_the_order_of_rows_and_the_unit_do_not_matter():
    table = truncated_table()
    one = pp.maximum_likelihood("y | trunc(lb=low, ub=most) ~ x + (1 | g)", table, family="lognormal")
    scaled = table.assign(y=table["y"] * 60, low=table["low"] * 60, most=table["most"] * 60).iloc[::-1]
    other = pp.maximum_likelihood("y | trunc(lb=low, ub=most) ~ x + (1 | g)", scaled, family="lognormal")
    ours, others = (each.coefficients["estimate"].to_numpy() for each in (one, other))
    assert others == pytest.approx(ours + np.array([np.log(60), 0]), abs=1e-4)


def test_an_lrt_simulates_responses_within_the_bounds():
    table = truncated_table()
    full, reduced = "y | trunc(lb=low, ub=most) ~ x + (1 | g)", "y | trunc(lb=low, ub=most) ~ 1 + (1 | g)"
    found = pp.lrt(full, reduced, table, simulations=20, seed=1, progressbar=False)
    assert found is not None
