"""Moments of the rows so far, to which those of new rows are added."""

from dataclasses import dataclass, replace

import numpy as np

from partialpool.design.design import Design
from partialpool.marginal.gaussian.crossproducts import Moments, collect_moments
from partialpool.marginal.gaussian.standardise import Units, choose_units

__all__ = ["Accumulated"]


@dataclass(frozen=True, eq=False)
class Accumulated:
    """Moments of all rows so far, in the units that the first rows chose.

    The marginal density does not depend on the units, except for rounding. Keeping them is what makes moments add up.

    Attributes
    ----------
    units
        Units of the first rows.
    moments
        The moments of all rows in these units.
    """

    units: Units
    moments: Moments

    @classmethod
    def of(cls, design: Design) -> "Accumulated":
        """Collect the moments of all rows of a design."""
        units = choose_units(design)
        return cls(units, collect_moments(design, units))

    def plus(self, added: Design) -> "Accumulated":
        """Add the moments of new rows; only these rows are read.

        Parameters
        ----------
        added
            The design of the new rows alone, whose levels are those so far, and new ones after them.
        """
        more = collect_moments(added, self.units)
        sizes = [factor.n_levels for factor in added.factors]
        return replace(self, moments=_with_levels(self.moments, sizes) + more)


def _with_levels(moments: Moments, sizes: list[int]) -> Moments:
    """Return the same moments with zeros for new levels at the end; couplings name the pairs that occur only."""
    own = tuple(_extended(values, n) for values, n in zip(moments.own, sizes, strict=True))
    dense = tuple(_extended(values, n) for values, n in zip(moments.dense, sizes, strict=True))
    return replace(moments, own=own, dense=dense)


def _extended(values: np.ndarray, n: int) -> np.ndarray:
    return np.concatenate([values, np.zeros((n - len(values), *values.shape[1:]))])
