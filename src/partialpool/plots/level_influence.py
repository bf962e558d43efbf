"""Plot of the influence of each level on an answer."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from partialpool.errors import DataError, nearest
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, GREY, VERMILION, house_style, room, short, titled
from partialpool.tabulate import typeset

__all__ = ["plot_level_influence"]

_MOST_LABELS = 60
_LARGE = 0.5


@draws_answer_of("level_influence", "quantity", "shift", "khat")
def plot_level_influence(influence: xr.Dataset, quantity: str, **own: Unpack[OwnLabels]) -> Figure:
    """Draw how far an answer moves when a level is left out, for each level.

    Parameters
    ----------
    influence
        From `level_influence`.
    quantity
        Name of the answer.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        A row per level, in order of the shift; vermilion: more than half a posterior sd; open circle: by a refit.

    Raises
    ------
    DataError
        No such answer.
    """
    names = [str(q) for q in influence["quantity"].to_numpy()]
    if quantity not in names:
        raise DataError(
            "the influence of levels on this answer was not computed",
            got=repr(quantity),
            allowed=nearest(quantity, names),
            do="name one of these",
        )
    one = influence.sel(quantity=quantity)
    order = np.argsort(one["shift"].to_numpy())
    shift, refitted = one["shift"].to_numpy()[order], one["method"].to_numpy()[order] == "refit"
    labels = [short(label) for label in one["level"].to_numpy()[order]]
    places = np.arange(len(order))
    with house_style():
        height = float(np.clip(1.6 + 0.2 * len(order), 2.6, 13))
        figure, axes = plt.subplots(figsize=(6.2 + room(labels), height))
        axes.axvline(0, color=GREY, lw=1)
        colors = np.where(np.abs(shift) > _LARGE, VERMILION, BLUE)
        axes.hlines(places, 0, shift, colors=list(colors), lw=1.4)
        for marked, fill in ((refitted, "white"), (~refitted, None)):
            for color in dict.fromkeys(colors[marked]):
                some = marked & (colors == color)
                axes.plot(shift[some], places[some], "o", ms=5, color=color, mfc=fill)
        shown = len(labels) <= _MOST_LABELS
        axes.set_yticks(places if shown else [], labels if shown else [])
        axes.set_ylabel(titled(influence.attrs["factor"]) + ("" if shown else f" ({len(labels)} levels, in order)"))
        axes.set_xlabel("shift of the mean without the level, in posterior sds (open: by a refit)")
        axes.margins(y=0.5 / len(order))
        whole = typeset(f"{float(one['whole_mean']):.4g} (sd {float(one['whole_sd']):.3g})")
        title = f"{titled(influence.attrs['response'])}: which levels move {titled(quantity)}?\nall levels: {whole}"
        figure.suptitle(title, x=0.01, ha="left", fontsize=11)
    return figure
