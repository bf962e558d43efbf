"""Residual sds by stratum and correlated residuals: notations, the PyMC twin, answers, and wrong uses."""

import numpy as np
import pytest
from scipy import stats

import partialpool as pp
from checks.refusals import check_refused
from checks.residuals import correlations, reference_table, residual_covariance, visits
from partialpool.design.build import build_design
from partialpool.marginal.group_log_density import joint_log_density
from partialpool.model.default_priors import resolve_priors
from partialpool.pymc_model.build import build_pymc_model
from partialpool.sampling.mixing import mcse_mean

SETTINGS = {"seed": 1, "draws": 200, "progressbar": False}


def trial():
    """Thirty series of up to four visits: enough for the correlations of every pair of visits."""
    return visits(series=30, times=4, share=0.9)


FORMULAS = {
    "strata": "y ~ x + (1 | g), sigma ~ 0 + arm",
    "ar": "y ~ x + (1 | h) + ar(t, gr=g)",
    "cosy": "y ~ x + cosy(gr=g), sigma ~ 0 + arm",
    "unstr": "y ~ x + unstr(t, gr=g)",
}


@pytest.fixture(scope="module")
def fits():
    return {name: pp.fit(formula, trial(), **SETTINGS) for name, formula in FORMULAS.items()}


@pytest.mark.parametrize(
    "formula",
    [
        *FORMULAS.values(),
        "y | precision(w) ~ 1 + ar(`my t`, gr=`my g`), sigma ~ 0 + arm:`my t`",
        "y ~ 0 + x + cosy(gr=g)",
    ],
)
def test_every_notation_is_the_same_specification(formula):
    spec = pp.ModelSpec.from_formula(formula)
    assert pp.ModelSpec.from_formula(spec.to_formula()) == spec
    assert pp.ModelSpec.from_toml_text(spec.to_toml()) == spec
    keywords = pp.ModelSpec(
        spec.response,
        spec.common,
        spec.groups,
        intercept=spec.intercept,
        precision=spec.precision,
        residual=spec.residual,
        sigma=spec.sigma,
    )
    assert keywords == spec
    assert hash(keywords) == hash(spec)


def test_brms_names_of_arguments_are_understood():
    stated = pp.Residual("ar", order="t", gr="g")
    assert pp.ModelSpec.from_formula("y ~ x + ar(time = t, gr = g)").residual == stated
    assert pp.ModelSpec("y", ["x"], residual=stated).to_formula() == "y ~ x + ar(t, gr=g)"


@pytest.mark.parametrize("name", FORMULAS)
def test_the_pymc_model_has_the_density_of_the_dense_normal(name):
    design = build_design(pp.ModelSpec.from_formula(FORMULAS[name]), visits())
    model = build_pymc_model(design, resolve_priors(design))
    rng = np.random.default_rng(3)
    point = {key: value + rng.normal(0, 0.2, np.shape(value)) for key, value in model.initial_point().items()}
    names = [
        "beta",
        "sigma",
        *(["residual_corr"] if design.residual.series else []),
        *(f"b_{f.name}" for f in design.factors),
    ]
    wanted = model.replace_rvs_by_values([model[one] for one in names])
    values = dict(zip(names, model.compile_fn(wanted, on_unused_input="ignore")(point), strict=True))
    eta = values["beta"][0] + design.common.values @ values["beta"][1:]
    for factor in design.factors:
        eta = eta + factor.apply(values[f"b_{factor.name}"])
    covariance = residual_covariance(design, values["sigma"], values.get("residual_corr"))
    expected = stats.multivariate_normal(eta, covariance).logpdf(design.response.values)
    assert model.compile_logp(vars=[model["y"]])(point) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("name", FORMULAS)
def test_the_log_likelihood_of_a_row_is_given_the_others_of_its_series(name, fits):
    fit = fits[name]
    values = pp.log_likelihood(fit)["y"].to_numpy()[0, 0]
    draws = {key: array[0] for key, array in fit.stacked().items()}
    covariance = residual_covariance(fit.design, draws["sigma"], draws.get("residual_corr"))
    residual = fit.design.response.values - pp.predict(fit)["expectation"].to_numpy()[0, 0]
    precision = np.linalg.inv(covariance)
    sd = 1 / np.sqrt(np.diagonal(precision))
    np.testing.assert_allclose(values, stats.norm.logpdf(precision @ residual * sd**2, 0, sd), rtol=1e-8)


