"""Plot of many responses at once: the distribution of their ICCs, and how many signs can be stated."""

from typing import Final, Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.names import INTERCEPT
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import GREY, PALETTE, house_style, short

__all__ = ["plot_across_responses"]

_LEVEL: Final = 0.05
_MOST_WRONG: Final = 0.5


@draws_answer_of("across_responses", "response", attrs=("formula", "fitted", "responses"))
def plot_across_responses(look: xr.Dataset, *, prob: float = DEFAULT_PROB, **own: Unpack[OwnTitle]) -> Figure:
    """Draw the distribution of ICCs over many responses, and the share of wrong signs to expect.

    Parameters
    ----------
    look
        From `across_responses`.
    prob
        Probability of the bands.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Left, for models with groups: the share of responses with an ICC below each value, by factor. Line and band:
        mean and interval of probability `prob` of the population; dashed: the mean of the responses' own posteriors,
        which is wider. Right: responses in order of their false-sign rates; the share of wrong signs to expect among so
        many, by coefficient (the intercept only if it is alone). The grey line is at 5 %; the legend says how many
        responses are below it.

    Raises
    ------
    SpecError
        `prob` is not between 0 and 1.
    """
    panels = [name for name in ("each_below", "s_value") if name in look]
    with house_style():
        figure, grid = plt.subplots(1, len(panels), squeeze=False, figsize=(1.2 + 4.4 * len(panels), 4.0))
        for axes, name in zip(grid[0], panels, strict=True):
            _draw_distribution(axes, look, prob) if name == "each_below" else _draw_signs(axes, look)
        fitted, given = look.attrs["fitted"], look.attrs["responses"]
        lacking = f" ({given - fitted} more were not fitted)" if given > fitted else ""
        figure.suptitle(
            f"{fitted} responses{lacking}: {short(look.attrs['formula'], 70)}", x=0.01, ha="left", fontsize=11
        )
    return figure


def _draw_distribution(axes: Axes, look: xr.Dataset, prob: float) -> None:
    cuts = np.concatenate([[0.0], look["cut"].to_numpy(), [1.0]])
    for k, factor in enumerate(look["factor"].to_numpy()):
        color = PALETTE[k % len(PALETTE)]
        each = look["each_below"].sel(factor=factor).to_numpy()
        if "population_below" in look:
            draws = (
                look["population_below"].sel(factor=factor).stack(sample=("chain", "draw")).transpose("sample", "cut")
            )
            low, high = np.quantile(draws.to_numpy(), central_ends(prob), axis=0)
            mean = draws.to_numpy().mean(axis=0)
            axes.fill_between(cuts, _whole(low), _whole(high), color=color, alpha=0.25, lw=0)
            axes.plot(cuts, _whole(mean), color=color, lw=1.8, label=short(factor))
            axes.plot(cuts, _whole(each), color=color, lw=1.1, ls=(0, (4, 2)), label=f"{short(factor)}, one by one")
        else:
            axes.plot(cuts, _whole(each), color=color, lw=1.8, label=f"{short(factor)}, one by one")
    axes.set(xlim=(0, 1), ylim=(0, 1.01), xlabel="ICC", ylabel="share of responses below")
    shown = f"mean and {percent(prob)} interval" if "population_below" in look else "mean of posteriors"
    axes.set_title(f"Distribution of the ICC\n{shown}", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="lower right")


def _whole(below: np.ndarray) -> np.ndarray:
    return np.concatenate([[0.0], below, [1.0]])


def _draw_signs(axes: Axes, look: xr.Dataset) -> None:
    coefs = [str(coef) for coef in look["coef"].to_numpy()]
    shown = [coef for coef in coefs if coef != INTERCEPT] or coefs
    for k, coef in enumerate(shown):
        values = np.sort(look["s_value"].sel(coef=coef).to_numpy())
        values = values[np.isfinite(values)]
        count = int((values <= _LEVEL).sum())
        color = PALETTE[k % len(PALETTE)]
        label = f"{short(coef)}: {count} of {len(values)}"
        axes.plot(np.arange(1, len(values) + 1), values, color=color, lw=1.8, label=label, drawstyle="steps-post")
    axes.axhline(_LEVEL, color=GREY, lw=1)
    top = min(_MOST_WRONG, 1.08 * max(2 * _LEVEL, float(np.nanmax(look["s_value"].sel(coef=shown).to_numpy()))))
    axes.set_ylim(0, top)
    axes.set_xlim(0, look.attrs["fitted"])
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g} %")
    axes.set(xlabel="responses whose sign is stated, surest first", ylabel="wrong signs to expect")
    axes.set_title("Signs of coefficients", fontsize=10)
    axes.legend(frameon=False, fontsize=9, loc="upper left", title="at most 5 % wrong", title_fontsize=9)
