"""Questions about models with smooths: each has an answer that includes the curve, or refuses with its reason."""

import re

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.refusals import check_refused
from partialpool.likelihood.maximum_likelihood import likelihood_fit
from partialpool.names import b_name
from partialpool.sampling.mixing import mcse_mean, mixing

SETTINGS = {"seed": 1, "draws": 250, "progressbar": False}
NORMAL = "y ~ f + s(x, by=f, k=6) + (1 | g)"


def rows():
    rng = np.random.default_rng(3)
    x, g = rng.uniform(0, 10, 160), np.arange(160) % 10
    eta = 0.5 + 0.1 * x + 0.8 * np.sin(x) + rng.normal(0, 0.4, 10)[g]
    return pd.DataFrame(
        {
            "x": x,
            "g": [f"g{k}" for k in g],
            "f": [f"{'ab'[(k // 10) % 2]}" for k in range(160)],
            "y": eta + rng.normal(0, 0.4, 160),
            "n": rng.poisson(np.exp(eta)),
            "hit": rng.random(160) < 1 / (1 + np.exp(1 - eta)),
        }
    )


@pytest.fixture(scope="module")
def table():
    return rows()


@pytest.fixture(scope="module")
def fit(table):
    return pp.fit(NORMAL, table, **SETTINGS)


@pytest.fixture(scope="module")
def counts(table):
    return pp.fit("n ~ s(x, k=6) + (1 | g)", table, family="poisson", seed=1, progressbar=False)


def curve_of(fit):
    """The departures of each row from its line, at the posterior mean of the effects, (rows,)."""
    smooth = fit.design.factors[-1]
    return smooth.values @ fit.posterior[b_name(smooth.name)].mean(("chain", "draw")).to_numpy()[0]


def columns_of(fit):
    return np.column_stack([np.ones(fit.design.n_rows), fit.design.common.values])


@pytest.mark.parametrize("formula", [NORMAL, "y ~ s(x, k=5, bs='cc')", "y ~ f + s(x, k=5, by=f, hom=True)"])
def test_prior_predictions_have_the_curve(formula, table):
    tree = pp.prior_predictive(formula, table, along={"x": [1.0, 4.0, 9.0]}, draws=200, seed=1)
    prior, name = tree["prior"], "s(x):f" if "by=f" in formula else "s(x)"
    design = pp.maximum_likelihood(formula, table).design
    smooth = next(factor for factor in design.factors if factor.name == name)
    at = pd.DataFrame({"x": [1.0, 4.0, 9.0], "f": ["a"] * 3})
    columns = np.column_stack([np.ones(3), design.common.recipe.apply(at)[:, 1:]])
    b = prior[f"b_{name}"].to_numpy()[0, :, 0]
    expected = prior["beta"].to_numpy()[0] @ columns.T + b @ smooth.recipes[0].apply(at).T
    np.testing.assert_allclose(tree["outlook"]["typical_line"].to_numpy()[0], expected, rtol=1e-10)
    sd = prior[f"sd_{name}"].to_numpy()[0]
    z = b / sd
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs((z**2).mean() - 1) < 5 * np.sqrt(2 / z.size)


def test_complete_pooling_leaves_the_curve_out(fit):
    found = pp.shrinkage(fit)
    rest = fit.design.response.values - curve_of(fit)
    beta = np.linalg.lstsq(columns_of(fit), rest, rcond=None)[0]
    at = np.array([1, 0.5, 0.5 * fit.design.frame["x"].mean(), 0.5 * fit.design.frame["x"].mean()])
    assert float(found["complete_pooling"].item()) == pytest.approx(at @ beta, rel=1e-8)
    assert found.attrs["held"].endswith("s(x):f (averaged over the rows)")


def test_naive_errors_are_those_of_the_model_without_groups(fit):
    found = pp.naive_errors(fit)
    alone = pp.maximum_likelihood("y ~ f + s(x, by=f, k=6)", fit.design.frame, reml=True)
    z, x = alone.design.factors[0].values * alone.maximum.sd[0], columns_of(fit)
    covariance = z @ z.T + alone.maximum.sigma**2 * np.eye(len(z))
    errors = np.sqrt(np.diagonal(np.linalg.inv(x.T @ np.linalg.solve(covariance, x))))
    assert found["naive"].to_numpy() == pytest.approx(errors, rel=1e-6)
    assert found.attrs["naive"] == "restricted maximum likelihood, with curves but without groups"


