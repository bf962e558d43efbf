"""Predictions along each predictor, or of the mean where there is none; average effects."""

from functools import partial

import numpy as np
import xarray as xr

from partialpool.design.labels import coordinate_of
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.plots.predict import plot_predictions
from partialpool.plots.style import figure_image
from partialpool.questions.datagrid import datagrid
from partialpool.questions.predict import predict
from partialpool.reporting.grids import Grid, held_in, predictor_grids
from partialpool.reporting.interval_cells import interval_cells
from partialpool.reporting.limits import PHONE
from partialpool.reporting.reported import SEED, Reported
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.reporting.sections.average_effect import average_effect_section
from partialpool.reporting.wording import offset_held, others_held, predictors_held
from partialpool.tabulate import TextTable

__all__ = ["predict_section"]


def predict_section(reported: Reported) -> Section:
    """Show predictions for the population, and average effects of predictors."""
    grids = predictor_grids(reported.fit.design)
    anyone = _along_predictors(reported, grids) if grids else _without_predictors(reported)
    parts = (anyone, average_effect_section(reported, grids))
    return Section(
        prose=tuple(paragraph for part in parts for paragraph in part.prose),
        pictures=tuple(picture for part in parts for picture in part.pictures),
        tables=tuple(table for part in parts for table in part.tables),
    )


def _along_predictors(reported: Reported, grids: list[Grid]) -> Section:
    """Draw the prediction along each predictor."""
    pictures, refused = which_can(
        (reported.names.column(grid.column), partial(_picture, reported, grid)) for grid in grids
    )
    whom = f" for {reported.anyone}" if reported.anyone else ""
    others = "; other predictors are fixed" if len(reported.fit.spec.expression_columns) > 1 else ""
    prose = f"Predictions along each predictor{whom}{others}."
    return Section(prose=(prose, *refused), pictures=pictures)


def _without_predictors(reported: Reported) -> Section:
    """Tabulate the predicted mean, and the interval of new responses where they are on the same scale."""
    reads = reported.fit.spec.expression_columns
    lead = "No predictor has a fixed effect." if reads else "The model has no predictors."
    whom = f" for {reported.anyone}" if reported.anyone else ", the same for every row"
    prose = f"{lead} The table is the prediction{whom}."
    found, refused = which_can([("", partial(_table, reported))])
    return Section(prose=(*([prose] if found else []), *refused), tables=found)


def _table(reported: Reported) -> TextTable:
    fit = reported.fit
    rows = datagrid(fit)
    answer = predict(fit, rows, kind="marginal", seed=SEED)
    mean = answer["expectation"].isel(obs=0)
    point = common_point(answer["expectation"])
    head, each = "", {reported.names.quantity: mean}
    if "category" in mean.dims:
        head = "category"
        each = {reported.names.category(str(c)): mean.sel(category=c) for c in mean["category"].to_numpy()}
    cells = [(name, *interval_cells(reported, draws.to_numpy(), point)) for name, draws in each.items()]
    if _has_responses(answer):
        _, *ends = interval_cells(reported, answer["response"].to_numpy(), point)
        cells.append((f"new {reported.names.response}", "-", *ends))
    held = f"{predictors_held(held_in(reported.names, rows))}{offset_held(answer)}".strip()
    title = f"Predicted {reported.quantity_with_unit}: {point.name}, {reported.percent} interval"
    return TextTable((head, point.kind, *reported.end_names), tuple(cells), title=title, notes=(held,) if held else ())


def _picture(reported: Reported, grid: Grid) -> Picture:
    fit = reported.fit
    rows = datagrid(fit, grid.at)
    answer = predict(fit, rows, kind="marginal", seed=SEED)
    column, units = reported.names.column(grid.column), fit.design.axis_units
    figure = plot_predictions(
        reported.names.relabelled(answer),
        column,
        unit=units.response,
        xunit=units.of(grid.column),
        prob=reported.prob,
    )
    places = answer[coordinate_of(answer, grid.column)].to_numpy()
    ends = dict.fromkeys((0, len(places) - 1))
    point = common_point(answer["expectation"])
    said = [
        _said(reported, answer.isel(obs=at)["expectation"], f"at {column} {_place(places[at])}", point) for at in ends
    ]
    shown = "" if point.kind == "mean" else f": {point.name}"
    bands = f"Mean (line or circle{shown}) with its {reported.percent} interval{_responses(reported, answer)}."
    caption = f"{bands}{others_held(held_in(reported.names, rows, leave_out=[grid.column]))}{offset_held(answer)}"
    alt = f"{reported.names.quantity}: {'; '.join(said)}."
    return Picture(figure_image(figure, widest=PHONE), alt, caption)


def _place(value: object) -> str:
    return f"{value:.4g}" if np.issubdtype(np.asarray(value).dtype, np.number) else str(value)


def _said(reported: Reported, draws: xr.DataArray, where: str, point: Point) -> str:
    if "category" not in draws.dims:
        return f"{where} {reported.in_words(draws.to_numpy(), point)}"
    each = [f"{c} {float(point.of(draws.sel(category=c).to_numpy())):.2f}" for c in draws["category"].to_numpy()]
    return f"{where} {', '.join(each)}"


def _responses(reported: Reported, answer: xr.Dataset) -> str:
    return f"; lighter: {reported.percent} of new responses" if _has_responses(answer) else ""


def _has_responses(answer: xr.Dataset) -> bool:
    """Whether new responses are on the scale of the mean, so that their interval stands beside its interval."""
    return answer.attrs["expectation"] == "mean of the response" and "response" in answer
