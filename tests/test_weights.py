"""Weights by what they mean: precision(w) and frequency(n), in every notation and every answer."""

import numpy as np
import pytest
import scipy.stats

import partialpool as pp
from checks.refusals import check_refused

FORMULA = "Reaction | precision(w) ~ Days + (Days | Subject)"
REML = {
    "log_likelihood": -876.8548643,
    "sigma": 27.61901392,
    "sd": (24.487705258, 5.775397701),
    "beta": (252.30285928, 10.08034353),
}
"""lme4 1.1-31: lmer(Reaction ~ Days + (Days | Subject), d, weights = w), w as in `weighted`."""


def weighted():
    """The sleep study with a weight per row, 0.5 to 2 in turn, and a number of equal rows."""
    table = pp.load_dataset("sleepstudy")
    row = np.arange(len(table))
    return table.assign(w=0.5 + row % 4 / 2, n=1 + row % 3)


@pytest.fixture(scope="module")
def table():
    return weighted()


@pytest.fixture(scope="module")
def fit(table):
    return pp.fit(FORMULA, table, seed=1, progressbar=False)


def test_the_restricted_likelihood_is_that_of_lme4(table):
    found = pp.maximum_likelihood(FORMULA, table, reml=True)
    assert found.log_likelihood == pytest.approx(REML["log_likelihood"], abs=1e-5)
    assert found.maximum.sigma == pytest.approx(REML["sigma"], rel=1e-4)
    np.testing.assert_allclose(found.maximum.beta, REML["beta"], rtol=1e-4)
    np.testing.assert_allclose(found.maximum.sd[0], REML["sd"], rtol=1e-3)


def test_the_unit_of_the_precisions_changes_only_sigma(table, fit):
    other = pp.fit(FORMULA, table.assign(w=1e6 * table["w"]), seed=1, progressbar=False)
    for name in ("beta", "sd_Subject", "corr_Subject", "b_Subject"):
        np.testing.assert_allclose(other.posterior[name], fit.posterior[name], rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(other.posterior["sigma"], 1e3 * fit.posterior["sigma"], rtol=1e-7)
    ours, theirs = fit.priors["sigma"].arguments["sigma"], other.priors["sigma"].arguments["sigma"]
    assert theirs == pytest.approx(1e3 * ours)
    icc = [pp.icc(one)["icc"].to_numpy() for one in (fit, other)]
    np.testing.assert_allclose(*icc, rtol=1e-6)


def test_equal_precisions_are_no_weights(table):
    plain = pp.fit("Reaction ~ Days + (Days | Subject)", table, seed=1, progressbar=False)
    same = pp.fit(FORMULA, table.assign(w=4.0), seed=1, progressbar=False)
    np.testing.assert_allclose(same.posterior["sigma"], 2 * plain.posterior["sigma"], rtol=1e-7)
    np.testing.assert_allclose(same.posterior["beta"], plain.posterior["beta"], rtol=1e-7)
    assert same.run.log_evidence == pytest.approx(plain.run.log_evidence, abs=1e-7)


def test_rows_have_the_residual_sd_that_their_precision_says(table, fit):
    draws = fit.stacked()
    sd = draws["sigma"][:, None] / np.sqrt(table["w"].to_numpy())
    mean = pp.predict(fit)["expectation"].stack(sample=("chain", "draw")).to_numpy().T
    density = scipy.stats.norm.logpdf(table["Reaction"].to_numpy(), mean, sd)
    ours = pp.log_likelihood(fit)["Reaction"].stack(sample=("chain", "draw")).to_numpy().T
    np.testing.assert_allclose(ours, density, rtol=1e-9)
    new = pp.posterior_predictive(fit, seed=2)["Reaction"].stack(sample=("chain", "draw")).to_numpy().T
    z = (new - mean) / sd
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)


def test_the_icc_averages_the_residual_variance_over_the_rows(table):
    fit = pp.fit("Reaction | precision(w) ~ Days + (1 | Subject)", table, seed=1, progressbar=False)
    between = fit.posterior["sd_Subject"].to_numpy()[..., 0] ** 2
    residual = fit.posterior["sigma"].to_numpy() ** 2 * np.mean(1 / table["w"])
    np.testing.assert_allclose(pp.icc(fit)["icc"].to_numpy()[..., 0], between / (between + residual))
    response = pp.icc(fit, scale="response")["icc"].to_numpy()[..., 0]
    np.testing.assert_allclose(response, between / (between + residual), rtol=1e-6)
    shares = pp.fit(fit.spec.with_priors({"icc": pp.Prior("Beta", alpha=1, beta=1)}), table, seed=1, progressbar=False)
    assert 0.3 < float(pp.icc(shares)["icc"].mean()) < 0.8


def test_shrinkage_weighs_rows_by_their_precision(table):
    fit = pp.fit("Reaction | precision(w) ~ 1 + (1 | Subject)", table, seed=1, progressbar=False)
    answer = pp.shrinkage(fit)
    of_level = table.groupby("Subject")["w"].sum().to_numpy()
    means = table.assign(y=table["w"] * table["Reaction"]).groupby("Subject")["y"].sum().to_numpy() / of_level
    np.testing.assert_allclose(answer["no_pooling"].to_numpy()[:, 0], means, rtol=1e-9)
    variance = fit.posterior["sd_Subject"].to_numpy()[..., 0] ** 2
    noise = fit.posterior["sigma"].to_numpy() ** 2
    expected = variance[..., None] / (variance[..., None] + noise[..., None] / of_level)
    np.testing.assert_allclose(answer["weight"].to_numpy()[..., 0, 0], expected, rtol=1e-9)
    pooled = np.average(table["Reaction"], weights=table["w"])
    assert float(answer["complete_pooling"][0]) == pytest.approx(pooled)


