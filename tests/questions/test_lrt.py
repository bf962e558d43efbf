"""Likelihood-ratio tests against lme4 and RLRsim, against closed forms, and the exact null against the bootstrap."""

import os
import signal
import threading
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from checks.fixed import fit_at
from checks.r_values import BOUNDARY
from partialpool.design.build import build_design
from partialpool.design.nested_models import find_additions
from partialpool.likelihood import bootstrap
from partialpool.likelihood.exact_rlrt import find_spectrum
from partialpool.likelihood.maximum_likelihood import likelihood_fit
from partialpool.questions.lrt import lrt, write_mixture
from partialpool.seeds import seed_sequence
from partialpool.spec.model import ModelSpec

SLEEP = "Reaction ~ Days"
RLRT = {(e["data"], e["tests"].split(" ")[0]): e for e in BOUNDARY["exactRLRT"]}
DYESTUFF = ("Yield ~ 1 + (1 | Batch)", "Yield ~ 1")


def quick(full, reduced, data, **options):
    return lrt(full, reduced, data, **{"simulations": 0, "progressbar": False, **options})


def design_of(formula, data, **options):
    return build_design(ModelSpec.from_formula(formula, **options), data)


def unbalanced(seed=3):
    rng = np.random.default_rng(seed)
    g = np.repeat(np.arange(8), [1, 2, 4, 6, 9, 10, 12, 16])
    x = rng.normal(size=60) + 0.2 * g
    return {"y": rng.normal(size=60), "g": g, "x": x, "se": rng.uniform(0.5, 2, 60)}


# --- against other software


def test_ml_ratio_is_lme4s(sleepstudy):
    reference = BOUNDARY["ml_lrt"]
    test = quick(f"{SLEEP} + (Days | Subject)", f"{SLEEP} + (1 | Subject)", sleepstudy)
    assert test.statistic == pytest.approx(reference["statistic"], rel=1e-8)
    assert test.naive_df == 2
    assert test.p_naive == pytest.approx(reference["p_naive_chi2_2"], rel=1e-7)
    assert test.mixture == ((1, 0.5), (2, 0.5))
    assert test.p_mixture == pytest.approx(reference["p_mixture_half_1_half_2"], rel=1e-7)
    assert not test.reml


@pytest.mark.parametrize(
    ("key", "full", "reduced"),
    [
        (("sleepstudy", "(1|Subject)"), f"{SLEEP} + (1 | Subject)", SLEEP),
        (("sleepstudy", "independent"), f"{SLEEP} + (Days || Subject)", f"{SLEEP} + (1 | Subject)"),
        (("dyestuff", "(1|Batch)"), *DYESTUFF),
        (("dyestuff2", "(1|Batch)"), *DYESTUFF),
    ],
    ids=str,
)
def test_reml_ratios_are_lme4s(key, full, reduced):
    test = quick(full, reduced, pp.load_dataset(key[0]), reml=True)
    assert test.statistic == pytest.approx(RLRT[key]["statistic"], abs=1e-6)
    assert test.mixture == ((0, 0.5), (1, 0.5))


@pytest.mark.parametrize("name", ["dyestuff", "dyestuff2"])
def test_exact_p_is_rlrsims(name):
    """RLRsim counts simulated > observed: for an observed 0, the share above 0."""
    test = quick(*DYESTUFF, pp.load_dataset(name), reml=True, simulations=100_000, seed=1)
    reference = RLRT[name, "(1|Batch)"]["p"]
    ours = test.p_simulated if test.statistic > 0 else float((test.null > 0).mean())
    error = np.sqrt(reference * (1 - reference) * (1 / BOUNDARY["nsim"] + 1 / 100_000))
    assert ours == pytest.approx(reference, abs=5 * error)


# --- the simulated null


def test_share_of_zeros_is_that_of_an_f_below_1():
    """Balanced, one way: the REML variance is 0 where the mean squares' ratio F(5, 24) is below 1."""
    null = quick(*DYESTUFF, pp.load_dataset("dyestuff"), reml=True, simulations=100_000, seed=4).null
    above = stats.f.sf(1, 5, 24)
    assert (null > 0).mean() == pytest.approx(above, abs=5 * np.sqrt(above * (1 - above) / 100_000))


