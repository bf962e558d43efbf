"""Predictions along a predictor, with intervals of the mean and of new responses."""

from dataclasses import dataclass
from textwrap import fill
from typing import Any, Unpack

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
from partialpool.plots.held import exposure_on_axis, held_in_rows, held_in_title
from partialpool.plots.own_labels import OwnLabels
from partialpool.plots.style import INK, PALETTE, house_style, short, titled
from partialpool.questions.datagrid import datagrid
from partialpool.questions.predict import Kind, predict
from partialpool.spec.terms import factor_columns

__all__ = ["plot_predictions"]

_WIDTH, _PER_PLACE = 6.8, 0.32
"""Width in inches of a figure, and of a category with a rotated name."""
_LETTERS = 44
"""Most characters of category names that fit side by side under the axis."""
_COLUMNS, _MOST_PANELS = 5, 20
"""Most small multiples side by side, and in all."""


def _along(fit: Fit, over: str, by: str | None = None) -> xr.Dataset:
    """Predict along a predictor, others fixed as in `datagrid`: for the population, or for the levels of a factor."""
    design = fit.design
    factors = [factor.name for factor in design.grouping if factor_columns(factor.name) == (factor.name,)]
    known = (*design.spec.predictor_columns_with(()), *factors)
    for name in (over, *([] if by is None else [by])):
        if name not in known:
            raise DataError(
                "the model has no such predictor",
                got=repr(name),
                allowed=nearest(str(name), known),
                do="name one of these",
            )

    def values(name: str) -> list[Any]:
        if name in factors:
            return list(design.factor_named(name).levels.labels)
        return range_of(design, name) if is_number(design, name) else list(categories_of(design, name))

    grid = datagrid(fit, {name: values(name) for name in ((by, over) if by is not None else (over,))})
    named = [factor for factor in factors if factor in (over, by)]
    others: Kind = "marginal"
    kind = {f.name: "conditional" if f.name in named else others for f in design.grouping} if named else others
    return predict(fit, grid, kind=kind)


@draws_answer_of("predict", "expectation", ask=_along, needs=("over", "by"), columns=("over", "by"))
def plot_predictions(
    predictions: xr.Dataset,
    over: str,
    *,
    by: str | None = None,
    unit: str | None = None,
    xunit: str | None = None,
    responses: bool = True,
    prob: float = DEFAULT_PROB,
    **own: Unpack[OwnLabels],
) -> Figure:
    """Draw predictions along a predictor, with intervals of the mean and of new responses.

    Parameters
    ----------
    predictions
        From `predict`; or a fit, which is then predicted over the range (or the categories) of `over` and for each
        value of `by`, other predictors fixed as in `datagrid`: for the population, or for the levels of a factor that
        is named.
    over
        The predictor on the horizontal axis: a curve for numbers, points for categories.
    by
        A column with one colour per value; an ordinal response has a colour per category instead. More than six values
        have a panel each, up to 20 of them, evenly spaced in their order.
    unit, xunit
        Units of the response and of the predictor, for the axes; by default those that the model or the table states.
    responses
        Whether to draw intervals of new responses too, which are wider than those of the mean.
    prob
        Probability of the intervals of the expectation, and of those of new responses.
    title
        Text in place of the figure's title; `""` for none.
    xlabel, ylabel
        Texts in place of the labels of the axes.

    Returns
    -------
    matplotlib.figure.Figure
        Line or dot: posterior mean of the expectation; dark band or bar: its interval of probability `prob`;
        light: the interval of new responses with the same probability, which is left out for binary and ordinal
        responses. Where a few draws decide a mean, all lines or dots are medians, and the title says so.

    Raises
    ------
    DataError
        No such column; two rows with the same predictor value and colour.
    SpecError
        `prob` is not between 0 and 1.
    """
    units = Units.of_answer(predictions.attrs)
    unit, xunit = stated_or(unit, units.response), stated_or(xunit, units.of(over))
    _check_columns(predictions, over, by)
    every = _series(predictions if responses else predictions.drop_vars("response", errors="ignore"), by)
    drawn = _Drawn.of(predictions, over, prob)
    series = every if len(every) <= len(PALETTE) else _some(every)
    groups = [series] if len(every) <= len(PALETTE) else [[one] for one in series]
    with house_style():
        figure, panels = _panels(len(groups), drawn.places)
        for panel, group in zip(panels, groups, strict=True):
            drawn.draw(panel, group)
            panel.grid(visible=True, axis="both")
        names = (column_label(over, xunit), _response_axis(predictions, unit))
        if len(groups) == 1:
            panels[0].set(xlabel=names[0], ylabel=names[1])
        else:
            for panel, (label, *_) in zip(panels, series, strict=True):
                panel.set_title(titled(label), fontsize=9, pad=3)
            figure.supxlabel(names[0], fontsize=10)
            figure.supylabel(names[1], fontsize=10)
        title = _title(predictions, drawn.point, prob, new_responses=any(new is not None for _, _, new, _ in series))
        left_out = (
            f"; {len(series)} of {len(every)} values of {titled(by or predictions.attrs['response'])}"
            if len(series) < len(every)
            else ""
        )
        held = held_in_rows(predictions, [name for name in (over, by) if name is not None])
        held = held_in_title({**predictions.attrs, "held": held}, 60)
        figure.suptitle(f"{title}{left_out}{held}", fontsize=10.5, x=0.01, ha="left")
        if len(groups) == 1 and len(series) > 1:
            title = by or predictions.attrs["response"]
            panels[0].legend(frameon=False, title=short(title, 18), loc="upper left", bbox_to_anchor=(1, 1))
    return figure


