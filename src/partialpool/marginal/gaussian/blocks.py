"""The moments of a model that is drawn factor by factor: large factors are blocks, everything else is the tail.

Only the pairs of levels that share rows are stored, so that memory and time are linear in them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from partialpool.design.design import Design
from partialpool.distributions.density_kernel import encode, placed
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.block_factors import block_factors
from partialpool.marginal.gaussian.block_kernel import BlockLevels, Cells, ThetaPrior
from partialpool.marginal.gaussian.integrated_columns import columns_of, integrated_columns, normals_of
from partialpool.marginal.gaussian.moments import Moments
from partialpool.marginal.gaussian.parameters import Normals
from partialpool.marginal.gaussian.standardise import Units
from partialpool.model.coefficient_prior import coefficient_prior
from partialpool.model.prior_set import PriorSet
from partialpool.names import BETA, SIGMA, b_name, sd_name, z_name

__all__ = ["Blocks", "build_blocks"]


@dataclass(frozen=True, eq=False)
class Blocks:
    """A model in blocks. Every factor has one effect, whose element of theta is its position in the design.

    Attributes
    ----------
    design, units
        The model's arrays, and the units of the algebra.
    blocks, small
        Positions of the factors that are blocks, and of those in the tail, in its order.
    levels, products
        Of each block: its levels; G of `block_kernel.py`, row by row, of which the last is scratch.
    cells
        Z_f'Z_g of two blocks f < g by position.
    gram
        [T y]'[T y], (tail + 1, tail + 1): the coordinates of the fixed effects, and the levels of small factors.
    prior
        The priors of theta and of the tail.
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
    cells: Mapping[tuple[int, int], Cells]
    gram: np.ndarray
    prior: ThetaPrior
    turn: np.ndarray
    known: np.ndarray
    rows: int

    @property
    def size(self) -> int:
        """Number of elements of theta."""
        return len(self.prior.kinds)

    @property
    def tail(self) -> int:
        """Number of columns of the tail."""
        return len(self.prior.sd)

    def value(self, element: int, theta: np.ndarray) -> np.ndarray:
        """Return the sd, or sigma, that an element of theta represents, in `Units`."""
        return placed(int(self.prior.coordinates[element]), self.prior.arguments[element], theta)

    def named(
        self, theta: np.ndarray, tail: np.ndarray, effects: dict[int, np.ndarray], *, keep_z: bool
    ) -> dict[str, np.ndarray]:
        """Name draws as posteriors do, in the units of the data.

        Parameters
        ----------
        theta, tail
            (chains, draws, elements), (chains, draws, tail).
        effects
            Of each block, (chains, draws, levels); these arrays are converted in place, since a copy of all may not fit
            into memory.
        keep_z
            Whether to name the standard normal offsets too.
        """
        shape, coefs = theta.shape[:2], len(self.known)
        out: dict[str, np.ndarray] = {}
        if coefs:
            standard = (tail[..., :coefs] + self.known).reshape(-1, coefs)
            out[BETA] = self.units.original(standard @ self.turn.T).reshape(*shape, coefs)
        at = coefs
        for f in self.small:
            n = self.design.factors[f].n_levels
            effects = effects | {f: tail[..., at : at + n].copy()}
            at += n
        for f, factor in enumerate(self.design.factors):
            own, sd = self.units.factors[f], self.value(f, theta[..., f])
            if keep_z:
                out[z_name(factor.name)] = (effects[f] / sd[..., None])[..., None]
            unit = float(own.to_data[0, 0]) * self.units.unit
            effects[f] *= unit
            out[sd_name(factor.name)] = sd[..., None] * unit
            out[b_name(factor.name)] = effects[f][..., None]
        if self.prior.sigma >= 0:
            out[SIGMA] = self.value(self.prior.sigma, theta[..., self.prior.sigma]) * self.units.residual
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
        Positions of the factors that are blocks; None for those of `block_factors`.
    """
    blocks = block_factors(design) if blocks is None else blocks
    small = tuple(f for f in range(len(design.factors)) if f not in blocks)
    columns = columns_of(coefficient_prior(design, priors), known.units)
    integrated, taken_off = integrated_columns(columns, known.moments)
    moments = known.moments.turned(columns.turn).less(taken_off)
    normals = normals_of(columns, integrated, taken_off)
    scaled = _Scaled(moments, tuple(float(own.shift[0, 0]) for own in known.units.factors))
    levels = {f: _levels(scaled, f, small) for f in blocks}
    return Blocks(
        design,
        known.units,
        blocks,
        small,
        levels,
        {f: _products(levels[f]) for f in blocks},
        {(f, g): scaled.cells(f, g) for f in blocks for g in blocks if f < g},
        _gram(scaled, small),
        _prior(design, priors, known.units, small, normals),
        columns.turn,
        taken_off,
        moments.rows,
    )


@dataclass(frozen=True, eq=False)
class _Scaled:
    """Moments of factors with one effect each, whose columns are multiplied by B (`standardise.py`)."""

    moments: Moments
    shifts: tuple[float, ...]

    def own(self, f: int) -> np.ndarray:
        return self.moments.own[f][:, 0, 0] * self.shifts[f] ** 2

    def dense(self, f: int) -> np.ndarray:
        return self.moments.dense[f][:, 0] * self.shifts[f]

    def cells(self, f: int, g: int) -> Cells:
        coupling = self.moments.coupling(f, g)
        start = np.searchsorted(coupling.first, np.arange(len(self.moments.own[f]) + 1))
        values = coupling.values[:, 0, 0] * (self.shifts[f] * self.shifts[g])
        return Cells(start.astype(np.int64), coupling.second.astype(np.int32), values)

    def products(self, f: int, g: int) -> np.ndarray:
        """Z_f'Z_g as a whole matrix, (levels of f, levels of g)."""
        coupling = self.moments.coupling(f, g)
        out = np.zeros((len(self.moments.own[f]), len(self.moments.own[g])))
        out[coupling.first, coupling.second] = coupling.values[:, 0, 0] * (self.shifts[f] * self.shifts[g])
        return out


