"""Row kernels of the Student t family, own parameters sigma and nu, or nu where `known` has standard errors.

With z = (y - mean) / sigma and w = z^2 / nu,

    log p = log Gamma((nu + 1) / 2) - log Gamma(nu / 2) - log(nu pi) / 2 - log sigma - (nu + 1) / 2 log(1 + w).

Left out: log(2 pi) / 2 of each row, and the log of known standard errors. The information about the mean is the
expected one, (nu + 1) / ((nu + 3) sigma^2), that about sigma 2 nu / ((nu + 3) sigma^2) (Lange, Little & Taylor 1989,
JASA 84:881). That about nu is within a twentieth of the expected one, which is 1 / nu^2 for small nu and
7 / (2 nu^4) for large nu.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.gamma_functions import log_gamma_half_step
from partialpool.families.row_kernels.normal_rows import constant_of_scale, scale_of
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import exp, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_identity", "each_log", "information_of_nu", "rows_identity", "rows_log"]

_SQUARE_OVERFLOWS: Final = 1e100
"""Above this abs(z) / sqrt(nu), log(1 + w) is computed as 2 log(abs(z) / sqrt(nu))."""
_NEAR: Final = 0.9
"""Of the information about nu, where it is neither small nor large."""


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


@part(fastmath=FUSED, inlined=True)
def information_of_nu(nu: float) -> float:
    """Return the information of a row about nu."""
    return bounded(1.0 / (nu * nu) / (1.0 + _NEAR * nu + nu * nu / 3.5))


@part(fastmath=FUSED)
def _of_parameters(
    grown: float, share: float, sigma: float, nu: float, slopes: np.ndarray, informations: np.ndarray, i: int
) -> float:
    """Return log p of one row, given log(1 + w) and w / (1 + w); write slopes and informations of sigma and nu.

    The last row of both arrays is that of nu; a row of sigma is before it, unless standard errors are known.
    """
    last = len(slopes) - 1
    step, step_slope = log_gamma_half_step(0.5 * nu)
    if last > 1:
        slopes[1, i] = ((nu + 1.0) * share - 1.0) / sigma
        informations[1, i] = bounded(2.0 * nu / (nu + 3.0) / (sigma * sigma))
    slopes[last, i] = 0.5 * (step_slope - (grown - share) + share / nu)
    informations[last, i] = information_of_nu(nu)
    log_scale = np.log(sigma) if last > 1 else 0.0
    return step - log_scale - 0.5 * (nu + 1.0) * grown


@kernel(fastmath=REORDERED)
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma and nu in `values[1:]`; write its slopes and informations."""
    total, usable, last = 0.0, True, len(values) - 1
    for i in range(len(y)):
        sigma, nu = known[i] if len(known) > 0 else values[1, i], values[last, i]
        usable &= is_positive(sigma) & is_positive(nu)
        grown, share, slopes[0, i] = _row(y[i] - values[0, i], sigma, nu, np.sqrt(nu))
        informations[0, i] = bounded((nu + 1.0) / (nu + 3.0) / sigma / sigma)
        total += _of_parameters(grown, share, sigma, nu, slopes, informations, i)
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, sigma and nu in `values[1:]`; write its slopes and informations."""
    total, usable, last = 0.0, True, len(values) - 1
    for i in range(len(y)):
        sigma, nu = known[i] if len(known) > 0 else values[1, i], values[last, i]
        usable &= is_positive(sigma) & is_positive(nu)
        mean = exp(values[0, i])
        grown, share, drawn = _row(y[i] - mean, sigma, nu, np.sqrt(nu))
        slopes[0, i] = drawn * mean
        relative = mean / sigma
        informations[0, i] = bounded((nu + 1.0) / (nu + 3.0) * relative * relative)
        total += _of_parameters(grown, share, sigma, nu, slopes, informations, i)
    return finite_or_impossible(total) if usable else -np.inf
