"""Plot of an answer under several priors."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.errors import DataError, nearest
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.names import ICC, SIGMA, TOTAL_SD
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, stated_or
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, legend_below, room, short
from partialpool.tabulate import number, typeset

__all__ = ["plot_prior_grid"]

_MOST_ROWS = 60
_LETTERS = 60
"""Most characters of a line of a row's label."""
_LINE = 0.17
"""Height of a line of a row's label, in inches."""
_WIDEST = 5
"""Most times that the axis may be as wide as it is for the posteriors alone, in order to show a whole prior."""
_SHOWN = 0.96
"""Least share of the draws under each prior that the axis shows."""


@dataclass(frozen=True, eq=False)
class _Panel:
    """Rows of a study that share a panel.

    Attributes
    ----------
    title
        What the rows have in common; may be empty.
    rows
        Positions in the study, (rows,), in the order in which they are drawn.
    labels
        Labels that distinguish the rows.
    joined
        Whether the rows are one series from narrow to wide priors, with medians joined by a line.
    """

    title: str
    rows: np.ndarray
    labels: list[str]
    joined: bool


@draws_answer_of("prior_grid", "prior", "good")
def plot_prior_grid(
    study: xr.Dataset, quantity: str, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnTitle]
) -> Figure:
    """Draw one answer under every prior, with the prior itself where the answer is a parameter that has one.

    Parameters
    ----------
    study
        From `prior_grid`.
    quantity
        Name of the answer: `"sd_Subject[Intercept]"`, `"icc[Subject]"`.
    unit
        Unit of the answer, for the axis; by default from the units that the model or the table states.
    prob
        Probability of the thin bars; the thick ones contain 50 %.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        A row per prior: posterior median, 50 % and `prob` intervals (blue); the prior's median and interval above it
        (grey). The axis has the whole interval of each prior that makes it at most five times as wide as the posteriors
        need; a wider one ends in an arrowhead at the figure's edge, with the number at which it ends. Of the quantiles
        of the prior that the study contains, the ends are those nearest to `prob`; the legend states their probability.
        Where families of priors were compared, there is a panel per family, from the narrowest prior to the widest,
        with medians joined. Fits whose diagnostics are not good have an orange mark; failed fits are labelled.

    Raises
    ------
    DataError
        No such answer; more priors than rows fit.
    SpecError
        `prob` is not between 0 and 1.
    """
    answers = [str(name) for name, values in study.data_vars.items() if "chain" in values.dims]
    if quantity not in answers:
        raise DataError(
            "the study does not include this answer",
            got=repr(quantity),
            allowed=nearest(quantity, answers),
            do="name one of these",
        )
    if study.sizes["prior"] > _MOST_ROWS:
        raise DataError(
            "too many priors for one figure",
            got=f"{study.sizes['prior']}",
            allowed=f"up to {_MOST_ROWS}",
            do="select some first: study.isel(prior=slice(0, 20))",
        )
    panels = _panels(study, quantity)
    unit = stated_or(unit, Units.of_answer(study.attrs).of_quantity(quantity))
    labels = [label for panel in panels for label in panel.labels]
    lines = [label.split("\n") for label in labels]
    pitch = max(0.34 if len(panels) == 1 else 0.25, _LINE * max(map(len, lines)) + 0.06)
    height = 1.4 + pitch * len(labels) + sum(0.3 for panel in panels if panel.title)
    with house_style():
        figure, grid = plt.subplots(
            len(panels), 1, sharex=True, squeeze=False, figsize=(6.4 + room(chain.from_iterable(lines)), height),
            height_ratios=[len(panel.rows) + 0.2 for panel in panels],
        )  # fmt: skip
        for axes, panel in zip(grid[:, 0], panels, strict=True):
            _draw_panel(axes, panel, study, quantity, prob)
        limits = _limits(study[quantity], quantity.partition("[")[0], prob)
        grid[0, 0].set_xlim(*_with_priors(limits, study, quantity, prob))
        for axes, panel in zip(grid[:, 0], panels, strict=True):
            _mark_cut_priors(axes, panel, study, quantity, prob)
        grid[-1, 0].set_xlabel(f"{quantity}{bracketed(unit)}")
        figure.suptitle(_heading(study, quantity, panels), x=0.01, ha="left", fontsize=11)
        legend_below(figure, grid[:, 0], columns=3)
    return figure


