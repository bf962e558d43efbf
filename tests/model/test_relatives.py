"""Levels without rows of their own are predicted from their relatives."""

import json
import pickle

import numpy as np
import pandas as pd
import pytest

import partialpool as pp
from checks.kin import sib_matrix, traits
from partialpool.design.build import build_design
from partialpool.design.grid import covariate_points
from partialpool.fitting.variance import intraclass_correlation
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.model.covariance import effect_covariance
from partialpool.model.default_priors import resolve_priors
from partialpool.model.partition import partition_at, partition_over_rows
from partialpool.model.prior import draw_prior
from partialpool.model.variance_prior import decompose
from partialpool.reporting.describe import describe_mathematics, describe_words
from partialpool.sampling.dense_levels import warn_if_dense
from partialpool.sampling.mixing import bulk_ess, mcse_mean
from partialpool.sampling.pack import label_draws

KINSHIP = sib_matrix(12, 6)
DATA, TRUTH = traits(KINSHIP, sd=3, sigma=1, rows=200, seed=8, absent=6)
ABSENT = list(KINSHIP.index[-6:])
FORMULA = "y ~ x + (1 | animal)"


@pytest.fixture(scope="module")
def fit():
    return pp.fit(FORMULA, DATA, cov={"animal": KINSHIP}, seed=1, progressbar=False)


def new_rows(labels):
    return pd.DataFrame({"animal": labels, "x": 0.0, "y": 0.0})


def test_a_relative_is_the_conditional_normal():
    """In a family of which one member has rows, the others are predicted from that member."""
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


def test_a_level_without_a_row_in_the_covariance_is_refused(fit):
    with pytest.raises(pp.DataError, match="no row in the covariance") as error:
        pp.predict(fit, new_rows(["zoe"]), new_levels="sample")
    assert error.value.got == "zoe"
    with pytest.raises(pp.DataError, match="has not seen"):
        pp.predict(fit, new_rows(ABSENT[:1]))


def test_a_fit_is_restored_from_its_file(fit, tmp_path):
    again = pp.load_fit(fit.save(tmp_path / "fit.nc"))
    assert again.spec == fit.spec
    np.testing.assert_array_equal(again.design.factors[0].root, fit.design.factors[0].root)


def test_prior_draws_covary_as_stated(fit):
    draws = draw_prior(fit.design, fit.priors, 20_000, seed=4)
    z = draws["b_animal"][:, :, 0] / draws["sd_animal"]
    sample = np.cov(z.T)
    root = fit.design.factors[0].root
    assert np.abs(sample - root @ root.T).max() < 6 * np.sqrt(2 / 20_000)


def test_questions_that_need_independent_levels_are_refused(fit):
    for ask in (
        lambda: pp.shrinkage(fit),
        lambda: pp.level_influence(fit, progressbar=False),
        lambda: pp.level_statistics(fit),
    ):
        with pytest.raises(pp.DataError, match="needs independent levels, and those of animal covary"):
            ask()
    assert "not judged" in str(pp.check(fit, seed=1))
    assert "K_animal (x) sd_animal^2" in describe_mathematics(fit.design, fit.priors)
    assert "with the given covariance between levels" in describe_words(fit.design)


def test_the_design_effect_counts_relatives(fit):
    """n Var(mean) / Var(y): the covariance of rows of sibs is half that of rows of one animal."""
    found = pp.design_effect(fit)["design_effect"].sel(factor="animal")
    z = (DATA["animal"].to_numpy()[:, None] == KINSHIP.index.to_numpy()[None, :]).astype(float)
    posterior = fit.posterior
    variance, residual = posterior["sd_animal"][..., 0] ** 2, posterior["sigma"] ** 2
    shared = (z @ KINSHIP.to_numpy() @ z.T).sum() - len(DATA)
    expected = 1 + variance * shared / ((variance + residual) * len(DATA))
    np.testing.assert_allclose(found, expected, rtol=1e-9)


def test_the_report_of_a_related_model_states_what_it_leaves_out(fit, tmp_path):
    page = pp.report(fit, tmp_path / "report.html").read_text(encoding="utf-8")
    assert "independent levels" in page
    assert "⊗" in page


