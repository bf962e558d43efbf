"""Levels without rows of their own are predicted from their relatives."""

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.kin import sib_matrix, traits
from partialpool.collapse.marginal import build_marginal
from partialpool.design.build import build_design
from partialpool.design.scaling import resolve_priors
from partialpool.infer.collapsed import _warn_if_dense
from partialpool.observe.prior import draw_prior
from partialpool.overview.chains import bulk_ess, mcse_mean
from partialpool.reporting.describe import describe_mathematics, describe_words

KINSHIP = sib_matrix(12, 6)
DATA, TRUTH = traits(KINSHIP, sd=3, sigma=1, rows=200, seed=8, absent=6)
ABSENT = list(KINSHIP.index[-6:])
FORMULA = "y ~ x + (1 | animal)"


@pytest.fixture(scope="module")
def fit():
    return pp.fit(FORMULA, DATA, cov={"animal": KINSHIP}, seed=1, progressbar=False)


def new_rows(labels):
    return pd.DataFrame({"animal": labels, "x": 0.0, "y": 0.0})


def test_a_relative_is_the_conditional_normal(fit):
    """The last family has no rows: nothing is known of it; a half-seen family tells its members."""
    half = pd.concat([DATA, DATA[DATA["animal"] == "a0"].assign(animal="a66")], ignore_index=True)
    made = pp.fit(FORMULA, half, cov={"animal": KINSHIP}, seed=2, progressbar=False)
    found = pp.predict(made, new_rows(["a67", "a71"]), new_levels="sample", seed=3)["expectation"]
    posterior = made.posterior
    intercept = posterior["beta"].sel(coef="Intercept")
    # Sibs at 0.5: E b_new = 0.5 b_a66, Var b_new = 0.75 sd^2, and two of them covary by 0.25 sd^2.
    sib, sd = posterior["b_animal"].sel(animal="a66", animal_effect="Intercept"), posterior["sd_animal"][..., 0]
    rest = found - (intercept + 0.5 * sib)
    z = (rest / sd).stack(sample=("chain", "draw")).transpose("obs", "sample").to_numpy()
    n = z.shape[1]
    assert np.abs(z.mean(axis=1)).max() < 5 * np.sqrt(0.75 / n)
    assert np.abs(z.var(axis=1) - 0.75).max() < 5 * 0.75 * np.sqrt(2 / n)
    assert abs(np.mean(z[0] * z[1]) - 0.25) < 5 * np.sqrt((0.75**2 + 0.25**2) / n)
    known = pp.predict(made, new_rows(["a67"]), new_levels="population", seed=3)["expectation"]
    np.testing.assert_allclose(known.isel(obs=0), intercept + 0.5 * sib, rtol=1e-9)


def test_a_stranger_is_told(fit):
    with pytest.raises(pp.DataError, match="no row in the covariance") as error:
        pp.predict(fit, new_rows(["zoe"]), new_levels="sample")
    assert error.value.got == "zoe"
    with pytest.raises(pp.DataError, match="has not seen"):
        pp.predict(fit, new_rows(ABSENT[:1]))


def test_a_fit_comes_back_from_its_file(fit, tmp_path):
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.spec == fit.spec
    np.testing.assert_array_equal(again.design.factors[0].root, fit.design.factors[0].root)


def test_prior_draws_covary_as_stated(fit):
    draws = draw_prior(fit.design, fit.priors, 20_000, seed=4)
    z = draws["b_animal"][:, :, 0] / draws["sd_animal"]
    sample = np.cov(z.T)
    root = fit.design.factors[0].root
    assert np.abs(sample - root @ root.T).max() < 6 * np.sqrt(2 / 20_000)


def test_what_asks_for_independent_levels_is_refused(fit):
    for ask in (
        lambda: pp.shrinkage(fit),
        lambda: pp.level_influence(fit, progressbar=False),
        lambda: pp.level_statistics(fit),
    ):
        with pytest.raises(pp.DataError, match="levels that are independent, and those of animal covary"):
            ask()
    assert "not judged" in str(pp.check(fit, seed=1))
    assert "K_animal (x) sd_animal^2" in describe_mathematics(fit.design, fit.priors)
    assert "which covary as stated" in describe_words(fit.design)


