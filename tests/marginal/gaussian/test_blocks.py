"""Blocks against the direct computation with whole matrices, and against the marginal where there is one block."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.linalg import block_diag

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.kernels import kernel
from partialpool.marginal.gaussian import block_kernel, block_levels
from partialpool.marginal.gaussian import blocks as block_moments
from partialpool.marginal.gaussian.abreast import IN_CACHE
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
    frame["c"] = np.array(["v1", "v2", "v3"])[rng.integers(0, 3, rows)]
    frame["y"] = 20 + frame["x"] + rng.normal(size=9)[frame["g"]] + 2 * rng.normal(size=rows)
    return frame


def model(formula=FORMULA, *, blocks, priors=PRIORS):
    design = build_design(ModelSpec.from_formula(formula, priors=priors), table())
    resolved, known = resolve_priors(design), Accumulated.of(design)
    return design, resolved, build_blocks(design, resolved, known, blocks=blocks)


@kernel
def density_kernel(at, layout, prior, levels, products, columns, gram, rest, rows, thetas):
    block_levels.set_rest(levels, rest, products, columns)
    return evaluate(at, layout, prior, levels, products, columns, gram, rows, thetas, block_levels.make_room(levels))


def density(blocks, f, gram, rest, theta):
    given = (f, blocks.lent_layout, blocks.prior, blocks.levels[f], blocks.products[f], blocks.columns[f])
    return density_kernel(*given, gram, rest, blocks.rows, theta[None])


def state_of(blocks, seed=2):
    """A chain in any state, its sums over the levels of other blocks in agreement."""
    chain = GibbsChain(blocks, np.random.SeedSequence(seed))
    for f in blocks.blocks:
        chain.effects[f][:] = 0.3 * chain.rng.normal(size=chain.effects[f].shape)
        chain._add_up(f)
    return chain


def whole_matrices(design, blocks, chain, f):
    """Z of a block, T, and r, row by row, in the units of the algebra."""
    z, xy = weighted_columns(design, blocks.units)
    each = [
        (np.eye(factor.n_levels)[factor.codes][:, :, None] * (z[at] @ blocks.units.factors[at].shift)[:, None]).reshape(
            len(xy), -1
        )
        for at, factor in enumerate(design.factors)
    ]
    x = xy[:, :-1] @ blocks.turn
    r = xy[:, -1] - x @ blocks.known - sum(each[g] @ chain.effects[g].ravel() for g in blocks.blocks if g != f)
    return each[f], np.column_stack([x, *(each[g] for g in blocks.small)]), r


def parameters(blocks, theta, f):
    """Prior covariance of all effects of a block, prior sds of the tail, and sigma."""
    found, prior, q = blocks.unpacked(theta), blocks.prior, blocks.levels[f].own.shape[1]
    root = found.sd[0, f, :q, None] * found.corr[0, f, :q, :q]
    sds = np.where(prior.factor < 0, prior.sd, found.sd[0, prior.factor, 0])
    return np.kron(np.eye(len(blocks.levels[f].own)), root @ root.T), sds, found.sigma[0]


MODELS = {
    "two blocks and a small factor": (FORMULA, (0, 1)),
    "three blocks": (FORMULA, (0, 1, 2)),
    "the larger factor second": (FORMULA, (1, 0)),
    "precisions": ("y | precision(w) ~ x + (1 | g) + (1 | h)", (0, 1)),
    "no intercept": ("y ~ 0 + x + (1 | g) + (1 | h)", (0, 1)),
    "slopes": ("y ~ x + (x | g) + (1 | h) + (1 | k)", (0, 1)),
    "slopes of both": ("y | precision(w) ~ x + (x | g) + (0 + x | h)", (0, 1)),
    "three effects": ("y ~ x + w + (x + w | g) + (x || h)", (0, 1)),
    "structures": ("y ~ w + cs(0 + c | g) + ar1(0 + c | h)", (0, 1)),
    "a joint prior": ("y ~ x + (1 | g) + (1 | h)", (0, 1)),
}


@pytest.fixture(params=["merged", "side by side"])
def way(request, monkeypatch):
    """Whether equal levels are merged."""
    monkeypatch.setattr(block_moments, "_MERGED", float(request.param == "merged"))
    return request.param


@pytest.fixture(params=MODELS)
def case(request, way):
    formula, blocks = MODELS[request.param]
    priors = {"total_sd": pp.Prior("HalfNormal", sigma=20)} if request.param == "a joint prior" else {}
    if request.param in ("two blocks and a small factor", "three blocks", "precisions"):
        priors = PRIORS
    return model(formula, blocks=blocks, priors=priors)


def test_the_density_is_that_of_whole_matrices(case):
    design, _, blocks = case
    chain = state_of(blocks)
    for f in blocks.blocks:
        z, t, r = whole_matrices(design, blocks, chain, f)
        gram, rest = chain._less_others(f)
        found, expected = [], []
        for theta in (np.full(blocks.size, -0.4), np.linspace(-1.5, 0.3, blocks.size)):
            own, sds, sigma = parameters(blocks, theta, f)
            covariance = z @ own @ z.T + (t * sds**2) @ t.T + sigma**2 * np.eye(len(r))
            direct = stats.multivariate_normal(t @ (sds * blocks.prior.mean), covariance).logpdf(r)
            expected.append(direct)
            ours = density(blocks, f, gram, rest, theta) - blocks.unpacked(theta).prior[0]
            found.append(ours - len(r) / 2 * np.log(2 * np.pi))
        np.testing.assert_allclose(found, expected, rtol=1e-9)


@pytest.mark.parametrize("group", ["(1 | g)", "(x | g)", "(x || g)"])
def test_with_one_block_the_density_is_that_of_the_marginal(group):
    design, resolved, blocks = model(f"y ~ x + {group} + (1 | h) + (1 | k)", blocks=(0,))
    marginal = build_marginal(design, resolved)
    chain = GibbsChain(blocks, np.random.SeedSequence(1))
    gram, rest = chain._less_others(0)
    assert marginal.arrangement.order == (0, 1, 2)
    for theta in (np.full(blocks.size, -0.4), np.linspace(-2, 0.3, blocks.size)):
        found = density(blocks, 0, gram, rest, theta) - blocks.rows / 2 * np.log(2 * np.pi) + marginal.log_constant
        assert found == pytest.approx(marginal.log_density(theta), rel=1e-10)


def test_effects_and_tail_have_their_conditional_mean_and_covariance(case):
    design, _, blocks = case
    chain = state_of(blocks)
    for f in blocks.blocks:
        z, t, r = whole_matrices(design, blocks, chain, f)
        gram, rest = chain._less_others(f)
        covariance, sds, sigma = parameters(blocks, chain.theta, f)
        tail, own = blocks.tail, rest.size
        design_matrix = np.column_stack([t, z])
        mean = np.concatenate([blocks.prior.mean / sds, np.zeros(own)])
        prior = block_diag(np.diag(sds**-2.0), np.linalg.inv(covariance))
        precision = design_matrix.T @ design_matrix / sigma**2 + prior
        expected = np.linalg.solve(precision, design_matrix.T @ r / sigma**2 + mean)

        def drawn(noise, f=f, gram=gram, rest=rest, tail=tail):
            b, t = np.zeros(rest.shape), np.zeros(tail)
            block_kernel.draw_block(
                f,
                np.zeros(0, np.int64),
                blocks.lent_layout,
                blocks.prior,
                blocks.levels[f],
                blocks.products[f],
                blocks.columns[f],
                gram,
                rest,
                blocks.rows,
                chain.width,
                np.zeros(0),
                noise,
                chain.theta[None].copy(),
                t,
                b,
            )
            return np.concatenate([t, b.ravel()])

        at_mean = drawn(np.zeros(tail + own))
        np.testing.assert_allclose(at_mean, expected, rtol=1e-8, atol=1e-10)
        turn = np.array([drawn(unit) - at_mean for unit in np.eye(tail + own)])
        np.testing.assert_allclose(turn.T @ turn, np.linalg.inv(precision), rtol=1e-7, atol=1e-10)


def test_pieces_of_many_levels_are_the_whole(monkeypatch):
    """1,500 levels are worked on in two pieces; merged they are not in pieces at all. The noise is used alike."""
    rng = np.random.default_rng(4)
    g, h, x = rng.integers(0, 1500, 4000), rng.integers(0, 8, 4000), rng.normal(size=4000)
    y = 3 + x + rng.normal(size=1500)[g] + rng.normal(size=4000)
    design = build_design(
        ModelSpec.from_formula("y ~ x + (x | g) + (1 | h)"), pd.DataFrame({"y": y, "x": x, "g": g, "h": h})
    )
    found = []
    for merged in (1.0, 0.0):
        monkeypatch.setattr(block_moments, "_MERGED", merged)
        blocks = build_blocks(design, resolve_priors(design), Accumulated.of(design), blocks=(0, 1))
        assert bool(len(blocks.levels[0].weight)) == bool(merged)
        assert blocks.columns[0].size > IN_CACHE or merged
        chain = state_of(blocks)
        gram, rest = chain._less_others(0)
        value = density(blocks, 0, gram, rest, np.full(blocks.size, -0.4))
        chain.sweep(adapts=False)
        found.append(
            np.concatenate([[value], chain.theta, chain.tail, chain.effects[0].ravel(), chain.effects[1].ravel()])
        )
    np.testing.assert_allclose(found[1], found[0], rtol=1e-7, atol=1e-9)


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
        ("y ~ 1 + (x | g) + (x | h)", {}, "no fixed coefficient has the mean of the effects of x"),
        ("y ~ 1 + (0 + x | g) + (1 | h)", {}, "no fixed coefficient has the mean of the effects of x"),
        ("y ~ 1 + (x | g) + (I(x) | h)", {}, "no fixed coefficient has the mean of the effects of x"),
        ("y ~ x + w + (x | g) + (w | h)", {}, "no fixed coefficient has the mean of the effects of x:w"),
        ("y ~ x + w + (x:w | g) + (w:x | h)", {}, "no fixed coefficient has the mean of the effects of x:w"),
        ("y ~ x + (1 | gr(g, by=k)) + (1 | h)", {}, "with sds of their own"),
        ("y ~ x + s(x) + (1 | g)", {}, "smooths"),
        ("y ~ x + (1 | mm(g, h))", {}, "of which rows have several"),
        (
            "y ~ x + (1 | g)",
            {"priors": {"beta[x]": pp.Prior("Laplace", mu=0, b=1)}},
            r"the prior of beta\[x\] is not normal",
        ),
    ],
)
def test_models_that_cannot_be_drawn_in_blocks(formula, arguments, reason):
    spec = ModelSpec.from_formula(formula, **arguments)
    with pytest.raises(pp.EngineError, match=reason):
        pp.fit(spec, table(), engine="gibbs")


@pytest.mark.parametrize(
    "formula",
    [
        "y ~ 1 + (x | g)",
        "y ~ x + (x | g) + (x | h)",
        "y ~ x + w + (x + w | g) + (x + w | h)",
        "y ~ x + w + w:x + (x | g) + (w | h)",
        "y ~ x*w + (w:x | g) + (1 | h)",
    ],
)
def test_models_that_can_be_drawn_in_blocks(formula):
    assert why_not_in_blocks(ModelSpec.from_formula(formula)) == ""
