"""Gram matrix of the derivatives of the data's covariance: its rank shows which covariance parameters are identified.

The covariance of the linear predictor with its residual is linear in the entries of every Sigma_f and in sigma^2,

    V = sum_k theta_k D_k,    D = Z_a S_f Z_b' + Z_b S_f Z_a' for an entry (a, b) of Sigma_f, I for sigma^2,

with Z_a the diagonal matrix of an effect's values and S_f[i, j] the known covariance of the levels of rows i and j
(1 for the same level, 0 for two independent levels). The residuals after fitting the fixed effects depend on
theta only through P V P, P = I - Q Q', Q an orthonormal basis of the fixed effects' columns: the REML view (Patterson &
Thompson 1971). So theta is identified where the matrices P D_k P are linearly independent (Rothenberg 1971 for the
general rule; Rao & Kleffe 1988, ch. 5, for variance components), which the rank of their Gram matrix shows:

    tr(P D_j P D_k) = tr(D_j D_k) - 2 tr(D_j Q Q' D_k) + tr(Q'D_j Q Q'D_k Q).

No matrix of rows by rows is formed. Let the cells be the observed combinations of the levels of two factors, and in a
cell c

    M_ac(c) = sum over its rows of z_a z_c,    T_b(l) = sum over the rows of level l of z_b q,

the terms are sums over cells: for independent levels tr(D_j D_k) consists of sum_c M_ac(c) M_bd(c), and the second term
of sum_c M_ac(c) T_b(f(c)) . T_d(g(c)), in the four orders of (a, b) and (c, d). The cost is proportional to the rows
times the effects of two factors. Another origin, unit or coding of correlated effects is another basis of the same
matrices: columns of a block are orthonormalised first, so that the result does not depend on it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from scipy import sparse

from partialpool.design.checks import weak_slopes
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects

__all__ = ["Part", "common_basis", "gram_matrices", "part_of", "residual_part"]

_CELLS_AT_ONCE = 1 << 15


@dataclass(frozen=True, eq=False)
class Part:
    """One factor, or the residual, in the form needed for the Gram matrix.

    Attributes
    ----------
    codes, values
        Level of each row, (rows,), and the effects' values with orthonormal columns in each block, (rows, effects).
    n_levels
        Number of levels.
    relatives
        Known covariance among the levels, (levels, levels); None where they are independent.
    blocks
        Positions of the effects that share a covariance matrix.
    to_own
        R^-1 of each block, block-diagonal, (effects, effects): effects in the formula's own columns.
    factor, effects
        The factor and the positions of its effects; None and () for the residual.
    """

    codes: np.ndarray
    values: np.ndarray
    n_levels: int
    relatives: np.ndarray | None
    blocks: tuple[tuple[int, ...], ...]
    to_own: np.ndarray
    factor: "FactorEffects | None" = None
    effects: tuple[int, ...] = ()

    @property
    def pairs(self) -> tuple[tuple[int, int], ...]:
        """The entries of Sigma that are parameters, block by block."""
        return tuple(pair for block in self.blocks for pair in combinations_with_replacement(block, 2))

    def sums(self, basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """T and K T: sums of z q over each level's rows, (levels, effects, columns of the basis)."""
        where = sparse.csr_array(
            (np.ones(len(self.codes)), (self.codes, np.arange(len(self.codes)))), (self.n_levels, len(self.codes))
        )
        own = np.stack([where @ (column[:, None] * basis) for column in self.values.T], axis=1)
        return own, own if self.relatives is None else np.tensordot(self.relatives, own, axes=1)


def residual_part(n_rows: int) -> Part:
    """Return the residual: a factor with a level for each row."""
    return Part(np.arange(n_rows), np.ones((n_rows, 1)), n_rows, None, ((0,),), np.eye(1))


def part_of(factor: FactorEffects) -> Part:
    """Return a factor with orthonormalised blocks, without the slopes that have a separate warning."""
    weak = weak_slopes(factor.codes, factor.n_levels, factor.names, factor.values)
    kept = tuple(e for e, name in enumerate(factor.names) if name not in weak)
    place = {e: k for k, e in enumerate(kept)}
    values, to_own = factor.values[:, kept].copy(), np.eye(len(kept))
    blocks = [own for block in factor.blocks if (own := [place[e] for e in block if e in place])]
    for own in blocks:
        columns, change = _orthonormal(values[:, own])
        values[:, own], to_own[np.ix_(own, own)] = columns, change
    root = factor.root
    relatives = None if root is None else root @ root.T
    return Part(factor.codes, values, factor.n_levels, relatives, tuple(map(tuple, blocks)), to_own, factor, kept)


