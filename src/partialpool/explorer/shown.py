"""Which levels are shown, in which order, and on which part of the axis."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from partialpool.design.factors import Levels
from partialpool.errors import DataError, nearest
from partialpool.explorer.curves import PoolingCurves
from partialpool.explorer.means import infinite_ways
from partialpool.plots.axis_limits import robust_limits
from partialpool.reporting.limits import MOST_LEVELS

__all__ = ["axis_ends", "levels_in_order", "levels_to_show"]

_ROOM: Final = 0.5
"""Width that the interval of a new level may add to the axis on each side, relative to that of the estimates."""


def levels_to_show(known: Levels, rows: np.ndarray, levels: Sequence[Any] | None) -> np.ndarray:
    """Return the positions of the levels to show.

    Parameters
    ----------
    known, rows
        All levels, and the number of rows of each.
    levels
        Labels; None for all, or where these are too many for those spread from few rows to many.

    Raises
    ------
    DataError
        No such level, or none is named.
    """
    n_levels = len(known.labels)
    if levels is None:
        if n_levels <= MOST_LEVELS:
            return np.arange(n_levels)
        by_rows = np.argsort(rows, kind="stable")
        return by_rows[np.linspace(0, n_levels - 1, MOST_LEVELS).round().astype(int)]
    wanted = [levels] if isinstance(levels, str) else list(levels)
    found = known.positions(wanted)
    unknown = [level for level, at in zip(wanted, found, strict=True) if at is None]
    if unknown or not wanted:
        raise DataError(
            "no such level" if unknown else "no level is named",
            got=", ".join(map(repr, unknown)) or "an empty list",
            allowed=nearest(str(unknown[0]) if unknown else "", map(str, known.labels)),
            do="name some of these, or leave levels= out",
        )
    return np.array(sorted({at for at in found if at is not None}))


def levels_in_order(curves: PoolingCurves, at: int, kept: np.ndarray) -> np.ndarray:
    """Return the positions of the levels, those with the highest own estimates first.

    Without an own estimate the pooled one counts. Infinite estimates are at the two ends. The pooled estimate is
    decisive among equal ones.
    """
    pooled, ways = curves.values[at], infinite_ways(curves)
    own = np.where(np.isfinite(curves.values[-1]), curves.values[-1], pooled)
    own = np.select([ways > 0, ways < 0], [np.inf, -np.inf], own)
    return kept[np.lexsort((-pooled[kept], -own[kept]))]


def axis_ends(
    values: np.ndarray, at: int, infinite: np.ndarray, least: float, intervals: np.ndarray, *, new: np.ndarray
) -> tuple[float, float]:
    """Return the ends of the axis of estimates.

    It holds all those up to the starting sd, and own estimates unless they are far off. Estimates of levels whose own
    one is infinite leave it as the sd grows.

    Parameters
    ----------
    values, at, infinite
        The curves of the levels shown, the position of the starting sd, and which own estimates are infinite.
    least
        Least width of the axis.
    intervals
        Ends of the intervals of the levels shown, all of which the axis holds.
    new
        Ends of the interval of a new level, which it holds too unless it would be much wider for them.
    """
    limits = robust_limits(values[: at + 1], values[-1])
    if limits is not None:
        low, high = limits.low, limits.high
    else:
        drawn = np.concatenate([values[: at + 1].ravel(), values[:, ~infinite].ravel()])
        low, high = float(np.nanmin(drawn)), float(np.nanmax(drawn))
    more = max(0.0, least - (high - low)) / 2
    low, high = low - more, high + more
    drawn = intervals[np.isfinite(intervals)]
    low, high = min(low, float(drawn.min(initial=low))), max(high, float(drawn.max(initial=high)))
    room = _ROOM * (high - low)
    reach = np.clip(new[np.isfinite(new)], low - room, high + room)
    return min(low, float(reach.min(initial=low))), max(high, float(reach.max(initial=high)))
