"""Ranges, means and sds of columns: all that checks of single columns need."""

from dataclasses import dataclass
from typing import Final

import numpy as np

__all__ = ["ColumnRanges"]

_FAR: Final = 3.0
"""Distance from zero to the data, in sds, above which zero counts as far away."""


@dataclass(frozen=True, eq=False)
class ColumnRanges:
    """Each of shape (columns,); sds have ddof 0."""

    lowest: np.ndarray
    highest: np.ndarray
    mean: np.ndarray
    sd: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> "ColumnRanges":
        """Compute them of columns (rows, columns)."""
        return cls(values.min(axis=0), values.max(axis=0), values.mean(axis=0), values.std(axis=0))

    @property
    def constant(self) -> np.ndarray:
        """Whether each column has one value only, boolean (columns,)."""
        return self.lowest == self.highest

    @property
    def magnitude(self) -> np.ndarray:
        """Largest absolute value of each column, (columns,)."""
        return np.maximum(np.abs(self.lowest), np.abs(self.highest))

    @property
    def distance(self) -> np.ndarray:
        """Distance from zero to the range of each column, (columns,); 0 where zero is within it."""
        inside = (self.lowest <= 0) & (self.highest >= 0)
        return np.where(inside, 0.0, np.minimum(np.abs(self.lowest), np.abs(self.highest)))

    @property
    def far_from_zero(self) -> np.ndarray:
        """Whether zero is more than three sds from every value of a column that varies, boolean (columns,).

        Examples
        --------
        >>> ColumnRanges.of(np.array([[2001.0, 0.1], [2003.0, 7.0]])).far_from_zero
        array([ True, False])
        """
        return (self.sd > 0) & (self.distance > _FAR * self.sd)
