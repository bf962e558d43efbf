"""Plot of the spread of a response along a predictor, and of its sources."""

from collections.abc import Hashable

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from partialpool.design.units import Units
from partialpool.errors import DataError
from partialpool.fitting.point_estimate import Point, common_point, quantiles
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import bracketed, column_label, stated_or, unit_or_scale
from partialpool.plots.style import GREY, INK, PALETTE, house_style, short

__all__ = ["common_point_of_fan", "plot_variance_function"]


@draws_answer_of("variance_function", "variance", "parts", "mean")
def plot_variance_function(
    variances: xr.Dataset, *, unit: str | None = None, xunit: str | None = None, prob: float = DEFAULT_PROB
) -> Figure:
    """Draw the population's line with the spread of responses around it, and the variance by source.

    Parameters
    ----------
    variances
        From `variance_function`, along one numeric predictor.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
    prob
        Share of responses inside the bands on the left, and probability of the bands on the right.

    Returns
    -------
    matplotlib.figure.Figure
        Left: mean line; bands that contain a share `prob` of normal responses (+- 1.96 sd for 95 %), for the residual
        alone and in total. Right: sd of each source and in total, posterior mean and its interval of probability
        `prob`. Where a few draws decide a mean, as in draws of a Student t response without a variance, the bands' sds
        and all lines are medians, and the title says so; an interval without an upper end reaches the top of its panel,
        and the legend states an infinite sd.

    Raises
    ------
    DataError
        The grid has more than one predictor, or categories.
    SpecError
        `prob` is not between 0 and 1.
    """
    dims = [d for d in variances["variance"].dims if d not in ("chain", "draw")]
    if len(dims) != 1 or not np.issubdtype(variances[dims[0]].dtype, np.number):
        raise DataError(
            "the variance function is drawn along one numeric predictor",
            got=", ".join(map(str, dims)) or "no predictor",
            allowed="a grid of one numeric column",
            do="select the others first: variances.sel(...)",
        )
    x, column = variances[dims[0]].to_numpy(), variances[dims[0]].attrs.get("long_name", dims[0])
    units = Units.of_answer(variances.attrs)
    unit, xunit = stated_or(unit, units.linear), stated_or(xunit, units.of(str(column)))
    names = [*map(str, variances["part"].to_numpy()), "total"]
    drawn = [*(variances["parts"].sel(part=part) for part in variances["part"].to_numpy()), variances["variance"]]
    squares = [_stacked(values, dims[0]) for values in drawn]  # parts, the residual the last of them, and the total
    roots, means = [np.sqrt(draws) for draws in squares], _stacked(variances["mean"], dims[0])
    point = common_point_of_fan(variances)
    mean = point.of(means, axis=0)
    lower, upper = central_ends(prob)
    named = f"{column_label(column, xunit)}"
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9))
        for k, color, text in ((-1, PALETTE[0], "groups and residual"), (-2, GREY, "residual alone")):
            spread = ndtri(upper) * np.sqrt(point.of(squares[k], axis=0))
            told = text if np.isfinite(spread).all() else f"{text}: infinite sd"
            left.fill_between(x, mean - spread, mean + spread, color=color, alpha=0.28, lw=0, label=told)
        left.plot(x, mean, color=INK, lw=1.6)
        left.set(xlabel=named, ylabel=_named(variances, unit), title=f"{percent(prob)} of responses")
        left.legend(frameon=False, loc="upper left")
        colors = [*(PALETTE[k % len(PALETTE)] for k in range(len(names) - 2)), GREY, INK]
        bands = np.stack([quantiles(draws, (lower, upper), axis=0) for draws in roots])
        endless = np.isposinf(bands)
        top = 1.1 * float(bands[~endless].max(initial=0.0))
        for name, ends, draws, color in zip(names, np.where(endless, 2 * top, bands), roots, colors, strict=True):
            _band(right, x, ends, point.of(draws, axis=0), (color, short(name, 20)))
        right.set(xlabel=named, ylabel=f"standard deviation{bracketed(unit)}")
        right.set_title(f"Where the spread comes from, {percent(prob)} intervals")
        # The finite ends determine the height of the panel; infinite ones leave it.
        right.set_ylim(0, top if endless.any() and top > 0 else None)
        right.legend(frameon=False)
        if point.kind == "median":
            figure.suptitle(point.name, fontsize=10.5, x=0.01, ha="left")
    return figure


def common_point_of_fan(variances: xr.Dataset) -> Point:
    """Choose the mean, or the median where a few draws decide the mean of a variance (left) or an sd (right)."""
    squares = (variances["parts"], variances["variance"])
    return common_point(variances["mean"], *squares, *(np.sqrt(values) for values in squares))


def _stacked(values: xr.DataArray, along: Hashable) -> np.ndarray:
    """Draws along the predictor, (draws, grid)."""
    return np.asarray(values.stack(sample=("chain", "draw")).transpose("sample", along).to_numpy())


def _named(variances: xr.Dataset, unit: str) -> str:
    return f"{short(variances.attrs['response'])}{bracketed(unit_or_scale(unit, variances.attrs['scale']))}"


def _band(axes: Axes, x: np.ndarray, ends: np.ndarray, line: np.ndarray, style: tuple[str, str]) -> None:
    color, label = style
    axes.fill_between(x, *ends, color=color, alpha=0.18, lw=0)
    axes.plot(x, line, color=color, lw=1.8, label=label if np.isfinite(line).all() else f"{label}: infinite")
