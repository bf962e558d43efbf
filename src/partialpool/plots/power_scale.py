"""Plot of power-scaling sensitivities to the priors and the likelihood."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import GREY, INK, PALETTE, house_style, room, short
from partialpool.questions.power_scale import ERRORS, LIKELIHOOD, THRESHOLD, PowerScaling, power_scale

__all__ = ["plot_power_scale"]

_MOST_ROWS = 60


@draws_answer_of("power_scale", ask=power_scale)
def plot_power_scale(scaling: PowerScaling, **own: Unpack[OwnLabels]) -> Figure:
    """Draw how much each prior, all priors and the likelihood move each answer.

    Parameters
    ----------
    scaling
        From `power_scale`; or a fit, for which `power_scale` is then called without other arguments.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        A row per answer, a mark per component, and the line above which a sensitivity counts. Bars of all priors
        together and of the likelihood: two Monte Carlo standard errors; where a bar crosses the line, the answer is
        near the threshold.
    """
    frame = scaling.frame
    components = [c for c in frame.columns if c != "diagnosis"]
    places = np.arange(len(frame))
    labels = [short(name) for name in frame.index]
    marks = "osD^vPX*hd<>"
    with house_style():
        figure, axes = plt.subplots(figsize=(6.6 + room(labels), 1.7 + 0.34 * len(frame)))
        for k, component in enumerate(components):
            if component in scaling.errors:
                bars = ERRORS * scaling.errors[component]
                axes.errorbar(
                    frame[component], places, xerr=bars, fmt="none", ecolor=_color(component, k), lw=1.2, zorder=1
                )
            axes.plot(
                frame[component],
                places,
                marks[k % len(marks)],
                ms=6,
                color=_color(component, k),
                mfc="white" if component == LIKELIHOOD else None,
                label=short(component),
            )
        axes.axvline(THRESHOLD, color=GREY, lw=1, ls="--")
        axes.set_xscale("symlog", linthresh=0.01)
        axes.set_xlim(0, 1.4 * max(frame[components].to_numpy().max(), THRESHOLD))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.set_yticks(places, labels)
        axes.invert_yaxis()
        axes.margins(y=0.6 / len(frame))
        axes.set_xlabel("power-scaling sensitivity (dashed: 0.05, above which it counts; bars: 2 Monte Carlo errors)")
        figure.suptitle("What moves the answers", x=0.01, ha="left", fontsize=11)
        figure.legend(frameon=False, loc="outside right upper", fontsize=9)
    return figure


def _color(component: str, k: int) -> str:
    return INK if component == LIKELIHOOD else PALETTE[k % len(PALETTE)]
