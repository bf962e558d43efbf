"""The prediction of each level, with its own group effects."""

from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.nesting import nesting
from partialpool.errors import DataError
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.names import OBS
from partialpool.plots.intervals import bars_in_words
from partialpool.plots.level_predictions import LevelNames, draw_level_predictions
from partialpool.plots.style import figure_image
from partialpool.questions.datagrid import datagrid
from partialpool.questions.predict import Kind, predict
from partialpool.reporting.grids import held_in
from partialpool.reporting.interval_cells import cell_with_interval, common_spread, interval_cells
from partialpool.reporting.limits import MOST_FACTORS, MOST_LABELLED, OF_EACH_END
from partialpool.reporting.reported import SEED, Reported
from partialpool.reporting.section import Note, Picture, Section, which_can
from partialpool.reporting.wording import offset_held, predictors_held
from partialpool.spec.terms import factor_columns
from partialpool.tabulate import TextTable, listed

__all__ = ["level_predictions_section"]


def level_predictions_section(reported: Reported) -> Section | None:
    """Draw and tabulate the predicted mean of each level, all of them at the same values of the predictors."""
    # A row of the level alone does not exist where rows belong to several levels.
    factors = [factor for factor in reported.fit.design.grouping if not factor.has_members]
    if not factors:
        return None
    drawn, left_out = factors[:MOST_FACTORS], _named(reported, [f.name for f in factors[MOST_FACTORS:]])
    more = [Note(f"Levels not shown, to keep the page short: {', '.join(left_out)}.")] if left_out else []
    found, refused = which_can(
        (reported.names.factor(factor.name), partial(_of_factor, reported, factor)) for factor in drawn
    )
    prose = (
        f"The prediction of each level of {listed(_named(reported, [f.name for f in drawn]))}, with the "
        "level's own group effects."
    )
    return Section(
        prose=(*([prose] if found else []), *more, *refused),
        pictures=tuple(picture for picture, _ in found),
        tables=tuple(table for _, table in found),
    )


def _of_factor(reported: Reported, factor: FactorEffects) -> tuple[Picture, TextTable]:
    fit = reported.fit
    levels, rows = _rows(fit, factor)
    kind = _kinds(fit.design, factor)
    known, thinned = len(levels), ""
    if known > MOST_LABELLED:
        height = _mean_predictor(fit, rows, kind)
        order = np.argsort(height, kind="stable")
        chosen = np.sort(np.concatenate([order[:OF_EACH_END], order[-OF_EACH_END:]]))
        levels, rows = levels[chosen], rows.iloc[chosen].reset_index(drop=True)
        thinned = f" The {OF_EACH_END} lowest and the {OF_EACH_END} highest of {known} levels."
    answer = predict(fit, rows, kind=kind, seed=SEED)
    point = common_point(answer["expectation"])
    fixed = held_in(reported.names, rows, leave_out=[*_columns(fit.design, factor), *fit.spec.columns_of_rows.values()])
    told = f"{_others(reported, factor, kind)}{predictors_held(fixed)}{offset_held(answer)}"
    named = reported.names.factor(factor.name)
    title = f"Predicted {reported.quantity_with_unit} for each {named}: {point.name}, {reported.percent} interval"
    table = _table(reported, answer, (named, levels), point, title)
    picture = _picture(reported, factor, answer.assign_coords(obs=levels), thinned + told)
    notes = (f"{thinned}{told}".strip(),) if thinned or told else ()
    return picture, replace(table, notes=notes)


def _columns(design: Design, factor: FactorEffects) -> list[str]:
    """Return the columns that a level determines: those of the factor, and of the factors that it is nested in."""
    names = [factor.name, *nesting(design)[factor.name]]
    return list(dict.fromkeys(column for name in names for column in factor_columns(name)))


def _rows(fit: Fit, factor: FactorEffects) -> tuple[np.ndarray, pd.DataFrame]:
    """Return the labels of the levels, and a row for each; the predictors have the same values in all rows."""
    design = fit.design
    codes, first = np.unique(factor.of_rows(np.arange(factor.n_levels)), return_index=True)
    own = {c: design.frame[c].iloc[first].reset_index(drop=True) for c in _columns(design, factor)}
    held = datagrid(fit, {column: [values.iloc[0]] for column, values in own.items()})
    rows = held.loc[np.zeros(len(first), int)].reset_index(drop=True)
    for column, values in own.items():
        rows[column] = values
    return np.array([str(factor.levels.labels[code]) for code in codes], object), rows


def _kinds(design: Design, factor: FactorEffects) -> dict[str, Kind]:
    known = (factor.name, *nesting(design)[factor.name])
    return {other.name: "conditional" if other.name in known else "marginal" for other in design.grouping}


def _named(reported: Reported, factors: list[str]) -> list[str]:
    return [reported.names.factor(name) for name in factors]


