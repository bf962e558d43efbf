"""The page's three pictures as Bokeh models (density of the sd, density of the ICC, levels), filled by its script."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from bokeh.core.properties import value
from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, FixedTicker, LinearAxis, PlainText, Range1d
from bokeh.models.annotations import BoxAnnotation, Span
from bokeh.plotting import figure
from bokeh.resources import Resources

from partialpool.explorer.axis import LAST, PLAIN, SdAxis
from partialpool.explorer.means import MeanAxis
from partialpool.plots.style import BLUE, GREY, INK, PALETTE, VERMILION
from partialpool.tabulate import number

__all__ = [
    "MARGIN",
    "NEW_COLOR",
    "THUMB",
    "NewcomerRows",
    "bokeh_script",
    "icc_picture",
    "levels_picture",
    "newcomer_rows",
    "sd_picture",
]

THUMB: Final = 24
"""Width of the slider's thumb in pixels; half of it is the margin beside the density, so that the two align."""
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_PALE: Final = "#E6E6E6"
_TOP: Final = 1.12
"""Top of a picture of densities, which are drawn to a height of 1."""
_BOTTOM: Final = 0.4
"""Lower end of the lowest row, whose middle is at 1."""
NEWCOMER: Final = "a new one"
NEW_COLOR: Final = PALETTE[2]
_MOST_NAMED: Final = 60
"""Most levels whose names fit beside the rows."""

MARGIN: Final = 0.05
"""Width beside the ends of the axis of estimates, relative to that between them."""
_NEWCOMER_HEIGHT: Final = 52
"""Pixels below the rows for a level that was never seen."""

_AXIS: Final[dict[str, Any]] = {
    "axis_line_color": GREY, "major_tick_line_color": GREY, "minor_tick_line_color": None,
    "major_label_text_color": INK, "major_label_text_font": _FONT, "major_label_text_font_size": "14px",
    "axis_label_text_color": INK, "axis_label_text_font": _FONT, "axis_label_text_font_size": "15px",
    "axis_label_text_font_style": "normal",
}  # fmt: skip


def bokeh_script() -> str:
    """Return Bokeh's script, the core without widgets."""
    resources = Resources(mode="inline", components=["bokeh"])
    return resources.js_raw[0]


def sd_picture(axis: SdAxis, label: str) -> dict[str, Any]:
    """Draw the axis of the sd, in steps of the slider, with empty sources `sd-curve`, `sd-summary` and a line `sd-now`.

    Parameters
    ----------
    axis
        The slider's axis.
    label
        Label of the axis.
    """
    plot = _bare("sd-plot", height=155, x_range=(0, LAST), y_range=(0, _TOP))
    plot.min_border_left = plot.min_border_right = THUMB // 2
    plot.add_layout(BoxAnnotation(left=PLAIN, right=LAST, fill_color=_PALE, fill_alpha=0.6, line_color=None))
    _density(plot, "sd")
    ticks = {axis.step_of(sd): number(sd) for sd in axis.ticks()} | {float(LAST): "\N{INFINITY}"}
    plot.xaxis.ticker = FixedTicker(ticks=list(ticks))
    plot.xaxis.major_label_overrides = {step: PlainText(text=text) for step, text in ticks.items()}
    plot.xaxis.axis_label = PlainText(text=label)
    plot.xaxis.axis_label_standoff = 0
    plot.add_layout(Span(name="sd-now", location=0, dimension="height", line_color=INK, line_width=2))
    return _item(plot)


def icc_picture() -> dict[str, Any]:
    """Draw an axis from 0 to 1, with empty sources `icc-curve` and `icc-summary`."""
    plot = _bare("icc-plot", height=110, x_range=(0, 1), y_range=(0, _TOP))
    plot.min_border_left = plot.min_border_right = THUMB // 2
    plot.xaxis.ticker = FixedTicker(ticks=[0, 0.25, 0.5, 0.75, 1])
    _density(plot, "icc")
    return _item(plot)


@dataclass(frozen=True)
class NewcomerRows:
    """Where a level that was never seen is drawn, on the axis of rows.

    Attributes
    ----------
    bottom
        Lower end of the picture.
    summary
        Of its interval.
    base, top
        Of its density.
    """

    bottom: float
    summary: float
    base: float
    top: float


def newcomer_rows(rows: int) -> NewcomerRows:
    """Return the place for a level that was never seen, below the rows of the others."""
    height = _NEWCOMER_HEIGHT / _pitch(rows)
    bottom = _BOTTOM - height
    return NewcomerRows(bottom, bottom + 0.2 * height, bottom + 0.35 * height, bottom + 0.92 * height)


