"""Split a model's rows into two parts: differences within the levels of a factor, and differences between them.

Let the rows, divided by their residual sds, be y = W r + Z b + e, e ~ N(0, I). Z b are the effects of the factor in
question, b_j ~ N(0, c^2 L L'). W is everything else: the columns of the fixed effects, with flat priors, and those of
other factors, each times the square root of its covariance, r ~ N(0, 1). With the thin singular value decomposition
Z_j L = U_j D_j V_j' of each level's rows,

    V_j^-1 = (I + c^2 Z_j L L' Z_j')^-1 = (I - U_j U_j') + U_j (I + c^2 D_j^2)^-1 U_j'

the first part is the within half, which does not depend on c. The second is the between half, E = U'[W y], with one
row per direction d of a level, weighted by h = 1 / (1 + c^2 d^2): 1 at c = 0, 0 at c = infinity. Generalised least
squares is then, with W_w the within half of W and P the precision of r,

    (W_w'W_w + P + E_W' h E_W) r = W_w'y_w + E_W' h E_y
    b_j = L V_j k (E_y - E_W r),   k = c^2 d / (1 + c^2 d^2)

Columns that vary only between levels (the intercept, a predictor of the levels) vanish from the within half. As c
grows, their equations shrink by c^2 and would be lost to rounding. They are multiplied by 1 + c^2, which gives
(1 + c^2) h = 1 / d^2 at c = infinity, so the limit is as exact as any other c.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

__all__ = ["Halves", "Solution", "split_rows"]

_NOTHING: Final = 1e-13
"""Squared share of a column below which it counts as zero; rounding leaves about 1e-16."""
_NO_DIRECTION: Final = 1e-8
"""Singular value, relative to the level's largest, below which it counts as zero."""


@dataclass(frozen=True, eq=False)
class Solution:
    """Estimates at one c.

    Attributes
    ----------
    rest
        r: coefficients of the other columns, (columns,).
    effects
        b, (levels, effects).
    """

    rest: np.ndarray
    effects: np.ndarray


@dataclass(frozen=True, eq=False)
class Halves:
    """The two halves of the rows, from which the estimates at any c are computed.

    Attributes
    ----------
    within
        [W_w y_w]'[W_w y_w] with P added, (columns + 1, columns + 1), with columns scaled so that the diagonal of both
        halves together is 1.
    between
        E, (directions, columns + 1).
    scale
        Divisors of the columns, (columns,).
    size
        d, (directions,).
    level
        Level of each direction.
    back
        L v of each direction, which maps it to effects, (directions, effects).
    own
        u'Z of each direction, (directions, effects).
    levels
        Number of levels.
    """

    within: np.ndarray
    between: np.ndarray
    scale: np.ndarray
    size: np.ndarray
    level: np.ndarray
    back: np.ndarray
    own: np.ndarray
    levels: int

    def solve(self, c: float) -> Solution:
        """Return all estimates at c, which may be 0 or infinite."""
        design, y = self.between[:, :-1], self.between[:, -1]
        left, right = self.within[:-1, :-1], self.within[:-1, -1]
        inside, outside = self._directions
        leverage = _times(self._kept(c), design)
        grown = _times(self._grown(c), design)
        equations = np.concatenate([inside.T @ (left + leverage.T @ design), outside.T @ (grown.T @ design)])
        answers = np.concatenate([inside.T @ (right + leverage.T @ y), outside.T @ (grown.T @ y)])
        rest = _solved(equations, answers)
        left_over = _times(self._taken(c), (y - design @ rest)[:, None]) * self.back
        return Solution(rest / self.scale, _summed(self.level, self.levels, left_over))

    @cached_property
    def _directions(self) -> tuple[np.ndarray, np.ndarray]:
        """Directions of the other columns that the within half identifies, and those it does not, at any c."""
        values, axes = np.linalg.eigh(self.within[:-1, :-1])
        seen = values > _NOTHING * max(values.max(initial=0.0), 1.0)
        return axes[:, seen], axes[:, ~seen]

    def weights(self, c: float) -> np.ndarray:
        """Diagonal of B_j = c^2 Sigma Z_j' (I + c^2 Z_j Sigma Z_j')^-1 Z_j, all else known: (levels, effects)."""
        return _summed(self.level, self.levels, _times(self._taken(c), self.back) * self.own)

    def told(self) -> np.ndarray:
        """Whether a level's own rows identify each of its effects, boolean (levels, effects)."""
        share = self.back[:, :, None] * _times(self._taken(np.inf), self.own)[:, None, :]
        projection = _summed(self.level, self.levels, share)
        return np.abs(projection - np.eye(self.back.shape[1])).max(axis=2) < 1e-6

    def own_errors(self) -> np.ndarray:
        """Standard errors of least squares on each level's own rows, all else known: (levels, effects)."""
        return np.sqrt(_summed(self.level, self.levels, _times(self._taken(np.inf), self.back) ** 2))

    def untold(self) -> np.ndarray:
        """Which flat columns have no variation within levels beyond the factor's effects, boolean (columns,).

        Their coefficients are not identified without pooling.
        """
        return np.diagonal(self.within)[:-1] < _NOTHING

    def _kept(self, c: float) -> np.ndarray:
        """Return h of every direction."""
        return np.zeros_like(self.size) if np.isinf(c) else 1 / (1 + (c * self.size) ** 2)

    def _grown(self, c: float) -> np.ndarray:
        """Return (1 + c^2) h of every direction."""
        return self.size**-2 if np.isinf(c) else (1 + c**2) / (1 + (c * self.size) ** 2)

    def _taken(self, c: float) -> np.ndarray:
        """Return k of every direction."""
        return 1 / self.size if np.isinf(c) else c**2 * self.size / (1 + (c * self.size) ** 2)


