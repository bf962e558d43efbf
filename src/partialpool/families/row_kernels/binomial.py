"""Row kernels of the binomial family: y successes of `known` trials; log(n choose y) is left out."""

import numpy as np
from scipy import special

from partialpool.families.row_kernels import binary_rows
from partialpool.families.row_kernels.gamma_functions import log_poisson_at_count
from partialpool.kernels import kernel

__all__ = [
    "constant",
    "curved_cloglog",
    "curved_logit",
    "curved_probit",
    "value_cloglog",
    "value_logit",
    "value_probit",
]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of log(n choose y), from c(n) = n log n - n - log(n!), which is small for large counts."""
    failures = known - y
    entropy = special.xlogy(known, known) - special.xlogy(y, y) - special.xlogy(failures, failures)
    rest = log_poisson_at_count(y) + log_poisson_at_count(failures) - log_poisson_at_count(known)
    return float(np.sum(entropy + rest))


@kernel
def value_logit(
    y: np.ndarray, known: np.ndarray, eta: np.ndarray, own: np.ndarray, slope: np.ndarray, own_slope: np.ndarray
) -> float:
    """Sum log p under the logit link and write its slopes."""
    return binary_rows.value_logit(y, known, eta, slope)


@kernel
def curved_logit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the logit link; write its slopes and the observed information."""
    return binary_rows.curved_logit(y, known, eta, slope, information)


@kernel
def value_probit(
    y: np.ndarray, known: np.ndarray, eta: np.ndarray, own: np.ndarray, slope: np.ndarray, own_slope: np.ndarray
) -> float:
    """Sum log p under the probit link and write its slopes."""
    return binary_rows.value_probit(y, known, eta, slope)


@kernel
def curved_probit(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the probit link; write its slopes and the observed information."""
    return binary_rows.curved_probit(y, known, eta, slope, information)


@kernel
def value_cloglog(
    y: np.ndarray, known: np.ndarray, eta: np.ndarray, own: np.ndarray, slope: np.ndarray, own_slope: np.ndarray
) -> float:
    """Sum log p under the cloglog link and write its slopes."""
    return binary_rows.value_cloglog(y, known, eta, slope)


@kernel
def curved_cloglog(
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p under the cloglog link; write its slopes and the observed information."""
    return binary_rows.curved_cloglog(y, known, eta, slope, information)
