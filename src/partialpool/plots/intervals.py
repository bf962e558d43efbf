"""Intervals in figures: a thin bar, a thick bar within it, and a circle for the point estimate."""

from typing import Final

import numpy as np
from matplotlib.axes import Axes

from partialpool.fitting.point_estimate import Point, quantiles
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.plots.style import BLUE, INK

__all__ = ["bars_in_words", "draw_interval", "interval_bars"]

_INNER: Final = 0.5
"""Probability of the thick bar."""


def interval_bars(prob: float) -> tuple[tuple[float, float], ...]:
    """Return the ends, as quantile probabilities, of the thin bar and of the thick one within it.

    A thin bar of 50 % or less has no thick one in it.

    Raises
    ------
    SpecError
        `prob` is not between 0 and 1.

    Examples
    --------
    >>> interval_bars(0.75)
    ((0.125, 0.875), (0.25, 0.75))
    """
    outer = central_ends(prob)
    return (outer, central_ends(_INNER)) if prob > _INNER else (outer,)


def bars_in_words(prob: float, what: str = "intervals") -> str:
    """Return what the bars are, for titles and captions.

    Examples
    --------
    >>> bars_in_words(0.95), bars_in_words(0.5, "bands")
    ('50 % and 95 % intervals', '50 % bands')
    """
    return f"{f'{percent(_INNER)} and ' if prob > _INNER else ''}{percent(prob)} {what}"


def draw_interval(
    axes: Axes,
    place: float,
    draws: np.ndarray,
    point: Point,
    *,
    prob: float = DEFAULT_PROB,
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
    prob
        Probability of the thin bar; the thick bar contains 50 %.
    color, edge, edge_width
        Color of the bars; edge color and width of the circle.
    clip_on
        Whether the circle is clipped at the panel's edge.
    label
        Label of the circle in a legend.
    """
    for ends, width in zip(interval_bars(prob), (1.2, 4.0), strict=False):
        axes.hlines(place, *quantiles(draws, ends), lw=width, color=color)
    value = point.of(draws)
    axes.plot(value, place, "o", ms=5, mfc="white", mec=edge, mew=edge_width, clip_on=clip_on, label=label)