def test_exact_null_is_the_balanced_closed_form():
    """With F the ratio of mean squares and a - 1 levels free: log-likelihoods at the ANOVA estimates."""
    null = quick(*DYESTUFF, pp.load_dataset("dyestuff"), reml=True, simulations=20_000, seed=5).null
    rng = np.random.default_rng(6)
    between, within = rng.chisquare(5, 20_000), rng.chisquare(24, 20_000)
    ratio = np.maximum((between / 5) / (within / 24), 1)
    pooled = np.where(ratio > 1, (between / ratio + within) / 29, (between + within) / 29)
    statistic = 29 * np.log((between + within) / 29 / pooled) - 5 * np.log(ratio)
    assert stats.ks_2samp(null, statistic).pvalue > 1e-4
    assert np.quantile(null, 0.99) == pytest.approx(np.quantile(statistic, 0.99), rel=0.08)


@pytest.mark.parametrize(
    ("full", "reduced", "options"),
    [
        ("y ~ x + (1 | g)", "y ~ x", {"reml": True}),
        ("y ~ x + (1 | g)", "y ~ 1", {}),
        ("y ~ x + (0 + x | g)", "y ~ x", {}),
        ("y ~ 0 + (1 | g)", "y ~ 0", {"reml": True}),
        ("y ~ x + (1 | g)", "y ~ x", {"se": "se", "reml": True}),
        ("y ~ x + (1 | g)", "y ~ 1", {"se": "se"}),
    ],
)
def test_exact_null_is_the_bootstraps(full, reduced, options, monkeypatch):
    data = unbalanced()
    exact = quick(full, reduced, data, simulations=20_000, seed=1, **options)
    monkeypatch.setattr(bootstrap, "find_spectrum", lambda *_, **__: None)
    simulated = quick(full, reduced, data, simulations=250, seed=2, **options)
    assert (exact.method, simulated.method) == ("exact", "parametric bootstrap")
    assert simulated.n_failed == 0
    assert stats.ks_2samp(exact.null, simulated.null).pvalue > 1e-3
    zeros = (exact.null == 0).mean()
    assert (simulated.null == 0).mean() == pytest.approx(zeros, abs=5 * np.sqrt(zeros * (1 - zeros) / 250) + 0.005)


def test_many_levels_and_other_variances_are_bootstrapped(sleepstudy):
    few = [design_of(f, sleepstudy) for f in (f"{SLEEP} + (Days || Subject)", f"{SLEEP} + (1 | Subject)", SLEEP)]
    assert find_spectrum(few[0], few[1], reml=True) is None
    assert find_spectrum(few[0], few[2], reml=True) is None
    assert find_spectrum(few[1], few[2], reml=True) is not None
    g = np.repeat(np.arange(2001), 2)
    many = {"y": np.random.default_rng(1).normal(size=len(g)), "g": g}
    assert find_spectrum(design_of("y ~ 1 + (1 | g)", many), design_of("y ~ 1", many), reml=True) is None


def test_a_seed_repeats_the_null_and_simulations_are_counted(sleepstudy):
    models = f"{SLEEP} + (Days || Subject)", f"{SLEEP} + (1 | Subject)"
    one, again, other = (quick(*models, sleepstudy, simulations=20, seed=s) for s in (1, 1, 2))
    assert np.array_equal(one.null, again.null)
    assert not np.array_equal(one.null, other.null)
    assert len(one.null) == 20
    assert one.p_simulated == 1 / 21
    assert one.p_simulated_error == pytest.approx(np.sqrt(20 / 21**2 / 20))


def test_p_counts_ties():
    test = quick(*DYESTUFF, pp.load_dataset("dyestuff2"), reml=True, simulations=1000, seed=1)
    assert (test.statistic, test.p_simulated, test.p_mixture, test.p_naive) == (0.0, 1.0, 1.0, 1.0)
    assert len(test.null) == 10_000  # the exact null costs nothing


def test_without_simulations_there_is_no_simulated_p(sleepstudy):
    test = quick(f"{SLEEP} + (1 | Subject)", SLEEP, sleepstudy)
    assert test.null.shape == (0,)
    assert np.isnan([test.p_simulated, test.p_simulated_error]).all()
    assert "By the asymptotic null the data support Intercept varying over Subject" in str(test)


