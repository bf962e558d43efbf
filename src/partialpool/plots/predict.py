"""Predictions along a predictor, with intervals of the mean and of new responses."""

from textwrap import fill
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from partialpool.design.held import categories_of, is_number, range_of
from partialpool.design.labels import coordinate_of
from partialpool.design.units import Units
from partialpool.errors import DataError, nearest
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import Point, common_point, quantiles
from partialpool.intervals import DEFAULT_PROB, central_ends, percent
from partialpool.names import OBS
from partialpool.plots.answer import draws_answer_of
from partialpool.plots.axis_units import column_label, stated_or
from partialpool.plots.style import INK, PALETTE, house_style, short
from partialpool.questions.datagrid import datagrid
from partialpool.questions.predict import predict

__all__ = ["plot_predictions"]

_WIDTH, _PER_PLACE = 6.8, 0.32
"""Width in inches of a figure, and of a category with a rotated name."""
_LETTERS = 44
"""Most characters of category names that fit side by side under the axis."""


def _along(fit: Fit, over: str) -> xr.Dataset:
    """Predict for the population along a predictor, the others fixed as in `datagrid`."""
    design, known = fit.design, fit.design.spec.predictor_columns_with(())
    if over not in known:
        raise DataError(
            "the model has no such predictor",
            got=repr(over),
            allowed=nearest(str(over), known),
            do="name one of these",
        )
    values = range_of(design, over) if is_number(design, over) else list(categories_of(design, over))
    return predict(fit, datagrid(fit, {over: values}), kind="marginal")


@draws_answer_of("predict", "expectation", ask=_along, needs=("over",))
def plot_predictions(
    predictions: xr.Dataset,
    over: str,
    *,
    by: str | None = None,
    unit: str | None = None,
    xunit: str | None = None,
    prob: float = DEFAULT_PROB,
) -> Figure:
    """Draw predictions along a predictor, with intervals of the mean and of new responses.

    Parameters
    ----------
    predictions
        From `predict`; or a fit, which is then predicted for the population over the range (or the categories) of
        `over`, other predictors fixed as in `datagrid`.
    over
        The predictor on the horizontal axis: a curve for numbers, points for categories.
    by
        A column with one colour per value, at most six values; an ordinal response has a colour per category instead.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
    prob
        Probability of the intervals of the expectation, and of those of new responses.

    Returns
    -------
    matplotlib.figure.Figure
        Line or dot: posterior mean of the expectation; dark band or bar: its interval of probability `prob`;
        light: the interval of new responses with the same probability, which is left out for binary and ordinal
        responses. Where a few draws decide a mean, all lines or dots are medians, and the title says so.

    Raises
    ------
    DataError
        No such column; two rows with the same predictor value and colour; more than six colours.
    SpecError
        `prob` is not between 0 and 1.
    """
    units = Units.of_answer(predictions.attrs)
    unit, xunit = stated_or(unit, units.response), stated_or(xunit, units.of(over))
    _check_columns(predictions, over, by)
    series = _series(predictions, by)
    if len(series) > len(PALETTE):
        raise DataError(
            "too many colours to distinguish",
            got=f"{len(series)} values of {by!r}",
            allowed=f"up to {len(PALETTE)}",
            do="predict for fewer, or draw them one by one",
        )
    point, ends = common_point(predictions["expectation"]), central_ends(prob)
    along = predictions[coordinate_of(predictions, over)]
    values = along.to_numpy()
    number = np.issubdtype(values.dtype, np.number) and along.attrs.get("kind") != "category"
    places = None if number else list(dict.fromkeys(values.tolist()))
    with house_style():
        figure, axes = plt.subplots(figsize=(_width(places), 4.2))
        for k, (label, draws, responses, rows) in enumerate(series):
            x = values[rows]
            _check_distinct(x, over)
            if places is None:
                _curve(axes, x, (draws, responses), (PALETTE[k], short(label, 18)), point, ends=ends)
            else:
                shift = (k - (len(series) - 1) / 2) * 0.12
                at = np.array([places.index(value) for value in x.tolist()]) + shift
                _points(axes, at, (draws, responses), (PALETTE[k], short(label, 18)), point, ends=ends)
        if places is not None:
            labels = [short(place, 18) for place in places]
            crowded = sum(map(len, labels)) > _LETTERS
            turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
            axes.set_xticks(range(len(places)), labels, **turned)
            axes.margins(x=0.6 / len(places))
        axes.grid(visible=True, axis="both")
        axes.set(xlabel=f"{column_label(over, xunit)}", ylabel=_response_axis(predictions, unit))
        title = _title(predictions, point, prob, new_responses=any(drawn is not None for _, _, drawn, _ in series))
        figure.suptitle(title, fontsize=10.5, x=0.01, ha="left")
        if len(series) > 1:
            title = by or predictions.attrs["response"]
            axes.legend(frameon=False, title=short(title, 18), loc="upper left", bbox_to_anchor=(1, 1))
    return figure


