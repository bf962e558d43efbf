"""The effects that vary over one factor: which level each row belongs to, and what a row adds up from its level.

Everything else asks for sums over the rows of each level, for what a level has in each of its rows, and for what its
effects come to there. That rows belong to one level each, by a code, is known here and where arrays are made for
kernels.
"""

from dataclasses import dataclass

import numpy as np

from partialpool.design.effect_basis import EffectBasis, is_far_from_zero
from partialpool.design.factors import Levels
from partialpool.design.kinship import Kinship
from partialpool.design.recipe import Recipe
from partialpool.errors import DataError

__all__ = ["FactorEffects"]


@dataclass(frozen=True, eq=False)
class FactorEffects:
    """The effects that vary over one factor.

    Attributes
    ----------
    levels
        The factor and its labels.
    codes
        Level of each row, shape (rows,).
    names
        Effects; those of one block stand together.
    values
        Z without its dummy columns: the effects' values, shape (rows, effects), on the original scale.
    basis
        What the effects' priors are stated of.
    blocks
        Positions of the effects that share one correlation matrix.
    recipes
        How each group's columns are made from a table.
    kinship
        The known covariance among the levels; None where they are independent.
    """

    levels: Levels
    codes: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    basis: EffectBasis
    blocks: tuple[tuple[int, ...], ...]
    recipes: tuple[Recipe, ...]
    kinship: Kinship | None = None

    @property
    def name(self) -> str:
        """The factor."""
        return self.levels.factor

    @property
    def n_levels(self) -> int:
        """How many levels it has."""
        return len(self.levels.labels)

    @property
    def how_many(self) -> str:
        """Its levels in words: `18 levels`."""
        related = "" if self.kinship is None else "related "
        mean = f" (mean own entry of cov {self.mean_own:.4g})" if abs(self.mean_own - 1) > 1e-9 else ""
        return f"{self.n_levels} {related}levels{mean}"

    @property
    def own(self) -> np.ndarray:
        """Own entry of each row's level in its known covariance, shape (rows,); 1 without one."""
        return np.ones(len(self.codes)) if self.kinship is None else self.kinship.own[self.codes]

    @property
    def mean_own(self) -> float:
        """Mean own entry over the rows: sd sqrt(mean_own) is the sd of a row's level on average."""
        return float(self.own.mean())

    @property
    def correlated(self) -> bool:
        """Whether any two effects share a correlation."""
        return any(len(block) > 1 for block in self.blocks)

    @property
    def freed_values(self) -> np.ndarray:
        """Z*, the columns of the effects that priors are stated of, at the predictors' means, (rows, effects)."""
        return self.basis.columns.of(self.values)

    @property
    def is_far_from_zero(self) -> bool:
        """Whether effects at zero are far from any data, where priors are stated at the predictors' means."""
        return not self.basis.is_plain and any(is_far_from_zero(column) for column in self.values.T)

    @property
    def root(self) -> np.ndarray | None:
        """Lower Cholesky factor of the known covariance among the levels, (levels, levels); None without one."""
        return None if self.kinship is None else self.kinship.root

    @property
    def counts(self) -> np.ndarray:
        """Rows of each level, (levels,)."""
        return np.bincount(self.codes, minlength=self.n_levels)

    @property
    def labels_of_rows(self) -> np.ndarray:
        """Label of each row's level, as text, (rows,)."""
        return self.of_rows(np.array([str(label) for label in self.levels.labels]))

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum over the rows of each level, (..., rows) to (..., levels)."""
        if values.ndim == 1:
            return np.bincount(self.codes, values, self.n_levels)
        order = np.argsort(self.codes, kind="stable")
        first = np.searchsorted(self.codes[order], np.arange(self.n_levels))
        return np.add.reduceat(values[..., order], first, axis=-1)

    def of_rows(self, by_level: np.ndarray) -> np.ndarray:
        """Return what each row's level has, (levels, ...) to (rows, ...)."""
        return by_level[self.codes]

    def apply(self, b: np.ndarray) -> np.ndarray:
        """Add up what a level's effects come to in each row, (levels, effects) to (rows,)."""
        return (self.of_rows(b) * self.values).sum(axis=1)

    def in_levels(self, chosen: np.ndarray) -> np.ndarray:
        """Whether each row is of one of the levels, by position, boolean (rows,)."""
        return np.isin(self.codes, chosen)

    def check_unrelated(self, asked: str) -> None:
        """Refuse a question about one level by itself where levels covary.

        Raises
        ------
        DataError
            The levels have a known covariance.
        """
        if self.kinship is not None:
            raise DataError(
                f"{asked} is about levels that are independent, and those of {self.name} covary",
                got=f"a known covariance among {self.n_levels} levels",
                allowed="factors without cov",
                do="look at pp.group_effects, pp.variance_components or pp.predict",
            )
