"""Row kernels of the exponentially modified normal family, own parameters sigma and tau.

A response is normal, with mean m - tau and sd sigma, plus exponential, with mean tau, so that its mean is m. With
z = (y - m + tau) / sigma, k = sigma / tau and v = k - z,

    log p = -log tau + k^2 / 2 - z k + log Phi(-v).

For v > 0 this is -log tau - z^2 / 2 - log(2 pi) / 2 + log R(v) with Mills' ratio R(v) = Phi(-v) / phi(v), in which
nothing cancels or overflows however large k is. With h = phi(v) / Phi(-v) the slopes of log p + log tau are h - k in z
and v - h in k. Far out, h - v = (1 - e) / v with e = 2 / v^2 - 10 / v^4 + 74 / v^6 - ... (Abramowitz & Stegun 26.2.12).

The density is logarithmically concave in the mean. The information under the identity link is the observed one,
h (h - v) / sigma^2; under the log link the expected one, mean^2 J(k) / sigma^2, where J(k) = E (h - k)^2 is a
polynomial in k / (1 + k), to 3e-4 of its value. Those about sigma and tau are within a third of the expected ones.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import mills_ratio
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, exp, log, log1p
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = ["constant", "each_identity", "each_log", "rows_identity", "rows_log"]

_ROOT_TWO_PI: Final = 2.5066282746310002
_FAR: Final = 50.0
"""The v from which h - v is computed by its asymptotic series."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return 0: nothing is left out."""
    return 0.0


@part(fastmath=FUSED, inlined=True)
def _row(residual: float, sigma: float, tau: float) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in the mean, sigma and tau, and -d^2 log p / d mean^2, given y - mean."""
    k = sigma / tau
    z = (residual + tau) / sigma
    v = k - z
    t = abs(v)
    below = v > 0.0
    far = v > _FAR
    ratio = mills_ratio(t)
    density = exp(-0.5 * t * t) / _ROOT_TWO_PI
    chance = density * ratio
    flat = density / (1.0 - chance)
    steep = 1.0 / ratio
    distant = t if far else 1.0
    q = 1.0 / (distant * distant) if far else 0.0
    e = q * (2.0 - q * (10.0 - q * (74.0 - 706.0 * q)))
    near = flat + t
    gap = (1.0 - e) / distant if far else steep - t if below else near
    hazard = steep if below else flat
    push = gap - z if below else flat - k
    log_p = -0.5 * z * z - HALF_LOG_TWO_PI + log(ratio) if below else k * (0.5 * k - z) + log1p(-chance)
    of_sigma = -(push * z + gap * k) / sigma
    direct = push / k + gap * k - 1.0
    series = (z * z + 1.0 - e) / (distant * k) - e * (1.0 + z / distant)
    of_tau = (series if far else direct) / tau
    return log_p - log(tau), -push / sigma, of_sigma, of_tau, hazard * gap / (sigma * sigma)


@part(fastmath=FUSED, inlined=True)
def _information(k: float) -> float:
    """Return J(k) = sigma^2 E (d log p / d mean)^2, which is 0.903 k for small k and 1 for large k."""
    s = k / (1.0 + k)
    j = 76.43847337817616 + s * -19.802318698520462
    j = -114.56723820565271 + s * j
    j = 85.60529353563041 + s * j
    j = -35.08092174811248 + s * j
    j = 7.579934406637417 + s * j
    j = -0.6067573392077856 + s * j
    j = 0.5306316618030588 + s * j
    j = 0.9029929915324868 + s * j
    return s * j


@part(fastmath=FUSED, inlined=True)
def _of_sigma(sigma: float, tau: float) -> float:
    """Return the information about sigma."""
    k = sigma / tau
    return bounded(_information(k) * (1.22 + 0.78 * k * k / (k * k + 5.0)) / (sigma * sigma))


@part(fastmath=FUSED, inlined=True)
def _of_tau(sigma: float, tau: float) -> float:
    """Return the information about tau."""
    k = sigma / tau
    return bounded(0.9 / (k * (1.0 + k * (1.1 + 0.45 * k * k))) / (tau * tau))


@kernel(fastmath=REORDERED)
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma and tau in `values[1:]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        sigma, tau = values[1, i], values[2, i]
        usable &= is_positive(sigma) & is_positive(tau)
        log_p, slopes[0, i], slopes[1, i], slopes[2, i], curvature = _row(y[i] - values[0, i], sigma, tau)
        informations[0, i] = bounded(curvature)
        informations[1, i], informations[2, i] = _of_sigma(sigma, tau), _of_tau(sigma, tau)
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link, sigma and tau in `values[1:]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        sigma, tau = values[1, i], values[2, i]
        usable &= is_positive(sigma) & is_positive(tau)
        mean = exp(values[0, i])
        log_p, of_mean, slopes[1, i], slopes[2, i], _ = _row(y[i] - mean, sigma, tau)
        slopes[0, i] = of_mean * mean
        relative = mean / sigma
        informations[0, i] = bounded(_information(sigma / tau) * relative * relative)
        informations[1, i], informations[2, i] = _of_sigma(sigma, tau), _of_tau(sigma, tau)
        total += log_p
    return finite_or_impossible(total) if usable else -np.inf


@kernel
def rows_identity(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the identity link; write its slopes and the observed information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_identity(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p


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
    """Sum log p under the log link; write its slopes and the expected information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