def test_the_design_effect_is_that_of_the_groups(fit):
    sd, sigma = fit.posterior["sd_g"].to_numpy()[0, 0, 0], fit.posterior["sigma"].to_numpy()[0, 0]
    same = fit.design.factors[0].codes[:, None] == fit.design.factors[0].codes
    covariance = sd**2 * same + sigma**2 * np.eye(len(same))
    found = pp.design_effect(fit)["design_effect"]
    assert found.to_numpy()[0, 0, 0] == pytest.approx(covariance.sum() / np.trace(covariance), rel=1e-8)
    assert list(found["factor"].to_numpy()) == ["g"]


def test_means_and_variances_at_a_point_include_the_curve(counts):
    at = {"x": [1.0, 4.7]}
    new = pd.DataFrame(at)
    eta = pp.predict(counts, new, kind="typical")["linear_predictor"].to_numpy()
    assert pp.variance_function(counts, at)["mean"].to_numpy() == pytest.approx(eta, rel=1e-10)
    group = counts.posterior["sd_g"].to_numpy()[..., :1] ** 2
    mean = np.exp(eta + group / 2)
    expected = group / (group + np.log1p(1 / mean))
    assert pp.icc(counts, at=at)["icc"].to_numpy()[:, :, 0] == pytest.approx(expected, rel=1e-8)


def test_averages_over_rows_include_the_curve(counts):
    eta = pp.predict(counts, kind="typical")["linear_predictor"].to_numpy()
    group = counts.posterior["sd_g"].to_numpy()[..., 0] ** 2
    mean = np.exp(eta + group[..., None] / 2).mean(axis=2)
    found = pp.icc(counts)["icc"].to_numpy()[..., 0]
    assert found == pytest.approx(group / (group + np.log1p(1 / mean)), rel=1e-8)


def test_the_report_describes_the_curve(fit, tmp_path):
    page = pp.report(fit, tmp_path / "report.html").read_text()
    said = (
        "The curve of x in each category of f departs from its straight line by a cubic spline with 6 knots, with 4 "
        "effects, and an sd for each category."
    )
    assert said in page
    assert "s(x):f[i] = sum_k B[i, k] b_s(x):f[f[i], k]" in page
    assert "b_s(x):f[j, k] ~ Normal(0, sd_s(x):f[j])" in page
    assert "wiggle" not in page
    assert "not available" not in page
    assert said in pp.methods(fit)


def test_the_report_draws_a_cyclic_curve_and_curves_with_one_sd(table, tmp_path):
    fit = pp.fit("y ~ f + s(x, k=6, bs='cc') + s(x, by=f, k=4, hom=True)", table, **SETTINGS)
    page = pp.report(fit, tmp_path / "report.html", sections=["Predictions", "The model"]).read_text()
    assert "The curve of x varies around a constant by a cyclic cubic spline with 6 knots" in page
    assert "with 2 effects, and one sd for all categories" in page
    assert "b_s(x):f[j, k] ~ Normal(0, sd_s(x):f)" in page


def test_tables_and_sensitivity_name_the_sd_of_each_curve(fit):
    text = str(pp.table({"a": fit}))
    assert "s(x):f, sd of departures, b" in text
    power = pp.power_scale(fit)
    assert [name for name in power.frame.index if name.startswith("sd_s")] == ["sd_s(x):f[a]", "sd_s(x):f[b]"]
    report = pp.sensitivity_report(fit, jobs=1, seed=1, progressbar=False)
    assert "10 levels of g" in " ".join(report.sentences)
    assert {"sd_s(x):f[a]", "sd_s(x):f[b]"} <= set(report.ranges.index)


def test_other_answers_name_groups_only(fit):
    assert "s(x)" not in " ".join(map(str, pp.quantile_residuals(fit).coords))
    refused = check_refused(pp.DataError, lambda: pp.level_effects(fit, "x"), "name one coefficient that varies")
    assert "wiggle" not in str(refused)


def test_questions_that_have_no_meaning_are_refused(fit, counts):
    reason = "without pooling, a level's own rows determine no curve"
    check_refused(pp.DataError, lambda: pp.level_lines(fit, "x"), reason, "pp.plot_predictions(fit, 'x', by='g')")
    reason = "estimates its own curve, by REML, which is for normal responses"
    check_refused(pp.DataError, lambda: pp.naive_errors(counts), reason, "without its grouping terms")


@pytest.mark.parametrize(("curved", "formula"), [(False, "y ~ s(x, k=6)"), (True, "y ~ s(x, k=6)"),
                                                 (False, "y ~ f + s(x, by=f, k=5) + (1 | g)")])  # fmt: skip
