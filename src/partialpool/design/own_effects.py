"""The effects that a level has where `by` gives each category effects of its own: those of its own category.

Under `(1 + x | gr(g, by=arm))` the factor has the effects `arm[a]`, `arm[b]`, `arm[a]:x` and `arm[b]:x`, and a level of
arm a has the first and third alone: `Intercept` and `x` without their category. No row informs the others.
"""

from dataclasses import dataclass, replace

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.names import INTERCEPT

__all__ = ["OwnEffects", "own_effects"]


@dataclass(frozen=True, eq=False)
class OwnEffects:
    """Each level's own effects.

    Attributes
    ----------
    by
        The column of categories.
    names
        The effects without their category.
    category
        Category of each level, as text, (levels,).
    places
        Position of each level's own effects among all effects of the factor, (levels, names); -1 where its category
        lacks one.
    effects
        Category and name of each of the factor's effects.
    """

    by: str
    names: tuple[str, ...]
    category: np.ndarray
    places: np.ndarray
    effects: tuple[tuple[str, str], ...]

    def take(self, values: np.ndarray) -> np.ndarray:
        """Return the own ones of values of all effects (..., levels, effects), (..., levels, names); NaN for none."""
        places = np.broadcast_to(np.maximum(self.places, 0), (*values.shape[:-1], len(self.names)))
        found = np.take_along_axis(values, places, -1)
        return np.where(self.places >= 0, found, np.nan)

    def put(self, values: np.ndarray) -> np.ndarray:
        """Return values of all effects (levels, effects), 0 for others, from those of the own ones (levels, names)."""
        out = np.zeros((len(values), len(self.effects)))
        there = self.places >= 0
        out[np.nonzero(there)[0], self.places[there]] = values[there]
        return out

    def of_category(self) -> dict[str, np.ndarray]:
        """Return the places of the own effects by category, in the order of the effects; -1 where it lacks one."""
        where = {effect: place for place, effect in enumerate(self.effects)}
        found = dict.fromkeys(category for category, _ in self.effects)
        return {category: np.array([where.get((category, name), -1) for name in self.names]) for category in found}


def own_effects(design: Design, factor: FactorEffects) -> OwnEffects | None:
    """Return the effects that each level of a factor has; None where every level has all of them."""
    by = next((group.by for group in design.spec.groups if group.factor == factor.name and group.by is not None), None)
    if by is None:
        return None
    parts = [part for recipe in factor.recipes for part in recipe.parts]
    effects = []
    for own in parts:
        category = next((str(part.category) for part in own if part.expression.strip("`") == by), "")
        rest = [part.name for part in own if part.expression.strip("`") != by]
        effects.append((category, ":".join(rest) or INTERCEPT))
    names = tuple(dict.fromkeys(name for _, name in effects))
    first = np.array([rows[0] for rows in factor.rows_of_levels])
    category = design.frame[by].to_numpy(dtype=object)[first].astype(str)
    none = OwnEffects(by, names, category, np.empty((0, len(names)), int), tuple(effects))
    of_category = none.of_category()
    return replace(none, places=np.array([of_category[label] for label in category]))
