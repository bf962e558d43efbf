"""Plot of design effects and effective sample sizes."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.fitting.point_estimate import Point, common_point
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.intervals import bars_in_words, draw_interval
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import GREY, INK, house_style, room, short, titled
from partialpool.questions.design_effect import design_effect

__all__ = ["plot_design_effect"]


@draws_answer_of("design_effect", "design_effect", ask=design_effect)
def plot_design_effect(effects: xr.Dataset, *, prob: float = DEFAULT_PROB, **own: Unpack[OwnTitle]) -> Figure:
    """Draw the design effect of each factor, and the number of independent rows that the table is equivalent to.

    Parameters
    ----------
    effects
        From `design_effect`; or a fit, for which `design_effect` is then called without other arguments.
    prob
        Probability of the thin bars, and of the intervals in numbers; the thick bars contain 50 %.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Left: design effect; the top axis has the factor by which a standard error that ignores the grouping is too
        small. Right: effective sample size, against the number of rows. Posterior mean, 50 % and `prob`
        intervals; medians where a few draws decide a mean, as the title then says.
    """
    names = [short(f) for f in effects["factor"].to_numpy()]
    rows = int(effects.attrs["rows"])
    point = common_point(effects["design_effect"], effects["effective_sample_size"])
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(8.6 + room(names), 1.9 + 0.5 * len(names)), sharey=True)
        _intervals(left, effects["design_effect"], point, prob)
        _intervals(right, effects["effective_sample_size"], point, prob)
        sizes = effects["rows_per_level"].to_numpy()
        labels = [f"{n}\n(m = {m:.3g})" if np.isfinite(m) else n for n, m in zip(names, sizes, strict=True)]
        left.set_yticks(range(len(names)), labels)
        left.invert_yaxis()
        left.margins(y=0.5 / len(names))
        left.axvline(1.0, color=GREY, lw=1, zorder=0)
        left.set_xlim(left=min(1.0, left.get_xlim()[0]))
        latent = "" if effects.attrs["scale"] == "response" else f", {effects.attrs['scale']}"
        left.set_xlabel(f"design effect{latent}")
        above = left.secondary_xaxis("top", functions=(_root, np.square))
        factors = _few(np.sqrt(left.get_xlim()[1]))
        above.set_xticks(factors, [f"{factor:g}" for factor in factors])
        above.set_xlabel("naive standard error of the mean too small by the factor")
        right.axvline(rows, color=GREY, lw=1, zorder=0)
        # Slopes about a centre can make a mean more precise than independent rows would.
        right.set_xlim(0, max(1.05 * rows, right.get_xlim()[1]))
        _write_numbers(left, effects["design_effect"], point, prob)
        _write_numbers(right, effects["effective_sample_size"], point, prob)
        counted = effects.attrs["counted"]
        right.set_xlabel(f"independent {counted} that {rows} {counted} are worth")
        title = f"The mean of {titled(effects.attrs['response'])}: design effect of the groups"
        figure.suptitle(f"{title}\n{point.name}, {bars_in_words(prob)}", fontsize=11, x=0.01, ha="left")
    return figure


def _intervals(panel: Axes, values: xr.DataArray, point: Point, prob: float) -> None:
    for place, draws in enumerate(values.transpose("factor", ...).to_numpy()):
        draw_interval(panel, place, draws, point, prob=prob)


def _write_numbers(panel: Axes, values: xr.DataArray, point: Point, prob: float) -> None:
    """Write mean or median and the `prob` interval over each dot, towards the middle of the panel."""
    middle = np.mean(panel.get_xlim())
    for place, draws in enumerate(values.transpose("factor", ...).to_numpy()):
        low, high = np.quantile(draws, central_ends(prob))
        value = float(point.of(draws))
        text = f"{value:.3g} ({low:.3g} to {high:.3g})"
        side = "left" if value < middle else "right"
        panel.annotate(text, (value, place), xytext=(0, 6), textcoords="offset points", ha=side, fontsize=8, color=INK)


def _few(highest: float) -> list[float]:
    """Round numbers from 1 to the highest value, at most seven."""
    step = next(step for step in (0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, np.inf) if (highest - 1) / step <= 6)
    return [1.0, *np.arange(step * np.floor(1 / step) + step, highest, step)] if np.isfinite(step) else [1.0, highest]


def _root(values: np.ndarray) -> np.ndarray:
    return np.sqrt(np.maximum(values, 0.0))
