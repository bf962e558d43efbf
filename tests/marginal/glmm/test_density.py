"""The density in coordinates that depend on theta, compared with the explicit model on the scale of the data."""

import ctypes

import numpy as np
import pytest
from scipy import special, stats

import partialpool as pp
from checks.kin import sib_matrix, traits
from checks.responses import RESPONSES, counts_successes
from marginal.gaussian.oracle import EFFECTS, FACTORS, table
from partialpool.design.build import build_design
from partialpool.design.newdata import own_rows
from partialpool.distributions.frozen import frozen
from partialpool.families.registry import FAMILIES
from partialpool.kernels import kernel
from partialpool.marginal.gaussian.gradient import evaluate_gradient, evaluate_likelihood_gradient
from partialpool.marginal.gaussian.nested_order import AT_ONCE, arrange_by_level
from partialpool.marginal.gaussian.recover import posterior_variables
from partialpool.marginal.glmm.eligibility import why_not
from partialpool.marginal.glmm.information_scale import (
    InformationScale,
    constant_information,
    log_root,
    measure_information,
)
from partialpool.marginal.glmm.own_parameters import own_priors
from partialpool.marginal.glmm.posterior import Posterior, read_response
from partialpool.marginal.glmm.weighted_rows import link_units, stand_in
from partialpool.model.default_priors import resolve_priors
from partialpool.model.predictor import linear_predictor
from partialpool.model.prior import log_prior_density
from partialpool.model.response import log_density
from partialpool.model.variance_prior import decompose
from partialpool.names import BETA, ICC, b_name, corr_name, sd_name
from partialpool.spec.model import ModelSpec

CASES = [(name, link) for name, f in FAMILIES.items() if not f.has_predictors_of_categories for link in f.links]


def problem(formula, frame, seed=0, **options):
    """A design, its priors and its posterior, about a random linear predictor."""
    design = build_design(ModelSpec.from_formula(formula, **options), frame)
    return design, *posterior_of(design, seed)


def posterior_of(design, seed=0):
    """The priors of a design and its posterior, about a random linear predictor."""
    priors = resolve_priors(design)
    response, own = read_response(design), own_priors(design, priors)
    eta = response.start + np.random.default_rng(seed).normal(0, 0.1, len(response.start))
    slope, information = response.curvature(eta, own.values(own.start))
    normal = stand_in(design, priors, link_units(design), eta, slope, information)
    # Any slopes give the same posterior.
    slopes = np.linspace(1.5, -1.0, len(own.start))[:, None]
    steps = np.arange(-3, 4)
    growth = InformationScale(own.start - 1.6, 0.5 * slopes * steps + 0.1 * np.sin(steps))
    if own.priors.cutpoints.number:
        growth = constant_information(len(own.start))
    return priors, Posterior.of(normal, growth, response, own)


def spread(posterior, rng, scale=0.3):
    """A random point near the middle of the posterior's coordinates."""
    theta = np.concatenate([rng.normal(-0.7, scale, posterior.stand_in.size), posterior.own.start])
    theta[posterior.stand_in.size :] += rng.normal(0, 0.1, len(posterior.own.start))
    return np.concatenate([theta, rng.normal(0, 1, posterior.noise_size)])


def variables(posterior, x):
    """All variables at the rows of x, under their names in a posterior; draws are the first dimension."""
    elements, head = posterior.stand_in.size, posterior.size
    recovered = posterior.recover(np.ascontiguousarray(x))
    named = posterior_variables(posterior.stand_in, recovered, (1, len(x)), keep_z=False)
    own = posterior.own.named(x[:, elements:head])
    named = {name: values[0] for name, values in named.items()}
    if "cutpoints" in own and BETA in named:
        own["cutpoints"] = own["cutpoints"] + (named[BETA] @ posterior.stand_in.design.common.center)[:, None]
    return named | own


def effects(design, draws):
    """All effects and coefficients to which noise is mapped, (draws, effects)."""
    parts = [draws[b_name(f.name)].reshape(len(draws[b_name(f.name)]), -1) for f in design.factors]
    return np.concatenate([*parts, draws[BETA]] if BETA in draws else parts, axis=1)


