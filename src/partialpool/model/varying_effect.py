"""One coefficient that varies over a factor, in every level."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.errors import DataError, nearest
from partialpool.model.level_coefficients import LevelCoefficients, level_coefficients

__all__ = ["VaryingEffect", "varying_effect"]


@dataclass(frozen=True, eq=False)
class VaryingEffect:
    """A coefficient of each level of a factor.

    Attributes
    ----------
    coefficients
        All coefficients of the factor's levels.
    which
        Position of this one among them.
    """

    coefficients: LevelCoefficients
    which: int

    @property
    def levels(self) -> list[str | int | float | bool]:
        """Labels of the levels."""
        return list(self.coefficients.factor.levels.labels)

    def population_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return the coefficient at each level's predictor values without its own effect, (chains, draws, levels)."""
        return self.coefficients.by_level(self.coefficients.common_draws(posterior)[..., self.which], 2)

    def draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return the coefficient of each level, (chains, draws, levels)."""
        return self.coefficients.own_draws(posterior)[..., self.which] + self.population_draws(posterior)


def varying_effect(design: Design, effect: str, factor: str | None, at: Mapping[str, Any]) -> VaryingEffect:
    """Find a coefficient that varies over one factor.

    Parameters
    ----------
    design
        The model.
    effect, factor
        The coefficient, and the factor it varies over; None where there is only one.
    at
        One value by column, for all levels, in place of the levels' own values.

    Raises
    ------
    DataError
        The coefficient does not vary; it varies over several factors and none is named; `at` names a column that the
        model does not use, or whose effect varies.
    """
    owners = [f for f in design.grouping if effect in f.names and factor in (None, f.name)]
    if len(owners) != 1:
        varying = [f"{e} over {f.name}" for f in design.grouping for e in f.names]
        raise DataError(
            "name one coefficient that varies" if not owners else f"{effect!r} varies over several factors",
            got=f"{effect!r}" + (f" over {factor!r}" if factor else ""),
            allowed=nearest(effect, varying),
            do="name the effect, and the factor by factor=",
        )
    return VaryingEffect(level_coefficients(design, owners[0], at), owners[0].names.index(effect))
