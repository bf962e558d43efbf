"""Row kernels of the lognormal family: log p = -((log y - eta) / sigma)^2 / 2 - log sigma - log(2 pi) / 2 - log y.

Own parameter: sigma, or none where `known` has standard errors. Left out: log(2 pi) / 2, log y, and the log of known
standard errors.
"""

import numpy as np

from partialpool.families.row_kernels.normal_rows import constant_of_scale, scale_of, sum_of_squares
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import log
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_identity", "row_identity", "rows_identity"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return -rows log(2 pi) / 2, less the sums of log y and of the logs of known standard errors."""
    return constant_of_scale(known, len(y)) - float(np.sum(np.log(y)))


@part(fastmath=FUSED, inlined=True)
def row_identity(y: float, scale: float, eta: float) -> tuple[float, float, float]:
    """Return the square of z = (log y - eta) / scale, the slope z / scale and the information 1 / scale^2."""
    inverse = 1.0 / scale
    z = (log(y) - eta) * inverse
    return z * z, z * inverse, bounded(inverse * inverse)


@kernel(fastmath=REORDERED)
def rows_identity(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the identity link; write its slopes and the observed, and expected, information."""
    sigma = scale_of(known, own)
    if not is_positive(sigma):
        return -np.inf
    squares = 0.0
    for i in range(len(y)):
        square, slope[i], information[i] = row_identity(y[i], known[i] if len(known) > 0 else sigma, eta[i])
        squares += square
    return sum_of_squares(squares, len(y), known, sigma, own_slope)


@kernel(fastmath=REORDERED)
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma in `values[1]`; write its slopes and the expected informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        sigma = values[1, i]
        usable &= is_positive(sigma)
        square, slopes[0, i], informations[0, i] = row_identity(y[i], sigma, values[0, i])
        slopes[1, i] = (square - 1.0) / sigma
        informations[1, i] = bounded(2.0 / (sigma * sigma))
        total -= 0.5 * square + log(sigma)
    return finite_or_impossible(total) if usable else -np.inf
