"""Plot of standard deviations near zero and correlations near one, the signs of a singular fit."""

from typing import Unpack

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, stated_or
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, legend_below, short
from partialpool.questions.singularity import singularity

__all__ = ["plot_singularity"]

_BINS = 50
_ROW = 3
"""Most panels in a row."""


@draws_answer_of("singularity", "contribution", "near_zero", "prior_density", ask=singularity)
def plot_singularity(singular: xr.Dataset, *, unit: str | None = None, **own: Unpack[OwnTitle]) -> Figure:
    """Draw posterior and prior of every varying effect's contribution, and the posterior of every correlation.

    Parameters
    ----------
    singular
        From `singularity`; or a fit, for which `singularity` is then called without other arguments.
    unit
        Unit of the linear predictor, for the axes; by default the one that the model or the table states.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per effect: posterior of its contribution (histogram), prior (line), and the range that counts as near
        zero (shaded). A panel per correlation. Vermilion: effects and correlations that the data do not support.
    """
    unit = stated_or(unit, Units.of_answer(singular.attrs).linear)
    terms, pairs = singular["term"].to_numpy(), singular["pair"].to_numpy()
    count = len(terms) + len(pairs)
    columns = min(count, _ROW)
    rows = -(-count // columns)
    with house_style():
        figure, panels = plt.subplots(rows, columns, figsize=(0.6 + 3.3 * columns, 0.4 + 2.7 * rows), squeeze=False)
        axes = panels.ravel()
        for panel, term in zip(axes, terms, strict=False):
            _contribution(panel, singular.sel(term=term), unit)
        for panel, pair in zip(axes[len(terms) :], pairs, strict=False):
            _correlation(panel, singular.sel(pair=pair))
        for panel in axes[count:]:
            panel.remove()
        legend_below(figure, axes[:count], columns=2 ** (columns - 1))
    return figure


def _contribution(panel: Axes, term: xr.Dataset, unit: str) -> None:
    draws, small, grid = term["contribution"].to_numpy().ravel(), float(term["small"]), term["grid"].to_numpy()
    color, name = _look(supported=bool(term["supported"]))
    panel.hist(draws, _BINS, range=(0, float(grid[-1])), density=True, alpha=0.6, color=color, label=name)
    panel.plot(grid, term["prior_density"], color=INK, lw=1.3, label="prior")
    panel.axvspan(0, small, color=GREY, alpha=0.3, lw=0, label="near zero")
    panel.set(xlim=(0, grid[-1]), yticks=[], ylabel="density", xlabel=f"sd it contributes{bracketed(unit)}")
    near, before = float(term["near_zero"]), float(term["near_zero_prior"])
    panel.set_title(f"{short(term['term'].item(), 90)}\nnear zero {near:.2f}, prior {before:.2f}", fontsize=9.5)


def _correlation(panel: Axes, pair: xr.Dataset) -> None:
    color, name = _look(supported=not bool(pair["piled"]))
    draws = pair["correlation"].to_numpy().ravel()
    panel.hist(draws, _BINS, range=(-1, 1), density=True, alpha=0.6, color=color, label=name)
    panel.set(xlim=(-1, 1), yticks=[], ylabel="density", xlabel="correlation")
    panel.set_title(
        f"{short(pair['pair'].item(), 90)}\nbeyond 0.95 either way {float(pair['extreme']):.2f}", fontsize=9.5
    )


def _look(*, supported: bool) -> tuple[str, str]:
    """Return colour and name of a posterior."""
    return (BLUE, "posterior") if supported else (VERMILION, "posterior, not supported by the data")