def _pitch(rows: int) -> int:
    """Return the height of a row in pixels."""
    return 22 if rows <= 40 else 18 if rows <= _MOST_NAMED else 7


def levels_picture(
    names: Sequence[str],
    low: float,
    high: float,
    label: str,
    means: MeanAxis | None = None,
    *,
    has_newcomer: bool = False,
) -> dict[str, Any]:
    """Draw a row per level, with an empty source `levels`, lines `complete` and `population`, a band `pointed`.

    Estimates beyond the axis are in sources `beyond-own` and `beyond-here`, drawn as arrowheads at its ends; the latter
    with their numbers. Below the rows a level that was never seen has the sources `newcomer` and `newcomer-summary`.

    Parameters
    ----------
    names
        The levels, the lowest row first.
    low, high
        Least and largest value of the effect on the axis.
    label
        Label of that axis.
    means
        A second axis above the picture.
    has_newcomer
        Whether there is something to draw of a level that was never seen.
    """
    rows = len(names)
    pitch, new = _pitch(rows), newcomer_rows(rows)
    margin = MARGIN * (high - low) or 1.0
    plot = _bare(
        "levels-plot",
        height=65 + (50 if means else 0) + max(pitch * rows, 120) + (_NEWCOMER_HEIGHT if has_newcomer else 0),
        x_range=(low - margin, high + margin),
        y_range=(new.bottom if has_newcomer else _BOTTOM, rows + 0.6),
    )
    # Labels of ticks at an end of an axis reach beyond it.
    plot.min_border_right = THUMB
    source = ColumnDataSource(
        {name: [] for name in ("y", "own", "here", "from", "to", "low", "high", "complete", "population")},
        name="levels",
    )
    behind: dict[str, Any] = {"level": "underlay", "dimension": "height", "location": low}
    plot.add_layout(
        BoxAnnotation(
            name="pointed",
            level="underlay",
            bottom=0,
            top=0,
            fill_color="#E69F00",
            fill_alpha=0.25,
            line_color=None,
            visible=False,
        )
    )
    plot.add_layout(Span(name="complete", line_color=VERMILION, line_width=1.5, line_dash="dashed", **behind))
    plot.add_layout(Span(name="population", line_color=BLUE, line_width=1.2, **behind))
    _add_marks(plot, source, pitch)
    ticks = {float(k + 1): name for k, name in enumerate(names)}
    if has_newcomer:
        _add_newcomer(plot)
        ticks[(new.summary + new.base) / 2] = NEWCOMER
    plot.xaxis.axis_label = PlainText(text=label)
    plot.xgrid.visible = True
    if means:
        _add_means(plot, means, means.ticks(low - margin, high + margin))
    if rows <= _MOST_NAMED:
        plot.yaxis.visible = plot.ygrid.visible = True
        plot.yaxis.ticker = FixedTicker(ticks=list(ticks))
        plot.yaxis.major_label_overrides = {row: PlainText(text=name) for row, name in ticks.items()}
    plot.yaxis.name = "levels-axis"
    plot.ygrid.grid_line_color = "#F2F2F2"
    return _item(plot)


def _bare(name: str, *, height: int, x_range: tuple[float, float], y_range: tuple[float, float]) -> Any:
    """Return a figure without tools, so that a touch on it scrolls the page."""
    options: dict[str, Any] = {
        "name": name,
        "height": height,
        "sizing_mode": "stretch_width",
        "tools": "",
        "toolbar_location": None,
        "x_range": Range1d(start=x_range[0], end=x_range[1]),
        "y_range": Range1d(start=y_range[0], end=y_range[1]),
        "min_border": 4,
    }
    plot = figure(**options, background_fill_color=None, border_fill_color=None, outline_line_color=None)
    for axis in (*plot.xaxis, *plot.yaxis):
        axis.update(**_AXIS)
    plot.yaxis.visible = plot.xgrid.visible = plot.ygrid.visible = False
    plot.xgrid.grid_line_color = _PALE
    return plot