def test_singularity_says_when_a_straight_line_would_do(curved, formula):
    rng, x = np.random.default_rng(4), np.linspace(0, 1, 80)
    y = (np.sin(6 * x) if curved else 2 * x) + rng.normal(0, 0.5, 80)
    table = pd.DataFrame({"x": x, "y": y, "f": np.where(np.arange(80) % 2, "a", "b"), "g": np.arange(80) % 8})
    fit = pp.fit(formula, table, **SETTINGS)
    found = pp.singularity(fit)
    says = "straight line would do" in found.attrs["sentence"]
    assert says != curved
    assert bool(found["good"]) == curved
    if curved:
        assert found.attrs["sentence"] == "The data support every curve."
        return
    full, line = re.search(r"pp\.lrt\('(.*?)', '(.*?)', table\) tests it", found.attrs["sentence"]).groups()
    assert found.attrs["simpler"] == line
    test = pp.lrt(full, line, table, seed=1, simulations=100, progressbar=False)
    assert test.statistic < 2 * sum("s(x)" in str(term) for term in found["term"].to_numpy())
    if formula == "y ~ s(x, k=6)":
        assert "the sd of its departures is 0 at maximum likelihood" in found.attrs["sentence"]
        assert likelihood_fit(fit.design).maximum.sd[0][0] == pytest.approx(0, abs=1e-6)
    assert "effects" in [finding.check for finding in pp.check(fit).findings if not finding.good]


def test_a_line_would_do_for_counts(counts, table):
    assert pp.singularity(counts).attrs["sentence"].startswith("The data support")
    straight = table.assign(n=np.random.default_rng(1).poisson(np.exp(0.1 * table["x"])))
    fit = pp.fit("n ~ s(x, k=6)", straight, family="poisson", **SETTINGS)
    found = pp.singularity(fit)
    said = found.attrs["sentence"]
    assert said.startswith("A straight line would do for s(x)")
    full, line = re.search(r"pp\.lrt\('(.*?)', '(.*?)', table\) tests it", said).groups()
    assert found.attrs["simpler"] == line
    ends = [pp.maximum_likelihood(formula, straight, family="poisson") for formula in (full, line)]
    assert ends[0].deviance + 2 * ends[0].n_parameters >= ends[1].deviance + 2 * ends[1].n_parameters - 1e-6


def test_without_a_likelihood_the_posterior_says_whether_a_line_would_do(table):
    straight = table.assign(
        n=np.random.default_rng(1).poisson(np.exp(0.1 * table["x"])), other=table["g"].to_numpy()[::-1]
    )
    formula = "n ~ s(x, k=6) + (1 | mm(g, other))"
    said = pp.singularity(pp.fit(formula, straight, family="poisson", **SETTINGS)).attrs["sentence"]
    assert "whether a straight line would do for s(x)" in said
    assert "compare it with n ~ x" in said
    assert "by pp.compare" in said


FAMILIES = {
    "poisson": ("n ~ s(x, k=6) + (1 | g)", {}),
    "bernoulli": ("hit ~ f + s(x, by=f, k=4)", {}),
    "gamma": ("w ~ s(x, k=5, bs='cc')", {"link": "log"}),
}


@pytest.mark.thorough
@pytest.mark.parametrize("family", FAMILIES)
def test_the_nuts_engine_agrees_with_pymc(family, table):
    formula, options = FAMILIES[family]
    table = table.assign(w=np.exp(table["y"]))
    ours = pp.fit(formula, table, family=family, **options, seed=1, progressbar=False)
    theirs = pp.fit(
        formula, table, family=family, **options, engine="pymc", seed=2, target_accept=0.98, progressbar=False
    )
    assert [one.run.engine for one in (ours, theirs)] == ["nuts", "pymc"]
    for name in [n for n in ours.posterior if str(n).startswith(("beta", "sd_", "b_", "alpha"))]:
        one, other = (
            fit.posterior[name].transpose("chain", "draw", ...).to_numpy().reshape(4, 1000, -1)
            for fit in (ours, theirs)
        )
        for k in range(one.shape[2]):
            assert min(mixing([draws[..., k]]).bulk_ess[0] for draws in (one, other)) > 300, (name, k)
            error = np.hypot(mcse_mean(one[..., k]), mcse_mean(other[..., k]))
            assert abs(one[..., k].mean() - other[..., k].mean()) < 5 * error, (name, k)
