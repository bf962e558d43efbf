"""Coefficients that the rows do not identify: columns that are combinations of others, as where a cell has no rows.

As in lme4 and lm, the later one of columns that depend on each other is left out. The names of the columns left out are
kept, and so is the information where it matters: in new rows in which such a column is not that combination.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["Aliases", "find_aliases", "find_empty", "may_be_left_out"]

_EXACT: Final = 1e-9
"""Length of the new part of a column relative to the column: below this value it is rounding error."""
_SUSPECT: Final = 1e-8
"""Ratio of the smallest to the largest eigenvalue of the cross-products above which no column is checked singly."""


@dataclass(frozen=True, eq=False)
class Aliases:
    """Columns that are left out, and how they follow from the others.

    Attributes
    ----------
    kept, dropped
        Positions among all columns.
    weights
        X_dropped = X_kept @ weights over the rows, shape (kept, dropped).
    """

    kept: np.ndarray
    dropped: np.ndarray
    weights: np.ndarray

    def not_estimable(self, values: np.ndarray) -> np.ndarray:
        """Whether, in each row, the columns left out differ from the same combination of the others, shape (rows,).

        The expectation there is not estimable from what was observed (Searle 1971, Linear Models, section 5.4): it
        would be another number if another column had been left out.
        """
        kept, dropped = values[:, self.kept], values[:, self.dropped]
        size = np.abs(dropped) + np.abs(kept) @ np.abs(self.weights)
        return (np.abs(dropped - kept @ self.weights) > 1e-6 * size).any(axis=1)


def find_aliases(values: np.ndarray, terms: tuple[int, ...], lengths: tuple[int, ...]) -> Aliases | None:
    """Find the columns of terms with categories that depend on those before them.

    Parameters
    ----------
    values
        All columns, a constant one among them where there is an intercept, shape (rows, columns).
    terms
        Which term each column belongs to, (columns,).
    lengths
        For each column, how many columns of the table its term crosses where one of them has categories, else 0.
        Columns of terms without categories stay, and so do those of a single categorical predictor that is redundant
        as a whole: the same column twice is a mistake, not an empty cell.

    Returns
    -------
    Aliases or None
        None where nothing is left out.
    """
    size = np.sqrt((values**2).sum(axis=0))
    scaled = values / np.where(size > 0, size, 1)
    if not any(lengths) or _is_well_conditioned(scaled):
        return None
    dependent = _dependent(scaled)
    may_go = may_be_left_out(dependent, terms, lengths)
    dropped, kept = np.flatnonzero(dependent & may_go), np.flatnonzero(~(dependent & may_go))
    if not len(dropped):
        return None
    weights = np.linalg.lstsq(scaled[:, kept], scaled[:, dropped], rcond=None)[0]
    weights[np.abs(weights) < 1e-10] = 0.0
    weights = weights * size[dropped] / np.where(size[kept] > 0, size[kept], 1)[:, None]
    return Aliases(kept, dropped, weights)


def may_be_left_out(dependent: np.ndarray, terms: tuple[int, ...], lengths: tuple[int, ...]) -> np.ndarray:
    """Whether each column may be left out if it is dependent, boolean (columns,), given as to `find_aliases`."""
    may_go = np.array([length > 1 for length in lengths])
    for term in {t for t, length in zip(terms, lengths, strict=True) if length == 1}:
        own = np.array(terms) == term
        may_go |= own & (not dependent[own].all())
    return may_go


def find_empty(values: np.ndarray, lengths: tuple[int, ...]) -> Aliases | None:
    """Find the columns of varying effects that are 0 in every row: cells of crossed categories without rows.

    No row informs such an effect. Other columns that depend on each other stay: each has an sd of its own.
    """
    empty = (values == 0).all(axis=0) & np.array([length > 1 for length in lengths], dtype=bool)
    if not empty.any():
        return None
    kept, dropped = np.flatnonzero(~empty), np.flatnonzero(empty)
    return Aliases(kept, dropped, np.zeros((len(kept), len(dropped))))


def _is_well_conditioned(scaled: np.ndarray) -> bool:
    eigenvalues = np.linalg.eigvalsh(scaled.T @ scaled)
    return bool(eigenvalues[0] > _SUSPECT * eigenvalues[-1])


def _dependent(scaled: np.ndarray) -> np.ndarray:
    """Whether each column is a combination of those before it, by Gram-Schmidt applied twice, shape (columns,)."""
    basis = np.empty((len(scaled), 0))
    found = np.zeros(scaled.shape[1], dtype=bool)
    for at, column in enumerate(scaled.T):
        rest = column - basis @ (basis.T @ column)
        rest -= basis @ (basis.T @ rest)
        length = np.sqrt(rest @ rest)
        found[at] = length <= _EXACT
        if not found[at]:
            basis = np.column_stack([basis, rest / length])
    return found
