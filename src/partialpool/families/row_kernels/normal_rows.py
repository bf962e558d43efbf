"""Sums over rows that are normal, or whose logarithm is: what the gaussian and the lognormal family have in common.

With z the residual of a row in units of its scale, log p = -z^2 / 2 - log sigma; sigma is 1 where `known` has the
standard errors.
"""

import numpy as np

from partialpool.families.row_kernels.outcome import finite_or_impossible
from partialpool.kernels import part

__all__ = ["constant_of_scale", "scale_of", "sum_of_squares"]


def constant_of_scale(known: np.ndarray, rows: int) -> float:
    """Return -rows log(2 pi) / 2, less the sum of the logs of known standard errors."""
    return -float(0.5 * rows * np.log(2 * np.pi) + np.sum(np.log(known)))


@part(inlined=True)
def scale_of(known: np.ndarray, own: np.ndarray) -> float:
    """Return sigma, the first of a family's own parameters; 1 where standard errors are known."""
    return 1.0 if len(known) > 0 else own[0]


@part
def sum_of_squares(squares: float, rows: int, known: np.ndarray, sigma: float, own_slope: np.ndarray) -> float:
    """Return the sum of log p, given that of z^2; write its slope in sigma where that is estimated."""
    if len(known) == 0:
        own_slope[0] = (squares - rows) / sigma
    return finite_or_impossible(-0.5 * squares - rows * np.log(sigma))
