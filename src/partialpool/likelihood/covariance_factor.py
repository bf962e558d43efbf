"""Relative covariance factors as free coordinates, in which likelihoods are maximised.

Each block of effects has Sigma / sigma^2 = T T', T lower triangular with a diagonal >= 0, as in lme4 (Bates et al.
2015, J. Stat. Soft. 67:1). A singular Sigma has a zero on T's diagonal: it is on the boundary, at a finite distance.
If a block has an intercept, T is that of the effects at the predictors' means, T T' = B Sigma B' / sigma^2 (B of
`Units`): intercept and slope are distinguished best there, whatever the predictors' zero.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.errors import EngineError
from partialpool.marginal.gaussian.marginal import Marginal

__all__ = ["Relative", "Roots", "covariance_roots", "relative_coordinates", "relative_diagonal"]

_PARTIAL_AT_ONE: Final = 19.0
"""atanh of a correlation that is 1 to machine precision."""
_LOGIT_AT_END: Final = 16.0
"""Coordinate of a correlation that counts as at its bound, 1e-7 away: nearer, 1 - rho^2 would be rounding error."""
_NEAR_END: Final = 3.0
"""Coordinate of a correlation that is at 95 % of the way to its bound."""
_FARTHEST: Final = 1e6
"""Relative sd beyond which the residual is mostly rounding error, and the deviance meaningless."""


@dataclass(frozen=True, eq=False)
class _Block:
    """One block: positions of its log sds and partial correlations in theta, rows and columns of T, and B."""

    sds: np.ndarray
    partials: np.ndarray
    rows: np.ndarray
    columns: np.ndarray
    shift: np.ndarray

    @property
    def diagonal(self) -> np.ndarray:
        """Which elements are on T's diagonal, boolean (elements,)."""
        return self.rows == self.columns

    def same(self, t: np.ndarray, k: int) -> list[np.ndarray]:
        """Return other elements of the same Sigma, where element k, on the diagonal, is 0; see `Relative.same`."""
        factor = np.zeros((len(self.sds), len(self.sds)))
        factor[self.rows, self.columns] = t
        c = self.columns[k]
        flipped = factor.copy()
        flipped[:, c] *= -1
        found = [flipped] if factor[c:, c].any() else []
        if c + 1 < len(factor) and factor[c + 1, c + 1] != 0:
            size = np.hypot(factor[c + 1, c], factor[c + 1, c + 1])
            turn = (
                np.array([[factor[c + 1, c], -factor[c + 1, c + 1]], [factor[c + 1, c + 1], factor[c + 1, c]]]) / size
            )
            turned = factor.copy()
            turned[:, c : c + 2] = turned[:, c : c + 2] @ turn
            turned[c + 1, c + 1] = 0.0
            mirrored = turned.copy()
            mirrored[:, c] *= -1
            found += [turned, mirrored]
        # The sign of any later column is free: its diagonal stays positive.
        signs = [np.where(np.diagonal(values) < 0, -1.0, 1.0) for values in found]
        return [(values * sign)[self.rows, self.columns] for values, sign in zip(found, signs, strict=True)]

    def to_theta(self, t: np.ndarray, theta: np.ndarray) -> None:
        """Write log sds and atanh partial correlations of B^-1 T into theta."""
        k = len(self.sds)
        factor = np.zeros((k, k))
        factor[self.rows, self.columns] = t
        half = np.linalg.solve(self.shift, factor)
        lower = np.linalg.qr(half.T, mode="r").T
        lower = lower * np.where(np.diagonal(lower) < 0, -1.0, 1.0)
        sizes = np.linalg.norm(half, axis=1)
        theta[self.sds] = np.log(sizes)
        at = 0
        for i in range(1, k):
            # tanh x = L_ij / sqrt(sum over k >= j of L_ik^2): sinh x is L_ij over the norm of the row after j.
            tails = np.sqrt(np.cumsum(np.square(lower[i, i:0:-1])))[::-1]
            angle = np.arcsinh(np.divide(lower[i, :i], tails, where=tails > 0, out=np.sign(lower[i, :i]) * np.inf))
            angle[lower[i, :i] == 0] = 0.0
            theta[self.partials[at : at + i]] = np.clip(angle, -_PARTIAL_AT_ONE, _PARTIAL_AT_ONE)
            at += i


