"""Row kernels of the lognormal family for rows known within bounds only, or given bounds (`normal_interval.py`).

`known`: see `within_bounds.py`. Own parameter: sigma. Left out: log(2 pi) / 2 and log y of rows that were seen.
"""

import numpy as np

from partialpool.families.row_kernels.normal_interval import bounded_row
from partialpool.families.row_kernels.outcome import bounded, finite_or_impossible, is_positive
from partialpool.families.row_kernels.same_in_all_rows import gather, spread
from partialpool.families.row_kernels.within_bounds import other_ends
from partialpool.kernels import kernel

__all__ = ["constant", "each_identity", "rows_identity"]


def constant(y: np.ndarray, known: np.ndarray) -> float:
    """Return the sum of -log(2 pi) / 2 - log y over the rows that were seen."""
    seen = y[y == other_ends(y, known)]
    return -float(0.5 * len(seen) * np.log(2 * np.pi) + np.sum(np.log(seen)))


@kernel
def each_identity(
    y: np.ndarray, known: np.ndarray, values: np.ndarray, slopes: np.ndarray, informations: np.ndarray
) -> float:
    """Sum log p under the identity link, sigma in `values[1]`; write its slopes and informations."""
    total, usable = 0.0, True
    for i in range(len(y)):
        usable &= is_positive(values[1, i])
        log_p, slopes[0, i], slopes[1, i], information, informations[1, i] = bounded_row(
            i, y, known, values[0, i], values[1, i], True
        )
        informations[0, i] = bounded(information)
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
