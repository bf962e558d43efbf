"""What every row kernel returns where the density is not a finite number, and the bounds of the information."""

from typing import Final

import numpy as np

from partialpool.kernels import part

__all__ = ["LEAST_RATE", "NO_MEAN", "SMALLEST", "bounded", "finite_or_impossible", "is_positive", "is_share"]

SMALLEST: Final = 1e-300
"""Smallest information: of a row that carries none, or where it underflows."""
LEAST_RATE: Final = 1e-150
"""Under the inverse link, linear predictors of this and less have no mean."""
NO_MEAN: Final = 1e-290
"""Under the square-root link, means below this count as 0."""
_LARGEST: Final = 1e300
_LEAST: Final = 1e-100
_MOST: Final = 1e100


@part(inlined=True)
def finite_or_impossible(total: float) -> float:
    """Return a sum of log densities; -inf where it is not finite."""
    return total if abs(total) < np.inf else -np.inf


@part(inlined=True)
def bounded(information: float) -> float:
    """Return an information within 1e-300 and 1e300."""
    return min(max(information, SMALLEST), _LARGEST)


@part(inlined=True)
def is_positive(parameter: float) -> bool:
    """Return whether a scale or a shape is within 1e-100 and 1e100, so that its powers are finite and positive."""
    return _LEAST < parameter < _MOST


@part(inlined=True)
def is_share(parameter: float) -> bool:
    """Return whether a probability is above 1e-100 and below 1."""
    return _LEAST < parameter < 1.0
