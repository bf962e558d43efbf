"""Maximum likelihood and REML of residual structures against nlme."""

import numpy as np
import pytest

import partialpool as pp
from checks.residuals import glmm_tmb, nlme, reference_table

CASES = {
    "cosy": ("weight ~ time * diet + cosy(gr=rat)", "bodyweight", False),
    "ar_gaps": ("weight ~ time * diet + ar(time, gr=rat)", "bodyweight", False),
    "strata": ("weight ~ time + (1 | rat), sigma ~ 0 + diet", "bodyweight", True),
    "ar": (
        "follicles ~ sin(6.283185307179586 * time) + cos(6.283185307179586 * time) + ar(day, gr=mare)",
        "ovary",
        True,
    ),
    "ar_and_groups": (
        "follicles ~ sin(6.283185307179586 * time) + cos(6.283185307179586 * time) + (1 | mare) + ar(day, gr=mare)",
        "ovary",
        False,
    ),
    "unstr": ("rate ~ (pressure + I(pressure**2)) * qb + unstr(occasion, gr=subject)", "dialyzer", True),
}


@pytest.fixture(scope="module")
def reference():
    return nlme()


@pytest.mark.parametrize("case", CASES)
def test_log_likelihoods_and_estimates_are_those_of_nlme(case, reference):
    formula, table, reml = CASES[case]
    found, expected = pp.maximum_likelihood(formula, reference_table(table), reml=reml), reference[case]
    assert found.log_likelihood == pytest.approx(expected["log_likelihood"], abs=1e-5)
    np.testing.assert_allclose(np.sort(found.maximum.beta), np.sort(expected["beta"]), rtol=2e-3)
    sigma = np.atleast_1d(found.maximum.residual["sigma"])
    ratio = np.array([expected["ratio"][k] for k in sorted(expected["ratio"])]) if "ratio" in expected else np.ones(1)
    np.testing.assert_allclose(sigma, expected["sigma"] * ratio, rtol=2e-3)
    if "rho" in expected:
        corr = found.maximum.residual["residual_corr"]
        pairs = corr if corr.ndim == 0 else corr[np.triu_indices(len(corr), 1)]
        np.testing.assert_allclose(pairs, expected["rho"], atol=2e-3)
    if "sd" in expected:
        assert found.maximum.sd[0][0] == pytest.approx(expected["sd"], rel=2e-3)


@pytest.mark.parametrize("case", ["ar", "cosy_by_visit", "strata", "unstr"])
def test_log_likelihoods_are_those_of_glmmtmb(case):
    """There the residual structure is a random effect of each row: `ar1`, `cs`, `us`; strata by `dispformula`."""
    by_visit = ("weight ~ time * diet + cosy(gr=rat), sigma ~ 0 + time", "bodyweight", False)
    formula, table, reml = CASES.get(case, by_visit)
    found = pp.maximum_likelihood(formula, reference_table(table), reml=reml)
    assert found.log_likelihood == pytest.approx(glmm_tmb()[case], abs=1e-5)


def test_the_number_of_parameters_is_that_of_nlme():
    table = reference_table("dialyzer")
    assert pp.maximum_likelihood(CASES["unstr"][0], table, reml=True).n_parameters == 6 + 7 + 21
    assert pp.maximum_likelihood(CASES["cosy"][0], reference_table("bodyweight")).n_parameters == 6 + 1 + 1


def test_a_fit_prints_sds_and_correlations():
    text = str(pp.maximum_likelihood(CASES["strata"][0], reference_table("bodyweight"), reml=True))
    for part in ("sigma[d1]", "sigma[d2]", "sigma[d3]", "REML"):
        assert part in text
    assert "corr (cosy)" in str(pp.maximum_likelihood(CASES["cosy"][0], reference_table("bodyweight")))


def test_responses_are_drawn_with_the_estimated_correlation():
    table = reference_table("bodyweight")
    fit = pp.maximum_likelihood("weight ~ time + cosy(gr=rat)", table)
    rng = np.random.default_rng(1)
    drawn = np.array([fit.draw_response(rng) for _ in range(400)])
    rat = table["rat"].to_numpy()
    corr = np.corrcoef(drawn.T)
    same = corr[(rat[:, None] == rat) & ~np.eye(len(rat), dtype=bool)].mean()
    assert same == pytest.approx(float(fit.maximum.residual["residual_corr"]), abs=0.02)
    assert abs(corr[rat[:, None] != rat].mean()) < 0.02


def test_models_with_equal_residuals_are_tested_against_each_other():
    table = reference_table("ovary")
    full = "follicles ~ time + (1 | mare) + ar(day, gr=mare)"
    test = pp.lrt(full, "follicles ~ time + ar(day, gr=mare)", table, simulations=0)
    fits = [pp.maximum_likelihood(f, table) for f in (full, "follicles ~ time + ar(day, gr=mare)")]
    assert test.statistic == pytest.approx(2 * (fits[0].log_likelihood - fits[1].log_likelihood), abs=1e-4)
