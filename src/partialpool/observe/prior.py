"""Priors on arrays: log densities of draws, and draws from the priors themselves."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from scipy import special, stats

from partialpool.design.build import Design, FactorEffects
from partialpool.design.scaling import PriorSet
from partialpool.names import BETA, b_name, corr_name, sd_name
from partialpool.observe.links import LINKS
from partialpool.observe.predictor import Draws, Seed, sample_effects
from partialpool.spec.priors import Prior

__all__ = ["draw_parameters", "draw_prior", "frozen", "lkj_log_density", "log_prior_density", "sample_lkj"]


def _half_t(nu: float, sigma: float) -> Any:
    """The t distribution folded at 0, as the upper half doubled: scipy's `foldnorm` has no t."""
    return _Folded(stats.t(nu, 0, sigma))


class _Folded:
    """|X| for a distribution symmetric about 0."""

    def __init__(self, whole: Any) -> None:
        self._whole = whole

    def logpdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, np.log(2) + self._whole.logpdf(x), -np.inf)

    def pdf(self, x: np.ndarray) -> np.ndarray:
        return np.exp(self.logpdf(x))

    def cdf(self, x: np.ndarray) -> np.ndarray:
        return np.where(x >= 0, 2 * self._whole.cdf(x) - 1, 0.0)

    def ppf(self, q: np.ndarray) -> np.ndarray:
        return self._whole.ppf((1 + np.asarray(q)) / 2)

    def rvs(self, size: int, random_state: np.random.Generator) -> np.ndarray:
        return np.abs(self._whole.rvs(size=size, random_state=random_state))


_FROZEN: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {
        "Normal": lambda mu, sigma: stats.norm(mu, sigma),
        "StudentT": lambda nu, mu, sigma: stats.t(nu, mu, sigma),
        "Cauchy": lambda alpha, beta: stats.cauchy(alpha, beta),
        "Laplace": lambda mu, b: stats.laplace(mu, b),
        "Logistic": lambda mu, s: stats.logistic(mu, s),
        "Uniform": lambda lower, upper: stats.uniform(lower, upper - lower),
        "HalfNormal": lambda sigma: stats.halfnorm(0, sigma),
        "HalfStudentT": _half_t,
        "HalfCauchy": lambda beta: stats.halfcauchy(0, beta),
        "Exponential": lambda lam: stats.expon(0, 1 / lam),
        "Gamma": lambda alpha, beta: stats.gamma(alpha, 0, 1 / beta),
        "InverseGamma": lambda alpha, beta: stats.invgamma(alpha, 0, beta),
        "LogNormal": lambda mu, sigma: stats.lognorm(sigma, 0, np.exp(mu)),
        "Weibull": lambda alpha, beta: stats.weibull_min(alpha, 0, beta),
    }
)


def frozen(prior: Prior) -> Any:
    """Return the SciPy distribution of a scalar prior."""
    return _FROZEN[prior.distribution](**prior.arguments)


def sample_lkj(n: int, eta: float, size: int, rng: np.random.Generator) -> np.ndarray:
    """Draw Cholesky factors of LKJ(eta) correlation matrices, shape (size, n, n).

    The C-vine of `pymc_model/covariance.py`, on arrays.
    """
    factor = np.zeros((size, n, n))
    factor[:, 0, 0] = 1.0
    for i in range(1, n):
        left = np.ones(size)
        for j in range(i):
            concentration = eta + (n - 2 - j) / 2
            partial = 2 * rng.beta(concentration, concentration, size) - 1
            factor[:, i, j] = partial * np.sqrt(left)
            left = left * (1 - partial**2)
        factor[:, i, i] = np.sqrt(left)
    return factor


def lkj_log_density(corr: np.ndarray, eta: float) -> np.ndarray:
    """Evaluate the LKJ(eta) density of correlation matrices (..., n, n), normalised.

    log p(R) = (eta - 1) log |R| - sum_(k=1)^(n-1) (n - k) [ (2 eta - 2 + n - k) log 2 + log B(a_k, a_k) ],
    a_k = eta + (n - k - 1) / 2 (Lewandowski, Kurowicka & Joe 2009, eq. 16).
    """
    n = corr.shape[-1]
    k = np.arange(1, n)
    a = eta + (n - k - 1) / 2
    log_constant = np.sum((n - k) * ((2 * eta - 2 + n - k) * np.log(2) + special.betaln(a, a)))
    return (eta - 1) * np.linalg.slogdet(corr)[1] - log_constant


def log_prior_density(design: Design, priors: PriorSet, draws: Draws) -> dict[str, np.ndarray]:
    """Evaluate the log density of every top-level prior at each draw.

    Densities are of the parameters on the original scale (correlation matrices for `corr_<f>`, the
    intercept at the predictors' means), never of z or b: the result does not depend on engine or parametrization.

    Returns
    -------
    dict
        `beta` (draws, coefs), `sd_<f>` (draws, effects), `corr_<f>` (draws,), and the family's
        parameters (draws,).
    """
    out: dict[str, np.ndarray] = {}
    if design.common.coefs:
        out[BETA] = _elementwise(priors, BETA, design.common.coefs, _centred_beta(design, draws[BETA]))
    for factor in design.factors:
        name = sd_name(factor.name)
        out[name] = _elementwise(priors, name, factor.names, draws[name])
        if factor.correlated:
            eta = priors[corr_name(factor.name)].arguments["eta"]
            matrices = [draws[corr_name(factor.name)][:, list(b)][:, :, list(b)] for b in factor.blocks if len(b) > 1]
            out[corr_name(factor.name)] = np.sum([lkj_log_density(matrix, eta) for matrix in matrices], axis=0)
    for name, _ in design.spec.family_record.parameters:
        if name == "cutpoints":
            out[name] = _cutpoints_density(design, priors[name], draws)
        elif name in priors:
            out[name] = frozen(priors[name]).logpdf(draws[name])
    return out


