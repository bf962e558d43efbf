"""Shrinkage: how far each level's estimate is pulled towards the population."""

from functools import partial

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.names import INTERCEPT
from partialpool.plots.shrinkage import as_drawn, plot_shrinkage
from partialpool.plots.style import figure_image
from partialpool.questions.shrinkage import shrinkage
from partialpool.reporting.limits import MOST_LEVELS
from partialpool.reporting.reported import Reported
from partialpool.reporting.section import Note, Picture, Section, which_can
from partialpool.reporting.wording import held_meanwhile, on_scale
from partialpool.tabulate import number

__all__ = ["shrinkage_section"]

_MOST_NAMED = 5


def shrinkage_section(reported: Reported) -> Section | None:
    """Draw arrows from each level's own estimate to its partially pooled estimate."""
    fit = reported.fit
    factors = fit.design.grouping
    if not factors:
        return None
    drawn = [factor for factor in factors if factor.n_levels <= MOST_LEVELS]
    many = [
        Note(f"{reported.names.factor(factor.name)} has {factor.n_levels} levels: too many to draw one by one.")
        for factor in factors
        if factor not in drawn
    ]
    pictures, refused = which_can((factor.name, partial(_picture, reported, factor)) for factor in drawn)
    prose = (
        "Partial pooling: each level's estimate is a compromise between its own rows and the population. The less "
        "information its own rows carry, the closer it is to the population."
    )
    return Section(prose=(prose, *many, *refused), pictures=pictures)


def _picture(reported: Reported, factor: FactorEffects) -> Picture:
    fit, names = reported.fit, reported.names
    found = shrinkage(fit, factor.name)
    answer = names.relabelled(found)
    if found["effect"].to_numpy().tolist() == [INTERCEPT]:  # it is drawn as a mean, and known by its name
        answer = answer.assign_coords(effect=found["effect"])
    figure = plot_shrinkage(answer, prob=reported.prob)
    drawn, as_means = as_drawn(answer)
    effects = [_in_numbers(drawn, str(effect)) for effect in drawn["effect"].to_numpy()]
    said = ". ".join([*effects, *_without_in_words(answer, as_means=as_means)])
    alone, one = found.sizes["effect"] == 1, "level" not in answer["complete_pooling"].dims
    mark = ("The dashed line is" if one else "Marks are") if alone else "The cross is" if one else "Crosses are"
    origin = answer.attrs["origin"]
    moved = "" if origin == "zero" else f" Intercepts are at {origin}."
    scale = f", as the {answer.attrs['mean']}" if as_means else on_scale(fit)
    caption = (
        f"{names.factor(factor.name)}: from each level's own estimate (open circle) to partial pooling (dot){scale}. "
        f"{mark} complete pooling, which ignores the grouping.{_without_explained(answer, as_means=as_means)}{moved}"
        f"{held_meanwhile(answer)}"
    )
    return Picture(figure_image(figure), f"{said}.", caption)


def _without(answer: xr.Dataset, reason: str) -> list[str]:
    """Return the levels that have no estimate of their own for this reason."""
    return [str(level) for level in answer["level"].to_numpy()[(answer["no_estimate"] == reason).any("effect")]]


def _without_in_words(answer: xr.Dataset, *, as_means: bool) -> list[str]:
    """Name the levels without a finite estimate, and those without trials; an empty list where there are none."""
    infinite = "Own estimate at an end of the axis" if as_means else "No finite estimate without pooling"
    said = []
    for words, levels in ((infinite, _without(answer, "infinite")), ("No trials", _without(answer, "no trials"))):
        if levels:
            named = ", ".join(levels[:_MOST_NAMED]) + (", ..." if len(levels) > _MOST_NAMED else "")
            said.append(f"{words}: {named} ({len(levels)} of {answer.sizes['level']})")
    return said


def _without_explained(answer: xr.Dataset, *, as_means: bool) -> str:
    """Say where the circles of these levels are, as sentences that follow another; empty where all have a circle."""
    said = ""
    if _without(answer, "infinite") and as_means:
        said += (
            " Levels with only one outcome have their circle at the mean of their rows, an end of the axis; their "
            f"{answer.attrs['predictor']} without pooling would be infinite."
        )
    elif _without(answer, "infinite"):
        said += (
            " Levels without a circle have no finite estimate from their own rows: these have only one outcome, or a "
            "predictor separates their outcomes."
        )
    if _without(answer, "no trials"):
        said += " Levels with no trials have no circle."
    return said


def _in_numbers(answer: xr.Dataset, effect: str) -> str:
    """State the pooling factor, and the level that is pulled farthest."""
    one = answer.sel(effect=effect)
    own, partial_pooling = one["no_pooling"].to_numpy(), one["partial_pooling"].mean(("chain", "draw")).to_numpy()
    said = f"{effect}: pooling factor {number(float(one['pooling_factor']), 2)} (0 none, 1 complete)"
    distance = np.abs(partial_pooling - own)
    if not np.isfinite(distance).any():
        return said
    farthest = int(np.nanargmax(distance))
    level = answer["level"].to_numpy()[farthest]
    return f"{said}; {level} is pulled farthest, from {number(own[farthest])} to {number(partial_pooling[farthest])}"
