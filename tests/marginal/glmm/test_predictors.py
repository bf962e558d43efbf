"""The density of models whose family's parameters have predictors, compared with the explicit model."""

import numpy as np
import pytest
from scipy import stats

from marginal.gaussian.oracle import table
from marginal.glmm.test_density import check_gradient, theta_prior
from partialpool.design.build import build_design
from partialpool.design.joined_factors import joined_factors, joined_members
from partialpool.design.newdata import own_rows
from partialpool.families.helmert import differences_of_contrasts
from partialpool.marginal.gaussian.recover import posterior_variables
from partialpool.marginal.glmm.information_scale import constant_information
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import Posterior, read_response
from partialpool.marginal.glmm.predictors import lay_out
from partialpool.marginal.glmm.weighted_rows import stand_in
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.default_priors import resolve_priors
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import cutpoint_shift, log_prior_density
from partialpool.model.prior_set import PriorSet
from partialpool.model.response import log_density
from partialpool.names import BETA, across_name, b_name, corr_name, names_of_predictor, sd_name
from partialpool.spec.model import ModelSpec

MODELS = {
    "coefficients alone": ("y ~ x + (1 | a), sigma ~ w", {}),
    "no intercept": ("y ~ x + (1 | a), sigma ~ 0 + x + w", {}),
    "an offset": ("y ~ x + (1 | a), sigma ~ 1 + offset(v)", {}),
    "effects of one predictor": ("y ~ x, sigma ~ (1 | a)", {}),
    "the same factor twice": ("y ~ x + (x | a), sigma ~ w + (1 | a)", {}),
    "independent effects": ("y ~ x + (x || a), sigma ~ (w || a)", {}),
    "joined effects": ("y ~ x + (x |p| a), sigma ~ w + (1 |p| a)", {}),
    "joined slopes, crossed": ("y ~ x + (x |p| a) + (1 | c), sigma ~ (w |p| a) + (1 | c)", {}),
    "nested": ("y ~ x + (1 | outer/inner), sigma ~ (1 | outer)", {}),
    "a mean on the log scale": ("y ~ x + (1 | a), sigma ~ x", {"link": "log"}),
    "curves of both": ("y ~ s(x, k=5) + (1 | a), sigma ~ s(x, k=4) + (1 | a)", {}),
    "curves of categories": ("y ~ h + s(x, k=4, by=h, hom=True), sigma ~ h + s(x, k=4, by=h) + (1 | a)", {}),
    "a cyclic curve of sigma": ("y ~ x + (1 | a), sigma ~ s(w, k=5, bs='cc')", {}),
    "stated priors": (
        "y ~ 1 + (1 | a), sigma ~ w",
        {
            "priors": {
                "beta[Intercept]": {"distribution": "Cauchy", "alpha": 50, "beta": 10},
                "beta_sigma[w]": {"distribution": "Laplace", "mu": 0, "b": 0.01},
            }
        },
    ),
}


def problem(formula, frame, seed=0, **options):
    """A design, its priors, its predictors, and its posterior about random linear predictors."""
    design = build_design(ModelSpec.from_formula(formula, **options), frame)
    priors = resolve_priors(design)
    response, own, predictors = read_response(design), own_priors(design, priors), lay_out(design, priors)
    eta = response.start + np.random.default_rng(seed).normal(0, 0.1, len(response.start))
    slope, information = response.curvature(eta, own.values(own.start))
    normal = stand_in(predictors.design, predictors.priors, predictors.units, eta, slope, information)
    return design, priors, predictors, Posterior.of(normal, constant_information(len(own.start)), response, own)


def variables(predictors, posterior, x):
    recovered = posterior.recover(np.ascontiguousarray(x))
    named = posterior_variables(posterior.stand_in, recovered, (1, len(x)), keep_z=False)
    own = posterior.own.named(x[:, posterior.stand_in.size : posterior.size])
    found = {name: values[0] for name, values in predictors.split(named).items()}
    if "cutpoints" in own:
        own["cutpoints"] = own["cutpoints"] + cutpoint_shift(predictors.parts[0].design, found)
    return found | own


def predictors_of(design):
    """Each predictor's design, and its names in the posterior."""
    yield design, {}
    for name, other in design.parameters.items():
        yield other, names_of_predictor(name, other.spec.parts_with_sds)


def effects(design, draws):
    """All effects and coefficients to which noise is mapped, (draws, effects)."""
    parts = []
    for one, names in predictors_of(design):
        variables = [b_name(factor.name) for factor in one.factors] + ([BETA] if one.common.coefs else [])
        parts += [draws[names.get(name, name)] for name in variables]
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


def effects_density(design, draws):
    """log p(b | sd, corr) of every predictor, by dense covariance matrices."""
    total, joined = 0.0, joined_factors(design)
    for whole in joined:
        members = joined_members(whole, design)
        sd = np.concatenate([draws[one.sd][0] for one in members])
        b = np.concatenate([draws[one.b][0] for one in members], axis=1)
        covariance = draws[across_name(whole.factor)][0] * np.outer(sd, sd)
        total += stats.multivariate_normal.logpdf(b, cov=covariance).sum()
    for one, names in predictors_of(design):
        for factor in one.factors:
            if any(factor.name == whole.factor for whole in joined):
                continue
            sd, corr, b = (names.get(n, n) for n in (sd_name(factor.name), corr_name(factor.name), b_name(factor.name)))
            correlations = draws[corr][0] if factor.correlated else np.eye(len(factor.names))
            covariance = correlations * np.outer(draws[sd][0], draws[sd][0])
            total += np.sum(stats.multivariate_normal.logpdf(draws[b][0], cov=covariance))
    return total


