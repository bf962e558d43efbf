"""Arrangement of moments as arrays in elimination order: leaf, branch, tail.

The factor with most columns is the *leaf*: its levels share no rows, so that Z'Z is block diagonal and each
level is eliminated separately. A factor in which the leaf is nested can be eliminated level by level after it (the
*branch*). All other factors, the integrated common columns and the right-hand sides form the *tail*, whose
Schur complement is dense. A factor of which rows have several levels belongs to the tail, as its levels share rows.

Levels with equal Z_j'Z_j have equal Cholesky factors, and enter the density only through sum_j E_j (x) E_j
(E_j: cross-products of level j with the tail). If they are many, these sums are stored: one matrix of the tail's size
per pair of effects. If such matrices would be too large, the levels are replaced by the rows of the QR factor of their
stacked E_j: at most effects x columns pseudo-levels. In both cases the number of levels does not matter: a balanced
design costs the same for ten levels as for a million.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from partialpool.marginal.gaussian.crossproducts import Moments
from partialpool.memory import check_fits

__all__ = [
    "MOST_NESTED",
    "TAIL_COPIES",
    "Arrangement",
    "Branch",
    "Leaf",
    "System",
    "Tail",
    "arrange",
    "listed_columns",
    "make_tail",
    "nested_in_order",
    "no_branch",
    "no_leaf",
]

MOST_NESTED: Final = 3
"""Factors nested in one another that are eliminated one after the other."""
BRANCH_FROM: Final = 40
"""Fewest columns for which a nesting factor is eliminated level by level."""
_LARGEST_PRODUCTS: Final = 4e6
"""Most numbers in the sums over patterns: 32 MB, beyond which reading them is slower than reading the rows."""
TAIL_COPIES: Final = 6
"""Matrices of the tail's size in memory at once: moments, two workspaces per thread, and temporary ones."""

_NO_PRODUCTS: Final = np.zeros((0, 0, 0, 0))


class Leaf(NamedTuple):
    """Levels eliminated first, in groups of equal Z'Z ("patterns").

    Attributes
    ----------
    gram, multiplicity
        Z_j'Z_j of each pattern, (patterns, q, q), and how many levels have it.
    start
        First row of each pattern, and the end: (patterns + 1,). A row is a level, or a pseudo-level.
    level
        Level of each row.
    branch, up
        The branch above each row, and Z_j'Z_branch, (rows, q, q of branch).
    tail_start, tail, tail_at, tail_values
        Columns of tail factors that share observations with each row: where their list starts (rows + 1,), which
        columns, at which place of the branch's list, and Z_j'Z_tail (entries, q).
    dense
        Z_j'[X rhs], (rows, q, columns + rhs).
    products
        In place of rows, for E_j = Z_j'[Z_tail X rhs]: sum_j E_ja E_jb' + E_jb E_ja' (once, if a = b) over the levels
        of each pattern, for every pair a <= b of effects, (patterns, pairs, columns, columns); if there are no pairs,
        rows are used.
    """

    gram: np.ndarray
    multiplicity: np.ndarray
    start: np.ndarray
    level: np.ndarray
    branch: np.ndarray
    up: np.ndarray
    tail_start: np.ndarray
    tail: np.ndarray
    tail_at: np.ndarray
    tail_values: np.ndarray
    dense: np.ndarray
    products: np.ndarray


class Branch(NamedTuple):
    """Levels eliminated second: Z'Z (levels, q, q); columns of tail factors and their products; Z'[X rhs]."""

    gram: np.ndarray
    tail_start: np.ndarray
    tail: np.ndarray
    tail_values: np.ndarray
    dense: np.ndarray


class Tail(NamedTuple):
    """The remaining columns: the Gram matrix of [Z_tail X rhs], and first column, levels and effects of each factor."""

    gram: np.ndarray
    first: np.ndarray
    levels: np.ndarray
    effects: np.ndarray
    columns: int
    common: int


class System(NamedTuple):
    """One system in elimination order, as used by the kernels; a design without factors has no leaf rows."""

    leaf: Leaf
    branch: Branch
    tail: Tail
    rows: int


