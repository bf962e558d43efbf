"""Row kernels of the zero-one-inflated beta family, own parameters phi, zoi and coi.

A response is 0 or 1 with probability zoi, and then 1 with probability coi; else it is that of the beta family, whose
mean is F(eta):

    log p = log zoi + log(1 - coi) for 0, log zoi + log coi for 1, else log(1 - zoi) + log p of beta.

Left out: what the beta family leaves out, of the rows strictly between 0 and 1. Rows of 0 and 1 have no information
about eta and phi; that of the others is the beta family's. Those about zoi and coi are the expected ones,
1 / (zoi (1 - zoi)) and zoi / (coi (1 - coi)).
"""

import numpy as np

from partialpool.families.row_kernels.beta import constant as constant_of_beta
from partialpool.families.row_kernels.beta import of_precision, of_proportion
from partialpool.families.row_kernels.binary_links import complementary_log_log, logistic, normal
from partialpool.families.row_kernels.outcome import SMALLEST, bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.kernels import REORDERED, kernel, part

__all__ = ["constant", "each_cloglog", "each_logit", "each_probit", "rows_cloglog", "rows_logit", "rows_probit"]

_Link = tuple[float, float, float, float, float, float]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log y - log(1 - y) over the rows strictly between 0 and 1."""
    return constant_of_beta(y[(y > 0) & (y < 1)], known)


@part
def _row(y: float, link: _Link, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray, i: int) -> float:
    """Return log p of row i; -infinity where phi, zoi or coi is out of its domain."""
    phi, zoi, coi = values[1, i], values[2, i], values[3, i]
    if not (is_positive(phi) and 0.0 < zoi < 1.0 and 0.0 < coi < 1.0 and abs(values[0, i]) < np.inf):
        return -np.inf
    informations[2, i] = bounded(1.0 / (zoi * (1.0 - zoi)))
    informations[3, i] = bounded(zoi / (coi * (1.0 - coi)))
    if 0.0 < y < 1.0:
        log_p, slopes[0, i], informations[0, i], of_phi = of_proportion(y, phi, np.log(phi), link)
        excess, excess_slope, informations[1, i] = of_precision(phi)
        slopes[1, i] = of_phi + excess_slope
        slopes[2, i] = -1.0 / (1.0 - zoi)
        slopes[3, i] = 0.0
        return log_p + excess + np.log1p(-zoi)
    slopes[0, i], slopes[1, i], informations[0, i], informations[1, i] = 0.0, 0.0, SMALLEST, SMALLEST
    slopes[2, i] = 1.0 / zoi
    slopes[3, i] = 1.0 / coi if y > 0.5 else -1.0 / (1.0 - coi)
    return np.log(zoi) + (np.log(coi) if y > 0.5 else np.log1p(-coi))


@kernel(fastmath=REORDERED)
def each_logit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the logit link, phi, zoi and coi in `values[1:]`; write its slopes and informations."""
    total = 0.0
    for i in range(len(y)):
        total += _row(y[i], logistic(values[0, i]), values, slopes, informations, i)
    return finite_or_impossible(total)


@kernel(fastmath=REORDERED)
def each_probit(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the probit link, phi, zoi and coi in `values[1:]`; write its slopes and informations."""
    total = 0.0
    for i in range(len(y)):
        total += _row(y[i], normal(values[0, i]), values, slopes, informations, i)
    return finite_or_impossible(total)


@kernel(fastmath=REORDERED)
def each_cloglog(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the cloglog link, phi, zoi and coi in `values[1:]`; write its slopes and informations."""
    total = 0.0
    for i in range(len(y)):
        total += _row(y[i], complementary_log_log(values[0, i]), values, slopes, informations, i)
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
    """Sum log p under the logit link; write its slopes and the expected information."""
    values, slopes, informations = spread(eta, own)
    log_p = each_logit(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p


@kernel
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
    values, slopes, informations = spread(eta, own)
    log_p = each_probit(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p


@kernel
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
    values, slopes, informations = spread(eta, own)
    log_p = each_cloglog(y, known, values, slopes, informations)
    gather(slopes, informations, slope, information, own_slope)
    return log_p
