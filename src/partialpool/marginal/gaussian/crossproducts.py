"""Cross-products of [Z X y], which contain all that a Gaussian model needs of its rows.

They are computed in one pass, add up over chunks of rows, and do not grow with the number of rows. The idea of
storing only A = [Z X y]'[Z X y] is that of lme4 and MixedModels.jl (Bates et al. 2015, J. Stat. Soft. 67:1,
section 3).
"""

from dataclasses import replace

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.member_effects import MemberEffects
from partialpool.kernels import kernel
from partialpool.marginal.gaussian.membership_moments import membership_moments
from partialpool.marginal.gaussian.moments import Coupling, Moments
from partialpool.marginal.gaussian.standardise import EffectUnits, Units, working_response

__all__ = [
    "Coupling",
    "Moments",
    "add_level_products",
    "collect_moments",
    "coupling_of",
    "moments_of",
    "weighted_columns",
    "weighted_moments",
    "whole_from_lower",
]


def collect_moments(design: Design, units: Units, rows: slice = slice(None)) -> Moments:
    """Collect the moments of some rows of a design.

    Parameters
    ----------
    design
        The model's arrays.
    units
        From `choose_units`; chunks that are to be added must share them.
    rows
        Which rows; all of them by default.
    """
    y, weight = _standard_response(design, units, rows)
    moments = weighted_moments(design, units, y, weight, rows)
    if not design.spec.family_record.on_log_scale:
        return moments
    by_log = float(np.log(design.response.values[rows]).sum())
    return replace(moments, log_jacobian=moments.log_jacobian - by_log)


def weighted_moments(
    design: Design, units: Units, y: np.ndarray, weight: np.ndarray, rows: slice = slice(None)
) -> Moments:
    """Collect the moments of a response in `Units`, (rows,), every row multiplied by a weight, 1 / its sd, (rows,)."""
    z, xy = _weighted(design, units, y, weight, rows)
    if any(isinstance(f, MemberEffects) for f in design.factors):
        several = [isinstance(f, MemberEffects) for f in design.factors]
        found = membership_moments([f.membership[rows] for f in design.factors], z, xy, several)
        return replace(found, log_jacobian=float(np.log(weight).sum()))
    codes = [f.codes[rows] for f in design.factors]
    found = moments_of(codes, z, xy, [f.n_levels for f in design.factors])
    return replace(found, log_jacobian=float(np.log(weight).sum()))


def weighted_columns(design: Design, units: Units) -> tuple[list[np.ndarray], np.ndarray]:
    """Return what `collect_moments` multiplies: Z of every factor, (rows, effects), and [X y], (rows, columns + 1)."""
    return _weighted(design, units, *_standard_response(design, units, slice(None)), slice(None))


def moments_of(codes: list[np.ndarray], z: list[np.ndarray], xy: np.ndarray, sizes: list[int]) -> Moments:
    """Collect the moments of rows that are in `Units` and weighted already.

    Parameters
    ----------
    codes, z
        Level and effects of each row, by factor: (rows,), (rows, effects).
    xy
        [X y], (rows, columns + 1).
    sizes
        Number of levels, by factor.
    """
    blocks = [_level_products(c, v, xy, n) for c, v, n in zip(codes, z, sizes, strict=True)]
    couplings = tuple(
        tuple(coupling_of(codes[f], codes[g], z[f], z[g], sizes[f], sizes[g]) for g in _after(f, z))
        for f in range(len(z))
    )
    own, dense = tuple(o for o, _ in blocks), tuple(d for _, d in blocks)
    return Moments(len(xy), 0.0, own, dense, couplings, xy.T @ xy)


def coupling_of(
    first: np.ndarray, second: np.ndarray, z1: np.ndarray, z2: np.ndarray, levels1: int, levels2: int
) -> Coupling:
    """Return Z_f'Z_g of two factors, given the level (rows,) and the effects (rows, effects) of each."""
    return Coupling(*_pair_products(first, second, z1, z2, levels1, levels2))