def test_lognormal_is_the_test_of_the_logarithms():
    data = unbalanced()
    tests = [
        quick("y ~ x + (x | g)", "y ~ x + (1 | g)", data, simulations=15, seed=3),
        quick(
            "y ~ x + (x | g)", "y ~ x + (1 | g)", data | {"y": np.exp(data["y"])}, simulations=15, seed=3,
            family="lognormal",
        ),
    ]  # fmt: skip
    assert tests[1].statistic == pytest.approx(tests[0].statistic, abs=1e-7)
    assert tests[1].null == pytest.approx(tests[0].null, abs=1e-4)
    assert tests[0].null.max() > 0.5


def test_drawn_responses_have_the_models_mean_and_covariance():
    data = {"y": np.array([1.0, 2, 4, 3, 5, 9]), "x": np.array([0.0, 1, 2, 0, 1, 2]), "g": list("aaabbb")}
    design = design_of("y ~ x + offset(x) + (x | g)", data)
    corr = np.array([[1, 1.0], [1, 1]])
    maximum = SimpleNamespace(beta=np.array([2.0, -1]), sd=(np.array([1, 2.0]),), corr=(corr,), sigma=0.5, residual={})
    fit = replace(likelihood_fit(design), maximum=maximum)
    rng = np.random.default_rng(1)
    draws = np.array([fit.draw_response(rng) for _ in range(20_000)])
    z = np.column_stack([np.ones(6), data["x"]])
    v = 0.25 * np.eye(6) + (z @ np.outer([1, 2.0], [1, 2.0]) @ z.T) * np.kron(np.eye(2), np.ones((3, 3)))
    assert draws.mean(axis=0) == pytest.approx(np.full(6, 2.0), abs=5 * np.sqrt(v.max() / 20_000))
    # Var of a covariance of normals: (v_ii v_jj + v_ij^2) / n.
    error = np.sqrt((np.outer(np.diag(v), np.diag(v)) + v**2) / 20_000)
    assert (np.abs(np.cov(draws.T) - v) < 5 * error).all()


# --- the mixture


@pytest.mark.parametrize(
    ("full", "reduced", "mixture", "naive", "words"),
    [
        ("(1 | g)", "1", "0.5 chi2_0 + 0.5 chi2_1", 1, "Intercept varying over g"),
        ("(x | g)", "(1 | g)", "0.5 chi2_1 + 0.5 chi2_2", 2, "x varying over g, correlated with Intercept"),
        ("(x + z | g)", "(x | g)", "0.5 chi2_2 + 0.5 chi2_3", 3, "z varying over g, correlated with Intercept and x"),
        ("(x || g)", "1", "0.25 chi2_0 + 0.5 chi2_1 + 0.25 chi2_2", 2, "Intercept varying over g; x varying over g"),
        ("(1 | g) + (1 | h)", "1", "0.25 chi2_0 + 0.5 chi2_1 + 0.25 chi2_2", 2, None),
        ("(x | g) + (1 | h)", "(1 | g)", "0.25 chi2_1 + 0.5 chi2_2 + 0.25 chi2_3", 3, None),
        ("(x | g)", "(x || g)", "chi2_1", 1, "a correlation of Intercept and x over g"),
        ("(x + z | g)", "(x || g)", "0.5 chi2_3 + 0.5 chi2_4", 4, None),
        ("x + z + (1 | g)", "x", "0.5 chi2_1 + 0.5 chi2_2", 2, "Intercept varying over g; the fixed effect z"),
        ("x + z + (1 | g)", "(1 | g)", "chi2_2", 2, "the fixed effects x and z"),
    ],
)
def test_mixtures(full, reduced, mixture, naive, words):
    data = unbalanced() | {"z": np.random.default_rng(8).normal(size=60), "h": np.arange(60) % 7}
    common = "" if full.startswith("x") else "x + z + "
    test = quick(f"y ~ {common}{full}", f"y ~ {common}{reduced}", data)
    assert write_mixture(test.mixture) == mixture
    assert test.naive_df == naive
    if words is not None:
        assert test.added == words
    tail = {df: stats.chi2.sf(test.statistic, df) if df else float(test.statistic == 0) for df, _ in test.mixture}
    assert test.p_mixture == pytest.approx(sum(w * tail[df] for df, w in test.mixture))