def draw_prior(design: Design, priors: PriorSet, size: int, *, seed: Seed) -> dict[str, np.ndarray]:
    """Draw every posterior variable from the prior, each of shape (size, ...)."""
    rng = np.random.default_rng(seed)
    out = draw_parameters(design, priors, size, seed=rng)
    return out | {b_name(f.name): sample_effects(f, out, f.n_levels, rng) for f in design.factors}


def draw_parameters(design: Design, priors: PriorSet, size: int, *, seed: Seed) -> dict[str, np.ndarray]:
    """Draw every top-level parameter, all but the group effects, from the prior, each of shape (size, ...)."""
    rng = np.random.default_rng(seed)
    out: dict[str, np.ndarray] = {}
    common = design.common
    if common.coefs:
        centred = np.stack([_rvs(priors[f"{BETA}[{c}]"], size, rng) for c in common.coefs], axis=1)
        out[BETA] = centred
        if common.intercept:
            out[BETA] = np.column_stack([centred[:, 0] - centred[:, 1:] @ common.center, centred[:, 1:]])
    for factor in design.factors:
        out |= _draw_covariance(factor, priors, size, rng)
    for name, _ in design.spec.family_record.parameters:
        if name == "cutpoints":
            concentration = np.full(len(design.response.categories), priors[name].arguments["a"])
            below = np.cumsum(rng.dirichlet(concentration, size), axis=1)[:, :-1]
            out[name] = LINKS[design.spec.link](np.clip(below, 1e-15, 1 - 1e-15)) + _shift(design, out)[:, None]
        elif name in priors:
            out[name] = _rvs(priors[name], size, rng)
    return out


def _draw_covariance(
    factor: FactorEffects, priors: PriorSet, size: int, rng: np.random.Generator
) -> dict[str, np.ndarray]:
    n, name = len(factor.names), sd_name(factor.name)
    sd = np.stack([_rvs(priors[f"{name}[{e}]"], size, rng) for e in factor.names], axis=1)
    cholesky = np.broadcast_to(np.eye(n), (size, n, n)).copy()
    out = {name: sd}
    if factor.correlated:
        eta = priors[corr_name(factor.name)].arguments["eta"]
        for block in (list(b) for b in factor.blocks if len(b) > 1):
            cholesky[np.ix_(range(size), block, block)] = sample_lkj(len(block), eta, size, rng)
        out[corr_name(factor.name)] = cholesky @ cholesky.transpose(0, 2, 1)
    return out


def _rvs(prior: Prior, size: int, rng: np.random.Generator) -> np.ndarray:
    return np.asarray(frozen(prior).rvs(size=size, random_state=rng))


def _shift(design: Design, draws: Draws) -> np.ndarray:
    """X-bar beta: what parts the intercept at the predictors' means from the intercept at zero, shape (draws,)."""
    if not design.common.names:
        return np.zeros(len(next(iter(draws.values())))) if draws else np.zeros(1)
    slopes = draws[BETA][:, 1 if design.common.intercept else 0 :]
    return slopes @ design.common.center


def _centred_beta(design: Design, beta: np.ndarray) -> np.ndarray:
    if not design.common.intercept:
        return beta
    return np.column_stack([beta[:, 0] + _shift(design, {BETA: beta}), beta[:, 1:]])


def _elementwise(priors: PriorSet, name: str, labels: tuple[str, ...], values: np.ndarray) -> np.ndarray:
    columns = [frozen(priors[f"{name}[{label}]"]).logpdf(values[:, i]) for i, label in enumerate(labels)]
    return np.stack(columns, axis=1)


def _cutpoints_density(design: Design, prior: Prior, draws: Draws) -> np.ndarray:
    """Density of the cutpoints that the Dirichlet on category probabilities implies, Jacobian included.

    p_k = F(c_k) - F(c_(k-1)) is triangular in c, so log |dp/dc| = sum_k log f(c_k), f = F'.
    """
    centred = draws["cutpoints"] - _shift(design, draws)[:, None]
    cdf, log_pdf = _CUTPOINT_CURVES[design.spec.link]
    edges = np.concatenate([np.zeros((len(centred), 1)), cdf(centred), np.ones((len(centred), 1))], axis=1)
    p = np.clip(np.diff(edges, axis=1), 1e-300, None)
    a, n = prior.arguments["a"], p.shape[1]
    dirichlet = (a - 1) * np.log(p).sum(axis=1) + special.gammaln(n * a) - n * special.gammaln(a)
    return dirichlet + log_pdf(centred).sum(axis=1)


_Curve = Callable[[np.ndarray], np.ndarray]
_CUTPOINT_CURVES: Final[Mapping[str, tuple[_Curve, _Curve]]] = MappingProxyType(
    {
        "logit": (special.expit, lambda c: special.log_expit(c) + special.log_expit(-c)),
        "probit": (special.ndtr, lambda c: stats.norm.logpdf(c)),
        "cloglog": (lambda c: -np.expm1(-np.exp(c)), lambda c: c - np.exp(c)),
    }
)