def test_replicates_have_the_correlations_and_sds_of_the_residuals(fits):
    for name in ("ar", "cosy", "unstr"):
        fit = fits[name]
        new = pp.posterior_predictive(fit, seed=2)["y"].stack(sample=("chain", "draw")).to_numpy()
        mean = pp.predict(fit)["expectation"].stack(sample=("chain", "draw")).to_numpy()
        draws = fit.stacked()
        expected = np.mean(
            [residual_covariance(fit.design, draws["sigma"][k], draws["residual_corr"][k]) for k in range(0, 800, 40)],
            axis=0,
        )
        found = np.cov(new - mean)
        spread = np.sqrt(np.outer(np.diagonal(expected), np.diagonal(expected)))
        assert np.abs((found - expected) / spread).max() < 0.3


@pytest.mark.parametrize("name", ["ar", "cosy", "unstr"])
def test_the_next_visit_is_predicted_given_the_residuals_of_its_series(name):
    """Against the conditional normal of the dense covariance, draw by draw, with its mean over many seeds."""
    table = visits(series=30, times=4, share=1.0)
    last = (table["g"] == 3) & (table["t"] == 3)
    fit = pp.fit(FORMULAS[name], table[~last], **SETTINGS)
    new = table[last]
    answers = [pp.predict(fit, new, kind="conditional", seed=seed) for seed in range(40)]
    expectation = answers[0]["expectation"].to_numpy().ravel()
    drawn = np.stack([answer["response"].to_numpy().ravel() for answer in answers])
    draws, design = fit.stacked(), fit.design
    seen = np.flatnonzero(design.frame["g"].to_numpy() == 3)
    eta = pp.predict(fit)["expectation"].stack(sample=("chain", "draw")).to_numpy()[seen]
    whole = build_design(fit.spec, table)
    rows = np.flatnonzero(table["g"].to_numpy() == 3)
    rows = np.concatenate([rows[table["t"].to_numpy()[rows] != 3], rows[table["t"].to_numpy()[rows] == 3]])
    z = []
    for k in range(len(expectation)):
        corr = draws["residual_corr"][k]
        cov = residual_covariance(whole, draws["sigma"][k], corr)[np.ix_(rows, rows)]
        own = np.linalg.solve(cov[:-1, :-1], cov[:-1, -1])
        mean = expectation[k] + own @ (design.response.values[seen] - eta[:, k])
        z.append((drawn[:, k] - mean) / np.sqrt(cov[-1, -1] - own @ cov[:-1, -1]))
    z = np.array(z)
    assert abs(z.mean()) < 5 / np.sqrt(z.size)
    assert abs(z.std() - 1) < 5 / np.sqrt(2 * z.size)


def test_a_new_series_has_no_residuals_to_go_by(fits):
    new = trial().head(2).assign(g=99)
    answer = pp.predict(fits["unstr"], new, kind="typical", seed=1)
    sd = fits["unstr"].posterior["sigma"].mean().item()
    assert answer["response"].std().item() == pytest.approx(sd, rel=0.4)
    table = trial().drop(columns="t")
    assert "response" not in pp.predict(fits["unstr"], table, kind="typical")


