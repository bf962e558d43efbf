"""Density, tails and replicates of the response, per family: the NumPy side of `pymc_model/likelihood.py`.

Every function takes the linear predictor eta, shape (draws, rows), and the family's parameters, each of shape
(draws, 1) (cutpoints: (draws, K - 1)), and gives an array of shape (draws, rows).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy import special, stats

from partialpool.design.build import Design
from partialpool.design.newdata import Rows
from partialpool.families.links import INVERSE_LINKS
from partialpool.model.predictor import Draws, Seed

__all__ = ["RESPONSES", "log_density", "log_density_of", "replicate", "tail_probabilities"]


_LARGE_COUNT: Final = 1e12


@dataclass(frozen=True)
class _Response:
    """One family: log density of y, P(new < y) and P(new > y), and random y.

    Both tails, since 1 - P has no digits left far out.
    """

    log_density: Callable[["_Given", np.ndarray], np.ndarray]
    tails: Callable[["_Given", np.ndarray], tuple[np.ndarray, np.ndarray]]
    replicate: Callable[["_Given", np.random.Generator], np.ndarray]


@dataclass(frozen=True, eq=False)
class _Given:
    """What a response is conditional on."""

    link: str
    eta: np.ndarray
    parameters: Mapping[str, np.ndarray]
    trials: np.ndarray | None
    se: np.ndarray | None

    @property
    def mean(self) -> np.ndarray:
        return INVERSE_LINKS[self.link](self.eta)

    @property
    def inner_mean(self) -> np.ndarray:
        """A proportion's mean, off the ends to which it may round."""
        return np.clip(self.mean, np.finfo(float).eps, 1 - np.finfo(float).eps)

    @property
    def sigma(self) -> np.ndarray:
        return self.parameters["sigma"] if self.se is None else self.se

    @property
    def nu(self) -> np.ndarray:
        return self.parameters["nu"]

    @property
    def alpha(self) -> np.ndarray:
        return self.parameters["alpha"]

    @property
    def phi(self) -> np.ndarray:
        return self.parameters["phi"]


def log_density(design: Design, rows: Rows, eta: np.ndarray, draws: Draws) -> np.ndarray:
    """Evaluate log p(y | eta, parameters) of the design's own rows, shape (draws, rows)."""
    return log_density_of(design.response.values, design, rows, eta, draws)


def log_density_of(y: np.ndarray, design: Design, rows: Rows, eta: np.ndarray, draws: Draws) -> np.ndarray:
    """Evaluate log p(y | eta, parameters) of given responses y, (rows,), shape (draws, rows)."""
    return RESPONSES[design.spec.family].log_density(_given(design, rows, eta, draws), y)


