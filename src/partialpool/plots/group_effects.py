"""Forest (caterpillar) plots of group effects."""

from collections.abc import Mapping
from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from partialpool.design.units import Units
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.fitting.predictor_of_fit import PARAMETER
from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import unit_or_scale
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, house_style, room, short, titled
from partialpool.questions.group_effects import group_effects

__all__ = ["plot_group_effects"]

_MAX_LABELS = 60


@draws_answer_of("group_effects", "effects", "level", "effect", ask=group_effects)
def plot_group_effects(
    effects: xr.Dataset,
    *,
    units: Mapping[str, str] | None = None,
    prob: float = DEFAULT_PROB,
    **own: Unpack[OwnTitle],
) -> Figure:
    """Draw each level's effects with intervals: one panel per effect, levels sorted by the first effect.

    Parameters
    ----------
    effects
        From `group_effects`; or a fit, for which `group_effects` is then called without other arguments.
    units
        Unit of each effect, for the axes: `{"Intercept": "ms", "Days": "ms/day"}`; by default from the units that the
        model or the table states.
    prob
        Probability of the thin bars; the thick ones contain 50 %.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Dot: posterior mean; thick bar: 50 % interval; thin bar: interval of probability `prob`. Where a few draws
        decide a mean, all dots are medians, and the title says so.
    """
    draws = effects["effects"]
    names = [str(e) for e in draws["effect"].to_numpy()]
    units = Units.of_answer(effects.attrs).of_effects(names) if units is None else units
    labels = [str(level) for level in draws["level"].to_numpy()]
    values = draws.transpose("chain", "draw", "level", "effect").to_numpy().reshape(-1, len(labels), len(names))
    point = common_point(values)
    order = np.argsort(point.of(values[:, :, 0], axis=0))
    shown = len(labels) <= _MAX_LABELS
    names_shown = [short(labels[i]) for i in order] if shown else []
    height = float(np.clip(0.2 * len(labels) + 1.6, 2.6, 14))
    with house_style():
        figure, panels = plt.subplots(
            1, len(names), figsize=(1.6 + room(names_shown) + 3.4 * len(names), height), sharey=True, squeeze=False
        )
        for panel, name, column in zip(panels[0], names, np.moveaxis(values, 2, 0), strict=True):
            _draw_panel(panel, column[:, order], point, prob)
            unit = unit_or_scale(units.get(name, ""), effects.attrs["scale"])
            panel.set_xlabel(unit)
            panel.xaxis.set_major_locator(MaxNLocator(5))
            panel.set_title(titled(name))
        panels[0][0].set_yticks(range(len(names_shown)), names_shown)
        panels[0][0].set_ylabel(titled(effects.attrs["factor"]) + ("" if shown else f" ({len(labels)} levels, sorted)"))
        response, factor = (titled(effects.attrs[name]) for name in ("response", "factor"))
        on = f" on {titled(effects.attrs[PARAMETER])}" if PARAMETER in effects.attrs else ""
        title = f"{response}: effects{on} by {factor}, deviations from the population"
        figure.suptitle(f"{title}\n{point.name}, {bars_in_words(prob)}", fontsize=11, x=0.01, ha="left")
    return figure


def _draw_panel(panel: Axes, values: np.ndarray, point: Point, prob: float) -> None:
    """Draw one effect, shape (draws, levels)."""
    positions = np.arange(values.shape[1])
    for ends, width in zip(interval_bars(prob), (1.0, 3.0), strict=False):
        panel.hlines(positions, *np.quantile(values, ends, axis=0), lw=width, color=BLUE)
    panel.axvline(0, color=GREY, lw=1, zorder=0)
    panel.plot(point.of(values, axis=0), positions, "o", ms=4, mfc="white", mec=INK, mew=1)
    panel.margins(y=0.5 / max(len(positions), 1))