@pytest.mark.parametrize("formula", ["y ~ x + cosy(gr=g)", "y ~ x + ar(t, gr=g)", "y ~ x + C(t) + unstr(t, gr=g)"])
def test_predictions_for_the_population_do_not_depend_on_which_series_is_the_first(formula):
    """A grid has no series: its new responses are of a new one, whatever the first series of the table has seen."""
    table = trial()
    fit = pp.fit(formula, table, **SETTINGS)
    grid = pp.datagrid(fit, x=[0.0, 1.0])
    assert "g" not in grid.columns
    new, named = pp.predict(fit, grid, seed=1), grid.assign(g=table["g"].iloc[0], t=table["t"].max())
    assert new.attrs["kind"] == "residuals: of a new g"
    for kind in ("marginal", "typical"):
        answer = pp.predict(fit, named if "t" not in grid.columns else named.assign(t=grid["t"]), kind=kind, seed=1)
        np.testing.assert_allclose(answer["response"], new["response"])
        assert answer.attrs["kind"] == "residuals: of a new g"
    given = pp.predict(fit, named, seed=1)
    assert given.attrs["kind"].startswith("residuals of a known g: given the observed ones")
    known = pp.predict(fit, table.head(3), kind="conditional", seed=1)
    assert known.attrs["kind"] == given.attrs["kind"]


@pytest.mark.parametrize("name", FORMULAS)
def test_priors_are_drawn_and_their_densities_add_up(name, fits):
    fit = fits[name]
    prior = pp.prior_predictive(fit.spec, trial(), draws=300, seed=1)["prior"]
    assert prior["sigma"].dims == fit.posterior["sigma"].dims
    densities = pp.log_prior(fit)
    sigma = fit.posterior["sigma"].to_numpy().reshape(800, -1)
    scale = fit.priors[fit.design.residual.sigma_names[0]].arguments["sigma"]
    expected = (np.log(2) + stats.t(3, scale=scale).logpdf(sigma)).sum(axis=1)
    np.testing.assert_allclose(densities["sigma"].to_numpy().ravel(), expected, rtol=1e-10)
    if "residual_corr" in fit.posterior:
        assert prior["residual_corr"].dims == fit.posterior["residual_corr"].dims
        assert "residual_corr" in densities


def test_a_fit_prints_and_saves_its_residuals(fits, tmp_path):
    assert "sigma[a]" in str(fits["strata"])
    assert "corr (ar)" in str(fits["ar"])
    assert "corr(0, 1)" in str(fits["unstr"])
    for name, fit in fits.items():
        fit.save(tmp_path / f"{name}.nc")
        read = pp.load_fit(tmp_path / f"{name}.nc")
        assert read.spec == fit.spec
        np.testing.assert_array_equal(read.posterior["sigma"], fit.posterior["sigma"])
        np.testing.assert_array_equal(read.design.residual.stratum, fit.design.residual.stratum)
        for sentence in fit.spec.residual_in_words:
            assert sentence in pp.methods(fit)


def test_the_icc_averages_the_strata_by_their_rows(fits):
    fit = fits["strata"]
    shares = np.bincount(fit.design.residual.stratum) / fit.design.n_rows
    between = fit.posterior["sd_g"].to_numpy()[..., 0] ** 2
    residual = fit.posterior["sigma"].to_numpy() ** 2 @ shares
    np.testing.assert_allclose(pp.icc(fit)["icc"].to_numpy()[..., 0], between / (between + residual))


def test_levels_are_left_out_with_their_correlated_rows(fits):
    """The score of a level is the dense normal density of its rows, its own effect integrated out."""
    fit = fits["ar"]
    codes = fit.design.factors[0].codes
    draws = {key: array[:3] for key, array in fit.stacked().items()}
    found = joint_log_density(fit.design, codes, draws)
    for k in range(3):
        covariance = residual_covariance(fit.design, draws["sigma"][k], draws["residual_corr"][k])
        covariance = covariance + draws["sd_h"][k, 0] ** 2 * (codes[:, None] == codes)
        eta = draws["beta"][k, 0] + fit.design.common.values @ draws["beta"][k, 1:]
        for level in range(10):
            rows = np.flatnonzero(codes == level)
            expected = stats.multivariate_normal(eta[rows], covariance[np.ix_(rows, rows)])
            assert found[k, level] == pytest.approx(expected.logpdf(fit.design.response.values[rows]), rel=1e-9)