def test_new_rows_need_a_precision_only_for_new_responses(table, fit):
    new = table.head(3).drop(columns=["w", "Reaction"])
    answer = pp.predict(fit, new)
    assert set(answer) & {"expectation", "response"} == {"expectation"}
    sd = pp.predict(fit, new.assign(w=1e-6), seed=1)["response"].std().item()
    assert sd == pytest.approx(1e3 * fit.posterior["sigma"].mean().item(), rel=0.1)


def test_the_pymc_model_and_its_script_are_the_same(table):
    model = pp.build_model(FORMULA, table)
    own = model["Reaction"]
    _, sd = own.owner.op.dist_params(own.owner)
    ratio = (sd / model["sigma"]).eval({model["sigma"]: 2.0})
    np.testing.assert_allclose(ratio, 1 / np.sqrt(table["w"]))
    source = pp.pymc_source(FORMULA, table)
    assert "sigma / pt.sqrt(precision)" in str(source)
    compile(str(source), "script", "exec")


@pytest.mark.parametrize(
    ("formula", "family"),
    [
        ("Reaction ~ Days + (Days | Subject)", "gaussian"),
        ("count ~ Days + (1 | Subject)", "poisson"),
        ("p(hits, size) ~ Days + (1 | Subject)", "binomial"),
    ],
)
def test_a_row_of_frequency_n_is_n_rows(formula, family, table):
    table = table.assign(count=(table["Reaction"] // 50).astype(int), hits=2, size=3)
    left, right = formula.split(" ~ ")
    repeated = table.loc[np.repeat(table.index, table["n"])].reset_index(drop=True)
    settings = {"family": family, "seed": 1, "draws": 100, "progressbar": False}
    fit = pp.fit(f"{left} | frequency(n) ~ {right}", table, **settings)
    same = pp.fit(formula, repeated, **settings)
    for name in same.posterior:
        np.testing.assert_array_equal(fit.posterior[name], same.posterior[name])
    assert fit.design.n_rows == len(repeated)
    np.testing.assert_array_equal(fit.design.rows, np.repeat(np.arange(len(table)), table["n"]))


def test_a_fit_with_frequencies_can_be_saved(table, tmp_path):
    fit = pp.fit("Reaction | frequency(n) ~ Days + (1 | Subject)", table, seed=1, draws=100, progressbar=False)
    fit.save(tmp_path / "fit.nc")
    read = pp.load_fit(tmp_path / "fit.nc")
    assert read.spec == fit.spec
    assert (read.design.n_rows, read.design.n_given) == (fit.design.n_rows, fit.design.n_given)
    np.testing.assert_array_equal(read.design.rows, fit.design.rows)
    assert pp.maximum_likelihood(fit.spec, table).log_likelihood < 0


def test_rows_with_missing_values_are_dropped_before_they_are_repeated(table):
    lacking = table.astype({"n": float})
    lacking.loc[0, "Reaction"] = np.nan
    lacking.loc[1, "n"] = np.nan
    with pytest.warns(pp.DataWarning, match="dropped 2 of 180 rows"):
        fit = pp.fit("Reaction | frequency(n) ~ Days + (1 | Subject)", lacking, seed=1, draws=50, progressbar=False)
    assert fit.design.n_rows == table["n"].iloc[2:].sum()
    assert fit.design.n_given - fit.design.n_rows == 2
    assert "n equal rows" in pp.methods(fit) or "as n says" in pp.methods(fit)


@pytest.mark.parametrize(
    ("formula", "change", "error", "mentions"),
    [
        (FORMULA, {"w": 0.0}, pp.DataError, "precisions must be above 0"),
        (FORMULA, {"w": -1.0}, pp.DataError, "precisions must be above 0"),
        (FORMULA, {"w": "heavy"}, pp.DataError, "the precisions 'w' are text"),
        ("Reaction | frequency(n) ~ 1 + (1 | Subject)", {"n": 0}, pp.DataError, "must be positive integers"),
        ("Reaction | frequency(n) ~ 1 + (1 | Subject)", {"n": 1.5}, pp.DataError, "must be positive integers"),
        ("Reaction | frequency(n) ~ 1 + (1 | Subject)", {"n": "two"}, pp.DataError, "must be positive integers"),
        ("Reaction | frequency(n) ~ 1 + (1 | Subject)", {"n": 10**12}, pp.EngineError, "do not fit into memory"),
        ("Reaction | weights(w) ~ Days", {}, pp.FormulaError, "say what the weights mean"),
        ("Reaction | se(w) + precision(n) ~ Days", {}, pp.SpecError, "stated twice"),
    ],
)
def test_wrong_weights_are_refused(formula, change, error, mentions, table):
    check_refused(error, lambda: pp.fit(formula, table.assign(**change), progressbar=False), mentions)


@pytest.mark.parametrize("family", ["poisson", "lognormal", "student_t"])
def test_precisions_need_a_normal_response(family, table):
    check_refused(pp.SpecError, lambda: pp.fit(FORMULA, table, family=family), "need a normal response")


def test_the_keyword_weights_is_explained(table):
    error = check_refused(pp.KeywordError, lambda: pp.fit("Reaction ~ Days", table, weights="w"))
    for word in ("precision(w)", "frequency(n)", "survey"):
        assert word in error.do


def test_words_of_the_report_say_what_the_weights_are(fit):
    assert "The residual variance of a row is sigma squared divided by w." in pp.methods(fit)
