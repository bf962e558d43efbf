"""The SciPy distribution of a prior of one number."""

from typing import Any

from partialpool.distributions.prior import Prior
from partialpool.distributions.scipy_wrappers import Truncated
from partialpool.distributions.table import DISTRIBUTIONS

__all__ = ["frozen"]


def frozen(prior: Prior) -> Any:
    """Return the SciPy distribution of a scalar prior.

    Raises
    ------
    TypeError
        A prior of more than one number: correlations, shares, or all coefficients.
    """
    standard = prior.standard
    make = DISTRIBUTIONS[standard.distribution].scipy
    if make is None:
        raise TypeError(f"{prior} is not a prior of one number")
    whole = make(**standard.arguments)
    return whole if standard.lower is None else Truncated(whole, standard.lower)