@pytest.mark.thorough
@pytest.mark.parametrize("name", ["strata", "ar", "unstr"])
def test_posteriors_agree_with_pymc(name):
    table = trial()
    fits = [pp.fit(FORMULAS[name], table, seed=k, engine=e, progressbar=False) for k, e in ((1, "auto"), (2, "pymc"))]
    assert [fit.run.engine for fit in fits] == ["collapsed", "pymc"]
    for variable in ("beta", "sigma", "residual_corr"):
        if variable in fits[0].posterior:
            draws = [fit.posterior[variable].to_numpy().reshape(4, 1000, -1) for fit in fits]
            error = np.hypot(*([mcse_mean(one[..., k]) for k in range(one.shape[2])] for one in draws))
            gap = draws[0].mean(axis=(0, 1)) - draws[1].mean(axis=(0, 1))
            assert (np.abs(gap) <= 5 * error + 1e-12).all(), variable


def test_series_that_cross_a_factor_are_for_pymc():
    table = visits().assign(rater=lambda d: d["t"] % 2)
    spec = pp.ModelSpec.from_formula("y ~ x + (1 | rater) + ar(t, gr=g)")
    error = check_refused(pp.EngineError, lambda: pp.fit(spec, table, engine="collapsed"), "cross the levels of rater")
    assert "pymc" in error.do
    check_refused(pp.EngineError, lambda: pp.maximum_likelihood(spec, table), "cross the levels of rater")


def twice():
    table = visits()
    return table.loc[[*table.index, table.index[0]]]


def visits_of(**columns):
    return visits().assign(**columns)


@pytest.mark.parametrize(
    ("formula", "table", "error", "mentions"),
    [
        ("y ~ x + ar(t, gr=g)", twice, pp.DataError, "two rows of one g have the same t"),
        ("y ~ x + unstr(t, gr=g)", twice, pp.DataError, "two rows of one g have the same t"),
        ("y ~ x + ar(t, gr=g)", lambda: visits_of(g=range(len(visits()))), pp.DataError, "no g has two rows"),
        ("y ~ x + cosy(gr=g)", lambda: visits_of(g=range(len(visits()))), pp.DataError, "no g has two rows"),
        ("y ~ x + ar(arm, gr=g)", visits, pp.DataError, "the times 'arm' of ar must be numbers"),
        ("y ~ x + ar(t, gr=patient)", visits, pp.DataError, "the table has no column 'patient'"),
        ("y ~ x + ar(t)", visits, pp.FormulaError, "cannot read ar(...)"),
        ("y ~ x + cosy(t, gr=g)", visits, pp.FormulaError, "cannot read cosy(...)"),
        ("y ~ x + unstr(gr=g)", visits, pp.FormulaError, "cannot read unstr(...)"),
        ("y ~ x + ar(t, gr=g, p=2)", visits, pp.FormulaError, "orders above 1 are not available"),
        ("y ~ x + ar(log(t), gr=g)", visits, pp.FormulaError, "cannot read ar(...)"),
        ("y ~ x + ar(t, gr=g) + cosy(gr=g)", visits, pp.FormulaError, "stated twice"),
        ("y ~ x, sigma ~ 0 + log(x)", visits, pp.DataError, "the term 'log(x)' is not finite"),
        ("y ~ x, sigma ~ 0 + arm:arm", visits, pp.SpecError, "named twice"),
        ("y ~ x, phi ~ 0 + arm", visits, pp.SpecError, "no parameter 'phi'"),
        ("y | se(w) ~ x + ar(t, gr=g)", visits, pp.SpecError, "need a normal response with a free residual"),
        ("y | se(w) ~ x, sigma ~ 0 + arm", visits, pp.SpecError, "known standard errors replace sigma"),
    ],
)
def test_wrong_uses_are_refused(formula, table, error, mentions):
    check_refused(error, lambda: pp.fit(formula, table(), **SETTINGS), mentions)


def test_times_with_too_many_distances_are_refused():
    table = visits(series=60)
    table["t"] = np.random.default_rng(1).uniform(0, 9, len(table))
    check_refused(pp.DataError, lambda: pp.fit("y ~ ar(t, gr=g)", table), "too many different distances")