def test_the_design_effect_counts_relatives(fit):
    """n Var(mean) / Var(y): rows of sibs count half as much as rows of one animal."""
    found = pp.design_effect(fit)["design_effect"].sel(factor="animal")
    z = (DATA["animal"].to_numpy()[:, None] == KINSHIP.index.to_numpy()[None, :]).astype(float)
    posterior = fit.posterior
    variance, residual = posterior["sd_animal"][..., 0] ** 2, posterior["sigma"] ** 2
    shared = (z @ KINSHIP.to_numpy() @ z.T).sum() - len(DATA)
    expected = 1 + variance * shared / ((variance + residual) * len(DATA))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_page_of_a_related_model_says_what_it_left_out(fit, tmp_path):
    page = pp.report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "levels that are independent" in page
    assert "⊗" in page


def test_units_of_the_matrix_change_no_answer(fit):
    scaled = pp.fit(FORMULA, DATA, cov={"animal": 4 * KINSHIP}, seed=1, progressbar=False)
    for ask in (lambda f: pp.icc(f)["icc"], lambda f: pp.design_effect(f)["design_effect"]):
        np.testing.assert_allclose(ask(scaled), ask(fit), rtol=1e-6)


def test_relatives_support_a_variance_that_single_rows_cannot():
    """One row a level: what tells is the relatives, and `singularity` counts them."""
    kinship = sib_matrix(60, 12)
    data, _ = traits(kinship, sd=0.4, sigma=1, rows=720, seed=5)
    made = pp.fit(FORMULA, data, cov={"animal": kinship}, seed=1, progressbar=False)
    assert pp.lrt(FORMULA, "y ~ x", data, cov={"animal": kinship}, seed=1, progressbar=False).p_simulated < 0.01
    assert bool(pp.singularity(made)["good"])


def test_another_covariance_is_another_model():
    other = KINSHIP + 0.2 * np.eye(len(KINSHIP))
    specs = [
        pp.ModelSpec.from_formula(f"{FORMULA} + (1 | litter)", cov={"animal": KINSHIP}),
        pp.ModelSpec.from_formula(FORMULA, cov={"animal": other}),
        pp.ModelSpec.from_formula(FORMULA),
    ]
    for reduced in specs[1:]:
        with pytest.raises(pp.SpecError, match="another covariance among the levels of animal"):
            pp.lrt(specs[0], reduced, DATA)


def test_a_dense_problem_is_told_before_it_is_waited_for():
    kinship = sib_matrix(120, 5)
    data, _ = traits(kinship, sd=1, sigma=1, rows=1300, seed=2)
    data["own"] = data["animal"]
    design = build_design(pp.ModelSpec.from_formula("y ~ x + (1 | animal) + (1 | own)", cov={"animal": kinship}), data)
    marginal = build_marginal(design, resolve_priors(design))
    with pytest.warns(pp.DataWarning, match="engine='nuts' may be faster"):
        _warn_if_dense(marginal)


@pytest.mark.slow
def test_both_engines_have_one_posterior(fit):
    """Means of everything within five standard errors of both engines' draws."""
    other = pp.fit(FORMULA, DATA, cov={"animal": KINSHIP}, seed=2, engine="nuts", progressbar=False)
    for name in ("beta", "sd_animal", "sigma", "b_animal"):
        draws = [f.posterior[name].transpose("chain", "draw", ...).to_numpy() for f in (fit, other)]
        flat = [d.reshape(*d.shape[:2], -1) for d in draws]
        for k in range(flat[0].shape[2]):
            one, two = (d[..., k] for d in flat)
            assert min(bulk_ess(one), bulk_ess(two)) > 400
            assert abs(one.mean() - two.mean()) < 5 * np.hypot(mcse_mean(one), mcse_mean(two)), (name, k)
