"""The collapsed density against the dense oracle, over designs, shapes and sizes of the sds."""

import numpy as np
import pytest

import partialpool as pp
from marginal.gaussian.oracle import (
    EFFECTS,
    FACTORS,
    SHAPES,
    log_likelihood,
    log_prior,
    parameters,
    problem,
    stable_log_likelihood,
    table,
)
from partialpool.marginal.gaussian.gradient import evaluate_likelihood_gradient
from partialpool.marginal.gaussian.nested_order import nest_is_faster
from partialpool.sampling.starts import starts

SIZES = {"moderate": 0.0, "zero": -np.inf, "tiny": -14.0, "huge": 9.0}


def formula_of(factors, effects):
    return "y ~ x + " + " + ".join(EFFECTS[effects].format(f=f) for f in FACTORS[factors])


def theta_of(marginal, size, seed=3):
    rng = np.random.default_rng(seed)
    theta = starts(marginal)[0] + rng.normal(0, 0.5, marginal.size)
    theta[marginal.log_sds] += SIZES[size]
    return theta


def ours(marginal, theta):
    """log p(y | theta), without the prior, whose density may be 0 or infinite at sd = 0."""
    value = evaluate_likelihood_gradient(
        marginal.arrangement.density, marginal.layout, marginal.normals, theta[None], np.zeros(marginal.size)
    )
    return value + marginal.log_constant


@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("factors", FACTORS)
def test_log_density_is_that_of_the_dense_normal(factors, effects, shape, size):
    design, priors, marginal = problem(formula_of(factors, effects), table(shape), branch_from=2)
    theta = theta_of(marginal, size)
    oracle = stable_log_likelihood if size == "huge" else log_likelihood
    assert ours(marginal, theta) == pytest.approx(oracle(design, priors, marginal, theta), rel=1e-8)


@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("factors", FACTORS)
def test_levels_side_by_side_have_the_density_of_levels_one_by_one(factors, effects, shape):
    _, _, marginal = problem(formula_of(factors, effects), table(shape), branch_from=2)
    thetas = np.array([theta_of(marginal, "moderate", seed) for seed in range(3)])
    one_by_one = [marginal.gradient(theta)[0] for theta in thetas]
    assert marginal.log_densities(thetas) == pytest.approx(one_by_one, rel=1e-9)
    total = sum(f.n_levels * len(f.names) for f in marginal.design.factors) + len(marginal.normals.sd)
    noise, drawn = np.zeros((2, 3, total)), np.empty(3)
    marginal.draw_effects(thetas, noise[0], noise[1], drawn)
    assert drawn == pytest.approx(one_by_one, rel=1e-9)


@pytest.mark.parametrize(("levels", "balanced"), [(20, True), (20, False), (900, True), (900, False)])
def test_levels_are_evaluated_side_by_side_unless_merging_saves_more(levels, balanced):
    rng = np.random.default_rng(2)
    x = np.tile(np.arange(4.0), levels) if balanced else rng.normal(size=4 * levels)
    data = {"x": x, "y": rng.normal(size=4 * levels), "g": np.repeat(np.arange(levels), 4).astype(str)}
    _, _, marginal = problem("y ~ x + (x | g)", data)
    system, _, nest = marginal.for_draws
    assert system.leaf.gram.shape[0] == 0
    assert nest_is_faster(nest, marginal.arrangement.density.leaf) == (levels == 20 or not balanced)


def test_the_two_oracles_agree():
    design, priors, marginal = problem(formula_of("crossed", "three effects"), table("unbalanced"))
    arguments = design, priors, marginal, theta_of(marginal, "moderate")
    assert stable_log_likelihood(*arguments) == pytest.approx(log_likelihood(*arguments), rel=1e-11)


# Two of the three factors have the same groups of rows there.
@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")
@pytest.mark.parametrize("branch_from", [2, 10_000])
def test_a_branch_and_a_tail_factor_are_the_same_model(branch_from):
    design, priors, marginal = problem(formula_of("three", "correlated"), table("unbalanced"), branch_from)
    assert marginal.arrangement.has_branch == (branch_from == 2)
    theta = theta_of(marginal, "moderate")
    assert marginal.log_density(theta) == pytest.approx(
        log_likelihood(design, priors, marginal, theta) + log_prior(design, priors, marginal, theta), rel=1e-10
    )


