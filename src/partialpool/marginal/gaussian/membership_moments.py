"""Moments of rows that belong to several levels of a factor: Z'Z has entries between its levels.

Z is sparse, with the columns of one level side by side. Z_f'Z_g is a sparse product, stored for the pairs of levels
that share a row, and so is what Z_f'Z_f has between different levels of f.
"""

import numpy as np
from scipy import sparse

from partialpool.marginal.gaussian.moments import Coupling, Moments

__all__ = ["membership_moments"]


def membership_moments(
    memberships: list[sparse.csr_array], z: list[np.ndarray], xy: np.ndarray, several: list[bool]
) -> Moments:
    """Collect the moments of rows that are in `Units` and weighted already.

    Parameters
    ----------
    memberships, z
        Weights of the levels of each row, and its effects, by factor: (rows, levels), (rows, effects).
    xy
        [X y], (rows, columns + 1).
    several
        By factor, whether rows have several levels.
    """
    columns = [_columns(w, values) for w, values in zip(memberships, z, strict=True)]
    widths = [values.shape[1] for values in z]
    own, among = [], []
    for f, (one, w) in enumerate(zip(columns, memberships, strict=True)):
        pairs = _coupling(one, one, widths[f], widths[f])
        same, before = pairs.first == pairs.second, pairs.first < pairs.second
        blocks = np.zeros((w.shape[1], widths[f], widths[f]))
        blocks[pairs.first[same]] = pairs.values[same]
        own.append(blocks)
        between = Coupling(pairs.first[before], pairs.second[before], pairs.values[before])
        among.append(between if several[f] else None)
    dense = tuple(
        (one.T @ xy).reshape(w.shape[1], -1, xy.shape[1]) for one, w in zip(columns, memberships, strict=True)
    )
    couplings = tuple(
        tuple(_coupling(columns[f], columns[g], widths[f], widths[g]) for g in range(f + 1, len(z)))
        for f in range(len(z))
    )
    return Moments(len(xy), 0.0, tuple(own), dense, couplings, xy.T @ xy, tuple(among))


def _columns(weights: sparse.csr_array, z: np.ndarray) -> sparse.csr_array:
    """Return Z, (rows, levels x effects), the effects of a level side by side."""
    q, entries = z.shape[1], np.diff(weights.indptr)
    values = weights.data[:, None] * np.repeat(z, entries, axis=0)
    places = weights.indices[:, None].astype(np.int64) * q + np.arange(q)
    shape = weights.shape[0], weights.shape[1] * q
    return sparse.csr_array((values.ravel(), places.ravel(), weights.indptr.astype(np.int64) * q), shape=shape)


def _coupling(one: sparse.csr_array, other: sparse.csr_array, q: int, p: int) -> Coupling:
    """Return the products of two factors' columns, for the pairs of levels that share a row, in order."""
    product = sparse.coo_array(one.T @ other)
    row, column = product.coords
    (first, a), (second, b) = np.divmod(row.astype(np.int64), q), np.divmod(column.astype(np.int64), p)
    width = other.shape[1] // p
    found, place = np.unique(first * width + second, return_inverse=True)
    values = np.zeros((len(found), q, p))
    values[place, a, b] = product.data
    return Coupling(found // width, found % width, values)
