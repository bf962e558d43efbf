"""Shrinkage: how far each level's estimate is pulled towards the population."""

from functools import partial

import numpy as np
import xarray as xr

from partialpool.design.factor_effects import FactorEffects
from partialpool.fitting.fit import Fit
from partialpool.plots.shrinkage import plot_shrinkage
from partialpool.plots.style import figure_image
from partialpool.questions.shrinkage import shrinkage
from partialpool.reporting.limits import MOST_LEVELS
from partialpool.reporting.section import Note, Picture, Section, which_can
from partialpool.reporting.wording import held_meanwhile, on_scale, response_unit
from partialpool.tabulate import number

__all__ = ["shrinkage_section"]


def shrinkage_section(fit: Fit) -> Section | None:
    """Draw arrows from each level's own estimate to its partially pooled estimate."""
    factors = fit.design.factors
    if not factors:
        return None
    drawn = [factor for factor in factors if factor.n_levels <= MOST_LEVELS]
    many = [
        Note(f"{factor.name} has {factor.n_levels} levels: too many to draw one by one.")
        for factor in factors
        if factor not in drawn
    ]
    pictures, refused = which_can((factor.name, partial(_picture, fit, factor)) for factor in drawn)
    prose = (
        "Partial pooling: each level's estimate is a compromise between its own rows and the population. The less "
        "information its own rows carry, the closer it is to the population."
    )
    return Section(prose=(prose, *many, *refused), pictures=pictures)


def _picture(fit: Fit, factor: FactorEffects) -> Picture:
    answer = shrinkage(fit, factor.name)
    figure = plot_shrinkage(answer, unit=response_unit(fit))
    said = ". ".join(_in_numbers(answer, effect) for effect in factor.names)
    alone, one = len(factor.names) == 1, "level" not in answer["complete_pooling"].dims
    mark = ("The dashed line is" if one else "Marks are") if alone else "The cross is" if one else "Crosses are"
    origin = answer.attrs["origin"]
    moved = "" if origin == "zero" else f" Intercepts are at {origin}."
    caption = (
        f"{factor.name}: from each level's own estimate (open circle) to partial pooling (dot){on_scale(fit)}. "
        f"{mark} complete pooling, which ignores the grouping.{moved}{held_meanwhile(answer)}"
    )
    return Picture(figure_image(figure), f"{said}.", caption)


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
