"""Whether cross-products carry enough digits for the noise they are to resolve.

What the model leaves unexplained, q = |r - W Lambda u|^2, is a difference of cross-products of size n in the units
of the response, known to about 10 n eps (eps 2.2e-16). The log density contains q / (2 sigma^2): once the noise is
some millionths of the response's sd, that term is rounding. Weights unit / se play the part of 1 / sigma.

Effects with one row each can explain everything (levels with a known covariance, say), so that sigma = 0 is possible
and has little mass. A density that is rounding there has peaks of any height, so it is left out: below a tenth of the
smallest noise it is taken to be 0. What is left of perfectly fitted data then peaks next to that, and is refused.
"""

from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.kernels import part

__all__ = ["check_digits", "is_rounding", "smallest_noise"]

BLUR: Final = 0.01
"""Error of the log density that chains, evidence and maxima do not notice."""
_SMALLEST: Final = float(np.sqrt(10 * np.finfo(float).eps / BLUR))
_LEFT_OUT: Final = 0.1 * _SMALLEST


def smallest_noise(rows: int) -> float:
    """Return the smallest sd of noise, in sds of the response, for which the log density is right to 0.01."""
    return float(_SMALLEST * np.sqrt(rows))


@part
def is_rounding(sigma: float, rows: int) -> bool:
    """Whether a sampled sigma, in sds of the response, is so small that the log density is mostly rounding."""
    return not sigma > _LEFT_OUT * np.sqrt(rows)


def check_digits(design: Design, unit: float, sigma: float) -> None:
    """Refuse a noise too small to be told from rounding.

    Parameters
    ----------
    design
        Of what is to be evaluated.
    unit
        Scale of the response, as the algebra's units have it.
    sigma
        Residual sd in the units of the algebra; not looked at where standard errors are known.

    Raises
    ------
    EngineError
        The noise is too small.
    """
    name, noise = ("residual sd", sigma) if design.se is None else ("standard error", float(design.se.min()) / unit)
    least = smallest_noise(design.n_rows)
    if not noise > least:
        raise EngineError(
            "the noise is too small against the response to be told from rounding",
            got=f"a {name} of {noise * unit:.2g}, {noise:.2g} of the scale of the response ({unit:.3g})",
            allowed=f"at least {least:.2g} of it, with {design.n_rows} rows",
            do="look whether the response is computed from its predictors, or subtract what is known exactly by an "
            "offset; engine='nuts' works on the rows themselves",
        )
