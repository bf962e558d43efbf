"""Plot of standard errors that ignore the grouping beside those that account for it."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from partialpool.names import COEF
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, room, short, titled
from partialpool.questions.naive_errors import naive_errors
from partialpool.tabulate import estimate_cells

__all__ = ["pair_of_errors", "plot_naive_errors"]

_NO_SPREAD = 1e-9
"""Ratio up to which all draws count as equal (rounding error)."""
_TICKS = (
    0.02,
    0.05,
    0.1,
    0.2,
    0.3,
    0.4,
    0.5,
    0.6,
    0.7,
    0.8,
    0.9,
    1.0,
    1.2,
    1.5,
    2.0,
    3.0,
    4.0,
    5.0,
    7.0,
    10.0,
    20.0,
    50.0,
)


@draws_answer_of("naive_errors", "naive", "honest", "overconfidence", ask=naive_errors)
def plot_naive_errors(errors: xr.Dataset, **own: Unpack[OwnLabels]) -> Figure:
    """Draw each coefficient's standard error that accounts for the grouping (`honest`) in units of the naive one.

    Parameters
    ----------
    errors
        From `naive_errors`; or a fit, for which `naive_errors` is then called without other arguments.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        A dumbbell per coefficient on a logarithmic scale, so that units do not matter. Open circle at 1: naive;
        dot: with the grouping, vermilion where naive is too small, blue where it is too large. On the right both as
        numbers. A coefficient whose draws are all equal, or whose naive error is 0, has no ratio: the figure says so.
    """
    names = [short(c) for c in errors[COEF].to_numpy()]
    every = errors["overconfidence"].to_numpy()
    told = np.isfinite(every) & (every > _NO_SPREAD)
    ratio, places = every[told], np.flatnonzero(told)
    with house_style():
        figure, axes = plt.subplots(figsize=(7.6 + room(names), 1.5 + 0.36 * len(names)))
        colors = np.where(ratio > 1, VERMILION, BLUE)
        axes.axvline(1.0, color=GREY, lw=1, zorder=0)
        axes.hlines(places, np.minimum(1, ratio), np.maximum(1, ratio), color=colors, lw=2.5)
        axes.plot(np.ones(len(places)), places, "o", ms=7, mfc="white", mec=INK, mew=1.2, label="naive")
        for chosen, color, label in (
            (ratio > 1, VERMILION, "with the grouping: naive is too small"),
            (ratio <= 1, BLUE, "with the grouping: naive is too large"),
        ):
            if chosen.any():
                axes.plot(ratio[chosen], places[chosen], "o", ms=7, color=color, label=label)
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(len(names) - 0.4, -0.6)
        for place in np.flatnonzero(~told).tolist():
            alike = "all draws are alike" if every[place] <= _NO_SPREAD else "the naive error is 0"
            axes.text(
                0.5, place, f"no ratio: {alike}", transform=axes.get_yaxis_transform(), ha="center", va="center",
                fontsize=9, color=INK, backgroundcolor="white",
            )  # fmt: skip
        _ratio_axis(axes, ratio)
        for place, naive, honest in zip(
            range(len(names)), errors["naive"].to_numpy(), errors["honest"].to_numpy(), strict=True
        ):
            text = "  \N{RIGHTWARDS ARROW}  ".join(pair_of_errors(naive, honest))
            axes.text(1.02, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=9)
        header = "naive  \N{RIGHTWARDS ARROW}  with groups"
        axes.text(1.02, 1.02, header, transform=axes.transAxes, va="bottom", fontsize=9, color=INK)
        axes.set_xlabel("standard error, in units of the naive one")
        title = f"Standard errors for {titled(errors.attrs['response'])}: naive, and with the grouping"
        figure.suptitle(title, fontsize=11, x=0.01, ha="left")
        if told.any():
            figure.legend(frameon=False, loc="outside lower center", ncols=3)
    return figure


def pair_of_errors(naive: float, honest: float) -> tuple[str, ...]:
    """Write two standard errors of a coefficient with the same decimals: three digits of the smaller.

    Examples
    --------
    >>> pair_of_errors(0.06698, 0.0895), pair_of_errors(11.0, 0.0)
    (('0.0670', '0.0895'), ('11.0', '0.0'))
    """
    smaller = min((error for error in (naive, honest) if error > 0), default=0.0)
    return estimate_cells((naive, honest), smaller, digits=3)


def _ratio_axis(axes: Axes, ratio: np.ndarray) -> None:
    """Set a logarithmic axis, on which 2 and 1/2 are equally far from 1, with ticks at round numbers."""
    low, high = 0.9 * float(ratio.min(initial=0.8 / 0.9)), 1.1 * float(ratio.max(initial=1.25 / 1.1))
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    inside = [t for t in _TICKS if low <= t <= high]
    axes.set_xticks(inside, [f"{t:g}" for t in inside])
    axes.xaxis.set_minor_locator(NullLocator())
