"""Blocks against the direct computation with whole matrices, and against the marginal where there is one block."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.kernels import kernel
from partialpool.marginal.gaussian import block_kernel
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.block_factors import block_factors, has_nested_blocks, why_not_in_blocks
from partialpool.marginal.gaussian.blocks import build_blocks
from partialpool.marginal.gaussian.crossproducts import weighted_columns
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.model.default_priors import resolve_priors
from partialpool.sampling.gibbs_chain import GibbsChain
from partialpool.spec.model import ModelSpec

FORMULA = "y ~ x + (1 | g) + (1 | h) + (1 | k)"
PRIORS = {"beta[Intercept]": pp.Prior("Normal", mu=1, sigma=2), "sd_h": pp.Prior("Gamma", alpha=2, beta=3)}
evaluate = block_kernel._evaluate


def table(rows=120, seed=1):
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({name: rng.integers(0, n, rows) for name, n in {"g": 9, "h": 6, "k": 3}.items()})
    frame["x"], frame["w"] = rng.normal(3, 2, rows), rng.integers(1, 4, rows) / 2
    frame["y"] = 20 + frame["x"] + rng.normal(size=9)[frame["g"]] + 2 * rng.normal(size=rows)
    return frame


def model(formula=FORMULA, *, blocks, priors=PRIORS):
    design = build_design(ModelSpec.from_formula(formula, priors=priors), table())
    resolved, known = resolve_priors(design), Accumulated.of(design)
    return design, resolved, build_blocks(design, resolved, known, blocks=blocks)


@kernel
def density(at, prior, levels, products, gram, rest, rows, theta):
    block_kernel._merge(levels, rest, products)
    half, values, shares = np.zeros_like(gram), np.zeros(len(theta) + 1), np.zeros(len(levels.weight))
    return evaluate(at, prior, levels, products, gram, rows, theta, shares, values, half)


def state_of(blocks, seed=2):
    """A chain in any state, its sums over the levels of other blocks in agreement."""
    chain = GibbsChain(blocks, np.random.SeedSequence(seed))
    for f in blocks.blocks:
        chain.effects[f][:] = 0.3 * chain.rng.normal(size=len(chain.effects[f]))
        chain._add_up(f)
    return chain


def whole_matrices(design, blocks, chain, f):
    """Z of a block, T, and r, row by row, in the units of the algebra."""
    z, xy = weighted_columns(design, blocks.units)
    each = [
        np.eye(factor.n_levels)[factor.memberships[0][0]] * z[at] * blocks.units.factors[at].shift[0, 0]
        for at, factor in enumerate(design.factors)
    ]
    x = xy[:, :-1] @ blocks.turn
    r = xy[:, -1] - x @ blocks.known - sum(each[g] @ chain.effects[g] for g in blocks.blocks if g != f)
    return each[f], np.column_stack([x, *(each[g] for g in blocks.small)]), r


def prior_sds(blocks, theta):
    values = np.array([blocks.value(e, theta[e]) for e in range(blocks.size)])
    prior = blocks.prior
    return values, np.where(prior.sd_of < 0, prior.sd, values[prior.sd_of])


MODELS = {
    "two blocks and a small factor": (FORMULA, (0, 1)),
    "three blocks": (FORMULA, (0, 1, 2)),
    "the larger factor second": (FORMULA, (1, 0)),
    "precisions": ("y | precision(w) ~ x + (1 | g) + (1 | h)", (0, 1)),
    "no intercept": ("y ~ 0 + x + (1 | g) + (1 | h)", (0, 1)),
}


@pytest.fixture(params=MODELS)
def case(request):
    formula, blocks = MODELS[request.param]
    priors = PRIORS if "0 +" not in formula else {}
    return model(formula, blocks=blocks, priors=priors)


def test_the_density_is_that_of_whole_matrices(case):
    design, _, blocks = case
    chain = state_of(blocks)
    for f in blocks.blocks:
        z, t, r = whole_matrices(design, blocks, chain, f)
        gram, rest = chain._less_others(f)
        found, expected = [], []
        for theta in (np.full(blocks.size, -0.4), np.linspace(-1.5, 0.3, blocks.size)):
            values, sds = prior_sds(blocks, theta)
            sigma = values[blocks.prior.sigma]
            covariance = values[f] ** 2 * z @ z.T + (t * sds**2) @ t.T + sigma**2 * np.eye(len(r))
            direct = stats.multivariate_normal(t @ (sds * blocks.prior.mean), covariance).logpdf(r)
            expected.append(direct)
            given = (f, blocks.prior, blocks.levels[f], blocks.products[f], gram, rest, blocks.rows, theta)
            ours = density(*given) + theta_free(blocks, theta)
            found.append(ours - len(r) / 2 * np.log(2 * np.pi))
        np.testing.assert_allclose(found, expected, rtol=1e-9)


def theta_free(blocks, theta):
    """What takes the log prior off: it is a density of no rows."""
    return -no_rows(blocks.prior, theta)


@kernel
def no_rows(prior, theta):
    return block_kernel._unpack(prior, theta, np.zeros(len(theta) + 1))


def test_with_one_block_the_density_is_that_of_the_marginal():
    design, resolved, blocks = model(blocks=(0,))
    marginal = build_marginal(design, resolved)
    ours = ["sd_g[Intercept]", "sd_h[Intercept]", "sd_k[Intercept]", "sigma"]
    chain = GibbsChain(blocks, np.random.SeedSequence(1))
    gram, rest = chain._less_others(0)
    for theta in (np.full(4, -0.4), np.linspace(-2, 0.3, 4)):
        given = (0, blocks.prior, blocks.levels[0], blocks.products[0], gram, rest, blocks.rows, theta)
        found = density(*given) - blocks.rows / 2 * np.log(2 * np.pi) + marginal.log_constant
        other = theta[[ours.index(name) for name in marginal.elements]]
        assert found == pytest.approx(marginal.log_density(other), rel=1e-10)


def test_effects_and_tail_have_their_conditional_mean_and_covariance(case):
    design, _, blocks = case
    chain = state_of(blocks)
    for f in blocks.blocks:
        z, t, r = whole_matrices(design, blocks, chain, f)
        gram, rest = chain._less_others(f)
        values, sds = prior_sds(blocks, chain.theta)
        tail, own = blocks.tail, len(rest)
        design_matrix = np.column_stack([t, z])
        scale = np.concatenate([sds, np.full(own, values[f])])
        mean = np.concatenate([sds * blocks.prior.mean, np.zeros(own)])
        sigma = values[blocks.prior.sigma]
        precision = design_matrix.T @ design_matrix / sigma**2 + np.diag(scale**-2)
        expected = np.linalg.solve(precision, design_matrix.T @ r / sigma**2 + mean / scale**2)

        def drawn(noise, f=f, gram=gram, rest=rest, tail=tail, own=own):
            b, t = np.zeros(own), np.zeros(tail)
            block_kernel.draw_block(
                f,
                np.zeros(0, np.int64),
                blocks.prior,
                blocks.levels[f],
                blocks.products[f],
                gram,
                rest,
                blocks.rows,
                chain.width,
                np.zeros(0),
                noise,
                chain.theta.copy(),
                t,
                b,
            )
            return np.concatenate([t, b])

        at_mean = drawn(np.zeros(tail + own))
        np.testing.assert_allclose(at_mean, expected, rtol=1e-8, atol=1e-10)
        turn = np.array([drawn(unit) - at_mean for unit in np.eye(tail + own)])
        np.testing.assert_allclose(turn.T @ turn, np.linalg.inv(precision), rtol=1e-7, atol=1e-10)


def test_small_factors_are_part_of_the_tail_and_the_largest_never_is():
    design, _, _ = model(blocks=(0,))
    assert block_factors(design) == (0,)
    rng = np.random.default_rng(1)
    large = pd.DataFrame({"y": rng.normal(size=5000)} | {f: rng.integers(0, n, 5000) for f, n in LEVELS.items()})
    design = build_design(ModelSpec.from_formula("y ~ 1 + (1 | a) + (1 | b) + (1 | c)"), large)
    assert [design.factors[f].name for f in block_factors(design)] == ["b", "a"]


LEVELS = {"a": 100, "b": 300, "c": 10}


def test_nested_blocks_are_found():
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"y": rng.normal(size=3000), "b": rng.integers(0, 400, 3000), "c": rng.integers(0, 90, 3000)})
    frame["a"] = frame["b"] // 4
    for formula, nested in (("y ~ 1 + (1 | a) + (1 | b)", True), ("y ~ 1 + (1 | b) + (1 | c)", False)):
        assert has_nested_blocks(build_design(ModelSpec.from_formula(formula), frame)) == nested


@pytest.mark.parametrize(
    ("formula", "arguments", "reason"),
    [
        ("y ~ x + (1 | g)", {"family": "poisson"}, "a 'poisson' response is not normal given the effects"),
        ("y ~ x", {}, "there are no groups"),
        ("y ~ 0 + x + (1 | g) + (1 | h)", {}, "no fixed intercept has the mean of all rows"),
        ("y ~ x + (x | g) + (1 | h)", {}, "other effects than an intercept vary over g"),
        ("y ~ x + s(x) + (1 | g)", {}, "smooths"),
        ("y ~ x + (1 | mm(g, h))", {}, "of which rows have several"),
        (
            "y ~ x + (1 | g)",
            {"priors": {"beta[x]": pp.Prior("Laplace", mu=0, b=1)}},
            r"the prior of beta\[x\] is not normal",
        ),
        ("y ~ x + (1 | g)", {"priors": {"icc": pp.Prior("Beta", alpha=1, beta=1)}}, "a joint prior of the variances"),
    ],
)
def test_models_that_cannot_be_drawn_in_blocks(formula, arguments, reason):
    spec = ModelSpec.from_formula(formula, **arguments)
    with pytest.raises(pp.EngineError, match=reason):
        pp.fit(spec, table(), engine="gibbs")
    assert why_not_in_blocks(ModelSpec.from_formula("y ~ x + (1 | g)")) == ""
