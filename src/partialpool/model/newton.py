"""Maximum likelihood of groups of rows, each with its own coefficients, by Newton's method.

With u = d log p / d eta and W the information of every row, a step of the coefficients g of one group of rows is

    (Z'W Z)^-1 Z'u,   eta = rest + Z g

(Fisher scoring where W is the expected information; Nelder & Wedderburn 1972, J. R. Stat. Soc. A 135:370), halved
until the likelihood does not fall. It stops when the step can raise the log likelihood by less than about 1e-13.

A likelihood may increase towards infinity in some direction: only successes in a group, only zeros, a predictor that
separates the outcomes. Linear predictors of the rows then still move by a fixed amount in the last step, although their
information has vanished. In the limit these rows tell nothing more, and the others alone identify what has a finite
estimate (Albert & Anderson 1984, Biometrika 71:1; Geyer 2009, Electron. J. Stat. 3:259).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

__all__ = ["Maxima", "Recession", "Rowwise", "diverging_rows", "maximise_by_group", "recession", "unit_grams"]

_ROUNDS: Final = 200
_HALVINGS: Final = 40
_GAIN: Final = 1e-13
"""Squared length of a step, in standard errors, at which the iteration ends."""
_MOVES: Final = 1e-3
"""Move of a linear predictor in the last step, relative to 1 plus its size, from which it goes to infinity."""
_VANISHED: Final = 1e-250
"""Information from which a row's linear predictor has gone to infinity: kernels keep it above 1e-300."""
_SINGULAR: Final = 1e-10
_FLOOR: Final = 1e-15
_PART: Final = 1e-6
"""Cosine between a functional and a direction to infinity above which the functional goes there too."""


