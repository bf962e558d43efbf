"""Average effects of a predictor: for the population, and for one subject."""

from collections.abc import Mapping
from dataclasses import replace
from itertools import product
from typing import Any, Final, Unpack

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.fitting.point_estimate import common_point
from partialpool.fitting.two_views import agreed
from partialpool.intervals import DEFAULT_PROB
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import stated_or
from partialpool.plots.held import held_in_title
from partialpool.plots.intervals import bars_in_words, draw_interval
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import BLUE, GREY, VERMILION, house_style, short, titled
from partialpool.plots.ticks import round_numbers

__all__ = ["plot_average_effect"]

_RATIOS: Final = ("ratio", "odds_ratio")


def _unit_of(effects: xr.Dataset) -> str:
    """Return the unit of a difference or slope of means, where the response has one."""
    units, slope = Units.of_answer(effects.attrs), effects.attrs["measure"] == "slope"
    if effects.attrs["measure"] in _RATIOS or "expectation" in effects.attrs or not units.response:
        return ""
    predictor = effects.attrs["predictor"]
    return replace(units, linear=units.response).of_effects([predictor])[predictor] if slope else units.response


def _rows(effects: xr.Dataset) -> list[dict[str, Any]]:
    """Return the place of each comparison: the contrast, the category of the response, the category averaged over."""
    others = [str(dim) for dim in effects["population_average"].dims if dim not in ("chain", "draw", "contrast")]
    dims = ["contrast", *others]
    return [dict(zip(dims, place, strict=True)) for place in product(*(effects[dim].to_numpy() for dim in dims))]


def _label(chosen: Mapping[str, Any]) -> str:
    """Name a comparison: `b against a`, followed by the response's category and by what it is averaged over."""
    by = [f"{dim} {value}" for dim, value in chosen.items() if dim not in ("contrast", "category")]
    named = [str(chosen["category"])] if "category" in chosen else []
    return short(": ".join([str(chosen["contrast"]), *([", ".join([*named, *by])] if named or by else [])]), 40)


@draws_answer_of("average_effect", "population_average", "subject_specific", attrs=("measure", "predictor"))
def plot_average_effect(
    effects: xr.Dataset, *, unit: str | None = None, prob: float = DEFAULT_PROB, **own: Unpack[OwnLabels]
) -> Figure:
    """Draw the population-average and the subject-specific effect side by side.

    Parameters
    ----------
    effects
        From `average_effect`.
    unit
        Unit of differences and slopes, for the axis; by default from the units that the model or the table states.
    prob
        Probability of the thin bars; the thick ones contain 50 %.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior mean, 50 % and `prob` intervals of each contrast; a line marks no effect. Where a few draws
        decide a mean, and of ratios, all circles are medians, and the axis says so. Where the two views are the same
        numbers, as in a linear model, they are drawn once. The title says where the means of levels stay
        unchanged, so that the effect is a within-level effect.
    """
    unit = stated_or(unit, _unit_of(effects))
    ratio = effects.attrs["measure"] in _RATIOS
    rows = _rows(effects)
    equal = agreed(effects)
    point = common_point(effects["population_average"], effects["subject_specific"])
    with house_style():
        figure, axes = plt.subplots(figsize=(6.8, 1.9 + 0.6 * len(rows)))
        views = [
            ("population_average", BLUE, "population average and subject specific" if equal else "population average"),
            ("subject_specific", VERMILION, "subject specific"),
        ][: 1 if equal else 2]
        shifts = (0.0,) if equal else (-0.12, 0.12)
        for place, chosen in enumerate(rows):
            for shift, (view, color, label) in zip(shifts, views, strict=True):
                draws = effects[view].sel(chosen).to_numpy()
                draw_interval(
                    axes, place + shift, draws, point, prob=prob, color=color, edge=color, edge_width=1.4,
                    label=label if place == 0 else "_",
                )  # fmt: skip
        axes.axvline(1.0 if ratio else 0.0, color=GREY, lw=1, zorder=0)
        if ratio:
            axes.set_xscale("log")
            ticks = round_numbers(*axes.get_xlim())
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set_yticks(range(len(rows)), [_label(chosen) for chosen in rows])
        axes.invert_yaxis()
        axes.margins(y=0.5 / len(rows))
        measure = effects.attrs["measure"].replace("_", " ")
        shown = unit or ("" if ratio else titled(effects.attrs["response"]))
        which = "" if point.kind == "mean" else f"{point.name},\n"
        axes.set_xlabel(f"average {measure}{f' ({shown})' if shown else ''}, {which}{bars_in_words(prob)}")
        title = f"{titled(effects.attrs['response'])} along {titled(effects.attrs['predictor'])}, on average"
        figure.suptitle(f"{title}{held_in_title(effects.attrs, 70)}", fontsize=11, x=0.01, ha="left")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure
