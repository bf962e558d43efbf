"""The moments of a model that is drawn factor by factor: large factors are blocks, everything else is the tail.

Only the pairs of levels that share rows are stored, so that memory and time are linear in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, pairwise
from typing import Final

import numpy as np
from scipy.linalg import solve_triangular

from partialpool.design.design import Design
from partialpool.lent_record import LentRecord, lend
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.block_cells import Cells
from partialpool.marginal.gaussian.block_factors import block_factors
from partialpool.marginal.gaussian.block_kernel import TailPrior
from partialpool.marginal.gaussian.block_levels import BlockLevels
from partialpool.marginal.gaussian.integrated_columns import columns_of, integrated_columns, normals_of
from partialpool.marginal.gaussian.moments import Moments
from partialpool.marginal.gaussian.parameters import Layout, Normals
from partialpool.marginal.gaussian.standardise import Units
from partialpool.marginal.gaussian.theta_layout import lay_out_theta
from partialpool.marginal.gaussian.unpacked import Unpacked, unpack_many
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, SIGMA, b_name, corr_name, sd_name, z_name

__all__ = ["Blocks", "build_blocks"]

_MERGED: Final = 0.1
"""Most groups of equal levels, as a share of the levels, that are merged: side by side a level takes less time."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """A model in blocks.

    Attributes
    ----------
    design, units
        The model's arrays, and the units of the algebra.
    blocks, small
        Positions of the factors that are blocks, and of those in the tail, in its order.
    levels, products, columns
        Of each block: its levels; products and columns as `draw_block` takes them, of which those of y are scratch.
    cells
        Z_f'Z_g of two blocks f < g by position.
    gram
        [T y]'[T y], (tail + 1, tail + 1): the coordinates of the fixed effects, and the levels of small factors.
    layout, prior
        The elements of theta, factors in the order of the design; the priors of the tail.
    turn, known
        C of the common columns, and what is taken off the response for each coordinate (see `Marginal`).
    rows
        Number of rows.
    """

    design: Design
    units: Units
    blocks: tuple[int, ...]
    small: tuple[int, ...]
    levels: Mapping[int, BlockLevels]
    products: Mapping[int, np.ndarray]
    columns: Mapping[int, np.ndarray]
    cells: Mapping[tuple[int, int], Cells]
    gram: np.ndarray
    layout: Layout
    prior: TailPrior
    turn: np.ndarray
    known: np.ndarray
    rows: int

    @property
    def size(self) -> int:
        """Number of elements of theta."""
        return len(self.layout.kinds)

    @property
    def tail(self) -> int:
        """Number of columns of the tail."""
        return len(self.prior.sd)

    @cached_property
    def lent_layout(self) -> LentRecord:
        """The layout as kernels take it."""
        return lend(self.layout)

    def moved_with(self, f: int) -> np.ndarray:
        """Return the elements of theta that are updated with a block: its own, and those that no block has alone."""
        layout = self.layout
        own = layout.sd_at[f, : layout.effects[f]]
        partials = layout.partial_at[layout.partial_factor == f]
        sigma = [layout.sigma] if layout.sigma >= 0 else []
        found = [*own, *partials, *layout.sd_at[list(self.small), 0], *sigma]
        return np.array(list(dict.fromkeys(found)), np.int64)

    def unpacked(self, theta: np.ndarray) -> Unpacked:
        """Return the parameters of thetas (..., elements), the dimensions before the last flattened."""
        return unpack_many(self.lent_layout, np.ascontiguousarray(theta.reshape(-1, self.size)))

    def turn_of(self, f: int) -> np.ndarray:
        """Return what converts the effects of a level to the units of the data, multiplied from the right."""
        return np.asarray(self.units.factors[f].to_data.T * self.units.unit)

    def effects_in_tail(self, tail: np.ndarray) -> dict[int, np.ndarray]:
        """Return the effects of small factors, (chains, draws, levels, 1), from draws of the tail."""
        found, at = {}, len(self.known)
        for f in self.small:
            n = self.design.factors[f].n_levels
            found[f] = tail[..., at : at + n, None].copy()
            at += n
        return found

    def named(
        self, theta: np.ndarray, tail: np.ndarray, effects: Mapping[int, np.ndarray], *, keep_z: bool
    ) -> dict[str, np.ndarray]:
        """Name draws as posteriors do, in the units of the data.

        Parameters
        ----------
        theta, tail
            (chains, draws, elements), (chains, draws, tail).
        effects
            Of the factors whose effects are named, (chains, draws, levels, effects); these arrays are converted in
            place, since a copy of all may not fit into memory.
        keep_z
            Whether to name the standard normal offsets too.
        """
        shape, coefs = theta.shape[:2], len(self.known)
        given = self.unpacked(theta)
        out: dict[str, np.ndarray] = {}
        if coefs:
            standard = (tail[..., :coefs] + self.known).reshape(-1, coefs)
            out[BETA] = self.units.original(standard @ self.turn.T).reshape(*shape, coefs)
        for f, factor in enumerate(self.design.factors):
            own, q = self.units.factors[f], len(factor.names)
            sd, corr = given.sd[:, f, :q], given.corr[:, f, :q, :q]
            own_sd, own_corr = own.covariance(sd, corr)
            out[sd_name(factor.name)] = own_sd.reshape(*shape, q) * self.units.unit
            if factor.correlated:
                out[corr_name(factor.name)] = own_corr.reshape(*shape, q, q)
            if f not in effects:
                continue
            if keep_z:
                out[z_name(factor.name)] = _offsets(effects[f], sd[:, :, None] * corr)
            turn = self.turn_of(f)
            for values in chain.from_iterable(effects[f]):
                values[:] = values * turn[0, 0] if q == 1 else values @ turn
            out[b_name(factor.name)] = effects[f]
        if self.layout.sigma >= 0:
            out[SIGMA] = given.sigma.reshape(shape) * self.units.residual
        return out


def _offsets(effects: np.ndarray, roots: np.ndarray) -> np.ndarray:
    """Return u of effects R u, (chains, draws, levels, effects), for R (chains x draws, effects, effects)."""
    out = np.empty_like(effects)
    for own, found, root in zip(chain.from_iterable(effects), chain.from_iterable(out), roots, strict=True):
        found[:] = solve_triangular(root, own.T, lower=True).T
    return out


def build_blocks(
    design: Design, priors: PriorSet, known: Accumulated, *, blocks: tuple[int, ...] | None = None
) -> Blocks:
    """Arrange the moments of a model to which `why_not_in_blocks` has nothing to object.

    Parameters
    ----------
    design, priors, known
        The model, and the moments of its rows.
    blocks
        Positions of the factors that are blocks; None for those of `block_factors`. Others must have one effect.
    """
    blocks = block_factors(design) if blocks is None else blocks
    small = tuple(f for f in range(len(design.factors)) if f not in blocks)
    columns = columns_of(coefficient_prior(design, priors), known.units)
    integrated, taken_off = integrated_columns(columns, known.moments)
    moments = known.moments.turned(columns.turn).less(taken_off)
    layout, _ = lay_out_theta(
        design,
        priors,
        known.units,
        range(len(design.factors)),
        has_branch=False,
        coefficients=columns.priors,
        taken_off=columns.taken_off,
        integrated=integrated,
        residual=design.se is None,
    )
    scaled = _Scaled(moments, tuple(own.shift for own in known.units.factors))
    levels = {f: _levels(scaled, f, small) for f in blocks}
    return Blocks(
        design,
        known.units,
        blocks,
        small,
        levels,
        {f: _products(levels[f]) for f in blocks},
        {f: _columns(levels[f]) for f in blocks},
        {(f, g): scaled.cells(f, g) for f in blocks for g in blocks if f < g},
        _gram(scaled, small),
        layout,
        _tail_prior(design, small, normals_of(columns, integrated, taken_off)),
        columns.turn,
        taken_off,
        moments.rows,
    )


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Moments of factors whose columns are multiplied by B (`standardise.py`)."""

    moments: Moments
    shifts: tuple[np.ndarray, ...]

    def own(self, f: int) -> np.ndarray:
        return self.shifts[f].T @ self.moments.own[f] @ self.shifts[f]

    def dense(self, f: int) -> np.ndarray:
        return self.shifts[f].T @ self.moments.dense[f]

    def _values(self, f: int, g: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        coupling = self.moments.coupling(f, g)
        return coupling.first, coupling.second, self.shifts[f].T @ coupling.values @ self.shifts[g]

    def cells(self, f: int, g: int) -> Cells:
        first, second, values = self._values(f, g)
        start = np.searchsorted(first, np.arange(len(self.moments.own[f]) + 1))
        return Cells(start.astype(np.int64), second.astype(np.int32), np.ascontiguousarray(values))

    def products(self, f: int, g: int) -> np.ndarray:
        """Z_f'Z_g as a whole matrix, for g with one effect, (levels of f, effects of f, levels of g)."""
        first, second, values = self._values(f, g)
        out = np.zeros((len(self.moments.own[f]), values.shape[1], len(self.moments.own[g])))
        out[first, :, second] = values[:, :, 0]
        return out


def _levels(scaled: _Scaled, f: int, small: tuple[int, ...]) -> BlockLevels:
    own, dense = np.ascontiguousarray(scaled.own(f)), scaled.dense(f)
    parts = [dense[:, :, :-1], *(scaled.products(f, g) for g in small), dense[:, :, -1:]]
    q, flat = own.shape[1], own.reshape(len(own), -1)
    axis = None if q == 1 else 0  # sorting numbers is much faster than sorting rows
    weight, group, count = np.unique(flat, axis=axis, return_inverse=True, return_counts=True)
    is_merged = len(weight) <= _MERGED * len(own)
    groups = slice(None if is_merged else 0)
    return BlockLevels(
        own,
        np.ascontiguousarray(np.concatenate(parts, axis=2)),
        np.ascontiguousarray(weight.reshape(-1, q, q)[groups]),
        count.astype(float)[groups],
        group.ravel().astype(np.int32),
        np.ascontiguousarray(own.transpose(1, 2, 0)) if not is_merged else np.zeros((q, q, 0)),
    )


def _columns(levels: BlockLevels) -> np.ndarray:
    """Return Z'[T y] with the level last, (tail + 1, effects, levels); no levels where they are merged."""
    return np.ascontiguousarray(levels.dense.transpose(2, 1, 0)[:, :, : levels.gram.shape[2]])


def _products(levels: BlockLevels) -> np.ndarray:
    """Add up the products of the levels of each group, zero for those of y, (pairs, pairs of effects, groups)."""
    groups, (_, q, size) = len(levels.weight), levels.dense.shape
    out = np.zeros((size * (size + 1) // 2, q * (q + 1) // 2, groups))
    for a in range(size - 1 if groups else 0):
        for c in range(a + 1):
            for k in range(q):
                for n in range(k + 1):
                    products = levels.dense[:, k, a] * levels.dense[:, n, c]
                    if n < k:
                        products += levels.dense[:, n, a] * levels.dense[:, k, c]
                    out[a * (a + 1) // 2 + c, k * (k + 1) // 2 + n] = np.bincount(levels.group, products, groups)
    return out


def _gram(scaled: _Scaled, small: tuple[int, ...]) -> np.ndarray:
    """Return [T y]'[T y], (tail + 1, tail + 1)."""
    common = scaled.moments.common
    coefs, counts = len(common) - 1, [len(scaled.moments.own[f]) for f in small]
    first = coefs + np.concatenate([[0], np.cumsum(counts)]).astype(int)
    size = first[-1] + 1
    places = [np.arange(a, b) for a, b in pairwise(first)]
    fixed = np.array([*range(coefs), size - 1])
    gram = np.zeros((size, size))
    gram[np.ix_(fixed, fixed)] = common
    for i, f in enumerate(small):
        gram[places[i], places[i]] = scaled.own(f)[:, 0, 0]
        _set(gram, places[i], fixed, scaled.dense(f)[:, 0])
        for j in range(i):
            _set(gram, places[i], places[j], scaled.products(f, small[j])[:, 0])
    return gram


def _set(gram: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
    """Set a part of a symmetric matrix, and its mirror image."""
    gram[np.ix_(rows, columns)] = values
    gram[np.ix_(columns, rows)] = values.T


def _tail_prior(design: Design, small: tuple[int, ...], normals: Normals) -> TailPrior:
    counts = [design.factors[f].n_levels for f in small]
    coefs, others = len(normals.sd), sum(counts)
    return TailPrior(
        np.concatenate([np.full(coefs, -1), np.repeat(np.array(small, np.int64), counts)]).astype(np.int64),
        np.concatenate([normals.sd, np.ones(others)]),
        np.concatenate([normals.mean, np.zeros(others)]),
    )