@pytest.mark.parametrize(
    ("dropped", "words"),
    [
        ("habitat", "the fixed effect habitat (2 coefficients)"),
        ("habitat + x", "the fixed effects habitat (2 coefficients) and x"),
        ("x + C(k) + two", "the fixed effects x, C(k) (3 coefficients) and two[b]"),
        ("x + habitat + x:habitat", "the fixed effects x, habitat (2 coefficients) and x:habitat (2 coefficients)"),
        ("poly(x, 2)", "the fixed effect poly(x, 2) (2 coefficients)"),
    ],
)
def test_a_term_of_several_coefficients_is_named_once(dropped, words):
    data = unbalanced() | {
        "habitat": np.resize(["arable", "forest", "meadow"], 60),
        "k": np.resize([1, 2, 3, 4], 60),
        "two": np.resize(list("aabbb"), 60),
    }
    test = quick(f"y ~ {dropped} + (1 | g)", "y ~ (1 | g)", data)
    assert test.added == words
    assert str(test).startswith(f"Likelihood-ratio test of {words}\n")
    assert test.naive_df == test.full.n_parameters - test.reduced.n_parameters


def test_several_effects_of_one_block_have_no_known_mixture(sleepstudy):
    test = quick(f"{SLEEP} + (Days | Subject)", SLEEP, sleepstudy)
    assert test.mixture is None
    assert np.isnan(test.p_mixture)
    assert "the mixture's weights are not known; simulate the null" in str(test)


def test_mixture_is_calibrated_where_the_naive_p_is_not():
    """100 groups of 5: of the exact null, the mixture rejects what it promises and the naive test half as much."""
    g = np.repeat(np.arange(100), 5)
    data = {"y": np.random.default_rng(2).normal(size=500), "g": g}
    spectrum = find_spectrum(design_of("y ~ 1 + (1 | g)", data), design_of("y ~ 1", data), reml=True)
    null = spectrum.simulate(50_000, np.random.SeedSequence(3))
    error = np.sqrt(0.05 * 0.95 / 50_000)
    assert (0.5 * stats.chi2.sf(null, 1) < 0.05).mean() == pytest.approx(0.05, abs=5 * error)
    assert (stats.chi2.sf(null, 1) < 0.05).mean() == pytest.approx(0.025, abs=5 * error)


@pytest.mark.slow
def test_mixture_of_a_slope_is_calibrated():
    """k = 1, balanced: P(mixture p < 0.05) is 0.05, P(naive p < 0.05) is 0.032."""
    rng = np.random.default_rng(5)
    g, x = np.repeat(np.arange(60), 6), np.tile(np.linspace(-1, 1, 6), 60)
    data = {"y": rng.normal(size=60)[g] + rng.normal(size=360), "g": g, "x": x}
    null = quick("y ~ x + (x | g)", "y ~ x + (1 | g)", data, simulations=4000, seed=6).null
    mixed, naive = (stats.chi2.sf(null, 1) + stats.chi2.sf(null, 2)) / 2, stats.chi2.sf(null, 2)
    cut = stats.chi2.isf(0.05, 2)
    promised = (stats.chi2.sf(cut, 1) + 0.05) / 2
    for p, rate in ((mixed, 0.05), (naive, promised)):
        assert (p < 0.05).mean() == pytest.approx(rate, abs=5 * np.sqrt(rate * (1 - rate) / 4000))
    assert (naive < 0.05).mean() < 0.05 - 3 * np.sqrt(0.05 * 0.95 / 4000)


# --- what it takes and what it prints


def test_two_fits_are_tested_by_themselves(sleepstudy):
    values = {"beta": [250, 10], "sigma": 25}
    full = fit_at(f"{SLEEP} + (1 | Subject)", sleepstudy, sd_Subject=[20], **values)
    reduced = fit_at(SLEEP, sleepstudy, **values)
    test = quick(full, reduced, None, reml=True)
    assert test.statistic == pytest.approx(107.1985780772, abs=1e-6)
    for wrong, got in (((full, SLEEP, None), "a fit and a model"), ((full, reduced, sleepstudy), "two fits and data")):
        with pytest.raises(pp.SpecError, match=f"two fits are tested without data or model options\n.*{got}"):
            lrt(*wrong)
    with pytest.raises(pp.SpecError, match="two fits and family"):
        lrt(full, reduced, family="lognormal")


