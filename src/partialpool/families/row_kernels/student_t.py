"""Row kernels of the Student t family, own parameters sigma and nu, or nu where `known` has standard errors.

With z = (y - mean) / sigma and w = z^2 / nu,

    log p = log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu pi) / 2 - log sigma - (nu + 1) / 2 log(1 + w).

Left out: log(2 pi) / 2 of each row, and the log of known standard errors. The information about the mean is the
expected one, (nu + 1) / ((nu + 3) sigma^2) (Lange, Little & Taylor 1989, JASA 84:881).
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_half_step
from partialpool.families.row_kernels.normal_rows import constant_of_scale, scale_of
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import exp, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "rows_identity", "rows_log"]

_SQUARE_OVERFLOWS: Final = 1e100
"""Above this abs(z) / sqrt(nu), log(1 + w) is computed as 2 log(abs(z) / sqrt(nu))."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return -rows log(2 pi) / 2, less the sum of the logs of known standard errors."""
    return constant_of_scale(known, len(y))


@part(fastmath=FUSED, inlined=True)
def _row(residual: float, scale: float, nu: float, root: float) -> tuple[float, float, float]:
    """Return log(1 + w), w / (1 + w) and the slope in the mean, (nu + 1) z / (nu (1 + w) scale)."""
    u = residual / (scale * root)
    large = abs(u) > _SQUARE_OVERFLOWS
    w = 0.0 if large else u * u
    share = 1.0 if large else w / (1.0 + w)
    grown = log1p(abs(u) if large else w)
    drawn = 1.0 / u if large else u / (1.0 + w)
    return 2.0 * grown if large else grown, share, (nu + 1.0) * drawn / (scale * root)


@part
def _sum(
    logs: float, shares: float, rows: int, known: np.ndarray, sigma: float, nu: float, own_slope: np.ndarray
) -> float:
    """Return the sum of log p, given those of log(1 + w) and w / (1 + w); write its slopes in sigma and nu."""
    step, step_slope = log_gamma_half_step(0.5 * nu)
    if len(known) == 0:
        own_slope[0] = ((nu + 1.0) * shares - rows) / sigma
    own_slope[len(own_slope) - 1] = 0.5 * (rows * step_slope - (logs - shares) + shares / nu)
    return finite_or_impossible(rows * (step - np.log(sigma)) - 0.5 * (nu + 1.0) * logs)


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
    """Sum log p under the identity link; write its slopes and the expected information."""
    sigma, nu = scale_of(known, own), own[len(own) - 1]
    if not (is_positive(sigma) and is_positive(nu)):
        return -np.inf
    root = np.sqrt(nu)
    logs, shares = 0.0, 0.0
    for i in range(len(y)):
        scale = known[i] if len(known) > 0 else sigma
        grown, share, drawn = _row(y[i] - eta[i], scale, nu, root)
        slope[i] = drawn
        relative = 1.0 / scale
        information[i] = bounded((nu + 1.0) / (nu + 3.0) * relative * relative)
        logs += grown
        shares += share
    return _sum(logs, shares, len(y), known, sigma, nu, own_slope)


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
    """Sum log p under the log link; write its slopes and the expected information."""
    sigma, nu = scale_of(known, own), own[len(own) - 1]
    if not (is_positive(sigma) and is_positive(nu)):
        return -np.inf
    root = np.sqrt(nu)
    logs, shares = 0.0, 0.0
    for i in range(len(y)):
        scale = known[i] if len(known) > 0 else sigma
        mean = exp(eta[i])
        grown, share, drawn = _row(y[i] - mean, scale, nu, root)
        slope[i] = drawn * mean
        relative = mean / scale
        information[i] = bounded((nu + 1.0) / (nu + 3.0) * relative * relative)
        logs += grown
        shares += share
    return _sum(logs, shares, len(y), known, sigma, nu, own_slope)
