"""Simplify a model: remove group effects, or some of their correlations."""

from collections import Counter
from collections.abc import Collection
from copy import copy
from dataclasses import replace

import numpy as np

from partialpool.design.design import Design
from partialpool.spec.model import ModelSpec
from partialpool.spec.parameter_predictor import ParameterTable
from partialpool.spec.terms import Group

__all__ = ["without_effects", "without_smooth"]


def without_effects(
    design: Design, weak: Collection[tuple[str, str, int]], tied: Collection[tuple[str, str, int, int]]
) -> ModelSpec:
    """Remove weak slopes, weak intercepts of factors without other effects, and correlations of tied effects.

    A varying intercept is kept while a slope is: its meaning depends on the predictor's origin. Where all categories of
    a column vary without an intercept, they add up to an intercept, which is kept.

    An intercept of effects on a parameter such as sigma is left out like a slope: where a user of this function names
    it, nothing depends on it.

    Parameters
    ----------
    design
        Design of the model that is simplified.
    weak
        Effects to leave out: parameter whose predictor they are in (empty for the mean), factor and position.
    tied
        Pairs of effects to make independent: the same, with both positions.
    """
    spec, groups = design.spec, {}
    for name, one in {"": design, **{name: design.parameters[name] for name in spec.parameters}}.items():
        own = [(factor, e) for parameter, factor, e in weak if parameter == name]
        pairs = [(factor, i, j) for parameter, factor, i, j in tied if parameter == name]
        groups[name] = _kept_groups(one, own, pairs)
    tags = Counter(group.tag for own in groups.values() for group in own)
    groups = {
        name: [replace(group, tag=None) if tags[group.tag] == 1 else group for group in own]
        for name, own in groups.items()
    }
    changed = copy(spec)
    parameters = {name: replace(one, groups=tuple(groups[name])) for name, one in spec.parameters.items()}
    object.__setattr__(changed, "parameters", ParameterTable(parameters))
    return changed.with_terms(groups=groups[""])


def _kept_groups(
    design: Design, weak: Collection[tuple[str, int]], tied: Collection[tuple[str, int, int]]
) -> list[Group]:
    """Return the groups of one predictor without weak effects, tied effects made independent."""
    groups: list[Group] = []
    for factor in design.grouping:
        own = [group for group in design.spec.groups if group.factor == factor.name]
        alive = [e for e in range(len(factor.names)) if (factor.name, e) not in weak]
        at = 0
        for group, recipe in zip(own, factor.recipes, strict=True):
            places = range(at, at + len(recipe.names))
            at += len(recipe.names)
            terms = {t for t, e in zip(recipe.term_of_column, places, strict=True) if e in alive}
            slopes = [slope for t, slope in enumerate(group.slopes) if t in terms]
            columns = factor.values[:, list(places)]
            structural = not any(one.intercept for one in own) and _adds_up_to_one(columns)
            intercept = group.intercept or (structural and not slopes)
            if not (slopes or intercept) or (group.intercept and not alive):
                continue
            if group.by is not None or factor.structure.is_stated:  # all of its effects, or none
                groups.append(group)
                continue
            kept = {e for t, e in zip(recipe.term_of_column, places, strict=True) if t == -1 or t in terms}
            one = any(name == factor.name and {first, second} <= kept for name, first, second in tied)
            correlated = group.correlated and not one
            groups.append(replace(group, slopes=tuple(slopes), intercept=intercept, correlated=correlated))
    return groups


def without_smooth(spec: ModelSpec, name: str, parameter: str = "") -> ModelSpec:
    """Replace a smooth, by its name in parameters, with its straight line; the priors are the default ones.

    Parameters
    ----------
    spec, name
        The model, and the smooth.
    parameter
        The parameter whose predictor it is in; empty for the mean.
    """
    changed = copy(spec)
    if parameter:
        own = spec.parameters[parameter]
        kept = replace(own, smooths=tuple(smooth for smooth in own.smooths if smooth.name != name))
        object.__setattr__(changed, "parameters", ParameterTable({**spec.parameters, parameter: kept}))
    else:
        object.__setattr__(changed, "smooths", tuple(smooth for smooth in spec.smooths if smooth.name != name))
    return changed.with_terms()


def _adds_up_to_one(columns: np.ndarray) -> bool:
    """Whether some combination of columns (rows, effects) is 1 in every row, as all categories of a column are."""
    if not columns.shape[1]:
        return False
    scaled = columns / np.sqrt((columns**2).mean(axis=0))
    ones = np.ones(len(columns))
    return bool(np.abs(scaled @ np.linalg.lstsq(scaled, ones, rcond=1e-12)[0] - 1).max() < 1e-9)