def split_rows(
    columns: np.ndarray, precision: np.ndarray, z: np.ndarray, rows_of_levels: Sequence[np.ndarray], root: np.ndarray
) -> Halves:
    """Split rows, already divided by their residual sds, into the within and the between half.

    Parameters
    ----------
    columns
        [W y], (rows, columns + 1).
    precision
        Diagonal of P, (columns,): 0 for a flat prior, 1 for r ~ N(0, 1).
    z
        Values of the factor's effects, (rows, effects).
    rows_of_levels
        Positions of each level's rows.
    root
        L, (effects, effects).
    """
    scale = np.sqrt((columns[:, :-1] ** 2).sum(axis=0) + precision)
    scale[scale == 0] = 1.0
    columns = np.concatenate([columns[:, :-1] / scale, columns[:, -1:]], axis=1)
    within = columns.copy()
    parts = [_split(alike, columns, z, root, within) for alike in _of_similar_size(rows_of_levels)]
    between, size, level, back, own = (np.concatenate(found) for found in zip(*parts, strict=True))
    order = np.argsort(level, kind="stable")
    gram = within.T @ within
    gram[np.arange(len(scale)), np.arange(len(scale))] += precision / scale**2
    return Halves(
        gram, between[order], scale, size[order], level[order], back[order], own[order], len(rows_of_levels)
    )  # fmt: skip


def _of_similar_size(rows_of_levels: Sequence[np.ndarray]) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Group levels whose numbers of rows differ by less than a factor of 2, so that they are split together.

    Returns
    -------
    list of tuple
        Of each group the levels, (levels,); positions of their rows, (levels, most rows); and which places have one.
    """
    counts = np.array([len(rows) for rows in rows_of_levels])
    groups = []
    doublings = np.ceil(np.log2(counts)).astype(int)
    for doubling in np.unique(doublings):
        levels = np.flatnonzero(doublings == doubling)
        filled = np.arange(counts[levels].max()) < counts[levels][:, None]
        rows = np.zeros(filled.shape, int)
        rows[filled] = np.concatenate([rows_of_levels[level] for level in levels.tolist()])
        groups.append((levels, rows, filled))
    return groups


def _split(
    alike: tuple[np.ndarray, np.ndarray, np.ndarray],
    columns: np.ndarray,
    z: np.ndarray,
    root: np.ndarray,
    within: np.ndarray,
) -> tuple[np.ndarray, ...]:
    """Split the rows of some levels: subtract their between half from `within`, and return E, d, level, L v and u'Z.

    Rows of zeros fill levels up to the same number of rows: they change none of these.
    """
    levels, rows, filled = alike
    mine = z[rows] * filled[:, :, None]
    u, d, vt = np.linalg.svd(mine @ root, full_matrices=False)
    kept = d > _NO_DIRECTION * d.max(axis=1, initial=0.0, keepdims=True)
    u = u * (kept[:, None, :] & filled[:, :, None])
    found = np.swapaxes(u, 1, 2) @ columns[rows]
    within[rows[filled]] -= (u @ found)[filled]
    return (
        found[kept],
        d[kept],
        np.repeat(levels, kept.sum(axis=1)),
        (vt @ root.T)[kept],
        (np.swapaxes(u, 1, 2) @ mine)[kept],
    )


def _times(weights: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return weights[:, None] * rows


def _summed(level: np.ndarray, levels: int, rows: np.ndarray) -> np.ndarray:
    out = np.zeros((levels, *rows.shape[1:]))
    np.add.at(out, level, rows)
    return out


def _solved(left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve, also where the rows do not identify every coefficient."""
    try:
        return np.linalg.solve(left, right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(left, right, rcond=None)[0]
