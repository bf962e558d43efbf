"""Cells of tables: a point estimate and its interval, in columns of their own or in one cell."""

from collections.abc import Iterable

import numpy as np

from partialpool.fitting.point_estimate import Point, quantiles
from partialpool.reporting.reported import Reported
from partialpool.tabulate import estimate_cells

__all__ = ["cell_with_interval", "common_spread", "interval_cells"]


def interval_cells(
    reported: Reported, draws: np.ndarray, point: Point, *, spread: float | None = None
) -> tuple[str, ...]:
    """Return the point estimate of draws of one quantity and the ends of its interval, with the same decimals.

    Parameters
    ----------
    reported, draws, point
        Whose interval it is, draws of any shape, and whether the estimate is their mean or median.
    spread
        Sd that determines the decimals; by default that of the draws.
    """
    low, high = quantiles(draws, reported.ends)
    sd = point.spread(draws) if spread is None else spread
    return estimate_cells((float(point.of(draws)), float(low), float(high)), sd)


def cell_with_interval(reported: Reported, draws: np.ndarray, point: Point, *, spread: float | None = None) -> str:
    """Return the same as one cell, `0.31 (0.25 to 0.37)`, for tables with a column for each of several quantities."""
    value, low, high = interval_cells(reported, draws, point, spread=spread)
    return f"{value} ({low} to {high})"


def common_spread(draws: Iterable[np.ndarray], point: Point) -> float:
    """Return the median sd of several quantities, so that all numbers of a table have the same decimals.

    Examples
    --------
    >>> from partialpool.fitting.point_estimate import MEAN
    >>> round(common_spread([np.array([0.0, 2.0]), np.array([1.0, 3.0]), np.array([0.0, 200.0])], MEAN), 2)
    1.41
    """
    return float(np.median([point.spread(own) for own in draws]))