def test_it_prints_three_nulls_and_a_sentence():
    test = quick(*DYESTUFF, pp.load_dataset("dyestuff"), seed=1, simulations=10)
    text = str(test)
    for part in ("of Intercept varying over Batch", "exact, 10000 draws", "0.5 chi2_0 + 0.5 chi2_1", "chi2_1 (naive)"):
        assert part in text
    assert "the data support Intercept varying over Batch (p = 0.0" in text
    assert repr(test) == text
    assert "<table>" in test._repr_html_()
    none = str(quick(*DYESTUFF, pp.load_dataset("dyestuff2"), seed=1, simulations=10))
    assert "do not require Intercept varying over Batch (p = 1); this does not show that it is absent" in none
    interior = quick("Reaction ~ Days", "Reaction ~ 1", pp.load_dataset("sleepstudy"))
    assert "naive" not in str(interior)


def test_a_singular_reduced_fit_and_failures_are_said():
    data = pp.load_dataset("dyestuff2").assign(half=lambda d: np.arange(len(d)) % 2)
    test = quick("Yield ~ half + (1 | Batch)", "Yield ~ 1 + (1 | Batch)", data)
    assert "The reduced fit is itself singular" in str(test)
    assert "3 simulations found no maximum" in str(replace(test, n_failed=3))


# --- refusals


@pytest.mark.parametrize(
    ("full", "reduced", "error", "text"),
    [
        ("y ~ x + (1 | h)", "y ~ x + (1 | g)", pp.SpecError, r"the factor g is in y ~ x \+ \(1 \| g\) but not in y"),
        ("y ~ x + (1 | g)", "y ~ (x | g)", pp.SpecError, "the effect x over g is in"),
        ("y ~ x + (x || g)", "y ~ (x | g)", pp.SpecError, "the correlation of Intercept and x over g is in"),
        ("y ~ 1 + (1 | g)", "y ~ x", pp.SpecError, "not nested in the full one\n.*the fixed effect x is in"),
        ("y ~ x + (1 | g)", "y ~ (1 | g) + x", pp.SpecError, "the two models are the same"),
        ("y ~ x + (1 | g)", "se ~ x", pp.SpecError, "differ in their response"),
        ("y ~ x + offset(se) + (1 | g)", "y ~ x", pp.SpecError, "differ in their offset"),
        ("y | se(se) ~ x + (1 | g)", "y ~ x", pp.SpecError, "differ in their se"),
        ("y ~ x + (1 | g)", "y ~ x + (1 | h)", pp.SpecError, "the factor h is in"),
    ],
)
def test_what_is_not_nested_is_refused(full, reduced, error, text):
    with pytest.raises(error, match=text):
        quick(full, reduced, unbalanced() | {"h": np.arange(60) % 7})


def test_slopes_of_relatives_in_counts_are_refused():
    data = {"y": [0, 1, 3, 2], "x": [0.0, 1.0, 2.0, 1.0], "g": ["a", "b", "a", "b"]}
    cov = {"g": pd.DataFrame([[1.0, 0.5], [0.5, 1.0]], index=["a", "b"], columns=["a", "b"])}
    with pytest.raises(pp.EngineError, match=r"there is no likelihood of this model\n.*several effects of g"):
        quick("y ~ x + (x | g)", "y ~ x", data, family="poisson", cov=cov)
    with pytest.raises(pp.EngineError, match="REML is for normal responses"):
        quick("y ~ 1 + (1 | g)", "y ~ 1", data, family="poisson", reml=True)


@pytest.mark.thorough
def test_counts_and_choices_are_tested():
    """Both models are integrated in the same way: by quadrature with one factor, else by Laplace's approximation."""
    rng = np.random.default_rng(3)
    g, h = np.repeat(np.arange(12), 6), np.tile(np.arange(6), 12)
    y = rng.poisson(np.exp(0.5 + rng.normal(0, 0.8, 12)[g]))
    data = {"y": y, "g": g, "h": h, "x": rng.normal(size=72)}
    one = lrt("y ~ x + (1 | g)", "y ~ x", data, family="poisson", simulations=30, seed=1, progressbar=False)
    assert one.mixture == ((0, 0.5), (1, 0.5))
    assert one.p_simulated == pytest.approx(1 / 31)
    assert "by adaptive quadrature" in str(one)
    two = lrt("y ~ x + (1 | g) + (1 | h)", "y ~ x + (1 | g)", data, family="poisson", simulations=3, seed=1)
    assert two.full.maximum.method == two.reduced.maximum.method == "by Laplace's approximation"
    assert len(two.null) == 3
    fixed = lrt("y ~ x + (1 | g)", "y ~ 1 + (1 | g)", data, family="poisson", simulations=0)
    plain = pp.maximum_likelihood("y ~ x + (1 | g)", data, family="poisson")
    assert fixed.full.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-9)


