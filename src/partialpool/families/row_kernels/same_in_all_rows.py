"""Row kernels for parameters that are the same in all rows, made from those for parameters of each row.

A module with `each_log` writes

    @kernel
    def rows_log(y, known, eta, own, slope, information, own_slope):
        values, slopes, informations = spread(eta, own)
        log_p = each_log(y, known, values, slopes, informations)
        gather(slopes, informations, slope, information, own_slope)
        return log_p

A kernel of its own is worth it where terms that depend on the parameters alone cost much of a row.
"""

import numpy as np

from partialpool.kernels import part

__all__ = ["gather", "spread"]


@part
def spread(eta: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values of `RowKernels.each` with the same parameters in all rows, and room for what it writes."""
    rows = len(eta)
    values = np.empty((1 + len(own), rows))
    for i in range(rows):
        values[0, i] = eta[i]
    for k in range(len(own)):
        for i in range(rows):
            values[1 + k, i] = own[k]
    return values, np.empty((1 + len(own), rows)), np.empty((1 + len(own), rows))


@part
def gather(
    slopes: np.ndarray,
    informations: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> None:
    """Write slope and information of the linear predictor, and the sums over the rows of the parameters' slopes."""
    rows = len(slope)
    for i in range(rows):
        slope[i] = slopes[0, i]
        information[i] = informations[0, i]
    for k in range(len(own_slope)):
        total = 0.0
        for i in range(rows):
            total += slopes[1 + k, i]
        own_slope[k] = total
