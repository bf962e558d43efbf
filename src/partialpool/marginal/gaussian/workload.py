"""Cost of one evaluation of the collapsed density, from the design alone, before moments are computed or arranged.

It follows `arrange`: the factor with most columns is the leaf, one above it the branch, all others the dense tail.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.marginal.gaussian.ordering import BRANCH_FROM

__all__ = ["Workload", "expect_workload"]

_CALL: Final = 4e-5
_LEVEL: Final = 1e-7
_PAIR: Final = 2e-8
_LOOPED: Final = 3e-10
_BLOCKED: Final = 1e-10
"""Measured seconds per evaluation, per level, per pair of its effects, and per multiplication within and beyond the
size of the cache."""
_CACHED: Final = 1e7


@dataclass(frozen=True)
class Workload:
    """The work of one evaluation.

    Attributes
    ----------
    size
        Number of elements of theta, with default priors of the fixed effects.
    levels, pairs
        Levels that are eliminated one by one, and pairs of effects in them, q^2 per level.
    tail
        Columns of the dense tail.
    multiplications
        As `Arrangement.work` counts them.
    """

    size: int
    levels: int
    pairs: int
    tail: int
    multiplications: float

    @property
    def seconds(self) -> float:
        """Processor seconds of one density on a machine of 2025."""
        return _CALL + self.elimination_seconds

    @property
    def elimination_seconds(self) -> float:
        """Processor seconds of the elimination alone, without the call from Python."""
        work = self.multiplications
        alone = _LEVEL * self.levels + _PAIR * self.pairs
        return alone + _LOOPED * min(work, _CACHED) + _BLOCKED * max(work - _CACHED, 0.0)


def expect_workload(design: Design) -> Workload:
    """Count the work of one evaluation, roughly; levels with a known covariance count as if independent.

    So do the levels of rows that belong to several, where they are rotated; otherwise they are part of the tail.
    """
    largest = sorted(design.factors, key=lambda f: -f.n_levels * len(f.names))
    rotated = largest[0] if largest and largest[0].has_members and len(largest[0].names) == 1 else None
    factors = sorted(largest, key=lambda f: f.has_members and f is not rotated)
    partials = sum(len(block) * (len(block) - 1) // 2 for f in factors for block in f.blocks)
    size = sum(len(f.names) for f in factors) + partials + (design.se is None)
    width = len(design.common.coefs) + 1
    if not factors:
        return Workload(size, 0, 0, 0, (width - 1) ** 3 / 3)
    if factors[0].has_members and factors[0] is not rotated:
        columns = sum(f.n_levels * len(f.names) for f in factors)
        return Workload(size, 0, 0, columns, (columns + width - 1) ** 3 / 3)
    leaf, others = factors[0], factors[1:]
    branch = next(
        (f for f in others if f.n_levels * len(f.names) >= BRANCH_FROM and leaf.parent_levels(f) is not None), None
    )
    tail = [f for f in others if f is not branch]
    columns = sum(f.n_levels * len(f.names) for f in tail)
    work = _level_by_level(leaf, tail, width + (len(branch.names) if branch else 0), design.n_rows)
    if branch:
        work += _level_by_level(branch, tail, width, design.n_rows)
    alone = [leaf, branch] if branch else [leaf]
    levels, pairs = sum(f.n_levels for f in alone), sum(f.n_levels * len(f.names) ** 2 for f in alone)
    return Workload(size, levels, pairs, columns, work + (columns + width - 1) ** 3 / 3)


def _level_by_level(factor: FactorEffects, tail: list[FactorEffects], width: int, rows: int) -> float:
    """Return the multiplications of eliminating a factor whose rows are spread at random over the tail's levels.

    A level that is a combination of others shares rows with all of them.
    """
    each = np.inf if factor.has_members else rows / factor.n_levels
    listed = sum(len(f.names) * f.n_levels * -np.expm1(-each / f.n_levels) for f in tail)
    return float(len(factor.names) * factor.n_levels * (listed + width) ** 2)
