"""Spread of the response along a predictor whose slope varies."""

from functools import partial

from partialpool.design.labels import coordinate_of
from partialpool.fitting.fit import Fit
from partialpool.plots.style import figure_image
from partialpool.plots.variance_function import common_point_of_fan, plot_variance_function
from partialpool.questions.variance_function import variance_function
from partialpool.reporting.grids import Grid, slope_grids
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.reporting.wording import estimate_in_words, on_scale, response_name, response_unit

__all__ = ["variance_function_section"]


def variance_function_section(fit: Fit) -> Section | None:
    """Draw the variance function along each numeric predictor that has a varying slope."""
    grids = slope_grids(fit.design)
    if not grids:
        return None
    pictures, refused = which_can((grid.column, partial(_picture, fit, grid)) for grid in grids)
    prose = "Where slopes vary over levels, the spread of the responses changes along the predictor."
    return Section(prose=(prose, *refused), pictures=pictures)


def _picture(fit: Fit, grid: Grid) -> Picture:
    answer = variance_function(fit, grid.at)
    held, answer = grid.held(answer), grid.along(answer)
    dim = coordinate_of(answer, grid.column)
    places, sd = answer[dim].to_numpy(), answer["variance"] ** 0.5
    point = common_point_of_fan(answer)
    said = [
        f"at {grid.column} {place:.4g} {estimate_in_words(sd.sel({dim: place}).to_numpy(), point)}"
        for place in (places[0], places[len(places) // 2], places[-1])
    ]
    scale = on_scale(fit)
    figure = plot_variance_function(answer, unit=response_unit(fit), xunit=fit.design.units.get(grid.column, ""))
    caption = (
        f"Left: the population's mean and 90 % of responses{scale} around it. Right: the sources of the spread.{held}"
    )
    alt = f"Standard deviation of {response_name(fit)}{scale}: {'; '.join(said)}."
    return Picture(figure_image(figure), alt, caption)
