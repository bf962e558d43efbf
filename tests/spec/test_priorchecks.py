"""Impossible priors are refused without data."""

import pytest

import partialpool as pp

FLAT = pp.Prior("Beta", alpha=1, beta=1)
HALF = pp.Prior("HalfNormal", sigma=1)
GAUSSIAN = "y ~ 1 + (1 | g) + (1 | h)"


@pytest.mark.parametrize(
    ("formula", "options", "what"),
    [
        (GAUSSIAN, {"priors": {"icc": HALF}}, "does not fit icc"),
        (GAUSSIAN, {"priors": {"total_sd": FLAT}}, "does not fit total_sd"),
        (GAUSSIAN, {"priors": {"share_g": FLAT}}, "does not fit share_g"),
        (GAUSSIAN, {"priors": {"sd_g": FLAT}}, "does not fit sd_g"),
        (GAUSSIAN, {"priors": {"icc": FLAT, "sd_h": HALF}}, "two priors for the same variance"),
        (GAUSSIAN, {"priors": {"total_sd": HALF, "sigma": HALF}}, "two priors for the same variance"),
        (GAUSSIAN, {"priors": {"share_g": pp.Prior("Dirichlet", a=1), "sd_g[Intercept]": HALF}}, "two priors for"),
        (GAUSSIAN, {"priors": {"icc": FLAT}, "family": "poisson"}, "icc is not defined in this model"),
        (GAUSSIAN, {"priors": {"icc": FLAT}, "family": "student_t"}, "icc is not defined in this model"),
        (GAUSSIAN, {"priors": {"icc": FLAT}, "link": "log"}, "icc is not defined in this model"),
        (GAUSSIAN, {"priors": {"icc": FLAT}, "se": "s"}, "known standard errors"),
        (
            GAUSSIAN,
            {"priors": {"total_sd": HALF}, "family": "bernoulli"},
            "total sd of a latent response is not a free parameter",
        ),
        ("y ~ x", {"priors": {"icc": FLAT}}, "icc needs groups"),
    ],
)
def test_an_impossible_prior_is_refused(formula, options, what):
    with pytest.raises(pp.PriorError, match=what):
        pp.ModelSpec.from_formula(formula, **options)


@pytest.mark.parametrize("family", ["bernoulli", "cumulative"])
def test_a_latent_response_takes_a_prior_of_its_icc(family):
    assert pp.ModelSpec.from_formula(GAUSSIAN, family=family, priors={"icc": FLAT}).states_shares


def test_a_prior_of_each_sd_is_no_prior_of_shares():
    assert not pp.ModelSpec.from_formula(GAUSSIAN, priors={"sd_g": HALF}).states_shares


def test_priors_of_the_icc_and_of_sds_replace_each_other():
    flat = pp.Prior("Cauchy", alpha=0, beta=1)
    own = pp.ModelSpec.from_formula(GAUSSIAN, priors={"sd_g": HALF, "sigma": HALF, "beta": flat})
    whole = own.with_priors({"icc": FLAT})
    assert set(whole.priors) == {"beta", "icc"}
    assert set(whole.with_priors({"sd_h": HALF}).priors) == {"beta", "sd_h"}
