"""The effects that vary over a factor of which each row has several levels, with weights ("multi-membership").

A row's contribution is z' sum_j w_j b_j over its levels j. Sums over the rows of a level are weighted by w_j. What is
defined only where each row has one level is refused.
"""

from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
from scipy import sparse

from partialpool.design.factor_effects import FactorEffects
from partialpool.design.factors import Levels
from partialpool.errors import DataError

__all__ = ["MemberEffects", "kept_members"]


@dataclass(frozen=True, eq=False)
class MemberEffects(FactorEffects):
    """The effects that vary over one factor, with the weights of its levels in each row.

    Attributes
    ----------
    weights
        Weight of each level in each row, (rows, levels).
    """

    codes: np.ndarray = field(init=False, repr=False)
    weights: sparse.csr_array = field(kw_only=True)

    def __getattr__(self, name: str) -> Any:
        """Refuse the code of each row's level, of which there are several."""
        if name == "codes":
            raise self._refusal("this question")
        raise AttributeError(name)

    @property
    def how_many(self) -> str:
        """The number of levels in words, and how many a row has."""
        return f"{self.n_levels} levels, {self.weights.nnz / self.weights.shape[0]:.3g} of them in a row"

    @property
    def own(self) -> np.ndarray:
        """Sum of the squared weights of each row, (rows,): its variance is that many times the variance of a level."""
        return np.asarray(self.weights.power(2).sum(axis=1)).ravel()

    @property
    def own_in_words(self) -> str:
        """What `own` is of a row."""
        return "sum of a row's squared weights"

    @property
    def has_members(self) -> bool:
        """Whether rows belong to several levels, with weights."""
        return True

    @property
    def memberships(self) -> tuple[tuple[np.ndarray, np.ndarray | float], ...]:
        """Position of each row's first level, and its weight, (rows,), then of the second, ...; spare weights are 0."""
        first, counts = self.weights.indptr[:-1], np.diff(self.weights.indptr)
        found = []
        for k in range(counts.max()):
            entry = first + np.minimum(k, counts - 1)
            share = np.where(k < counts, self.weights.data[entry], 0.0)
            found.append((self.weights.indices[entry].astype(np.int64), share))
        return tuple(found)

    @property
    def counts(self) -> np.ndarray:
        """Number of rows that belong to each level, (levels,)."""
        return np.bincount(self.weights.indices, minlength=self.n_levels)

    @property
    def labels_of_rows(self) -> np.ndarray:
        """Labels of each row's levels, joined by commas, (rows,)."""
        labels = np.array([str(label) for label in self.levels.labels], dtype=object)
        ends = self.weights.indptr
        parts = [labels[self.weights.indices[a:b]] for a, b in pairwise(ends)]
        return np.array([", ".join(part) for part in parts])

    @property
    def rows_of_levels(self) -> list[np.ndarray]:
        """Positions of the rows that belong to each level."""
        by_level = self.weights.tocsc()
        return np.split(by_level.indices, by_level.indptr[1:-1])

    def sum(self, values: np.ndarray, *, axis: int = -1) -> np.ndarray:
        """Sum over the rows of each level, with its weights: the axis of rows becomes one of levels."""
        return _along(self.weights.T, values, axis)

    def of_rows(self, by_level: np.ndarray, *, axis: int = 0) -> np.ndarray:
        """Return the weighted sum over each row's levels: the axis of levels becomes one of rows."""
        if by_level.dtype.kind != "f":
            raise self._refusal("this question")
        return _along(self.weights, by_level, axis)

    def center_within(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Refuse means within levels."""
        raise self._refusal("a predictor's mean within each level")

    def in_levels(self, chosen: np.ndarray | list[int]) -> np.ndarray:
        """Whether each row belongs to one of the levels, given by position, boolean (rows,)."""
        return np.asarray(self.weights[:, chosen].sum(axis=1)).ravel() > 0

    def levels_in(self, rows: np.ndarray) -> np.ndarray:
        """Positions of the levels that occur in some rows, in order; rows as a mask or as positions."""
        return np.unique(self.weights[rows].indices)

    def is_split_by(self, sets: np.ndarray) -> np.ndarray:
        """Whether each level has rows in more than one set of rows (rows,), boolean (levels,)."""
        own = np.repeat(sets, np.diff(self.weights.indptr))
        pairs = np.unique(np.stack([self.weights.indices, own]), axis=1)
        return np.bincount(pairs[0], minlength=self.n_levels) > 1

    def columns_of(self, level: int, rows: np.ndarray) -> np.ndarray:
        """Return the values of one level's effects in some rows, times its weight there, (rows, effects)."""
        return self.values[rows] * self.weights[rows][:, [level]].toarray()

    @property
    def membership(self) -> sparse.csr_array:
        """Weight of each level in each row, (rows, levels)."""
        return self.weights

    @property
    def matrix(self) -> sparse.csr_array:
        """Z, with its dummy columns: one block of levels for each effect, (rows, effects x levels)."""
        return sparse.csr_array(
            sparse.hstack([sparse.diags_array(z) @ self.weights for z in self.values.T], format="csr")
        )

    def parent_levels(self, parent: FactorEffects) -> np.ndarray | None:
        """Return None: a level is within no level of another factor."""
        return None

    def check_unrelated(self, asked: str) -> None:
        """Refuse a question about single levels: a row has several."""
        raise self._refusal(asked)

    def _refusal(self, asked: str) -> DataError:
        return DataError(
            f"{asked} needs rows of one level each, and those of {self.name} belong to several",
            got=self.how_many,
            allowed="factors without mm(...)",
            do="use pp.group_effects, pp.variance_components, pp.icc or pp.predict",
        )


def kept_members(factor: MemberEffects, keep: np.ndarray) -> MemberEffects:
    """Return the factor of some rows, boolean (rows,), without the levels that lose all their rows."""
    weights = factor.weights[keep]
    alive = np.unique(weights.indices)
    levels = Levels(factor.name, tuple(factor.levels.labels[i] for i in alive))
    return replace(factor, levels=levels, weights=weights[:, alive].tocsr(), values=factor.values[keep])


def _along(matrix: sparse.sparray, values: np.ndarray, axis: int) -> np.ndarray:
    """Multiply a matrix with an array along one of its axes."""
    moved = np.moveaxis(np.asarray(values, float), axis, 0)
    product = matrix @ moved.reshape(len(moved), -1)
    return np.moveaxis(product.reshape(-1, *moved.shape[1:]), 0, axis)
