"""Smooths of the predictors of parameters, `sigma ~ s(x)`: the PyMC twin, predictions, descriptions and priors.

The density of the compiled engine is compared with the explicit model in `marginal/glmm/test_predictors.py`.
"""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.model.default_priors import resolve_priors
from partialpool.model.parameter_values import family_parameters
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import draw_prior
from partialpool.reporting.describe import describe_mathematics, describe_words
from partialpool.reporting.equations import write_equations
from partialpool.sampling.mixing import mcse_mean, mixing

CURVES = "y ~ s(x, k=5) + (1 | g), sigma ~ arm + s(x, k=4, by=arm)"
FORMULAS = [
    "y ~ x + (1 | g), sigma ~ s(x, k=6)",
    CURVES,
    "y ~ arm + s(x, k=4, by=arm), sigma ~ arm + s(x, k=5, by=arm, hom=True) + (1 | g)",
]


def wave(x):
    """Log sigma of the simulated rows."""
    return 0.3 + 0.8 * np.sin(x)


def table(n=90, seed=1):
    rng = np.random.default_rng(seed)
    x, g = rng.uniform(0, 6, n), np.arange(n) % 9
    y = 2 + 0.5 * np.cos(x) + rng.normal(0, 0.4, 9)[g] + np.exp(wave(x)) * rng.normal(size=n)
    return pd.DataFrame({"y": y, "x": x, "g": [f"g{k}" for k in g], "arm": np.where(rng.random(n) < 0.5, "a", "b")})


def design_of(formula, frame=None, **options):
    return build_design(pp.ModelSpec.from_formula(formula, **options), table() if frame is None else frame)


def by_hand(design, draws):
    """Mean and log sigma of each row from the columns of every term, (draws, rows)."""
    found = []
    for one, of in ((design, ""), (design.parameters["sigma"], "sigma_")):
        beta = draws["beta" if not of else "beta_sigma"]
        eta = beta[:, :1] + beta[:, 1:] @ one.common.values.T
        for factor in one.factors:
            b = draws[f"b_{of}{factor.name}"]
            eta = eta + np.einsum("nre,re->nr", b[:, factor.codes], factor.values)
        found.append(eta)
    return found


@pytest.mark.parametrize("formula", FORMULAS)
def test_predictors_add_up_their_columns(formula):
    design = design_of(formula)
    draws = draw_prior(design, resolve_priors(design), 5, seed=1)
    mean, log_sigma = by_hand(design, draws)
    np.testing.assert_allclose(linear_predictor(design, own_rows(design), draws), mean, rtol=1e-10)
    sigma = family_parameters(design, own_rows(design), draws)["sigma"]
    np.testing.assert_allclose(np.log(sigma), log_sigma, rtol=1e-8, atol=1e-10)


@pytest.mark.thorough
@pytest.mark.parametrize("formula", FORMULAS)
def test_the_pymc_model_has_the_same_density(formula):
    design, model = design_of(formula), pp.build_model(formula, table())
    rng = np.random.default_rng(1)
    point = {name: value + rng.normal(0, 0.2, np.shape(value)) for name, value in model.initial_point().items()}
    names = [one.name for one in model.deterministics if one.name.startswith(("beta", "b_", "sd_"))]
    outputs = model.replace_rvs_by_values([model[name] for name in names])
    found = model.compile_fn(outputs, inputs=model.value_vars, on_unused_input="ignore")(point)
    draws = {name: np.asarray(value)[None] for name, value in zip(names, found, strict=True)}
    mean, log_sigma = by_hand(design, draws)
    expected = stats.norm(mean[0], np.exp(log_sigma[0])).logpdf(design.response.values).sum()
    assert model.compile_logp(vars=model.observed_RVs)(point) == pytest.approx(expected, rel=1e-9)
    for name, sds in draws.items():
        if "s(x)" in name and name.startswith("sd_"):
            b = next(one for one in model.free_RVs if one.name == f"z_{name.removeprefix('sd_')}")
            z = np.asarray(point[b.name])
            np.testing.assert_allclose(draws[f"b_{name.removeprefix('sd_')}"][0], z * sds[0], rtol=1e-12)


def test_an_sd_for_each_curve_has_the_default_prior_of_the_parameter():
    priors = resolve_priors(design_of(CURVES))
    names = [name for name in priors if name.startswith("sd_sigma_")]
    assert names == ["sd_sigma_s(x):arm[a]", "sd_sigma_s(x):arm[b]"]
    plain = resolve_priors(design_of("y ~ x, sigma ~ (1 | g)"))["sd_sigma_g[Intercept]"]
    assert {priors[name] for name in names} == {plain}
    stated = {"sd_sigma_s(x):arm[a]": pp.Prior("HalfNormal", sigma=0.2), "sd_s(x)": pp.Prior("Exponential", lam=3)}
    own = resolve_priors(design_of(CURVES, priors=stated))
    assert own["sd_sigma_s(x):arm[a]"] == stated["sd_sigma_s(x):arm[a]"]
    assert own["sd_s(x)[departures]"] == stated["sd_s(x)"]
    assert own["sd_sigma_s(x):arm[b]"] == plain


