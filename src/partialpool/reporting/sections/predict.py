"""Predictions along each predictor, or of the mean where there is none; average effects."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import xarray as xr

from partialpool.design.held import categories_of
from partialpool.design.labels import coordinate_of
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.plots.predict import plot_predictions
from partialpool.plots.style import figure_image
from partialpool.questions.datagrid import datagrid
from partialpool.questions.predict import predict
from partialpool.reporting.grids import Grid, held_in, interacting_category, predictor_grids
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
    design = reported.fit.design
    coloured = any(interacting_category(design, grid.column) is not None for grid in grids)
    colours = ". Categories that interact with the predictor have a colour each" if coloured else ""
    prose = f"Predictions along each predictor{whom}{others}{colours}."
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
    partner = interacting_category(fit.design, grid.column)
    coloured = {} if partner is None else {partner: categories_of(fit.design, partner)}
    rows = datagrid(fit, {**grid.at, **coloured})
    answer = predict(fit, rows, kind="marginal", seed=SEED)
    column, units = reported.names.column(grid.column), fit.design.axis_units
    figure = plot_predictions(
        reported.names.relabelled(answer),
        column,
        by=None if partner is None else reported.names.column(partner),
        unit=units.response,
        xunit=units.of(grid.column),
        prob=reported.prob,
    )
    point = common_point(answer["expectation"])
    said = [
        _said(reported, answer.isel(obs=at)["expectation"], where, point)
        for at, where in _ends(reported, answer, grid.column, partner)
    ]
    shown = "" if point.kind == "mean" else f": {point.name}"
    bands = f"Mean (line or circle{shown}) with its {reported.percent} interval{_responses(reported, answer)}."
    held = held_in(reported.names, rows, leave_out=[grid.column, *coloured])
    caption = f"{bands}{others_held(held)}{offset_held(answer)}"
    alt = f"{reported.names.quantity}: {'; '.join(said)}."
    return Picture(figure_image(figure, widest=PHONE), alt, caption)


def _ends(reported: Reported, answer: xr.Dataset, column: str, partner: str | None) -> Iterator[tuple[int, str]]:
    """Yield the first and the last row of each curve, and where they are, in words."""
    places = answer[coordinate_of(answer, column)].to_numpy()
    curves = np.zeros(len(places)) if partner is None else answer[coordinate_of(answer, partner)].to_numpy()
    for curve in dict.fromkeys(curves.tolist()):
        rows = np.flatnonzero(curves == curve)
        of = "" if partner is None else f", {reported.names.column(partner)} {_place(curve)}"
        for at in dict.fromkeys((int(rows[0]), int(rows[-1]))):
            yield at, f"at {reported.names.column(column)} {_place(places[at])}{of}"


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
