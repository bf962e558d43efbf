"""One coefficient that varies over a factor, in every level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.own_effects import own_effects
from partialpool.errors import DataError, nearest
from partialpool.model.level_coefficients import LevelCoefficients, level_coefficients

__all__ = ["VaryingEffect", "is_of_each_threshold", "varying_effect"]


@dataclass(frozen=True, eq=False)
class VaryingEffect:
    """A coefficient of each level of a factor.

    Attributes
    ----------
    coefficients
        All coefficients of the factor's levels.
    kept
        Positions of the levels that have it.
    which
        Position of this one among the coefficients of each of these levels.
    """

    coefficients: LevelCoefficients
    kept: np.ndarray
    which: np.ndarray

    def among(self, levels: Sequence[Any]) -> "VaryingEffect":
        """Return the coefficient of some levels only, by label."""
        labels, wanted = self.coefficients.factor.levels.labels, set(levels)
        places = np.array([labels[at] in wanted for at in self.kept], bool)
        return VaryingEffect(self.coefficients, self.kept[places], self.which[places])

    @property
    def levels(self) -> list[str | int | float | bool]:
        """Labels of the levels that have it."""
        labels = self.coefficients.factor.levels.labels
        return [labels[level] for level in self.kept]

    @property
    def counts(self) -> np.ndarray:
        """Rows of each of these levels, (levels,)."""
        return np.asarray(self.coefficients.factor.counts)[self.kept]

    @property
    def differs(self) -> bool:
        """Whether levels differ without their own effects."""
        return self.coefficients.places.differ or len(set(self.which.tolist())) > 1

    def population_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return the coefficient at each level's predictor values without its own effect, (chains, draws, levels)."""
        common = self.coefficients.by_level(self.coefficients.common_draws(posterior), 2)
        return np.asarray(common[:, :, self.kept, self.which])

    def draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return the coefficient of each level, (chains, draws, levels)."""
        own = self.coefficients.own_draws(posterior)[:, :, self.kept, self.which]
        return np.asarray(own + self.population_draws(posterior))

    def draws_among(self, effects: np.ndarray, posterior: xr.Dataset) -> np.ndarray:
        """Return the same, given the draws of the effects of these levels alone, (chains, draws, levels, effects)."""
        own = (effects @ self.coefficients.turn.T)[:, :, np.arange(len(self.kept)), self.which]
        return np.asarray(own + self.population_draws(posterior))


def varying_effect(design: Design, effect: str, factor: str | None, at: Mapping[str, Any]) -> VaryingEffect:
    """Find a coefficient that varies over one factor.

    Parameters
    ----------
    design
        The model.
    effect, factor
        The coefficient, and the factor it varies over; None where there is only one. Under `gr(g, by=arm)` `x` is each
        level's own, and `arm[a]:x` that of the levels of category a.
    at
        One value by column, for all levels, in place of the levels' own values.

    Raises
    ------
    DataError
        The coefficient does not vary; it varies over several factors and none is named; `at` names a column that the
        model does not use, or whose effect varies.
    """
    owners = [f for f in design.grouping if effect in _varying(design, f) and factor in (None, f.name)]
    if len(owners) != 1:
        varying = [f"{e} over {f.name}" for f in design.grouping for e in _varying(design, f)]
        raise DataError(
            "name one coefficient that varies" if not owners else f"{effect!r} varies over several factors",
            got=f"{effect!r}" + (f" over {factor!r}" if factor else ""),
            allowed=nearest(effect, varying),
            do="name the effect, and the factor by factor=",
        )
    coefficients, chosen = level_coefficients(design, owners[0], at), owners[0]
    own, every = own_effects(design, chosen), np.arange(chosen.n_levels)
    if own is None:
        return VaryingEffect(coefficients, every, np.full(len(every), chosen.names.index(effect)))
    if effect in own.names:
        which = own.places[:, own.names.index(effect)]
    else:
        place = chosen.names.index(effect)
        which = np.where((own.places == place).any(axis=1), place, -1)
    return VaryingEffect(coefficients, every[which >= 0], which[which >= 0])


def is_of_each_threshold(design: Design, effect: str) -> bool:
    """Whether every threshold between ordered categories has a coefficient of an effect, by itself or in a product."""
    own = design.parameters[design.thresholds[0]].common.coefs if design.thresholds else ()
    return any(effect in name.split(":") for name in own)


def _varying(design: Design, factor: FactorEffects) -> tuple[str, ...]:
    """Return names of a factor's effects; where levels have effects of their category only, also those without it."""
    own = own_effects(design, factor)
    return factor.names if own is None else tuple(dict.fromkeys((*own.names, *factor.names)))
