"""Rows that belong to several levels: moments, density, gradient and draws against dense matrices."""

import numpy as np
import pandas as pd
import pytest
from scipy import linalg, stats

import partialpool as pp
from partialpool.design.build import build_design
from partialpool.lent_record import lend
from partialpool.marginal.gaussian.crossproducts import collect_moments
from partialpool.marginal.gaussian.gradient import evaluate_likelihood_gradient
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.recover import recover
from partialpool.marginal.gaussian.standardise import choose_units
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.default_priors import resolve_priors
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import members_of

MEMBERS = "mm(a, b, weights=(u, v))"
FORMULAS = [
    f"y ~ x + (1 | {MEMBERS})",
    f"y ~ x + (0 + x | {MEMBERS})",
    f"y ~ x + (1 + x | {MEMBERS})",
    f"y ~ x + (1 + x || {MEMBERS})",
    f"y ~ x + (1 | {MEMBERS}) + (1 | g)",
    f"y ~ x + (1 + x | {MEMBERS}) + (1 | g)",
    f"y ~ x + (1 | {MEMBERS}) + (1 + x | g)",
    "y ~ x + (1 | mm(a, b)) + (1 | outer/g)",
    f"y ~ x + (1 | {MEMBERS}) + (1 | mm(g, h))",
    f"y | precision(p) ~ x + (1 | {MEMBERS}) + (1 | outer/g)",
]
SHAPES = {"few levels": (90, 6), "many levels": (90, 40)}


def table(rows, levels, seed=0):
    rng = np.random.default_rng(seed)
    a, b, g = rng.integers(0, levels, rows), rng.integers(0, levels, rows), rng.integers(0, 14, rows)
    effect, w, x = rng.normal(0, 2, levels), rng.uniform(0, 3, (rows, 2)), rng.normal(5, 2, rows)
    w[:6, 1] = 0
    share = w / w.sum(axis=1, keepdims=True)
    names = np.array([f"s{k:02d}" for k in range(levels)])
    y = 10 + 2 * x + share[:, 0] * effect[a] + share[:, 1] * effect[b] + rng.normal(0, 1.5, rows)
    frame = {"y": y, "x": x, "a": names[a], "b": names[b], "u": w[:, 0], "v": w[:, 1]}
    others = {"g": g, "h": rng.integers(0, 14, rows), "outer": g % 4, "p": rng.uniform(0.5, 2, rows)}
    return pd.DataFrame(frame | others)


def shares(frame, factor):
    """The weight of each level in each row, one cell at a time, from the table."""
    if not factor.name.startswith("mm("):
        column = "outer" if factor.name == "outer" else "g"
        labels = frame[column].astype(str)
        if factor.name == "outer:g":
            labels = frame["outer"].astype(str) + ":" + frame["g"].astype(str)
        return np.array([[float(label == str(level)) for level in factor.levels.labels] for label in labels])
    columns = factor.name[3:-1].split("+")
    weights = np.ones((len(frame), 2))
    if "u" in factor_weights(frame, factor):
        weights = frame[["u", "v"]].to_numpy()
    weights = weights / weights.sum(axis=1, keepdims=True)
    out = np.zeros((len(frame), factor.n_levels))
    for i in range(len(frame)):
        for k, column in enumerate(columns):
            if weights[i, k] > 0:
                out[i, list(factor.levels.labels).index(frame[column][i])] += weights[i, k]
    return out


def factor_weights(frame, factor):
    return members_of(frame.attrs["spec"].groups, factor.name).weights


def problem(formula, shape):
    frame = table(*SHAPES[shape])
    spec = ModelSpec.from_formula(formula)
    frame.attrs["spec"] = spec
    design = build_design(spec, frame)
    priors = resolve_priors(design)
    return frame, design, priors


def dense_z(frame, design):
    """Z of every factor, the effects of a level side by side, (rows, levels x effects)."""
    wide = []
    for factor in design.factors:
        q = len(factor.names)
        own = np.column_stack([np.ones(len(frame)) if n == "Intercept" else frame[n] for n in factor.names])
        wide.append((shares(frame, factor)[:, :, None] * own[:, None, :]).reshape(len(frame), -1))
        assert wide[-1].shape[1] == factor.n_levels * q
    return wide


def covariances(marginal, theta):
    """Sigma of every factor on the scale of the data, and the residual sd."""
    _, sd, cholesky, sigma, *_ = unpack_many(lend(marginal.layout), theta[None])
    found = {}
    for place, f in enumerate(marginal.arrangement.order):
        q = len(marginal.design.factors[f].names)
        half = marginal.units.factors[f].to_data @ (sd[0, place, :q, None] * cholesky[0, place, :q, :q])
        found[f] = half @ half.T * marginal.units.unit**2
    return found, float(sigma[0]) * marginal.units.residual


def dense_log_likelihood(frame, design, marginal, theta, beta_mean, beta_covariance):
    sigmas, sigma = covariances(marginal, theta)
    x = np.column_stack([np.ones(len(frame)), frame["x"]])
    weights = np.ones(len(frame)) if design.precision is None else frame["p"].to_numpy()
    v = np.diag(sigma**2 / weights) + x @ beta_covariance @ x.T
    for f, z in enumerate(dense_z(frame, design)):
        v += z @ np.kron(np.eye(design.factors[f].n_levels), sigmas[f]) @ z.T
    return stats.multivariate_normal(x @ beta_mean, v).logpdf(frame["y"])


