"""The line of each level along a predictor: without pooling, with complete pooling, and partially pooled."""

from functools import partial

import numpy as np

from partialpool.plots.level_lines import plot_level_lines
from partialpool.plots.style import figure_image
from partialpool.questions.level_lines import level_lines
from partialpool.reporting.grids import Grid, slope_grids
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Picture, Section, which_can
from partialpool.reporting.wording import held_meanwhile, on_scale
from partialpool.tabulate import number

__all__ = ["level_lines_section"]

_PANELS = 12


def level_lines_section(reported: Reported) -> Section | None:
    """Draw small multiples of levels along each predictor whose slope varies over them."""
    fit = reported.fit
    asked = [
        (grid, factor.name)
        for grid in slope_grids(fit.design)
        for factor in fit.design.grouping
        if any(grid.column in recipe.numeric for recipe in factor.recipes)
    ]
    if not asked:
        return None
    names = reported.names
    pictures, refused = which_can(
        (f"{names.column(grid.column)} by {names.factor(factor)}", partial(_picture, reported, grid, factor))
        for grid, factor in asked
    )
    prose = "One panel per level: the fit to its own rows alone, the fit to all rows, and the partially pooled fit."
    return Section(prose=(prose, *refused), pictures=pictures)


def _picture(reported: Reported, grid: Grid, factor: str) -> Picture:
    fit, names = reported.fit, reported.names
    chosen = fit.design.factor_named(factor).levels.labels
    step = max(1, len(chosen) // 200)
    answer = level_lines(fit, grid.column, factor=factor, points=12, levels=chosen[::step])
    answer, column, named = names.relabelled(answer), names.column(grid.column), names.factor(factor)
    rise = answer["partial_pooling"].mean(("chain", "draw"))
    change = (rise.isel(grid=-1) - rise.isel(grid=0)).to_numpy()
    first, last = float(answer["grid"][0]), float(answer["grid"][-1])
    some = f", of {len(change)} of {len(chosen)} levels" if step > 1 else ""
    curved = not fit.spec.link_record.is_identity
    scale = f", as the {answer.attrs['mean']}" if curved else on_scale(fit)
    alt = (
        f"From {column} {number(first)} to {number(last)}{some} "
        f"{_changes(change, answer['level'].to_numpy(), named)}{scale}."
    )
    figure = plot_level_lines(answer, most=_PANELS, prob=reported.prob)
    caption = (
        f"Levels of {named} along {column}{scale}, up to {_PANELS} of them, in order of their heights."
        f"{held_meanwhile(answer)}"
    )
    return Picture(figure_image(figure), alt, caption)


def _changes(change: np.ndarray, labels: np.ndarray, factor: str) -> str:
    """Describe the lines that rise or fall most and least.

    Examples
    --------
    >>> _changes(np.array([3.0, -1.0, 5.0]), np.array(["a", "b", "c"]), "g")
    'the line of g b falls most, by 1, that of c rises most, by 5'
    >>> _changes(np.array([3.0, 1.0]), np.array(["a", "b"]), "g")
    'the line of g b rises least, by 1, that of a rises most, by 3'
    >>> _changes(np.array([-3.0, -1.0]), np.array(["a", "b"]), "g")
    'the line of g a falls most, by 3, that of b falls least, by 1'
    >>> _changes(np.array([2.0, 2.0]), np.array(["a", "b"]), "g")
    'every line of g rises by 2'
    """
    low, high = int(change.argmin()), int(change.argmax())
    least, most = float(change[low]), float(change[high])
    if number(least) == number(most):
        return f"every line of {factor} {'falls' if most < 0 else 'rises'} by {number(abs(most))}"
    lower = f"falls most, by {number(-least)}" if least < 0 else f"rises least, by {number(least)}"
    upper = f"rises most, by {number(most)}" if most > 0 else f"falls least, by {number(-most)}"
    return f"the line of {factor} {labels[low]} {lower}, that of {labels[high]} {upper}"
