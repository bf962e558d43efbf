"""Spread of the response along a predictor whose slope varies."""

from functools import partial

from partialpool.design.labels import coordinate_of
from partialpool.plots.style import figure_image
from partialpool.plots.variance_function import common_point_of_fan, plot_variance_function
from partialpool.questions.variance_function import variance_function
from partialpool.reporting.grids import Grid, slope_grids
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.reporting.wording import on_scale

__all__ = ["variance_function_section"]


def variance_function_section(reported: Reported) -> Section | None:
    """Draw the variance function along each numeric predictor that has a varying slope."""
    grids = slope_grids(reported.fit.design)
    if not grids:
        return None
    pictures, refused = which_can(
        (reported.names.column(grid.column), partial(_picture, reported, grid)) for grid in grids
    )
    prose = "Where slopes vary over levels, the spread of the responses changes along the predictor."
    return Section(prose=(prose, *refused), pictures=pictures)


def _picture(reported: Reported, grid: Grid) -> Picture:
    fit = reported.fit
    answer = variance_function(fit, grid.at)
    held, answer = grid.held(answer, reported.names), grid.along(answer)
    dim, column = coordinate_of(answer, grid.column), reported.names.column(grid.column)
    answer = reported.names.relabelled(answer)
    places, sd = answer[dim].to_numpy(), answer["variance"] ** 0.5
    point = common_point_of_fan(answer)
    said = [
        f"at {column} {place:.4g} {reported.in_words(sd.sel({dim: place}).to_numpy(), point)}"
        for place in (places[0], places[len(places) // 2], places[-1])
    ]
    scale = on_scale(fit)
    figure = plot_variance_function(answer, prob=reported.prob)
    caption = (
        f"Left: the population's mean and {reported.percent} of responses{scale} around it. Right: the sources of the "
        f"spread.{held}"
    )
    alt = f"Standard deviation of {reported.names.response}{scale}: {'; '.join(said)}."
    return Picture(figure_image(figure), alt, caption)