def _orthonormal(columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return orthogonal columns with mean squares of 1 and the same span, and R^-1."""
    rows, own = columns.shape
    scale = np.sqrt((columns**2).mean(axis=0))
    if rows >= own:
        orthogonal, root = np.linalg.qr(columns / scale)
        if np.abs(np.diagonal(root)).min(initial=np.inf) > 1e-9 * np.sqrt(rows):
            return orthogonal * np.sqrt(rows), np.linalg.inv(root) * np.sqrt(rows)
    # Columns that depend on each other are only scaled: the rank detects them.
    return columns / scale, np.eye(own)


def common_basis(design: Design) -> np.ndarray:
    """Orthonormal basis of the fixed effects' columns, (rows, columns); cutpoints count as intercepts."""
    common = design.common
    constant = common.intercept or design.spec.family_record.has_cutpoints
    columns = [np.ones((design.n_rows, 1))] if constant else []
    basis, _ = np.linalg.qr(np.hstack([*columns, common.standardised]))
    return basis


def gram_matrices(parts: list[Part], basis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """tr(D_j D_k) and tr(P D_j P D_k), (parameters, parameters) each."""
    sums = [part.sums(basis) for part in parts]
    inner = np.concatenate([_inner(part, *own) for part, own in zip(parts, sums, strict=True)])
    starts = np.cumsum([0, *(len(part.pairs) for part in parts)])
    plain = np.zeros((starts[-1], starts[-1]))
    once = np.zeros_like(plain)
    for j, k in combinations_with_replacement(range(len(parts)), 2):
        tensors = _overlap(parts[j], parts[k], sums[j][1], sums[k][1])
        rows, columns = slice(starts[j], starts[j + 1]), slice(starts[k], starts[k + 1])
        for into, tensor in zip((plain, once), tensors, strict=True):
            into[rows, columns] = _of_pairs(tensor, parts[j].pairs, parts[k].pairs)
            into[columns, rows] = into[rows, columns].T
    return plain, plain - 2 * once + inner @ inner.T


def _inner(part: Part, own: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Q'D Q of every entry, (entries, columns squared)."""
    product = np.einsum("lap,lbq->abpq", own, spread, optimize=True)
    product = product + product.transpose(1, 0, 2, 3)
    weights = [1 / 2 if a == b else 1 / np.sqrt(2) for a, b in part.pairs]
    return np.array([w * product[a, b] for w, (a, b) in zip(weights, part.pairs, strict=True)]).reshape(
        len(part.pairs), -1
    )


def _of_pairs(
    tensor: np.ndarray, rows: tuple[tuple[int, int], ...], columns: tuple[tuple[int, int], ...]
) -> np.ndarray:
    """Inner products of symmetric entries from those of single ones; off-diagonal entries also have length 1."""
    both = tensor + tensor.transpose(1, 0, 2, 3)
    both = both + both.transpose(0, 1, 3, 2)
    left, right = (np.array(pairs).reshape(-1, 2) for pairs in (rows, columns))
    weights = [np.where(pairs[:, 0] == pairs[:, 1], 1 / 2, 1 / np.sqrt(2)) for pairs in (left, right)]
    return np.outer(*weights) * both[left[:, :1], left[:, 1:], right[:, 0], right[:, 1]]


def _overlap(
    one: Part, other: Part, mine: np.ndarray | None = None, theirs: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Inner products of E_ab = Z_a S Z_b' of two parts: <E_ab, E_cd> and <E_ab Q, E_cd Q>, each (a, b, c, d)."""
    cells, of_one, of_other = _cells(one, other)
    count, shape = len(of_one), (one.values.shape[1], other.values.shape[1])
    products = [
        np.bincount(cells, x * y, count) if cells is not None else x * y for x in one.values.T for y in other.values.T
    ]
    moments = np.column_stack(products) if products else np.zeros((count, 0))
    plain = _as_tensor(moments.T @ _weighted(one, other, of_one, of_other, moments), shape)
    if mine is None or theirs is None:
        return plain, np.zeros_like(plain)
    flat = np.zeros((moments.shape[1], moments.shape[1]))
    for start in range(0, count, _CELLS_AT_ONCE):
        some = slice(start, start + _CELLS_AT_ONCE)
        met = np.einsum("kbp,kdp->kbd", mine[of_one[some]], theirs[of_other[some]], optimize=True)
        flat += moments[some].T @ met.reshape(len(met), -1)
    return plain, _as_tensor(flat, shape)


def _as_tensor(flat: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """(a c, b d) as (a, b, c, d)."""
    return flat.reshape(*shape, *shape).transpose(0, 2, 1, 3)


def _cells(one: Part, other: Part) -> tuple[np.ndarray | None, np.ndarray, np.ndarray]:
    """Cell of each row (None: a cell per row), and the levels of both parts in each cell."""
    if one is other:
        return one.codes, np.arange(one.n_levels), np.arange(one.n_levels)
    if one.factor is None or other.factor is None:
        return None, one.codes, other.codes
    joint = one.codes.astype(np.int64) * other.n_levels + other.codes
    seen, cells = np.unique(joint, return_inverse=True)
    return cells, seen // other.n_levels, seen % other.n_levels


def _weighted(one: Part, other: Part, of_one: np.ndarray, of_other: np.ndarray, moments: np.ndarray) -> np.ndarray:
    """W M, W[c, c'] the product of both known covariances between the levels of two cells."""
    known = [(part.relatives, levels) for part, levels in ((one, of_one), (other, of_other))]
    if all(matrix is None for matrix, _ in known):
        return moments
    result = np.zeros_like(moments)
    for rows, columns in _pieces(known):
        weights = np.ones((len(rows), len(columns)))
        for matrix, levels in known:
            if matrix is not None:
                weights *= matrix[np.ix_(levels[rows], levels[columns])]
        result[rows] = weights @ moments[columns]
    return result


def _pieces(known: list[tuple[np.ndarray | None, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield pairs of cells of non-zero weight: within each level of a factor without relatives, else all in pieces."""
    independent = next((levels for matrix, levels in known if matrix is None), None)
    count = len(known[0][1])
    if independent is None:
        for start in range(0, count, 256):
            yield np.arange(start, min(start + 256, count)), np.arange(count)
        return
    order = np.argsort(independent, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(independent[order])) + 1):
        yield members, members
