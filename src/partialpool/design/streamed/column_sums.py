"""Sums of products of columns over all rows, and what a design learns from columns through such sums alone.

Every statistic here is that of the function of the same purpose for columns in memory, with X'X in place of X. Columns
are stored about an origin among their values and in a unit near their spread, so that squaring costs no digits.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from scipy.linalg import solve_triangular

from partialpool.design.aliasing import Aliases, may_be_left_out
from partialpool.design.column_ranges import ColumnRanges
from partialpool.design.common_basis import CommonBasis
from partialpool.design.effect_basis import EffectBasis, FreedColumns
from partialpool.errors import DataError
from partialpool.names import INTERCEPT
from partialpool.spec.degree import degree_of

__all__ = [
    "ColumnSums",
    "aliases_from_sums",
    "common_basis_from_sums",
    "effect_basis_from_sums",
    "freed_from_sums",
    "sizes_from_sums",
]

_ROUNDING: Final = 64 * np.finfo(float).eps
_ALIASED: Final = 1e-12
"""Share of a column's sum of squares that counts as rounding error."""
_CONSTANT: Final = 1e-14
"""Mean squared distance from 1 that counts as rounding error."""


@dataclass(frozen=True, eq=False)
class ColumnSums:
    """Sums over all rows of [1 C]'[1 C], with C the columns less `origin`, divided by `unit`.

    Attributes
    ----------
    rows
        Number of rows.
    origin, unit
        Of each column, (columns,).
    products
        Shape (columns + 1, columns + 1).
    lowest, highest
        The range of each column, (columns,).
    """

    rows: int
    origin: np.ndarray
    unit: np.ndarray
    products: np.ndarray
    lowest: np.ndarray
    highest: np.ndarray

    def of(self, kept: Sequence[int] | np.ndarray) -> "ColumnSums":
        """Return the sums of some of the columns, by position."""
        places = np.asarray(kept, int)
        inside = np.concatenate([[0], places + 1])
        return replace(
            self,
            origin=self.origin[places],
            unit=self.unit[places],
            products=self.products[np.ix_(inside, inside)],
            lowest=self.lowest[places],
            highest=self.highest[places],
        )

    @property
    def mean(self) -> np.ndarray:
        """Mean of each column, (columns,)."""
        return self.origin + self.unit * self._stored_mean

    @property
    def covariance(self) -> np.ndarray:
        """Covariance of the columns, ddof 0, (columns, columns)."""
        mean = self._stored_mean
        stored = self.products[1:, 1:] / self.rows - np.outer(mean, mean)
        constant = self.lowest == self.highest
        stored[constant] = stored[:, constant] = 0.0
        return stored * np.outer(self.unit, self.unit)

    @property
    def second_moment(self) -> np.ndarray:
        """Mean of the products of the columns themselves, (columns, columns)."""
        return self.covariance + np.outer(self.mean, self.mean)

    @property
    def sd(self) -> np.ndarray:
        """Standard deviation of each column, ddof 0, (columns,)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance), 0.0))

    @property
    def rms(self) -> np.ndarray:
        """Root mean square of each column, (columns,)."""
        return np.sqrt(np.maximum(np.diagonal(self.second_moment), 0.0))

    @property
    def ranges(self) -> ColumnRanges:
        """Ranges, means and sds of the columns."""
        return ColumnRanges(self.lowest, self.highest, self.mean, self.sd)

    @property
    def _stored_mean(self) -> np.ndarray:
        return self.products[0, 1:] / self.rows


def aliases_from_sums(sums: ColumnSums, terms: tuple[int, ...], lengths: tuple[int, ...]) -> Aliases | None:
    """Find the columns of terms with categories that depend on those before them; see `find_aliases`.

    A column counts as dependent if its new part has less than 1e-6 of its length: sums of squares have half the digits
    of columns.

    Raises
    ------
    DataError
        A column whose new part is small, but not rounding: its numbers are far from zero.
    """
    if not any(lengths):
        return None
    size = sums.rms
    scale = np.where(size > 0, size, 1.0)
    gram = sums.second_moment / np.outer(scale, scale)
    dependent, used, new = np.zeros(len(size), bool), list[int](), np.zeros(len(size))
    for at in range(len(size)):
        rest = gram[at, at]
        if used:
            across = gram[used, at]
            rest -= across @ np.linalg.solve(gram[np.ix_(used, used)], across)
        new[at], dependent[at] = rest, rest <= _ALIASED
        if not dependent[at]:
            used.append(at)
    leaving = dependent & may_be_left_out(dependent, terms, lengths)
    dropped, kept = np.flatnonzero(leaving), np.flatnonzero(~leaving)
    if not len(dropped):
        return None
    if (new[dropped] > _ROUNDING * len(size)).any():
        raise DataError(
            "fixed effects are nearly combinations of each other, and sums over batches cannot tell whether they are",
            got=f"a column of which {new[dropped].max():.1g} of the square is new, with numbers far from zero",
            allowed="columns that differ by more, or by nothing but rounding",
            do="subtract a number in the middle of their range from numeric predictors, such as center(t)",
        )
    weights = np.linalg.pinv(gram[np.ix_(kept, kept)], rcond=1e-12, hermitian=True) @ gram[np.ix_(kept, dropped)]
    weights[np.abs(weights) < 1e-10] = 0.0
    return Aliases(kept, dropped, weights * scale[dropped] / scale[kept][:, None])


def common_basis_from_sums(sums: ColumnSums, scale: np.ndarray, *, intercept: bool) -> CommonBasis:
    """Return the basis of the fixed effects' columns; see `make_common_basis`."""
    if not len(scale):
        return CommonBasis(np.zeros((0, 0)), np.zeros((0, 0)), None)
    products = sums.covariance if intercept else sums.second_moment
    root = np.linalg.cholesky(products / np.outer(scale, scale)).T
    inverse = solve_triangular(root, np.eye(len(scale))) / scale[:, None]
    constant = None
    if not intercept:
        found = inverse @ (inverse.T @ sums.mean)
        off = found @ sums.second_moment @ found - 2 * found @ sums.mean + 1
        constant = found if abs(off) < _CONSTANT else None
    return CommonBasis(root * scale, inverse, constant)