class Rowwise(Protocol):
    """What is maximised: `model.response_density.ResponseDensity` is one."""

    def log_density(self, eta: np.ndarray) -> np.ndarray:
        """Evaluate log p of each row, (rows,)."""

    def curvature(self, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Evaluate d log p / d eta of each row, and its information, (rows,) each."""


@dataclass(frozen=True, eq=False)
class Recession:
    """Directions of the coefficients in which a likelihood rises to infinity.

    Attributes
    ----------
    turn
        Coefficients are `turn` times those in which the directions are stated, (coefs, coefs).
    directions
        Orthonormal, (coefs, directions).
    """

    turn: np.ndarray
    directions: np.ndarray

    def changes(self, functionals: np.ndarray) -> np.ndarray:
        """Whether linear functionals (..., coefs) of the coefficients go to infinity with them, boolean (...)."""
        stated = functionals @ self.turn
        size = np.linalg.norm(stated, axis=-1, keepdims=True)
        return np.asarray((np.abs(stated @ self.directions) > _PART * size).any(axis=-1))

    def turned(self, by: np.ndarray) -> "Recession":
        """Return the directions of coefficients that are `by` times these."""
        return Recession(by @ self.turn, self.directions)


@dataclass(frozen=True, eq=False)
class Maxima:
    """Maximum-likelihood estimates of every group.

    Attributes
    ----------
    estimate
        Coefficients, (groups, coefs): where they are infinite, a point on the way there.
    covariance
        Inverse of Z'W Z at the estimate, of the rows that do not go to infinity, (groups, coefs, coefs).
    identified
        Whether the group's rows identify its coefficients at all, boolean (groups,).
    infinite
        Directions in which the likelihood rises to infinity, of each group that has any.
    """

    estimate: np.ndarray
    covariance: np.ndarray
    identified: np.ndarray
    infinite: Mapping[int, Recession]

    @property
    def is_infinite(self) -> np.ndarray:
        """Which coefficients have no finite estimate, boolean (groups, coefs)."""
        out = np.zeros(self.estimate.shape, bool)
        for group, recession in self.infinite.items():
            out[group] = recession.changes(np.eye(out.shape[1]))
        return out


def unit_grams(gram: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return scales of the coefficients, (groups, coefs), grams with diagonal 1, and which are not singular."""
    scale = np.sqrt(np.maximum(np.diagonal(gram, axis1=1, axis2=2), 1e-300))
    unit = gram / (scale[:, :, None] * scale[:, None, :])
    return scale, unit, np.linalg.eigvalsh(unit)[:, 0] > _SINGULAR


def maximise_by_group(
    density: Rowwise,
    z: np.ndarray,
    codes: np.ndarray,
    rest: np.ndarray,
    start: np.ndarray,
    *,
    can_diverge: bool,
) -> Maxima:
    """Maximise the likelihood of each group of rows over its own coefficients.

    Parameters
    ----------
    density
        log p of the rows.
    z
        Columns of the coefficients, (rows, coefs).
    codes
        Group of each row, (rows,): every group has rows.
    rest
        What the coefficients do not change in the linear predictor, its offset counted, (rows,).
    start
        Coefficients to begin with, (groups, coefs), at which the density is finite.
    can_diverge
        Whether an estimate may be infinite: never under the identity link.
    """
    groups, estimate = len(start), start.copy()
    scale, _, identified = unit_grams(_grams(z, np.ones(len(z)), codes, groups))
    columns = z / scale[codes]
    eta = rest + (z * estimate[codes]).sum(axis=1)
    moves, active = np.zeros(len(eta)), identified.copy()
    with np.errstate(all="ignore"):
        best = np.bincount(codes, density.log_density(eta), groups)
        active &= np.isfinite(best)
        identified &= np.isfinite(best)
        for _ in range(_ROUNDS):
            if not active.any():
                break
            slope, information = density.curvature(eta)
            score = np.stack([np.bincount(codes, slope * column, groups) for column in columns.T], axis=1)
            step = _solve(_grams(columns, information, codes, groups), score)
            step[~active] = 0.0
            along = (columns * step[codes]).sum(axis=1)
            gain = (step * score).sum(axis=1)
            size, best = _sizes(density, eta, along, codes, best)
            estimate += size[:, None] * step / scale
            here = active[codes]
            moves[here] = np.abs(along[here])
            eta = eta + size[codes] * along
            active &= (gain > _GAIN) & (size > 0)
    _, information = density.curvature(eta)
    gone = diverging_rows(moves, eta, information) & can_diverge & identified[codes]
    covariance = _inverses(_grams(columns, np.where(gone, 0.0, information), codes, groups), scale)
    infinite: dict[int, Recession] = {}
    for group in np.unique(codes[gone]).tolist():
        here = codes == group
        found = recession(z[here], ~gone[here])
        if found.directions.size:
            infinite[group] = found
    return Maxima(estimate, covariance, identified, infinite)


def _sizes(
    density: Rowwise, eta: np.ndarray, along: np.ndarray, codes: np.ndarray, best: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of each group's step is taken, 1, 1/2, 1/4 ... or 0, and the log likelihoods there."""
    size = np.ones(len(best))
    for _ in range(_HALVINGS):
        reached = np.bincount(codes, density.log_density(eta + size[codes] * along), len(best))
        falls = ~(reached >= best - 1e-9 * (1 + np.abs(best)))
        if not falls.any():
            return size, reached
        size[falls] /= 2
    return np.where(falls, 0.0, size), np.where(falls, best, reached)


def diverging_rows(moves: np.ndarray, eta: np.ndarray, information: np.ndarray) -> np.ndarray:
    """Whether linear predictors go to infinity, from their last move before convergence, boolean (rows,)."""
    return (np.abs(moves) > _MOVES * (1 + np.abs(eta))) | (information < _VANISHED)


def recession(columns: np.ndarray, kept: np.ndarray) -> Recession:
    """Return the directions of coefficients that leave the kept rows (rows,) of columns (rows, coefs) unchanged."""
    scale = np.linalg.norm(columns, axis=0)
    scale[scale == 0] = 1.0
    q = columns.shape[1]
    _, sizes, axes = np.linalg.svd(np.vstack([columns[kept] / scale, np.zeros((q, q))]))
    return Recession(np.diag(1 / scale), axes[sizes <= np.sqrt(_SINGULAR)].T)


def _grams(z: np.ndarray, weight: np.ndarray, codes: np.ndarray, groups: int) -> np.ndarray:
    """Return Z'WZ of every group, (groups, coefs, coefs)."""
    if groups == 1:
        return np.asarray((z * weight[:, None]).T @ z)[None]
    q = z.shape[1]
    out = np.empty((groups, q, q))
    for i in range(q):
        for j in range(i + 1):
            out[:, i, j] = out[:, j, i] = np.bincount(codes, weight * z[:, i] * z[:, j], groups)
    return out


def _inverses(gram: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return pseudo-inverses of grams of columns divided by their scales, for the columns themselves."""
    size, unit, _ = unit_grams(gram)
    both = size * scale
    return np.asarray(np.linalg.pinv(unit, rcond=_SINGULAR, hermitian=True) / (both[:, :, None] * both[:, None, :]))


def _solve(gram: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return gram^-1 score of every group, (groups, coefs), where a direction may have almost no information."""
    size, unit, _ = unit_grams(gram)
    values, axes = np.linalg.eigh(unit)
    turned = np.einsum("gij,gi->gj", axes, score / size) / np.maximum(values, _FLOOR)
    return np.asarray(np.einsum("gij,gj->gi", axes, turned) / size)
