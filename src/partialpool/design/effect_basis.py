"""The basis in which the priors of a factor's effects are stated, independent of the predictors' origin.

A block of correlated effects with a varying intercept has an unrestricted covariance, so that it is the same model in
every basis of its columns. Its default prior is stated in a basis that does not depend on the origin. With columns
sorted by degree (1; x; x^2, x:z), those of lower degree are projected out of each by least squares over the rows,

    Z* = Z T^-1,    Z b = Z* b*,    b* = T b,    Sigma* = T Sigma T',

T^-1 unit triangular: for an intercept and a slope, T^-1 = [[1, -mean(x)], [0, 1]] and b* holds the level's value at
the predictor's mean, and its slope. A column x + a has with the intercept the same span as x, and x^2 + a x + c with 1
and x the same span as x^2, so that Z* is the same, up to units, for every origin. For a categorical predictor with more
than two categories the columns depend on the reference, and so does this basis.

Independent effects (`||`) are another model at every origin; their columns are not changed. Nor are those of blocks in
which no combination of columns is constant (no effect could absorb a shift), and of groups with `origin="zero"`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from partialpool.names import INTERCEPT
from partialpool.spec.degree import degree_of

__all__ = [
    "EffectBasis",
    "FreedColumns",
    "column_sizes",
    "covariance_parts",
    "free_columns",
    "make_effect_basis",
]

_NOTHING: Final = 1e-18
"""Share of a column's sum of squares that counts as rounding error."""


@dataclass(frozen=True, eq=False)
class FreedColumns:
    """Columns with those of lower degree projected out: Z* = (Z - center) turn.

    Attributes
    ----------
    center
        Constant subtracted from each column, which the intercept absorbs; 0 without an intercept. Shape (effects,).
    turn
        Shape (effects, effects), with ones on its diagonal.
    to_zero
        T^-1 of Z* = Z T^-1, (effects, effects).
    """

    center: np.ndarray
    turn: np.ndarray
    to_zero: np.ndarray

    def of(self, values: np.ndarray) -> np.ndarray:
        """Return Z* for columns Z, both (rows, effects)."""
        return (values - self.center) @ self.turn