def _panels(study: xr.Dataset, quantity: str) -> list[_Panel]:
    """Split a study by the families of its priors, each from narrow to wide; one panel if there are no such groups."""
    stated = _stated(study)
    families: dict[tuple[str, ...], list[int]] = {}
    for row in range(study.sizes["prior"]):
        families.setdefault(tuple(text[row].partition("(")[0] for text in stated.values()), []).append(row)
    if not 1 < len(families) < study.sizes["prior"]:
        labels = [_on_lines(str(label)) for label in study["prior"].to_numpy()]
        return [_Panel("", np.arange(len(labels)), labels, joined=False)]
    medians = [_prior_medians(study, parameter) for parameter in stated]
    shown = _telling(stated, families.values(), quantity)
    panels = []
    for family, rows in families.items():
        ordered = sorted(rows, key=lambda row: tuple(float(median[row]) for median in medians))
        several = [f"{parameter} ~ {name}" for parameter, name in zip(stated, family, strict=True)]
        title = short(family[0] if len(set(family)) == 1 else ", ".join(several), most=70)
        panels.append(_Panel(title, np.array(ordered), [_arguments(shown, row) for row in ordered], len(shown) == 1))
    return panels


def _on_lines(label: str) -> str:
    """Return a label with each of its priors whole: on one line where they fit, else on a line each."""
    parts = [label] if len(label) <= _LETTERS else label.split("; ")
    return "\n".join(short(part, most=_LETTERS) for part in parts)


def _stated(study: xr.Dataset) -> dict[str, list[str]]:
    """Return the priors, as text, of each parameter whose prior varies."""
    mark = "prior_of_"
    return {
        str(c).removeprefix(mark): list(map(str, study[c].to_numpy())) for c in study.coords if str(c).startswith(mark)
    }


def _telling(stated: dict[str, list[str]], families: Iterable[list[int]], quantity: str) -> dict[str, list[str]]:
    """Return one parameter whose prior distinguishes the rows of each family, preferably the answer's; else all."""
    groups = list(families)
    for parameter in sorted(stated, key=lambda parameter: parameter not in (quantity, quantity.partition("[")[0])):
        if all(len({stated[parameter][row] for row in rows}) == len(rows) for rows in groups):
            return {parameter: stated[parameter]}
    return stated


def _arguments(shown: dict[str, list[str]], row: int) -> str:
    """Return the arguments that distinguish a prior from others of its family: `sigma=5`."""
    said = {parameter: text[row].partition("(")[2].removesuffix(")") for parameter, text in shown.items()}
    if len(said) == 1:
        return short(next(iter(said.values())), most=_LETTERS)
    return _on_lines("; ".join(f"{parameter}: {arguments}" for parameter, arguments in said.items()))


def _prior_medians(study: xr.Dataset, parameter: str) -> np.ndarray:
    """Return the median of each prior; zeros, which keep the order, where the study does not have them."""
    for name, values in study.data_vars.items():
        if "level" in values.dims and f"{name}[".startswith(f"prior_{parameter}["):
            return values.sel(level=0.5).to_numpy()
    return np.zeros(study.sizes["prior"])


def _heading(study: xr.Dataset, quantity: str, panels: list[_Panel]) -> str:
    """Return the title: the answer, and the parameter whose prior varies, where row labels do not name it."""
    heading = f"{study.attrs['response']}: {quantity} under {study.sizes['prior']} priors"
    stated = _stated(study)
    first = next(iter(_telling(stated, [list(panel.rows) for panel in panels], quantity)))
    if len(panels) == 1 or not panels[0].joined:
        return heading
    return f"{heading} of {first}" + (" and, in step, others" if len(stated) > 1 else "")


def _limits(answer: xr.DataArray, kind: str, prob: float) -> tuple[float, float]:
    """Return axis limits for all but the outermost draws under any prior, and for the bars of all posteriors.

    Sds start at 0, ICCs range from 0 to 1.
    """
    if kind == ICC:
        return -0.005, 1.005
    draws = answer.stack(sample=("chain", "draw")).transpose("prior", "sample").to_numpy()
    draws = draws[np.isfinite(draws).all(axis=1)]
    if not draws.size:
        return 0.0, 1.0
    lower, upper = central_ends(max(prob, _SHOWN))
    low, high = np.quantile(draws, lower, axis=1).min(), np.quantile(draws, upper, axis=1).max()
    margin = 0.15 * (high - low) or 1.0
    if kind in (SIGMA, TOTAL_SD) or kind.startswith("sd_"):
        return -0.1 * margin, high + margin
    return max(low - margin, -0.1 * margin) if draws.min() >= 0 else low - margin, high + margin


