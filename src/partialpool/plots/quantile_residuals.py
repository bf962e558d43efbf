"""Plot of quantile residuals: against their expected distribution, and along a predictor."""

from dataclasses import dataclass
from typing import Unpack

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from partialpool.design.units import Units
from partialpool.errors import DataError, nearest
from partialpool.families.registry import family_named
from partialpool.names import OBS
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import column_label, stated_or
from partialpool.plots.bands import order_band, quantile_interval
from partialpool.plots.own_labels import OwnTitle
from partialpool.plots.style import BLUE, GREY, INK, VERMILION, house_style, legend_below, room, short, titled
from partialpool.plots.ticks import round_numbers
from partialpool.questions.quantile_residuals import ESTIMATED_EFFECTS, quantile_residuals

__all__ = ["plot_quantile_residuals"]

_COVERAGE = 0.95
_QUARTILES = np.array([0.25, 0.5, 0.75])
_MARKS = (("v", 8.0), ("o", 4.0), ("^", 8.0))
"""Mark of each quartile, and the width of its interval: at one place, where intervals overlap, they stay distinct."""
_FEWEST = 8
"""Fewest rows of a class whose quartiles are drawn."""
_MOST_VALUES = 12
"""Most distinct values of a numeric predictor for which each value is a class."""
_CLASSES = 10
_ROWS_OF_CLASS = 20
_MOST_LABELS = 30
_MOST_DOTS = 5000
_FURTHEST = 1.5
"""Residuals beyond this times the expected range are drawn at the edge."""
_WIDE = 30.0
"""Ratio of the largest to the smallest expected response above which its axis is logarithmic."""


@dataclass(frozen=True, eq=False)
class _Classes:
    """Rows in classes along an axis.

    Attributes
    ----------
    x
        Position of each row, (rows,).
    member
        Class of each row, (rows,).
    places, edges
        Middle of each class, (classes,), and its left and right end, (2, classes).
    labels
        Labels of categories; empty for numbers.
    """

    x: np.ndarray
    member: np.ndarray
    places: np.ndarray
    edges: np.ndarray
    labels: tuple[str, ...] = ()


@draws_answer_of("quantile_residuals", "u", "z", ask=quantile_residuals, columns=("along",))
def plot_quantile_residuals(
    residuals: xr.Dataset,
    along: str | None = None,
    *,
    unit: str | None = None,
    xunit: str | None = None,
    **own: Unpack[OwnTitle],
) -> Figure:
    """Draw quantile residuals against a normal distribution, and along the expected response or a predictor.

    Parameters
    ----------
    residuals
        From `quantile_residuals`; or a fit, for which `quantile_residuals` is then called without other arguments.
    along
        A predictor or grouping factor, or a column that was added; if left out, the expected response. Rows where it
        is missing are left out on the right.
    unit, xunit
        Units of the response and of the predictor, for the axis; by default those that the model or the table states.
    title
        Text in place of the figure's title; `""` for none.

    Returns
    -------
    matplotlib.figure.Figure
        Left: z, sorted, against normal quantiles, with a band that includes all of them with probability 0.95 if the
        model is correct. Right: u of each row (grey), and its quartiles in classes of rows, over intervals that
        include all quartiles with probability 0.95 or more if the model is correct: a triangle that points down for the
        lower quartile, a circle for the median, a triangle that points up for the upper quartile, one above the other
        at the middle of the class, with wide intervals for the outer two. Values outside are vermilion.
        Both panels treat rows as independent. Residuals given effects that were estimated from the rows themselves are
        closer to the middle, the more the fewer rows a level has: of these, only those too far from the middle count as
        outside.

    Raises
    ------
    DataError
        No such coordinate of the residuals.
    """
    units = Units.of_answer(residuals.attrs)
    xunit = stated_or(xunit, units.of(along or ""))
    name, label, category = _axis(residuals, along, stated_or(unit, units.response), xunit)
    known = residuals.isel(obs=np.flatnonzero(residuals[name].notnull().to_numpy()))
    classes = _of_categories(known[name]) if category else _of_numbers(known[name].to_numpy().astype(float))
    wide = 0.15 * max(0, len(classes.labels) - 12) if len(classes.labels) <= _MOST_LABELS else 0.0
    with house_style():
        size = (9.2 + wide, 4.3 + room(classes.labels))
        figure, (left, right) = plt.subplots(1, 2, figsize=size, width_ratios=(2, 3))
        inwards = residuals.attrs.get("given") != ESTIMATED_EFFECTS
        _against_normal(left, residuals["z"].to_numpy(), inwards=inwards)
        logarithmic = name == "expected" and _is_wide(classes.x)
        _along(right, known["u"].to_numpy(), classes, logarithmic=logarithmic, inwards=inwards)
        if logarithmic:
            right.set_xscale("log")
            ticks = round_numbers(classes.x.min(), classes.x.max())
            right.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
            right.minorticks_off()
        right.set(xlabel=label, ylabel="quantile residual, u", ylim=(-0.02, 1.02))
        figure.suptitle(f"{titled(residuals.attrs['response'])}: quantile residuals", x=0.01, ha="left", fontsize=11)
        legend_below(figure, (left, right), columns=4)
    return figure


