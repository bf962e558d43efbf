"""Posterior-predictive checks by level, drawn by ArviZ."""

import warnings
from collections.abc import Mapping
from typing import Any, Unpack

import arviz_plots as azp
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.intervals import DEFAULT_PROB, central_ends
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_limits import mark_beyond, robust_limits
from partialpool.plots.axis_units import column_label, stated_or
from partialpool.plots.intervals import bars_in_words, interval_bars
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, VERMILION, house_style, short, titled
from partialpool.questions.level_statistics import level_statistics

__all__ = ["plot_level_statistics"]

_MOST_LABELS = 30


@draws_answer_of("level_statistics", "observed_data/level", "posterior_predictive/level", ask=level_statistics)
def plot_level_statistics(
    statistics: xr.DataTree, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnTitle]
) -> Figure:
    """Draw each level's mean, spread and trends against those of data simulated from the model.

    Parameters
    ----------
    statistics
        From `level_statistics`; or a fit, for which `level_statistics` is then called without other arguments.
    unit
        Unit of the response, for the axes; by default the one that the model or the table states.
    prob
        Probability of the thin bars; the thick ones contain 50 %.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        A panel per statistic, levels sorted by their means. Vermilion: the data; blue: medians, 50 % and `prob`
        intervals of new responses (`arviz_plots.plot_ppc_interval`). A level far from all others, such as a trend
        through two rows with nearly equal predictor values, is an arrowhead at the edge with its value.
    """
    unit = stated_or(unit, Units.of_answer(statistics.attrs).response)
    order = np.argsort(statistics["observed_data"]["mean"].to_numpy())
    ordered = xr.DataTree.from_dict(
        {name: statistics[name].to_dataset().isel(level=order) for name in ("posterior_predictive", "observed_data")}
    )
    names = list(ordered["observed_data"].data_vars)
    levels = ordered["observed_data"]["level"].to_numpy()
    shown = len(levels) <= _MOST_LABELS
    labels = [short(level, 14) for level in levels] if shown else []
    height = 3.2 + 0.07 * max((len(label) for label in labels), default=3)
    bars = interval_bars(prob)
    with house_style(), warnings.catch_warnings():
        # A level without the statistic (the sd of one row) has no interval to draw.
        warnings.filterwarnings("ignore", "All-NaN slice encountered", RuntimeWarning)
        drawn = azp.plot_ppc_interval(
            ordered,
            backend="matplotlib",
            ci_probs=(bars[-1][1] - bars[-1][0], prob),  # ArviZ needs two, also where there is no thick bar
            ci_kind="eti",
            point_estimate="median",
            visuals={
                "trunk": {"color": BLUE, "width": 1.2},
                "twig": {"color": BLUE, "width": 4} if len(bars) > 1 else False,
                "prediction_markers": {"facecolor": "white", "edgecolor": BLUE, "size": 18},
                "observed_markers": {"color": VERMILION, "size": 26},
            },
            figure_kwargs={"figsize": (0.8 + 3.6 * len(names), height), "sharey": False},
        )
        figure: Figure = drawn.viz["figure"].item()
        for name in names:
            axes: Axes = drawn.viz["plot"][name].item()
            along = ordered["observed_data"][name].attrs.get("along")
            axes.set_title(str(name) if along is None else f"trend along {titled(along)}")
            axes.set_ylabel(_units(statistics, str(name), along, unit))
            axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7.5)
            axes.set_xlabel(
                titled(statistics.attrs["factor"]) + ("" if shown else f" ({len(levels)} levels, by their means)")
            )
            axes.grid(visible=True, axis="y")
            _limit(axes, ordered, str(name), prob)
        kind = (
            "new levels of the population" if statistics.attrs["levels"] == "new" else "new responses of these levels"
        )
        title = f"{titled(statistics.attrs['response'])}: the data (vermilion) and {kind}"
        figure.suptitle(f"{title}\nmedian, {bars_in_words(prob)}", x=0.01, ha="left", fontsize=11)
    return figure


def _limit(axes: Axes, ordered: xr.DataTree, name: str, prob: float) -> None:
    """Set limits that do not depend on a single far level."""
    data = ordered["observed_data"].to_dataset()[name].to_numpy()
    new = ordered["posterior_predictive"].to_dataset()[name]
    ends = new.quantile(central_ends(prob), dim=("chain", "draw")).transpose("quantile", "level").to_numpy()
    limits = robust_limits(np.empty(0), np.concatenate([data, *ends]))
    mark_beyond(axes, (np.arange(len(data), dtype=float), data), (None, limits), VERMILION)


def _units(statistics: xr.DataTree, name: str, along: str | None, unit: str) -> str:
    response = _measured(statistics.attrs, unit)
    what = {"mean": f"mean {response}", "spread": f"sd of {response}"}
    one = Units.of_answer(statistics.attrs).per(str(along))
    over = f"per {one or f'unit of {short(along)}'}"
    return what.get(name, f"{response}{' ' if len(response + over) < 36 else '\n'}{over}")


def _measured(attrs: Mapping[Any, Any], unit: str) -> str:
    """Name what the statistics are of: the response, the share of successes in trials, codes of ordered categories."""
    response = attrs["response"]
    if attrs.get("counted") == "trials":
        return f"share of {short(response, 30)}"
    if "categories" in attrs:
        first, *_, last = attrs["categories"]
        return f"{short(response, 24)} ({short(first, 12)} 0 to {short(last, 12)} {len(attrs['categories']) - 1})"
    return column_label(response, unit, 30)