@dataclass(frozen=True, eq=False)
class Arrangement:
    """The system of a model, and the place of each factor in it.

    Attributes
    ----------
    density
        The system with levels of equal Z'Z merged, for the density, its gradient and the factorisation.
    levels
        The leaf with every level separate, for draws of the effects.
    order
        Factors in elimination order; the first is the leaf, unless its levels share rows: then there is none.
    has_branch
        Whether the second is a branch.
    moments, columns
        What is arranged, and the order of its common columns: integrated ones, others, y.
    """

    density: System
    levels: Leaf
    order: tuple[int, ...]
    has_branch: bool
    moments: Moments
    columns: np.ndarray

    @cached_property
    def work(self) -> float:
        """Rough count of multiplications for one evaluation, independent of the machine, for planning."""
        leaf, branch, tail = self.density.leaf, self.density.branch, self.density.tail
        q, width = leaf.up.shape[1], leaf.dense.shape[2] + leaf.up.shape[2]
        entries = np.diff(leaf.tail_start) + width
        above = np.diff(branch.tail_start) + width
        rows = q * (entries**2).sum() + leaf.products.size / 2
        return float(rows + branch.gram.shape[1] * (above**2).sum() + (tail.columns + tail.common) ** 3 / 3)


def arrange(
    moments: Moments, integrated: np.ndarray, *, branch_from: int = BRANCH_FROM, merged: bool = True
) -> Arrangement:
    """Arrange moments for elimination.

    Parameters
    ----------
    moments
        Moments of a whole table.
    integrated
        Which common columns are integrated out, boolean (columns,); the others become right-hand sides, as y is.
    branch_from
        Fewest columns for which a nesting factor is eliminated level by level.
    merged
        Whether levels of equal information are merged.
    """
    columns = np.concatenate([np.flatnonzero(integrated), np.flatnonzero(~integrated), [len(integrated)]])
    order = _order(moments)
    has_branch = nested_in_order(moments, order) > 1 and moments.own[order[1]][:, :, 0].size >= branch_from
    has_leaf = bool(order) and moments.between_levels(order[0]) is None
    tail_factors = order[has_leaf + has_branch :]
    tail = make_tail(moments, tail_factors, columns, int(integrated.sum()))
    branch = _branch(moments, order, has_branch, tail_factors, tail, columns)
    leaf = _leaf(moments, order if has_leaf else (), has_branch, tail_factors, tail, branch, columns)
    if merged and not has_branch and has_leaf and _tail_full(leaf, tail):
        leaf = _by_pattern(leaf, tail)
    system = System(_merged(leaf, tail), branch, tail, moments.rows)
    return Arrangement(system, leaf, order, has_branch, moments, columns)


def _order(moments: Moments) -> tuple[int, ...]:
    """Put the factor with most columns first, those that nest it next, larger ones first; then the others."""
    rest = sorted(range(len(moments.own)), key=lambda f: -moments.own[f].shape[0] * moments.own[f].shape[1])
    rest.sort(key=lambda f: moments.between_levels(f) is not None)
    nested = rest[:1]
    for f in rest[1:]:
        if len(nested) < MOST_NESTED and _all_nest(moments, nested, f):
            nested.append(f)
    return (*nested, *(f for f in rest if f not in nested))


def nested_in_order(moments: Moments, order: tuple[int, ...]) -> int:
    """Count the factors at the head of an order that are nested in all that follow them there, up to `MOST_NESTED`."""
    if not order or moments.between_levels(order[0]) is not None:
        return 0
    depth = 1
    while depth < min(len(order), MOST_NESTED) and _all_nest(moments, order[:depth], order[depth]):
        depth += 1
    return depth


def _all_nest(moments: Moments, below: Sequence[int], f: int) -> bool:
    """Whether each level of the factors below shares rows with one level of f."""
    if any(moments.between_levels(g) is not None for g in (*below, f)):
        return False
    return all(len(moments.coupling(g, f).first) == len(moments.own[g]) for g in below)