def model_density(design, priors, posterior, x):
    """log p(y | b, beta, own) + log p(b | sd, corr) + log p(beta), by definition."""
    draws = variables(posterior, x[None])
    total = log_density(design, own_rows(design), linear_predictor(design, own_rows(design), draws), draws).sum()
    for factor in design.factors:
        sd = draws[sd_name(factor.name)][0]
        corr = draws[corr_name(factor.name)][0] if factor.correlated else np.eye(len(sd))
        among = np.eye(factor.n_levels) if factor.root is None else factor.root @ factor.root.T
        whole = np.kron(among, corr * np.outer(sd, sd))
        total += stats.multivariate_normal.logpdf(draws[b_name(factor.name)][0].ravel(), cov=whole)
    if BETA in draws:
        total += log_prior_density(design, priors, draws)[BETA].sum()
    return total


def jacobian(design, posterior, x):
    """log |d(b, beta) / d noise| by differences."""
    h = 1e-5
    steps = h * np.eye(len(x))[posterior.size :]
    moved = effects(design, variables(posterior, np.concatenate([x + steps, x - steps])))
    return np.linalg.slogdet((moved[: len(steps)] - moved[len(steps) :]) / (2 * h))[1]


def cutpoints_prior(design, priors, at):
    """Log prior density of the cutpoints' places: Dirichlet, and log |d probabilities / d places| by differences."""

    inverse = design.spec.link_record.inverse

    def shares(places):
        if design.spec.family == "sratio":
            left = np.concatenate([[1.0], np.cumprod(1 - inverse(places))])
            return left * np.append(inverse(places), 1.0)
        if design.spec.family == "acat":
            return special.softmax(np.concatenate([[0.0], -np.cumsum(places)]))
        cutpoints = np.cumsum(np.concatenate([places[:1], np.exp(places[1:])]))
        return np.diff(np.concatenate([[0.0], inverse(cutpoints), [1.0]]))

    h, steps = 1e-6, np.eye(len(at))
    slopes = [(shares(at + h * step) - shares(at - h * step))[:-1] / (2 * h) for step in steps]
    concentration = np.full(len(at) + 1, priors["cutpoints"].arguments["a"])
    return stats.dirichlet.logpdf(shares(at), concentration) + np.linalg.slogdet(slopes)[1]


def theta_prior(design, priors, posterior, x):
    """Log prior density of theta and of the own parameters, as a density on the real line."""
    normal, elements = posterior.stand_in, posterior.stand_in.size
    theta, out = x[None, :elements].copy(), np.empty(elements)
    arguments = (normal.arrangement.density, normal.layout, normal.normals, theta, out)
    total = evaluate_gradient(*arguments) - evaluate_likelihood_gradient(*arguments) if elements else 0.0
    h, own = 1e-6, posterior.own
    at = x[elements : posterior.size]
    if "cutpoints" in own.names:
        return total + cutpoints_prior(design, priors, at)
    slopes = (own.values(at + h) - own.values(at - h)) / (2 * h)
    values = zip(own.all, own.values(at), slopes, strict=True)
    return total + sum(frozen(priors[name]).logpdf(v) + np.log(slope) for name, v, slope in values if name in own.names)


def check_density(design, priors, posterior, x):
    value = posterior.evaluator()(x)[0]
    expected = model_density(design, priors, posterior, x) + jacobian(design, posterior, x)
    assert value == pytest.approx(expected + theta_prior(design, priors, posterior, x), abs=2e-6)
    check_gradient(posterior, x)


