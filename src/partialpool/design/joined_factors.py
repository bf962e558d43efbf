"""Factors whose effects are correlated across predictors: `(1 |p| g)` of the mean and of sigma."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.linalg import block_diag

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.families.helmert import differences_of_contrasts
from partialpool.names import b_name, corr_name, predictor_name, sd_name

__all__ = ["JoinedFactor", "JoinedMember", "joined_factors", "joined_members", "joined_turn"]


@dataclass(frozen=True)
class JoinedFactor:
    """A factor of which the effects of several predictors share one correlation matrix.

    Attributes
    ----------
    factor
        The factor.
    parts
        By predictor, in order, its effects; the mean has the name ''.
    blocks
        Places among all effects of those that are correlated with each other: one block, or under `(1 + x || g)` of
        categories one for each effect, with that of every category.
    """

    factor: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]
    blocks: tuple[tuple[int, ...], ...]

    @property
    def effects(self) -> tuple[str, ...]:
        """Every effect, those of parameters with the parameter's name: `Intercept`, `sigma_Intercept`."""
        return tuple(f"{name}_{effect}" if name else effect for name, effects in self.parts for effect in effects)

    @property
    def shown(self) -> tuple[str, ...]:
        """Every effect as tables write it: `Intercept`, `sigma: Intercept`."""
        return tuple(f"{name}: {effect}" if name else effect for name, effects in self.parts for effect in effects)

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """Places of the two effects, of different predictors, of each correlation."""
        of = [name for name, effects in self.parts for _ in effects]
        every = ((i, j) for i in range(len(of)) for j in range(i) if of[i] != of[j])
        return tuple(pair for pair in every if any(set(pair) <= set(block) for block in self.blocks))


@dataclass(frozen=True)
class JoinedMember:
    """What one predictor has of a joined factor.

    Attributes
    ----------
    factor
        Its effects.
    sd, corr, b
        Names of its variables in posteriors.
    place
        Places of its effects among those of all predictors.
    """

    factor: FactorEffects
    sd: str
    corr: str
    b: str
    place: slice


def joined_members(joined: JoinedFactor, design: Design) -> list[JoinedMember]:
    """Return what each predictor of a design has of a joined factor, in order."""
    predictors, at, found = {"": design, **design.parameters}, 0, []
    for name, effects in joined.parts:
        factor = next(f for f in predictors[name].factors if f.name == joined.factor)
        shown = predictor_name(name, joined.factor) if name else joined.factor
        place = slice(at, at + len(effects))
        found.append(JoinedMember(factor, sd_name(shown), corr_name(shown), b_name(shown), place))
        at = place.stop
    return found


def joined_turn(joined: JoinedFactor, design: Design) -> np.ndarray:
    """Return T^-1 with b = T^-1 b*: effects at zero, from those in the basis of their priors, (effects, effects).

    It is block-diagonal, T^-1 of each predictor; for categories it also turns contrasts into differences.
    """
    members = joined_members(joined, design)
    if not design.spec.family_record.has_predictors_of_categories:
        return np.asarray(block_diag(*(one.factor.basis.to_zero for one in members)))
    return np.kron(differences_of_contrasts(len(members) + 1), members[0].factor.basis.to_zero)


def joined_factors(design: Design) -> tuple[JoinedFactor, ...]:
    """Return the factors whose effects are correlated across predictors.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> from partialpool.design.build import build_design
    >>> from partialpool.spec.model import ModelSpec
    >>> spec = ModelSpec.from_formula("Reaction ~ Days + (Days |p| Subject), sigma ~ (1 |p| Subject)")
    >>> [joined.effects for joined in joined_factors(build_design(spec, load_dataset("sleepstudy")))]
    [('Intercept', 'Days', 'sigma_Intercept')]
    """
    predictors = {"": design, **design.parameters}
    if design.spec.family_record.has_predictors_of_categories:
        # Effects on the categories are differences to one reference, and so always correlated.
        del predictors[""]
        tagged = dict.fromkeys(design.spec.factors if predictors else ())
    else:
        tagged = {g.factor: None for one in predictors.values() for g in one.spec.groups if g.tag}
    found = []
    for factor in tagged:
        parts = [
            (name, next(f.names for f in one.factors if f.name == factor))
            for name, one in predictors.items()
            if any(group.factor == factor for group in one.spec.groups if group.tag or "" not in predictors)
        ]
        if len(parts) > 1:  # the design of one predictor alone joins nothing
            size = sum(len(effects) for _, effects in parts)
            blocks = ((*range(size),),) if "" in predictors else _of_every_category(factor, predictors)
            found.append(JoinedFactor(factor, tuple(parts), blocks))
    return tuple(found)


def _of_every_category(factor: str, predictors: Mapping[str, Design]) -> tuple[tuple[int, ...], ...]:
    """Return the blocks of effects on all categories: those of one category, with the same of all others."""
    each = [next(f for f in one.factors if f.name == factor) for one in predictors.values()]
    starts = range(0, sum(len(f.names) for f in each), len(each[0].names))
    return tuple(tuple(start + place for start in starts for place in block) for block in each[0].blocks)
