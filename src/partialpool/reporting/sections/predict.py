"""Predictions along each predictor, and average effects for the population and for a typical level."""

from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.held import Held, hold, means_held, spline_range
from partialpool.design.labels import coordinate_of
from partialpool.errors import DataError
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import Point, common_point, quantiles
from partialpool.plots.predict import plot_predictions
from partialpool.plots.style import figure_image
from partialpool.questions.average_effect import average_effect
from partialpool.questions.datagrid import datagrid
from partialpool.questions.predict import predict
from partialpool.reporting.grids import Grid, predictor_grids
from partialpool.reporting.limits import PHONE
from partialpool.reporting.reported import SEED, Reported
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.reporting.wording import others_held, response_name
from partialpool.tabulate import TextTable, estimate_cells

__all__ = ["predict_section"]


def predict_section(reported: Reported) -> Section | None:
    """Draw predictions for the population along each predictor, and tabulate average effects."""
    fit = reported.fit
    grids = predictor_grids(fit.design)
    if not grids:
        return None
    pictures, refused = which_can((grid.column, partial(_picture, reported, grid)) for grid in grids)
    effects, not_defined = which_can((grid.column, partial(_contrasts, fit, grid)) for grid in grids)
    contrasts = [contrast for found in effects for contrast in found]
    point = common_point(*(draws.ravel() for _, _, views in contrasts for draws in views))
    rows = tuple(_row(reported, contrast, point) for contrast in contrasts)
    title = f"Average effects on the mean, other predictors as observed: {point.name}, {reported.percent} interval"
    views = ("average effect",) if _agree(contrasts) else ("population average", "subject-specific")
    heads = ("predictor", "contrast", *(head for view in views for head in (view, *reported.end_names)))
    rows = tuple(row[: len(heads)] for row in rows)
    tables = (TextTable(heads, rows, title=title),) if rows else ()
    prose = [
        "Predictions for a member of a randomly drawn level (group effects integrated out); other predictors are fixed."
    ]
    if not fit.spec.link_record.is_identity and fit.design.factors:
        prose.append(
            "The population average is the change of the mean over the whole population when the predictor changes for "
            "all its members; the subject-specific effect is that of a subject in the middle of the population. Under "
            f"a {fit.spec.link} link the two differ."
        )
    shown = list(dict.fromkeys(column for column, _, _ in contrasts))
    prose += [
        f"{column} has a spline: the table lists its slope, per unit, inside the range of the rows."
        for column in shown
        if spline_range(fit.design, column) is not None
    ]
    prose += [
        f"The table's effect of {c} leaves {held} unchanged." for c in shown if (held := means_held(fit.design, c))
    ]
    return Section(prose=(*prose, *refused, *not_defined), pictures=pictures, tables=tables)


def _picture(reported: Reported, grid: Grid) -> Picture:
    fit = reported.fit
    rows = datagrid(fit, grid.at)
    answer = predict(fit, rows, kind="marginal", seed=SEED)
    figure = plot_predictions(answer, grid.column, prob=reported.prob)
    places = answer[coordinate_of(answer, grid.column)].to_numpy()
    ends = dict.fromkeys((0, len(places) - 1))
    point = common_point(answer["expectation"])
    said = [_said(reported, answer, grid.column, at, point) for at in ends]
    shown = "" if point.kind == "mean" else f": {point.name}"
    bands = f"Mean (line or circle{shown}) with its {reported.percent} interval{_responses(reported, answer)}."
    caption = f"{bands}{_held(fit, grid, rows)}{_offset(answer)}"
    meaning = answer.attrs["expectation"]
    what = response_name(fit) if meaning == "mean of the response" else meaning
    return Picture(figure_image(figure, widest=PHONE), f"{what}: {'; '.join(said)}.", caption)


def _said(reported: Reported, answer: xr.Dataset, column: str, at: int, point: Point) -> str:
    draws = answer["expectation"].isel(obs=at)
    place = answer[coordinate_of(answer, column)].to_numpy()[at]
    where = f"at {column} {place:.4g}" if np.issubdtype(np.asarray(place).dtype, np.number) else f"at {column} {place}"
    if "category" not in draws.dims:
        return f"{where} {reported.in_words(draws.to_numpy(), point)}"
    each = [f"{c} {float(point.of(draws.sel(category=c).to_numpy())):.2f}" for c in draws["category"].to_numpy()]
    return f"{where} {', '.join(each)}"


def _responses(reported: Reported, answer: xr.Dataset) -> str:
    shown = answer.attrs["expectation"] == "mean of the response"
    return f"; lighter: {reported.percent} of new responses" if shown else ""


def _held(fit: Fit, grid: Grid, rows: pd.DataFrame) -> str:
    others = [name for name in rows.columns if name != grid.column]
    held = [Held(name, grid.at[name][0], "first") if name in grid.at else hold(fit.design, name) for name in others]
    return others_held(", ".join(map(str, held)))


def _offset(answer: xr.Dataset) -> str:
    return f" Offset: {answer.attrs['offset']}." if "offset" in answer.attrs else ""


_Contrast = tuple[str, str, list[np.ndarray]]
"""Predictor, contrast, and the draws of the population average and of the subject-specific effect."""


def _contrasts(fit: Fit, grid: Grid) -> list[_Contrast]:
    splined = spline_range(fit.design, grid.column) is not None
    effects = average_effect(fit, grid.column, measure="slope" if splined else "difference")
    if "category" in effects.dims:
        raise DataError(
            "the report does not show effects on each category",
            got="an ordinal response",
            allowed="a response with a mean",
            do="use pp.average_effect",
        )
    views = ("population_average", "subject_specific")
    return [
        (grid.column, str(contrast), [effects[view].sel(contrast=contrast).to_numpy() for view in views])
        for contrast in effects["contrast"].to_numpy()
    ]


def _agree(contrasts: list[_Contrast]) -> bool:
    """Whether population averages and subject-specific effects are the same numbers, as in a linear model."""
    return all(np.array_equal(views[0], views[1]) for _, _, views in contrasts)


def _row(reported: Reported, contrast: _Contrast, point: Point) -> tuple[str, ...]:
    column, name, views = contrast
    cells = [column, name]
    for draws in views:
        low, high = quantiles(draws, reported.ends)
        cells += estimate_cells((float(point.of(draws)), float(low), float(high)), point.spread(draws))
    return tuple(cells)
