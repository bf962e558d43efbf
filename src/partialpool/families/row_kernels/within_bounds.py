"""Rows that are known within bounds only, or whose bounds are known: how kernels read them.

`known` has one number for each row, the other end of a censored response (`families/censored.py`), or three, row after
row: the other end, and the bounds (low, high] outside which there are no rows, as a response and its other end: high
and -inf where there is no lower bound, -inf and inf where there is none at all. With L the log probability of such a
pair, the log density of a row is

    L(response, other end) - L(bounds),

so that each family's part for one row serves both. The information of a row is that of the response less that of the
bounds. It is not always above 0, and serves Newton's steps and coordinates: a small part of the whole is the least.
"""

from typing import Final

import numpy as np

from partialpool.kernels import part

__all__ = ["has_bounds", "known_of_rows", "left_over", "other_ends", "width_of"]

_LEAST: Final = 1e-4
"""Least information of a row, as a part of that without bounds."""


def known_of_rows(other_end: np.ndarray, bounds: tuple[np.ndarray, np.ndarray] | None) -> np.ndarray:
    """Return `known`, (rows,), or (3 x rows,) with bounds (low, high].

    Examples
    --------
    >>> known_of_rows(np.array([2.0, np.inf]), (np.array([1.0, -np.inf]), np.full(2, 7.0))).tolist()
    [2.0, 1.0, 7.0, inf, 7.0, -inf]
    """
    if bounds is None:
        return np.array(other_end, float)
    low, high = bounds
    is_left = (low == -np.inf) & (high < np.inf)
    return np.stack([other_end, np.where(is_left, high, low), np.where(is_left, low, high)], axis=1).ravel()


def other_ends(y: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return the other end of each row, (rows,)."""
    return known.reshape(len(y), -1)[:, 0]


@part(inlined=True)
def width_of(known: np.ndarray, y: np.ndarray) -> int:
    """Return how many numbers of `known` a row has."""
    return len(known) // len(y)


@part(inlined=True)
def has_bounds(known: np.ndarray, width: int, i: int) -> bool:
    """Return whether row i has bounds."""
    return width > 1 and known[width * i + 1] > -np.inf


@part(inlined=True)
def left_over(information: float, of_bounds: float, whole: float) -> float:
    """Return the information of a row, given those of the response, of its bounds and of a response without bounds."""
    return max(information - of_bounds, _LEAST * whole)
