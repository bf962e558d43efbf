"""Group effects: the effects of each level, sorted."""

from functools import partial

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.fitting.point_estimate import Point, common_point
from partialpool.plots.group_effects import plot_group_effects
from partialpool.plots.intervals import bars_in_words
from partialpool.plots.style import figure_image
from partialpool.questions.group_effects import group_effects
from partialpool.reporting.limits import MOST_FACTORS, MOST_LABELLED, OF_EACH_END
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Note, Picture, Section, which_can
from partialpool.reporting.wording import on_scale

__all__ = ["group_effects_section"]


def group_effects_section(reported: Reported) -> Section | None:
    """Draw a forest plot of each factor's effects; with many levels, only of the lowest and the highest."""
    factors = reported.fit.design.grouping
    if not factors:
        return None
    drawn = factors[:MOST_FACTORS]
    left_out = [reported.names.factor(factor.name) for factor in factors[MOST_FACTORS:]]
    more = [Note(f"Not drawn, to keep the page short: {', '.join(left_out)}.")] if left_out else []
    pictures, refused = which_can(
        (reported.names.factor(factor.name), partial(_picture, reported, factor)) for factor in drawn
    )
    prose = "Deviation of each level from the population, in order of the first effect."
    return Section(prose=(prose, *more, *refused), pictures=pictures)


def _picture(reported: Reported, factor: FactorEffects) -> Picture:
    fit = reported.fit
    answer = group_effects(fit, factor.name)
    point = common_point(answer["effects"])
    first = answer["effects"].isel(effect=0).transpose("chain", "draw", "level").to_numpy()
    order = np.argsort(point.of(first.reshape(-1, first.shape[2]), axis=0))
    thinned = ""
    shown = answer
    if len(order) > MOST_LABELLED:
        shown = answer.isel(level=np.concatenate([order[:OF_EACH_END], order[-OF_EACH_END:]]))
        point = common_point(shown["effects"])
        thinned = f" The {OF_EACH_END} lowest and the {OF_EACH_END} highest of {len(order)} levels."
    names, named = reported.names, reported.names.factor(factor.name)
    effects = [str(effect) for effect in answer["effect"].to_numpy()]
    known = fit.design.axis_units.of_effects(effects)
    units = {names.coefficient(effect): names.told(unit) for effect, unit in known.items()}
    figure = plot_group_effects(names.relabelled(shown), units=units, prob=reported.prob)
    said = ". ".join(_in_numbers(reported, answer, effect, point) for effect in effects)
    bars = f"{point.name.capitalize()}, {bars_in_words(reported.prob)}."
    caption = f"{named}: deviation of each level from the population{on_scale(fit)}. {bars}{thinned}"
    return Picture(figure_image(figure), f"{len(order)} levels of {named}. {said}.", caption)


def _in_numbers(reported: Reported, answer: xr.Dataset, effect: str, point: Point) -> str:
    """Describe the lowest and the highest level, and count the levels whose interval excludes 0."""
    draws = answer["effects"].sel(effect=effect).transpose("chain", "draw", "level").to_numpy()
    draws = draws.reshape(-1, draws.shape[2])
    points, (low, high) = point.of(draws, axis=0), np.quantile(draws, reported.ends, axis=0)
    apart = int(((low > 0) | (high < 0)).sum())
    ends = [
        f"{name} {answer['level'].to_numpy()[k]} with {reported.in_words(draws[:, k], point)}"
        for name, k in (("lowest", int(points.argmin())), ("highest", int(points.argmax())))
    ]
    excluded = f"the {reported.percent} interval excludes 0 for {apart} of {len(points)} levels"
    return f"{reported.names.coefficient(effect)}: {'; '.join(ends)}; {excluded}"
