"""Titles and labels of axes on two lines where they are longer than the figure, or the panel, is wide."""

import re
import warnings
from collections.abc import Iterator
from typing import Final

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import RendererAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

__all__ = ["wrap_texts"]

_AFTER: Final = (re.compile(r"(?<=\s)(?=\S)"), re.compile(r"(?<=[_./:,;&+-])(?=.)"))
"""Where a line may end: after a space; if that does not suffice, within a word, after a mark between its parts."""
_MARGIN: Final = 0.95
"""Share of the width that a line of a panel may fill; the panels are narrower when others have more lines."""
_TITLES: Final = ("title", "_left_title", "_right_title")
_FEWEST: Final = 9
"""Letters that are kept of every line."""
_FULL: Final = 0.98
"""Share of the figure's width that a line of its title may fill."""


def wrap_texts(figure: Figure) -> None:
    """Break lines of titles and labels of axes that are too long, each into two at most.

    The layout of the figure makes room for them. What is too long for two lines loses the middle of each.

    Parameters
    ----------
    figure
        A figure with everything drawn on it.
    """
    with warnings.catch_warnings():
        # `complete_fonts` has warned of characters that no font has.
        warnings.filterwarnings("ignore", r"Glyph \d+ .* missing from font", UserWarning)
        _wrap(figure)


def _wrap(figure: Figure) -> None:
    renderer = figure.canvas.get_renderer() if hasattr(figure.canvas, "get_renderer") else None
    if not isinstance(renderer, RendererAgg):
        width, height = (int(size) for size in figure.get_size_inches() * figure.dpi)
        renderer = RendererAgg(width, height, figure.dpi)
    # Panels are narrower than the figure, and texts that fit into the narrowest of them need no layout.
    narrowest = min(figure.bbox.width, figure.bbox.height) / max(3, len(figure.axes))
    if all(_longest(text, renderer) <= narrowest for text, _ in _places(figure)):
        return
    figure.draw_without_rendering()
    wrapped = False
    for text, room in _places(figure):  # which finds the room of each when those before it are written
        written = "\n".join(_broken(text, line, room, renderer) for line in text.get_text().split("\n"))
        wrapped |= written != text.get_text()
        text.set_text(written)
    if wrapped:
        figure.stale = True


def _places(figure: Figure) -> Iterator[tuple[Text, float]]:
    """Yield every title and label of an axis, with the pixels that a line of it may take."""
    whole, title, top = figure.bbox, getattr(figure, "_suptitle", None), figure.bbox.y1
    if title is not None and title.get_text():
        low = title.get_window_extent().y0
        ends = [legend.get_window_extent() for legend in figure.legends]
        beside = [box.x0 for box in ends if box.y1 > low and box.x0 > whole.width / 2]
        yield title, _FULL * min(beside, default=whole.x1)
        top = title.get_window_extent().y0
    for label, room in (
        (getattr(figure, "_supxlabel", None), whole.width),
        (getattr(figure, "_supylabel", None), 2 * (top - whole.height / 2)),
    ):
        if label is not None and label.get_text():
            yield label, _MARGIN * room
    for axes in figure.axes:
        if not axes.axison or axes.get_label() == "<colorbar>":
            continue
        for own in (getattr(axes, name) for name in _TITLES):
            if own.get_text():
                yield own, _MARGIN * _free_width(figure, axes)
        if axes.get_xlabel():
            yield axes.xaxis.label, _MARGIN * _free_width(figure, axes, around=True)
        if axes.get_ylabel():
            # What is above the panel begins at its edge.
            yield axes.yaxis.label, axes.get_window_extent().height


def _free_width(figure: Figure, axes: Axes, *, around: bool = False) -> float:
    """Return the pixels from the left edge of a panel to what is beside it, or to the edge of the figure.

    A label below the panel is centred: `around` counts twice the smaller of the free pixels on its two sides.
    """
    box = axes.get_window_extent()
    beside = [other.get_window_extent() for other in figure.axes if other is not axes]
    beside = [other for other in beside if other.y0 < box.y1 and box.y0 < other.y1]
    beside += [legend.get_window_extent() for legend in figure.legends]
    right = min((other.x0 for other in beside if other.x0 >= box.x1), default=figure.bbox.x1)
    left = max((other.x1 for other in beside if other.x1 <= box.x0), default=figure.bbox.x0)
    if not around:
        return right - box.x0
    middle = (box.x0 + box.x1) / 2
    return 2 * min(right - middle, middle - left)


def _longest(text: Text, renderer: RendererAgg) -> float:
    return max(_length(text, line, renderer) for line in text.get_text().split("\n"))


def _length(text: Text, line: str, renderer: RendererAgg) -> float:
    """Return the pixels that a line takes along its direction."""
    if not line:
        return 0.0
    return float(renderer.get_text_width_height_descent(line, text.get_fontproperties(), text.get_parse_math())[0])


def _broken(text: Text, line: str, room: float, renderer: RendererAgg) -> str:
    """Return a line as it is, or in two, the first one full; of what is too long for two, without their middles."""
    if _length(text, line, renderer) <= room:
        return line
    every = []
    for marks in _AFTER:
        parts = [(line[: m.start()].rstrip(), line[m.start() :]) for m in marks.finditer(line)]
        every += parts
        fitting = [part for part in parts if max(_length(text, half, renderer) for half in part) <= room]
        if fitting:
            return "\n".join(fitting[-1])
    halves = min(every, key=lambda part: max(_length(text, half, renderer) for half in part), default=(line,))
    return "\n".join(_cut(text, half, room, renderer) for half in halves)


def _cut(text: Text, half: str, room: float, renderer: RendererAgg) -> str:
    """Return a line that no break makes short enough, without its middle."""
    kept = len(half)
    shown = half
    while _length(text, shown, renderer) > room and kept > _FEWEST:
        kept -= 1
        end = kept // 3
        shown = f"{half[: kept - end].rstrip()}\N{HORIZONTAL ELLIPSIS}{half[len(half) - end :].lstrip()}"
    return shown
