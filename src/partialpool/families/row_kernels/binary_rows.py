"""Successes and failures under each link: the rows of the Bernoulli and the binomial family.

    log p = y log F(eta) + (n - y) log G(eta),   d / d eta = y f / F - (n - y) f / G,

without log(n choose y). Both terms of log p have one sign, so that a likely outcome keeps its digits. `known` has
the trials, or is empty where every row is one trial. The loops differ in one name only: numba does not cache a compiled
function that takes another one as its argument.
"""

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.families.row_kernels.outcome import SMALLEST, finite_or_impossible
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["rows_cloglog", "rows_logit", "rows_probit"]

_Link = tuple[float, float, float, float, float, float]


@part(fastmath=FUSED, inlined=True)
def _weigh(y: float, failures: float, link: _Link) -> tuple[float, float, float]:
    """Return log p of one row, its slope and its observed information."""
    log_success, log_failure, up, down, of_success, of_failure = link
    information = max(y * of_success + failures * of_failure, SMALLEST)
    return y * log_success + failures * log_failure, y * up - failures * down, information


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
    """Sum log p under the logit link; write its slopes and the observed information."""
    counted = len(known) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (known[i] if counted else 1.0) - y[i]
        log_p, slope[i], information[i] = _weigh(y[i], failures, logistic(eta[i]))
        total += log_p
    return finite_or_impossible(total)


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
    """Sum log p under the probit link; write its slopes and the observed information."""
    counted = len(known) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (known[i] if counted else 1.0) - y[i]
        log_p, slope[i], information[i] = _weigh(y[i], failures, normal(eta[i]))
        total += log_p
    return finite_or_impossible(total)


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
    """Sum log p under the cloglog link; write its slopes and the observed information."""
    counted = len(known) > 0
    total = 0.0
    for i in range(len(y)):
        failures = (known[i] if counted else 1.0) - y[i]
        log_p, slope[i], information[i] = _weigh(y[i], failures, complementary_log_log(eta[i]))
        total += log_p
    return finite_or_impossible(total)
