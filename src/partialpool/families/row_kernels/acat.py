"""Row kernels of the acat family, own parameters the cutpoints; y is the code of a category, from 0.

With c the cutpoints, the utilities and probabilities of the categories k = 0, ..., K - 1 are

    u_k = sum_(j < k) (eta - c_j),    p_k = exp(u_k) / sum_j exp(u_j),

and a row in category y has log p = u_y - log sum_j exp(u_j), with the slope sum_k (y - k) p_k in eta, minus the
variance of k as its second derivative, and the slope P(k > j) - 1 if y > j, else P(k > j), in c_j. Cutpoints are any
real numbers. Nothing is left out.

Rows are taken in blocks, category by category, so that the arithmetic vectorises over rows.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import exp, log1p
from partialpool.kernels import REORDERED, kernel, part

__all__ = ["constant", "rows_logit"]

_BLOCK: Final = 128


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(fastmath=REORDERED)
def _utilities(y: np.ndarray, eta: np.ndarray, own: np.ndarray, block: np.ndarray) -> None:
    """Write the utilities of the categories into the block, then the largest, its category, and that of y."""
    count, n = len(own) + 1, len(y)
    largest, top, of_y = block[count], block[count + 1], block[count + 2]
    for i in range(n):
        block[0, i], largest[i], top[i], of_y[i] = 0.0, 0.0, 0.0, 0.0
    for k in range(1, count):
        for i in range(n):
            utility = block[k - 1, i] + (eta[i] - own[k - 1])
            block[k, i] = utility
            of_y[i] = utility if y[i] == k else of_y[i]
            top[i] = float(k) if utility > largest[i] else top[i]
            largest[i] = max(largest[i], utility)


@part(fastmath=REORDERED)
def _probabilities(count: int, n: int, block: np.ndarray) -> float:
    """Turn the utilities of a block into probabilities; return the sum of log p of its rows.

    The largest counts as 1, and the sum of the others keeps its digits however small it is.
    """
    largest, top, of_y, others = block[count], block[count + 1], block[count + 2], block[count + 3]
    for i in range(n):
        others[i] = 0.0
    for k in range(count):
        for i in range(n):
            relative = exp(block[k, i] - largest[i])
            block[k, i] = relative
            others[i] += 0.0 if top[i] == k else relative
    total = 0.0
    for i in range(n):
        total += (of_y[i] - largest[i]) - log1p(others[i])
        others[i] = 1.0 / (1.0 + others[i])
    for k in range(count):
        for i in range(n):
            block[k, i] *= others[i]
    return total


@part(fastmath=REORDERED)
def _slopes(
    y: np.ndarray, block: np.ndarray, slope: np.ndarray, information: np.ndarray, own_slope: np.ndarray
) -> None:
    """Write slopes and information of a block's rows, and add the slopes in the cutpoints.

    The variance of k is taken about the most probable category, so that it keeps its digits.
    """
    cutpoints, n = len(own_slope), len(y)
    top, mean, below = block[cutpoints + 2], block[cutpoints + 3], block[cutpoints + 4]
    for i in range(n):
        slope[i], information[i], mean[i], below[i] = 0.0, 0.0, 0.0, 0.0
    for k in range(cutpoints + 1):
        for i in range(n):
            away = k - top[i]
            slope[i] += (y[i] - k) * block[k, i]
            mean[i] += away * block[k, i]
            information[i] += away * away * block[k, i]
    for i in range(n):
        information[i] = bounded(information[i] - mean[i] * mean[i])
    for j in range(cutpoints):
        total = 0.0
        for i in range(n):
            below[i] += block[j, i]
            total -= below[i] if y[i] > j else 0.0
        own_slope[j] += total
    for i in range(n):
        below[i] = 0.0
    for j in range(cutpoints - 1, -1, -1):
        total = 0.0
        for i in range(n):
            below[i] += block[j + 1, i]
            total += 0.0 if y[i] > j else below[i]
        own_slope[j] += total


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
    for j in range(len(own)):
        own_slope[j] = 0.0
        if not abs(own[j]) < np.inf:
            return -np.inf
    total, block = 0.0, np.empty((len(own) + 5, _BLOCK))
    for start in range(0, len(y), _BLOCK):
        stop = min(start + _BLOCK, len(y))
        rows, at = y[start:stop], eta[start:stop]
        for i in range(len(at)):
            if not abs(at[i]) < np.inf:
                return -np.inf
        _utilities(rows, at, own, block)
        total += _probabilities(len(own) + 1, len(rows), block)
        _slopes(rows, block, slope[start:stop], information[start:stop], own_slope)
    return finite_or_impossible(total)