@pytest.mark.slow
def test_the_null_of_a_variance_of_counts_is_half_at_zero():
    """Chernoff's mixture: about half of the simulated statistics are 0, and their upper tail is chi-square's half."""
    rng = np.random.default_rng(5)
    g = np.repeat(np.arange(40), 5)
    data = {"y": rng.poisson(2.0, 200), "g": g}
    test = lrt("y ~ 1 + (1 | g)", "y ~ 1", data, family="poisson", simulations=400, seed=2, progressbar=False)
    zero, tail = (test.null < 1e-3).mean(), (test.null > stats.chi2.ppf(0.8, 1)).mean()
    assert abs(zero - 0.5) < 5 * np.sqrt(0.25 / 400) + 0.05  # 40 levels: the asymptotic share is approached
    assert abs(tail - 0.1) < 5 * np.sqrt(0.09 / 400)


def test_settings_are_checked():
    data = unbalanced()
    with pytest.raises(pp.SpecError, match="restricted likelihoods of different fixed effects"):
        quick("y ~ x + (1 | g)", "y ~ 1", data, reml=True)
    for wrong in (-1, 2.5, True):
        with pytest.raises(pp.SpecError, match="simulations must be a non-negative integer"):
            quick("y ~ x + (1 | g)", "y ~ x", data, simulations=wrong)
    with pytest.raises(pp.SpecError, match="the test needs a table"):
        lrt("y ~ x + (1 | g)", "y ~ x")


def test_rows_must_be_the_same():
    data = pd.DataFrame(unbalanced())
    data.loc[3, "x"] = np.nan
    with pytest.warns(pp.DataWarning), pytest.raises(pp.DataError, match=r"different rows\n.*59 and 60 rows"):
        quick("y ~ x + (1 | g)", "y ~ 1", data)


def test_designs_of_different_tables_are_refused():
    data = unbalanced()
    full = design_of("y ~ x + offset(se) + (x | g)", data)
    for column, values, what in (
        ("y", data["y"] + 1, "response"),
        ("x", data["x"] + 1, "column x"),
        ("se", data["se"] + 1, "offset"),
        ("g", data["g"][::-1], "factor g"),
    ):
        other = design_of("y ~ x + offset(se) + (1 | g)", data | {column: values})
        with pytest.raises(pp.DataError, match=f"do not use the same table: their {what} differs"):
            find_additions(full, other)
    shifted = design_of("y ~ 1 + offset(se) + (0 + x | g)", data | {"x": data["x"] + 1})
    with pytest.raises(pp.DataError, match="their effect x over g differs"):
        find_additions(full, shifted)
    with pytest.raises(pp.DataError, match="tables of 60 and 50 rows"):
        find_additions(full, design_of("y ~ offset(se)", {k: v[:50] for k, v in data.items()}))


def test_a_missed_maximum_is_not_clipped(monkeypatch):
    def shifted(design, **options):
        fit = likelihood_fit(design, **options)
        higher = 0.0 if design.factors else 10.0
        return replace(fit, maximum=replace(fit.maximum, log_likelihood=fit.log_likelihood + higher))

    monkeypatch.setattr("partialpool.questions.lrt.likelihood_fit", shifted)
    with pytest.raises(pp.EngineError, match="the full model's maximum was missed"):
        quick(*DYESTUFF, pp.load_dataset("dyestuff"))