def test_an_sd_depends_on_the_scale_of_the_matrix_and_answers_do_not(fit):
    """With four times the matrix, every draw of the sd is half as large under the same seed; answers are equal."""
    scaled = pp.fit(FORMULA, DATA, cov={"animal": 4 * KINSHIP}, seed=1, progressbar=False)
    np.testing.assert_allclose(scaled.posterior["sd_animal"], fit.posterior["sd_animal"] / 2, rtol=1e-6)
    np.testing.assert_allclose(scaled.posterior["b_animal"], fit.posterior["b_animal"], rtol=1e-5, atol=1e-8)
    questions = (
        lambda f: pp.icc(f)["icc"],
        lambda f: pp.icc(f, scale="response")["icc"],
        lambda f: pp.icc(f, at={"x": [0.0, 1.0]})["icc"],
        lambda f: pp.variance_components(f)["r2_conditional"],
        lambda f: pp.variance_components(f)["share"],
        lambda f: pp.variance_function(f, {"x": [0.0, 1.0]})["covariance"],
        lambda f: pp.design_effect(f)["design_effect"],
        lambda f: pp.singularity(f)[["contribution", "small", "near_zero", "effective_rank"]],
        lambda f: pp.predict(f, kind="marginal", seed=1)["response"],
        lambda f: pp.predict(f, new_rows(ABSENT), new_levels="sample", seed=1)["expectation"],
        lambda f: pp.prior_predictive(f.spec, DATA, along={"x": [0.0, 1.0]}, draws=50, seed=1)["outlook"]["level_line"],
        lambda f: pp.prior_predictive(f.spec, DATA, draws=50, seed=1)["derived"]["icc"],
    )
    for ask in questions:
        one, other = ask(scaled), ask(fit)
        for name in one.data_vars if hasattr(one, "data_vars") else [None]:
            a, b = (answer if name is None else answer[name] for answer in (one, other))
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-8)
    assert scaled.tree.attrs["engine"] == "collapsed"
    evidence = [json.loads(f.tree.attrs["run"])["log_evidence"] for f in (scaled, fit)]
    assert evidence[0] == pytest.approx(evidence[1], abs=1e-6)


def test_shares_use_each_rows_diagonal_entry():
    """Var(row) = sd^2 K_jj + sigma^2; with slopes K_jj z' Sigma z: averaged over the rows, by hand."""
    inbred = KINSHIP + np.diag(np.linspace(0.0, 1.5, len(KINSHIP)))
    spec = pp.ModelSpec.from_formula("y ~ x + (x | animal)", cov={"animal": inbred})
    design = build_design(spec, DATA)
    priors = resolve_priors(design)
    draws = label_draws(design, {k: v[None] for k, v in draw_prior(design, priors, 50, seed=1).items()})
    own = np.array([inbred.loc[label, label] for label in DATA["animal"]])
    z = np.column_stack([np.ones(len(DATA)), DATA["x"]])
    sigma = effect_covariance(draws, design.factors[0])
    by_hand = np.einsum("i,cdpq,ip,iq->cd", own, sigma, z, z) / len(DATA)
    residual = draws["sigma"].to_numpy() ** 2
    partition = partition_over_rows(draws, design)
    np.testing.assert_allclose(partition.factors["animal"][..., 0], by_hand, rtol=1e-10)
    np.testing.assert_allclose(intraclass_correlation(draws, design)[0]["animal"], by_hand / (by_hand + residual))
    at = partition_at(draws, design, covariate_points(design, {"x": [2.0]}, common=True))
    place = np.array([1.0, 2.0])
    here = own.mean() * np.einsum("cdpq,p,q->cd", sigma, place, place)
    np.testing.assert_allclose(at.factors["animal"][..., 0], here, rtol=1e-10)
    parts = decompose(design)
    squares = [own.mean(), np.mean(own * (DATA["x"] - DATA["x"].mean()) ** 2)]
    np.testing.assert_allclose(parts.mean_squares, squares, rtol=1e-10)


