"""Plot of level effects: levels in order of their effect, coloured by the probability that it is large."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, stated_or, unit_or_scale
from partialpool.plots.held import effect_in_title, held_in_title, named_effect
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, room, short, titled
from partialpool.tabulate import typeset

__all__ = ["plot_level_effects"]

_MOST_LABELS = 60
_SURE = 0.95
_CHANCE = LinearSegmentedColormap.from_list("chance", [VERMILION, "#B5A79B", BLUE])
"""Colours from surely below to surely above the threshold, distinguishable under colour blindness."""


@draws_answer_of("level_effects", "effect", "population", "above")
def plot_level_effects(
    effects: xr.Dataset, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]
) -> Figure:
    """Draw each level's coefficient with intervals, in order, coloured by the probability of exceeding the threshold.

    Parameters
    ----------
    effects
        From `level_effects`.
    unit
        Unit of the coefficient, for the axis: `ms/day`; by default from the units that the model or the table states.
    prob
        Probability of the thin bars, and of the population's interval; the thick bars contain 50 %.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Dot: posterior mean; thick bar: 50 % interval; thin bar: interval of probability `prob`. Solid line and band:
        the population's effect with its interval of probability `prob`, one per level where levels have different
        values of other predictors; dashed: the threshold. The title says at which values other predictors are fixed.
        Where a few draws decide a mean, dots and line are medians, and the axis says so.
    """
    known = Units.of_answer(effects.attrs).of_effects([effects.attrs["effect"]])
    unit = stated_or(unit, known.get(effects.attrs["effect"], ""))
    draws = effects["effect"].stack(sample=("chain", "draw")).transpose("sample", "level").to_numpy()
    point = common_point(draws, effects["population"])
    order = np.argsort(point.of(draws, axis=0), kind="stable")
    draws, above = draws[:, order], effects["above"].to_numpy()[order]
    labels = [short(level) for level in effects["level"].to_numpy()[order]]
    threshold = float(effects.attrs["threshold"])
    places, colors, said = np.arange(len(labels)), _CHANCE(above), typeset(f"{threshold:g}")
    name = effect_in_title(effects.attrs, effects.attrs["effect"])
    factor, response = (titled(effects.attrs[key]) for key in ("factor", "response"))
    with house_style():
        height = float(np.clip(0.2 * len(labels) + 2.0, 3.0, 11))
        few = len(labels) <= _MOST_LABELS
        figure, axes = plt.subplots(figsize=(7.4 + (room(labels) if few else 0.0), height))
        _draw_population(axes, effects["population"], order, point, prob)
        axes.axvline(threshold, color=INK, lw=1.2, ls="--", zorder=1, label=f"threshold {said}")
        for ends, width in zip(interval_bars(prob), (1.2, 3.2), strict=False):
            axes.hlines(places, *np.quantile(draws, ends, axis=0), lw=width, color=colors)
        axes.scatter(point.of(draws, axis=0), places, s=18, color="white", edgecolors=colors, linewidths=1.2, zorder=3)
        axes.set_yticks(places if few else [], labels if few else [])
        axes.set_ylim(-0.7, len(labels) - 0.3)
        axes.set_ylabel(factor + ("" if few else f" ({len(labels)} levels, sorted)"))
        scale = unit_or_scale(unit, effects.attrs["scale"])
        what = named_effect(effects.attrs, effects.attrs["effect"])
        which = "" if point.kind == "mean" else f"{point.name},\n"
        axes.set_xlabel(f"{what} of each {factor}{bracketed(scale)}\n{which}{bars_in_words(prob)}")
        bar = figure.colorbar(ScalarMappable(Normalize(0, 1), _CHANCE), ax=axes, shrink=min(1.0, 3 / height), pad=0.02)
        bar.set_label(f"probability that it exceeds {said}")
        bar.outline.set_visible(False)
        title = f"Effects of {name} by {factor}, response {response}"
        held = held_in_title(effects.attrs, 90)
        over, under = int((above > _SURE).sum()), int((above < 1 - _SURE).sum())
        sure = f"with probability over {_SURE}, {over} of {len(labels)} levels are above {said} and {under} below"
        figure.suptitle(f"{title}\n{sure}{held}", fontsize=10.5, x=0.01, ha="left")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


def _draw_population(axes: Axes, population: xr.DataArray, order: np.ndarray, point: Point, prob: float) -> None:
    """Draw the population's effect: one line with its band, or a piece for each level."""
    label, ends = f"population, {percent(prob)} interval", central_ends(prob)
    if "level" not in population.dims:
        axes.axvspan(*np.quantile(population, ends), color=GREY, alpha=0.22, lw=0, zorder=0)
        axes.axvline(float(point.of(population.to_numpy())), color=GREY, lw=1.4, zorder=0, label=label)
        return
    draws = population.stack(sample=("chain", "draw")).transpose("sample", "level").to_numpy()[:, order]
    low, high = np.quantile(draws, ends, axis=0)
    places = np.arange(len(order))
    axes.barh(places, high - low, 1.0, low, color=GREY, alpha=0.22, lw=0, zorder=0)
    axes.vlines(point.of(draws, axis=0), places - 0.5, places + 0.5, color=GREY, lw=1.4, zorder=0, label=label)
