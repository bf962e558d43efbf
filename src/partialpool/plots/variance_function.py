"""Plot of the spread of a response along a predictor, and of its sources."""

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Unpack

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
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import GREY, INK, PALETTE, house_style, short, titled

__all__ = ["common_point_of_fan", "plot_variance_function"]


@draws_answer_of("variance_function", "variance", "parts", "mean")
def plot_variance_function(
    variances: xr.Dataset,
    *,
    unit: str | None = None,
    xunit: str | None = None,
    prob: float = DEFAULT_PROB,
    **own: Unpack[OwnTitle],
) -> Figure:
    """Draw the population's line with the spread of responses around it, and the variance by source.

    Parameters
    ----------
    variances
        From `variance_function`, along one predictor.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
    prob
        Share of responses inside the bands on the left, and probability of the bands on the right.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Along numbers lines and bands, at categories circles and bars. Left: mean; bands that contain a share `prob` of
        normal responses (+- 1.96 sd for 95 %), for the residual alone and in total. Right: sd of each source and in
        total, posterior mean and its interval of probability `prob`. Where a few draws decide a mean, as in draws of a
        Student t response without a variance, the bands' sds and all lines are medians, and the title says so; an
        interval without an upper end reaches the top of its panel, and the legend states an infinite sd.

    Raises
    ------
    DataError
        The grid has more than one predictor.
    SpecError
        `prob` is not between 0 and 1.
    """
    dims = [d for d in variances["variance"].dims if d not in ("chain", "draw")]
    if len(dims) != 1:
        raise DataError(
            "the variance function is drawn along one predictor",
            got=", ".join(map(str, dims)) or "no predictor",
            allowed="a grid of one column",
            do="select the others first: variances.sel(...)",
        )
    column = variances[dims[0]].attrs.get("long_name", dims[0])
    units = Units.of_answer(variances.attrs)
    unit, xunit = stated_or(unit, units.linear), stated_or(xunit, units.of(str(column)))
    point = common_point_of_fan(variances)
    places = _Places.of(variances[dims[0]], point, central_ends(prob))
    with house_style():
        figure, (left, right) = plt.subplots(1, 2, figsize=(9.2, 3.9))
        _responses(left, variances, places)
        left.set(ylabel=_named(variances, unit), title=f"{percent(prob)} of responses")
        left.legend(frameon=False, loc="upper left")
        _sources(right, variances, places)
        right.set(ylabel=f"standard deviation{bracketed(unit)}")
        right.set_title(f"Where the spread comes from, {percent(prob)} intervals")
        beside: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if places.labels else {}
        right.legend(frameon=False, **beside)
        for panel in (left, right):
            panel.set_xlabel(column_label(column, xunit))
            places.name(panel)
        if point.kind == "median":
            figure.suptitle(point.name, fontsize=10.5, x=0.01, ha="left")
    return figure


@dataclass(frozen=True, eq=False)
class _Places:
    """Places along the axis: of numbers, with lines and bands between them, or of categories, with points and bars."""

    along: Hashable
    x: np.ndarray
    labels: tuple[str, ...]
    point: Point
    ends: tuple[float, float]

    @classmethod
    def of(cls, along: xr.DataArray, point: Point, ends: tuple[float, float]) -> "_Places":
        values, name = along.to_numpy(), along.dims[0]
        if np.issubdtype(values.dtype, np.number):
            return cls(name, values, (), point, ends)
        labels = tuple(short(value, 18) for value in values.tolist())
        return cls(name, np.arange(len(values), dtype=float), labels, point, ends)

    def name(self, panel: Axes) -> None:
        """Name the categories."""
        if self.labels:
            panel.set_xticks(self.x, self.labels)
            panel.margins(x=0.6 / len(self.labels))

    def spread(
        self, panel: Axes, ends: np.ndarray, *, shift: float, color: str, alpha: float, label: str = "_"
    ) -> None:
        """Draw a band, or a bar at each category."""
        if self.labels:
            panel.vlines(self.x + shift, *ends, color=color, alpha=min(1.0, 2.5 * alpha), lw=5, label=label)
        else:
            panel.fill_between(self.x, *ends, color=color, alpha=alpha, lw=0, label=label)

    def line(
        self, panel: Axes, values: np.ndarray, *, shift: float, color: str, width: float, label: str = "_"
    ) -> None:
        """Draw a line, or a circle at each category."""
        if self.labels:
            panel.plot(self.x + shift, values, "o", ms=5, mfc="white", mec=color, mew=1.4, label=label)
        else:
            panel.plot(self.x, values, color=color, lw=width, label=label)

    def shifts(self, count: int) -> list[float]:
        """Return how far several quantities are beside each category."""
        return [(k - (count - 1) / 2) * 0.12 for k in range(count)]