def _standard_response(design: Design, units: Units, rows: slice) -> tuple[np.ndarray, np.ndarray]:
    """Return the response in `Units`, and the weight of each row: 1 / its sd, relative to sigma where that is free."""
    y = (working_response(design)[rows] - units.location) / units.unit
    unit = units.unit if design.se is not None else units.unit / units.residual
    return y, np.sqrt(design.row_weights[rows]) * unit


def _weighted(
    design: Design, units: Units, y: np.ndarray, weight: np.ndarray, rows: slice
) -> tuple[list[np.ndarray], np.ndarray]:
    xy = np.column_stack([units.whole_columns(design.common.values[rows]), y]) * weight[:, None]
    return [_standard_effects(f, u, rows, weight) for f, u in zip(design.factors, units.factors, strict=True)], xy


def _after(f: int, z: list[np.ndarray]) -> range:
    return range(f + 1, len(z))


def _standard_effects(factor: FactorEffects, units: EffectUnits, rows: slice, weight: np.ndarray) -> np.ndarray:
    if factor.stretch is not None:
        weight = weight * factor.of_rows(factor.stretch)[rows]
    return np.ascontiguousarray(units.of(factor.values[rows]) * weight[:, None])


def _level_products(codes: np.ndarray, z: np.ndarray, xy: np.ndarray, levels: int) -> tuple[np.ndarray, np.ndarray]:
    """Return Z'Z and Z'[X y] level by level: (levels, q, q) and (levels, q, columns)."""
    own, dense = np.zeros((levels, z.shape[1], z.shape[1])), np.zeros((levels, z.shape[1], xy.shape[1]))
    add_level_products(codes, z, xy, own, dense)
    return whole_from_lower(own), dense


def whole_from_lower(own: np.ndarray) -> np.ndarray:
    """Return symmetric matrices (levels, q, q), given their lower triangles."""
    return np.tril(own) + np.swapaxes(np.tril(own, -1), 1, 2)


@kernel
def add_level_products(codes: np.ndarray, z: np.ndarray, xy: np.ndarray, own: np.ndarray, dense: np.ndarray) -> None:
    """Add the lower triangle of Z'Z, and Z'[X y], level by level: to (levels, q, q) and (levels, q, columns)."""
    n, q = z.shape
    width = xy.shape[1]
    for i in range(n):
        level = codes[i]
        for a in range(q):
            za = z[i, a]
            for b in range(a + 1):
                own[level, a, b] += za * z[i, b]
            for b in range(width):
                dense[level, a, b] += za * xy[i, b]


@kernel
def _pair_products(
    first: np.ndarray, second: np.ndarray, z1: np.ndarray, z2: np.ndarray, levels1: int, levels2: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Sum z1 z2' over the rows of every pair of levels that occurs, pairs sorted; linear in rows."""
    n = len(first)
    start = np.zeros(levels1 + 1, np.int64)
    for i in range(n):
        start[first[i] + 1] += 1
    for level in range(levels1):
        start[level + 1] += start[level]
    order = np.empty(n, np.int64)
    fill = start[:-1].copy()
    for i in range(n):
        order[fill[first[i]]] = i
        fill[first[i]] += 1
    seen = np.full(levels2, -1, np.int64)
    pairs = 0
    for level in range(levels1):
        for k in range(start[level], start[level + 1]):
            if seen[second[order[k]]] != level:
                seen[second[order[k]]] = level
                pairs += 1
    left = np.empty(pairs, np.int64)
    right = np.empty(pairs, np.int64)
    values = np.zeros((pairs, z1.shape[1], z2.shape[1]))
    place = np.full(levels2, -1, np.int64)
    done = 0
    for level in range(levels1):
        begin = done
        for k in range(start[level], start[level + 1]):
            other = second[order[k]]
            if place[other] < begin:
                place[other] = done
                right[done] = other
                done += 1
        right[begin:done].sort()
        for k in range(begin, done):
            left[k] = level
            place[right[k]] = k
        for k in range(start[level], start[level + 1]):
            i = order[k]
            at = place[second[i]]
            for a in range(z1.shape[1]):
                for b in range(z2.shape[1]):
                    values[at, a, b] += z1[i, a] * z2[i, b]
    return left, right, values
