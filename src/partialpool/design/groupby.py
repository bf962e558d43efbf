"""Sums over the rows of each level, for many draws at once."""

import numpy as np

from partialpool.design.factor_effects import FactorEffects

__all__ = ["center_within", "sum_by_level"]


def sum_by_level(factor: FactorEffects, values: np.ndarray) -> np.ndarray:
    """Sum over the rows of each level, (draws, rows) to (draws, levels)."""
    order = np.argsort(factor.codes, kind="stable")
    first = np.searchsorted(factor.codes[order], np.arange(factor.n_levels))
    return np.add.reduceat(values[:, order], first, axis=1)


def center_within(factor: FactorEffects, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take a predictor's level means off, and sum the squares of what is left.

    Parameters
    ----------
    factor, x
        The factor, and the predictor's value in each row, (rows,).

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        (rows,), and by level, (levels,): 0 where x varies by no more than rounding.
    """
    # Centred first: a date in seconds varies by little of its size.
    off = x - x.mean()
    n = np.bincount(factor.codes, minlength=factor.n_levels)
    inside = off - (np.bincount(factor.codes, off, factor.n_levels) / n)[factor.codes]
    squares = np.bincount(factor.codes, inside**2, factor.n_levels)
    return inside, np.where(squares > 1e-12 * np.mean(off**2), squares, 0.0)
