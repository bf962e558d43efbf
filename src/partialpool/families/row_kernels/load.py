"""Find the compiled kernels of a family on first use: families name theirs, and import no numba."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from partialpool.families.family import Family

__all__ = ["RowKernels", "load_censored_row_kernels", "load_row_kernels"]


@dataclass(frozen=True)
class RowKernels:
    """The compiled log density of all rows of a family under one link.

    Arrays are C-contiguous and of float64. `y`, `eta`, `slope` and `information` have shape (rows,); `own` and
    `own_slope` (k,); `values`, `slopes` and `informations` (1 + k, rows).

    - `y`: the response; categories as codes from 0.
    - `known`: (rows,): trials of the binomial family; known standard errors in place of sigma; the other ends of
      censored rows (`design/censoring.py`), or (3 x rows,), these and bounds (`within_bounds.py`); else empty.
    - `eta`: the linear predictor with its offset.
    - `own`: the family's parameters on their natural scale, in the order of `Family.parameters`; without sigma where
      standard errors are known; cutpoints, ascending, one after the other.
    - `values`: the linear predictor of the mean, then each of the family's parameters on its natural scale, which may
      differ from row to row.

    Attributes
    ----------
    rows
        For parameters that are the same in all rows.
        `rows(y, known, eta, own, slope, information, own_slope)` returns the sum of log p without what depends on y
        and known alone. It writes d log p / d eta of each row into `slope`; weights for Newton's steps into
        `information`, -d^2 log p / d eta^2 under the family's `log_concave_links`, else its expectation or that of a
        quasi-likelihood (beta-binomial), finite and never below 1e-300; and the slopes of the sum in the family's own
        parameters into `own_slope`. Where the sum is not finite, or parameters lie outside their domain, it returns
        -inf, and what it has written means nothing.
    each
        For parameters of each row; None for a family that has none, or ascending cutpoints.
        `each(y, known, values, slopes, informations)` returns the same sum. It writes the derivatives of log p of each
        row in its values into `slopes`, and into `informations` their informations, as above for the linear predictor,
        and of the parameters the expected ones on their natural scale, or other positive numbers near them: they serve
        Newton's steps and coordinates only.
    constant
        `constant(y, known)`, a function of NumPy, returns what both leave out, so that the two add up to the log
        density.
    """

    rows: Callable[..., float]
    each: Callable[..., float] | None
    constant: Callable[[np.ndarray, np.ndarray], float]


def load_row_kernels(family: Family, link: str) -> RowKernels:
    """Load the kernels of a family under one of its links; numba compiles them when they are first called.

    Raises
    ------
    NotImplementedError
        The family, or its module, has no kernel of the link.

    Examples
    --------
    >>> from partialpool.families.registry import FAMILIES
    >>> kernels = load_row_kernels(FAMILIES["poisson"], "log")
    >>> y, eta, none = np.array([2.0, 0.0]), np.array([0.5, -1.0]), np.empty(0)
    >>> slope, information = np.empty(2), np.empty(2)
    >>> log_p = kernels.rows(y, none, eta, none, slope, information, none)
    >>> float(log_p + kernels.constant(y, none)).__round__(6)
    -1.709748
    """
    return _load(family, family.row_kernels, link)


def load_censored_row_kernels(family: Family, link: str) -> RowKernels:
    """Load the kernels of rows that are known within bounds only, or given bounds (`within_bounds.py`).

    Raises
    ------
    NotImplementedError
        The family, or its module, has no such kernel of the link.
    """
    return _load(family, family.censored_row_kernels, link)


def _load(family: Family, path: str, link: str) -> RowKernels:
    module = import_module(path) if path else None
    rows, each = getattr(module, f"rows_{link}", None), getattr(module, f"each_{link}", None)
    if module is None or rows is None:
        raise NotImplementedError(
            f"family {family.name!r} has no compiled row kernel of the {link} link: write rows_{link} and constant in "
            f"families/row_kernels/{family.name}.py, and name that module in {type(family).__name__}.row_kernels "
            "(docs/extend.md)"
        )
    return RowKernels(rows, each, module.constant)
