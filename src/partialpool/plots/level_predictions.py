"""Forest plot of the predictions of the levels of one factor."""

from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from partialpool.fitting.point_estimate import Point, common_point
from partialpool.intervals import DEFAULT_PROB
from partialpool.names import OBS
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.style import BLUE, GREY, INK, house_style, room, short, titled

__all__ = ["LevelNames", "draw_level_predictions"]


@dataclass(frozen=True, eq=False)
class LevelNames:
    """What the figure calls things.

    Attributes
    ----------
    levels
        Names of the levels in the order of the rows.
    factor
        What they are levels of.
    what
        The predicted quantity, with its unit.
    """

    levels: list[str]
    factor: str
    what: str


def draw_level_predictions(
    predictions: xr.Dataset, names: LevelNames, *, anyone: np.ndarray | None, prob: float = DEFAULT_PROB
) -> Figure:
    """Draw the predicted mean of each level with its intervals; of ordered categories, a panel for each.

    Parameters
    ----------
    predictions
        From `predict`, a row per level, the lowest first.
    names
        Names of levels, factor and quantity.
    anyone
        Prediction for a member of any level, (panels,), drawn as a grey line; None for no line.
    prob
        Probability of the thin bars; the thick ones contain 50 %.

    Returns
    -------
    matplotlib.figure.Figure
        Circle: posterior mean, or median where a few draws decide a mean, as the title then says.
    """
    mean = predictions["expectation"]
    by_category = "category" in mean.dims
    draws = mean.transpose(*(("category",) if by_category else ()), "chain", "draw", OBS).to_numpy()
    panels_of = draws.reshape(len(mean["category"]) if by_category else 1, -1, mean.sizes[OBS])
    point = common_point(predictions["expectation"])
    labels = [short(label) for label in names.levels]
    height = float(np.clip(0.2 * len(labels) + 1.6, 2.6, 14))
    width = 1.6 + room(labels) + (1.7 if by_category else 3.4) * len(panels_of)
    with house_style():
        figure, panels = plt.subplots(
            1, len(panels_of), figsize=(width, height), sharey=True, sharex=True, squeeze=False
        )
        for k, (panel, values) in enumerate(zip(panels[0], panels_of, strict=True)):
            _draw_panel(panel, values, point, prob)
            if anyone is not None:
                panel.axvline(float(anyone[k]), color=GREY, lw=1.4, zorder=0)
            panel.xaxis.set_major_locator(MaxNLocator(3 if by_category else 5))
            if by_category:
                panel.set_title(titled(predictions["category"].to_numpy()[k]), fontsize=10)
        panels[0][0].set_yticks(range(len(labels)), labels)
        panels[0][0].set_ylabel(titled(names.factor))
        figure.supxlabel(titled(names.what), fontsize=10)
        title = f"Predicted for each {titled(names.factor)}"
        figure.suptitle(f"{title}\n{point.name}, {bars_in_words(prob)}", fontsize=10.5, x=0.01, ha="left")
    return figure


def _draw_panel(panel: Axes, values: np.ndarray, point: Point, prob: float) -> None:
    """Draw one quantity of all levels, shape (draws, levels)."""
    places = np.arange(values.shape[1])
    for ends, width in zip(interval_bars(prob), (1.0, 3.0), strict=False):
        panel.hlines(places, *np.quantile(values, ends, axis=0), lw=width, color=BLUE)
    panel.plot(point.of(values, axis=0), places, "o", ms=4, mfc="white", mec=INK, mew=1)
    panel.margins(y=0.5 / max(len(places), 1))
