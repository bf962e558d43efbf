"""Plot of the null distributions and the observed statistic of a likelihood-ratio test."""

from typing import Final, Unpack

import matplotlib.pyplot as plt
import numpy as np
import scipy
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.plots.answer import draws_answer_of
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import GREY, INK, PALETTE, house_style, short
from partialpool.questions.lrt import LikelihoodRatioTest, write_mixture

__all__ = ["plot_lrt"]

_BINS: Final = 40
_SHOWN: Final = 0.999
"""Least share of each null distribution that the axis shows."""
_FAR: Final = 2.0
"""If the observed statistic exceeds the range of the nulls by more than this factor, an arrow replaces its line."""
_SIMULATED, _MIXTURE, _NAIVE = GREY, PALETTE[0], PALETTE[1]


@draws_answer_of("lrt")
def plot_lrt(test: LikelihoodRatioTest, **own: Unpack[OwnTitle]) -> Figure:
    """Draw the simulated null as a histogram, the chi-square nulls as lines, and the observed statistic.

    Parameters
    ----------
    test
        From `lrt`.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Right: densities of statistics above 0, each with the area of that part. Left, where a null has one: the
        probability of a statistic of exactly 0, which has no density.
    """
    reach = float(scipy.stats.chi2.isf(1 - _SHOWN, test.naive_df))
    if len(test.null):
        reach = max(reach, float(np.quantile(test.null, _SHOWN)))
    far = test.statistic > _FAR * reach
    right = 1.05 * (reach if far else max(reach, test.statistic))
    masses = _masses_at_zero(test)
    with house_style():
        figure, panels = plt.subplots(
            1,
            2 if masses else 1,
            figsize=(7.4, 3.9) if masses else (6.2, 3.9),
            width_ratios=(1, 4.5) if masses else None,
            squeeze=False,
        )
        if masses:
            _draw_masses(panels[0][0], masses)
        axes = panels[0][-1]
        _draw_densities(axes, test, right)
        _draw_observed(axes, test.statistic, right if far else test.statistic)
        axes.set_xlim(0, right)
        axes.set_xlabel("likelihood-ratio statistic" + (" above 0" if masses else ""))
        axes.set_ylabel("density")
        # Below the panel: inside, it could cover the observed statistic.
        legend = figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
        for text in legend.get_texts():
            text.set_parse_math(True)
        figure.suptitle(f"Null distributions: {short(test.added, 50)}", fontsize=11, x=0.01, ha="left")
    return figure


def _masses_at_zero(test: LikelihoodRatioTest) -> dict[str, tuple[float, str]]:
    """Return the probability of exactly 0 and the colour, by null; empty where all are negligible."""
    found = {}
    if len(test.null):
        found["simulated"] = (float((test.null == 0).mean()), _SIMULATED)
    if test.mixture is not None:
        found["mixture"] = (sum(weight for df, weight in test.mixture if df == 0), _MIXTURE)
    return found if max((mass for mass, _ in found.values()), default=0.0) > 0.01 else {}


def _draw_masses(axes: Axes, masses: dict[str, tuple[float, str]]) -> None:
    for place, (mass, color) in enumerate(masses.values()):
        axes.bar(place, mass, width=0.6, color=color, alpha=0.5 if color == _SIMULATED else 1.0)
        axes.text(place, mass, f"{mass:.2f}", ha="center", va="bottom", color=INK)
    axes.set_xticks(range(len(masses)), list(masses), rotation=30, ha="right")
    axes.set_xlim(-0.6, len(masses) - 0.4)
    axes.set_ylim(0, 1)
    axes.grid(visible=False)
    axes.set_ylabel("probability of exactly 0")


def _draw_densities(axes: Axes, test: LikelihoodRatioTest, right: float) -> None:
    x = np.linspace(0, right, 600)[1:]
    edges = np.linspace(0, right, _BINS + 1)
    naive = scipy.stats.chi2.pdf(x, test.naive_df)
    mixed = np.zeros(0)
    if test.mixture is not None:
        mixed = np.sum([weight * scipy.stats.chi2.pdf(x, df) for df, weight in test.mixture if df > 0], axis=0)
    # chi2_1 has a pole at 0: the axis ends slightly above the histogram and the lines beyond the first half bin.
    heights = [float(line[x > edges[1] / 2].max(initial=0.0)) for line in (naive, mixed) if len(line)]
    if len(test.null):
        label = f"simulated ({test.method}, {len(test.null)} draws)"
        counts = np.histogram(test.null[test.null > 0], edges)[0]
        density = counts / (len(test.null) * np.diff(edges))
        axes.stairs(density, edges, fill=True, color=_SIMULATED, alpha=0.5, label=label)
        heights.append(float(density.max(initial=0.0)))
    interior = test.mixture == ((test.naive_df, 1.0),)
    if test.mixture is not None:
        axes.plot(x, mixed, color=_MIXTURE, lw=2, label=_math(write_mixture(test.mixture)))
    if not interior:
        axes.plot(x, naive, color=_NAIVE, lw=1.6, ls=(0, (5, 2)), label=_math(f"chi2_{test.naive_df}") + " (naive)")
    axes.set_ylim(0, 1.08 * max(heights))


def _math(text: str) -> str:
    """Return a text with chi2_1 as a Greek letter with indices."""
    return " ".join(rf"$\chi^2_{{{w.removeprefix('chi2_')}}}$" if w.startswith("chi2_") else w for w in text.split())


def _draw_observed(axes: Axes, statistic: float, at: float) -> None:
    """Draw the statistic as a line with its number, or as an arrow to the right edge where it is beyond."""
    label = f"observed {statistic:.4g}"
    if at < statistic:
        axes.annotate(
            label, (1.0, 0.97), (0.8, 0.97), xycoords="axes fraction", ha="right", va="center", color=INK,
            arrowprops={"arrowstyle": "-|>", "color": INK, "lw": 1.6},
        )  # fmt: skip
        return
    axes.axvline(at, color=INK, lw=1.8, zorder=3, clip_on=False)
    beyond = at > 0.6 * axes.get_xlim()[1]
    axes.annotate(
        label, (at, 0.97), xycoords=("data", "axes fraction"), xytext=(-5 if beyond else 5, 0),
        textcoords="offset points", ha="right" if beyond else "left", va="center", color=INK,
    )  # fmt: skip