def _others(reported: Reported, factor: FactorEffects, kind: dict[str, Kind]) -> str:
    """State what the predictions do with other factors, as sentences that follow others."""
    same = _named(reported, [name for name, how in kind.items() if how == "conditional" and name != factor.name])
    drawn = _named(reported, [name for name, how in kind.items() if how == "marginal"])
    said = f" Each {reported.names.factor(factor.name)} is in its own {listed(same)}." if same else ""
    verb = "is" if len(drawn) == 1 else "are"
    return said + (f" {listed(drawn)} {verb} drawn at random (group effects integrated out)." if drawn else "")


def _mean_predictor(fit: Fit, rows: pd.DataFrame, kind: dict[str, Kind]) -> np.ndarray:
    """Return the posterior mean of the linear predictor of each row.

    It is linear in coefficients and effects: one draw at their means has it, however many the levels.
    """
    middle = fit.posterior.mean(("chain", "draw"), keep_attrs=True).expand_dims(chain=[0], draw=[0])
    tree = xr.DataTree.from_dict({"posterior": middle})
    tree.attrs = fit.tree.attrs
    typical: dict[str, Kind] = {name: how if how == "conditional" else "typical" for name, how in kind.items()}
    return predict(Fit(fit.spec, fit.design, fit.priors, tree), rows, kind=typical, seed=SEED)[
        "linear_predictor"
    ].to_numpy()[0, 0]


def _table(
    reported: Reported, answer: xr.Dataset, named: tuple[str, np.ndarray], point: Point, title: str
) -> TextTable:
    factor, levels = named
    if "category" in answer.dims:
        heads = tuple(reported.names.category(str(category)) for category in answer["category"].to_numpy())
        draws = answer["expectation"].transpose(OBS, "category", "chain", "draw").to_numpy()
        each = draws.reshape(*draws.shape[:2], -1)
        spread = common_spread(each.reshape(-1, each.shape[2]), point)
        cells = [[cell_with_interval(reported, one, point, spread=spread) for one in own] for own in each]
    else:
        heads = (point.kind, *reported.end_names)
        each = answer["expectation"].transpose(OBS, "chain", "draw").to_numpy().reshape(len(levels), -1)
        spread = common_spread(each, point)
        cells = [list(interval_cells(reported, own, point, spread=spread)) for own in each]
    rows = tuple((level, *row) for level, row in zip(levels, cells, strict=True))
    return TextTable((factor, *heads), rows, title=title)


def _picture(reported: Reported, factor: FactorEffects, answer: xr.Dataset, told: str) -> Picture:
    fit = reported.fit
    point = common_point(answer["expectation"])
    if "category" in answer.dims:
        height, order = answer["linear_predictor"].mean(("chain", "draw")).to_numpy(), "lowest categories"
    else:
        values = answer["expectation"].transpose("chain", "draw", ...).to_numpy()
        height, order = point.of(values.reshape(-1, values.shape[2]), axis=0), "lowest"
    ordered = answer.isel(obs=np.argsort(height, kind="stable"))
    labels = ordered["obs"].to_numpy().tolist()
    anyone = _anyone(fit, factor, point)
    named = reported.names.factor(factor.name)
    names = LevelNames(labels, named, reported.quantity_with_unit)
    figure = draw_level_predictions(reported.names.relabelled(ordered), names, anyone=anyone, prob=reported.prob)
    line = "" if anyone is None else f" Grey line: {reported.anyone}."
    caption = (
        f"{named}: {reported.names.quantity} for each level, from the {order} to the highest. "
        f"{point.name.capitalize()}, {bars_in_words(reported.prob)}.{line}{told}"
    )
    ends = [
        f"{word} {labels[k]} with {_said(reported, ordered, k, point)}" for word, k in (("lowest", 0), ("highest", -1))
    ]
    alt = f"{len(labels)} levels of {named}. {reported.names.quantity}: {'; '.join(ends)}."
    return Picture(figure_image(figure), alt, caption)


def _said(reported: Reported, ordered: xr.Dataset, at: int, point: Point) -> str:
    draws = ordered["expectation"].isel(obs=at)
    if "category" not in draws.dims:
        return reported.in_words(draws.to_numpy(), point)
    return ", ".join(
        f"{c} {float(point.of(draws.sel(category=c).to_numpy())):.2f}" for c in draws["category"].to_numpy()
    )


def _anyone(fit: Fit, factor: FactorEffects, point: Point) -> np.ndarray | None:
    """Return the prediction for a member of any level; None where it depends on the level, or does not exist."""
    if set(_columns(fit.design, factor)) & set(fit.design.spec.expression_columns):
        return None
    try:
        answer = predict(fit, datagrid(fit), kind="marginal", seed=SEED)
    except DataError:  # an inverse link, for instance, has no such mean
        return None
    draws = answer["expectation"].transpose("chain", "draw", ...).to_numpy()
    return point.of(draws.reshape(-1, *draws.shape[3:]), axis=0).reshape(-1)
