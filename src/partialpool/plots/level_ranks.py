"""Plot of level ranks: levels in order of their expected rank, with intervals."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.held import effect_in_title, held_in_title, named_effect
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, GREY, INK, house_style, room, short, titled

__all__ = ["plot_level_ranks"]

_MOST_LABELS = 60


@draws_answer_of("level_ranks", "rank", "expected", "best", attrs=("best",))
def plot_level_ranks(ranks: xr.Dataset, *, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]) -> Figure:
    """Draw the rank of each level with intervals, levels in order of their expected ranks.

    Ranks are much less certain than the order of the levels suggests: the picture shows by how much.

    Parameters
    ----------
    ranks
        From `level_ranks`.
    prob
        Probability of the thin bars; the thick bars contain 50 %.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Dot: expected rank; thick bar: 50 % interval of the rank; thin bar: interval of probability `prob`. Grey line:
        the places 1, 2, 3, ... that the order of the levels suggests. On the right the probability of being the best
        level or, if the answer has it, of being among the `top` best.
    """
    order = np.argsort(ranks["expected"].to_numpy(), kind="stable")
    draws = ranks["rank"].stack(sample=("chain", "draw")).transpose("sample", "level").to_numpy()[:, order]
    labels = [short(level) for level in ranks["level"].to_numpy()[order]]
    count, few = len(labels), len(labels) <= _MOST_LABELS
    places = np.arange(1, count + 1)
    name = effect_in_title(ranks.attrs, ranks.attrs["effect"])
    factor, response = (titled(ranks.attrs[key]) for key in ("factor", "response"))
    with house_style():
        size = 7.4 + (room(labels) if few else 0.0), float(np.clip(0.2 * count + 2.0, 3.0, 11))
        figure, axes = plt.subplots(figsize=size)
        axes.plot(places, places, color=GREY, lw=1.2, zorder=0, label="place in this order")
        for ends, width in zip(interval_bars(prob), (1.2, 3.2), strict=False):
            axes.hlines(places, *np.quantile(draws, ends, axis=0), lw=width, color=BLUE)
        expected = ranks["expected"].to_numpy()[order]
        axes.scatter(expected, places, s=18, color="white", edgecolors=INK, zorder=3, label="expected rank")
        axes.set_yticks(places if few else [], labels if few else [])
        axes.set_ylim(count + 0.7, 0.3)
        axes.set_xlim(0.5, count + 0.5)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=12, integer=True, min_n_ticks=1))
        axes.set_ylabel(factor + ("" if few else f" ({count} levels, sorted)"))
        what = named_effect(ranks.attrs, ranks.attrs["effect"])
        axes.set_xlabel(f"rank of each {factor} by {what}, 1 the {ranks.attrs['best']}\n{bars_in_words(prob)}")
        if few:
            _write_probabilities(axes, ranks, order, places)
        title = f"Ranks of {factor} by {name}, response {response}"
        figure.suptitle(f"{title}{held_in_title(ranks.attrs, 90)}", fontsize=10.5, x=0.01, ha="left")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure


def _write_probabilities(axes: Axes, ranks: xr.Dataset, order: np.ndarray, places: np.ndarray) -> None:
    """Write the probability of being the best, or among the best, to the right of each level."""
    known = "among_top" if "among_top" in ranks else "best"
    which = f"among the {ranks.attrs['top']} best" if known == "among_top" else "the best"
    right = axes.secondary_yaxis("right")
    right.set_yticks(places, [_in_percent(share) for share in ranks[known].to_numpy()[order]])
    right.tick_params(length=0)
    right.spines["right"].set_visible(False)
    right.set_ylabel(f"probability of being {which}")


def _in_percent(share: float) -> str:
    """Return a probability in percent; draws do not show that one is 0 or 1."""
    return "<1 %" if share < 0.005 else ">99 %" if share > 0.995 else f"{100 * share:.0f} %"
