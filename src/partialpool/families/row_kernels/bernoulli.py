"""Row kernels of the Bernoulli family: y is 0 or 1; nothing is left out of the log density."""

import numpy as np

from partialpool.families.row_kernels import binary_rows
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
    """Return 0: nothing is left out."""
    return 0.0


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
