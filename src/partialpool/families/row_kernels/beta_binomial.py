"""Row kernels of the beta-binomial family, own parameter the precision phi: y of n successes, a = phi F, b = phi G.

F(eta) is the mean and G = 1 - F (`binary_links`); `known` has the trials n.

    log p = log(n choose y) + R(a, y) + R(b, n - y) - R(phi, n),   R(x, k) = log Gamma(x + k) - log Gamma(x).

With m = a + 8, M = phi + 8, `tail` of `gamma_functions` and l(r) = r - 1 - log r, R(a, y) has the terms

    -y l(r) - (m - 1/2) l(s) - (s - 1) / 2 + tail(a + y) - tail(a),
    r = (1 + m / y) / (1 + M / n),   s = (1 + y / m) / (1 + n / M),

and log p, n log n - y log y - (n - y) log(n - y) included, is their sum over both outcomes and 15/2 log(1 + n / M) -
tail(phi + n) + tail(phi). What is left of log(n choose y) is left out. Nothing cancels however large n and phi are. For
y = 0 the first term is -m n / (M + n). tail(a) is used with log a = log phi + log F, which is right where F underflows.

The information about the linear predictor is f^2 / (F G) n (1 + phi) / (n + phi), the square of the mean's slope over
the variance: the expected one for single trials and for large phi, at most it elsewhere. That about phi is

    (F^2 psi'(a) + G^2 psi'(b) - psi'(phi)) n (n - 1) / (n + phi)^2,

which is the expected one for large n, and for large phi.
"""

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.families.row_kernels.gamma_functions import (
    SHIFT,
    log_poisson_at_count,
    successor_tail,
    tail,
    trigamma_from_eight,
)
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import exp, log, log1p, log_excess
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = [
    "constant",
    "each_cloglog",
    "each_logit",
    "each_probit",
    "rows_cloglog",
    "rows_logit",
    "rows_probit",
]

_Link = tuple[float, float, float, float, float, float]
_TINY = 1e-290
"""Smallest mean outside its logarithm."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of c(y) + c(n - y) - c(n), c(k) = k log k - k - log(k!), which is small for large counts."""
    return float(np.sum(log_poisson_at_count(y) + log_poisson_at_count(known - y) - log_poisson_at_count(known)))


@part(fastmath=FUSED, inlined=True)
def _side(y: float, trials: float, share: float, log_a: float, phi: float) -> tuple[float, float, float]:
    """Return the terms of one outcome that occurred y times, psi(a + y) - psi(a + 1) (0 for y = 0) and psi'(a + 1)."""
    a = phi * share
    m, whole = a + SHIFT, phi + SHIFT
    some = max(y, 1.0)
    low, low_slope, squares = successor_tail(a)
    high, high_slope = tail(a + some)
    turned = (1.0 + y / m) / (1.0 + trials / whole)
    ratio = (1.0 + m / some) / (1.0 + whole / max(trials, 1.0))
    of_count = -y * log_excess(ratio) + (high - low + log_a) if y > 0.0 else -m * trials / (whole + trials)
    value = of_count - (m - 0.5) * log_excess(turned) - 0.5 * (turned - 1.0)
    past = log1p(y / m) + (high_slope - low_slope) if y > 0.0 else 0.0
    return value, past, squares + trigamma_from_eight(m)


@part(fastmath=FUSED, inlined=True)
def _row(y: float, trials: float, phi: float, link: _Link) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in the linear predictor and in phi, and the informations about both."""
    log_success, log_failure, up, down, _, _ = link
    success, failure = max(exp(log_success), _TINY), max(exp(log_failure), _TINY)
    log_phi, failures = log(phi), trials - y
    value, push, curve = _side(y, trials, success, log_phi + log_success, phi)
    other, pull, other_curve = _side(failures, trials, failure, log_phi + log_failure, phi)
    start, start_slope, squares = successor_tail(phi)
    end, end_slope = tail(phi + max(trials, 1.0))
    grown = log1p(trials / (phi + SHIFT))
    of_phi = end - start + log_phi if trials > 0.0 else 0.0
    past = grown + (end_slope - start_slope) if trials > 0.0 else 0.0
    log_p = value + other + 7.5 * grown - of_phi
    density = phi * min(up * success, down * failure)
    slope = density * (push - pull) + ((up if y > 0.0 else 0.0) - (down if failures > 0.0 else 0.0))
    occurred = (1.0 if y > 0.0 else 0.0) + (1.0 if failures > 0.0 else 0.0) - (1.0 if trials > 0.0 else 0.0)
    own_slope = success * push + failure * pull - past + occurred / phi
    information = bounded(up * down * trials * (1.0 + phi) / (trials + phi))
    many = trials * max(trials - 1.0, 0.0) / ((trials + phi) * (trials + phi))
    about = 1.0 / (phi * phi) + success * success * curve + failure * failure * other_curve
    about -= squares + trigamma_from_eight(phi + SHIFT)
    return log_p, slope, own_slope, information, bounded(many * about)


@kernel(fastmath=REORDERED)
def each_logit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the logit link, phi in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        phi = values[1, i]
        usable &= is_positive(phi)
        log_p, slopes[0, i], slopes[1, i], informations[0, i], informations[1, i] = _row(
            y[i], known[i], phi, logistic(values[0, i])
        )
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_probit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the probit link, phi in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        phi = values[1, i]
        usable &= is_positive(phi)
        log_p, slopes[0, i], slopes[1, i], informations[0, i], informations[1, i] = _row(
            y[i], known[i], phi, normal(values[0, i])
        )
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_cloglog(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the cloglog link, phi in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        phi = values[1, i]
        usable &= is_positive(phi)
        log_p, slopes[0, i], slopes[1, i], informations[0, i], informations[1, i] = _row(
            y[i], known[i], phi, complementary_log_log(values[0, i])
        )
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def rows_logit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the logit link with the same phi in all rows; write its slopes and informations."""
    values, slopes, informations = spread(eta, own)
    log_p = each_logit(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p


@kernel(fastmath=REORDERED)
def rows_probit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the probit link with the same phi in all rows; write its slopes and informations."""
    values, slopes, informations = spread(eta, own)
    log_p = each_probit(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p


@kernel(fastmath=REORDERED)
def rows_cloglog(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the cloglog link with the same phi in all rows; write its slopes and informations."""
    values, slopes, informations = spread(eta, own)
    log_p = each_cloglog(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