def check_gradient(posterior, x):
    evaluate, h = posterior.evaluator(), 1e-5
    steps = h * np.eye(len(x))
    differences = [(evaluate(x + step)[0] - evaluate(x - step)[0]) / (2 * h) for step in steps]
    np.testing.assert_allclose(evaluate(x)[1], differences, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("shape", ["balanced", "unbalanced"])
@pytest.mark.parametrize("effect", EFFECTS)
@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_density_and_gradient_are_those_of_the_model(factors, effect, shape):
    rng = np.random.default_rng(3)
    frame = table(shape)
    frame["y"] = rng.poisson(3, len(frame))
    formula = "y ~ x + " + " + ".join(EFFECTS[effect].format(f=f) for f in FACTORS[factors])
    design, priors, posterior = problem(formula, frame, family="poisson")
    check_density(design, priors, posterior, spread(posterior, rng))


@pytest.mark.parametrize(
    "terms",
    [
        "(1 | mm(m1, m2))",
        "(1 + x | mm(m1, m2, weights=(v1, v2)))",
        "(x || mm(m1, m2, m3)) + (1 | outer)",
        "(1 | mm(m1, m2, scale=False)) + (x | outer:inner)",
        "(1 | mm(m1, m2)) + (1 | mm(m3, a))",
    ],
)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_rows_may_belong_to_several_levels(terms):
    rng = np.random.default_rng(4)
    frame = table("unbalanced")
    n = len(frame)
    frame["y"], frame["a"] = rng.poisson(3, n), rng.integers(0, 4, n)
    frame["m1"], frame["m2"], frame["m3"] = rng.integers(0, 7, (3, n))
    frame["v1"], frame["v2"] = rng.uniform(0, 1, (2, n))
    frame.loc[0, "v2"] = 0  # one member
    design, priors, posterior = problem(f"y ~ x + {terms}", frame, family="poisson")
    check_density(design, priors, posterior, spread(posterior, rng))


NESTS = {
    "three nested": (["outer", "outer:inner", "row"], 3),
    "two nested": (["outer", "row"], 2),
    "two nested, one crossed": (["outer", "outer:inner", "a"], 2),
    "rows in crossed factors": (["a", "c", "row"], 0),
    "two crossed": (["a", "outer:inner"], 1),
    "many levels that share little": (["half", "third"], 0),
}
"""Factors, and the number of them that are eliminated side by side."""


@pytest.mark.parametrize("effect", ["intercept", "correlated", "independent"])
@pytest.mark.parametrize("nest", NESTS)
@pytest.mark.filterwarnings("ignore::partialpool.errors.DataWarning")
def test_nested_factors_are_eliminated_side_by_side(nest, effect):
    rng = np.random.default_rng(9)
    frame = table("unbalanced")
    frame["row"], frame["y"] = np.arange(len(frame)), rng.poisson(3, len(frame))
    frame["half"], frame["third"] = np.arange(len(frame)) // 2, rng.integers(0, 20, len(frame))
    factors, depth = NESTS[nest]
    formula = "y ~ w + " + " + ".join(EFFECTS[effect].format(f=f) for f in factors)
    design, priors, posterior = problem(formula, frame, family="poisson")
    _, factors_of_nest = arrange_by_level(posterior.stand_in.arrangement, AT_ONCE)
    assert sum(factor.gram.shape[2] > 0 for factor in factors_of_nest) == depth
    check_density(design, priors, posterior, spread(posterior, rng))


RELATED = {
    "alone": "y ~ x + (1 | animal)",
    "a varying slope alone": "y ~ x + (0 + x | animal)",
    "beside slopes": "y ~ x + (1 | animal) + (x | litter)",
    "beside its copy": "y ~ x + (1 | animal) + (1 | lasting)",
}


def related(formula, family, seed=11):
    """A design of 12 relatives; `lasting` has the same levels under names in another order."""
    rng = np.random.default_rng(seed)
    kinship = sib_matrix(4, 3)
    frame = traits(kinship, sd=1, sigma=1, rows=24, seed=3)[0]
    if "lasting" in formula:
        frame = frame.assign(animal=np.repeat(kinship.index, 2), lasting=np.repeat(rng.permutation(12), 2))
    frame["y"] = RESPONSES[family](rng, len(frame))
    frame["session"] = np.arange(len(frame))
    spec = ModelSpec.from_formula(formula, family=family, cov={"animal": kinship})
    assert not why_not(spec)
    return build_design(spec, frame)


@pytest.mark.parametrize("family", ["poisson", "gamma", "student_t"])
@pytest.mark.parametrize("case", RELATED)
def test_levels_with_a_known_covariance_are_rotated(case, family):
    design = related(RELATED[case], family)
    priors, posterior = posterior_of(design)
    assert sum(rotation is not None for rotation in posterior.stand_in.rotations) == 1
    check_density(design, priors, posterior, spread(posterior, np.random.default_rng(11)))


def test_the_order_of_elimination_does_not_depend_on_the_weights():
    """Before, a factor with the same levels was rotated with the relatives only if all rows had the same weight."""
    design = related("y ~ x + (1 | animal) + (1 | lasting) + (1 | session)", "poisson")
    priors, response = resolve_priors(design), read_response(design)
    orders = set()
    for eta in (np.zeros(design.n_rows), response.start):
        slope, information = response.curvature(eta, np.zeros(0))
        orders.add(stand_in(design, priors, link_units(design), eta, slope, information).arrangement.order)
    assert len(orders) == 1


@pytest.mark.parametrize(("family", "link"), CASES, ids="-".join)
def test_density_and_gradient_of_every_family_and_link(family, link):
    rng = np.random.default_rng(4)
    frame = table("unbalanced")
    frame["y"], frame["n"] = RESPONSES[family](rng, len(frame)), 7
    response = "p(y, n)" if counts_successes(family) else "y"
    design, priors, posterior = problem(f"{response} ~ x + (1 | a) + (1 | c)", frame, family=family, link=link)
    x = spread(posterior, rng)
    x[posterior.size :] *= 0.1 if link == "inverse" else 1.0  # means stay positive
    check_density(design, priors, posterior, x)


OTHERS = {
    "an offset": ("y ~ x + offset(v) + (x | a)", {}),
    "no intercept": ("y ~ 0 + x + (x | a)", {}),
    "no factor": ("y ~ x + w", {}),
    "no fixed effect": ("y ~ 0 + (1 | a)", {}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_density_and_gradient_of_other_models(case):
    rng = np.random.default_rng(5)
    frame = table("unbalanced")
    frame["y"] = rng.poisson(3, len(frame))
    formula, options = OTHERS[case]
    design, priors, posterior = problem(formula, frame, family="poisson", **options)
    check_density(design, priors, posterior, spread(posterior, rng))


def test_coefficients_with_other_priors_are_part_of_theta():
    """The density is that of the model up to terms that depend on theta alone: the prior and the Jacobian."""
    rng = np.random.default_rng(7)
    frame = table("unbalanced")
    frame["y"] = rng.poisson(3, len(frame))
    options = {"family": "poisson", "priors": {"beta[w]": pp.Prior("StudentT", nu=4, mu=0, sigma=0.1)}}
    design, priors, posterior = problem("y ~ x + w + (1 | a)", frame, **options)
    assert posterior.stand_in.elements == ("sd_a[Intercept]", "beta[w]")
    one, other = spread(posterior, rng), spread(posterior, rng)
    other[: posterior.size] = one[: posterior.size]
    evaluate = posterior.evaluator()
    expected = model_density(design, priors, posterior, one) - model_density(design, priors, posterior, other)
    assert evaluate(one)[0] - evaluate(other)[0] == pytest.approx(expected, abs=1e-9)
    check_gradient(posterior, one)


ORDERED = [(name, link) for name in ("cumulative", "sratio", "acat") for link in FAMILIES[name].links]


@pytest.mark.parametrize(("family", "link"), ORDERED)
def test_probabilities_of_categories_may_have_another_concentration(family, link):
    rng = np.random.default_rng(10)
    frame = table("unbalanced")
    frame["y"] = rng.integers(0, 4, len(frame))
    options = {"family": family, "link": link, "priors": {"cutpoints": pp.Prior("Dirichlet", a=2.5)}}
    design, priors, posterior = problem("y ~ x + (1 | a)", frame, **options)
    for place in (-2.5, 0.0, 1.0):
        x = spread(posterior, rng)
        x[posterior.stand_in.size] = place
        check_density(design, priors, posterior, x)
        check_gradient(posterior, x)


def test_a_fixed_parameter_is_no_coordinate():
    rng = np.random.default_rng(6)
    frame = table("unbalanced")
    frame["y"] = rng.standard_t(4, len(frame))
    options = {"family": "student_t", "priors": {"nu": pp.Prior("DiracDelta", c=4)}}
    design, priors, posterior = problem("y ~ x + (1 | a)", frame, **options)
    assert posterior.own.names == ("sigma",)
    check_density(design, priors, posterior, spread(posterior, rng))


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_sampled_in_these_coordinates(name):
    spec = ModelSpec.from_formula("p(y, n) ~ x + (1 | g)" if counts_successes(name) else "y ~ x + (1 | g)", family=name)
    assert not why_not(spec)


@kernel
def log_root_at(scale, at):
    return log_root(scale, at, 0)


@pytest.mark.parametrize(
    ("family", "slopes"), {"gamma": [1.0], "student_t": [-2.0, 0.2], "gaussian": [-2.0], "poisson": []}.items()
)
def test_the_growth_of_information_is_measured(family, slopes):
    """Information is proportional to the shape of a gamma and to sigma^-2; degrees of freedom hardly change it."""
    frame = table("unbalanced")
    frame["y"] = RESPONSES[family](np.random.default_rng(3), len(frame))
    _, _, posterior = problem("y ~ x + (1 | a)", frame, family=family)
    own, eta = posterior.own, posterior.response.start
    found = measure_information(lambda at: posterior.response.curvature(eta, own.values(at))[1], own.start)
    expected = dict(zip(("sigma", "nu") if family == "student_t" else own.names, slopes, strict=True))
    for step in (-3.3, 0.0, 0.7):
        for k, name in enumerate(own.names):
            at = np.array(own.start)
            at[k] += step
            root = log_root_at(found, at)
            assert 2 * root == pytest.approx(expected[name] * step, abs=1.0 if name == "nu" else 1e-6)


def test_a_compiled_caller_gets_the_same_density():
    rng = np.random.default_rng(8)
    frame = table("unbalanced")
    frame["y"] = rng.poisson(3, len(frame))
    _, _, posterior = problem("y ~ x + (1 | a)", frame, family="poisson")
    x = spread(posterior, rng)
    density = posterior.c_function
    call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_uint64, *[ctypes.c_void_p] * 4)(density.address)
    value, gradient = np.empty(1), np.empty(len(x))

    def answer(at):
        return call(len(at), at.ctypes.data, gradient.ctypes.data, value.ctypes.data, density.data.ctypes.data)

    assert answer(x) == 0
    expected = posterior.evaluator()(x)
    assert value[0] == expected[0]
    np.testing.assert_array_equal(gradient, expected[1])
    assert answer(np.full(len(x), 1e300)) > 0


def prior_of_shares(design, priors, log_sds):
    """Log density of the log sds: Beta and Dirichlet, and log |d (icc, shares) / d log sds| by differences."""
    parts = decompose(design)

    def icc_and_shares(at):
        between = np.exp(2 * at) * parts.mean_squares
        return np.append(between.sum() / (between.sum() + parts.residual), (between / between.sum())[:-1])

    h, steps = 1e-6, np.eye(len(log_sds))
    slopes = [(icc_and_shares(log_sds + h * step) - icc_and_shares(log_sds - h * step)) / (2 * h) for step in steps]
    icc, *shares = icc_and_shares(log_sds)
    total = frozen(priors[ICC]).logpdf(icc) + np.linalg.slogdet(slopes)[1]
    if shares:
        concentration = [priors[name].arguments["a"] for name in parts.shares]
        total += stats.dirichlet.logpdf([*shares, 1 - sum(shares)], concentration)
    return total


@pytest.mark.parametrize(
    ("family", "link"), [("bernoulli", "logit"), ("binomial", "probit"), ("cumulative", "cloglog")]
)
@pytest.mark.parametrize("terms", ["(1 | a)", "(1 | a) + (1 | c)", "(1 + x || a) + (1 | c)"])
def test_a_prior_of_the_icc_of_a_latent_response(family, link, terms):
    """The residual variance is known, so that the ICC and the shares determine the sds."""
    rng = np.random.default_rng(13)
    frame = table("unbalanced")
    frame["y"], frame["trials"] = RESPONSES[family](rng, len(frame)), 7
    response = "p(y, trials)" if counts_successes(family) else "y"
    stated = {"icc": pp.Prior("Beta", alpha=2, beta=6)}
    if terms.count("|") > 1 or "x" in terms:
        stated["share_a"] = pp.Prior("Dirichlet", a=1.7)
    spec = ModelSpec.from_formula(f"{response} ~ w + {terms}", family=family, link=link, priors=stated)
    assert not why_not(spec)
    design = build_design(spec, frame)
    priors, posterior = posterior_of(design)
    x = spread(posterior, rng)
    draws = variables(posterior, x[None])
    log_sds = np.log(np.concatenate([draws[sd_name(f.name)][0] for f in design.factors]))
    expected = model_density(design, priors, posterior, x) + jacobian(design, posterior, x)
    own = x[posterior.stand_in.size : posterior.size]
    expected += cutpoints_prior(design, priors, own) if family == "cumulative" else 0.0
    expected += prior_of_shares(design, priors, log_sds)
    assert posterior.evaluator()(x)[0] == pytest.approx(expected, abs=2e-6)
    check_gradient(posterior, x)


def test_a_joint_prior_that_includes_sigma_is_left_to_other_engines():
    icc = pp.Prior("Beta", alpha=2, beta=2)
    said = why_not(ModelSpec.from_formula("y ~ 1 + (1 | a)", priors={"icc": icc}))
    assert said == "a joint prior of the variances and of the sigma of 'gaussian' is not among its coordinates"
