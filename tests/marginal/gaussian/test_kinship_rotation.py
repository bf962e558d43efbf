"""Levels with a known covariance in the collapsed engine: the density is exactly that of the dense normal."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import partialpool as pp
from checks.kin import sib_matrix, traits
from marginal.gaussian.oracle import parameters
from partialpool.design.build import build_design
from partialpool.marginal.gaussian.leaf_cholesky import _WIDE, BLOCK
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.precision import BLUR, smallest_noise
from partialpool.marginal.gaussian.recover import conditional_modes, recover
from partialpool.model.default_priors import resolve_priors
from partialpool.spec.model import ModelSpec

KINSHIP = sib_matrix()
FORMULAS = {
    "alone": "y ~ x + (1 | animal)",
    "beside another factor": "y ~ x + (1 | animal) + (1 | litter)",
    "beside slopes": "y ~ x + (1 | animal) + (x | litter)",
    "a varying slope alone": "y ~ x + (0 + x | animal) + (1 | litter)",
    "beside its copy": "y ~ x + (1 | animal) + (1 | lasting)",
    "after its copy, with a third": "y ~ x + (1 | lasting) + (1 | animal) + (1 | litter)",
    "beside a copy with other rows": "y ~ x + (1 | animal) + (1 | uneven)",
}


def records():
    """140 traits; `twice` has 120, two per animal, and `lasting` has the same levels under names in another order."""
    data, _ = traits(KINSHIP, sd=2, sigma=1.5, rows=140, seed=3)
    twice = pd.DataFrame({"animal": np.repeat(KINSHIP.index, 2)})
    names = [f"c{k}" for k in np.random.default_rng(1).permutation(len(KINSHIP))]
    twice["lasting"] = np.repeat(names, 2)
    return {"uneven": data.assign(uneven="c" + data["animal"]), "twice": data.head(120).assign(**twice)}


def problem(formula, **options):
    data = records()["twice" if "lasting" in formula else "uneven"]
    design = build_design(ModelSpec.from_formula(formula, cov={"animal": KINSHIP}, **options), data)
    priors = resolve_priors(design)
    return design, priors, build_marginal(design, priors)


def theta_of(marginal, seed=4):
    return np.random.default_rng(seed).normal(-0.3, 0.4, marginal.size)


def dense(design, priors, marginal, theta, kinship=KINSHIP):
    """Mean and covariance of (b of every factor, stacked; y), by the definition; b of one factor level by level."""
    sigmas, sigma, _ = parameters(marginal, theta)
    n = design.n_rows
    columns, blocks = [], []
    for f, factor in enumerate(design.factors):
        z = np.zeros((n, factor.n_levels, len(factor.names)))
        z[np.arange(n), factor.codes] = factor.values
        columns.append(z.reshape(n, -1))
        among = np.eye(factor.n_levels)
        if factor.kinship is not None:
            order = [list(kinship.index).index(label) for label in factor.levels.labels]
            among = kinship.to_numpy()[np.ix_(order, order)]
        blocks.append(np.kron(among, sigmas[f]))
    x = np.column_stack([np.ones(n), design.common.values - design.common.center])
    stated = [priors[f"beta[{c}]"].arguments for c in design.common.coefs]
    z, of_b = np.concatenate(columns, axis=1), linalg.block_diag(*blocks)
    of_y = z @ of_b @ z.T + x @ np.diag([a["sigma"] ** 2 for a in stated]) @ x.T + sigma**2 * np.eye(n)
    return x @ [a["mu"] for a in stated], of_y, of_b @ z.T, of_b


def check_density(design, priors, marginal, kinship):
    """Compare with the dense normal; the prior of theta is that of the model without K, and is computed from it."""
    plain = ModelSpec.from_formula(design.spec.to_formula())
    unrelated = build_design(plain, design.frame)
    free = build_marginal(unrelated, priors)
    theta = theta_of(marginal)
    mean, of_y, _, _ = dense(design, priors, marginal, theta, kinship)
    # The prior of theta, from the model without K: its density less its dense normal.
    order = [free.elements.index(e) for e in marginal.elements]
    assert sorted(order) == list(range(len(order)))
    same = np.empty_like(theta)
    same[order] = theta
    _, of_y_free, _, _ = dense(unrelated, priors, free, same)
    y = design.response.values
    log_prior = free.log_density(same) - stats.multivariate_normal(mean, of_y_free).logpdf(y)
    ours = marginal.log_density(theta) - log_prior
    assert ours == pytest.approx(stats.multivariate_normal(mean, of_y).logpdf(y), rel=1e-9)


# Without K, for comparison, a copy of a factor is not identified.
@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")
@pytest.mark.parametrize("case", FORMULAS)
def test_the_density_is_that_of_the_dense_normal(case):
    check_density(*problem(FORMULAS[case]), KINSHIP)


@pytest.mark.parametrize("case", FORMULAS)
def test_effects_are_those_of_the_dense_normal(case):
    design, priors, marginal = problem(FORMULAS[case])
    theta = theta_of(marginal)
    mean, of_y, cross, of_b = dense(design, priors, marginal, theta)
    gain = cross @ np.linalg.inv(of_y)
    expected = gain @ (design.response.values - mean)
    modes = np.concatenate([m.ravel() for m in conditional_modes(marginal, theta)])
    np.testing.assert_allclose(modes, expected, rtol=1e-7, atol=1e-9)
    # Their spread is that of draws given one theta.
    draws = recover(marginal, np.tile(theta, (4000, 1)), np.random.SeedSequence(1), keep_z=True)
    b = np.concatenate([values.reshape(len(values), -1) for values in draws.b], axis=1)
    variance = np.diagonal(of_b - gain @ cross.T)
    assert np.abs((b.mean(axis=0) - expected) / np.sqrt(variance / len(b))).max() < 5
    assert np.abs(b.var(axis=0) / variance - 1).max() < 5 * np.sqrt(2 / len(b))
    # Offsets and effects agree: b = sd L z.
    for f, factor in enumerate(design.factors):
        if len(factor.names) == 1:
            root = np.eye(factor.n_levels) if factor.root is None else factor.root
            np.testing.assert_allclose(
                draws.b[f][0, :, 0], draws.sd[f][0, 0] * root @ draws.z[f][0, :, 0], rtol=1e-8, atol=1e-10
            )


@pytest.mark.filterwarnings("ignore:.* not identified:partialpool.DataWarning")
def test_rows_that_share_many_columns_are_multiplied_at_once():
    """Uneven rows of 150 related levels and their copy: too many columns for loops, and more rows than a block."""
    kinship = sib_matrix(families=25)
    data, _ = traits(kinship, sd=2, sigma=1.5, rows=300, seed=3)
    spec = ModelSpec.from_formula("y ~ x + (1 | animal) + (1 | copy)", cov={"animal": kinship})
    design = build_design(spec, data.assign(copy=data["animal"]))
    priors = resolve_priors(design)
    marginal = build_marginal(design, priors)
    assert marginal.arrangement.density.tail.columns > _WIDE
    assert len(marginal.arrangement.density.leaf.level) > BLOCK
    check_density(design, priors, marginal, kinship)


def test_a_copy_of_related_levels_costs_no_dense_algebra():
    """Repeated records, with inherited and other permanent effects: with even rows one rotation serves both factors."""
    _, _, even = problem("y ~ x + (1 | animal) + (1 | lasting)")
    _, _, uneven = problem("y ~ x + (1 | animal) + (1 | uneven)")
    assert even.arrangement.has_branch
    assert even.arrangement.work < 0.05 * uneven.arrangement.work


def test_unrelated_levels_change_nothing():
    """With K = I, likelihood, modes and posterior are those of the model without K."""
    data, _ = traits(KINSHIP, sd=2, sigma=1.5, rows=140, seed=3)
    identity = pd.DataFrame(np.eye(60), index=KINSHIP.index, columns=KINSHIP.index)
    formula = "y ~ x + (1 | animal) + (1 | litter)"
    known = pp.maximum_likelihood(formula, data, cov={"animal": identity})
    plain = pp.maximum_likelihood(formula, data)
    assert known.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-7)
    np.testing.assert_allclose(known.conditional_modes("animal"), plain.conditional_modes("animal"), atol=1e-5)
    options = {"seed": 1, "progressbar": False}
    with_k, without = (pp.fit(formula, data, cov=cov, **options) for cov in ({"animal": identity}, {}))
    for name in ("beta", "sd_animal", "sigma", "b_animal"):
        a, b = (f.posterior[name].stack(sample=("chain", "draw")) for f in (with_k, without))
        error = np.hypot(a.std("sample"), b.std("sample")) / np.sqrt(1500)  # a lower bound of the ESS
        assert (abs(a.mean("sample") - b.mean("sample")) < 5 * error).all()


def test_the_maximum_is_that_of_the_dense_likelihood():
    data, _ = traits(KINSHIP, sd=2, sigma=1.5, rows=140, seed=3)
    found = pp.maximum_likelihood("y ~ x + (1 | animal)", data, cov={"animal": KINSHIP})
    z = (data["animal"].to_numpy()[:, None] == KINSHIP.index.to_numpy()[None, :]).astype(float)
    x, y = np.column_stack([np.ones(140), data["x"]]), data["y"].to_numpy()
    zkz = z @ KINSHIP.to_numpy() @ z.T

    def log_likelihood(sd, sigma):
        v = sd**2 * zkz + sigma**2 * np.eye(140)
        beta = np.linalg.solve(x.T @ np.linalg.solve(v, x), x.T @ np.linalg.solve(v, y))
        return stats.multivariate_normal(x @ beta, v).logpdf(y)

    (sd,), sigma = found.maximum.sd[0], found.maximum.sigma
    assert found.log_likelihood == pytest.approx(log_likelihood(sd, sigma), abs=1e-8)
    for near in (0.97, 1.03):
        assert log_likelihood(near * sd, sigma) < found.log_likelihood
        assert log_likelihood(sd, near * sigma) < found.log_likelihood


def test_several_related_effects_are_refused_by_the_collapsed_engine():
    spec = ModelSpec.from_formula("y ~ x + (x | animal)", cov={"animal": KINSHIP})
    data, _ = traits(KINSHIP, sd=2, sigma=1.5, rows=140, seed=3)
    with pytest.raises(pp.EngineError, match="collapsed"):
        pp.fit(spec, data, engine="collapsed", progressbar=False)


def test_near_a_residual_sd_of_zero_rounding_makes_no_peak():
    """One row per level: effects can explain all variation, so that the density is constant as sigma goes to 0."""
    labels = list(KINSHIP.index)
    data = pd.DataFrame(
        {"animal": labels, "y": np.linalg.cholesky(KINSHIP) @ np.random.default_rng(7).normal(size=len(labels))}
    )
    spec = ModelSpec.from_formula("y ~ 1 + (1 | animal)", cov={"animal": KINSHIP})
    design = build_design(spec, data)
    marginal = build_marginal(design, resolve_priors(design))
    assert marginal.elements == ("sd_animal[Intercept]", "sigma")
    log_sigmas = np.log(10.0) * np.arange(-3, -17, -0.25)
    thetas = np.column_stack([np.full(len(log_sigmas), np.log(0.8)), log_sigmas])
    # The density of log sigma includes the Jacobian sigma; the prior is flat so near to 0.
    flat = marginal.log_densities(thetas) - log_sigmas
    resolved = np.exp(log_sigmas) > smallest_noise(len(labels))
    known = np.isfinite(flat)
    assert known[resolved].all()
    assert not known[np.exp(log_sigmas) < 0.05 * smallest_noise(len(labels))].any()
    assert flat[resolved] == pytest.approx(flat[resolved][0], abs=0.02)
    assert flat[known] == pytest.approx(flat[resolved][0], abs=1)
    # The gradient's kernel eliminates in another order, with other rounding.
    for theta, expected, error in zip(thetas, marginal.log_densities(thetas), np.where(resolved, BLUR, 1), strict=True):
        assert marginal.gradient(theta)[0] == pytest.approx(expected, abs=error)
