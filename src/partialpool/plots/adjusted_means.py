"""Adjusted means of a predictor's values: for the population, and at the typical level."""

from collections.abc import Mapping
from itertools import product
from textwrap import fill
from typing import Any, Final, Unpack

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.fitting.two_views import agreed
from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, column_label, stated_or
from partialpool.plots.held import exposure_held, held_in_title
from partialpool.plots.intervals import bars_in_words, draw_interval
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, VERMILION, house_style, short, titled

__all__ = ["plot_adjusted_means"]

_View = tuple[str, str, str]
"""Variable of the answer, its colour, and its name in the legend."""
_VIEWS: Final[tuple[_View, ...]] = (
    ("population_average", BLUE, "population average"),
    ("subject_specific", VERMILION, "typical level"),
)
_MOST_PANELS: Final = 20
_COLUMNS: Final = 4
_LETTERS: Final = 18


@draws_answer_of("adjusted_means", "population_average", "subject_specific", attrs=("averaged", "expectation"))
def plot_adjusted_means(
    means: xr.Dataset, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]
) -> Figure:
    """Draw the mean response at each value of the first predictor, with a panel for each value of the others.

    Parameters
    ----------
    means
        From `adjusted_means`.
    unit
        Unit of the response, for the axis; by default from the units that the model or the table states.
    prob
        Probability of the thin bars; the thick ones contain 50 %.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior mean, 50 % and `prob` intervals of each adjusted mean: the population average in blue and, where it
        differs, the typical level in vermilion. An ordinal response has a panel for each of its categories. Where a few
        draws decide a mean, all circles are medians, and the axis says so. The title says what is averaged over, and
        the values of what is held.

    Raises
    ------
    DataError
        There are more than 20 panels.
    """
    unit = stated_or(unit, Units.of_answer(means.attrs).response)
    over, *others = [str(dim) for dim in means["population_average"].dims if dim not in ("chain", "draw")]
    panels = [dict(zip(others, values, strict=True)) for values in product(*(means[dim].to_numpy() for dim in others))]
    _check_panels(panels, means)
    views = _VIEWS[: 1 if agreed(means) else 2]
    point = common_point(*(means[view] for view, *_ in views))
    places = means[over].to_numpy()
    columns = min(_COLUMNS, len(panels))
    down = -(-len(panels) // columns)
    with house_style():
        size = (max(5.6, 1.4 + 2.4 * columns), 1.5 + down * (0.5 + 0.45 * len(places)))
        figure, grid = plt.subplots(down, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
        for axes in grid.flat[len(panels) :]:
            axes.set_axis_off()
        for axes, chosen in zip(grid.flat, panels, strict=False):
            _draw(axes, means.sel(chosen), over, views, point, prob=prob, legend=axes is grid[0, 0])
            if chosen:
                axes.set_title(_panel(means, chosen), fontsize=9, pad=3)
        first = grid[0, 0]
        first.set_yticks(range(len(places)), [short(place, _LETTERS) for place in places])
        first.set_ylim(len(places) - 0.4, -0.6)
        exposure, attrs = exposure_held(means.attrs)
        _label(
            figure,
            first,
            (_response(means, f" {exposure}", unit, point, prob), column_label(_name(means, over), "")),
            len(panels),
        )
        title = f"{titled(means.attrs['response'])}: adjusted means by {titled(_name(means, over))}"
        averaged = means.attrs["averaged"]
        over_others = "" if averaged == "nothing" else f"\n{fill(f'averaged over {short(averaged, 120)}', 70)}"
        figure.suptitle(f"{title}{over_others}{held_in_title(attrs, 70)}", fontsize=10.5, x=0.01, ha="left")
        if len(views) > 1:
            # Below several panels is the label that they share.
            place = {"loc": "outside lower center", "ncols": 2} if len(panels) == 1 else {"loc": "outside right upper"}
            figure.legend(frameon=False, **place)
    return figure


def _draw(
    axes: Axes,
    means: xr.Dataset,
    over: str,
    views: tuple[_View, ...],
    point: Point,
    *,
    prob: float,
    legend: bool,
) -> None:
    shifts = (0.0,) if len(views) == 1 else (-0.12, 0.12)
    for shift, (view, color, label) in zip(shifts, views, strict=True):
        for place in range(means.sizes[over]):
            draws, named = means[view].isel({over: place}).to_numpy(), label if place == 0 and legend else "_"
            draw_interval(axes, place + shift, draws, point, prob=prob, color=color, edge=color, label=named)


def _check_panels(panels: list[dict[str, Any]], means: xr.Dataset) -> None:
    if len(panels) > _MOST_PANELS:
        raise DataError(
            "there are too many panels",
            got=f"{len(panels)}: {', '.join(f'{means.sizes[dim]} of {_name(means, dim)}' for dim in panels[0])}",
            allowed=f"{_MOST_PANELS} panels",
            do="name the predictor with the most values first, or select some values by means.sel(...)",
        )


def _name(means: xr.Dataset, dim: str) -> str:
    return str(means[dim].attrs.get("long_name", dim))


def _panel(means: xr.Dataset, chosen: Mapping[str, Any]) -> str:
    return short(", ".join(f"{_name(means, dim)} {value}" for dim, value in chosen.items()), 30)


def _response(means: xr.Dataset, exposure: str, unit: str, point: Point, prob: float) -> str:
    what, name = means.attrs["expectation"], means.attrs["response"]
    if what == "mean of the response":
        quantity = column_label(name, unit)
    else:
        quantity = titled(what) if name in what else f"{titled(name)}: {titled(what)}{bracketed(unit)}"
    which = "" if point.kind == "mean" else f"{point.name}, "
    return f"{quantity}{exposure.rstrip()}\n{which}{bars_in_words(prob)}"


def _label(figure: Figure, first: Axes, names: tuple[str, str], n_panels: int) -> None:
    if n_panels == 1:
        first.set(xlabel=names[0], ylabel=names[1])
    else:
        figure.supxlabel(names[0], fontsize=10)
        figure.supylabel(names[1], fontsize=10)
