"""Moments: the cross-products of rows that a Gaussian model needs, and how they add up.

`crossproducts.py` and `membership_moments.py` collect them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from partialpool.errors import SpecError

__all__ = ["Coupling", "Moments"]


@dataclass(frozen=True, eq=False)
class Coupling:
    """Z_f'Z_g of two factors, stored for the pairs of levels that share a row.

    Attributes
    ----------
    first, second
        Levels of f and g, sorted by f then g, shape (pairs,).
    values
        Shape (pairs, effects of f, effects of g).
    """

    first: np.ndarray
    second: np.ndarray
    values: np.ndarray

    def __add__(self, other: "Coupling") -> "Coupling":
        return Coupling.total([self, other])

    @classmethod
    def total(cls, several: Sequence["Coupling"]) -> "Coupling":
        """Add several up; the pairs of each are there once."""
        width = int(max(one.second.max(initial=0) for one in several)) + 1
        found, position = np.unique(
            np.concatenate([one.first * width + one.second for one in several]), return_inverse=True
        )
        values, start = np.zeros((len(found), *several[0].values.shape[1:])), 0
        for one in several:
            values[position[start : start + len(one.first)]] += one.values
            start += len(one.first)
        return cls(found // width, found % width, values)

    @property
    def transposed(self) -> "Coupling":
        """The same pairs with the two factors exchanged."""
        order = np.lexsort((self.first, self.second))
        return Coupling(self.second[order], self.first[order], self.values[order].transpose(0, 2, 1))


@dataclass(frozen=True, eq=False)
class Moments:
    """Cross-products of [Z X y] in `Units`, additive over rows.

    Attributes
    ----------
    rows
        Number of rows.
    log_jacobian
        Sum of log |d y* / d y| without the unit: from the weights unit / se, and from the logarithm of a lognormal y.
    own
        Z_f'Z_f per factor, which is block diagonal: shape (levels, effects, effects).
    dense
        Z_f'[X y] per factor, shape (levels, effects, columns + 1).
    couplings
        Z_f'Z_g for f < g.
    common
        [X y]'[X y], shape (columns + 1, columns + 1); X has its intercept first.
    among
        Per factor of which rows have several levels, Z_f'Z_f between different levels, the lower one first; None where
        rows have one level. Empty if that is so for every factor.
    """

    rows: int
    log_jacobian: float
    own: tuple[np.ndarray, ...]
    dense: tuple[np.ndarray, ...]
    couplings: tuple[tuple[Coupling, ...], ...]
    common: np.ndarray
    among: tuple[Coupling | None, ...] = ()

    def __add__(self, other: "Moments") -> "Moments":
        if [a.shape for a in self.dense] != [a.shape for a in other.dense] or self.common.shape != other.common.shape:
            raise SpecError(
                "moments of different designs do not add up",
                got=f"{[a.shape for a in self.dense]} and {[a.shape for a in other.dense]}",
                allowed="chunks of one table, with the same factors, levels and columns",
                do="build one design, and collect its rows in chunks",
            )
        return Moments(
            self.rows + other.rows,
            self.log_jacobian + other.log_jacobian,
            tuple(a + b for a, b in zip(self.own, other.own, strict=True)),
            tuple(a + b for a, b in zip(self.dense, other.dense, strict=True)),
            tuple(
                tuple(a + b for a, b in zip(mine, theirs, strict=True))
                for mine, theirs in zip(self.couplings, other.couplings, strict=True)
            ),
            self.common + other.common,
            tuple(None if a is None or b is None else a + b for a, b in zip(self.among, other.among, strict=True)),
        )

    def between_levels(self, f: int) -> Coupling | None:
        """Return Z_f'Z_f between different levels of a factor; None where its levels share no rows."""
        return self.among[f] if self.among else None

    def less(self, coefficients: np.ndarray) -> "Moments":
        """Return the moments of [Z X y - X m] for coefficients m (columns,) of the common columns, in `Units`."""
        turn = np.eye(len(self.common))
        turn[:-1, -1] = -coefficients
        return self._turned(turn)

    def turned(self, coordinates: np.ndarray) -> "Moments":
        """Return the moments of [Z XC y] for coordinates C (columns, columns) of the common columns."""
        turn = np.eye(len(self.common))
        turn[:-1, :-1] = coordinates
        return self._turned(turn)

    def _turned(self, turn: np.ndarray) -> "Moments":
        dense = tuple(values @ turn for values in self.dense)
        return replace(self, dense=dense, common=turn.T @ self.common @ turn)

    def coupling(self, f: int, g: int) -> Coupling:
        """Return Z_f'Z_g of two different factors."""
        return self.couplings[f][g - f - 1] if f < g else self.couplings[g][f - g - 1].transposed
