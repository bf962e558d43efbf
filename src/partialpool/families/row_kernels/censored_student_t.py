"""Row kernels of the Student t family for rows known within bounds only, or given bounds (`beta_tails.py`).

`known`: see `within_bounds.py`. With w = nu / (nu + z^2), the tail beyond z > 0 is I_w(nu / 2, 1 / 2) / 2; the factor
in front of its fraction, and in front of that of the middle part, I_(1 - w)(1 / 2, nu / 2), is z p(z). Own parameters
sigma and nu. Left out: log(2 pi) / 2 of each row that was seen. The density is not log-concave: the information about
the mean is the observed one, but at least a part of the expected one of a row that was seen, which such rows have
(`student_t.py`). Those about sigma and nu are of a row that was seen too.
"""

from typing import Final

import numpy as np

from partialpool.families.row_kernels.beta_tails import beta_fraction
from partialpool.families.row_kernels.gamma_functions import log_gamma_half_step
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.student_t import information_of_nu
from partialpool.families.row_kernels.vector_math import HALF_LOG_TWO_PI, exp, log, log1p
from partialpool.families.row_kernels.within_bounds import has_bounds, left_over, other_ends, width_of
from partialpool.families.row_kernels.within_tails import complement, within_tails
from partialpool.kernels import FUSED, kernel, part

__all__ = ["constant", "each_identity", "each_log", "rows_identity", "rows_log"]

_LN2: Final = 0.6931471805599453
_FAR: Final = 1e100
"""Distances in sds beyond which a tail is the power of z that it approaches, to the last digit."""
_LEAST: Final = 0.01
_SMALLEST: Final = 1e-290


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log(2 pi) / 2 over the rows that were seen."""
    return -float(0.5 * np.sum(y == other_ends(y, known)) * np.log(2 * np.pi))


@part(fastmath=FUSED)
def _log_density(z: float, nu: float) -> tuple[float, float]:
    """Return log p(z) + log(2 pi) / 2, and its derivative in nu."""
    step, step_slope = log_gamma_half_step(0.5 * nu)
    square = z * z / nu
    grown, share = log1p(square), square / (1.0 + square)
    return step - 0.5 * (nu + 1.0) * grown, 0.5 * (step_slope - (grown - share) + share / nu)


@part(fastmath=FUSED)
def _tails(z: float, nu: float) -> tuple[float, float, float, float, float, float]:
    """Return the tails at z as `within_tails` reads them, with derivatives in nu."""
    far = min(abs(z), _FAR)
    density, of_density = _log_density(far, nu)
    density -= HALF_LOG_TWO_PI
    square = far * far
    w, rest = nu / (nu + square), square / (nu + square)
    distance = 0.5 * (nu * rest - w)
    moved = w * rest / nu
    scaled = density + log(max(far, _SMALLEST))
    if distance > 0.0:
        fraction, of_fraction = beta_fraction(0.5 * nu, 0.5, w, rest, distance, 0.5, 0.0, moved)
        outer, of_outer = scaled - log(fraction) - _LN2, of_density - of_fraction
    elif far < _SMALLEST:
        outer, of_outer = -_LN2, 0.0
    else:
        fraction, of_fraction = beta_fraction(0.5, 0.5 * nu, rest, w, -distance, 0.0, 0.5, -moved)
        outside, of_outside = complement(scaled - log(fraction), of_density - of_fraction)
        outer, of_outer = outside - _LN2, of_outside
    inner, of_inner = complement(outer, of_outer)
    falling = -far * (nu + 1.0) / (nu + square)
    if z > 0.0:
        return inner, outer, of_inner, of_outer, density, falling
    return outer, inner, of_outer, of_inner, density, -falling


@part(fastmath=FUSED)
def _censored_row(
    y: float, end: float, location: float, sigma: float, nu: float
) -> tuple[float, float, float, float, float]:
    """Return log p, its slopes in the location, sigma and nu, and the information about the location."""
    inverse = 1.0 / sigma
    z = (y - location) * inverse
    expected = (nu + 1.0) / (nu + 3.0) * inverse * inverse
    if end == y:
        density, of_density = _log_density(z, nu)
        drawn = (nu + 1.0) * z / (nu + z * z)
        return density - log(sigma), drawn * inverse, (drawn * z - 1.0) * inverse, of_density, expected
    low = _tails(z, nu)
    z_end = (end - location) * inverse if abs(end) < np.inf else 0.0
    high = _tails(z_end, nu) if abs(end) < np.inf else low
    log_p, q_low, q_high, curved, of_nu = within_tails(y, end, low, high)
    z_high = z_end if abs(end) < np.inf else z
    of_sigma = (q_low * z - q_high * z_high) * inverse
    return log_p, (q_low - q_high) * inverse, of_sigma, of_nu, max(curved * inverse * inverse, _LEAST * expected)


@part(fastmath=FUSED)
def _row(
    i: int, y: np.ndarray, known: np.ndarray, location: float, sigma: float, nu: float
) -> tuple[float, float, float, float, float]:
    """Return the same of row i, given its bounds where it has some."""
    width = width_of(known, y)
    log_p, slope, of_sigma, of_nu, information = _censored_row(y[i], known[width * i], location, sigma, nu)
    if has_bounds(known, width, i):
        log_all, slope_all, sigma_all, nu_all, information_all = _censored_row(
            known[width * i + 1], known[width * i + 2], location, sigma, nu
        )
        log_p, slope, of_sigma, of_nu = log_p - log_all, slope - slope_all, of_sigma - sigma_all, of_nu - nu_all
        information = left_over(information, information_all, information)
    return log_p, slope, of_sigma, of_nu, information


@part(fastmath=FUSED)
def _write(
    i: int,
    y: np.ndarray,
    known: np.ndarray,
    location: float,
    values: np.ndarray,
    slopes: np.ndarray,
    informations: np.ndarray,
) -> float:
    """Return log p of row i, and write its slopes and informations."""
    sigma, nu = values[1, i], values[2, i]
    if not (is_positive(sigma) and is_positive(nu)):
        return -np.inf
    log_p, slopes[0, i], slopes[1, i], slopes[2, i], information = _row(i, y, known, location, sigma, nu)
    informations[0, i] = bounded(information)
    informations[1, i] = bounded(2.0 * nu / (nu + 3.0) / (sigma * sigma))
    informations[2, i] = information_of_nu(nu)
    return log_p


@kernel
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma and nu in `values[1:]`; write its slopes and informations."""
    total = 0.0
    for i in range(len(y)):
        total += _write(i, y, known, values[0, i], values, slopes, informations)
    return finite_or_impossible(total)


@kernel
def each_log(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the log link; the information about eta is that about the mean, times its slope squared."""
    total = 0.0
    for i in range(len(y)):
        mean = exp(values[0, i])
        total += _write(i, y, known, mean, values, slopes, informations)
        slopes[0, i] *= mean
        informations[0, i] = bounded(informations[0, i] * mean * mean)
    return finite_or_impossible(total)


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
    """Sum log p under the identity link; write its slopes and informations."""
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
    """Sum log p under the log link; write its slopes and the information of each mean."""
    values, slopes, informations = spread(eta, own)
    log_p = each_log(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
