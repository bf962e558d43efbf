"""A system whose moments are a sum of sets with coefficients, and the derivative of the density in each coefficient.

All arrays of a `System` are linear in the moments, so that those of sum_k C_k M_k are the sums of those of every set,
which are stored one below the other. Fisher's identity gives the derivative: with r = W v, v = (-Lambda u, combine),

    d log p / d C_k = -1/2 E[v' M_k v | y, theta].
"""

from typing import NamedTuple

import numpy as np

from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Forward, Scales, unscale, unscale_both
from partialpool.marginal.gaussian.dense import inverse, solve_upper, solve_upper_columns
from partialpool.marginal.gaussian.leaf_cholesky import leaf_factor, leaf_row, widest
from partialpool.marginal.gaussian.ordering import Branch, Leaf, System, Tail

__all__ = ["Sets", "add_expected_products", "blend", "stack_sets"]


class Sets(NamedTuple):
    """The moments of every set as rows of one matrix each; none of them is merged over levels, and none has a branch.

    Attributes
    ----------
    system
        The places of everything; its moments are those of all sets together, with coefficients 1.
    gram, tail_values, dense
        Of the leaf, each flat, (sets, numbers).
    tail
        Gram matrix of the tail, flat, (sets, numbers).
    """

    system: System
    gram: np.ndarray
    tail_values: np.ndarray
    dense: np.ndarray
    tail: np.ndarray


def stack_sets(whole: System, systems: list[System]) -> Sets:
    """Stack the moments of systems that have the same places."""
    return Sets(
        whole,
        np.array([s.leaf.gram.ravel() for s in systems]),
        np.array([s.leaf.tail_values.ravel() for s in systems]),
        np.array([s.leaf.dense.ravel() for s in systems]),
        np.array([s.tail.gram.ravel() for s in systems]),
    )


@part
def _sum_of(parts: np.ndarray, weights: np.ndarray, i: int) -> np.ndarray:
    """Return sum_k weights[i, k] parts[k]."""
    out = np.zeros(parts.shape[1])
    for k in range(parts.shape[0]):
        t = weights[i, k]
        for j in range(parts.shape[1]):
            out[j] += t * parts[k, j]
    return out


@part
def blend(sets: Sets, weights: np.ndarray, i: int) -> System:
    """Return the system with the coefficients of row i of weights (n, sets)."""
    leaf, tail = sets.system.leaf, sets.system.tail
    blended = Leaf(
        _sum_of(sets.gram, weights, i).reshape(leaf.gram.shape),
        leaf.multiplicity,
        leaf.start,
        leaf.level,
        leaf.branch,
        leaf.up,
        leaf.tail_start,
        leaf.tail,
        leaf.tail_at,
        _sum_of(sets.tail_values, weights, i).reshape(leaf.tail_values.shape),
        _sum_of(sets.dense, weights, i).reshape(leaf.dense.shape),
        leaf.products,
    )
    gram = _sum_of(sets.tail, weights, i).reshape(tail.gram.shape)
    own = Tail(gram, tail.first, tail.levels, tail.effects, tail.columns, tail.common)
    branch = sets.system.branch
    same = Branch(branch.gram, branch.tail_start, branch.tail, branch.tail_values, branch.dense)
    return System(blended, same, own, sets.system.rows)


@part
def add_expected_products(
    sets: Sets, system: System, scales: Scales, common: Common, forward: Forward, out: np.ndarray
) -> None:
    """Add -1/2 E[v' M_k v] to out (sets,), given the blended system and its elimination."""
    tail, leaf = system.tail, system.leaf
    size, rhs, variance = tail.columns + tail.common, len(scales.combine), scales.sigma**2
    mean = forward.center.copy()
    solve_upper(forward.factor, mean)
    cov = inverse(forward.factor)
    unscale(tail, scales, common, mean)
    unscale_both(tail, scales.relative, common, cov)
    v = np.empty(size + rhs)
    for i in range(size):
        v[i] = -mean[i]
    for k in range(rhs):
        v[size + k] = scales.combine[k]
    products = np.empty((size + rhs, size + rhs))
    for i in range(size + rhs):
        for j in range(size + rhs):
            products[i, j] = v[i] * v[j]
    for i in range(size):
        for j in range(size):
            products[i, j] += variance * cov[i, j]
    _add_weighted(sets.tail, products.ravel(), out)
    if leaf.gram.shape[0] > 0:
        gram = np.zeros(leaf.gram.shape)
        listed, dense = np.zeros(leaf.tail_values.shape), np.zeros(leaf.dense.shape)
        _leaf_products(system, scales, cov, v, gram, listed, dense)
        _add_weighted(sets.gram, gram.ravel(), out)
        _add_weighted(sets.tail_values, listed.ravel(), out)
        _add_weighted(sets.dense, dense.ravel(), out)


@part
def _leaf_products(
    system: System,
    scales: Scales,
    cov: np.ndarray,
    v: np.ndarray,
    gram: np.ndarray,
    listed_products: np.ndarray,
    dense: np.ndarray,
) -> None:
    """Write E[v v'] of every level of the leaf: its own block; twice that with listed columns, with [X rhs]."""
    leaf, tail = system.leaf, system.tail
    q, width, variance = leaf.gram.shape[1], leaf.dense.shape[2], scales.sigma**2
    row = np.zeros((q, widest(leaf.tail_start) + width))
    factor, m = np.zeros((q, q)), np.zeros(q)
    for j in range(leaf.gram.shape[0]):
        leaf_factor(leaf.gram, j, scales.relative, 0, factor)
        own = inverse(factor)
        entries = leaf_row(leaf, j, scales.relative, factor, row)
        solve_upper_columns(factor, row, entries)
        begin = leaf.tail_start[j]
        listed = leaf.tail_start[j + 1] - begin
        used = listed + tail.common
        at = np.empty(entries, np.int64)
        for c in range(entries):
            at[c] = leaf.tail[begin + c] if c < listed else tail.columns + c - listed
        # Given the tail, u = row @ v there plus noise of variance `own`; Cov(u, t) = -row Cov(t).
        cross = np.zeros((q, used))
        for a in range(q):
            m[a] = 0.0
            for c in range(entries):
                m[a] += row[a, c] * v[at[c]]
            for c in range(used):
                for d in range(used):
                    cross[a, c] -= row[a, d] * cov[at[d], at[c]]
        for a in range(q):
            for b in range(q):
                for c in range(used):
                    own[a, b] -= cross[a, c] * row[b, c]
        # To effects Lambda u, whose part of v is their negative.
        for a in range(q):
            mean = 0.0
            for b in range(q):
                mean -= scales.relative[0, a, b] * m[b]
            for c in range(entries):
                both = mean * v[at[c]]
                if c < used:
                    for b in range(q):
                        both += variance * scales.relative[0, a, b] * cross[b, c]
                if c < listed:
                    listed_products[begin + c, a] = 2.0 * both
                else:
                    dense[j, a, c - listed] = 2.0 * both
            for b in range(q):
                other, whole = 0.0, 0.0
                for c in range(q):
                    other -= scales.relative[0, b, c] * m[c]
                    for d in range(q):
                        whole += scales.relative[0, a, c] * own[c, d] * scales.relative[0, b, d]
                gram[j, a, b] = mean * other + variance * whole


@part
def _add_weighted(parts: np.ndarray, products: np.ndarray, out: np.ndarray) -> None:
    """Add -1/2 parts @ products to out."""
    for k in range(parts.shape[0]):
        s = 0.0
        for j in range(parts.shape[1]):
            s += parts[k, j] * products[j]
        out[k] -= 0.5 * s
