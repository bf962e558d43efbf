"""The design of a table that was read in batches: everything that a `Design` has, except values of rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from partialpool.design.column_ranges import ColumnRanges
from partialpool.design.design import CommonEffects, Design
from partialpool.design.effect_basis import FreedColumns
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.streamed.column_sums import ColumnSums
from partialpool.errors import FileError

__all__ = ["StreamedCommon", "StreamedDesign", "StreamedFactor", "check_can_be_saved"]


@dataclass(frozen=True, eq=False)
class StreamedCommon(CommonEffects):
    """Columns of the fixed effects.

    Attributes
    ----------
    sums
        Sums over all rows of the products of the columns, the intercept not among them.
    kept
        Positions of the columns among those that were evaluated, the intercept among them, (columns,).
    """

    sums: ColumnSums
    kept: np.ndarray

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the columns over the rows, ddof 1, (columns, columns)."""
        return self.sums.covariance * self.sums.rows / (self.sums.rows - 1)


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamedFactor(FactorEffects):
    """The effects that vary over one factor.

    Attributes
    ----------
    rows_of_level
        Number of rows of each level, (levels,).
    sums
        Sums over all rows of the products of the effects' columns.
    freed
        The columns with those of lower degree projected out, whatever basis the priors have.
    sizes
        Scale of each of these columns, (effects,).
    kept
        Positions of the effects' columns among those that were evaluated.
    parents
        The level of another factor that contains each level, by that factor, where there is one, (levels,).
    """

    rows_of_level: np.ndarray
    sums: ColumnSums
    freed: FreedColumns
    sizes: np.ndarray
    parents: Mapping[str, np.ndarray]
    kept: tuple[int, ...]

    @property
    def counts(self) -> np.ndarray:
        """Number of rows of each level, (levels,)."""
        return self.rows_of_level

    @property
    def mean_own(self) -> float:
        """Mean diagonal entry of a known covariance: 1, as there is none."""
        return 1.0

    @property
    def second_moment(self) -> np.ndarray:
        """Mean of z z' over the rows, (effects, effects)."""
        return self.sums.second_moment

    @property
    def freed_mean_square(self) -> np.ndarray:
        """Mean square of the columns in the basis of their priors, (effects,)."""
        return self.basis.mean_square

    @property
    def ranges(self) -> ColumnRanges:
        """Ranges, means and sds of the effects' columns over the rows."""
        return self.sums.ranges

    def parent_levels(self, parent: FactorEffects) -> np.ndarray | None:
        """Return the level of another factor that contains each level, (levels,); None where a level is in two."""
        return self.parents.get(parent.name)


@dataclass(frozen=True, eq=False, kw_only=True)
class StreamedDesign(Design):
    """A model's arrays, without those of rows.

    Attributes
    ----------
    n_used
        Number of complete rows.
    source
        The table, in words.
    examples
        Some hundred rows of the columns that expressions read.
    category_counts
        By column of categories, the number of rows of each, in order.
    working
        Sums of the response as the model is normal in it, less the offset; a single column.
    has_offset
        Whether some row's offset is not 0.
    """

    n_used: int
    source: str
    examples: pd.DataFrame
    category_counts: Mapping[str, pd.Series]
    working: ColumnSums
    has_offset: bool

    @property
    def n_rows(self) -> int:
        """Number of rows used."""
        return self.n_used

    @property
    def has_rows(self) -> bool:
        """Whether the rows are in memory."""
        return False

    def distinct_rows(self, columns: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the categories of one column, and their shares of the rows; others are not known.

        Raises
        ------
        DataError
            Several columns, or one of numbers.
        """
        if len(columns) != 1 or columns[0] not in self.category_counts:
            return super().distinct_rows(columns)
        counts = self.category_counts[columns[0]]
        return pd.DataFrame({columns[0]: counts.index}), counts.to_numpy() / counts.sum()

    def some_rows(self, columns: Sequence[str]) -> tuple[pd.DataFrame, np.ndarray]:
        """Return distinct rows among the examples, sorted, with equal shares."""
        rows = self.examples[list(columns)].drop_duplicates().sort_values(list(columns), ignore_index=True)
        return rows, np.full(len(rows), 1 / len(rows))

    @property
    def row_weights(self) -> np.ndarray:
        """Weights of least squares, which are those of rows."""
        return self.rows

    @property
    def stratum_shares(self) -> np.ndarray:
        """What the residual variance takes of sigma^2: 1, as rows have no precisions."""
        return np.ones(1)


def check_can_be_saved(design: Design) -> None:
    """Refuse to save a fit that could not be read again.

    Raises
    ------
    FileError
        The table was read in batches.
    """
    if isinstance(design, StreamedDesign):
        raise FileError(
            "a fit of a table that was read in batches cannot be saved: load_fit rebuilds a fit from its rows",
            got=design.source,
            allowed="fits of tables in memory",
            do="write the draws alone: fit.tree.to_netcdf(path); arviz.from_netcdf reads them",
        )
