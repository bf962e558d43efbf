"""Room between the titles of panels and the upper edge of a figure that has no title of its own."""

from typing import Final

from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

__all__ = ["leave_room_above"]

_ROOM: Final = 0.06
"""Inches, in addition to the 0.04 that the layout leaves at every edge."""


def leave_room_above(figure: Figure) -> None:
    """Keep titles of panels away from the figure's edge, unless a title of the figure is above them."""
    engine = figure.get_layout_engine()
    if not isinstance(engine, ConstrainedLayoutEngine):
        return
    titled = any(axes.get_title(loc) for axes in figure.axes for loc in ("left", "center", "right"))
    free = _ROOM / figure.get_figheight() if titled and not figure.get_suptitle() else 0.0
    engine.set(rect=(0, 0, 1, 1 - free))