def _axis(residuals: xr.Dataset, along: str | None, unit: str, xunit: str) -> tuple[str, str, bool]:
    """Return the variable along the axis, the axis label, and whether the variable is categorical."""
    if along is None:
        share = family_named(residuals.attrs["family"]).support.mean_is_probability
        said = f"expected response: {titled(residuals.attrs['expected'])}"
        return "expected", f"{said} ({unit})" if unit and not share else said, False
    names = {str(values.attrs.get("long_name", name)): str(name) for name, values in residuals.coords.items()}
    if along not in names:
        raise DataError(
            "the residuals have no such predictor or factor",
            got=repr(along),
            allowed=nearest(str(along), [name for name in names if name != OBS]),
            do="name one of these, or add a column: residuals.assign_coords(x=('obs', values))",
        )
    values = residuals[names[along]]
    category = values.attrs.get("kind") == "category" or not pd.api.types.is_numeric_dtype(values.dtype)
    return names[along], column_label(along, xunit), category or values.dtype == bool


def _of_categories(values: xr.DataArray) -> _Classes:
    """Return a class per category, in the model's order; sorted where it has none."""
    own = pd.Series(values.to_numpy()).astype(str)
    found = set(own)
    known = [label for label in values.attrs.get("categories", ()) if label in found]
    order = [*known, *sorted(found.difference(known))]
    codes = pd.Categorical(own, order).codes.astype(int)
    places = np.arange(len(order), dtype=float)
    # Dots side by side, in the order of the rows, so that a pattern in time is visible.
    within = pd.Series(codes).groupby(codes).rank(method="first", pct=True).to_numpy() - 0.5
    edges = places + np.array([[-0.4], [0.4]])
    return _Classes(codes + 0.6 * within, codes, places, edges, tuple(short(label, 14) for label in order))