def freed_from_sums(names: Sequence[str], sums: ColumnSums) -> FreedColumns:
    """Project columns of lower degree out of each column; see `free_columns`."""
    q = len(names)
    constant = _constant(names, sums)
    if constant is None:
        return FreedColumns(np.zeros(q), np.eye(q), np.eye(q))
    degrees = np.where(constant, 0, [degree_of(name) for name in names])
    center, around, products = np.zeros(q), np.eye(q), sums.second_moment
    if INTERCEPT in names:
        at = names.index(INTERCEPT)
        center = sums.mean
        center[at] = 0.0
        around[at] -= center
        products = sums.covariance
        products[at, at] = 1.0
    turn = np.eye(q)
    varies = sums.highest > sums.lowest
    for degree in np.unique(degrees)[1:]:
        lower, own = np.flatnonzero((degrees < degree) & varies), np.flatnonzero(degrees == degree)
        if not len(lower):
            continue
        size = np.sqrt(np.diagonal(products)[lower])
        gram = products[np.ix_(lower, lower)] / np.outer(size, size)
        across = products[np.ix_(lower, own)]
        part = np.linalg.pinv(gram, rcond=1e-12, hermitian=True) @ (across / size[:, None]) / size[:, None]
        total = np.diagonal(products)[own]
        left = total - (across * part).sum(axis=0)
        part[:, left <= _ALIASED * total] = 0.0
        turn[np.ix_(lower, own)] = -part
    return FreedColumns(center, turn, around @ turn)


def sizes_from_sums(names: Sequence[str], sums: ColumnSums, columns: FreedColumns) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and mean square of Z*, each (effects,); see `column_sizes`."""
    turn, off = columns.turn, (sums.mean - columns.center) @ columns.turn
    spread = np.maximum(np.diagonal(turn.T @ sums.covariance @ turn), 0.0)
    square = spread + off**2
    scale = np.sqrt(spread if INTERCEPT in names else square)
    plain = np.count_nonzero(turn, axis=0) == 1
    scale[plain & (sums.lowest == sums.highest)] = 1.0
    return scale, square


def effect_basis_from_sums(
    names: Sequence[str], sums: ColumnSums, blocks: Sequence[Sequence[int]], *, at_means: Sequence[bool]
) -> EffectBasis:
    """Find the basis in which the priors of a factor's effects are stated; see `make_effect_basis`."""
    q = len(names)
    center, turn, to_zero = np.zeros(q), np.eye(q), np.eye(q)
    for block in (list(b) for b, moved in zip(blocks, at_means, strict=True) if moved and len(b) > 1):
        freed = freed_from_sums([names[i] for i in block], sums.of(block))
        inside = np.ix_(block, block)
        center[block], turn[inside], to_zero[inside] = freed.center, freed.turn, freed.to_zero
    columns = FreedColumns(center, turn, to_zero)
    return EffectBasis(columns, *sizes_from_sums(names, sums, columns))


def _constant(names: Sequence[str], sums: ColumnSums) -> np.ndarray | None:
    """Which columns add up to a constant, boolean (effects,); None where no combination does."""
    if INTERCEPT in names:
        return np.array([name == INTERCEPT for name in names])
    size, products = sums.rms, sums.second_moment
    weights = np.linalg.pinv(products / np.outer(size, size), rcond=1e-12, hermitian=True) @ (sums.mean / size) / size
    if abs(weights @ products @ weights - 2 * weights @ sums.mean + 1) > _CONSTANT:
        return None
    return np.abs(weights) * sums.ranges.magnitude > 1e-9
