"""The grouping terms of one factor, joined: the names of its effects, their blocks, and the structure of each."""

from collections.abc import Sequence
from dataclasses import dataclass

from partialpool.design.effect_structure import EffectStructure
from partialpool.design.recipe import Recipe
from partialpool.design.structured_blocks import structure_kind, structured_blocks
from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec

__all__ = ["FactorTerms", "join_terms"]


@dataclass(frozen=True, eq=False)
class FactorTerms:
    """The terms of a factor.

    Attributes
    ----------
    recipes
        One per term.
    names
        The effects of all terms.
    blocks
        Positions of the effects that share one correlation matrix.
    at_means
        Whether the priors of each block are stated at the predictors' means, as far as its columns allow that.
    structure
        Which sds are equal, and the structure of the correlations within a block.
    """

    recipes: tuple[Recipe, ...]
    names: tuple[str, ...]
    blocks: tuple[tuple[int, ...], ...]
    at_means: tuple[bool, ...]
    structure: EffectStructure


def join_terms(spec: ModelSpec, factor: str, recipes: Sequence[Recipe]) -> FactorTerms:
    """Join the terms of a factor, whose recipes are given in the order of its groups.

    Raises
    ------
    DataError
        Two terms have the same effect.
    """
    groups = [group for group in spec.groups if group.factor == factor]
    blocks: list[tuple[int, ...]] = []
    at_means: list[bool] = []
    sd_of: list[int] = []
    start = 0
    for group, recipe in zip(groups, recipes, strict=True):
        added, shared = structured_blocks(group, recipe, start)
        blocks += added
        sd_of += shared
        at_means += [group.origin == "means" and group.covariance is None] * len(added)
        start += len(recipe.names)
    names = tuple(name for recipe in recipes for name in recipe.names)
    if len(set(names)) < len(names):
        doubled = sorted({n for n in names if names.count(n) > 1})
        raise DataError(
            f"an effect varies twice over {factor}",
            got=", ".join(doubled),
            allowed="each effect once per factor",
            do="write 0 + in one of the terms, or name the category in one of them only",
        )
    structure = EffectStructure(structure_kind(groups), tuple(sd_of))
    return FactorTerms(tuple(recipes), names, tuple(blocks), tuple(at_means), structure)
