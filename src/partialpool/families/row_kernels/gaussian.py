"""Row kernels of the gaussian family: log p = -((y - mean) / sigma)^2 / 2 - log sigma - log(2 pi) / 2.

Own parameter: sigma, or none where `known` has standard errors. Left out: log(2 pi) / 2, and the log of known
standard errors.
"""

import numpy as np

from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import exp
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "curved_identity", "curved_log", "value_identity", "value_log"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return -rows log(2 pi) / 2, less the sum of the logs of known standard errors."""
    return -float(0.5 * len(y) * np.log(2 * np.pi) + np.sum(np.log(known)))


@part(fastmath=FUSED, inlined=True)
def _row_identity(y: float, scale: float, eta: float) -> tuple[float, float, float]:
    """Return the square of z = (y - eta) / scale, the slope z / scale and the information 1 / scale^2."""
    inverse = 1.0 / scale
    z = (y - eta) * inverse
    return z * z, z * inverse, bounded(inverse * inverse)


@part(fastmath=FUSED, inlined=True)
def _row_log(y: float, scale: float, eta: float) -> tuple[float, float, float]:
    """Return the same of a mean exp(eta), which is its own slope: z mean / scale, and (mean / scale)^2."""
    mean = exp(eta)
    inverse = 1.0 / scale
    z = (y - mean) * inverse
    relative = mean * inverse
    return z * z, z * relative, bounded(relative * relative)


@kernel(fastmath=REORDERED)
def value_identity(
    y: np.ndarray, known: np.ndarray, eta: np.ndarray, own: np.ndarray, slope: np.ndarray, own_slope: np.ndarray
) -> float:
    """Sum log p under the identity link and write its slopes."""
    sigma = 1.0 if len(known) > 0 else own[0]
    if not is_positive(sigma):
        return -np.inf
    squares = 0.0
    for i in range(len(y)):
        square, slope[i], _ = _row_identity(y[i], known[i] if len(known) > 0 else sigma, eta[i])
        squares += square
    if len(known) == 0:
        own_slope[0] = (squares - len(y)) / sigma
    return finite_or_impossible(-0.5 * squares - len(y) * np.log(sigma))


@kernel(fastmath=REORDERED)
def curved_identity(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the identity link; write its slopes and the observed, and expected, information."""
    sigma = 1.0 if len(known) > 0 else own[0]
    if not is_positive(sigma):
        return -np.inf
    squares = 0.0
    for i in range(len(y)):
        square, slope[i], information[i] = _row_identity(y[i], known[i] if len(known) > 0 else sigma, eta[i])
        squares += square
    if len(known) == 0:
        own_slope[0] = (squares - len(y)) / sigma
    return finite_or_impossible(-0.5 * squares - len(y) * np.log(sigma))


@kernel(fastmath=REORDERED)
def value_log(
    y: np.ndarray, known: np.ndarray, eta: np.ndarray, own: np.ndarray, slope: np.ndarray, own_slope: np.ndarray
) -> float:
    """Sum log p under the log link and write its slopes."""
    sigma = 1.0 if len(known) > 0 else own[0]
    if not is_positive(sigma):
        return -np.inf
    squares = 0.0
    for i in range(len(y)):
        square, slope[i], _ = _row_log(y[i], known[i] if len(known) > 0 else sigma, eta[i])
        squares += square
    if len(known) == 0:
        own_slope[0] = (squares - len(y)) / sigma
    return finite_or_impossible(-0.5 * squares - len(y) * np.log(sigma))


@kernel(fastmath=REORDERED)
def curved_log(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the log link; write its slopes and the expected information."""
    sigma = 1.0 if len(known) > 0 else own[0]
    if not is_positive(sigma):
        return -np.inf
    squares = 0.0
    for i in range(len(y)):
        square, slope[i], information[i] = _row_log(y[i], known[i] if len(known) > 0 else sigma, eta[i])
        squares += square
    if len(known) == 0:
        own_slope[0] = (squares - len(y)) / sigma
    return finite_or_impossible(-0.5 * squares - len(y) * np.log(sigma))