@dataclass(frozen=True, eq=False)
class _Structured:
    """The sds and correlations of a factor with a structure: sds relative to sigma, correlations as in theta."""

    sds: np.ndarray
    correlations: np.ndarray

    @property
    def diagonal(self) -> np.ndarray:
        """Which elements are sds, boolean (elements,)."""
        return np.arange(len(self.sds) + len(self.correlations)) < len(self.sds)

    def same(self, t: np.ndarray, k: int) -> list[np.ndarray]:
        """Return elements with each correlation near its ends, where sd k is 0: with two effects, of the same Sigma.

        A correlation has no slope while one of its two sds is 0, and lifting that leads elsewhere with another one.
        """
        found = []
        for correlation in range(len(self.sds), len(t)):
            for end in (-_NEAR_END, _NEAR_END):
                other = t.copy()
                other[correlation] = end
                found.append(other)
        return found

    def to_theta(self, t: np.ndarray, theta: np.ndarray) -> None:
        """Write log sds and correlations into theta."""
        theta[self.sds] = np.log(np.abs(t[: len(self.sds)]))
        theta[self.correlations] = np.clip(t[len(self.sds) :], -_LOGIT_AT_END, _LOGIT_AT_END)


@dataclass(frozen=True, eq=False)
class Relative:
    """T of every block, flattened row by row, block after block.

    Attributes
    ----------
    diagonal
        Which elements are on a diagonal, boolean (size,).
    of_effect
        Factor, and position of the effect among those of the factor, of each element on a diagonal; -1 for others,
        (size, 2).
    """

    diagonal: np.ndarray
    of_effect: np.ndarray
    _blocks: tuple[_Block | _Structured, ...]

    @property
    def size(self) -> int:
        """Number of elements, equal to that of log sds and partial correlations in theta."""
        return len(self.diagonal)

    @property
    def reach(self) -> np.ndarray:
        """How far from the start each element is searched, (size,)."""
        return np.full(self.size, _FARTHEST)

    def start(self, scale: float) -> np.ndarray:
        """Diagonal T, shape (size,)."""
        return np.where(self.diagonal, scale, 0.0)

    def same(self, t: np.ndarray, k: int) -> list[np.ndarray]:
        """Return other t of the same Sigma, for a t whose diagonal element k is 0.

        Column k can then be rotated into the next one: its sign, or all that the two have in the row below. From each
        such t, lifting element k leads in another direction.
        """
        at = 0
        for block in self._blocks:
            end = at + len(block.diagonal)
            if k < end:
                return [np.concatenate([t[:at], other, t[end:]]) for other in block.same(t[at:end], k - at)]
            at = end
        return []

    def to_theta(self, t: np.ndarray) -> np.ndarray:
        """Map to (log sd / sigma, atanh partial correlations), shape (size,); a zero sd gives -inf."""
        theta, at = np.zeros(self.size), 0
        with np.errstate(divide="ignore", invalid="ignore"):
            for block in self._blocks:
                block.to_theta(t[at : at + len(block.diagonal)], theta)
                at += len(block.diagonal)
        return theta

    def pull_back(self, t: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Turn a gradient with respect to theta into one with respect to t; both (size,).

        Elements of theta at infinity contribute no slope: the function is even in a diagonal element at 0.
        """
        steps = 1e-6 * np.maximum(np.abs(t), 1e-3)
        out = np.zeros(self.size)
        for k in range(self.size):
            ahead, behind = t.copy(), t.copy()
            ahead[k] += steps[k]
            behind[k] -= steps[k]
            with np.errstate(invalid="ignore"):
                change = (self.to_theta(ahead) - self.to_theta(behind)) / (2 * steps[k])
            out[k] = slope[np.isfinite(change)] @ change[np.isfinite(change)]
        return out


def relative_coordinates(marginal: Marginal) -> Relative:
    """Lay out the coordinates of a marginal's theta."""
    layout, design = marginal.layout, marginal.design
    blocks: list[_Block | _Structured] = []
    of_effect: list[np.ndarray] = [np.zeros((0, 2), np.int64)]
    partial = layout.sds
    for place, f in enumerate(marginal.arrangement.order):
        shift, q = marginal.units.factors[f].shift, len(design.factors[f].names)
        if design.factors[f].structure.is_stated:
            correlations = np.unique(layout.partial_at[layout.partial_factor == place])
            blocks.append(_Structured(np.unique(layout.sd_at[place, :q]), correlations))
            of_effect.append(_placed(blocks[-1], f, np.array(design.factors[f].structure.own_sds)))
            partial += len(correlations)
            continue
        for block in design.factors[f].blocks:
            k = len(block)
            rows, columns = np.tril_indices(k)
            pairs = k * (k - 1) // 2
            blocks.append(
                _Block(
                    layout.sd_at[place, list(block)],
                    partial + np.arange(pairs),
                    rows,
                    columns,
                    shift[np.ix_(block, block)],
                )
            )
            of_effect.append(_placed(blocks[-1], f, np.array(block)))
            partial += pairs
    diagonal = np.concatenate([np.zeros(0, bool), *(block.diagonal for block in blocks)])
    return Relative(diagonal, np.concatenate(of_effect), tuple(blocks))


def _placed(block: _Block | _Structured, factor: int, effects: np.ndarray) -> np.ndarray:
    """Return factor and effect of a block's elements, whose diagonal has these effects, (elements, 2)."""
    out = np.full((len(block.diagonal), 2), -1)
    out[block.diagonal] = np.stack([np.full(len(effects), factor), effects], axis=1)
    return out


@dataclass(frozen=True, eq=False)
class Roots:
    """Roots of the covariance of every factor's effects in the algebra, linear in t.

    With T in block diagonal form, Lambda = B C T, C the inverse of B within blocks, is the root of Relative's Sigma up
    to a rotation of the effects. Factors are in order of elimination; one with fewer effects than another is padded
    with ones on the diagonal.

    Attributes
    ----------
    outer
        B C, (factors, most effects, most effects).
    padding
        T where all elements are 0: the padding, same shape.
    place, row, column
        Factor, row and column of each element of t, (size,).
    """

    outer: np.ndarray
    padding: np.ndarray
    place: np.ndarray
    row: np.ndarray
    column: np.ndarray

    def factors(self, t: np.ndarray) -> np.ndarray:
        """Return T of every factor, (factors, most effects, most effects)."""
        out = self.padding.copy()
        out[self.place, self.row, self.column] = t
        return out

    def elements(self, factors: np.ndarray) -> np.ndarray:
        """Return the elements of T of every factor, (size,)."""
        return factors[self.place, self.row, self.column]

    def of(self, t: np.ndarray) -> np.ndarray:
        """Return Lambda of every factor, (factors, most effects, most effects)."""
        return self.outer @ self.factors(t)

    def pull_back(self, slope: np.ndarray, t: np.ndarray) -> np.ndarray:
        """Turn a gradient with respect to Lambda, in its shape, into one with respect to t, (size,), at any t."""
        return self.elements(self.outer.transpose(0, 2, 1) @ slope)


def covariance_roots(marginal: Marginal) -> Roots:
    """Lay out the roots of a marginal's factors, whose elements are in the order of `Relative`."""
    order, most = marginal.arrangement.order, marginal.layout.shifts.shape[1]
    outer, padding = np.tile(np.eye(most), (len(order), 1, 1)), np.zeros((len(order), most, most))
    elements: list[tuple[int, int, int]] = []
    for factor in marginal.design.factors:
        if factor.structure.is_stated:
            raise EngineError(
                "maximum likelihood of this kind is not available for covariances with a structure",
                got=f"{factor.structure.in_words} over {factor.name}",
                allowed="effects with unstructured covariances, or independent ones",
                do="use pp.fit; pp.maximum_likelihood has such covariances for normal responses",
            )
    for place, f in enumerate(order):
        shift = marginal.units.factors[f].shift
        q = len(shift)
        inside = np.eye(q)
        padding[place, range(q, most), range(q, most)] = 1.0
        for block in marginal.design.factors[f].blocks:
            inside[np.ix_(block, block)] = np.linalg.inv(shift[np.ix_(block, block)])
            elements += [(place, row, column) for i, row in enumerate(block) for column in block[: i + 1]]
        outer[place, :q, :q] = shift @ inside
    return Roots(outer, padding, *np.array(elements, np.int64).reshape(-1, 3).T)


def relative_diagonal(root: np.ndarray) -> np.ndarray:
    """Return the diagonal of the Cholesky factor of L L', (effects,), from any root L (effects, effects)."""
    return np.abs(np.diagonal(np.linalg.qr(root.T, mode="r")))
