"""What every row kernel returns where the density is not a finite number, and the smallest information."""

from typing import Final

import numpy as np

from partialpool.kernels import part

__all__ = ["SMALLEST", "finite_or_impossible"]

SMALLEST: Final = 1e-300
"""Information is never less: of a row that carries none, and where it underflows."""


@part(inlined=True)
def finite_or_impossible(total: float) -> float:
    """Return a sum of log densities; -inf where it is not finite."""
    return total if abs(total) < np.inf else -np.inf
