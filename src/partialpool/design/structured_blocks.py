"""Blocks of effects whose covariance has a structure, and checks that the data allow it."""

import re
from collections.abc import Sequence
from typing import Final

import numpy as np
import pandas as pd

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.recipe import Recipe
from partialpool.errors import DataError
from partialpool.names import INTERCEPT
from partialpool.spec.expression import columns_of
from partialpool.spec.terms import Group

__all__ = ["check_structure", "structure_kind", "structured_blocks"]

_NUMBERED: Final = re.compile(r"(\D*)(\d+(?:\.\d+)?)(\D*)")
"""A label with one number, as `v1` and `week 10`."""


def structure_kind(groups: Sequence[Group]) -> str:
    """Return the kind of correlations of a factor's effects; see `EffectStructure`."""
    stated = next((group.covariance for group in groups if group.covariance), None)
    alone = "unstructured" if any(group.correlated for group in groups) else "diag"
    return stated or alone


def structured_blocks(group: Group, recipe: Recipe, start: int) -> tuple[list[tuple[int, ...]], list[int]]:
    """Return the blocks of a group's effects, which begin at position `start`, and the effect whose sd each has."""
    places = range(start, start + len(recipe.names))
    sets = list(_by_category(group, recipe, places).values())
    shared = list(places)
    if group.hom:
        for together in sets:
            for place in together:
                shared[place - start] = together[0]
    if group.correlated:
        return [tuple(together) for together in sets], shared
    return [(place,) for place in places], shared


def _by_category(group: Group, recipe: Recipe, places: Sequence[int]) -> dict[str, list[int]]:
    """Return the positions of the effects of each category of `by`; of all of them without it."""
    found: dict[str, list[int]] = {}
    for place, parts in zip(places, recipe.parts, strict=True):
        category = next((str(p.category) for p in parts if p.expression.strip("`") == group.by), "") if group.by else ""
        found.setdefault(category, []).append(place)
    return found


def check_structure(group: Group, factor: FactorEffects, frame: pd.DataFrame) -> None:
    """Check that a group's effects can have its covariance.

    Raises
    ------
    DataError
        `by` that varies within a level, or is a number; one effect; ar1 of effects that are not the categories of one
        column; equal sds of an intercept and slopes.
    """
    if group.by is not None:
        _check_by(group.by, factor, frame)
    if group.covariance is None and not group.hom:
        return
    function = group.covariance or "diag"
    if max(len(block) for block in factor.blocks) < 2 and (group.covariance or len(factor.names) < 2):
        raise DataError(
            f"{function} needs several effects per level",
            got=f"{', '.join(factor.names)} over {factor.name}",
            allowed="two effects or more: the categories of a column, or an intercept and slopes",
            do=f"write (1 | {factor.name}) for a single effect",
        )
    columns = {name for slope in group.slopes for name in columns_of(slope)}
    if group.covariance == "ar1" and (len(columns) > 1 or not _is_one_category(factor.values, factor.names)):
        raise DataError(
            "ar1 needs effects of ordered categories",
            got=f"{', '.join(factor.names)} over {factor.name}",
            allowed=f"ar1(0 + visit | {factor.name}): the categories of a column, without an intercept, in order",
            do="write 0 + and one column; write C(week) for a column of numbers",
        )
    if group.covariance == "ar1":
        _check_order(frame[columns.pop()], factor.name)
    if group.hom and INTERCEPT in factor.names and len(factor.names) > 1:
        raise DataError(
            "an intercept and slopes cannot have one sd",
            got=f"hom=True for {', '.join(factor.names)} over {factor.name}",
            allowed="effects in the same unit, as those of the categories of a column without an intercept",
            do="leave out hom, or write 0 + and one column of categories",
        )


def _is_one_category(values: np.ndarray, names: Sequence[str]) -> bool:
    """Whether every row has a 1 in one column and 0 in the others: the categories of one column."""
    return INTERCEPT not in names and bool(np.isin(values, (0.0, 1.0)).all() and (values.sum(axis=1) == 1).all())


def _check_order(column: pd.Series, factor: str) -> None:
    """Refuse text in alphabetical order, unless numbers in it ascend: distances would be arbitrary."""
    if not isinstance(column.dtype, pd.CategoricalDtype) or column.cat.ordered:
        return
    labels = [str(label) for label in column.cat.categories]
    parts = [part for part in map(_NUMBERED.fullmatch, labels) if part]
    numbers = [float(part[2]) for part in parts]
    alike = len(parts) == len(labels) and len({(part[1], part[3]) for part in parts}) == 1
    if len(labels) < 3 or labels != sorted(labels) or (alike and numbers == sorted(numbers)):
        return
    raise DataError(
        f"the order of the categories of ar1 over {factor} is not known",
        got=f"{column.name}: {', '.join(labels[:6])}, in alphabetical order",
        allowed="numbers, as C(week); text with ascending numbers, such as v1, v2, v3; or declared categories",
        do=f"write table[{column.name!r}] = pd.Categorical(table[{column.name!r}], categories=[...], ordered=True)",
    )


def _check_by(by: str, factor: FactorEffects, frame: pd.DataFrame) -> None:
    column = frame[by]
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        raise DataError(
            f"by={by} must be categories",
            got=f"a column of numbers, {column.nunique()} different ones",
            allowed="a column of text, of booleans or of the type category",
            do=f"convert it: table[{by!r}] = table[{by!r}].astype(str)",
        )
    mixed = np.flatnonzero(factor.is_split_by(pd.factorize(column)[0]))
    if len(mixed):
        level = factor.levels.labels[mixed[0]]
        found = ", ".join(map(str, pd.unique(column[factor.in_levels(mixed[:1])])))
        raise DataError(
            f"by={by} varies within levels of {factor.name}",
            got=f"{len(mixed)} of {factor.n_levels} levels; {level} has {found}",
            allowed=f"one value of {by} per level of {factor.name}",
            do=f"write (0 + {by} | {factor.name}) for effects that differ within a level",
        )
    levels = pd.Series(factor.codes).groupby(column.astype(str).to_numpy()).nunique()
    if levels.min() < 2:
        raise DataError(
            f"by={by} has a category with one level of {factor.name}",
            got=f"1 level where {by} is {levels.idxmin()}",
            allowed="2 levels or more in each category (5 or more to learn much about their sd)",
            do="join this category with another, leave its rows out, or leave out by",
        )
