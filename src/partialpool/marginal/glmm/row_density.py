"""The log density of rows by the family's kernels, which are called by their addresses."""

from typing import Final, NamedTuple

import numba as nb
import numpy as np

from partialpool.families.row_kernels.by_row import BY_ROW_ARGUMENTS
from partialpool.kernel_address import by_address
from partialpool.kernels import part

__all__ = ["ROWS_ARGUMENTS", "ByRow", "RowDensity", "sum_rows"]

ROWS_ARGUMENTS: Final = (nb.types.Array(nb.types.float64, 1, "C"),) * 7
"""numba's types of the arguments of `RowKernels.rows`."""
_call_rows = by_address(nb.types.float64, ROWS_ARGUMENTS)
_call_by_row = by_address(nb.types.float64, BY_ROW_ARGUMENTS)


class ByRow(NamedTuple):
    """How rows are evaluated of which several parameters have predictors: see `row_kernels/by_row.py`.

    Attributes
    ----------
    address
        Of the kernel `rows_by_row`; 0 where the mean alone has a predictor.
    each
        Of the family's kernel `RowKernels.each`.
    links
        By parameter, the code of the link of its predictor, (k,).
    """

    address: int
    each: int
    links: np.ndarray


class RowDensity(NamedTuple):
    """The kernel of some rows: `rows` is the address of the family's `RowKernels.rows`."""

    rows: int
    by_row: ByRow


@part
def sum_rows(
    density: RowDensity,
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum the log density of the rows, and write its slopes and informations, as `RowKernels.rows` does."""
    by_row = density.by_row
    if by_row.address == 0:
        return _call_rows(density.rows, (y, known, eta, own, slope, information, own_slope))
    given = (by_row.each, by_row.links, y, known, eta, own, slope, information, own_slope)
    return _call_by_row(by_row.address, given)
