"""Maximum likelihood without groups, against R's glm and lm and closed forms; likelihoods without a maximum."""

import numpy as np
import pytest

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.marginal.gaussian.standardise import working_response
from partialpool.marginal.glmm.posterior import read_response
from partialpool.model.pooled_regression import fisher_scoring, least_squares
from partialpool.model.response_density import ResponseDensity
from partialpool.spec.model import ModelSpec

# R 4: summary(glm(formula, binomial(link) or poisson(link), data, control = glm.control(epsilon = 1e-14, maxit = 100)))
# estimates, then standard errors; cbpp as cbind(incidence, size - incidence) ~ period.
FROM_R = {
    ("cbpp", "binomial", "logit"): (
        "p(incidence, size) ~ period",
        [-1.2690234894, -1.1707627251, -1.3014053339, -1.7822786353],
        [0.1449197625, 0.2914677891, 0.3128814310, 0.4130564576],
    ),
    ("cbpp", "binomial", "probit"): (
        "p(incidence, size) ~ period",
        [-0.77413845154, -0.62966509202, -0.69375937124, -0.91956009587],
        [0.08395600583, 0.15077908340, 0.15877604630, 0.19451391244],
    ),
    ("cbpp", "binomial", "cloglog"): (
        "p(incidence, size) ~ period",
        [-1.3954410240, -1.0864296457, -1.2120730053, -1.6790565052],
        [0.1283645165, 0.2744726493, 0.2965440494, 0.3991992208],
    ),
    ("contraception", "bernoulli", "logit"): (
        "use ~ age + urban",
        [-0.656576082492, 0.007399705603, 0.722475835559],
        [0.056967885276, 0.005233801986, 0.101898396419],
    ),
    ("contraception", "bernoulli", "probit"): (
        "use ~ age + urban",
        [-0.408409755753, 0.004673260186, 0.449623632375],
        [0.034897013594, 0.003230028684, 0.063386551691],
    ),
    ("grouseticks", "poisson", "log"): (
        "TICKS ~ YEAR + cHEIGHT",
        [1.6159979805231, 0.4096457687938, -1.6851410477492, -0.0214518421118],
        [0.0401455912608, 0.0453478017451, 0.0898007212653, 0.0007103970171],
    ),
    ("grouseticks", "poisson", "log, offset"): (
        "TICKS ~ cHEIGHT + offset(log(HEIGHT / 400))",
        [1.4021682401156, -0.0252818228400],
        [0.0262227743763, 0.0007009267142],
    ),
    ("grouseticks", "poisson", "sqrt"): (
        "TICKS ~ YEAR",
        [2.43899937448, 0.89218272705, -1.36537385517],
        [0.04622501635, 0.06123442955, 0.06360148649],
    ),
}


def design_of(formula, data, **options):
    return build_design(ModelSpec.from_formula(formula, **options), data)


def glm(design):
    """The maximum, from the constant mean of all rows."""
    start = np.zeros(len(design.common.coefs))
    start[0] = design.spec.link_record.forward(design.response.values.sum() / design.response.n_trials.sum())
    return fisher_scoring(ResponseDensity(design, read_response(design), {}), start)


@pytest.mark.parametrize("case", FROM_R, ids=lambda case: "-".join(case))
def test_estimates_and_errors_are_those_of_glm(case):
    formula, estimates, errors = FROM_R[case]
    data = pp.load_dataset(case[0])
    data = data.assign(**{c: data[c].astype(str).astype("category") for c in ("period", "YEAR", "urban") if c in data})
    found = glm(design_of(formula, data, family=case[1], link=case[2].split(",")[0]))
    assert found.estimate == pytest.approx(estimates, rel=1e-7)
    assert np.sqrt(np.diagonal(found.covariance)) == pytest.approx(errors, rel=1e-7)


def test_estimates_of_one_mean_have_closed_forms():
    """Logit of a proportion: 1 / sqrt(n p (1 - p)); log of a mean count: 1 / sqrt(sum y)."""
    binary = glm(design_of("y ~ 1", {"y": [1, 1, 1, 0, 0, 0, 0, 0, 0, 0]}, family="bernoulli"))
    assert binary.estimate == pytest.approx([np.log(3 / 7)])
    assert binary.covariance == pytest.approx(np.array([[1 / 2.1]]))
    count = glm(design_of("y ~ 1", {"y": [0, 3, 8, 1]}, family="poisson"))
    assert count.estimate == pytest.approx([np.log(3)])
    assert count.covariance == pytest.approx(np.array([[1 / 12]]))


def test_estimates_and_errors_of_least_squares_are_those_of_lm():
    """R: lm(Reaction ~ Days, sleepstudy)."""
    design = design_of("Reaction ~ Days", pp.load_dataset("sleepstudy"))
    found = least_squares(design, working_response(design))
    assert found.estimate == pytest.approx([251.405104848, 10.467285960], rel=1e-9)
    assert np.sqrt(np.diagonal(found.covariance)) == pytest.approx([6.610154044, 1.238195298], rel=1e-9)
    assert found.freedom == 178


def test_least_squares_without_intercept_and_far_from_zero():
    rng = np.random.default_rng(0)
    x = rng.normal(size=40)
    y = 2 * x + rng.normal(size=40)
    design = design_of("y ~ 0 + x", {"y": y, "x": x})
    found = least_squares(design, y)
    residual = np.sum((y - x * (x @ y) / (x @ x)) ** 2) / 39
    assert found.estimate == pytest.approx([x @ y / (x @ x)])
    assert found.covariance == pytest.approx(np.array([[residual / (x @ x)]]))
    near = least_squares(design_of("y ~ x", {"y": y, "x": x}), y)
    far = least_squares(design_of("y ~ x", {"y": y, "x": x + 1e6}), y)
    assert far.covariance[1, 1] == pytest.approx(near.covariance[1, 1], rel=1e-8)
    assert far.estimate[0] + 1e6 * far.estimate[1] == pytest.approx(near.estimate[0], abs=1e-6)


def test_known_errors_are_weights_and_sigma_is_not_estimated():
    """R's lm(effect ~ 1, weights = 1 / se^2) gives 7.6856 and 3.3391 with s = 0.8200; ours has s = 1."""
    data = pp.load_dataset("eight_schools")
    design = design_of("effect ~ 1", data, se="standard_error")
    found = least_squares(design, working_response(design))
    assert found.estimate == pytest.approx([7.685616725], rel=1e-9)
    assert np.sqrt(found.covariance[0, 0]) == pytest.approx(3.339072621 / 0.820024291, rel=1e-8)
    assert found.covariance[0, 0] == pytest.approx(1 / np.sum(1 / data["standard_error"] ** 2))


@pytest.mark.parametrize("link", ["logit", "probit", "cloglog"])
def test_separated_outcomes_have_no_maximum(link):
    design = design_of("y ~ x", {"y": [0, 0, 0, 1, 1, 1], "x": [0.0, 1, 2, 3, 4, 5]}, family="bernoulli", link=link)
    found = glm(design)
    assert found.infinite is not None
    assert np.isnan(found.at(np.column_stack([np.ones(6), design.common.values]))).any()


def test_a_category_of_zeros_has_no_maximum():
    design = design_of("y ~ c", {"y": [2, 3, 1, 0, 0, 0], "c": list("aaabbb")}, family="poisson")
    found = glm(design)
    assert found.infinite is not None
    assert np.isfinite(found.at(np.array([[1.0, 0.0]])))  # the mean of the other category
