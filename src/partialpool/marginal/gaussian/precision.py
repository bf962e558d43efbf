"""Check that cross-products have enough digits to resolve the noise.

The unexplained sum of squares, q = |r - W Lambda u|^2, is a difference of cross-products of size n in the units
of the response, accurate to about 10 n eps (eps 2.2e-16). The log density contains q / (2 sigma^2): if the noise is
some millionths of the response's sd, that term is mostly rounding. Weights unit / se have the role of 1 / sigma.

Effects with one row each can explain all variation (levels with a known covariance, for instance), so that sigma = 0 is
possible and has little mass. A density that is mostly rounding there has peaks of any height, so it is excluded: below
a tenth of the smallest noise it is set to 0. For perfectly fitted data the peak is then next to that limit, and the fit
is refused.
"""

from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.kernels import part

__all__ = ["check_digits", "is_rounding", "smallest_noise"]

BLUR: Final = 0.01
"""Error of the log density that does not affect chains, evidence and maxima."""
_SMALLEST: Final = float(np.sqrt(10 * np.finfo(float).eps / BLUR))
_LEFT_OUT: Final = 0.1 * _SMALLEST


def smallest_noise(rows: int) -> float:
    """Return the smallest sd of noise, in sds of the response, for which the log density is accurate to 0.01."""
    return float(_SMALLEST * np.sqrt(rows))


@part
def is_rounding(sigma: float, rows: int) -> bool:
    """Whether a sampled sigma, in sds of the response, is so small that the log density is mostly rounding."""
    return not sigma > _LEFT_OUT * np.sqrt(rows)


def check_digits(design: Design, unit: float, sigma: float) -> None:
    """Refuse noise that is too small to be distinguished from rounding.

    Parameters
    ----------
    design
        The design to be evaluated.
    unit
        Scale of the response in the algebra's units.
    sigma
        Residual sd in the units of the algebra; not used if standard errors are known.

    Raises
    ------
    EngineError
        The noise is too small.
    """
    name, noise = ("residual sd", sigma) if design.se is None else ("standard error", float(design.se.min()) / unit)
    least = smallest_noise(design.n_rows)
    if not noise > least:
        raise EngineError(
            "the noise is too small, relative to the response, to be distinguished from rounding",
            got=f"a {name} of {noise * unit:.2g}, {noise:.2g} of the scale of the response ({unit:.3g})",
            allowed=f"at least {least:.2g} of it, with {design.n_rows} rows",
            do="check whether the response is computed from its predictors, or subtract parts known exactly by an "
            "offset; engine='pymc' works on the rows themselves",
        )
