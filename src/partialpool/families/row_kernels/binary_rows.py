"""Successes and failures under each link: the rows of the Bernoulli and the binomial family.

    log p = y log F(eta) + (n - y) log G(eta),   d / d eta = y f / F - (n - y) f / G,

without log(n choose y). Both terms of log p have one sign, so that a likely outcome keeps its digits. `trials` is
empty where every row is one trial. The loops differ in one name only: numba does not cache a compiled function that
takes another one as its argument.
"""

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.families.row_kernels.outcome import SMALLEST, finite_or_impossible
from partialpool.kernels import FUSED, REORDERED, part

__all__ = ["curved_cloglog", "curved_logit", "curved_probit", "value_cloglog", "value_logit", "value_probit"]

_Link = tuple[float, float, float, float, float, float]


@part(fastmath=FUSED, inlined=True)
def _weigh(y: float, failures: float, link: _Link) -> tuple[float, float, float]:
    """Return log p of one row, its slope and its observed information."""
    log_success, log_failure, up, down, of_success, of_failure = link
    information = max(y * of_success + failures * of_failure, SMALLEST)
    return y * log_success + failures * log_failure, y * up - failures * down, information


@part(fastmath=REORDERED)
def value_logit(y: np.ndarray, trials: np.ndarray, eta: np.ndarray, slope: np.ndarray) -> float:
    """Sum log p under the logit link and write its slopes."""
    counted = len(trials) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (trials[i] if counted else 1.0) - y[i]
        log_p, slope[i], _ = _weigh(y[i], failures, logistic(eta[i]))
        total += log_p
    return finite_or_impossible(total)


@part(fastmath=REORDERED)
def curved_logit(
    y: np.ndarray, trials: np.ndarray, eta: np.ndarray, slope: np.ndarray, information: np.ndarray
) -> float:
    """Sum log p under the logit link; write its slopes and the observed information."""
    counted = len(trials) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (trials[i] if counted else 1.0) - y[i]
        log_p, slope[i], information[i] = _weigh(y[i], failures, logistic(eta[i]))
        total += log_p
    return finite_or_impossible(total)


@part(fastmath=REORDERED)
def value_probit(y: np.ndarray, trials: np.ndarray, eta: np.ndarray, slope: np.ndarray) -> float:
    """Sum log p under the probit link and write its slopes."""
    counted = len(trials) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (trials[i] if counted else 1.0) - y[i]
        log_p, slope[i], _ = _weigh(y[i], failures, normal(eta[i]))
        total += log_p
    return finite_or_impossible(total)


@part(fastmath=REORDERED)
def curved_probit(
    y: np.ndarray, trials: np.ndarray, eta: np.ndarray, slope: np.ndarray, information: np.ndarray
) -> float:
    """Sum log p under the probit link; write its slopes and the observed information."""
    counted = len(trials) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (trials[i] if counted else 1.0) - y[i]
        log_p, slope[i], information[i] = _weigh(y[i], failures, normal(eta[i]))
        total += log_p
    return finite_or_impossible(total)


@part(fastmath=REORDERED)
def value_cloglog(y: np.ndarray, trials: np.ndarray, eta: np.ndarray, slope: np.ndarray) -> float:
    """Sum log p under the cloglog link and write its slopes."""
    counted = len(trials) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (trials[i] if counted else 1.0) - y[i]
        log_p, slope[i], _ = _weigh(y[i], failures, complementary_log_log(eta[i]))
        total += log_p
    return finite_or_impossible(total)


@part(fastmath=REORDERED)
def curved_cloglog(
    y: np.ndarray, trials: np.ndarray, eta: np.ndarray, slope: np.ndarray, information: np.ndarray
) -> float:
    """Sum log p under the cloglog link; write its slopes and the observed information."""
    counted = len(trials) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (trials[i] if counted else 1.0) - y[i]
        log_p, slope[i], information[i] = _weigh(y[i], failures, complementary_log_log(eta[i]))
        total += log_p
    return finite_or_impossible(total)
