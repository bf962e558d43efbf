"""Student t group effects in coordinates that follow theta, compared with the explicit model."""

import numpy as np
import pytest
from scipy import stats

from checks.responses import RESPONSES
from marginal.gaussian.oracle import table
from marginal.glmm import test_predictors
from marginal.glmm.test_density import check_gradient, jacobian, problem, spread, theta_prior, variables
from partialpool.design.newdata import own_rows
from partialpool.distributions.frozen import frozen
from partialpool.distributions.prior import Prior
from partialpool.marginal.glmm.eligibility import why_not
from partialpool.marginal.glmm.predictors import Predictors
from partialpool.marginal.glmm.weighted_rows import stand_in
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import log_prior_density
from partialpool.model.response import log_density
from partialpool.names import BETA, b_name, corr_name, nu_name, sd_name
from partialpool.spec.model import ModelSpec

TERMS = {
    "intercept": "(1 | {heavy})",
    "slope": "(1 + x | {heavy})",
    "independent": "(1 + x || {heavy})",
}
PLACES = {
    "alone": "{outer}",
    "leaf": "{inner} + (1 | outer)",
    "above": "{outer} + (1 | outer:inner)",
    "crossed": "{c} + (1 + x | outer)",
    "several": "{outer} + {c}",
}
HERE = {"outer": "outer", "inner": "outer:inner", "c": "c"}


def formula(effect, place):
    terms = {name: TERMS[effect].format(heavy=f"gr({of}, dist='student_t')") for name, of in HERE.items()}
    return "y ~ x + " + PLACES[place].format(**terms)


def stretched(priors, posterior, rng):
    """The same posterior in coordinates in which some levels are far out."""
    normal, own = posterior.stand_in, posterior.own
    heavy = [factor for factor in normal.design.factors if factor.is_heavy]
    by = {factor.name: 1 + rng.gamma(1, 2, factor.n_levels) * (rng.random(factor.n_levels) < 0.5) for factor in heavy}
    design = Predictors(normal.design, normal.units, priors).stretched(by).design
    eta = posterior.response.start
    slope, information = posterior.response.curvature(eta, own.values(own.start))
    return posterior.about(stand_in(design, priors, normal.units, eta, slope, information), posterior.information)


def model_density(design, priors, posterior, x):
    """The log density by definition, and the Jacobian of the noise; nu as a density of its place on the real line."""
    draws = variables(posterior, x[None])
    own = posterior.own
    at = x[None, posterior.stand_in.size : posterior.size]
    nus = own.named_nu(at)
    total = log_density(design, own_rows(design), linear_predictor(design, own_rows(design), draws), draws).sum()
    for factor in design.factors:
        sd = draws[sd_name(factor.name)][0]
        corr = draws[corr_name(factor.name)][0] if factor.correlated else np.eye(len(sd))
        scale = corr * np.outer(sd, sd)
        effects = draws[b_name(factor.name)][0]
        if factor.is_heavy:
            total += stats.multivariate_t(shape=scale, df=nus[nu_name(factor.name)][0]).logpdf(effects).sum()
        else:
            total += stats.multivariate_normal(cov=scale).logpdf(effects).sum()
    total += log_prior_density(design, priors, draws | nus)[BETA].sum()
    for k, name in enumerate(own.nu_names):
        step = 1e-6 * np.eye(at.shape[1])[own.priors.estimated + k]
        slope = (own.named_nu(at + step)[name] - own.named_nu(at - step)[name])[0] / 2e-6
        total += frozen(priors[name]).logpdf(nus[name][0]) + np.log(slope)
    return total + jacobian(design, posterior, x)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("effect", TERMS)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_density_and_gradient_are_those_of_the_model(effect, place):
    rng = np.random.default_rng(3)
    frame = table("unbalanced")
    frame["y"] = rng.poisson(3, len(frame))
    design, priors, posterior = problem(formula(effect, place), frame, family="poisson")
    x = spread(posterior, rng)
    for one in (posterior, stretched(priors, posterior, rng)):
        expected = model_density(design, priors, one, x) + theta_prior(design, priors, one, x)
        assert one.evaluator()(x)[0] == pytest.approx(expected, abs=2e-6)
        check_gradient(one, x)


@pytest.mark.parametrize("family", ["gaussian", "student_t", "cumulative", "bernoulli"])
def test_families_with_parameters_of_their_own(family):
    rng = np.random.default_rng(3)
    frame = table("unbalanced")
    frame["y"] = RESPONSES[family](rng, len(frame))
    text = formula("slope", "above")
    make = test_predictors.problem if family == "gaussian" else problem
    if family == "gaussian":
        text = f"{text}, sigma ~ x + (1 | c)"
    posterior = make(text, frame, family=family)[-1]
    assert posterior.own.nu == ("nu_outer",)
    check_gradient(posterior, spread(posterior, rng))


@pytest.mark.parametrize("nu", [1.2, 4.0, 1e6])
def test_fixed_degrees_of_freedom(nu):
    rng = np.random.default_rng(3)
    frame = table("unbalanced")
    frame["y"] = rng.poisson(3, len(frame))
    stated = {"nu_outer": Prior("DiracDelta", c=nu)}
    text = formula("slope", "above")
    design, priors, posterior = problem(text, frame, family="poisson", priors=stated)
    x = spread(posterior, rng)
    expected = model_density(design, priors, posterior, x) + theta_prior(design, priors, posterior, x)
    assert posterior.own.nu_names == ()
    assert posterior.evaluator()(x)[0] == pytest.approx(expected, abs=2e-6)
    check_gradient(posterior, x)
    if nu == 1e6:
        normal = problem(text.replace(", dist='student_t'", "").replace("gr(outer)", "outer"), frame, family="poisson")
        assert posterior.evaluator()(x)[0] == pytest.approx(normal[2].evaluator()(x)[0], abs=1e-3)


def test_the_engine_applies():
    assert why_not(ModelSpec.from_formula("y ~ x + (x | gr(g, dist='student_t'))")) == ""
    assert why_not(ModelSpec.from_formula("y ~ x + (x | gr(g, dist='student_t'))", family="poisson")) == ""


@pytest.mark.parametrize("lower", [1.0, 3.0])
def test_a_truncated_prior_of_a_familys_parameter_is_kept_to(lower):
    rng = np.random.default_rng(5)
    frame = table("unbalanced")
    frame["y"] = RESPONSES["student_t"](rng, len(frame))
    stated = {"nu": Prior("Gamma", alpha=2, beta=0.1, lower=lower)}
    design, priors, posterior = problem("y ~ x + (1 | outer)", frame, family="student_t", priors=stated)
    x = spread(posterior, rng)
    assert variables(posterior, x[None])["nu"][0] > lower
    expected = model_density(design, priors, posterior, x) + theta_prior(design, priors, posterior, x)
    assert posterior.evaluator()(x)[0] == pytest.approx(expected, abs=2e-6)
    check_gradient(posterior, x)
