"""Row kernels of the categorical family: the parameters of a row are contrasts e_1, ..., e_(K-1) of its K categories.

Utilities are u = H e, H the orthonormal Helmert contrasts (`families/helmert.py`), so that with s_j = sqrt(j (j + 1))

    u_k = -k e_k / s_k + sum_(j > k) e_j / s_j,    k = 0, ..., K - 1,    p_k = exp(u_k) / sum_j exp(u_j),

    log p = u_y - log sum_j exp(u_j),    d log p / d e = H'(1_y - p),

and the information about e_j alone is sum_k H_kj^2 p_k - (sum_k H_kj p_k)^2.
"""

import numpy as np

from partialpool.families.row_kernels.outcome import SMALLEST, bounded, finite_or_impossible
from partialpool.families.row_kernels.vector_math import exp
from partialpool.kernels import REORDERED, kernel

__all__ = ["constant", "each_logit", "rows_logit"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@kernel(fastmath=REORDERED)
def each_logit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p; write its slopes in the contrasts `values[1:]`, and their informations; `values[0]` is not read."""
    contrasts = len(values) - 1
    shares, total = np.empty(contrasts + 1), 0.0
    for i in range(len(y)):
        beyond, largest = 0.0, -np.inf
        for j in range(contrasts + 1):
            k = contrasts - j
            own = 0.0
            if k > 0:
                unit = values[k, i] / np.sqrt(k * (k + 1.0))
                own = -k * unit
            shares[k] = beyond + own
            largest = max(largest, shares[k])
            if k > 0:
                beyond += unit
        of_y, whole = shares[int(y[i])] - largest, 0.0
        for k in range(contrasts + 1):
            shares[k] = exp(shares[k] - largest)
            whole += shares[k]
        total += of_y - np.log(whole)
        slopes[0, i], informations[0, i] = 0.0, SMALLEST
        below = 0.0
        for k in range(contrasts + 1):
            shares[k] /= whole
        for j in range(1, contrasts + 1):
            below += shares[j - 1]
            square = 1.0 / (j * (j + 1.0))
            mean = (below - j * shares[j]) * np.sqrt(square)
            chosen = (1.0 if y[i] < j else -float(j) if y[i] == j else 0.0) * np.sqrt(square)
            slopes[j, i] = chosen - mean
            informations[j, i] = bounded((below + j * j * shares[j]) * square - mean * mean)
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
    """Refuse contrasts that are the same in all rows: they always have predictors."""
    return -np.inf