_Series = tuple[str, np.ndarray, np.ndarray | None, np.ndarray]
"""Label, draws of the mean (draws, rows), of new responses where they are drawn, and the rows' positions."""


@dataclass(frozen=True, eq=False)
class _Drawn:
    """What all panels share: the values along the axis, its categories (None for numbers), the point, the interval."""

    over: str
    values: np.ndarray
    places: list[object] | None
    point: Point
    ends: tuple[float, float]

    @classmethod
    def of(cls, predictions: xr.Dataset, over: str, prob: float) -> "_Drawn":
        along = predictions[coordinate_of(predictions, over)]
        values = along.to_numpy()
        number = np.issubdtype(values.dtype, np.number) and along.attrs.get("kind") != "category"
        places = None if number else list(dict.fromkeys(values.tolist()))
        return cls(over, values, places, common_point(predictions["expectation"]), central_ends(prob))

    def draw(self, axes: Axes, series: list[_Series]) -> None:
        """Draw series in one panel, each in its colour."""
        for k, (label, draws, responses, rows) in enumerate(series):
            x, style = self.values[rows], (PALETTE[k], short(label, 18))
            _check_distinct(x, self.over)
            if self.places is None:
                _curve(axes, x, (draws, responses), style, self.point, ends=self.ends)
            else:
                shift = (k - (len(series) - 1) / 2) * 0.12
                at = np.array([self.places.index(value) for value in x.tolist()]) + shift
                _points(axes, at, (draws, responses), style, self.point, ends=self.ends)
        if self.places is not None:
            labels = [short(place, 18) for place in self.places]
            crowded = sum(map(len, labels)) > _LETTERS
            turned: dict[str, Any] = {"rotation": 35, "ha": "right", "rotation_mode": "anchor"} if crowded else {}
            axes.set_xticks(range(len(self.places)), labels, **turned)
            axes.margins(x=0.6 / len(self.places))


def _some(series: list[_Series]) -> list[_Series]:
    """Return up to the greatest number of panels, evenly spaced in their order."""
    steps = np.linspace(0, len(series) - 1, min(_MOST_PANELS, len(series)))
    return [series[k] for k in steps.round().astype(int)]


def _panels(count: int, places: list[object] | None) -> tuple[Figure, list[Axes]]:
    """Return a figure with a panel, or with small multiples on shared axes."""
    if count == 1:
        figure, axes = plt.subplots(figsize=(_width(places), 4.2))
        return figure, [axes]
    down = -(-count // _COLUMNS)
    columns = -(-count // down)
    size = (1.2 + 1.6 * columns, 1.4 + 1.5 * down)
    figure, grid = plt.subplots(down, columns, figsize=size, sharex=True, sharey=True, squeeze=False)
    panels = grid.ravel().tolist()
    for k, panel in enumerate(panels):
        # The last panel of a column has the tick labels, also where the place below it is empty.
        panel.tick_params(labelbottom=k + columns >= count)
    for panel in panels[count:]:
        panel.set_axis_off()
    return figure, panels[:count]


def _title(predictions: xr.Dataset, point: Point, prob: float, *, new_responses: bool) -> str:
    """Return the title: what is predicted, for which level, and the meaning of line and bands."""
    what, kind = titled(predictions.attrs["response"]), predictions.attrs["kind"]
    whom = "\n".join(fill(kind, 72).splitlines()[:3])
    line = "mean and its " if point.kind == "mean" else f"mean: {point.name},\n"
    light = f"; lighter: {percent(prob)} of new responses" if new_responses else ""
    return f"{what} predicted{'; ' if len(what + kind) < 48 else '\n'}{whom}\n{line}{percent(prob)} interval{light}"


def _width(places: list[object] | None) -> float:
    """Return the figure's width: many categories need more, or their names would overlap."""
    return _WIDTH if places is None else min(max(_WIDTH, 1.2 + _PER_PLACE * len(places)), 2 * _WIDTH)


def _check_columns(predictions: xr.Dataset, over: str, by: str | None) -> None:
    if by is not None and "category" in predictions.dims:
        raise DataError(
            "an ordinal response has a colour per category, so that by= does not apply",
            got=f"by={by!r}",
            allowed="one value of the other columns",
            do=f"draw one at a time: predictions.sel(obs=predictions[{by!r}] == value)",
        )
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
    offset = exposure_on_axis(predictions)
    if what == "mean of the response":
        return f"{column_label(name, unit)}{offset}"
    return (titled(what) if name in what else f"{titled(name)}: {titled(what)}") + offset
