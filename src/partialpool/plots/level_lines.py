"""Small multiples: each level's rows with its lines, or means by category, by no, complete and partial pooling."""

from collections.abc import Iterable
from typing import Any, Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.families.links import LINKS
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, column_label, stated_or
from partialpool.plots.held import held_in_title
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, INK, VERMILION, house_style, short, titled

__all__ = ["plot_level_lines"]

_MOST_COLUMNS = 6
_LETTERS = 44
"""Most characters of names of categories that fit side by side under a row of panels."""
_AREA = 10.0
"""Area of a point for the median number of trials, in square points."""
_BESIDE = 0.25
"""Distance of rows from the means of their category, in categories."""
_LEGEND = ("no pooling", "complete pooling", "partial pooling")
"""Order of the lines in the legend, before the band and the rows."""


@draws_answer_of("level_lines", "no_pooling", "complete_pooling", "partial_pooling", "adjusted")
def plot_level_lines(
    lines: xr.Dataset,
    *,
    unit: str | None = None,
    xunit: str | None = None,
    most: int = 20,
    prob: float = DEFAULT_PROB,
    **own: Unpack[OwnLabels],
) -> Figure:
    """Draw one panel per level: its rows, and its lines without, with complete and with partial pooling.

    Parameters
    ----------
    lines
        From `level_lines`.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
        Without one, the vertical axis names the mean of a response that is not normal: a probability, an expected
        count.
    most
        Greatest number of panels; of more levels, some are drawn, evenly spaced in the order of their heights, and the
        title says so.
    prob
        Probability of the band.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Panels in order of the partially pooled line's mean height, on shared axes; no-pooling lines
        may leave the axes. Dots: rows, adjusted for other predictors and factors, with an area that grows with a row's
        trials; dotted: no pooling, left out where a level's rows do not identify its line, or where its estimate is
        infinite (the panel says "no finite estimate");
        vermilion, dashed: complete pooling; blue: partial pooling, mean and its interval of probability `prob`
        (median where a few draws decide a mean: the title says so). Along categories the lines join the means in each
        category, and the interval is a bar; rows are to the left of their category.

    Raises
    ------
    DataError
        `most` is not a positive integer.
    SpecError
        `prob` is not between 0 and 1.
    """
    units = Units.of_answer(lines.attrs)
    unit, xunit = stated_or(unit, units.linear), stated_or(xunit, units.of(lines.attrs["over"]))
    if not isinstance(most, int | np.integer) or most < 1:
        raise DataError("most must be a positive integer", got=f"most={most!r}", allowed="1, 2, ...", do="give most=20")
    pooled = lines["partial_pooling"]
    point = common_point(pooled)
    height = point.of(
        pooled.stack(sample=("chain", "draw")).mean("grid").transpose("sample", "level").to_numpy(), axis=0
    )
    order = np.argsort(height, kind="stable")
    steps = np.linspace(0, len(order) - 1, min(most, len(order)))
    shown, categories = _on_places(lines.isel(level=order[steps.round().astype(int)]))
    count = shown.sizes["level"]
    down = -(-count // _MOST_COLUMNS)
    columns = -(-count // down)
    size = (2.6 + 1.45 * columns, 1.3 + 1.5 * down) if count > 1 else (6.8, 3.9)
    with house_style():
        figure, grid = plt.subplots(down, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
        panels = grid.ravel()
        spans = []
        for i, panel in enumerate(panels[:count]):
            spans.append(_draw_level(panel, shown.isel(level=i), point, prob, joined=bool(categories)))
            # The last panel of a column has the tick labels, also where the place below it is empty.
            panel.tick_params(labelbottom=i + columns >= count)
        for panel in panels[count:]:
            panel.set_axis_off()
        if categories:
            _name_categories(panels[:count], categories, most=_LETTERS // columns)
        low, high = np.min(spans), np.max(spans)
        panels[0].set_ylim(low - 0.05 * (high - low), high + 0.05 * (high - low))
        figure.supxlabel(f"{column_label(lines.attrs['over'], xunit)}", fontsize=10)
        figure.supylabel(f"{titled(_vertical(lines))}{bracketed(unit)}", fontsize=10)
        figure.suptitle(_title(lines, count, point), fontsize=11, x=0.01, ha="left")
        named: dict[str, Artist] = {}
        for panel in panels[:count]:
            named |= dict(zip(*reversed(panel.get_legend_handles_labels()), strict=True))
        named = {label: named[label] for label in (*_LEGEND, _band(prob), _rows(lines)) if label in named}
        figure.legend(named.values(), named.keys(), frameon=False, loc="outside right upper", fontsize=9)
    return figure


def _band(prob: float) -> str:
    return f"its {percent(prob)} interval"


def _rows(lines: xr.Dataset) -> str:
    """Return the label of the circles; where rows have several trials, what their area is."""
    return "rows" if "trials" not in lines else "rows (area: trials)"


def _on_places(lines: xr.Dataset) -> tuple[xr.Dataset, list[str]]:
    """Return lines along categories with these at 0, 1, 2, ..., and their names; lines along numbers as they are."""
    if lines["grid"].attrs.get("kind") != "category":
        return lines, []
    place = {category: k for k, category in enumerate(lines["grid"].to_numpy().tolist())}
    x = [place[category] - _BESIDE for category in lines["x"].to_numpy().tolist()]
    return lines.assign_coords(grid=range(len(place))).assign(x=(lines["x"].dims, x)), [short(c, 12) for c in place]


def _name_categories(panels: Iterable[Axes], names: list[str], *, most: int) -> None:
    """Write names of categories below panels; upright if they are more than `most` characters."""
    turned = 90 if sum(map(len, names)) > most else 0
    for panel in panels:
        panel.set_xticks(range(len(names)), names, rotation=turned, fontsize=8.5)
        panel.set_xlim(-0.6, len(names) - 0.4)


def _draw_level(panel: Axes, level: xr.Dataset, point: Point, prob: float, *, joined: bool) -> tuple[float, float]:
    """Draw one level; return the range that must be visible.

    Parameters
    ----------
    panel, level, point, prob
        Where and what to draw.
    joined
        Whether the lines join the means of categories.
    """
    label = level["level"].item()
    own = level["row_level"].to_numpy() == label
    x, y = level["x"].to_numpy()[own], level["adjusted"].to_numpy()[own]
    grid = level["grid"].to_numpy()
    draws = level["partial_pooling"].stack(sample=("chain", "draw")).transpose("sample", "grid").to_numpy()
    low, high = np.quantile(draws, central_ends(prob), axis=0)
    if joined:
        panel.vlines(grid, low, high, color=BLUE, alpha=0.35, lw=4, label=_band(prob))
    else:
        panel.fill_between(grid, low, high, color=BLUE, alpha=0.22, lw=0, label=_band(prob))
    thin: dict[str, Any] = {"lw": 0.8, "marker": "o", "ms": 3} if joined else {}
    panel.plot(
        grid, level["complete_pooling"], color=VERMILION, ls="--", label="complete pooling", **{"lw": 1.3} | thin
    )
    panel.plot(grid, point.of(draws, axis=0), color=BLUE, label="partial pooling", **{"lw": 1.8} | thin)
    if np.isfinite(level["no_pooling"]).all():
        # On top and dotted: with much information in the rows it coincides with the partially pooled line.
        panel.plot(grid, level["no_pooling"], color=INK, ls=":", label="no pooling", **{"lw": 1.5} | thin)
    _draw_rows(panel, x, y, level, own)
    reason = level.get("no_estimate", xr.DataArray("")).item()
    without = {"infinite": "\nno finite estimate", "no trials": "\nno trials"}.get(reason, "")
    panel.set_title(f"{titled(label)}{without}", fontsize=9, pad=3)
    panel.grid(visible=True, axis="both")
    drawn = np.concatenate([y, low, high, level["complete_pooling"].to_numpy()])
    return np.nanmin(drawn), np.nanmax(drawn)


def _draw_rows(panel: Axes, x: np.ndarray, y: np.ndarray, level: xr.Dataset, own: np.ndarray) -> None:
    """Draw a level's rows; where rows have several trials, the area of a point is in proportion to them."""
    if "trials" not in level:
        panel.plot(x, y, "o", ms=3, mfc="white", mec=INK, mew=0.8, label=_rows(level))
        return
    trials = level["trials"].to_numpy()
    areas = np.clip(_AREA * trials / np.median(trials), _AREA / 3, 6 * _AREA)
    panel.scatter(x, y, areas[own], facecolors="white", edgecolors=INK, linewidths=0.8, zorder=3, label=_rows(level))


def _vertical(lines: xr.Dataset) -> str:
    """Name the mean where it is a function of the linear predictor, else the response."""
    own = LINKS[lines.attrs.get("scale", "identity")].is_identity
    return str(lines.attrs["response" if own else "mean"])


def _title(lines: xr.Dataset, count: int, point: Point) -> str:
    total, factor = lines.sizes["level"], lines.attrs["factor"]
    some = f"\n{count} of {total} levels, evenly from the lowest to the highest" if count < total else ""
    held = held_in_title(lines.attrs, 80)
    held += "" if lines.attrs["rows"] == "all" else f"\nrows {short(lines.attrs['rows'], 60)} alone"
    held += "" if point.kind == "mean" else f"\npartial pooling: {point.name}"
    response, over, by = (titled(name) for name in (lines.attrs["response"], lines.attrs["over"], factor))
    return f"{response} over {over} by {by}{some}{held}"