def _levels(scaled: _Scaled, f: int, small: tuple[int, ...]) -> BlockLevels:
    own, dense = scaled.own(f), scaled.dense(f)
    parts = [dense[:, :-1], *(scaled.products(f, g) for g in small), dense[:, -1:]]
    weight, group, count = np.unique(own, return_inverse=True, return_counts=True)
    return BlockLevels(own, np.ascontiguousarray(np.hstack(parts)), weight, count.astype(float), group.astype(np.int32))


def _products(levels: BlockLevels) -> np.ndarray:
    """Add up d_j d_j' of the levels of each group, zero for those of y, (pairs, groups)."""
    groups, size = len(levels.weight), levels.dense.shape[1]
    out = np.zeros((size * (size + 1) // 2, groups))
    for a in range(size - 1):
        for c in range(a + 1):
            products = levels.dense[:, a] * levels.dense[:, c]
            out[a * (a + 1) // 2 + c] = np.bincount(levels.group, products, groups)
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
        gram[places[i], places[i]] = scaled.own(f)
        _set(gram, places[i], fixed, scaled.dense(f))
        for j in range(i):
            _set(gram, places[i], places[j], scaled.products(f, small[j]))
    return gram


def _set(gram: np.ndarray, rows: np.ndarray, columns: np.ndarray, values: np.ndarray) -> None:
    """Set a part of a symmetric matrix, and its mirror image."""
    gram[np.ix_(rows, columns)] = values
    gram[np.ix_(columns, rows)] = values.T


def _prior(design: Design, priors: PriorSet, units: Units, small: tuple[int, ...], normals: Normals) -> ThetaPrior:
    codes = []
    for factor, own in zip(design.factors, units.factors, strict=True):
        stated = priors[f"{sd_name(factor.name)}[{factor.sd_parameters[0]}]"]
        codes.append(encode(stated.in_units_of(units.unit / float(own.scale[0]))))
    sigma = len(codes) if design.se is None else -1
    if design.se is None:
        codes.append(encode(priors[SIGMA].in_units_of(units.residual)))
    counts = [design.factors[f].n_levels for f in small]
    coefs, others = len(normals.sd), sum(counts)
    return ThetaPrior(
        np.array([kind for kind, _, _ in codes], np.int64),
        np.array([coordinate for _, coordinate, _ in codes], np.int64),
        np.array([arguments for _, _, arguments in codes], float).reshape(-1, 4),
        sigma,
        np.concatenate([np.full(coefs, -1), np.repeat(np.array(small, np.int64), counts)]).astype(np.int64),
        np.concatenate([normals.sd, np.ones(others)]),
        np.concatenate([normals.mean, np.zeros(others)]),
    )