def test_likelihoods_have_the_sd_of_the_matrix_too():
    one, other = (pp.maximum_likelihood(FORMULA, DATA, cov={"animal": k * KINSHIP}) for k in (1, 4))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-8)
    assert one.maximum.sd[0][0] == pytest.approx(2 * other.maximum.sd[0][0], rel=1e-5)
    np.testing.assert_allclose(one.conditional_modes("animal"), other.conditional_modes("animal"), rtol=1e-4, atol=1e-6)


def test_a_saved_fit_stores_the_matrix_as_numbers(fit, tmp_path):
    """As text, a matrix of 2,000 levels took 118 MB."""
    rng = np.random.default_rng(1)
    kinship = pd.DataFrame(np.cov(rng.normal(size=(300, 600))), index=list(range(300)), columns=list(range(300)))
    spec = pp.ModelSpec.from_formula(
        "y ~ 1 + (1 | g)", cov={"g": kinship}, priors={"sigma": pp.Prior("HalfNormal", sigma=2)}
    )
    table = pd.DataFrame({"g": np.arange(600) % 300, "y": rng.normal(size=600)})
    made = pp.fit(spec, table, draws=10, chains=1, seed=1, progressbar=False)
    assert len(made.tree.attrs["spec"]) < 1000
    path = made.save(tmp_path / "fit.nc")
    assert path.stat().st_size < 8 * 300 * 301 / 2 + 300_000
    again = pp.load_fit(path)
    assert again.spec == spec
    assert pickle.loads(pickle.dumps(made)).spec == spec
    np.testing.assert_array_equal(again.design.factors[0].root, made.design.factors[0].root)


def test_a_saved_fit_with_sds_of_a_rescaled_matrix_is_refused(fit, tmp_path):
    older = fit.tree.copy()
    del older["model_covariances"]
    older.attrs = {**fit.tree.attrs, "spec": fit.spec.to_toml()}
    older.to_netcdf(tmp_path / "older.nc", engine="h5netcdf")
    assert pp.load_fit(tmp_path / "older.nc").spec == fit.spec  # its mean diagonal entry is 1
    inbred = pp.ModelSpec.from_formula(FORMULA, cov={"animal": KINSHIP + np.eye(len(KINSHIP))})
    older.attrs = {**older.attrs, "spec": inbred.to_toml()}
    older.to_netcdf(tmp_path / "older.nc", engine="h5netcdf")
    with pytest.raises(pp.FileError, match="divided by its mean diagonal entry"):
        pp.load_fit(tmp_path / "older.nc")


def test_relatives_support_a_variance_that_single_rows_cannot():
    """One row per level: the information comes from relatives, and `singularity` takes it into account."""
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


def test_a_large_dense_problem_gives_a_warning():
    kinship = sib_matrix(120, 5)
    data, _ = traits(kinship, sd=1, sigma=1, rows=1300, seed=2)
    data["own"] = data["animal"]
    design = build_design(pp.ModelSpec.from_formula("y ~ x + (1 | animal) + (1 | own)", cov={"animal": kinship}), data)
    marginal = build_marginal(design, resolve_priors(design))
    with pytest.warns(pp.DataWarning, match="engine='pymc' may be faster"):
        warn_if_dense(marginal)


@pytest.mark.slow
def test_both_engines_have_one_posterior(fit):
    """Means of all variables agree within five standard errors of both engines' draws."""
    other = pp.fit(FORMULA, DATA, cov={"animal": KINSHIP}, seed=2, engine="pymc", progressbar=False)
    for name in ("beta", "sd_animal", "sigma", "b_animal"):
        draws = [f.posterior[name].transpose("chain", "draw", ...).to_numpy() for f in (fit, other)]
        flat = [d.reshape(*d.shape[:2], -1) for d in draws]
        for k in range(flat[0].shape[2]):
            one, two = (d[..., k] for d in flat)
            assert min(bulk_ess(one), bulk_ess(two)) > 400
            assert abs(one.mean() - two.mean()) < 5 * np.hypot(mcse_mean(one), mcse_mean(two)), (name, k)
