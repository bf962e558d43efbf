"""Tables of average effects, for the population and for a typical level: part of the chapter of predictions."""

from dataclasses import dataclass
from functools import partial

import numpy as np

from partialpool.design.held import means_held, read_columns, spline_range
from partialpool.fitting.fit import Fit
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.fitting.two_views import agreed
from partialpool.questions.average_effect import average_effect
from partialpool.reporting.grids import Grid
from partialpool.reporting.interval_cells import cell_with_interval, common_spread, interval_cells
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Section, which_can
from partialpool.tabulate import TextTable

__all__ = ["average_effect_section"]


def average_effect_section(reported: Reported, grids: list[Grid]) -> Section:
    """Tabulate the average effect of each predictor on the mean, or on the probability of each ordered category."""
    fit = reported.fit
    found, refused = which_can((reported.names.column(grid.column), partial(_contrasts, fit, grid)) for grid in grids)
    contrasts = [contrast for some in found for contrast in some]
    tables = _tables(reported, contrasts) if contrasts else ()
    shown = {contrast.column: reported.names.column(contrast.column) for contrast in contrasts}
    prose = []
    agree = all(contrast.agree for contrast in contrasts)
    if tables and not agree and fit.design.grouping:
        changed = "mean" if fit.spec.family_record.has_mean else "probability of each category"
        prose.append(
            f"The population average is the change of the {changed} over the whole population when the predictor "
            "changes for all its members; the subject-specific effect is that of a subject in the middle of the "
            f"population. Under a {fit.spec.link} link the two differ."
        )
    elif tables and fit.design.grouping:
        prose.append(
            "The effect on the average over the whole population and that on a subject in its middle agree: the table "
            "states both."
        )
    if tables and (kept := _kept(fit, reported)):
        prose.append(f"In average effects each row keeps {kept}.")
    prose += [
        f"{name} has a spline: the table lists its slope, per unit, inside the range of the rows."
        for column, name in shown.items()
        if spline_range(fit.design, column) is not None
    ]
    prose += [
        f"The table's effect of {name} leaves {held} unchanged."
        for column, name in shown.items()
        if (held := means_held(fit.design, column))
    ]
    return Section(prose=(*prose, *refused), tables=tables)


def _kept(fit: Fit, reported: Reported) -> str:
    """Say what each row keeps while a predictor changes: other predictors, the offset; empty where there are none."""
    kept = ["its own values of the other predictors"] if len(read_columns(fit.design)) > 1 else []
    kept += [f"its own offset, {reported.names.expression(' + '.join(fit.spec.offsets))}"] if fit.spec.offsets else []
    return " and ".join(kept)


@dataclass(frozen=True, eq=False)
class _Contrast:
    """Two values of a predictor, and how the mean differs between them.

    Attributes
    ----------
    column, name
        Predictor and contrast.
    population, subject
        Draws of the population average and of the subject-specific effect: (draws,), or (draws, categories).
    agree
        Whether they are the same numbers, as in a linear model.
    """

    column: str
    name: str
    population: np.ndarray
    subject: np.ndarray
    agree: bool


def _contrasts(fit: Fit, grid: Grid) -> list[_Contrast]:
    splined = spline_range(fit.design, grid.column) is not None
    effects = average_effect(fit, grid.column, measure="slope" if splined else "difference")
    agree = agreed(effects)

    def draws(view: str, contrast: object) -> np.ndarray:
        values = effects[view].sel(contrast=contrast).transpose("chain", "draw", ...).to_numpy()
        return values.reshape(-1, *values.shape[2:])

    return [
        _Contrast(grid.column, str(name), draws("population_average", name), draws("subject_specific", name), agree)
        for name in effects["contrast"].to_numpy()
    ]


def _tables(reported: Reported, contrasts: list[_Contrast]) -> tuple[TextTable, ...]:
    point = common_point(*(draws for c in contrasts for draws in (c.population, c.subject)))
    agree = all(c.agree for c in contrasts)
    how = f"other predictors as observed: {point.name}, {reported.percent} interval"
    if contrasts[0].population.ndim == 2:
        views = [(", population average", [c.population for c in contrasts])]
        views += [(", subject-specific", [c.subject for c in contrasts])]
        views = [("", views[0][1])] if agree else views
        title = f"Average effects on the {reported.names.quantity}"
        return tuple(
            _by_category(reported, contrasts, draws, point, title=f"{title}{name}, {how}") for name, draws in views
        )
    names = ("average effect",) if agree else ("population average", "subject-specific")
    heads = ("predictor", "contrast", *(head for name in names for head in (name, *reported.end_names)))
    rows = []
    for c in contrasts:
        cells = interval_cells(reported, c.population, point)
        cells += () if agree else interval_cells(reported, c.subject, point)
        rows.append((reported.names.column(c.column), c.name, *cells))
    return (TextTable(heads, tuple(rows), title=f"Average effects on the {reported.names.quantity}, {how}"),)


def _by_category(
    reported: Reported, contrasts: list[_Contrast], effects: list[np.ndarray], point: Point, *, title: str
) -> TextTable:
    """Tabulate effects (draws, categories): a row for each contrast, a column for each category."""
    spread = common_spread([draws for effect in effects for draws in effect.T], point)
    rows = []
    for c, effect in zip(contrasts, effects, strict=True):
        cells = [cell_with_interval(reported, draws, point, spread=spread) for draws in effect.T]
        rows.append((reported.names.column(c.column), c.name, *cells))
    heads = [reported.names.category(category) for category in reported.fit.design.response.categories]
    return TextTable(("predictor", "contrast", *heads), tuple(rows), title=title)
