"""Row kernels of the Poisson family: the log density less that at a mean equal to the count.

    log p - log p at mean y = -(mean - y - y log(mean / y)),

which is small even where y log(mean) and the mean are about 1e10 and nearly cancel. Left out: y log y - y - log(y!).
"""

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_poisson_at_count
from partialpool.families.row_kernels.outcome import NO_MEAN, SMALLEST, finite_or_impossible
from partialpool.families.row_kernels.vector_math import excess_of_exp, exp, log, log_excess
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "row_log", "rows_log", "rows_sqrt"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of y log y - y - log(y!)."""
    return float(np.sum(log_poisson_at_count(y)))


@part(fastmath=FUSED, inlined=True)
def row_log(y: float, eta: float) -> tuple[float, float, float]:
    """Return log p, its slope and its information, the mean.

    With t = eta - log y they are -y (e^t - 1 - t), -y (e^t - 1) and y e^t; for y = 0 they are -mean, -mean and mean.
    """
    base = max(y, 1.0)
    t = eta - log(base)
    less_one, excess = excess_of_exp(t)
    mean = base * exp(t)
    return -y * excess if y > 0.0 else -mean, -y * less_one if y > 0.0 else -mean, max(mean, SMALLEST)


@part(fastmath=FUSED, inlined=True)
def _row_sqrt(y: float, eta: float) -> tuple[float, float]:
    """Return log p and its slope 2 y / eta - 2 eta. If the mean is 0, log p is -infinity unless y = 0."""
    mean = eta * eta
    base = max(y, 1.0)
    of_count = -base * log_excess(mean / base) if mean > NO_MEAN else -np.inf
    up = 2.0 * (y - mean) / (eta if mean > NO_MEAN else 1.0)
    return of_count if y > 0.0 else -mean, up if y > 0.0 else -2.0 * eta


@kernel(fastmath=REORDERED)
def rows_log(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the log link; write its slopes and the observed information, the mean."""
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i] = row_log(y[i], eta[i])
        total += log_p
    return finite_or_impossible(total)


@kernel(fastmath=REORDERED)
def rows_sqrt(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the square-root link; write its slopes and the expected information, 4."""
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i] = _row_sqrt(y[i], eta[i])
        information[i] = 4.0
        total += log_p
    return finite_or_impossible(total)
