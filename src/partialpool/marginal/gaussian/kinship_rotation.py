"""Rotation of levels with a known covariance into independent pseudo-levels.

With b ~ N(0, sd^2 K), K = L L', and one effect per level, Z b = Z L u for u ~ N(0, sd^2 I). Z'Z is diagonal, and with
L'Z'Z L = V diag(s) V' the coordinates w = V'u are independent N(0, sd^2) a priori, and independent in the likelihood:
their Gram matrix is diag(s). So a factor with a known covariance is equivalent to one without, with as many
pseudo-levels, whose cross-products are those of its levels times R = L V; afterwards b = R w. This takes one symmetric
eigenproblem per model, and every evaluation costs the same as without K. The rotation is that of FaST-LMM and GEMMA
(Lippert et al. 2011, Nature Methods 8:833; Zhou & Stephens 2012, Nature Genetics 44:821), applied to moments, so that
levels may have any number of rows and the model may have other factors.

The most common other factor is a copy of it: the same levels without K, for permanent effects of a level that are not
inherited (the permanent environment of a repeatability model). If all levels have the same cross-products, the two are
rotated together. With L = W diag(d) V', Z_f'Z_g = m P for a permutation P, and g rotated by Q = P'W, which is
orthogonal and does not change its prior, V'L' m P Q = m diag(d): each pseudo-level of one shares rows with one of the
other, and the cost is that of two nested factors.

A factor of which rows have several levels, with one effect, is rotated too where no other factor has more columns: its
Z'Z = V diag(s) V' is not diagonal, and w = V'b are independent N(0, sd^2).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from partialpool.marginal.gaussian.crossproducts import Coupling, Moments

__all__ = ["Rotation", "find_rotations", "rotate"]

_EQUAL: Final = 1e-10
"""Relative difference up to which cross-products of levels count as equal."""


@dataclass(frozen=True, eq=False)
class Rotation:
    """The map from pseudo-levels to levels.

    Attributes
    ----------
    basis
        V, (levels, pseudo-levels): offsets z of the levels are V times those of the pseudo-levels.
    effects
        R = L V, (levels, pseudo-levels): effects b are R w.
    own
        Z'Z of the pseudo-levels, diag(s), (pseudo-levels,).
    original
        The factor that this one copies; None if it has a known covariance itself.
    """

    basis: np.ndarray
    effects: np.ndarray
    own: np.ndarray
    original: int | None = None


def find_rotations(
    moments: Moments, roots: Sequence[np.ndarray | None], *, jointly: bool = True
) -> tuple[Rotation | None, ...]:
    """Find the rotation of every factor with a known covariance, and of its copy if the two are rotated together.

    Rotations depend on the rows, but not on the response.

    Parameters
    ----------
    moments
        Moments of the levels.
    roots
        L of each factor, (levels, levels), with one effect; None if levels are independent.
    jointly
        Whether a copy may be rotated together with the factor. With weights that change from one linear predictor to
        the next it must not be: the order of elimination would depend on them.
    """
    found: list[Rotation | None] = [None] * len(roots)
    for f, root in enumerate(roots):
        if root is None:
            if _rotates_members(moments, f):
                found[f] = _rotation_of_members(moments, f)
            continue
        free = [g for g in range(len(roots)) if jointly and roots[g] is None and found[g] is None]
        copy = next((g for g in free if _copies(moments, f, g)), None)
        if copy is None:
            found[f] = _rotation(moments.own[f][:, 0, 0], root)
        else:
            found[f], found[copy] = _rotations_of_both(moments, f, copy, root)
    return tuple(found)


def _rotates_members(moments: Moments, f: int) -> bool:
    """Whether rows have several levels of f, which has one effect and more levels than any other factor has columns."""
    if moments.between_levels(f) is None or moments.own[f].shape[1] > 1:
        return False
    sizes = [own.shape[0] * own.shape[1] for own in moments.own]
    return all(sizes[f] > size for g, size in enumerate(sizes) if g != f)


def _rotation_of_members(moments: Moments, f: int) -> Rotation:
    gram, among = np.diag(moments.own[f][:, 0, 0]), moments.between_levels(f)
    assert among is not None
    gram[among.first, among.second] = gram[among.second, among.first] = among.values[:, 0, 0]
    values, basis = np.linalg.eigh(gram)
    return Rotation(basis, basis, np.maximum(values, 0.0))


def _rotation(own: np.ndarray, root: np.ndarray) -> Rotation:
    values, basis = np.linalg.eigh((root.T * own) @ root)
    return Rotation(basis, root @ basis, np.maximum(values, 0.0))


def _copies(moments: Moments, f: int, g: int) -> bool:
    """Whether g has the levels of f, possibly under other names, and all have the same cross-products."""
    if moments.own[f].shape != moments.own[g].shape or moments.own[g].shape[1] > 1:
        return False
    pairs = moments.coupling(f, g)
    levels = np.arange(len(moments.own[f]))
    if not (np.array_equal(pairs.first, levels) and np.array_equal(np.sort(pairs.second), levels)):
        return False
    products = (moments.own[f].ravel(), moments.own[g].ravel(), pairs.values.ravel())
    return all(np.ptp(values) <= _EQUAL * np.abs(values).max() for values in products)


def _rotations_of_both(moments: Moments, f: int, g: int, root: np.ndarray) -> tuple[Rotation, Rotation]:
    turned, lengths, across = np.linalg.svd(root)
    same = np.empty_like(turned)
    same[moments.coupling(f, g).second] = turned
    own = moments.own[f][0, 0, 0] * lengths**2
    return Rotation(across.T, turned * lengths, own), Rotation(same, same, moments.own[g][:, 0, 0], original=f)


def rotate(moments: Moments, rotations: Sequence[Rotation | None]) -> Moments:
    """Rotate the levels of every factor with a rotation into independent pseudo-levels."""
    for f, rotation in enumerate(rotations):
        if rotation is None:
            continue
        own, dense = list(moments.own), list(moments.dense)
        own[f] = rotation.own[:, None, None]
        dense[f] = np.tensordot(rotation.effects, dense[f], axes=(0, 0))
        among = tuple(None if g == f else pairs for g, pairs in enumerate(moments.among))
        couplings = _turned(moments, f, rotation.effects)
        moments = replace(moments, own=tuple(own), dense=tuple(dense), couplings=couplings, among=among)
    for g, rotation in enumerate(rotations):
        if rotation is not None and rotation.original is not None:
            moments = replace(moments, couplings=_paired(moments, rotation.original, g))
    return moments


def _paired(moments: Moments, f: int, g: int) -> tuple[tuple[Coupling, ...], ...]:
    """Return couplings in which those of a factor and its copy keep only their diagonal; the rest is rounding."""
    pairs = moments.coupling(f, g)
    on = pairs.first == pairs.second
    kept = Coupling(pairs.first[on], pairs.second[on], pairs.values[on])
    couplings = [list(row) for row in moments.couplings]
    couplings[min(f, g)][abs(f - g) - 1] = kept  # the same from either factor, with one effect each
    return tuple(tuple(row) for row in couplings)


def _turned(moments: Moments, f: int, effects: np.ndarray) -> tuple[tuple[Coupling, ...], ...]:
    """Return couplings with factor f: every pseudo-level shares rows with every level of the others."""
    factors = len(moments.own)
    couplings = [list(row) for row in moments.couplings]
    for g in range(factors):
        if g == f:
            continue
        pairs = moments.coupling(f, g)
        levels, q = moments.own[g].shape[:2]
        whole = np.zeros((len(effects), levels, q))
        whole[pairs.first, pairs.second] = pairs.values[:, 0]
        turned = np.tensordot(effects, whole, axes=(0, 0))
        first, second = np.divmod(np.arange(len(effects) * levels), levels)
        made = Coupling(first, second, turned.reshape(-1, 1, q))
        couplings[min(f, g)][abs(f - g) - 1] = made if f < g else made.transposed
    return tuple(tuple(row) for row in couplings)
