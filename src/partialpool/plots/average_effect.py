"""Average effects of a predictor: for the population, and for one subject."""

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from partialpool.fitting.point_estimate import common_point
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.held import held_in_title
from partialpool.plots.intervals import draw_interval
from partialpool.plots.style import BLUE, GREY, VERMILION, house_style, short
from partialpool.plots.ticks import round_numbers

__all__ = ["plot_average_effect"]


@draws_answer_of("average_effect", "population_average", "subject_specific")
def plot_average_effect(effects: xr.Dataset, *, unit: str = "") -> Figure:
    """Draw the population-average and the subject-specific effect side by side.

    Parameters
    ----------
    effects
        From `average_effect`.
    unit
        Unit of differences and slopes, for the axis.

    Returns
    -------
    matplotlib.figure.Figure
        Posterior mean, 50 % and 90 % intervals of each contrast; a line marks no effect. Where a few draws
        decide a mean, all circles are medians, and the axis says so. The title says where the means of levels stay
        unchanged, so that the effect is a within-level effect.
    """
    ratio = effects.attrs["measure"] in ("ratio", "odds_ratio")
    rows = [
        (contrast, category)
        for contrast in effects["contrast"].to_numpy()
        for category in (effects["category"].to_numpy() if "category" in effects.dims else [None])
    ]
    point = common_point(effects["population_average"], effects["subject_specific"])
    with house_style():
        figure, axes = plt.subplots(figsize=(6.8, 1.9 + 0.6 * len(rows)))
        views = (
            ("population_average", BLUE, "population average"),
            ("subject_specific", VERMILION, "subject specific"),
        )
        for place, (contrast, category) in enumerate(rows):
            chosen = {"contrast": contrast} | ({} if category is None else {"category": category})
            for shift, (view, color, label) in zip((-0.12, 0.12), views, strict=True):
                draws = effects[view].sel(chosen).to_numpy()
                named = label if place == 0 else "_"
                draw_interval(axes, place + shift, draws, point, color=color, edge=color, edge_width=1.4, label=named)
        axes.axvline(1.0 if ratio else 0.0, color=GREY, lw=1, zorder=0)
        if ratio:
            axes.set_xscale("log")
            ticks = round_numbers(*axes.get_xlim())
            axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            axes.minorticks_off()
        axes.set_yticks(range(len(rows)), [short(c if k is None else f"{c}: {k}") for c, k in rows])
        axes.invert_yaxis()
        axes.margins(y=0.5 / len(rows))
        measure = effects.attrs["measure"].replace("_", " ")
        shown = unit or ("" if ratio else short(effects.attrs["response"]))
        which = "" if point.kind == "mean" else f"{point.name},\n"
        axes.set_xlabel(f"average {measure}{f' ({shown})' if shown else ''}, {which}50 % and 90 % intervals")
        title = f"{short(effects.attrs['response'], 24)} along {short(effects.attrs['predictor'], 24)}, on average"
        figure.suptitle(f"{title}{held_in_title(effects.attrs, 70)}", fontsize=11, x=0.01, ha="left")
        figure.legend(frameon=False, loc="outside lower center", ncols=2)
    return figure