def prior_of_beta(design, priors, frame):
    """Mean and covariance of intercept at zero and slope, from independent normal priors at the mean of x."""
    stated = [priors[f"beta[{coef}]"].arguments for coef in ("Intercept", "x")]
    mean, sd = [one["mu"] for one in stated], [one["sigma"] for one in stated]
    turn = np.array([[1.0, -frame["x"].mean()], [0.0, 1.0]])
    return turn @ np.array(mean), turn @ np.diag(np.square(sd)) @ turn.T


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("formula", FORMULAS)
def test_log_likelihood_is_that_of_a_dense_normal(formula, shape):
    frame, design, priors = problem(formula, shape)
    marginal = build_marginal(design, priors)
    rng = np.random.default_rng(3)
    prior = prior_of_beta(design, priors, frame)
    differences = []
    for theta in rng.normal(0, 0.7, (3, marginal.size)):
        ours = evaluate_likelihood_gradient(
            marginal.arrangement.density, marginal.layout, marginal.normals, theta[None], np.zeros(marginal.size)
        )
        dense = dense_log_likelihood(frame, design, marginal, theta, *prior)
        differences.append((ours + marginal.log_constant - dense) / max(1, abs(dense)))
    assert np.abs(differences).max() < 1e-9


@pytest.mark.parametrize("formula", FORMULAS)
def test_gradient_is_that_of_differences(formula):
    _, design, priors = problem(formula, "few levels")
    marginal = build_marginal(design, priors)
    theta = np.random.default_rng(4).normal(0, 0.4, marginal.size)
    value, gradient = marginal.gradient(theta)
    assert value == pytest.approx(marginal.log_density(theta), abs=1e-10)
    step = 1e-5
    by_difference = [
        (marginal.log_density(theta + step * e) - marginal.log_density(theta - step * e)) / (2 * step)
        for e in np.eye(marginal.size)
    ]
    assert gradient == pytest.approx(np.array(by_difference), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("formula", FORMULAS)
def test_effects_given_theta_have_the_mean_and_covariance_of_the_dense_normal(formula):
    frame, design, priors = problem(formula, "few levels")
    marginal = build_marginal(design, priors)
    theta = np.full(marginal.size, -0.2)
    draws = recover(marginal, np.tile(theta, (4000, 1)), np.random.SeedSequence(1))
    sigmas, sigma = covariances(marginal, theta)
    z = dense_z(frame, design)
    wide = np.concatenate([*z, np.column_stack([np.ones(len(frame)), frame["x"]])], axis=1)
    mean, covariance = prior_of_beta(design, priors, frame)
    blocks = [np.kron(np.eye(f.n_levels), sigmas[k]) for k, f in enumerate(design.factors)]
    prior = linalg.block_diag(*blocks, covariance)
    start = np.concatenate([np.zeros(len(prior) - 2), mean])
    weights = np.ones(len(frame)) if design.precision is None else frame["p"].to_numpy()
    v = wide @ prior @ wide.T + np.diag(sigma**2 / weights)
    gain = np.linalg.solve(v, wide @ prior).T
    expected = start + gain @ (frame["y"].to_numpy() - wide @ start)
    spread = np.sqrt(np.diagonal(prior - gain @ wide @ prior))
    drawn = np.concatenate([*(b.reshape(4000, -1) for b in draws.b), draws.beta], axis=1)
    error = (drawn.mean(axis=0) - expected) / (spread / np.sqrt(4000))
    assert np.abs(error).max() < 5
    assert drawn.std(axis=0) / spread == pytest.approx(np.ones(len(spread)), abs=5 / np.sqrt(2 * 4000))


def test_moments_of_chunks_add_up():
    _, design, _ = problem(FORMULAS[5], "few levels")
    units = choose_units(design)
    whole = collect_moments(design, units)
    parts = collect_moments(design, units, slice(0, 31)) + collect_moments(design, units, slice(31, None))
    f = [factor.has_members for factor in design.factors].index(True)
    for one, other in zip([whole.own[f], whole.common], [parts.own[f], parts.common], strict=True):
        assert one == pytest.approx(other, rel=1e-12)
    one, other = whole.between_levels(f), parts.between_levels(f)
    assert np.array_equal(one.first, other.first)
    assert np.array_equal(one.second, other.second)
    assert one.values == pytest.approx(other.values, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("reml", [False, True])
@pytest.mark.parametrize("formula", [FORMULAS[0], FORMULAS[2], FORMULAS[5]])
def test_maximum_is_a_maximum_of_the_dense_likelihood(formula, reml):
    frame, design, _ = problem(formula, "few levels")
    found = pp.maximum_likelihood(formula, frame, reml=reml)
    z, x = dense_z(frame, design), np.column_stack([np.ones(len(frame)), frame["x"]])
    v = np.eye(len(frame)) * found.maximum.sigma**2
    for k, (sd, corr) in enumerate(zip(found.maximum.sd, found.maximum.corr, strict=True)):
        v += z[k] @ np.kron(np.eye(design.factors[k].n_levels), np.outer(sd, sd) * corr) @ z[k].T
    solved = np.linalg.solve(v, x)
    information = x.T @ solved
    beta = np.linalg.solve(information, solved.T @ frame["y"])
    value = stats.multivariate_normal(x @ beta, v).logpdf(frame["y"])
    if reml:
        value += np.log(2 * np.pi) - np.linalg.slogdet(information)[1] / 2
    assert found.log_likelihood == pytest.approx(value, abs=1e-7)
    assert found.maximum.beta == pytest.approx(beta, rel=1e-6)