@dataclass(frozen=True, eq=False)
class EffectBasis:
    """Effects in the basis of their priors: b* = T b.

    Attributes
    ----------
    columns
        How Z* is computed from Z.
    scale
        sd of each column of Z* over the rows; its root mean square where the factor has no varying intercept; 1 for a
        constant column. Multiplied by the root of the mean diagonal entry where levels have a known covariance. Shape
        (effects,).
    mean_square
        Mean square of each column of Z*, multiplied by the diagonal entries of a known covariance, (effects,).
    """

    columns: FreedColumns
    scale: np.ndarray
    mean_square: np.ndarray

    @property
    def is_plain(self) -> bool:
        """Whether b* = b: the columns are unchanged."""
        return np.array_equal(self.columns.to_zero, np.eye(len(self.scale)))

    @property
    def to_zero(self) -> np.ndarray:
        """T^-1, (effects, effects): effects at zero from those at the means."""
        return self.columns.to_zero

    @property
    def to_means(self) -> np.ndarray:
        """T, (effects, effects)."""
        return np.linalg.inv(self.columns.to_zero)

    def with_equal_sds(self, sd_of: Sequence[int]) -> "EffectBasis":
        """Return the basis in which effects with the same sd have the same scale.

        It is the root of the mean over rows of the sum of their squares: 1 for the categories of a column.
        """
        if len(set(sd_of)) == len(sd_of):
            return self
        each = np.array(sd_of)
        square = np.array([self.mean_square[each == first].sum() for first in sd_of])
        alone = np.array([np.count_nonzero(each == first) == 1 for first in sd_of])
        return replace(self, scale=np.where(alone, self.scale, np.sqrt(square)))

    def at_means(self, sd: np.ndarray, corr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convert sds (..., effects) and correlations (..., effects, effects) at zero to those at the means."""
        return (sd, corr) if self.is_plain else _turned(self.to_means, sd, corr)

    def at_zero(self, sd: np.ndarray, corr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Convert sds and correlations at the predictors' means to those at zero."""
        return (sd, corr) if self.is_plain else _turned(self.to_zero, sd, corr)


def make_effect_basis(
    names: Sequence[str],
    values: np.ndarray,
    blocks: Sequence[Sequence[int]],
    *,
    at_means: Sequence[bool],
    own: np.ndarray | None = None,
) -> EffectBasis:
    """Find the basis of a factor's effects.

    Parameters
    ----------
    names, values
        Effects and their columns, (rows, effects).
    blocks
        Positions of the effects that share one correlation matrix.
    at_means
        Whether the priors of each block are stated at the predictors' means, as far as its columns allow that.
    own
        Diagonal entry of each row's level in a known covariance, (rows,); None without one.
    """
    q = len(names)
    center, turn, to_zero = np.zeros(q), np.eye(q), np.eye(q)
    for block in (list(b) for b, moved in zip(blocks, at_means, strict=True) if moved and len(b) > 1):
        freed = free_columns([names[i] for i in block], values[:, block])
        inside = np.ix_(block, block)
        center[block], turn[inside], to_zero[inside] = freed.center, freed.turn, freed.to_zero
    columns = FreedColumns(center, turn, to_zero)
    return EffectBasis(columns, *column_sizes(names, columns.of(values), own))


def column_sizes(
    names: Sequence[str], columns: np.ndarray, own: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return scale and mean square of a factor's columns (rows, effects), each (effects,); see `EffectBasis`.

    Diagonal entries of a known covariance are included: the variance of an effect in a row is own z^2 sd^2.
    """
    square = columns**2
    scale = columns.std(axis=0) if INTERCEPT in names else np.sqrt(square.mean(axis=0))
    scale[np.ptp(columns, axis=0) == 0] = 1.0
    if own is None:
        return scale, square.mean(axis=0)
    return scale * np.sqrt(own.mean()), (own[:, None] * square).mean(axis=0)


def free_columns(names: Sequence[str], values: np.ndarray) -> FreedColumns:
    """Project columns of lower degree out of each column, where some combination of the columns is constant.

    Columns that add up to a constant (those of a categorical predictor, without an intercept) count as of degree 0.
    """
    q = len(names)
    constant = _constant(names, values)
    if constant is None:
        return FreedColumns(np.zeros(q), np.eye(q), np.eye(q))
    degrees = np.where(constant, 0, [degree_of(name) for name in names])
    center, around = np.zeros(q), np.eye(q)
    if INTERCEPT in names:
        at = names.index(INTERCEPT)
        center = values.mean(axis=0)
        center[at] = 0.0
        around[at] -= center
    centred, turn = values - center, np.eye(q)
    for degree in np.unique(degrees)[1:]:
        # The intercept's part was removed by centring.
        lower = np.flatnonzero((degrees < degree) & (np.ptp(centred, axis=0) > 0))
        own = np.flatnonzero(degrees == degree)
        if not len(lower):
            continue
        part = _least_squares(centred[:, lower], centred[:, own])
        left = np.square(centred[:, own] - centred[:, lower] @ part).sum(axis=0)
        # A column that is a combination of the others would be 0 and could not be scaled: it is left unchanged.
        part[:, left <= _NOTHING * np.square(centred[:, own]).sum(axis=0)] = 0.0
        turn[np.ix_(lower, own)] = -part
    return FreedColumns(center, turn, around @ turn)


def covariance_parts(covariance: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Split covariances (..., effects, effects) into sds (..., effects) and correlations, 0 where an sd is 0."""
    sd = np.sqrt(np.maximum(np.diagonal(covariance, axis1=-2, axis2=-1), 0.0))
    inverse = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 0)
    corr = np.clip(covariance * inverse[..., :, None] * inverse[..., None, :], -1.0, 1.0)
    every = np.arange(sd.shape[-1])
    corr[..., every, every] = 1.0
    return sd, corr


def _constant(names: Sequence[str], values: np.ndarray) -> np.ndarray | None:
    """Which columns add up to a constant, boolean (effects,); None where no combination does."""
    if INTERCEPT in names:
        return np.array([name == INTERCEPT for name in names])
    weights = _least_squares(values, np.ones((len(values), 1)))[:, 0]
    if np.abs(values @ weights - 1).max() > 1e-9:
        return None
    return np.abs(weights) * np.abs(values).max(axis=0) > 1e-9


def _least_squares(columns: np.ndarray, of: np.ndarray) -> np.ndarray:
    """Return least-squares coefficients of `of` (rows, r) on columns (rows, p), shape (p, r); units do not matter."""
    size = np.sqrt((columns**2).mean(axis=0))
    return np.linalg.lstsq(columns / size, of, rcond=1e-12)[0] / size[:, None]


def _turned(by: np.ndarray, sd: np.ndarray, corr: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    half = by * sd[..., None, :]
    return covariance_parts(half @ corr @ np.swapaxes(half, -1, -2))
