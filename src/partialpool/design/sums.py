"""Sums over the rows of each level, for many draws at once."""

import numpy as np

from partialpool.design.build import FactorEffects

__all__ = ["sum_by_level"]


def sum_by_level(factor: FactorEffects, values: np.ndarray) -> np.ndarray:
    """Sum over the rows of each level, (draws, rows) to (draws, levels)."""
    order = np.argsort(factor.codes, kind="stable")
    first = np.searchsorted(factor.codes[order], np.arange(factor.n_levels))
    return np.add.reduceat(values[:, order], first, axis=1)
