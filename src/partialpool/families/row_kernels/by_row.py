"""The log density of rows of which several parameters have predictors.

The linear predictors of a row are P rows apart: `eta` has those of the mean, then those of each parameter that has a
predictor, in the family's order. A parameter is the inverse link of its predictor,

    d log p / d eta_k = d log p / d theta_k  d theta_k / d eta_k,

and the information about eta_k is that about theta_k times (d theta_k / d eta_k)^2. Cutpoints are different: each is a
parameter that is the same in all rows, less its predictor.
"""

from typing import Final

import numba as nb
import numpy as np

from partialpool.families.row_kernels.outcome import bounded
from partialpool.families.row_kernels.vector_math import exp
from partialpool.kernel_address import by_address
from partialpool.kernels import kernel, part

__all__ = ["BY_ROW_ARGUMENTS", "EACH_ARGUMENTS", "LESS_PREDICTOR", "LINK_CODES", "SAME_IN_ALL_ROWS", "rows_by_row"]

SAME_IN_ALL_ROWS: Final = -1
"""Code of a parameter without a predictor."""
_IDENTITY, _LOG, _LOGIT = 0, 1, 2
LESS_PREDICTOR: Final = 3
"""Code of a parameter that is the same in all rows, less a predictor."""
LINK_CODES: Final = {"identity": _IDENTITY, "log": _LOG, "logit": _LOGIT}
"""Codes of the links of parameters."""
_VECTOR: Final = nb.types.Array(nb.types.float64, 1, "C")
_TABLE: Final = nb.types.Array(nb.types.float64, 2, "C")
_CODES: Final = nb.types.Array(nb.types.int64, 1, "C")
EACH_ARGUMENTS: Final = (_VECTOR, _VECTOR, _TABLE, _TABLE, _TABLE)
"""numba's types of the arguments of `RowKernels.each`."""
BY_ROW_ARGUMENTS: Final = (nb.types.int64, _CODES, *(_VECTOR,) * 7)
"""Those of `rows_by_row`."""
_LARGEST_SHARE: Final = 1.0 - 2.0**-53
"""The largest number below 1."""
_call_each = by_address(nb.types.float64, EACH_ARGUMENTS)


@part(inlined=True)
def _inverse(code: int, eta: float) -> float:
    """Return the parameter of a predictor; a probability is never 1 exactly."""
    if code == _LOG:
        return exp(eta)
    return min(1.0 / (1.0 + exp(-eta)), _LARGEST_SHARE) if code == _LOGIT else eta


@part(inlined=True)
def _derivative(code: int, eta: float, value: float) -> float:
    """Return the derivative of the parameter in its predictor."""
    if code == _LOG:
        return value
    return value / (1.0 + exp(eta)) if code == _LOGIT else 1.0


@kernel
def rows_by_row(
    each: int,
    links: np.ndarray,
    y: np.ndarray,
    known: np.ndarray,
    eta: np.ndarray,
    own: np.ndarray,
    slope: np.ndarray,
    information: np.ndarray,
    own_slope: np.ndarray,
) -> float:
    """Sum log p, and write its slopes and informations, as `RowKernels.rows` does.

    Parameters
    ----------
    each
        Address of the family's kernel `each`.
    links
        By parameter of the family, the code of the link of its predictor, that it has none, or that it is less one,
        (k,).
    y, known
        Response, and trials or nothing, (rows,).
    eta, slope, information
        Of every predictor, (predictors x rows,).
    own, own_slope
        The family's parameters, (k,); those of a predictor with a link are not read, and their slopes are 0.
    """
    rows, size = len(y), len(links)
    values = np.empty((1 + size, rows))
    slopes, informations = np.empty((1 + size, rows)), np.empty((1 + size, rows))
    for i in range(rows):
        values[0, i] = eta[i]
    at = 0
    for k in range(size):
        at += rows if links[k] >= 0 else 0
        for i in range(rows):
            if links[k] == LESS_PREDICTOR:
                values[1 + k, i] = own[k] - eta[at + i]
            else:
                values[1 + k, i] = _inverse(links[k], eta[at + i]) if links[k] >= 0 else own[k]
    total = _call_each(each, (y, known, values, slopes, informations))
    for i in range(rows):
        slope[i] = slopes[0, i]
        information[i] = informations[0, i]
    at = 0
    for k in range(size):
        own_slope[k] = 0.0
        if links[k] < 0 or links[k] == LESS_PREDICTOR:
            for i in range(rows):
                own_slope[k] += slopes[1 + k, i]
        if links[k] < 0:
            continue
        at += rows
        for i in range(rows):
            if links[k] == LESS_PREDICTOR:
                slope[at + i], information[at + i] = -slopes[1 + k, i], bounded(informations[1 + k, i])
                continue
            by = _derivative(links[k], eta[at + i], values[1 + k, i])
            slope[at + i] = slopes[1 + k, i] * by
            information[at + i] = bounded(informations[1 + k, i] * by * by)
    return total