def make_tail(moments: Moments, factors: tuple[int, ...], columns: np.ndarray, common: int) -> Tail:
    """Put factors, and common columns in an order, so many of which are integrated out, into a tail."""
    levels = np.array([moments.own[f].shape[0] for f in factors], np.int64)
    effects = np.array([moments.own[f].shape[1] for f in factors], np.int64)
    first = np.concatenate([[0], np.cumsum(levels * effects)]).astype(np.int64)
    k = int(first[-1])
    check_fits(
        TAIL_COPIES * 8.0 * k * k,
        wrong="the crossed factors have too many levels to be integrated out",
        got=f"a dense matrix of {k} x {k}, with its workspaces",
        do="use engine='pymc', or leave out a crossed factor, but not the one with most levels, which costs little",
    )
    gram = np.zeros((k + len(columns), k + len(columns)))
    gram[k:, k:] = moments.common[np.ix_(columns, columns)]
    for n, f in enumerate(factors):
        places = first[n] + np.arange(levels[n] * effects[n]).reshape(levels[n], effects[n])
        gram[places[:, :, None], places[:, None, :]] = moments.own[f]
        among = moments.between_levels(f)
        if among is not None:
            gram[places[among.first][:, :, None], places[among.second][:, None, :]] = among.values
        gram[first[n] : first[n + 1], k:] = moments.dense[f][:, :, columns].reshape(-1, len(columns))
        for m in range(n):
            pairs = moments.coupling(factors[m], f)
            there = first[m] + pairs.first[:, None] * effects[m] + np.arange(effects[m])
            gram[there[:, :, None], places[pairs.second][:, None, :]] = pairs.values
    gram = np.triu(gram) + np.triu(gram, 1).T
    return Tail(gram, first[:-1], levels, effects, k, common)


def listed_columns(
    moments: Moments, f: int, tail_factors: tuple[int, ...], tail: Tail
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the columns of the tail that share rows with each level of f: start, column, Z_f'Z_tail."""
    levels, effects = moments.own[f].shape[:2]
    owners, columns, values = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)], [np.zeros((0, effects))]
    for n, g in enumerate(tail_factors):
        pairs = moments.coupling(f, g)
        q = tail.effects[n]
        owners.append(np.repeat(pairs.first, q))
        columns.append((tail.first[n] + pairs.second[:, None] * q + np.arange(q)).ravel())
        values.append(pairs.values.transpose(0, 2, 1).reshape(-1, effects))
    owner, column, value = np.concatenate(owners), np.concatenate(columns), np.concatenate(values)
    if len(tail_factors) > 1:
        order = np.lexsort((column, owner))
        owner, column, value = owner[order], column[order], value[order]
    start = np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=levels))]).astype(np.int64)
    return start, column, np.ascontiguousarray(value)


def no_leaf(dense: int) -> Leaf:
    """Return a leaf without levels, for so many columns [X rhs]."""
    none, one = np.zeros(0, np.int64), np.zeros(1, np.int64)
    return Leaf(
        np.zeros((0, 1, 1)), np.zeros(0), one, none, none, np.zeros((0, 1, 0)),
        one, none, none, np.zeros((0, 1)), np.zeros((0, 1, dense)), _NO_PRODUCTS,
    )  # fmt: skip


def no_branch(dense: int) -> Branch:
    """Return a branch without levels, for so many columns [X rhs]."""
    none = np.zeros(0, np.int64)
    return Branch(np.zeros((0, 0, 0)), np.zeros(1, np.int64), none, np.zeros((0, 0)), np.zeros((0, 0, dense)))


def _branch(
    moments: Moments,
    order: tuple[int, ...],
    has_branch: bool,
    tail_factors: tuple[int, ...],
    tail: Tail,
    columns: np.ndarray,
) -> Branch:
    if not has_branch:
        return no_branch(len(columns))
    start, column, value = listed_columns(moments, order[1], tail_factors, tail)
    return Branch(
        moments.own[order[1]], start, column, value, np.ascontiguousarray(moments.dense[order[1]][:, :, columns])
    )


def _leaf(
    moments: Moments,
    order: tuple[int, ...],
    has_branch: bool,
    tail_factors: tuple[int, ...],
    tail: Tail,
    branch: Branch,
    columns: np.ndarray,
) -> Leaf:
    if not order:
        return no_leaf(len(columns))
    levels, q = moments.own[order[0]].shape[:2]
    start, column, value = listed_columns(moments, order[0], tail_factors, tail)
    above = np.zeros(levels, np.int64)
    up = np.zeros((levels, q, branch.gram.shape[1]))
    place = np.zeros(len(column), np.int64)
    if has_branch:
        pairs = moments.coupling(order[0], order[1])
        above, up = pairs.second, pairs.values
        width = max(tail.columns, 1)
        owner = np.repeat(np.arange(len(branch.gram)), np.diff(branch.tail_start))
        wanted = np.repeat(above, np.diff(start)) * width + column
        place = (
            np.searchsorted(owner * width + branch.tail, wanted) - branch.tail_start[np.repeat(above, np.diff(start))]
        )
    dense = np.ascontiguousarray(moments.dense[order[0]][:, :, columns])
    one_each = np.arange(levels + 1)
    return Leaf(
        moments.own[order[0]], np.ones(levels), one_each, np.arange(levels), above, np.ascontiguousarray(up),
        start, column, place, value, dense, _NO_PRODUCTS,
    )  # fmt: skip