def _add_marks(plot: Any, source: Any, pitch: int) -> None:
    """Draw the estimates in rows of a height in pixels, and arrowheads for those beyond the axis."""
    # Where levels have different values of other predictors, each has its own mark instead of the lines.
    for name, color in (("complete", VERMILION), ("population", BLUE)):
        plot.scatter(
            name, "y", source=source, marker="dash", angle=np.pi / 2, size=0.8 * pitch, line_color=color, line_width=1.5
        )
    plot.segment(
        "low", "y", "high", "y", source=source, line_color=BLUE, line_alpha=0.22, line_width=max(3, 0.45 * pitch)
    )
    plot.segment("from", "y", "to", "y", source=source, line_color="#767676", line_width=1.2)
    dot = 8 if pitch > 10 else 5
    for name, fill in (("own", "white"), ("here", BLUE)):
        edge = ColumnDataSource(
            {key: [] for key in ("x", "y", "angle", "text", "inwards", "align")}, name=f"beyond-{name}"
        )
        plot.scatter(
            "x", "y", source=edge, marker="triangle", angle="angle", size=dot + 2, fill_color=fill, line_color="#6f6f6f"
        )
        if name == "here":
            plot.text(
                "x", "y", "text", source=edge, x_offset="inwards", text_align="align", text_baseline="middle",
                text_font=value(_FONT), text_font_size="13px", text_color=INK,
            )  # fmt: skip
    plot.scatter("own", "y", source=source, size=dot, fill_color="white", line_color="#6f6f6f", line_width=1.4)
    plot.scatter("here", "y", source=source, size=dot + 1, fill_color=BLUE, line_color="white", line_width=0.8)


def _add_newcomer(plot: Any) -> None:
    """Draw a level that was never seen, below a line: its density, and its median with its interval."""
    plot.add_layout(Span(location=_BOTTOM, dimension="width", line_color=GREY, line_width=1))
    density = ColumnDataSource({"x": [], "base": [], "top": []}, name="newcomer")
    plot.varea("x", y1="base", y2="top", source=density, fill_color=NEW_COLOR, fill_alpha=0.25)
    plot.line("x", "top", source=density, line_color=NEW_COLOR, line_width=1.5)
    summary = ColumnDataSource({"low": [], "middle": [], "high": [], "y": []}, name="newcomer-summary")
    plot.segment("low", "y", "high", "y", source=summary, line_color=NEW_COLOR, line_width=4)
    plot.scatter("middle", "y", source=summary, size=9, fill_color="white", line_color=NEW_COLOR, line_width=2.5)


def _add_means(plot: Any, means: MeanAxis, ticks: dict[float, str]) -> None:
    axis = LinearAxis(axis_label=PlainText(text=means.label), **_AXIS)
    axis.update(ticker=FixedTicker(ticks=list(ticks)))
    axis.major_label_overrides = {at: PlainText(text=text) for at, text in ticks.items()}
    plot.add_layout(axis, "above")


def _density(plot: Any, kind: str) -> None:
    """Add the posterior, filled; the prior, dashed, marked where it exceeds the top; median and interval below."""
    curve = ColumnDataSource({"x": [], "posterior": [], "prior": []}, name=f"{kind}-curve")
    plot.varea("x", y1=0, y2="posterior", source=curve, fill_color=BLUE, fill_alpha=0.25)
    plot.line("x", "posterior", source=curve, line_color=BLUE, line_width=2)
    plot.line("x", "prior", source=curve, line_color=INK, line_width=1.2, line_dash=[5, 3])
    above = ColumnDataSource({"x": [], "y": []}, name=f"{kind}-above")
    plot.scatter("x", "y", source=above, marker="triangle", size=9, fill_color=INK, line_color="white", line_width=0.8)
    summary = ColumnDataSource({"low": [], "middle": [], "high": [], "y": []}, name=f"{kind}-summary")
    plot.segment("low", "y", "high", "y", source=summary, line_color=BLUE, line_width=4)
    plot.scatter("middle", "y", source=summary, size=10, fill_color="white", line_color=BLUE, line_width=2.5)


def _item(plot: Any) -> dict[str, Any]:
    """Return the picture as data for Bokeh's script, with ids that are the same for the same picture."""
    ids: dict[str, str] = {}

    def numbered(part: Any) -> Any:
        if isinstance(part, dict):
            own = {"id": ids.setdefault(part["id"], f"{plot.name}-{len(ids)}")} if "id" in part else {}
            return {key: numbered(inner) for key, inner in part.items()} | own
        return [numbered(inner) for inner in part] if isinstance(part, list | tuple) else part

    item = dict(json_item(plot, plot.name))
    root = ids.setdefault(str(item["root_id"]), f"{plot.name}-0")
    return {"target_id": plot.name, "root_id": root, "doc": numbered(item["doc"])}
