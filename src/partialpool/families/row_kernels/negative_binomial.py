"""Row kernels of the negative binomial family, own parameter the shape alpha.

With e = log(mean / alpha), n = y + alpha and F the logistic function:

    log p = y log F(e) + alpha log F(-e) + log Gamma(n) - log Gamma(alpha) - log(y!).

With m = alpha + 8 and `tail` of `gamma_functions` this is, without differences of large numbers:

    y (log(1 + m / y) + log F(e)) + alpha log F(-e) + (m - 1/2) log(1 + y / m) + tail(n) - tail(alpha)
    + y log y - y - log(y!).

The last line is left out. What is written as the information of alpha is

    (psi'(alpha) - 1 / alpha) (mean / (mean + alpha))^2,

which the expected one approaches for large means, where the first factor is that of the gamma distribution of the
rates, and for large alpha; for small means both fall with the square of the mean.
"""

import numpy as np

from partialpool.families.row_kernels.binary_links import logistic
from partialpool.families.row_kernels.gamma_functions import SHIFT, tail, trigamma_from_eight
from partialpool.families.row_kernels.outcome import NO_MEAN, SMALLEST, bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.poisson import constant
from partialpool.families.row_kernels.vector_math import exp, log, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_log", "each_sqrt", "information_of_shape", "row_log", "rows_log", "rows_sqrt"]


@part(fastmath=FUSED, inlined=True)
def _row(y: float, alpha: float, log_share: float, log_rest: float, share: float, rest: float) -> tuple[float, float]:
    """Return log p and its slope in alpha, both without what depends on alpha alone.

    Parameters
    ----------
    y, alpha
        The count and the shape.
    log_share, log_rest
        log F(e) and log F(-e).
    share, rest
        F(e) = mean / (mean + alpha) and F(-e).
    """
    m = alpha + SHIFT
    growth = log1p(y / m)
    remainder, remainder_slope = tail(y + alpha)
    of_count = y * (log1p(m / max(y, 1.0)) + log_share) if y > 0.0 else 0.0
    log_p = of_count + (m - 0.5) * growth + alpha * log_rest + remainder
    return log_p, growth + log_rest + remainder_slope + share - y / alpha * rest


@part(fastmath=FUSED, inlined=True)
def row_log(y: float, alpha: float, log_alpha: float, eta: float) -> tuple[float, float, float, float]:
    """Return log p, its slope y F(-e) - alpha F(e), its information n F(e) F(-e), and its slope in alpha."""
    log_share, log_rest, rest, share, information, _ = logistic(eta - log_alpha)
    log_p, own = _row(y, alpha, log_share, log_rest, share, rest)
    return log_p, y * rest - alpha * share, max((y + alpha) * information, SMALLEST), own


@part(fastmath=FUSED, inlined=True)
def row_sqrt(y: float, alpha: float, eta: float) -> tuple[float, float, float, float]:
    """Return log p, its slope, its expected information 4 F(-e) and its slope in alpha.

    The slope is (y / mean - n / (mean + alpha)) d mean / d eta = 2 F(-e) (y - mean) / eta. If the mean is 0, log p
    is -infinity unless y = 0.
    """
    mean = eta * eta
    usable = mean if mean > NO_MEAN else 1.0
    log_rest = -log1p(mean / alpha)
    rest = 1.0 / (1.0 + mean / alpha)
    share = mean / (mean + alpha)
    log_p, own = _row(y, alpha, -log1p(alpha / usable), log_rest, share, rest)
    impossible = (y > 0.0) & (mean <= NO_MEAN)
    up = 2.0 * rest * (y - mean) / (eta if mean > NO_MEAN else 1.0)
    return -np.inf if impossible else log_p, up if y > 0.0 else -2.0 * rest * eta, max(4.0 * rest, SMALLEST), own


@part(fastmath=FUSED, inlined=True)
def information_of_shape(alpha: float, share: float) -> float:
    """Return (psi'(alpha) - 1 / alpha) share^2, share = mean / (mean + alpha); psi' is above 1 / x + 1 / (2 x^2)."""
    trigamma = trigamma_from_eight(alpha + SHIFT)
    for j in range(8):
        trigamma += 1.0 / ((alpha + j) * (alpha + j))
    return bounded(max(trigamma - 1.0 / alpha, 0.5 / (alpha * alpha)) * share * share)


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
    alpha = own[0]
    if not is_positive(alpha):
        return -np.inf
    log_alpha = np.log(alpha)
    total, own_total = 0.0, 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i], of_alpha = row_log(y[i], alpha, log_alpha, eta[i])
        total += log_p
        own_total += of_alpha
    remainder, remainder_slope = tail(alpha)
    own_slope[0] = own_total - len(y) * remainder_slope
    return finite_or_impossible(total - len(y) * remainder)


@kernel(fastmath=REORDERED)
def rows_sqrt(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the square-root link; write its slopes and the expected information."""
    alpha = own[0]
    if not is_positive(alpha):
        return -np.inf
    total, own_total = 0.0, 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i], of_alpha = row_sqrt(y[i], alpha, eta[i])
        total += log_p
        own_total += of_alpha
    remainder, remainder_slope = tail(alpha)
    own_slope[0] = own_total - len(y) * remainder_slope
    return finite_or_impossible(total - len(y) * remainder)


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, alpha in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha = values[1, i]
        usable &= is_positive(alpha)
        log_alpha = log(alpha)
        remainder, remainder_slope = tail(alpha)
        log_p, slopes[0, i], informations[0, i], of_alpha = row_log(y[i], alpha, log_alpha, values[0, i])
        slopes[1, i] = of_alpha - remainder_slope
        informations[1, i] = information_of_shape(alpha, 1.0 / (1.0 + exp(log_alpha - values[0, i])))
        total += log_p - remainder
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_sqrt(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the square-root link, alpha in `values[1]`; write its slopes and its informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        alpha, mean = values[1, i], values[0, i] * values[0, i]
        usable &= is_positive(alpha)
        remainder, remainder_slope = tail(alpha)
        log_p, slopes[0, i], informations[0, i], of_alpha = row_sqrt(y[i], alpha, values[0, i])
        slopes[1, i] = of_alpha - remainder_slope
        informations[1, i] = information_of_shape(alpha, mean / (mean + alpha))
        total += log_p - remainder
    return finite_or_impossible(total) if usable else -np.inf
