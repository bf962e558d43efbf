"""Plot of a model comparison."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure

from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, house_style, room, short
from partialpool.questions.compare import Comparison

__all__ = ["plot_compare"]


@draws_answer_of("compare")
def plot_compare(comparison: Comparison, **own: Unpack[OwnTitle]) -> Figure:
    """Draw each model's difference from the best model, by every criterion.

    Parameters
    ----------
    comparison
        From `compare`.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per criterion: difference to its best model, with one (thick) and two (thin) standard errors.
    """
    frame, criteria = comparison.frame, comparison.criteria
    titles = {
        "rows": "new rows of the same levels",
        "levels": f"a new {short(comparison.factor, 20)}",
        "evidence": "all the data (evidence)",
    }
    places, names = np.arange(len(frame)), [short(name) for name in frame.index]
    with house_style():
        figure, panels = plt.subplots(
            1,
            len(criteria),
            figsize=(1.6 + room(names) + 2.9 * len(criteria), 1.5 + 0.45 * len(frame)),
            sharey=True,
            squeeze=False,
        )
        for panel, criterion in zip(panels[0], criteria, strict=True):
            gap, se = frame[f"{criterion}_diff"].to_numpy(float), frame[f"{criterion}_se"].to_numpy(float)
            panel.axvline(0, color=GREY, lw=1, zorder=0)
            for times, width in ((2, 1.2), (1, 4.0)):
                panel.hlines(places, gap - times * se, gap + times * se, color=BLUE, lw=width)
            panel.plot(gap, places, "o", ms=6, mfc="white", mec=INK, mew=1.2)
            panel.set(xlabel="difference, log units", title=titles[criterion])
            panel.margins(x=0.08, y=0.5 / len(frame))
        panels[0][0].set_yticks(places, names)
        panels[0][0].invert_yaxis()
    return figure
