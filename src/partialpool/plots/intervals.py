"""The intervals that pictures draw, and how one looks: a thin bar, a thick one within, and a circle for the point."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from partialpool.fitting.point_estimate import Point, quantiles
from partialpool.plots.style import BLUE, INK

__all__ = ["INNER", "OUTER", "draw_interval"]

INNER: Final = (0.25, 0.75)
OUTER: Final = (0.05, 0.95)
"""Probabilities at the ends of the thick bar, 50 % of the draws, and of the thin one, 90 %."""


def draw_interval(
    axes: Axes,
    place: float,
    draws: np.ndarray,
    point: Point,
    *,
    color: str = BLUE,
    edge: str = INK,
    edge_width: float = 1.0,
    clip_on: bool = True,
    label: str = "_",
) -> None:
    """Draw the intervals and the point of one quantity's draws, of any shape, across the panel at a height.

    Parameters
    ----------
    axes, place
        The panel, and where on its vertical axis.
    draws, point
        The quantity, and whether its circle is a mean or a median.
    color, edge, edge_width
        Of the bars, and of the circle.
    clip_on
        Whether the circle ends at the panel's edge.
    label
        Of the circle in a legend.
    """
    for (low, high), width in ((OUTER, 1.2), (INNER, 4.0)):
        axes.hlines(place, *quantiles(draws, (low, high)), lw=width, color=color)
    value = point.of(draws)
    axes.plot(value, place, "o", ms=5, mfc="white", mec=edge, mew=edge_width, clip_on=clip_on, label=label)
