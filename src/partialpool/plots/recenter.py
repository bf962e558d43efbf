"""Plot of the correlation of intercepts and slopes along the origin of a predictor."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.names import INTERCEPT
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, column_label, stated_or, unit_or_scale
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, short, titled
from partialpool.tabulate import estimate_cells, typeset

__all__ = ["plot_recenter"]


@draws_answer_of("recenter", "correlation", "sd", "uncorrelated_at", "lowest", "highest")
def plot_recenter(
    moved: xr.Dataset,
    *,
    unit: str | None = None,
    xunit: str | None = None,
    prob: float = DEFAULT_PROB,
    **own: Unpack[OwnTitle],
) -> Figure:
    """Draw the correlation of intercept and slope, and the spread of intercepts, as the origin moves.

    Parameters
    ----------
    moved
        From `recenter` with several origins of one predictor.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
    prob
        Probability of the wide bands, and of the interval of the origin; the narrow bands contain 50 %.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Left: correlation; right: sd of the intercepts; both with posterior mean, 50 % and `prob` bands along the
        origin (medians where a few draws decide a mean: the title says so).
        Vermilion: the origin at which they are uncorrelated, where intercepts differ least, as median and its interval
        of probability `prob`; grey background: the predictor's range in the rows.

    Raises
    ------
    DataError
        Fewer than two origins.
    SpecError
        `prob` is not between 0 and 1.
    """
    if moved.sizes.get("origin", 1) < 2:
        raise DataError(
            "the plot needs several origins",
            got=f"origin {moved.attrs['origin']}",
            allowed="several origins of one predictor",
            do="call for instance pp.recenter(fit, Days=numpy.linspace(-5, 10, 31))",
        )
    slope, units = moved.attrs["along"], Units.of_answer(moved.attrs)
    unit, xunit = stated_or(unit, units.linear), stated_or(xunit, units.of(slope))
    moved = moved.sortby("origin")
    c = moved["origin"].to_numpy()
    correlation = moved["correlation"].sel(effect=INTERCEPT, effect_bis=slope)
    spread = moved["sd"].sel(effect=INTERCEPT)
    point = common_point(correlation, spread)
    uncorrelated = moved["uncorrelated_at"].sel(slope=slope).to_numpy().ravel()
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 4.2))
        for panel, draws in ((left, correlation), (right, spread)):
            values = draws.stack(sample=("chain", "draw")).transpose("sample", "origin").to_numpy()
            _bands(panel, c, values, point, prob)
            lowest, highest = (float(moved[edge].sel(slope=slope)) for edge in ("lowest", "highest"))
            panel.axvspan(lowest, highest, color=GREY, alpha=0.13, lw=0, zorder=0, label=f"{short(slope)} in the rows")
            panel.set_xlim(c[0], c[-1])
            panel.grid(visible=True, axis="both")
            panel.set_xlabel(f"origin of {column_label(slope, xunit)}")
        left.axhline(0, color=INK, lw=0.8)
        left.set_ylim(-1, 1)
        left.set_ylabel(f"correlation of {INTERCEPT} and {titled(slope)}")
        right.set_ylim(bottom=0)
        right.set_ylabel(f"sd of {INTERCEPT}{bracketed(unit_or_scale(unit, moved.attrs['scale']))}")
        for panel, height in ((left, 0.0), (right, 0.04 * right.get_ylim()[1])):
            _uncorrelated(panel, uncorrelated, height, prob)
        response, factor, along = (titled(name) for name in (moved.attrs["response"], moved.attrs["factor"], slope))
        title = f"{response}: effects of {factor} with zero of {along} moved"
        figure.suptitle(f"{title}\n{point.name}, {bars_in_words(prob, 'bands')}", fontsize=11, x=0.01, ha="left")
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, frameon=False, loc="outside lower center", ncols=2)
    return figure


def _bands(panel: Axes, c: np.ndarray, draws: np.ndarray, point: Point, prob: float) -> None:
    for ends in interval_bars(prob):
        panel.fill_between(c, *np.quantile(draws, ends, axis=0), color=BLUE, alpha=0.22, lw=0)
    panel.plot(c, point.of(draws, axis=0), color=BLUE, lw=1.8)


def _uncorrelated(panel: Axes, origins: np.ndarray, height: float, prob: float) -> None:
    """Draw median and interval: the tails of the ratio -tau_01 / tau_1^2 are too long for a mean."""
    finite = origins[np.isfinite(origins)]
    if not len(finite):
        return
    lower, upper = central_ends(prob)
    low, middle, high = np.quantile(finite, [lower, 0.5, upper])
    said = [typeset(text) for text in estimate_cells((middle, low, high), sd=(high - low) / 4)]
    panel.hlines(height, low, high, color=VERMILION, lw=2.2)
    panel.plot(middle, height, "o", ms=7, color=VERMILION, label=f"uncorrelated at {said[0]} ({said[1]} to {said[2]})")