def _with_priors(limits: tuple[float, float], study: xr.Dataset, quantity: str, prob: float) -> tuple[float, float]:
    """Widen the limits to the ends of those priors that do not make the posteriors too narrow to be read."""
    if f"prior_{quantity}" not in study or quantity.partition("[")[0] == ICC:
        return limits
    own = _prior_quantiles(study, quantity, np.arange(study.sizes["prior"]), prob)[:, [0, 2]]
    whole = np.column_stack([np.minimum(own[:, 0], limits[0]), np.maximum(own[:, 1], limits[1])])
    kept = own[np.ptp(whole, axis=1) <= _WIDEST * (limits[1] - limits[0])]
    if not kept.size:
        return limits
    ends = min(limits[0], kept.min()), max(limits[1], kept.max())
    margin = 0.03 * (ends[1] - ends[0])
    low = ends[0] - margin if ends[0] < limits[0] else limits[0]
    high = ends[1] + margin if ends[1] > limits[1] else limits[1]
    return float(low), float(high)


def _prior_levels(study: xr.Dataset, prob: float) -> tuple[float, float, float]:
    """Return the levels at lower end, median and upper end of the priors' intervals, as near to `prob` as there are."""
    levels = study["level"].to_numpy()
    lower, upper = central_ends(prob)
    low, high = levels[levels < 0.5], levels[levels > 0.5]
    return float(low[np.abs(low - lower).argmin()]), 0.5, float(high[np.abs(high - upper).argmin()])


def _prior_quantiles(study: xr.Dataset, quantity: str, rows: np.ndarray, prob: float) -> np.ndarray:
    """Return lower end, median and upper end of the priors of some rows, (rows, 3)."""
    own = study[f"prior_{quantity}"].sel(level=list(_prior_levels(study, prob)))
    return np.asarray(own.transpose("prior", "level").to_numpy()[rows])


def _mark_cut_priors(axes: Axes, panel: _Panel, study: xr.Dataset, quantity: str, prob: float) -> None:
    """Draw arrowheads where a prior's interval continues outside the figure, with the number at which it ends."""
    if f"prior_{quantity}" not in study:
        return
    own = _prior_quantiles(study, quantity, panel.rows, prob)
    places, ends = np.arange(len(panel.rows)) - 0.3, axes.get_xlim()
    for end, mark, side, align in ((ends[0], "<", 0, "left"), (ends[1], ">", 2, "right")):
        cut = own[:, side] < end if mark == "<" else own[:, side] > end
        if cut.any():  # an empty marker that is not clipped has no size and would break the layout
            axes.plot(np.full(cut.sum(), end), places[cut], mark, color=GREY, ms=5, clip_on=False)
        for place, value in zip(places[cut], own[cut, side], strict=True):
            said = f"to {typeset(number(float(value)))}"
            axes.annotate(
                said, (end, place), (6 if mark == "<" else -6, 1), textcoords="offset points",
                ha=align, va="bottom", fontsize=7.5, color=INK,
            )  # fmt: skip


def _draw_panel(axes: Axes, panel: _Panel, study: xr.Dataset, quantity: str, prob: float) -> None:
    draws = study[quantity].stack(sample=("chain", "draw")).transpose("prior", "sample").to_numpy()[panel.rows]
    places = np.arange(len(panel.rows))
    there = np.isfinite(draws).all(axis=1)
    doubtful = there & ~study["good"].to_numpy().astype(bool)[panel.rows]
    middles = np.median(draws[there], axis=1)
    if panel.joined:
        axes.plot(middles, places[there], color=BLUE, lw=1, alpha=0.5)
    if panel.title:
        axes.set_title(panel.title, fontsize=10)
    names = [f"posterior: {bars_in_words(prob)}", "_"]  # one entry in the legend for both bars
    for ends, width, name in zip(interval_bars(prob), (1.2, 4.0), names, strict=False):
        axes.hlines(places[there], *np.quantile(draws[there], ends, axis=1), color=BLUE, lw=width, label=name)
    axes.plot(middles, places[there], "o", ms=5, mfc="white", mec=INK, mew=1)
    if doubtful.any():
        axes.plot(
            np.median(draws[doubtful], axis=1),
            places[doubtful],
            "X",
            ms=7,
            color=VERMILION,
            label="diagnostics not good",
        )
    for place in places[~there]:
        axes.text(0.01, place, "no fit", transform=axes.get_yaxis_transform(), va="center", color=VERMILION, fontsize=9)
    if f"prior_{quantity}" in study:
        own = _prior_quantiles(study, quantity, panel.rows, prob)
        low, _, high = _prior_levels(study, prob)
        name = f"prior: {percent(high - low)} interval"
        axes.hlines(places - 0.3, own[:, 0], own[:, 2], color=GREY, lw=1.6, label=name)
        axes.plot(own[:, 1], places - 0.3, "|", color=GREY, ms=7, mew=1.6)
    axes.set_yticks(places, panel.labels)
    axes.set_ylim(len(places) - 0.5, -0.7)
