"""What every row kernel returns where the density is not a finite number, and the bounds of the information."""

from typing import Final

import numpy as np

from partialpool.kernels import part

__all__ = ["SMALLEST", "bounded", "finite_or_impossible", "is_positive"]

SMALLEST: Final = 1e-300
"""Information is never less: of a row that carries none, and where it underflows."""
_LARGEST: Final = 1e300


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
    """Return whether a scale or a shape is positive and finite."""
    return parameter > 0.0 and parameter < np.inf
