"""Intervals in figures: a thin bar, a thick bar within it, and a circle for the point estimate."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from partialpool.fitting.point_estimate import Point, quantiles
from partialpool.plots.style import BLUE, INK

__all__ = ["INNER", "OUTER", "draw_interval"]

INNER: Final = (0.25, 0.75)
OUTER: Final = (0.05, 0.95)
"""Quantile probabilities at the ends of the thick bar (50 % interval) and of the thin bar (90 %)."""


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
    """Draw horizontal intervals and the point estimate of one quantity's draws (of any shape).

    Parameters
    ----------
    axes, place
        The panel, and the position on its vertical axis.
    draws, point
        Draws of the quantity, and whether the circle is their mean or median.
    color, edge, edge_width
        Color of the bars; edge color and width of the circle.
    clip_on
        Whether the circle is clipped at the panel's edge.
    label
        Label of the circle in a legend.
    """
    for (low, high), width in ((OUTER, 1.2), (INNER, 4.0)):
        axes.hlines(place, *quantiles(draws, (low, high)), lw=width, color=color)
    value = point.of(draws)
    axes.plot(value, place, "o", ms=5, mfc="white", mec=edge, mew=edge_width, clip_on=clip_on, label=label)
