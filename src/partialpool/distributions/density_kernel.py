"""Compiled log densities of the prior distributions and their derivatives, and the coordinates used for sampling.

Elements of theta are on the real line: a positive parameter is represented by its logarithm, a share by its logit, one
between bounds by the logit of its relative position. All densities are normalised, so that evidence needs no further
constants.
"""

from types import MappingProxyType
from typing import Final

import numpy as np
from scipy.special import betaln, expit, logit

from partialpool.distributions.distribution import (
    BETA,
    CAUCHY,
    EXPONENTIAL,
    GAMMA,
    INVERSE_GAMMA,
    JOINT,
    LAPLACE,
    LOG_NORMAL,
    LOGISTIC,
    NORMAL,
    PARTIAL_CORRELATION,
    STUDENT_T,
    UNIFORM,
    WEIBULL,
)
from partialpool.distributions.prior import Prior
from partialpool.distributions.table import DISTRIBUTIONS
from partialpool.kernels import part

__all__ = [
    "IDENTITY",
    "INTERVAL",
    "LOG",
    "PART_OF_JOINT",
    "SHARE",
    "encode",
    "encode_partial",
    "log_density",
    "place",
    "placed",
    "unplaced",
]

IDENTITY: Final = 0
LOG: Final = 1
INTERVAL: Final = 2
SHARE: Final = 3
_COORDINATES: Final = MappingProxyType({"positive": LOG, "unit": SHARE})
"""Coordinates by support; the real line has that of the parameter itself."""


def encode(prior: Prior) -> tuple[int, int, np.ndarray]:
    """Return the shape of a prior's density, its coordinate, and its (location, scale or rate, shape, log constant).

    A beta distribution has its two shapes in the places of location and scale.

    Raises
    ------
    TypeError
        A prior without a corresponding element of theta.
    """
    standard = prior.standard
    entry = DISTRIBUTIONS[standard.distribution]
    if entry.kernel is None:
        raise TypeError(f"{prior} is not a prior of one element of theta")
    shape, constants = entry.kernel
    coordinate = INTERVAL if shape == UNIFORM else _COORDINATES.get(entry.support, IDENTITY)
    return shape, coordinate, np.array(constants(**standard.arguments), float)


def encode_partial(concentration: float) -> tuple[int, int, np.ndarray]:
    """Return the code of a partial correlation z with (z + 1) / 2 ~ Beta(a, a), sampled as atanh(z)."""
    constant = -(2 * concentration - 1) * np.log(2.0) - betaln(concentration, concentration)
    return PARTIAL_CORRELATION, IDENTITY, np.array([0.0, 1.0, concentration, constant])


PART_OF_JOINT: Final = (JOINT, LOG, np.array([0.0, 1.0, 0.0, 0.0]))
"""Code of a positive parameter whose prior is part of a joint one: it has no separate density."""


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
    if coordinate == SHARE:
        s = 1.0 / (1.0 + np.exp(-x))
        return s, s * (1.0 - s), -np.abs(x) - 2.0 * np.log1p(np.exp(-np.abs(x))), 1.0 - 2.0 * s
    return x, 1.0, 0.0, 0.0


def placed(coordinate: int, arguments: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Map an array on the real line to the parameter, as `place` does; arguments (4,)."""
    if coordinate == LOG:
        return np.exp(x)
    if coordinate == INTERVAL:
        return np.asarray(arguments[0] + arguments[1] * expit(x))
    if coordinate == SHARE:
        return np.asarray(expit(x))
    return x


def unplaced(coordinate: int, arguments: np.ndarray, value: float) -> float:
    """Map a parameter to the real line: the inverse of `placed`."""
    if coordinate == LOG:
        return float(np.log(value))
    if coordinate == INTERVAL:
        return float(logit((value - arguments[0]) / arguments[1]))
    if coordinate == SHARE:
        return float(logit(value))
    return value


@part
def _log_beta(alpha: float, beta: float, constant: float, v: float) -> tuple[float, float]:
    """Evaluate the log density of a share and its slope; -infinity where it rounds to 0 or 1."""
    if not 0.0 < v < 1.0:
        return -np.inf, 0.0
    log_p = constant + (alpha - 1.0) * np.log(v) + (beta - 1.0) * np.log1p(-v)
    return log_p, (alpha - 1.0) / v - (beta - 1.0) / (1.0 - v)


@part
def log_density(kind: int, arguments: np.ndarray, of: int, v: float) -> tuple[float, float]:
    """Evaluate log p(v) and d log p / dv; for a partial correlation, of x = atanh(v), Jacobian included."""
    location, scale, shape, constant = arguments[of, 0], arguments[of, 1], arguments[of, 2], arguments[of, 3]
    if kind == NORMAL:
        e = (v - location) / scale
        return constant - 0.5 * e * e, -e / scale
    if kind == STUDENT_T:
        e = (v - location) / scale
        return (
            constant - 0.5 * (shape + 1.0) * np.log1p(e * e / shape),
            -(shape + 1.0) * e / (scale * (shape + e * e)),
        )
    if kind == CAUCHY:
        e = (v - location) / scale
        return constant - np.log1p(e * e), -2.0 * e / (scale * (1.0 + e * e))
    if kind == LAPLACE:
        e = (v - location) / scale
        return constant - np.abs(e), -np.sign(e) / scale
    if kind == LOGISTIC:
        e = np.abs(v - location) / scale
        t = np.exp(-e)
        return constant - e - 2.0 * np.log1p(t), -np.sign(v - location) * (1.0 - t) / (1.0 + t) / scale
    if kind in (UNIFORM, JOINT):  # within the bounds by its coordinate; part of a joint prior
        return constant, 0.0
    if kind == EXPONENTIAL:
        return constant - scale * v, -scale
    if kind == GAMMA:
        return constant + (shape - 1.0) * np.log(v) - scale * v, (shape - 1.0) / v - scale
    if kind == INVERSE_GAMMA:
        return constant - (shape + 1.0) * np.log(v) - scale / v, -(shape + 1.0) / v + scale / (v * v)
    if kind == LOG_NORMAL:
        e = (np.log(v) - location) / scale
        return constant - 0.5 * e * e - np.log(v), -(e / scale + 1.0) / v
    if kind == WEIBULL:
        r = (v / scale) ** shape
        return constant + (shape - 1.0) * np.log(v / scale) - r, ((shape - 1.0) - shape * r) / v
    if kind == BETA:
        return _log_beta(location, scale, constant, v)
    # A partial correlation: (1 - tanh(x)^2)^a.
    log_cosh = np.abs(v) + np.log1p(np.exp(-2.0 * np.abs(v))) - np.log(2.0)
    return constant - 2.0 * shape * log_cosh, -2.0 * shape * np.tanh(v)
