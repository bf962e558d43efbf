"""The effects that vary over one factor: the level of each row, and the contribution of its level's effects.

Other modules use the methods here: sums over the rows of each level, a level's values in each of its rows, and the
contribution of its effects there. Only this module, and the code that prepares arrays for kernels, rely on rows being
coded by one level each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from partialpool.design.column_ranges import ColumnRanges
from partialpool.design.effect_basis import EffectBasis
from partialpool.design.effect_structure import EffectStructure
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
        Effects; those of one block are adjacent.
    values
        Z without its dummy columns: the effects' values, shape (rows, effects), on the original scale.
    basis
        The basis in which the effects' priors are stated.
    blocks
        Positions of the effects that share one correlation matrix.
    recipes
        How each group's columns are computed from a table.
    structure
        Which sds are equal, and the structure of the correlations within a block.
    kinship
        The known covariance among the levels; None where they are independent.
    curves
        Of a smooth, whose effects are a curve's departures from a straight line: the curve of each effect,
        `departures`, or a category of `by` where each has one; empty for groups.
    is_heavy
        Whether a level's effects have a Student t distribution, whose degrees of freedom are `nu_<factor>`.
    stretch
        In a sampler's coordinates, what the effects of each level are multiples of, (levels,); None where it is 1.
    """

    levels: Levels
    codes: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    basis: EffectBasis
    blocks: tuple[tuple[int, ...], ...]
    recipes: tuple[Recipe, ...]
    structure: EffectStructure
    kinship: Kinship | None = None
    curves: tuple[str, ...] = ()
    is_heavy: bool = False
    stretch: np.ndarray | None = None

    @property
    def name(self) -> str:
        """The factor."""
        return self.levels.factor

    def called(self, name: str) -> "FactorEffects":
        """Return the same effects over a factor of another name, that of their variables in posteriors."""
        return replace(self, levels=replace(self.levels, factor=name))

    def repeated(self, times: int) -> "FactorEffects":
        """Return the same effects of a table whose rows are there several times, one below the other."""
        return replace(self, codes=np.tile(self.codes, times), values=np.tile(self.values, (times, 1)))

    @property
    def n_levels(self) -> int:
        """Number of levels."""
        return len(self.levels.labels)

    @property
    def how_many(self) -> str:
        """The number of levels in words: `18 levels`."""
        related = "" if self.kinship is None else "related "
        mean = f" (mean diagonal entry of cov {self.mean_own:.4g})" if abs(self.mean_own - 1) > 1e-9 else ""
        return f"{self.n_levels} {related}levels{mean}"

    @property
    def own(self) -> np.ndarray:
        """Diagonal entry of each row's level in the known covariance, shape (rows,); 1 without one."""
        return np.ones(len(self.codes)) if self.kinship is None else self.kinship.own[self.codes]

    @property
    def own_in_words(self) -> str:
        """What `own` is of a row."""
        return "diagonal entry of cov"

    @property
    def has_members(self) -> bool:
        """Whether rows belong to several levels, with weights."""
        return False

    @property
    def is_smooth(self) -> bool:
        """Whether it is a smooth: part of the typical row, and no groups."""
        return bool(self.curves)

    @property
    def mean_own(self) -> float:
        """Mean diagonal entry over the rows: sd sqrt(mean_own) is the average sd of a row's level."""
        return float(self.own.mean())

    @property
    def sd_parameters(self) -> tuple[str, ...]:
        """The parameter that is each effect's sd, without the factor: `Days`; effects may share one."""
        return self.curves or tuple(self.names[first] for first in self.structure.sd_of)

    def sharing(self, effect: int) -> list[int]:
        """Positions of the effects that share the sd of an effect, that effect among them."""
        return [at for at, first in enumerate(self.structure.sd_of) if first == self.structure.sd_of[effect]]

    def sd_in_words(self, effect: int, names: Sequence[str]) -> str:
        """Say of which effects the sd of one is, given what effects are called: `Days`, or `each effect`."""
        sharing = self.sharing(effect)
        if len(sharing) == 1:
            return names[effect]
        if len(sharing) == len(names):
            return "each effect"
        return f"each of {names[sharing[0]]} {'and' if len(sharing) == 2 else 'to'} {names[sharing[-1]]}"

    def pair_in_words(self, pair: tuple[int, int], names: Sequence[str], *, between: str = ", ") -> str:
        """Say of which effects a correlation is, given what effects are called: `Intercept, Days`, or `any two`."""
        first, second = pair
        if not self.structure.has_one_correlation or sum(len(block) > 1 for block in self.blocks) > 1:
            return f"{names[first]}{between}{names[second]}"
        return "any two effects" if self.structure.kind == "cs" else "neighbouring effects"

    @property
    def parameter_pairs(self) -> list[tuple[int, int]]:
        """Pairs of effects whose correlations are parameters."""
        return self.structure.parameter_pairs(self.blocks)

    @property
    def correlated(self) -> bool:
        """Whether any two effects share a correlation."""
        return any(len(block) > 1 for block in self.blocks)

    @property
    def ranges(self) -> ColumnRanges:
        """Ranges, means and sds of the effects' columns over the rows."""
        return ColumnRanges.of(self.values)

    @property
    def second_moment(self) -> np.ndarray:
        """Mean of own z z' over the rows, (effects, effects), with `own` the diagonal entry of the row's level."""
        return (self.own[:, None] * self.values).T @ self.values / len(self.values)

    @property
    def freed_values(self) -> np.ndarray:
        """Z*, the effects' columns in the basis of their priors, at the predictors' means, (rows, effects)."""
        return self.basis.columns.of(self.values)

    @property
    def freed_mean_square(self) -> np.ndarray:
        """Mean over the rows of own z*^2, z* the columns in the basis of their priors, (effects,)."""
        return (self.own[:, None] * self.freed_values**2).mean(axis=0)

    @property
    def is_far_from_zero(self) -> bool:
        """Whether effects at zero are far from any data, where priors are stated at the predictors' means."""
        return not self.basis.is_plain and bool(self.ranges.far_from_zero.any())

    @property
    def root(self) -> np.ndarray | None:
        """Lower Cholesky factor of the known covariance among the levels, (levels, levels); None without one."""
        return None if self.kinship is None else self.kinship.root

    @property
    def memberships(self) -> tuple[tuple[np.ndarray, np.ndarray | float], ...]:
        """Position of each row's level, and its weight, (rows,): once, or for as many levels as a row has at most."""
        return ((self.codes, 1.0),)

    @property
    def counts(self) -> np.ndarray:
        """Number of rows of each level, (levels,)."""
        return np.bincount(self.codes, minlength=self.n_levels)

    @property
    def labels_of_rows(self) -> np.ndarray:
        """Label of each row's level, as text, (rows,)."""
        return self.of_rows(np.array([str(label) for label in self.levels.labels]))

    @property
    def rows_of_levels(self) -> list[np.ndarray]:
        """Positions of each level's rows."""
        return np.split(np.argsort(self.codes, kind="stable"), np.cumsum(self.counts)[:-1])

    def sum(self, values: np.ndarray, *, axis: int = -1) -> np.ndarray:
        """Sum over the rows of each level: the axis of rows becomes one of levels."""
        if values.ndim == 1:
            return np.bincount(self.codes, values, self.n_levels)
        order = np.argsort(self.codes, kind="stable")
        first = np.searchsorted(self.codes[order], np.arange(self.n_levels))
        return np.add.reduceat(np.take(values, order, axis), first, axis)

    def of_rows(self, by_level: np.ndarray, *, axis: int = 0) -> np.ndarray:
        """Return the value of each row's level: the axis of levels becomes one of rows."""
        return np.take(by_level, self.codes, axis)

    def apply(self, b: np.ndarray) -> np.ndarray:
        """Sum the contributions of the level's effects in each row, (levels, effects) to (rows,)."""
        return (self.of_rows(b) * self.values).sum(axis=1)

    def center_within(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Subtract a predictor's level means, and sum the squares of the differences.

        Parameters
        ----------
        x
            The predictor's value in each row, (rows,).

        Returns
        -------
        numpy.ndarray, numpy.ndarray
            The differences, (rows,), and their sums of squares, (levels,): 0 where x varies by no more than rounding.
        """
        # Centred first: the variation of a date in seconds is small relative to its size.
        off = x - x.mean()
        inside = off - self.of_rows(self.sum(off) / self.counts)
        squares = self.sum(inside**2)
        return inside, np.where(squares > 1e-12 * np.mean(off**2), squares, 0.0)

    def in_levels(self, chosen: np.ndarray | list[int]) -> np.ndarray:
        """Whether each row belongs to one of the levels, given by position, boolean (rows,)."""
        return np.isin(self.codes, chosen)

    def levels_in(self, rows: np.ndarray) -> np.ndarray:
        """Positions of the levels that occur in some rows, in order; rows as a mask or as positions."""
        return np.unique(self.codes[rows])

    def is_split_by(self, sets: np.ndarray) -> np.ndarray:
        """Whether each level has rows in more than one set of rows (rows,), boolean (levels,)."""
        pairs = np.unique(np.stack([self.codes, sets]), axis=1)
        return np.bincount(pairs[0], minlength=self.n_levels) > 1

    def columns_of(self, level: int, rows: np.ndarray) -> np.ndarray:
        """Return the values of one level's effects in some rows, 0 in rows of other levels, (rows, effects)."""
        return self.values[rows] * (self.codes[rows] == level)[:, None]

    @property
    def membership(self) -> sparse.csr_array:
        """Weight of each level in each row, (rows, levels): 1 for the row's level."""
        rows = len(self.codes)
        return sparse.csr_array((np.ones(rows), self.codes, np.arange(rows + 1)), shape=(rows, self.n_levels))

    @property
    def matrix(self) -> sparse.csr_array:
        """Z, with its dummy columns: one block of levels for each effect, (rows, effects x levels)."""
        places = np.arange(len(self.codes)), self.codes
        shape = len(self.codes), self.n_levels
        return sparse.hstack([sparse.csr_array((z, places), shape=shape) for z in self.values.T], format="csr")

    def parent_levels(self, parent: "FactorEffects") -> np.ndarray | None:
        """Return the level of another factor that contains each level, (levels,); None where a level is in two."""
        if parent.has_members:
            return None
        parent_of = np.zeros(self.n_levels, dtype=np.int64)
        parent_of[self.codes] = parent.codes
        return parent_of if np.array_equal(self.of_rows(parent_of), parent.codes) else None

    def check_normal(self, asked: str) -> None:
        """Refuse a question whose answer rests on normal effects.

        Raises
        ------
        DataError
            The effects have a Student t distribution.
        """
        if self.is_heavy:
            raise DataError(
                f"{asked} needs normal group effects, and those of {self.name} have a Student t distribution",
                got=f"gr({self.name}, dist='student_t')",
                allowed="normal effects over that factor",
                do="ask a fit without dist, or use pp.group_effects, pp.level_effects or pp.predict",
            )

    def check_unrelated(self, asked: str) -> None:
        """Refuse a question about single levels where levels covary.

        Raises
        ------
        DataError
            The levels have a known covariance.
        """
        if self.kinship is not None:
            raise DataError(
                f"{asked} needs independent levels, and those of {self.name} covary",
                got=f"a known covariance among {self.n_levels} levels",
                allowed="factors without cov",
                do="use pp.group_effects, pp.variance_components or pp.predict",
            )
