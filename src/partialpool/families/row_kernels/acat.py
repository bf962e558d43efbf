"""Row kernels of the acat family, own parameters the cutpoints; y is the code of a category, from 0.

With c the cutpoints, the utilities and probabilities of the categories k = 0, ..., K - 1 are

    u_k = sum_(j < k) (eta - c_j),    p_k = exp(u_k) / sum_j exp(u_j),

and a row in category y has log p = u_y - log sum_j exp(u_j), with the slope sum_k (y - k) p_k in eta, minus the
variance of k as its second derivative, and the slope P(k > j) - 1 if y > j, else P(k > j), in c_j. Cutpoints are any
real numbers. Nothing is left out.

Rows are taken in blocks, category by category, so that the arithmetic vectorises over rows.

With cutpoints of each row the information about cutpoint j is P(k > j) P(k <= j).
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import exp, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_logit", "rows_logit"]

_BLOCK: Final = 128
_LARGEST: Final = 1
_TOP: Final = 2
_OF_Y: Final = 3
_SUM: Final = 4
"""Rows of a block after those of the K categories, counted from K - 1: the largest utility, its category, the utility
of the row's own category, and sums."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(fastmath=REORDERED)
def _utilities(y: np.ndarray, eta: np.ndarray, own: np.ndarray, start: int, count: int, block: np.ndarray) -> None:
    """Write the utilities of the categories of the rows from `start` on, the largest, its category, and that of y."""
    last = len(own)
    for i in range(count):
        block[0, i], block[last + _LARGEST, i] = 0.0, 0.0
        block[last + _TOP, i], block[last + _OF_Y, i] = 0.0, 0.0
    for k in range(1, last + 1):
        for i in range(count):
            utility = block[k - 1, i] + (eta[start + i] - own[k - 1])
            largest = block[last + _LARGEST, i]
            block[k, i] = utility
            block[last + _OF_Y, i] = utility if y[start + i] == k else block[last + _OF_Y, i]
            block[last + _TOP, i] = float(k) if utility > largest else block[last + _TOP, i]
            block[last + _LARGEST, i] = utility if utility > largest else largest


@part(fastmath=FUSED, inlined=True)
def _log_share(of_y: float, largest: float, others: float) -> float:
    """Return the log probability of a utility, given the sum of the others relative to the largest."""
    return (of_y - largest) - log1p(others)


@part(fastmath=REORDERED)
def _probabilities(last: int, count: int, block: np.ndarray) -> float:
    """Turn the utilities of a block into probabilities; return the sum of log p of its rows.

    The largest counts as 1, and the sum of the others keeps its digits however small it is.
    """
    for i in range(count):
        block[last + _SUM, i] = 0.0
    for k in range(last + 1):
        for i in range(count):
            relative = exp(block[k, i] - block[last + _LARGEST, i])
            block[k, i] = relative
            block[last + _SUM, i] += 0.0 if block[last + _TOP, i] == k else relative
    total = 0.0
    for i in range(count):
        others = block[last + _SUM, i]
        total += _log_share(block[last + _OF_Y, i], block[last + _LARGEST, i], others)
        block[last + _SUM, i] = 1.0 / (1.0 + others)
    for k in range(last + 1):
        for i in range(count):
            block[k, i] *= block[last + _SUM, i]
    return total


@part(fastmath=REORDERED)
def _slopes(
    y: np.ndarray,
    start: int,
    count: int,
    block: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> None:
    """Write slopes and information of a block's rows, and add the slopes in the cutpoints.

    The variance of k is taken about the most probable category, so that it keeps its digits.
    """
    last = len(own_slope)
    for i in range(count):
        slope[start + i], information[start + i], block[last + _SUM, i] = 0.0, 0.0, 0.0
    for k in range(last + 1):
        for i in range(count):
            away = k - block[last + _TOP, i]
            slope[start + i] += (y[start + i] - k) * block[k, i]
            block[last + _SUM, i] += away * block[k, i]
            information[start + i] += away * away * block[k, i]
    for i in range(count):
        mean = block[last + _SUM, i]
        information[start + i] = bounded(information[start + i] - mean * mean)
        block[last + _SUM, i] = 0.0
    for j in range(last):
        total = 0.0
        for i in range(count):
            below = block[last + _SUM, i] + block[j, i]
            block[last + _SUM, i] = below
            total -= below if y[start + i] > j else 0.0
        own_slope[j] += total
    for i in range(count):
        block[last + _SUM, i] = 0.0
    for j in range(last - 1, -1, -1):
        total = 0.0
        for i in range(count):
            above = block[last + _SUM, i] + block[j + 1, i]
            block[last + _SUM, i] = above
            total += 0.0 if y[start + i] > j else above
        own_slope[j] += total


@kernel(fastmath=REORDERED)
def each_logit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p; write its slopes in the linear predictor and in each cutpoint, and their informations."""
    last, total = len(values) - 1, 0.0
    shares = np.empty(last + 1)
    for i in range(len(y)):
        top, largest, utility = 0, 0.0, 0.0
        shares[0] = 0.0
        for k in range(1, last + 1):
            utility += values[0, i] - values[k, i]
            shares[k] = utility
            if utility > largest:
                top, largest = k, utility
        if not abs(utility) < np.inf:
            return -np.inf
        of_y, others = shares[int(y[i])], 0.0
        for k in range(last + 1):
            shares[k] = exp(shares[k] - largest)
            others += 0.0 if k == top else shares[k]
        total += _log_share(of_y, largest, others)
        slope, away, square, above = 0.0, 0.0, 0.0, 0.0
        for k in range(last, -1, -1):
            p = shares[k] / (1.0 + others)
            slope += (y[i] - k) * p
            away += (k - top) * p
            square += (k - top) * (k - top) * p
            if k < last:
                informations[k + 1, i] = above
            above += p
            shares[k] = p
        slopes[0, i], informations[0, i] = slope, bounded(square - away * away)
        below = 0.0
        for j in range(1, last + 1):
            below += shares[j - 1]
            above = informations[j, i]
            slopes[j, i] = -below if y[i] >= j else above
            informations[j, i] = bounded(above * below)
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
    """Sum log p; write its slopes and the observed information."""
    last, total = len(own), 0.0
    for j in range(last):
        own_slope[j] = 0.0
        if not abs(own[j]) < np.inf:
            return -np.inf
    for i in range(len(y)):
        if not abs(eta[i]) < np.inf:
            return -np.inf
    block = np.empty((last + _SUM + 1, _BLOCK))
    for start in range(0, len(y), _BLOCK):
        count = min(_BLOCK, len(y) - start)
        _utilities(y, eta, own, start, count, block)
        total += _probabilities(last, count, block)
        _slopes(y, start, count, block, slope, information, own_slope)
    return finite_or_impossible(total)