def tail_probabilities(
    design: Design, rows: Rows, eta: np.ndarray, draws: Draws
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Evaluate P(new < y), P(new = y) and P(new > y) given eta and parameters, of the design's own rows.

    Returns
    -------
    tuple of numpy.ndarray
        Each (draws, rows); the middle one is 0 for responses on a continuous scale.
    """
    given, y, response = _given(design, rows, eta, draws), design.response.values, RESPONSES[design.spec.family]
    below, above = response.tails(given, y)
    if design.spec.family_record.is_continuous:
        return below, np.zeros_like(below), above
    return below, np.exp(response.log_density(given, y)), above


def replicate(design: Design, rows: Rows, eta: np.ndarray, draws: Draws, *, seed: Seed) -> np.ndarray:
    """Draw new responses, shape (draws, rows)."""
    return RESPONSES[design.spec.family].replicate(_given(design, rows, eta, draws), np.random.default_rng(seed))


def _given(design: Design, rows: Rows, eta: np.ndarray, draws: Draws) -> _Given:
    names = [name for name, _ in design.spec.family_record.parameters if name in draws]
    parameters = {name: draws[name].reshape(eta.shape[0], -1) for name in names}
    return _Given(design.spec.link, eta, parameters, rows.trials, rows.se)


def _category_edges(given: _Given) -> np.ndarray:
    """P(y <= k) at the edges of the categories, shape (draws, rows, K + 1)."""
    below = INVERSE_LINKS[given.link](given.parameters["cutpoints"][:, None, :] - given.eta[:, :, None])
    zero = np.zeros((*given.eta.shape, 1))
    return np.concatenate([zero, below, zero + 1], axis=2)


def _ordinal_log_density(given: _Given, y: np.ndarray) -> np.ndarray:
    p = np.diff(_category_edges(given), axis=2)
    chosen = np.take_along_axis(p, np.broadcast_to(y.astype(int)[None, :, None], (*given.eta.shape, 1)), axis=2)
    return np.log(np.clip(chosen[..., 0], 1e-300, None))


def _ordinal_replicate(given: _Given, rng: np.random.Generator) -> np.ndarray:
    u = rng.random(given.eta.shape)
    return (_category_edges(given)[:, :, 1:-1] < u[:, :, None]).sum(axis=2).astype(float)


# log P(success) and log P(failure) as functions of eta: a probability that rounds to 1 still has a logarithm.
_LOG_PROBABILITIES: Final[Mapping[str, tuple[Callable[..., np.ndarray], Callable[..., np.ndarray]]]] = MappingProxyType(
    {
        "logit": (special.log_expit, lambda eta: special.log_expit(-eta)),
        "probit": (special.log_ndtr, lambda eta: special.log_ndtr(-eta)),
        "cloglog": (lambda eta: _log_cloglog(eta), lambda eta: -np.exp(eta)),
    }
)


def _log_cloglog(eta: np.ndarray) -> np.ndarray:
    """Evaluate log(1 - exp(-exp(eta))): eta itself far below 0."""
    return np.where(eta < -30, eta, np.log(-np.expm1(-np.exp(np.maximum(eta, -30)))))


def _binary_log_density(given: _Given, y: np.ndarray) -> np.ndarray:
    success, failure = _LOG_PROBABILITIES[given.link]
    if given.link in ("logit", "probit"):  # symmetric links: a failure is a success at -eta
        return success(np.where(y == 1, 1.0, -1.0) * given.eta)
    return np.where(y == 1, success(given.eta), failure(given.eta))


def _binomial_log_density(given: _Given, y: np.ndarray) -> np.ndarray:
    n = np.asarray(given.trials)
    success, failure = _LOG_PROBABILITIES[given.link]
    choose = special.gammaln(n + 1) - special.gammaln(y + 1) - special.gammaln(n - y + 1)
    # 0 successes of a probability that rounds to 0 weigh nothing.
    one, other = np.where(y > 0, success(given.eta), 0.0), np.where(n > y, failure(given.eta), 0.0)
    return choose + y * one + (n - y) * other


def _poisson_log_density(given: _Given, y: np.ndarray) -> np.ndarray:
    mean = given.mean
    log_mean = given.eta if given.link == "log" else np.log(mean)
    # No count of a mean that rounds to 0 weighs nothing.
    return np.where(y > 0, y * log_mean, 0.0) - mean - special.gammaln(y + 1)


def _ordinal_tails(given: _Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    edges, failure = _category_edges(given), _LOG_PROBABILITIES[given.link][1]
    code = np.broadcast_to(y.astype(int)[None, :, None], (*given.eta.shape, 1))
    below = np.take_along_axis(edges, code, axis=2)[..., 0]
    # P(new > y) is a failure beyond y's own upper edge; nothing lies above the highest category.
    beyond = np.exp(failure(given.parameters["cutpoints"][:, None, :] - given.eta[:, :, None]))
    beyond = np.concatenate([beyond, np.zeros((*given.eta.shape, 1))], axis=2)
    return below, np.take_along_axis(beyond, code, axis=2)[..., 0]


def _binary_tails(given: _Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    success, failure = _LOG_PROBABILITIES[given.link]
    return np.where(y == 1, np.exp(failure(given.eta)), 0.0), np.where(y == 1, 0.0, np.exp(success(given.eta)))


def _binomial_tails(given: _Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(new < y) = I_q(n - y + 1, y) and P(new > y) = I_p(y + 1, n - y), regularised incomplete beta functions."""
    n, (success, failure) = np.asarray(given.trials), _LOG_PROBABILITIES[given.link]
    p, q = np.exp(success(given.eta)), np.exp(failure(given.eta))
    below = np.where(y > 0, special.betainc(n - y + 1, np.maximum(y, 1), q), 0.0)
    return below, np.where(y < n, special.betainc(y + 1, np.maximum(n - y, 1), p), 0.0)


def _poisson_tails(given: _Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """P(new < y) = Q(y, mean) and P(new > y) = P(y + 1, mean), regularised incomplete gamma functions."""
    below = np.where(y > 0, special.gammaincc(np.maximum(y, 1), given.mean), 0.0)
    return below, special.gammainc(y + 1, given.mean)


def _negative_binomial_tails(given: _Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As of a binomial, with q = alpha / (alpha + mean): I_q(alpha, y) and I_p(y + 1, alpha)."""
    total = given.alpha + given.mean
    below = np.where(y > 0, special.betainc(given.alpha, np.maximum(y, 1), given.alpha / total), 0.0)
    return below, special.betainc(y + 1, given.alpha, given.mean / total)


def _beta_tails(given: _Given, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    a, b = given.inner_mean * given.phi, (1 - given.inner_mean) * given.phi
    below = special.betainc(a, b, y)
    # The slowest function here: its complement is worked out only where the difference from 1 has lost digits.
    return below, special.betaincc(a, b, y, out=1 - below, where=below > 0.5)


def _symmetric_tails(cdf: Callable[[np.ndarray], np.ndarray], standard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return cdf(standard), cdf(-standard)


def _poisson_replicate(mean: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Draw counts as floats; beyond 1e12, where NumPy ends and the spread is one in a million, the mean itself."""
    return np.where(mean > _LARGE_COUNT, mean, rng.poisson(np.minimum(mean, _LARGE_COUNT)))


def _student_replicate(given: _Given, rng: np.random.Generator) -> np.ndarray:
    nu = np.broadcast_to(given.nu, given.eta.shape)
    return given.mean + given.sigma * rng.standard_t(nu)


RESPONSES: Final[Mapping[str, _Response]] = MappingProxyType(
    {
        "gaussian": _Response(
            lambda g, y: stats.norm.logpdf(y, g.mean, g.sigma),
            lambda g, y: _symmetric_tails(special.ndtr, (y - g.mean) / g.sigma),
            lambda g, rng: rng.normal(g.mean, g.sigma),
        ),
        "student_t": _Response(
            lambda g, y: stats.t.logpdf(y, g.nu, g.mean, g.sigma),
            lambda g, y: _symmetric_tails(lambda t: special.stdtr(g.nu, t), (y - g.mean) / g.sigma),
            _student_replicate,
        ),
        "lognormal": _Response(
            lambda g, y: stats.norm.logpdf(np.log(y), g.eta, g.sigma) - np.log(y),
            lambda g, y: _symmetric_tails(special.ndtr, (np.log(y) - g.eta) / g.sigma),
            lambda g, rng: rng.lognormal(g.eta, g.sigma),
        ),
        "bernoulli": _Response(
            _binary_log_density, _binary_tails, lambda g, rng: (rng.random(g.eta.shape) < g.mean).astype(float)
        ),
        "binomial": _Response(
            _binomial_log_density,
            _binomial_tails,
            lambda g, rng: rng.binomial(np.asarray(g.trials).astype(int), g.mean).astype(float),
        ),
        "poisson": _Response(
            _poisson_log_density,
            _poisson_tails,
            lambda g, rng: _poisson_replicate(g.mean, rng),
        ),
        "negative_binomial": _Response(
            lambda g, y: stats.nbinom.logpmf(y, g.alpha, g.alpha / (g.alpha + g.mean)),
            _negative_binomial_tails,
            lambda g, rng: _poisson_replicate(g.mean * rng.gamma(np.broadcast_to(g.alpha, g.eta.shape)) / g.alpha, rng),
        ),
        "gamma": _Response(
            lambda g, y: stats.gamma.logpdf(y, g.alpha, scale=g.mean / g.alpha),
            lambda g, y: (
                special.gammainc(g.alpha, g.alpha * y / g.mean),
                special.gammaincc(g.alpha, g.alpha * y / g.mean),
            ),
            lambda g, rng: rng.gamma(np.broadcast_to(g.alpha, g.eta.shape), g.mean / g.alpha),
        ),
        "beta": _Response(
            lambda g, y: stats.beta.logpdf(y, g.inner_mean * g.phi, (1 - g.inner_mean) * g.phi),
            _beta_tails,
            lambda g, rng: rng.beta(g.inner_mean * g.phi, (1 - g.inner_mean) * g.phi),
        ),
        "cumulative": _Response(_ordinal_log_density, _ordinal_tails, _ordinal_replicate),
    }
)