def _responses(panel: Axes, variances: xr.Dataset, places: _Places) -> None:
    """Draw the mean, with the responses around it: of a level, and over all levels."""
    mean = places.point.of(_stacked(variances["mean"], places.along), axis=0)
    half = ndtri(places.ends[1])
    drawn = (("groups and residual", variances["variance"], PALETTE[0]), ("residual alone", _residual(variances), GREY))
    for text, values, color in drawn:
        spread = half * np.sqrt(places.point.of(_stacked(values, places.along), axis=0))
        label = text if np.isfinite(spread).all() else f"{text}: infinite sd"
        ends = np.stack([mean - spread, mean + spread])
        places.spread(panel, ends, shift=0.0, color=color, alpha=0.28, label=label)
    places.line(panel, mean, shift=0.0, color=INK, width=1.6)


def _sources(panel: Axes, variances: xr.Dataset, places: _Places) -> None:
    """Draw the sd of each source, and of all together."""
    parts = variances["part"].to_numpy()
    names = [*map(str, parts), "total"]
    values = [*(variances["parts"].sel(part=part) for part in parts), variances["variance"]]
    roots = [np.sqrt(_stacked(squares, places.along)) for squares in values]
    colors = [*(PALETTE[k % len(PALETTE)] for k in range(len(names) - 2)), GREY, INK]
    bands = np.stack([quantiles(draws, places.ends, axis=0) for draws in roots])
    endless = np.isposinf(bands)
    top = 1.1 * float(bands[~endless].max(initial=0.0))
    shifts = places.shifts(len(names))
    for name, ends, draws, color, shift in zip(
        names, np.where(endless, 2 * top, bands), roots, colors, shifts, strict=True
    ):
        line, label = places.point.of(draws, axis=0), short(name, 20)
        places.spread(panel, ends, shift=shift, color=color, alpha=0.18)
        label = label if np.isfinite(line).all() else f"{label}: infinite"
        places.line(panel, line, shift=shift, color=color, width=1.8, label=label)
    # The finite ends determine the height of the panel; infinite ones leave it.
    panel.set_ylim(0, top if endless.any() and top > 0 else None)


def _residual(variances: xr.Dataset) -> xr.DataArray:
    """Return the variance of the residual, which is the last part."""
    return variances["parts"].isel(part=-1)


def common_point_of_fan(variances: xr.Dataset) -> Point:
    """Choose the mean, or the median where a few draws decide the mean of a variance (left) or an sd (right)."""
    squares = (variances["parts"], variances["variance"])
    return common_point(variances["mean"], *squares, *(np.sqrt(values) for values in squares))


def _stacked(values: xr.DataArray, along: Hashable) -> np.ndarray:
    """Draws along the predictor, (draws, grid)."""
    return np.asarray(values.stack(sample=("chain", "draw")).transpose("sample", along).to_numpy())


def _named(variances: xr.Dataset, unit: str) -> str:
    return f"{titled(variances.attrs['response'])}{bracketed(unit_or_scale(unit, variances.attrs['scale']))}"