def _title(predictions: xr.Dataset, point: Point, prob: float, *, new_responses: bool) -> str:
    """Return the title: what is predicted, for which level, and the meaning of line and bands."""
    what, kind = short(predictions.attrs["response"]), predictions.attrs["kind"]
    whom = "\n".join(fill(kind, 72).splitlines()[:3])
    line = "mean and its " if point.kind == "mean" else f"mean: {point.name},\n"
    light = f"; lighter: {percent(prob)} of new responses" if new_responses else ""
    return f"{what} predicted{'; ' if len(what + kind) < 48 else '\n'}{whom}\n{line}{percent(prob)} interval{light}"


def _width(places: list[object] | None) -> float:
    """Return the figure's width: many categories need more, or their names would overlap."""
    return _WIDTH if places is None else min(max(_WIDTH, 1.2 + _PER_PLACE * len(places)), 2 * _WIDTH)


_Series = tuple[str, np.ndarray, np.ndarray | None, np.ndarray]
"""Label, draws of the mean (draws, rows), of new responses where they are drawn, and the rows' positions."""


def _check_columns(predictions: xr.Dataset, over: str, by: str | None) -> None:
    own = {str(name): values for name, values in predictions.coords.items() if values.dims == (OBS,)}
    known = list(dict.fromkeys([*(str(v.attrs.get("long_name", name)) for name, v in own.items()), *own]))
    for name in (over, *([] if by is None else [by])):
        if name not in known:
            raise DataError(
                "the predictions have no such column",
                got=repr(name),
                allowed=nearest(str(name), known),
                do="name one of these",
            )


def _check_distinct(x: np.ndarray, over: str) -> None:
    if len(set(x.tolist())) < len(x):
        raise DataError(
            f"two rows have the same value of {over!r}",
            got=f"{len(x)} rows with {len(set(x.tolist()))} values",
            allowed="one row for each value and colour",
            do="predict for a grid of this predictor, or name the column that distinguishes them by by=",
        )


def _series(predictions: xr.Dataset, by: str | None) -> list[_Series]:
    mean = predictions["expectation"].stack(sample=("chain", "draw"))
    response = np.empty(0)  # rows without known errors or trials have no new responses
    if "response" in predictions:
        response = predictions["response"].stack(sample=("chain", "draw")).transpose("sample", OBS).to_numpy()
    every = np.arange(predictions.sizes[OBS])
    if "category" in predictions.dims:
        draws = mean.transpose("sample", OBS, "category").to_numpy()
        return [(str(c), draws[:, :, k], None, every) for k, c in enumerate(predictions["category"].to_numpy())]
    draws = mean.transpose("sample", OBS).to_numpy()
    # New responses that are 0 or 1, or on another scale than the mean, are not drawn.
    comparable = predictions.attrs["expectation"] == "mean of the response" and len(np.unique(response)) > 2
    groups = [("", every)]
    if by is not None:
        values = predictions[coordinate_of(predictions, by)].to_numpy().tolist()
        groups = [(str(v), np.array([i for i in every if values[i] == v])) for v in dict.fromkeys(values)]
    return [(label, draws[:, rows], response[:, rows] if comparable else None, rows) for label, rows in groups]


def _curve(
    axes: Axes,
    x: np.ndarray,
    draws: tuple[np.ndarray, np.ndarray | None],
    style: tuple[str, str],
    point: Point,
    *,
    ends: tuple[float, float],
) -> None:
    order, (color, label) = np.argsort(x), style
    if draws[1] is not None:
        axes.fill_between(x[order], *quantiles(draws[1][:, order], ends, axis=0), color=color, alpha=0.13, lw=0)
    axes.fill_between(x[order], *quantiles(draws[0][:, order], ends, axis=0), color=color, alpha=0.32, lw=0)
    axes.plot(x[order], point.of(draws[0], axis=0)[order], color=color, lw=1.8, label=label)


def _points(
    axes: Axes,
    at: np.ndarray,
    draws: tuple[np.ndarray, np.ndarray | None],
    style: tuple[str, str],
    point: Point,
    *,
    ends: tuple[float, float],
) -> None:
    color, label = style
    if draws[1] is not None:
        axes.vlines(at, *quantiles(draws[1], ends, axis=0), color=color, alpha=0.25, lw=6)
    axes.vlines(at, *quantiles(draws[0], ends, axis=0), color=color, lw=1.6)
    axes.plot(
        at, point.of(draws[0], axis=0), "o", ms=6, mfc="white", mec=INK if not label else color, mew=1.4, label=label
    )


def _response_axis(predictions: xr.Dataset, unit: str) -> str:
    what = predictions.attrs["expectation"]
    name = predictions.attrs["response"]
    # Expected counts depend on the exposure, so the axis must state it.
    offset = f"\nat offset {short(predictions.attrs['offset'], 40)}" if "offset" in predictions.attrs else ""
    if what == "mean of the response":
        return f"{column_label(name, unit)}{offset}"
    return (short(what, 50) if name in what else f"{short(name, 20)}: {short(what, 40)}") + offset
