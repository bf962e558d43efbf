"""Plot of shares of a variance, on an axis from 0 to 1."""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.fitting.point_estimate import Point, common_point
from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.intervals import bars_in_words, draw_interval
from partialpool.plots.style import house_style, short

__all__ = ["draw_shares", "entitle_shares"]


def draw_shares(rows: dict[str, np.ndarray], xlabel: str, title: str, *, prob: float = DEFAULT_PROB) -> Figure:
    """Draw the posterior of each share, one named row per share, with 50 % and `prob` intervals."""
    point = common_point(*(draws.ravel() for draws in rows.values()))
    with house_style():
        figure, axes = plt.subplots(figsize=(6.4, 1.5 + 0.42 * len(rows)))
        for place, draws in enumerate(rows.values()):
            draw_interval(axes, place, draws, point, prob=prob, clip_on=False)
        axes.set_yticks(range(len(rows)), [short(name) for name in rows])
        axes.invert_yaxis()
        axes.margins(y=0.5 / max(len(rows), 1) + 0.05)
        _share_axis(axes, xlabel)
        entitle_shares(figure, title, point, prob=prob)
    return figure


def entitle_shares(figure: Figure, title: str, point: Point, *, prob: float = DEFAULT_PROB) -> None:
    """Set the title over the whole figure: beside long names there is no room over the axes alone."""
    figure.suptitle(f"{title}\n{point.name}, {bars_in_words(prob)}", fontsize=10.5, x=0.01, ha="left")


def _share_axis(axes: Axes, label: str) -> None:
    axes.set_xlim(0, 1)
    axes.set_xlabel(label)