def test_prior_draws_have_a_curve_of_sigma():
    design = design_of("y ~ x, sigma ~ s(x, k=6)")
    draws = draw_prior(design, resolve_priors(design), 4000, seed=1)
    scaled = draws["b_sigma_s(x)"][:, 0, :] / draws["sd_sigma_s(x)"]
    assert stats.kstest(scaled[:, 2], stats.norm().cdf).pvalue > 1e-4
    assert np.ptp(draws["sd_sigma_s(x)"], axis=1) == pytest.approx(0)


def test_the_model_in_words_and_as_equations():
    design = design_of(CURVES)
    words = describe_words(design).splitlines()
    assert "Of sigma: The curve of x in each category of arm departs from its straight line" in "\n".join(words)
    text = describe_mathematics(design, resolve_priors(design))
    assert "sigma_s(x):arm[i]" in text
    assert "sigma_s(x):arm[i] = sum_k B[i, k] b_sigma_s(x):arm[arm[i], k]" in text
    assert "b_sigma_s(x):arm[j, k] ~ Normal(0, sd_sigma_s(x):arm[j])" in text
    assert "b_s(x)[k] ~ Normal(0, sd_s(x))" in text
    assert "sigma: s(x):arm" in write_equations(design, resolve_priors(design)).mathml


def test_curves_beside_predictors_have_a_likelihood():
    """It is at least that of the line, which is a curve without departures."""
    for curve in ("y ~ x, sigma ~ s(x, k=5)", "y ~ s(x, k=5), sigma ~ x"):
        with_curve = pp.maximum_likelihood(curve, table())
        with_line = pp.maximum_likelihood(curve.replace("s(x, k=5)", "x"), table())
        assert with_curve.log_likelihood >= with_line.log_likelihood - 1e-6
        assert with_curve.n_parameters == with_line.n_parameters + 1


@pytest.fixture(scope="module")
def fit():
    return pp.fit("y ~ s(x, k=6) + (1 | g), sigma ~ s(x, k=8)", table(400), seed=1, progressbar=False)


@pytest.mark.thorough
def test_the_curve_of_sigma_is_found(fit):
    assert fit.run.engine == "nuts"
    places = np.linspace(0.4, 5.6, 9)
    found = pp.predict(fit, {"x": places}, kind="typical")["sigma"]
    distance = (np.log(found).mean(("chain", "draw")) - wave(places)) / np.log(found).std(("chain", "draw"))
    assert np.abs(distance).max() < 3.5
    straight = np.polyval(np.polyfit(places, wave(places), 1), places)
    assert np.abs(np.log(found).mean(("chain", "draw")) - straight).max() > 0.4


@pytest.mark.thorough
def test_tables_and_files_have_the_curve(fit, tmp_path):
    assert "sigma: departures" in str(fit)
    assert pp.load_fit(fit.save(tmp_path / "fit.nc")).spec == fit.spec
    assert "sd of departures of sigma" in " ".join(pp.table(fit).frame["label"])
    assert "sd_sigma_s(x)[departures]" in pp.power_scale(fit).frame.index
    added = fit.update(table(5, seed=7), seed=1, progressbar=False)
    assert added.design.parameters["sigma"].n_rows == 405


@pytest.mark.slow
def test_posteriors_agree_with_pymc():
    formula = "y ~ x + (1 | g), sigma ~ s(x, k=6)"
    ours = pp.fit(formula, table(), seed=1, progressbar=False)
    theirs = pp.fit(formula, table(), engine="pymc", seed=2, target_accept=0.99, progressbar=False)
    assert [one.run.engine for one in (ours, theirs)] == ["nuts", "pymc"]
    for variable in ("beta", "beta_sigma", "sd_g", "sd_sigma_s(x)", "b_sigma_s(x)"):
        one, other = (
            fit.posterior[variable].transpose("chain", "draw", ...).to_numpy().reshape(4, 1000, -1)
            for fit in (ours, theirs)
        )
        for k in range(one.shape[2]):
            assert min(mixing([draws[..., k]]).bulk_ess[0] for draws in (one, other)) > 300, (variable, k)
            error = np.hypot(mcse_mean(one[..., k]), mcse_mean(other[..., k]))
            assert abs(one[..., k].mean() - other[..., k].mean()) < 5 * error, (variable, k)
