"""Places of names beside points, at which they cover no marks, lines or other names."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.transforms import BboxBase

from partialpool.plots.style import INK

__all__ = ["write_beside"]

_GAP: Final = 5.0
"""Points between the middle of a mark and a name beside it."""
_AROUND: Final = 3.5
"""Points from the middle of a mark to its edge."""
_SIDES: Final = (
    *((1, 1), (1, 0), (1, -1), (0, 1), (0, -1), (-1, 1), (-1, 0), (-1, -1)),
    *((2, 2), (2, -2), (-2, 2), (-2, -2), (3, 0), (-3, 0), (0, 3), (0, -3)),
)
"""Directions from a mark to its name, in gaps; the first is taken where nothing is covered anywhere."""
_ALIGNED: Final = {-1: ("right", "top"), 0: ("center", "center"), 1: ("left", "bottom")}


def write_beside(
    axes: Axes,
    names: Sequence[str],
    at: np.ndarray,
    *,
    marks: np.ndarray,
    lines: Iterable[np.ndarray] = (),
    fontsize: float = 7.0,
) -> None:
    """Write a name beside each point, in the direction in which it covers least.

    Parameters
    ----------
    axes
        Panel on which everything else is drawn, with its final limits.
    names
        One name per point.
    at
        The points, (names, 2), in units of the axes.
    marks
        Middles of all marks, those of the points among them, (marks, 2).
    lines
        Lines as chains of points, each (points, 2).
    fontsize
        Size of the names.
    """
    figure = axes.figure.get_figure(root=True)
    figure.draw_without_rendering()  # the layout decides where the points are
    renderer, pixels = RendererAgg(1, 1, figure.dpi), figure.dpi / 72
    place = axes.transData.transform
    covered = [_around(place(marks[np.isfinite(marks).all(axis=1)]), _AROUND * pixels)]
    covered += [_along(place(line), pixels) for line in lines if np.isfinite(line).all()]
    points, frame = np.concatenate(covered), axes.get_window_extent()
    taken: list[tuple[float, float, float, float]] = []
    for name, (x, y), middle in zip(names, at, place(at), strict=True):
        text = axes.annotate(name, (x, y), (0, 0), textcoords="offset points", fontsize=fontsize, color=INK)
        extent = text.get_window_extent(renderer)
        boxes = [_box(middle, side, extent.width, extent.height, pixels) for side in _SIDES]
        costs = [
            _points_in(box, points) + sum(_overlap(box, other) for other in taken) + _outside(box, frame)
            for box in boxes
        ]
        best = int(np.argmin(costs))
        across, up = _SIDES[best]
        text.set(ha=_ALIGNED[int(np.sign(across))][0], va=_ALIGNED[int(np.sign(up))][1])
        text.xyann = (_GAP * across * (0.8 if up else 1), _GAP * up * (0.6 if across else 1))
        taken.append(boxes[best])


def _box(
    middle: np.ndarray, side: tuple[int, int], width: float, height: float, pixels: float
) -> tuple[float, float, float, float]:
    """Return left, low, right and high end of a name on one side of a mark."""
    across, up = side
    x = middle[0] + pixels * _GAP * across * (0.8 if up else 1)
    y = middle[1] + pixels * _GAP * up * (0.6 if across else 1)
    left = x - {-1: width, 0: width / 2, 1: 0.0}[int(np.sign(across))]
    low = y - {-1: height, 0: height / 2, 1: 0.0}[int(np.sign(up))]
    return left, low, left + width, low + height


def _around(middles: np.ndarray, radius: float) -> np.ndarray:
    """Return each mark as its middle and eight points of its edge, (points, 2)."""
    angle = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    edge = radius * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.concatenate([middles, (middles[:, None] + edge).reshape(-1, 2)])


def _along(line: np.ndarray, pixels: float) -> np.ndarray:
    """Return points of a line, a few pixels apart."""
    pieces = [
        start + np.linspace(0, 1, 2 + int(np.hypot(*(end - start)) / (3 * pixels)))[:, None] * (end - start)
        for start, end in pairwise(line)
    ]
    return np.concatenate(pieces)


def _points_in(box: tuple[float, float, float, float], points: np.ndarray) -> float:
    left, low, right, high = box
    x, y = points.T
    return float(((x > left) & (x < right) & (y > low) & (y < high)).sum())


def _overlap(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """Return by how much two names cover each other, which counts more than a mark or a line."""
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return 20 + across * up if across > 0 and up > 0 else 0.0


def _outside(box: tuple[float, float, float, float], frame: BboxBase) -> float:
    inside = box[0] >= frame.x0 and box[1] >= frame.y0 and box[2] <= frame.x1 and box[3] <= frame.y1
    return 0.0 if inside else 10.0
