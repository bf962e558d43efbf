"""Arrangement of nested factors with their levels side by side, for densities, draws and gradients."""

from typing import Final

import numpy as np

from partialpool.marginal.gaussian.abreast import Abreast
from partialpool.marginal.gaussian.crossproducts import Moments
from partialpool.marginal.gaussian.nest import Nest
from partialpool.marginal.gaussian.ordering import (
    MOST_NESTED,
    Arrangement,
    Leaf,
    System,
    Tail,
    listed_columns,
    make_tail,
    nested_in_order,
    no_branch,
    no_leaf,
)

__all__ = ["AT_ONCE", "IN_PIECES", "arrange_by_level", "nest_is_faster", "no_nest"]

_SHARED: Final = 0.3
"""Average share of the tail's columns that levels must have for products with all of them to be faster."""
AT_ONCE: Final = 4e6
"""Most products of a factor's levels with columns that are worked on at once: 32 MB, and as much for every thread."""
IN_PIECES: Final = 1e8
"""The same of the leaf where it is worked on in pieces: 0.8 GB, for all threads."""
_FEW: Final = 2500
"""Products that take 10 microseconds side by side: merged levels save less than another kernel costs to compile."""


def arrange_by_level(arrangement: Arrangement, largest: float) -> tuple[System, Nest]:
    """Arrange a system with every level of the leaf by itself, in the same order of elimination.

    Parameters
    ----------
    arrangement
        The system.
    largest
        Most products of the leaf: `AT_ONCE` or `IN_PIECES`. Those of the factors above it are copied by every thread.

    Returns
    -------
    System, Nest
        Where nested factors can be eliminated side by side they make up the nest, and the system is what comes after
        them: it has neither leaf nor branch. Otherwise the nest is empty.
    """
    moments, order, columns = arrangement.moments, arrangement.order, arrangement.columns
    depth = nested_in_order(moments, order)
    nested, others = order[:depth], order[depth:]
    most = dict.fromkeys(nested, AT_ONCE) | dict.fromkeys(nested[:1], largest)
    if not depth or not all(_holds(moments, nested, f, others, len(columns), most[f]) for f in nested):
        return arrangement.density._replace(leaf=arrangement.levels), no_nest(arrangement)
    tail = make_tail(moments, others, columns, arrangement.density.tail.common)
    factors = [_side_by_side(moments, nested[at], nested[at + 1 :], others, tail, columns) for at in range(depth)]
    missing = [_no_levels(len(columns))] * (MOST_NESTED - depth)
    return System(no_leaf(len(columns)), no_branch(len(columns)), tail, moments.rows), Nest(*factors, *missing)


def nest_is_faster(nest: Nest, merged: Leaf) -> bool:
    """Whether densities are evaluated faster with levels side by side than by row of a leaf that may be merged."""
    products, levels = sum(level.columns.size for level in nest), nest.leaf.gram.shape[2]
    return 0 < products <= (np.inf if 2 * len(merged.level) > levels else _FEW)


def no_nest(arrangement: Arrangement) -> Nest:
    """Return a nest without factors."""
    return Nest(*[_no_levels(len(arrangement.columns))] * MOST_NESTED)


def _holds(
    moments: Moments, nested: tuple[int, ...], f: int, others: tuple[int, ...], dense: int, largest: float
) -> bool:
    """Whether products of a factor's levels with every column are few enough, and most of them are not 0."""
    levels, q = moments.own[f].shape[:2]
    columns = sum(moments.own[g].shape[0] * moments.own[g].shape[1] for g in others)
    shared = sum(len(moments.coupling(f, g).first) * moments.own[g].shape[1] for g in others)
    above = sum(moments.own[g].shape[1] for g in nested)
    return shared >= _SHARED * levels * columns and levels * q * (above + columns + dense) <= largest


def _no_levels(dense: int) -> Abreast:
    none = np.zeros(0, np.int64)
    return Abreast(np.zeros((0, 0, 0)), np.zeros((dense, 0, 0)), none, none)


def _side_by_side(
    moments: Moments, f: int, above: tuple[int, ...], others: tuple[int, ...], tail: Tail, columns: np.ndarray
) -> Abreast:
    """Put the levels of a factor side by side: their products with the levels above them, and with all of the tail."""
    levels, q = moments.own[f].shape[:2]
    start, column, value = listed_columns(moments, f, others, tail)
    listed = np.zeros((levels, tail.columns, q))
    listed[np.repeat(np.arange(levels), np.diff(start)), column] = value
    pairs = [moments.coupling(f, g) for g in above]
    shared = [
        *(pair.values.transpose(0, 2, 1) for pair in pairs),
        listed,
        moments.dense[f][:, :, columns].transpose(0, 2, 1),
    ]
    parents = [*(pair.second for pair in pairs), *[np.zeros(0, np.int64)] * (MOST_NESTED - 1 - len(pairs))]
    return Abreast(
        np.ascontiguousarray(moments.own[f].transpose(1, 2, 0)),
        np.ascontiguousarray(np.concatenate(shared, axis=1).transpose(1, 2, 0)),
        *parents,
    )
