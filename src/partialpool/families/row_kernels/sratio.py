"""Row kernels of the sratio family, own parameters the cutpoints; y is the code of a category, from 0.

With F the inverse link, G = 1 - F and x_k = cutpoint_k - eta, a row in category k has

    log p = log F(x_k) + sum_(j < k) log G(x_j),    k < K - 1;    log p = sum_j log G(x_j),    k = K - 1:

it is a row of K - 1 binary responses, of which those that come after its category are not observed. Cutpoints are any
real numbers. Nothing is left out.

Rows are taken in blocks, cutpoint by cutpoint, so that the arithmetic vectorises over rows.

With cutpoints of each row the information about one is that of its binary response, where it is observed.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible
from partialpool.kernels import REORDERED, kernel, part

__all__ = [
    "constant",
    "each_cloglog",
    "each_logit",
    "each_probit",
    "rows_cloglog",
    "rows_logit",
    "rows_probit",
]

_LOGIT: Final = 0
_PROBIT: Final = 1
_CLOGLOG: Final = 2
_BLOCK: Final = 512


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(inlined=True)
def _outcome(y: float, k: int, binary: tuple[float, float, float, float, float, float]) -> tuple[float, float, float]:
    """Return log p of a row's outcome at cutpoint k, its slope in the distance, and minus its second derivative."""
    log_stop, log_pass, up, down, curved_stop, curved_pass = binary
    stops, passes = y == k, y > k
    return (
        log_stop if stops else log_pass if passes else 0.0,
        up if stops else -down if passes else 0.0,
        curved_stop if stops else curved_pass if passes else 0.0,
    )


@part(fastmath=REORDERED)
def _block_logit(
    y: np.ndarray,
    eta: np.ndarray,
    start: int,
    stop: int,
    k: int,
    cutpoint: float,
    slope: np.ndarray,
    information: np.ndarray,
) -> tuple[float, float]:
    """Add the terms of cutpoint k to slope and information; return the sums of log p and of its slope in k."""
    total, along = 0.0, 0.0
    for i in range(start, stop):
        log_p, up, curved = _outcome(y[i], k, logistic(cutpoint - eta[i]))
        total += log_p
        along += up
        slope[i] -= up
        information[i] += curved
    return total, along


@part(fastmath=REORDERED)
def _block_probit(
    y: np.ndarray,
    eta: np.ndarray,
    start: int,
    stop: int,
    k: int,
    cutpoint: float,
    slope: np.ndarray,
    information: np.ndarray,
) -> tuple[float, float]:
    """Add the terms of cutpoint k to slope and information; return the sums of log p and of its slope in k."""
    total, along = 0.0, 0.0
    for i in range(start, stop):
        log_p, up, curved = _outcome(y[i], k, normal(cutpoint - eta[i]))
        total += log_p
        along += up
        slope[i] -= up
        information[i] += curved
    return total, along


@part(fastmath=REORDERED)
def _block_cloglog(
    y: np.ndarray,
    eta: np.ndarray,
    start: int,
    stop: int,
    k: int,
    cutpoint: float,
    slope: np.ndarray,
    information: np.ndarray,
) -> tuple[float, float]:
    """Add the terms of cutpoint k to slope and information; return the sums of log p and of its slope in k."""
    total, along = 0.0, 0.0
    for i in range(start, stop):
        log_p, up, curved = _outcome(y[i], k, complementary_log_log(cutpoint - eta[i]))
        total += log_p
        along += up
        slope[i] -= up
        information[i] += curved
    return total, along


@part
def _sum(
    link: int,
    y: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p block by block; write its slopes and the observed information."""
    total = 0.0
    for k in range(len(own)):
        own_slope[k] = 0.0
        if not abs(own[k]) < np.inf:
            return -np.inf
    for start in range(0, len(y), _BLOCK):
        stop = min(start + _BLOCK, len(y))
        for i in range(start, stop):
            slope[i], information[i] = 0.0, 0.0
        for k in range(len(own)):
            if link == _LOGIT:
                added, along = _block_logit(y, eta, start, stop, k, own[k], slope, information)
            elif link == _PROBIT:
                added, along = _block_probit(y, eta, start, stop, k, own[k], slope, information)
            else:
                added, along = _block_cloglog(y, eta, start, stop, k, own[k], slope, information)
            total += added
            own_slope[k] += along
        for i in range(start, stop):
            information[i] = bounded(information[i])
    return finite_or_impossible(total)


@kernel
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
    return _sum(_LOGIT, y, eta, own, slope, information, own_slope)


@kernel
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
    return _sum(_PROBIT, y, eta, own, slope, information, own_slope)


@kernel
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
    return _sum(_CLOGLOG, y, eta, own, slope, information, own_slope)


@part(inlined=True)
def _binary(link: int, x: float) -> tuple[float, float, float, float, float, float]:
    """Return what `_outcome` needs of the binary response at a distance."""
    if link == _LOGIT:
        return logistic(x)
    return normal(x) if link == _PROBIT else complementary_log_log(x)


@part
def _sum_each(link: int, y: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray) -> float:
    """Sum log p; write its slopes in the linear predictor and in each cutpoint, and their informations."""
    total = 0.0
    for i in range(len(y)):
        slopes[0, i], information = 0.0, 0.0
        for k in range(len(values) - 1):
            x = values[1 + k, i] - values[0, i]
            if not abs(x) < np.inf:
                return -np.inf
            log_p, up, curved = _outcome(y[i], k, _binary(link, x))
            total += log_p
            slopes[1 + k, i], informations[1 + k, i] = up, bounded(curved)
            slopes[0, i] -= up
            information += curved
        informations[0, i] = bounded(information)
    return finite_or_impossible(total)


@kernel
def each_logit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the logit link with cutpoints of each row; write its slopes and informations."""
    return _sum_each(_LOGIT, y, values, slopes, informations)


@kernel
def each_probit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the probit link with cutpoints of each row; write its slopes and informations."""
    return _sum_each(_PROBIT, y, values, slopes, informations)


@kernel
def each_cloglog(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the cloglog link with cutpoints of each row; write its slopes and informations."""
    return _sum_each(_CLOGLOG, y, values, slopes, informations)