@pytest.mark.parametrize("family", ["poisson", "student_t", "lognormal"])
def test_other_families_are_refused(family):
    formula = "y ~ x + ar(t, gr=g)"
    check_refused(pp.SpecError, lambda: pp.fit(formula, visits(), family=family), "need a normal response")


@pytest.mark.parametrize(
    ("arguments", "mentions"),
    [
        (("arma", "g", "t"), "unknown correlation"),
        (("ar", "g"), "order of ar must be the name of a column"),
        (("cosy", "g", "t"), "order of cosy must be left out"),
        (("unstr", "", "t"), "gr of unstr must be the name of a column"),
    ],
)
def test_a_wrong_residual_is_refused(arguments, mentions):
    check_refused(pp.SpecError, lambda: pp.Residual(*arguments), mentions)


def test_a_stratum_or_visit_that_was_not_seen_is_refused(fits):
    new = trial().head(1)
    check_refused(pp.DataError, lambda: pp.predict(fits["unstr"], new.assign(t=9), kind="typical"), "are not known")


def test_ignoring_correlation_understates_the_error_of_a_mean():
    """Closed form: with ar, the variance of a mean is larger by (1 + rho) / (1 - rho) for long series."""
    table = reference_table("ovary")
    plain = pp.maximum_likelihood("follicles ~ 1", table)
    right = pp.maximum_likelihood("follicles ~ 1 + ar(day, gr=mare)", table)
    rho = float(right.maximum.residual["residual_corr"])
    ratio = (right.coefficients["std_error"] / plain.coefficients["std_error"]).item()
    assert ratio == pytest.approx(np.sqrt((1 + rho) / (1 - rho)), rel=0.25)
    assert correlations(right.design, rho).shape == (308, 308)


def test_rows_of_series_that_start_between_the_steps_of_others_are_predicted():
    table = trial()
    table["t"] = table["t"] + 0.5 * (table["g"] % 2)
    fit = pp.fit("y ~ x + ar(t, gr=g)", table, **SETTINGS)
    assert fit.design.residual.series.is_discrete
    assert pp.predict(fit, seed=1)["response"].sizes["obs"] == len(table)
    later = table.groupby("g").tail(1).head(2)
    known = pp.predict(fit, later.assign(t=later["t"] + 1), kind="conditional", seed=1)
    as_text = later.assign(t=later["t"] + 1, g=later["g"].astype(str))  # the same series, written as text
    answer = pp.predict(fit, as_text, kind="conditional", seed=1)
    np.testing.assert_array_equal(answer["response"], known["response"])
    assert answer.attrs["kind"] == known.attrs["kind"]
    assert answer.attrs["kind"].startswith("residuals of a known g")
    check_refused(pp.DataError, lambda: pp.predict(fit, later.assign(t=later["t"] + 0.5), seed=1), "between the steps")


def test_a_grid_has_a_visit_where_visits_are_numbers():
    fit = pp.fit("y ~ x + unstr(t, gr=g)", trial(), **SETTINGS)
    grid = pp.datagrid(fit, x=[0.0, 1.0])
    assert grid["t"].tolist() == [trial()["t"].min()] * 2
    assert pp.predict(fit, grid, seed=1)["response"].sizes["obs"] == 2


def test_a_prior_beyond_the_bounds_of_the_correlation_is_refused():
    wide = {"residual_corr": pp.Prior("Uniform", lower=-0.9, upper=1)}
    call = lambda: pp.priors(FORMULAS["cosy"], trial(), priors=wide)  # noqa: E731
    check_refused(
        pp.PriorError, call, "not positive definite", "from -0.3333 to 1: a g has up to 4 rows", "lower=-0.3333"
    )
    odd = trial().assign(t=lambda d: d["t"] ** 1.5)
    call = lambda: pp.priors(FORMULAS["ar"], odd, priors=wide)  # noqa: E731
    check_refused(pp.PriorError, call, "from 0 to 1: distances in t are no whole multiples")
    narrow = {"residual_corr": pp.Prior("Uniform", lower=-0.3, upper=0.9)}
    assert pp.priors(FORMULAS["cosy"], trial(), priors=narrow)["residual_corr"].arguments["lower"] == -0.3