def explicit_density(design, priors, predictors, posterior, x):
    """log p(y | effects, own) + log p(b | sd, corr) + log p(beta) + log |d effects / d noise|, by definition."""
    draws, rows = variables(predictors, posterior, x[None]), own_rows(design)
    total = log_density(design, rows, linear_predictor(design, rows, draws), draws).sum()
    total += effects_density(design, draws)
    densities = log_prior_density(design, priors, draws)
    of_categories = design.spec.family_record.has_predictors_of_categories
    for one, names in predictors_of(design):
        if not one.common.coefs:
            continue
        own = coefficient_prior(one, priors.of_predictor(names) if names and not of_categories else priors)
        # Coefficients with other priors than normal ones are elements of theta.
        kept = np.array(
            [p.distribution != "Normal" for p, alone in zip(own.priors, own.own, strict=True) if alone], bool
        )
        values = densities[names.get(BETA, BETA)][0]
        total += values.sum() - values[: len(kept)][kept].sum()
    if of_categories:  # prior densities are of contrasts, and effects here are differences
        coefs = len(next(iter(design.parameters.values())).common.coefs)
        mix = differences_of_contrasts(len(design.response.categories))
        total -= coefs * np.linalg.slogdet(mix)[1]
    h = 1e-5
    steps = h * np.eye(len(x))[posterior.size :]
    moved = effects(design, variables(predictors, posterior, np.concatenate([x + steps, x - steps])))
    slopes = (moved[: len(steps)] - moved[len(steps) :]) / (2 * h)
    changing = np.abs(slopes).sum(axis=0) > 0
    assert np.count_nonzero(changing) >= len(steps)
    return total + np.linalg.slogdet(slopes[:, changing])[1]


@pytest.mark.parametrize("case", MODELS)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_density_and_gradient_are_those_of_the_model(case):
    formula, options = MODELS[case]
    rng = np.random.default_rng(3)
    frame = table("unbalanced").assign(h=lambda t: np.where(t["c"] > 1, "p", "q"))
    design, priors, predictors, posterior = problem(formula, frame, **options)
    x = np.concatenate([rng.normal(-0.7, 0.3, posterior.size), rng.normal(0, 1, posterior.noise_size)])
    value = posterior.evaluator()(x)[0]
    expected = explicit_density(design, priors, predictors, posterior, x)
    expected += theta_prior(predictors.design, predictors.priors, posterior, x)
    assert value == pytest.approx(expected, abs=2e-6)
    check_gradient(posterior, x)


CATEGORIES = {
    "coefficients alone": "k ~ x",
    "one effect": "k ~ x + (1 | a)",
    "a slope and a crossed factor": "k ~ x + (x | a) + (1 | c)",
    "effects that are independent of each other": "k ~ x + (x || a)",
}


@pytest.mark.parametrize("case", CATEGORIES)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_density_of_categories_is_that_of_the_model(case):
    rng = np.random.default_rng(5)
    frame = table("unbalanced")
    frame["k"] = np.array(["bus", "car", "walk", "train"])[rng.integers(0, 4, len(frame))]
    design, priors, predictors, posterior = problem(CATEGORIES[case], frame, family="categorical")
    x = np.concatenate([rng.normal(-0.7, 0.3, posterior.size), rng.normal(0, 1, posterior.noise_size)])
    value = posterior.evaluator()(x)[0]
    expected = explicit_density(design, priors, predictors, posterior, x)
    expected += theta_prior(predictors.design, predictors.priors, posterior, x)
    assert value == pytest.approx(expected, abs=2e-6)
    check_gradient(posterior, x)


THRESHOLDS = {
    "coefficients alone": ("k ~ x + cs(w)", {}),
    "no common term": ("k ~ cs(x + w)", {}),
    "effects and an offset": ("k ~ x + cs(w) + offset(v) + (x | a)", {}),
    "independent and crossed effects": ("k ~ cs(w) + (x || a) + (1 | c)", {}),
    "nested": ("k ~ cs(w) + (1 | outer/inner)", {}),
    "stated priors": (
        "k ~ x + cs(w) + (1 | a)",
        {
            "priors": {
                "beta_cs2[w]": {"distribution": "Laplace", "mu": 0, "b": 0.01},
                "beta_cs[w]": {"distribution": "Normal", "mu": 0.2, "sigma": 0.5},
                "cutpoints": {"distribution": "Dirichlet", "a": 3},
            }
        },
    ),
}


@pytest.mark.parametrize("family", ["acat", "sratio"])
@pytest.mark.parametrize("case", THRESHOLDS)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_density_of_coefficients_of_thresholds_is_that_of_the_model(case, family):
    formula, options = THRESHOLDS[case]
    rng = np.random.default_rng(6)
    frame = table("unbalanced")
    frame["k"] = rng.integers(0, 4, len(frame))
    design, priors, predictors, posterior = problem(formula, frame, family=family, **options)
    x = np.concatenate([rng.normal(-0.7, 0.3, posterior.size), rng.normal(0, 1, posterior.noise_size)])
    value = posterior.evaluator()(x)[0]
    expected = explicit_density(design, priors, predictors, posterior, x)
    whole = PriorSet((*predictors.priors.entries, *(e for e in priors.entries if e.parameter == "cutpoints")))
    expected += theta_prior(predictors.design, whole, posterior, x)
    assert value == pytest.approx(expected, abs=2e-6)
    check_gradient(posterior, x)