OTHERS = {
    "no factor": ("y ~ x + w", {}),
    "no fixed effects": ("y ~ 0 + (x | a)", {}),
    "no intercept": ("y ~ 0 + x + (0 + w | a)", {}),
    "known errors": ("y ~ x + (1 | a)", {"se": "s"}),
    "precisions": ("y | precision(s) ~ x + (x | a) + (1 | c)", {}),
    "lognormal": ("y ~ x + (x | a) + (1 | c)", {"family": "lognormal"}),
    "offset": ("y ~ x + offset(v) + (1 | a)", {}),
    "kept coefficients": (
        "y ~ x + w + (x | a)",
        {
            "priors": {
                "beta[x]": pp.Prior("StudentT", nu=4, mu=1, sigma=2),
                "beta[w]": pp.Prior("Exponential", lam=3),
                "beta[Intercept]": pp.Prior("Uniform", lower=30, upper=70),
            }
        },
    ),
    "far prior mean": ("y ~ x + (1 | a)", {"priors": {"beta[Intercept]": pp.Prior("Normal", mu=-1e4, sigma=1e4)}}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_log_posterior_density_of_other_models_is_that_of_the_oracle(case):
    formula, options = OTHERS[case]
    design, priors, marginal = problem(formula, table("unbalanced"), **options)
    theta = theta_of(marginal, "moderate")
    oracle = stable_log_likelihood if case == "far prior mean" else log_likelihood
    expected = oracle(design, priors, marginal, theta) + log_prior(design, priors, marginal, theta)
    assert marginal.log_density(theta) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("effects", EFFECTS)
@pytest.mark.parametrize("factors", FACTORS)
@pytest.mark.filterwarnings("ignore::partialpool.DataWarning")
def test_gradient_is_that_of_differences(factors, effects, shape):
    _, _, marginal = problem(formula_of(factors, effects), table(shape), branch_from=2)
    check_gradient(marginal)


@pytest.mark.parametrize("case", OTHERS)
def test_gradient_of_other_models_is_that_of_differences(case):
    formula, options = OTHERS[case]
    check_gradient(problem(formula, table("unbalanced"), **options)[2])


def check_gradient(marginal):
    theta = theta_of(marginal, "moderate")
    value, gradient = marginal.gradient(theta)
    assert value == pytest.approx(marginal.log_density(theta), rel=1e-12)
    h = 1e-4
    steps = h * np.eye(marginal.size)
    at = [marginal.log_densities(theta + k * steps) for k in (-2, -1, 1, 2)]
    slopes = (at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * h)  # error of order h^4
    assert gradient == pytest.approx(slopes, rel=1e-6, abs=1e-6)


def test_density_and_gradient_with_factors_too_large_for_loops():
    frame = table("unbalanced")
    rng = np.random.default_rng(1)
    frame["many"], frame["more"] = rng.integers(0, 30, len(frame)), rng.integers(0, 35, len(frame))
    design, priors, marginal = problem("y ~ x + (1 | many) + (x | more)", frame)
    assert marginal.arrangement.density.tail.columns > 24
    check_gradient(marginal)
    theta = theta_of(marginal, "moderate")
    expected = log_likelihood(design, priors, marginal, theta) + log_prior(design, priors, marginal, theta)
    assert marginal.log_density(theta) == pytest.approx(expected, rel=1e-10)


def test_levels_of_equal_information_are_merged():
    """So that a balanced design costs as much for six levels as for six thousand."""
    _, _, marginal = problem("y ~ x + (x | a)", table("balanced"))
    assert len(marginal.arrangement.density.leaf.multiplicity) == 1
    assert marginal.arrangement.density.leaf.multiplicity.sum() == 6


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize("column", ["x", "y"])
def test_units_change_the_density_by_a_constant(column, scale):
    frame = table("unbalanced")
    formula = "y ~ x + (x | a) + (1 | c)"
    _, _, marginal = problem(formula, frame)
    _, _, scaled = problem(formula, frame.assign(**{column: frame[column] * scale}))
    theta = theta_of(marginal, "moderate")
    # The intercept of a varying slope is that of x = 0: scaling x moves no origin, so theta means the same.
    shift = -len(frame) * np.log(scale) if column == "y" else 0.0
    assert scaled.log_density(theta) == pytest.approx(marginal.log_density(theta) + shift, rel=1e-9)


@pytest.mark.parametrize("mean", [1e3, 1e6])
def test_a_predictor_far_from_zero_keeps_its_digits(mean):
    """x = mean + noise of sd 1, as a fixed effect and varying over a, with priors at zero: the lines are the same.

    Sigma_far = T^-1 Sigma T'^-1 with T = [[1, mean], [0, 1]]: intercepts at x = 0 then vary by
    mean times the slopes, and their correlation with the slopes is almost perfect.
    """
    frame = table("unbalanced")
    noise = np.random.default_rng(5).normal(0, 1, len(frame))
    near = frame.assign(x=noise - noise.mean())
    design, priors, marginal = problem("y ~ x + (x | a)", near)
    _, _, far = problem("y ~ x + (x | a)", frame.assign(x=near["x"] + mean), origin={"a": "zero"})
    theta = theta_of(marginal, "moderate")
    sigma = parameters(marginal, theta)[0][0]
    first = np.sqrt(sigma[0, 0] - 2 * mean * sigma[0, 1] + mean**2 * sigma[1, 1])
    corr = (sigma[0, 1] - mean * sigma[1, 1]) / (first * np.sqrt(sigma[1, 1]))
    left = np.sqrt(np.linalg.det(sigma)) / (first * np.sqrt(sigma[1, 1]))  # sqrt(1 - corr^2), without cancellation
    moved = theta.copy()
    moved[far.elements.index("sd_a[Intercept]")] = np.log(first / far.units.unit)
    moved[far.elements.index("corr_a[Intercept, x]")] = np.arcsinh(corr / left)
    expected = log_likelihood(design, priors, marginal, theta)
    assert ours(far, moved) == pytest.approx(expected, rel=1e-8)
    _, _, at_means = problem("y ~ x + (x | a)", frame.assign(x=near["x"] + mean))
    assert ours(at_means, theta) == pytest.approx(expected, rel=1e-8)
