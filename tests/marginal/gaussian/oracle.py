"""The slow, direct computation: N(y; X m, X S X' + Z Sigma Z' + sigma^2 I) by dense matrices, on the data's scale."""

import itertools

import numpy as np
import pandas as pd
from scipy import linalg

from partialpool.design.build import build_design
from partialpool.distributions.density_kernel import INTERVAL, LOG
from partialpool.distributions.frozen import frozen
from partialpool.lent_record import lend
from partialpool.marginal.gaussian.marginal import build_marginal
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.default_priors import resolve_priors
from partialpool.spec.model import ModelSpec

FACTORS = {
    "one": ["a"],
    "nested": ["outer", "outer:inner"],
    "crossed": ["a", "c"],
    "three": ["outer", "outer:inner", "c"],
}
EFFECTS = {
    "intercept": "(1 | {f})",
    "correlated": "(x | {f})",
    "independent": "(x || {f})",
    "three effects": "(x + w | {f})",
    "two blocks": "(x | {f}) + (0 + w + v | {f})",
}
SHAPES = ("balanced", "unbalanced", "single rows")


def table(shape, seed=0):
    """Rows with factors a, c (crossed), inner within outer; predictors x, w, v on different scales."""
    rng = np.random.default_rng(seed)
    if shape == "balanced":
        a, c, copy = np.array(list(itertools.product(range(6), range(4), range(3)))).T
    else:
        n = 70
        weights = np.array([20, 12, 8, 4, 2, 1])
        a = rng.choice(6, n, p=weights / weights.sum())
        a[:6], c = range(6), rng.integers(0, 4, n)
        copy = rng.integers(0, 3, n)
    if shape == "single rows":
        a = np.where(np.arange(len(a)) < 12, np.arange(len(a)) + 10, a)
    n = len(a)
    x = np.tile(np.linspace(-1, 3, 3), n)[:n] if shape == "balanced" else rng.normal(2, 1.5, n)
    frame = pd.DataFrame(
        {
            "a": a,
            "c": c,
            "outer": c,
            "inner": np.where(copy == 2, copy, a % 3),
            "x": x,
            "w": rng.normal(0, 30, n),
            "v": rng.normal(-1, 0.2, n),
            "s": rng.uniform(0.5, 2, n),
        }
    )
    frame["y"] = 50 + 3 * x + rng.normal(0, 2, 40)[a] + rng.normal(0, 1, 4)[c] + rng.normal(0, 1.5, n)
    return frame


def problem(formula, frame, branch_from=40, **options):
    design = build_design(ModelSpec.from_formula(formula, **options), frame)
    priors = resolve_priors(design)
    return design, priors, build_marginal(design, priors, branch_from=branch_from)


def parameters(marginal, theta):
    """theta on the scale of the data: Sigma per factor of the design, sigma, kept coefficients by name."""
    units = marginal.units
    _, sd, corr, (residual,), kept, *_ = unpack_many(lend(marginal.layout), theta[None])
    sigma = {}
    for place, f in enumerate(marginal.arrangement.order):
        factor = marginal.design.factors[f]
        q = len(factor.names)
        half = to_zero(factor) @ ((sd[0, place, :q] * effect_units(marginal, f))[:, None] * corr[0, place, :q, :q])
        sigma[f] = half @ half.T
    names = [c for c, inside in zip(marginal.design.common.coefs, marginal.integrated, strict=True) if not inside]
    scales = dict(zip(marginal.design.common.coefs, common_units(marginal), strict=True))
    return sigma, residual * units.residual, {c: v * scales[c] for c, v in zip(names, kept[0], strict=True)}


def to_zero(factor):
    """The map to effects at zero from those at the predictors' means, if no column is a power or an interaction."""
    turn = np.eye(len(factor.names))
    for block in (list(b) for b in factor.blocks if "Intercept" in [factor.names[i] for i in b]):
        first = factor.names.index("Intercept")
        for place in (i for i in block if i != first):
            turn[first, place] = -factor.values[:, place].mean()
    return turn


def effect_units(marginal, f):
    """The size of theta's unit of each sd on the scale of the data, (effects,)."""
    factor = marginal.design.factors[f]
    square = factor.values**2 if "Intercept" not in factor.names else (factor.values - factor.values.mean(axis=0)) ** 2
    size = np.where(np.ptp(factor.values, axis=0) == 0, 1.0, np.sqrt(square.mean(axis=0)))
    return marginal.units.unit / size


def common_units(marginal):
    """The size of theta's unit of each coefficient on the scale of the data, (coefs,)."""
    scales = [*([1.0] if marginal.design.common.intercept else []), *marginal.design.common.scale]
    return [marginal.units.unit / s for s in scales]


def dense_effects(design):
    """Each factor's Z as a dense (rows, levels x effects) matrix."""
    out = []
    for factor in design.factors:
        n, q = factor.values.shape
        z = np.zeros((n, factor.n_levels, q))
        z[np.arange(n), factor.codes] = factor.values
        out.append(z.reshape(n, -1))
    return out