def _tail_full(leaf: Leaf, tail: Tail) -> bool:
    """Whether every level shares rows with every tail column, so that levels can be compared row by row."""
    return len(leaf.tail) == len(leaf.level) * tail.columns


def _by_pattern(leaf: Leaf, tail: Tail) -> Leaf:
    """Sort levels into groups of equal Z'Z, if there are clearly fewer groups than levels."""
    n, q = leaf.gram.shape[:2]
    flat = np.ascontiguousarray(leaf.gram.reshape(n, -1)[:, np.tril_indices(q)[0] * q + np.tril_indices(q)[1]])
    as_bytes = flat.view(np.dtype((np.void, flat.shape[1] * 8))).ravel()
    _, one_of, group, count = np.unique(as_bytes, return_index=True, return_inverse=True, return_counts=True)
    if 2 * len(count) > n:
        return leaf
    order = np.argsort(group, kind="stable")
    tail_values = leaf.tail_values.reshape(n, tail.columns, q)[order].reshape(-1, q)
    return leaf._replace(
        gram=leaf.gram[one_of],
        multiplicity=count.astype(float),
        start=np.concatenate([[0], np.cumsum(count)]),
        level=order,
        tail_values=tail_values,
        dense=leaf.dense[order],
    )


def _merged(leaf: Leaf, tail: Tail) -> Leaf:
    """Replace the levels of each pattern by their sums, or if those are too large by the rows of their QR factor."""
    n, q, width = leaf.dense.shape
    if len(leaf.gram) == n or len(leaf.gram) == 0:
        return leaf
    k = tail.columns
    shared = np.concatenate([leaf.tail_values.reshape(n, k, q).transpose(0, 2, 1), leaf.dense], axis=2)
    parts = [shared[a:b] for a, b in zip(leaf.start[:-1], leaf.start[1:], strict=True)]
    if len(parts) * q * (q + 1) / 2 * (k + width) ** 2 <= _LARGEST_PRODUCTS:
        return _summed(leaf, parts)
    parts = [part.reshape(len(part), -1) for part in parts]
    parts = [np.linalg.qr(part, mode="r") if len(part) > part.shape[1] else part for part in parts]
    rows = np.concatenate(parts).reshape(-1, q, k + width)
    total = len(rows)
    return leaf._replace(
        start=np.concatenate([[0], np.cumsum([len(part) for part in parts])]),
        level=np.zeros(total, np.int64),
        branch=np.zeros(total, np.int64),
        up=np.zeros((total, q, 0)),
        tail_start=np.arange(total + 1) * k,
        tail=np.tile(np.arange(k), total),
        tail_at=np.zeros(total * k, np.int64),
        tail_values=np.ascontiguousarray(rows[:, :, :k].transpose(0, 2, 1)).reshape(-1, q),
        dense=np.ascontiguousarray(rows[:, :, k:]),
    )


def _summed(leaf: Leaf, parts: list[np.ndarray]) -> Leaf:
    """Replace the levels of each pattern, E (levels, q, columns) each, by their sums of products."""
    q, columns = parts[0].shape[1:]
    products = np.empty((len(parts), q * (q + 1) // 2, columns, columns))
    for n, part in enumerate(parts):
        for pair, (a, b) in enumerate(zip(*np.triu_indices(q), strict=True)):
            half = part[:, a].T @ part[:, b]
            products[n, pair] = half if a == b else half + half.T
    none = np.zeros(0, np.int64)
    return leaf._replace(
        start=np.zeros(len(parts) + 1, np.int64),
        level=none,
        branch=none,
        up=np.zeros((0, q, 0)),
        tail_start=np.zeros(1, np.int64),
        tail=none,
        tail_at=none,
        tail_values=np.zeros((0, q)),
        dense=np.zeros((0, q, leaf.dense.shape[2])),
        products=products,
    )