# An interrupt may strike inside a library that holds a file open.
@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_ctrl_c_keeps_what_there_is(monkeypatch, sleepstudy, heeds_interrupts):
    """A real interrupt, several times, some time after the third simulation: it may strike inside a kernel."""
    models = f"{SLEEP} + (Days || Subject)", f"{SLEEP} + (1 | Subject)"
    whole = bootstrap.map_pieces
    for delay in (0.0, 0.013, 0.034, 0.071):

        def soon(function, pieces, workers, *, delay=delay):
            over = threading.Event()

            def press():
                # Again, as a user would: Python loses an interrupt that strikes inside a finaliser.
                over.wait(delay)
                while not over.is_set():
                    os.kill(os.getpid(), signal.SIGINT)
                    over.wait(2.0)

            def tell(count):
                if count == 3:
                    threading.Thread(target=press, daemon=True).start()

            try:
                whole(function, pieces, workers, done=tell)
            finally:
                over.set()

        monkeypatch.setattr(bootstrap, "map_pieces", soon)
        with pytest.warns(pp.SamplingWarning, match="interrupted: the null has"):
            test = quick(*models, sleepstudy, simulations=5000)
        assert 3 <= len(test.null) < 5000
        assert np.isfinite(test.p_simulated)


def test_what_the_quick_search_misses_is_searched_for_again(monkeypatch, sleepstudy):
    models = f"{SLEEP} + (Days || Subject)", f"{SLEEP} + (1 | Subject)"
    right = quick(*models, sleepstudy, simulations=12, seed=1)

    class Blind(bootstrap.Replicates):
        """Misses the full model's maximum by two units."""

        def deviance(self, design, start):
            return super().deviance(design, start) + (2.0 if len(start) > 1 else 0.0)

    monkeypatch.setattr(bootstrap, "Replicates", Blind)
    found = quick(*models, sleepstudy, simulations=12, seed=1)
    assert found.n_failed == 0
    missed = right.null < 2.0
    assert missed.any()
    assert found.null[missed] == pytest.approx(right.null[missed], abs=1e-4)


def test_several_variances_keep_their_summits():
    """Uncorrelated variances in two factors: the quick search starts anew from the boundary."""
    rng = np.random.default_rng(5)
    g, h, x = rng.integers(0, 12, 120), rng.integers(0, 7, 120), rng.normal(3, 1, 120)
    data = {"y": rng.normal(size=12)[g] + rng.normal(size=120), "x": x, "g": g, "h": h}
    test = lrt("y ~ x + (x || g) + (x || h)", "y ~ x + (x || g)", data, simulations=40, seed=5, progressbar=False)
    assert test.n_failed == 0
    full, reduced = test.full, test.reduced
    for at, seed in enumerate(seed_sequence(5).spawn(40)[:10]):
        y = reduced.draw_response(np.random.default_rng(seed))
        high, low = (
            likelihood_fit(replace(f.design, response=replace(f.design.response, values=y)), reml=False).deviance
            for f in (full, reduced)
        )
        assert test.null[at] == pytest.approx(max(low - high, 0.0), abs=1e-3)


def test_models_the_wrong_way_round_and_bad_seeds(sleepstudy):
    with pytest.raises(pp.SpecError, match="the models are in the wrong order"):
        quick(SLEEP, f"{SLEEP} + (1 | Subject)", sleepstudy)
    for seed in (-1, "a", 1.5):
        with pytest.raises(pp.SpecError, match="seed must be a non-negative integer"):
            quick(f"{SLEEP} + (1 | Subject)", SLEEP, sleepstudy, simulations=5, seed=seed)
    assert len(quick(f"{SLEEP} + (1 | Subject)", SLEEP, sleepstudy, simulations=np.int64(5)).null) >= 5


def test_too_few_simulations_do_not_decide(sleepstudy):
    models = f"{SLEEP} + (Days | Subject)", f"{SLEEP} + (1 | Subject)"
    test = quick(*models, sleepstudy, simulations=10)
    assert test.conclusion.startswith("By the asymptotic null the data support")
    assert "10 simulations are too few for a p below 0.05" in str(test)


def test_a_mixture_of_several_variances_says_that_it_is_approximate(sleepstudy):
    test = quick(f"{SLEEP} + (Days || Subject)", SLEEP, sleepstudy, simulations=0)
    assert "the mixture is approximate" in str(test)
    one = quick(f"{SLEEP} + (1 | Subject)", SLEEP, sleepstudy, simulations=0)
    assert "approximate" not in str(one)
