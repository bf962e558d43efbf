"""Shares of a variance: intervals on an axis from 0 to 1."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.fitting.point_estimate import Point, common_point
from partialpool.plots.style import BLUE, INK, house_style, short

__all__ = ["draw_shares", "entitle_shares"]

_INNER, _OUTER = (0.25, 0.75), (0.05, 0.95)


def draw_shares(rows: dict[str, np.ndarray], xlabel: str, title: str) -> Figure:
    """Draw the posterior of each share: a row each, by name."""
    point = common_point(*(draws.ravel() for draws in rows.values()))
    with house_style():
        figure, axes = plt.subplots(figsize=(6.4, 1.5 + 0.42 * len(rows)))
        for place, draws in enumerate(rows.values()):
            for (low, high), width in ((_OUTER, 1.2), (_INNER, 4.0)):
                axes.hlines(place, *np.quantile(draws, [low, high]), lw=width, color=BLUE)
            axes.plot(point.of(draws), place, "o", ms=5, mfc="white", mec=INK, mew=1, clip_on=False)
        axes.set_yticks(range(len(rows)), [short(name) for name in rows])
        axes.invert_yaxis()
        axes.margins(y=0.5 / max(len(rows), 1) + 0.05)
        _share_axis(axes, xlabel)
        entitle_shares(figure, title, point)
    return figure


def entitle_shares(figure: Figure, title: str, point: Point) -> None:
    """Over the whole figure: over the axes alone, beside long names, there is no room."""
    figure.suptitle(f"{title}\n{point.name}, 50 % and 90 % intervals", fontsize=10.5, x=0.01, ha="left")


def _share_axis(axes: Axes, label: str) -> None:
    axes.set_xlim(0, 1)
    axes.set_xlabel(label)
