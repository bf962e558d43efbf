"""Rows of a generalised model with one grouping factor, sorted by level."""

from typing import NamedTuple

import numpy as np

from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["LevelRows", "rows_by_level"]


class LevelRows(NamedTuple):
    """Rows sorted by level.

    Attributes
    ----------
    y, known, start
        As in `weighted_rows.Rows`, (rows,).
    columns
        Columns of the fixed effects, (coefs, rows).
    effects
        Columns of the group effects, (effects, rows).
    first
        First row of every level, and the number of rows, (levels + 1,).
    is_concave
        Whether every log density is concave in the linear predictor, so that f has one mode.
    """

    y: np.ndarray
    known: np.ndarray
    start: np.ndarray
    columns: np.ndarray
    effects: np.ndarray
    first: np.ndarray
    is_concave: bool


def rows_by_level(rows: Rows, *, is_concave: bool) -> LevelRows:
    """Sort the rows of a model with one grouping factor by level."""
    order = np.argsort(rows.places[0], kind="stable")
    counts = np.bincount(rows.places[0] // rows.widths[0], minlength=int(rows.levels[0]))
    return LevelRows(
        rows.y[order],
        rows.known[order] if len(rows.known) else rows.known,
        rows.start[order],
        np.ascontiguousarray(rows.columns[:, order]),
        np.ascontiguousarray(rows.effects[0, : rows.widths[0], order].T),
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        is_concave,
    )
