"""Log densities of the prior distributions, with their slopes, compiled; and the coordinates they are sampled in.

A theta lives on the real line: a positive parameter as its logarithm, one between bounds as the logit of its place
between them. Each density comes normalised, so that evidence needs no constants put back.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.special import betaln, gammaln

from partialpool.distributions.prior import DISTRIBUTIONS, Prior
from partialpool.kernels import part

__all__ = ["IDENTITY", "INTERVAL", "JOINT", "LOG", "encode", "encode_partial", "log_density", "place"]

IDENTITY: Final = 0
LOG: Final = 1
INTERVAL: Final = 2

_KINDS: Final[Mapping[str, int]] = MappingProxyType(
    {
        name: number
        for number, name in enumerate(
            (
                "Normal",
                "StudentT",
                "Cauchy",
                "Laplace",
                "Logistic",
                "Uniform",
                "HalfNormal",
                "HalfStudentT",
                "HalfCauchy",
                "Exponential",
                "Gamma",
                "InverseGamma",
                "LogNormal",
                "Weibull",
                "LKJ",
                "joint",
            )
        )
    }
)
_HALF_LOG_2PI: Final = 0.5 * np.log(2 * np.pi)


def encode(prior: Prior) -> tuple[int, int, np.ndarray]:
    """Return a prior's number, its coordinate, and its (location, scale or rate, shape, log constant)."""
    prior = prior.standard
    a = prior.arguments
    name = prior.distribution
    coordinate = INTERVAL if name == "Uniform" else LOG if DISTRIBUTIONS[name].support == "positive" else IDENTITY
    return _KINDS[name], coordinate, np.array(_CONSTANTS[name](**a), float)


def encode_partial(concentration: float) -> tuple[int, int, np.ndarray]:
    """Return the code of a partial correlation z with (z + 1) / 2 ~ Beta(a, a), sampled as atanh(z)."""
    constant = -(2 * concentration - 1) * np.log(2.0) - betaln(concentration, concentration)
    return _KINDS["LKJ"], IDENTITY, np.array([0.0, 1.0, concentration, constant])


JOINT: Final = (_KINDS["joint"], LOG, np.array([0.0, 1.0, 0.0, 0.0]))
"""Code of a positive parameter whose prior is a part of a joint one: nothing of its own."""


def _t_constant(nu: float, sigma: float) -> float:
    return float(gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log(nu * np.pi) - np.log(sigma))


_CONSTANTS: Final[Mapping[str, Callable[..., tuple[float, ...]]]] = MappingProxyType(
    {
        "Normal": lambda mu, sigma: (mu, sigma, 0, -_HALF_LOG_2PI - np.log(sigma)),
        "StudentT": lambda nu, mu, sigma: (mu, sigma, nu, _t_constant(nu, sigma)),
        "Cauchy": lambda alpha, beta: (alpha, beta, 0, -np.log(np.pi * beta)),
        "Laplace": lambda mu, b: (mu, b, 0, -np.log(2 * b)),
        "Logistic": lambda mu, s: (mu, s, 0, -np.log(s)),
        "Uniform": lambda lower, upper: (lower, upper - lower, 0, -np.log(upper - lower)),
        "HalfNormal": lambda sigma: (0, sigma, 0, np.log(2) - _HALF_LOG_2PI - np.log(sigma)),
        "HalfStudentT": lambda nu, sigma: (0, sigma, nu, np.log(2) + _t_constant(nu, sigma)),
        "HalfCauchy": lambda beta: (0, beta, 0, np.log(2) - np.log(np.pi * beta)),
        "Exponential": lambda lam: (0, lam, 0, np.log(lam)),
        "Gamma": lambda alpha, beta: (0, beta, alpha, alpha * np.log(beta) - gammaln(alpha)),
        "InverseGamma": lambda alpha, beta: (0, beta, alpha, alpha * np.log(beta) - gammaln(alpha)),
        "LogNormal": lambda mu, sigma: (mu, sigma, 0, -_HALF_LOG_2PI - np.log(sigma)),
        "Weibull": lambda alpha, beta: (0, beta, alpha, np.log(alpha) - np.log(beta)),
    }
)


@part
def place(coordinate: int, arguments: np.ndarray, of: int, x: float) -> tuple[float, float, float, float]:
    """Map x on the real line to the parameter v; its prior is described by row `of` of arguments.

    Returns
    -------
    float, float, float, float
        v, dv/dx, log |dv/dx| and its derivative.
    """
    if coordinate == LOG:
        v = np.exp(x)
        return v, v, x, 1.0
    if coordinate == INTERVAL:
        s = 1.0 / (1.0 + np.exp(-x))
        slope = arguments[of, 1] * s * (1.0 - s)
        log_slope = np.log(arguments[of, 1]) - np.abs(x) - 2.0 * np.log1p(np.exp(-np.abs(x)))
        return arguments[of, 0] + arguments[of, 1] * s, slope, log_slope, 1.0 - 2.0 * s
    return x, 1.0, 0.0, 0.0


@part
def log_density(kind: int, arguments: np.ndarray, of: int, v: float) -> tuple[float, float]:
    """Evaluate log p(v) and d log p / dv; for a partial correlation, of x = atanh(v), Jacobian included."""
    location, scale, shape, constant = arguments[of, 0], arguments[of, 1], arguments[of, 2], arguments[of, 3]
    if kind in (0, 6):  # Normal, HalfNormal
        e = (v - location) / scale
        return constant - 0.5 * e * e, -e / scale
    if kind in (1, 7):  # StudentT, HalfStudentT
        e = (v - location) / scale
        return (
            constant - 0.5 * (shape + 1.0) * np.log1p(e * e / shape),
            -(shape + 1.0) * e / (scale * (shape + e * e)),
        )
    if kind in (2, 8):  # Cauchy, HalfCauchy
        e = (v - location) / scale
        return constant - np.log1p(e * e), -2.0 * e / (scale * (1.0 + e * e))
    if kind == 3:  # Laplace
        e = (v - location) / scale
        return constant - np.abs(e), -np.sign(e) / scale
    if kind == 4:  # Logistic
        e = np.abs(v - location) / scale
        t = np.exp(-e)
        return constant - e - 2.0 * np.log1p(t), -np.sign(v - location) * (1.0 - t) / (1.0 + t) / scale
    if kind == 5:  # Uniform; its coordinate keeps v between the bounds
        return constant, 0.0
    if kind == 9:  # Exponential
        return constant - scale * v, -scale
    if kind == 10:  # Gamma
        return constant + (shape - 1.0) * np.log(v) - scale * v, (shape - 1.0) / v - scale
    if kind == 11:  # InverseGamma
        return constant - (shape + 1.0) * np.log(v) - scale / v, -(shape + 1.0) / v + scale / (v * v)
    if kind == 12:  # LogNormal
        e = (np.log(v) - location) / scale
        return constant - 0.5 * e * e - np.log(v), -(e / scale + 1.0) / v
    if kind == 13:  # Weibull
        r = (v / scale) ** shape
        return constant + (shape - 1.0) * np.log(v / scale) - r, ((shape - 1.0) - shape * r) / v
    if kind == 15:  # a part of a joint prior
        return 0.0, 0.0
    # A partial correlation: (1 - tanh(x)^2)^a.
    log_cosh = np.abs(v) + np.log1p(np.exp(-2.0 * np.abs(v))) - np.log(2.0)
    return constant - 2.0 * shape * log_cosh, -2.0 * shape * np.tanh(v)
