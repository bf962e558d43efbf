"""Row kernels of the exponential family: log p = -y / mean - log mean; nothing is left out."""

import numpy as np

from partialpool.families.row_kernels.outcome import LEAST_RATE, bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import exp, log
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "rows_inverse", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(fastmath=FUSED, inlined=True)
def _row_log(y: float, eta: float) -> tuple[float, float, float]:
    """Return log p, its slope y / mean - 1 and the observed information y / mean."""
    times = y * exp(-eta)
    return -eta - times, times - 1.0, bounded(times)


@part(fastmath=FUSED, inlined=True)
def _row_inverse(y: float, eta: float) -> tuple[float, float, float]:
    """Return log eta - y eta, 1 / eta - y and 1 / eta^2; -infinity if the mean is not positive or above 1e150."""
    at = eta if eta > LEAST_RATE else 1.0
    return log(at) - y * at if eta > LEAST_RATE else -np.inf, (1.0 - y * at) / at, bounded(1.0 / at / at)


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
    """Sum log p under the log link; write its slopes and the observed information."""
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i] = _row_log(y[i], eta[i])
        total += log_p
    return finite_or_impossible(total)


@kernel(fastmath=REORDERED)
def rows_inverse(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the inverse link; write its slopes and the observed, and expected, information."""
    total = 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i] = _row_inverse(y[i], eta[i])
        total += log_p
    return finite_or_impossible(total)
