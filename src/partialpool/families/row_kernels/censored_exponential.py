"""Row kernels of the exponential family for rows known within bounds only, or given bounds (`within_hazards.py`).

`known`: see `within_bounds.py`. The cumulated hazard is y / mean; nothing is left out.
"""

import numpy as np

from partialpool.families.row_kernels.outcome import LEAST_RATE, bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import exp, log
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, width_of
from partialpool.families.row_kernels.within_hazards import ENDLESS, within_hazards
from partialpool.kernels import FUSED, kernel, part

__all__ = ["constant", "rows_inverse", "rows_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(fastmath=FUSED)
def _censored_row(y: float, end: float, log_rate: float, rate: float) -> tuple[float, float, float]:
    """Return log p, its slope in the log of the rate, and the negative second derivative."""
    hazard = y * rate
    if end == y:
        return log_rate - hazard, 1.0 - hazard, hazard
    if end < y:
        log_p, slope, curved, _ = within_hazards(0.0, hazard)
        return log_p, slope, curved
    more = ENDLESS if end == np.inf else (end - y) * rate
    log_p, slope, curved, _ = within_hazards(hazard, more)
    return log_p, slope, curved


@part(fastmath=FUSED)
def _row(i: int, y: np.ndarray, known: np.ndarray, log_rate: float, rate: float) -> tuple[float, float, float]:
    """Return the same of row i, given its bounds where it has some.

    The information of a response that was seen is then the expected one, given the bounds: 1 + dL / d log(rate) of
    them less their information. 1 - hazard is its slope, whose expectation is theirs.
    """
    width = width_of(known, y)
    log_p, slope, curved = _censored_row(y[i], known[width * i], log_rate, rate)
    if has_bounds(known, width, i):
        log_all, slope_all, curved_all = _censored_row(known[width * i + 1], known[width * i + 2], log_rate, rate)
        curved = 1.0 - slope_all if known[width * i] == y[i] else curved
        log_p, slope, curved = log_p - log_all, slope - slope_all, left_over(curved, curved_all, 1.0)
    return log_p, slope, curved


@kernel
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
        log_p, upwards, curved = _row(i, y, known, -eta[i], exp(-eta[i]))
        slope[i] = -upwards
        information[i] = bounded(curved)
        total += log_p
    return finite_or_impossible(total)


@kernel
def rows_inverse(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the inverse link; write its slopes and the observed information."""
    total, usable = 0.0, True
    for i in range(len(y)):
        usable &= eta[i] > LEAST_RATE
        rate = max(eta[i], LEAST_RATE)
        log_p, upwards, curved = _row(i, y, known, log(rate), rate)
        slope[i] = upwards / rate
        information[i] = bounded((curved + upwards) / rate / rate)
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf
