"""Row kernels of the beta family, own parameter the precision phi: y ~ Beta(a, b), a = phi F, b = phi G.

F(eta) is the mean and G = 1 - F (`binary_links`). With l(r) = r - 1 - log r and S(x) = log Gamma(x) - x log x + x,

    log p = -a l(y / F) - b l((1 - y) / G) + S(phi) - S(a) - S(b) - log y - log(1 - y),

in which large terms do not cancel. The last two are left out. Gamma(a) = Gamma(a + 1) / a with log a = log phi +
log F, which is right even where F underflows. `Beta.log_density` keeps the mean 2e-16 away from 0 and 1; these
kernels do not.

The information is the expected one, f^2 phi^2 (psi'(a) + psi'(b)) (Ferrari & Cribari-Neto 2004, Journal of Applied
Statistics 31:799). That about phi is within a factor of 2 of the expected one, which is 1 / phi^2 for small and
1 / (2 phi^2) for large phi.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.families.row_kernels.gamma_functions import (
    SHIFT,
    log_gamma_excess,
    successor_tail,
    trigamma_from_eight,
)
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, exp, log, log1p, log_excess
from partialpool.kernels import FUSED, REORDERED, kernel, part

__all__ = [
    "constant",
    "each_cloglog",
    "each_logit",
    "each_probit",
    "of_precision",
    "of_proportion",
    "rows_cloglog",
    "rows_logit",
    "rows_probit",
]

_Link = tuple[float, float, float, float, float, float]
_TINY: Final = 1e-290
"""Smallest mean outside its logarithm."""


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log y - log(1 - y)."""
    return -float(np.sum(np.log(y) + np.log1p(-y)))


@part(fastmath=FUSED, inlined=True)
def _side(y: float, share: float, log_share: float, phi: float, log_phi: float) -> tuple[float, float, float, float]:
    """Return the terms of one side: of F and a, or of G and b with 1 - y for y.

    Returns
    -------
    float
        -a l(y / F) - S(a).
    float
        log(y / F) - (psi(a + 1) - log a).
    float
        The slope of the first in phi: -F l(y / F) - F (psi(a + 1) - log a) + 1 / phi.
    float
        psi'(a + 1).
    """
    a = phi * share
    m = a + SHIFT
    growth = log1p(SHIFT / a)
    remainder, remainder_slope, squares = successor_tail(a)
    excess = (a * growth - SHIFT) + (SHIFT - 0.5) * log(m) + (HALF_LOG_TWO_PI + remainder)
    ratio = y / share
    distance = share * log_excess(ratio)
    past = growth + remainder_slope
    value = (log_phi + log_share) - excess - phi * distance
    return value, log(ratio) - past, 1.0 / phi - distance - share * past, squares + trigamma_from_eight(m)


@part(fastmath=FUSED, inlined=True)
def of_proportion(y: float, phi: float, log_phi: float, link: _Link) -> tuple[float, float, float, float]:
    """Return log p, its slope, its expected information and its slope in phi, without what depends on phi alone.

    psi(a) = psi(a + 1) - 1 / a, so that phi f psi(a) has the part f / F, which is finite where F underflows.
    """
    log_success, log_failure, up, down, _, _ = link
    success, failure = max(exp(log_success), _TINY), max(exp(log_failure), _TINY)
    value, push, own, curve = _side(y, success, log_success, phi, log_phi)
    other_value, pull, other_own, other_curve = _side(1.0 - y, failure, log_failure, phi, log_phi)
    density = phi * min(up * success, down * failure)
    slope = (up - down) + density * (push - pull)
    information = bounded(up * up + down * down + density * density * (curve + other_curve))
    return value + other_value, slope, information, own + other_own


@part(fastmath=FUSED)
def of_precision(phi: float) -> tuple[float, float, float]:
    """Return what depends on phi alone, its slope, and the information about phi."""
    excess, excess_slope = log_gamma_excess(phi)
    return excess, excess_slope, bounded((1.0 + phi) / (1.0 + 2.0 * phi) / phi / phi)


@kernel(fastmath=REORDERED)
def rows_logit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the logit link; write its slopes and the expected information."""
    phi = own[0]
    if not is_positive(phi):
        return -np.inf
    log_phi = np.log(phi)
    total, own_total = 0.0, 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i], of_phi = of_proportion(y[i], phi, log_phi, logistic(eta[i]))
        total += log_p
        own_total += of_phi
    excess, excess_slope = log_gamma_excess(phi)
    own_slope[0] = own_total + len(y) * excess_slope
    return finite_or_impossible(total + len(y) * excess)


@kernel(fastmath=REORDERED)
def rows_probit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the probit link; write its slopes and the expected information."""
    phi = own[0]
    if not is_positive(phi):
        return -np.inf
    log_phi = np.log(phi)
    total, own_total = 0.0, 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i], of_phi = of_proportion(y[i], phi, log_phi, normal(eta[i]))
        total += log_p
        own_total += of_phi
    excess, excess_slope = log_gamma_excess(phi)
    own_slope[0] = own_total + len(y) * excess_slope
    return finite_or_impossible(total + len(y) * excess)


@kernel(fastmath=REORDERED)
def rows_cloglog(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the cloglog link; write its slopes and the expected information."""
    phi = own[0]
    if not is_positive(phi):
        return -np.inf
    log_phi = np.log(phi)
    total, own_total = 0.0, 0.0
    for i in range(len(y)):
        log_p, slope[i], information[i], of_phi = of_proportion(y[i], phi, log_phi, complementary_log_log(eta[i]))
        total += log_p
        own_total += of_phi
    excess, excess_slope = log_gamma_excess(phi)
    own_slope[0] = own_total + len(y) * excess_slope
    return finite_or_impossible(total + len(y) * excess)


@kernel(fastmath=REORDERED)
def each_logit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the logit link, phi in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        phi = values[1, i]
        usable &= is_positive(phi)
        log_p, slopes[0, i], informations[0, i], of_phi = of_proportion(y[i], phi, np.log(phi), logistic(values[0, i]))
        excess, excess_slope, informations[1, i] = of_precision(phi)
        slopes[1, i] = of_phi + excess_slope
        total += log_p + excess
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_probit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the probit link, phi in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        phi = values[1, i]
        usable &= is_positive(phi)
        log_p, slopes[0, i], informations[0, i], of_phi = of_proportion(y[i], phi, np.log(phi), normal(values[0, i]))
        excess, excess_slope, informations[1, i] = of_precision(phi)
        slopes[1, i] = of_phi + excess_slope
        total += log_p + excess
    return finite_or_impossible(total) if usable else -np.inf


@kernel(fastmath=REORDERED)
def each_cloglog(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the cloglog link, phi in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        phi = values[1, i]
        usable &= is_positive(phi)
        log_p, slopes[0, i], informations[0, i], of_phi = of_proportion(
            y[i], phi, np.log(phi), complementary_log_log(values[0, i])
        )
        excess, excess_slope, informations[1, i] = of_precision(phi)
        slopes[1, i] = of_phi + excess_slope
        total += log_p + excess
    return finite_or_impossible(total) if usable else -np.inf