def _of_numbers(x: np.ndarray) -> _Classes:
    """Return classes of about equal size, or one per value where there are few distinct values."""
    found = np.unique(x)
    if len(found) <= _MOST_VALUES:
        member = np.searchsorted(found, x)
        half = 0.3 * (np.diff(found).min() if len(found) > 1 else 1.0)
        return _Classes(x, member, found, found + half * np.array([[-1.0], [1.0]]))
    classes = int(np.clip(len(x) // _ROWS_OF_CLASS, 1, _CLASSES))
    cuts = np.unique(np.quantile(x, np.arange(1, classes) / classes))
    member = np.unique(np.searchsorted(cuts, x), return_inverse=True)[1]
    rows = pd.Series(x).groupby(member)
    return _Classes(x, member, rows.median().to_numpy(), np.array([rows.min(), rows.max()]))


def _is_wide(x: np.ndarray) -> bool:
    return bool(x.min() > 0 and x.max() > _WIDE * x.min())


def _against_normal(axes: Axes, z: np.ndarray, *, inwards: bool) -> None:
    """Draw sorted residuals over their band; those nearer to 0 than it count as outside only with `inwards`."""
    n, ordered = len(z), np.sort(z)
    ranks, low, high = order_band(n, _COVERAGE)
    middle = special.ndtri(ranks / (n + 1))
    low, high, shown = special.ndtri(low), special.ndtri(high), ordered[ranks - 1]
    outside = (shown < low) | (shown > high)
    nearer = outside & (np.abs(shown) < np.abs(middle)) & (shown * middle > 0)
    outside &= ~nearer | inwards
    limit = _FURTHEST * max(high[-1], -low[0])
    axes.fill_between(middle, low, high, color=GREY, alpha=0.25, lw=0, label="where a right model lies, 95 % together")
    axes.plot(middle[[0, -1]], middle[[0, -1]], color=INK, lw=1)
    for chosen, color, label in ((~outside, BLUE, "inside"), (outside, VERMILION, "outside")):
        kept = chosen & (np.abs(shown) <= limit)
        axes.plot(middle[kept], shown[kept], "o", ms=3, color=color, label=label)
    beyond = np.abs(shown) > limit
    edge = np.sign(shown[beyond]) * limit
    for marker, up in (("^", edge > 0), ("v", edge < 0)):
        axes.plot(middle[beyond][up], 0.97 * edge[up], marker, ms=6, color=VERMILION)
    axes.set(xlabel="quantile of a standard normal", ylabel="quantile residual, z (sd)")
    if beyond.any():
        axes.set_ylim(-limit, limit)
    far = f"; up to {np.abs(z).max():.3g} sd at the edge" if beyond.any() else ""
    where = "leaves the band" if outside.any() else "inside the band"
    where = "nearer 0: few rows a level, or little spread" if nearer.any() and not outside.any() else where
    axes.set_title(f"Distribution: {where}{far}")
    axes.grid(visible=True, axis="both")


def _along(axes: Axes, u: np.ndarray, classes: _Classes, *, logarithmic: bool, inwards: bool) -> None:
    dots = np.linspace(0, len(u) - 1, min(len(u), _MOST_DOTS)).round().astype(int)
    axes.plot(classes.x[dots], u[dots], "o", ms=2.5, color=GREY, alpha=0.4, mew=0, zorder=1, label="rows")
    size = np.bincount(classes.member)
    big = np.flatnonzero(size >= _FEWEST)
    found = np.array([np.quantile(u[classes.member == k], _QUARTILES, method="weibull") for k in big]).reshape(-1, 3)
    each = 1 - (1 - _COVERAGE) / max(found.size, 1)
    low, high = quantile_interval(size[big, None], _QUARTILES, each)
    outside = (found < low) | (found > high)
    if not inwards:  # of the outer quartiles, only those farther from the middle count
        outside[:, 0], outside[:, 2] = found[:, 0] < low[:, 0], found[:, 2] > high[:, 2]
    left, right = np.log(classes.edges[:, big]) if logarithmic else classes.edges[:, big]
    place = np.exp((left + right) / 2) if logarithmic else (left + right) / 2
    for q, (mark, width) in enumerate(_MARKS):
        axes.axhline(_QUARTILES[q], color=GREY, lw=0.8, zorder=0)
        axes.vlines(place, low[:, q], high[:, q], color=GREY, alpha=0.35, lw=width, zorder=1)
        if not classes.labels:
            axes.plot(place, found[:, q], color=INK, lw=1, zorder=2)
        for chosen, color in ((~outside[:, q], BLUE), (outside[:, q], VERMILION)):
            axes.plot(place[chosen], found[chosen, q], mark, ms=5, color=color, zorder=3)
    said = f"{outside.sum()} of {outside.size} outside" if outside.size else "too few rows"
    axes.set_title(f"Quartiles of classes of rows: {said}")
    axes.set_yticks([0, *_QUARTILES, 1])
    axes.grid(visible=False)
    if classes.labels:
        _name_categories(axes, classes)


def _name_categories(axes: Axes, classes: _Classes) -> None:
    shown = classes.labels if len(classes.labels) <= _MOST_LABELS else ()
    longest = max((len(label) for label in shown), default=0)
    rotation = 90 if longest * len(shown) > 60 else 0
    axes.set_xticks(classes.places[: len(shown)], shown, rotation=rotation, fontsize=8)