def joint(design, priors, marginal, theta):
    """W, prior mean and covariance of (b of every factor, beta centred), noise variance, y minus its known part."""
    sigmas, sigma, kept = parameters(marginal, theta)
    common, n = design.common, design.n_rows
    y = np.log(design.response.values) if design.spec.family == "lognormal" else design.response.values
    known = np.zeros(n) if design.offset is None else design.offset.copy()
    x = np.column_stack([*([np.ones(n)] if common.intercept else []), common.values - common.center]).reshape(n, -1)
    blocks = [np.kron(np.eye(f.n_levels), sigmas[i]) for i, f in enumerate(design.factors)]
    columns, mean = dense_effects(design), [np.zeros(len(b)) for b in blocks]
    prior_mean, prior_cov = coefficient_prior_at(design, priors, x)
    for i, coef in enumerate(common.coefs):
        if not marginal.integrated[i]:
            known = known + x[:, i] * kept[coef]
    inside = np.flatnonzero(marginal.integrated)
    columns.append(x[:, inside])
    mean.append(prior_mean[inside])
    blocks.append(prior_cov[np.ix_(inside, inside)])
    noise = sigma**2 / (1 if design.precision is None else design.precision) if design.se is None else design.se**2
    noise = np.broadcast_to(noise, n)
    w = np.concatenate([np.zeros((n, 0)), *columns], axis=1)
    return w, np.concatenate([np.zeros(0), *mean]), linalg.block_diag(*blocks), noise, y - known


def coefficient_prior_at(design, priors, x):
    """Mean and covariance of the coefficients of X (rows, coefs) that have normal priors; NaN for others."""
    coefs, n = design.common.coefs, design.n_rows
    mean, cov = np.full(len(coefs), np.nan), np.zeros((len(coefs), len(coefs)))
    for i, coef in enumerate(coefs):
        if coef not in priors.together and priors[f"beta[{coef}]"].distribution == "Normal":
            arguments = priors[f"beta[{coef}]"].arguments
            mean[i], cov[i, i] = arguments["mu"], arguments["sigma"] ** 2
    together = [coefs.index(coef) for coef in priors.together]
    if together:
        own, arguments = x[:, together], priors["beta"].arguments
        mean[together] = arguments["mu"] * np.linalg.lstsq(own, np.ones(n), rcond=None)[0]
        cov[np.ix_(together, together)] = arguments["sigma"] ** 2 * np.linalg.inv(own.T @ own / n)
    return mean, cov


def log_likelihood(design, priors, marginal, theta):
    """log p(y | theta), by the definition."""
    w, mean, cov, noise, y = joint(design, priors, marginal, theta)
    v = w @ cov @ w.T + np.diag(noise)
    half = np.linalg.cholesky(v)
    e = linalg.solve_triangular(half, y - w @ mean, lower=True)
    value = -0.5 * (len(y) * np.log(2 * np.pi) + 2 * np.log(np.diagonal(half)).sum() + e @ e)
    return value - np.log(design.response.values).sum() if design.spec.family == "lognormal" else value


def stable_log_likelihood(design, priors, marginal, theta):
    """log p(y | theta) where V is too ill-conditioned for its definition: by QR of [W Lambda / sigma; I].

    min_u |r - W Lambda u|^2 / sigma^2 + |u|^2 = r' V^-1 r and |V| = sigma^2n |R|^2.
    """
    w, mean, cov, noise, y = joint(design, priors, marginal, theta)
    values, axes = np.linalg.eigh(cov)
    half = axes * np.sqrt(np.maximum(values, 0))
    weight = 1 / np.sqrt(noise)
    stacked = np.concatenate([weight[:, None] * (w @ half), np.eye(len(cov))])
    right = np.concatenate([weight * (y - w @ mean), np.zeros(len(cov))])
    q, r = np.linalg.qr(stacked)
    residual = right - q @ (q.T @ right)
    log_det = np.log(noise).sum() + 2 * np.log(np.abs(np.diagonal(r))).sum()
    return -0.5 * (len(y) * np.log(2 * np.pi) + log_det + residual @ residual)


def log_prior(design, priors, marginal, theta):
    """Log prior density of theta on the real line, by SciPy, in the units of theta."""
    total = 0.0
    units = dict(zip(design.common.coefs, common_units(marginal), strict=True))
    for x, name in zip(theta, marginal.elements, strict=True):
        i = marginal.elements.index(name)
        kind, _, label = name.partition("[")
        if kind.startswith("corr_"):
            factor = next(f for f in design.factors if f"corr_{f.name}" == kind)
            concentration = marginal.layout.arguments[i, 2]
            p = (np.tanh(x) + 1) / 2
            from scipy.stats import beta

            total += beta(concentration, concentration).logpdf(p) + np.log((1 - np.tanh(x) ** 2) / 2)
            assert factor.correlated
            continue
        if kind == "sigma":
            unit = marginal.units.residual
        elif kind == "beta":
            unit = units[label[:-1]]
        else:
            f = next(k for k, f in enumerate(design.factors) if f"sd_{f.name}" == kind)
            unit = effect_units(marginal, f)[design.factors[f].names.index(label[:-1])]
        prior = priors[name]
        coordinate = marginal.layout.coordinates[i]
        if coordinate == LOG:
            total += frozen(prior).logpdf(np.exp(x) * unit) + np.log(unit) + x
        elif coordinate == INTERVAL:
            low, high = prior.arguments["lower"], prior.arguments["upper"]
            s = 1 / (1 + np.exp(-x))
            total += frozen(prior).logpdf(low + (high - low) * s) + np.log((high - low) * s * (1 - s))
        else:
            total += frozen(prior).logpdf(x * unit) + np.log(unit)
    return float(total)
