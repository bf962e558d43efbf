"""Rows of a generalised model with one grouping factor, or two nested ones, sorted by level."""

from typing import NamedTuple

import numpy as np

from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["LevelRows", "NestedRows", "rows_by_level", "rows_by_parent"]


class LevelRows(NamedTuple):
    """Rows sorted by level; where there are several predictors, a level has the rows of one after those of the other.

    Attributes
    ----------
    y, known
        As in `weighted_rows.Rows`, (rows,).
    start
        The same, (predictors x rows,).
    columns
        Columns of the fixed effects, (coefs, predictors x rows).
    effects
        Columns of the group effects, (effects, predictors x rows).
    first
        First row of every level, and the number of rows, (levels + 1,).
    is_concave
        Whether every log density is concave in the linear predictors, so that f has one mode.
    predictors
        Number of predictors.
    """

    y: np.ndarray
    known: np.ndarray
    start: np.ndarray
    columns: np.ndarray
    effects: np.ndarray
    first: np.ndarray
    is_concave: bool
    predictors: int = 1


class NestedRows(NamedTuple):
    """Rows sorted by parent, and by child within.

    Attributes
    ----------
    children
        The rows, levels being the children, which have one effect.
    above
        Column of the parents' effect, (rows,).
    parents
        First child of every parent, and the number of children, (parents + 1,).
    """

    children: LevelRows
    above: np.ndarray
    parents: np.ndarray


def rows_by_level(rows: Rows, *, is_concave: bool) -> LevelRows:
    """Sort the rows of a model with one grouping factor by level."""
    size = len(rows.y)
    level = rows.places[0] // rows.widths[0]
    place = np.arange(len(level))
    counts = np.bincount(level[:size], minlength=int(rows.levels[0]))
    first = np.append(0, np.cumsum(counts))
    return _in_order(rows, np.lexsort((place % size, place // size, level)), first, is_concave=is_concave)


def rows_by_parent(rows: Rows, *, is_concave: bool) -> NestedRows:
    """Sort the rows of a model with two factors of one effect each; the first is nested in the second."""
    children, parents = rows.places
    order = np.lexsort((children, parents))
    starts = np.flatnonzero(np.diff(children[order], prepend=-1))
    of_child = parents[order][starts]
    return NestedRows(
        _in_order(rows, order, np.append(starts, len(order)), is_concave=is_concave),
        np.ascontiguousarray(rows.effects[1, 0, order]),
        np.append(np.flatnonzero(np.diff(of_child, prepend=-1)), len(of_child)).astype(np.int64),
    )


def _in_order(rows: Rows, order: np.ndarray, first: np.ndarray, *, is_concave: bool) -> LevelRows:
    """Sort the rows of all predictors in an order in which those of each level of the first factor follow each other.

    Within a level they are in the order of the predictors, each with the same rows.
    """
    size = len(rows.y)
    of_y = order[order < size]
    return LevelRows(
        rows.y[of_y],
        rows.known.reshape(size, -1)[of_y].ravel(),
        rows.start[order],
        np.ascontiguousarray(rows.columns[:, order]),
        np.ascontiguousarray(rows.effects[0, : rows.widths[0], order].T),
        first.astype(np.int64),
        is_concave,
        len(order) // size,
    )
