"""Plot of residuals along a predictor by level, and of the check of their trends."""

from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.units import Units
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, column_label, stated_or
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, titled
from partialpool.tabulate import p_value

__all__ = ["plot_residual_trends"]

_BINS = 40


@draws_answer_of("residual_trends", "trend", "discrepancy", "replicated")
def plot_residual_trends(
    trends: xr.Dataset, *, unit: str | None = None, xunit: str | None = None, **own: Unpack[OwnTitle]
) -> Figure:
    """Draw each level's trend in the residuals, and the check of all trends together.

    Parameters
    ----------
    trends
        From `residual_trends`.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Left: mean residuals (dots) and a line per level at the posterior mean of its trend. Right: the discrepancy in
        the data and in new responses of the model, one value per draw; p is the share of draws in which the new one is
        larger.
    """
    units = Units.of_answer(trends.attrs)
    unit, xunit = stated_or(unit, units.response), stated_or(xunit, units.of(trends.attrs["over"]))
    attrs = trends.attrs
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9), width_ratios=(3, 2))
        _lines(left, trends)
        left.set(
            xlabel=column_label(attrs["over"], xunit),
            ylabel=f"residual of {titled(attrs['response'])}{bracketed(unit)}",
            title=f"A line per level of {titled(attrs['factor'])}",
        )
        left.grid(visible=True, axis="both")
        real, new = trends["discrepancy"].to_numpy().ravel(), trends["replicated"].to_numpy().ravel()
        bins = np.linspace(min(real.min(), new.min()), max(real.max(), new.max()), _BINS + 1)
        right.hist(new, bins, density=True, color=BLUE, alpha=0.55, label="new responses")
        right.hist(real, bins, density=True, color=VERMILION, alpha=0.55, label="the data")
        right.set(xlabel="sum of squared trends (standardised)", yticks=[], ylabel="posterior density")
        right.set_title(f"posterior-predictive {p_value(float(trends['p_value']))}")
        right.legend(frameon=False)
    return figure


def _lines(axes: Axes, trends: xr.Dataset) -> None:
    x, residual, owner = (trends[name].to_numpy() for name in ("x", "residual", "row_level"))
    axes.plot(x, residual, "o", ms=2.5, color=GREY, alpha=0.6, zorder=1)
    axes.axhline(0, color=INK, lw=1)
    slopes = trends["trend"].mean(("chain", "draw"))
    many = trends.sizes["level"] > 40
    for label, slope in zip(trends["level"].to_numpy(), slopes.to_numpy(), strict=True):
        if np.isfinite(slope):
            own = owner == str(label)
            ends = np.array([x[own].min(), x[own].max()])
            middle = residual[own].mean()
            axes.plot(ends, middle + slope * (ends - x[own].mean()), color=BLUE, lw=0.8 if many else 1.3, alpha=0.8)
