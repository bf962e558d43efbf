"""Levels with a known covariance, turned into independent ones.

With b ~ N(0, sd^2 K), K = L L', and one effect per level, Z b = Z L u for u ~ N(0, sd^2 I). Z'Z is diagonal, and with
L'Z'Z L = V diag(s) V' the coordinates w = V'u are independent N(0, sd^2) a priori, and the data tell them apart: their
Gram matrix is diag(s). So a factor with a known covariance is one without, of as many pseudo-levels, whose
cross-products are those of its levels times R = L V; afterwards b = R w. One symmetric eigenproblem per model, and
every evaluation costs what it costs without K. The rotation is that of FaST-LMM and GEMMA (Lippert et al. 2011, Nature
Methods 8:833; Zhou & Stephens 2012, Nature Genetics 44:821), on moments, so that levels may have any number of rows and
other factors stand beside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from partialpool.collapse.moments import Coupling, Moments

__all__ = ["Rotation", "find_rotations", "rotate"]


@dataclass(frozen=True, eq=False)
class Rotation:
    """How pseudo-levels make levels.

    Attributes
    ----------
    basis
        V, (levels, pseudo-levels): offsets z of the levels are V times those of the pseudo-levels.
    effects
        R = L V, (levels, pseudo-levels): effects b are R w.
    own
        Z'Z of the pseudo-levels, diag(s), (pseudo-levels,).
    """

    basis: np.ndarray
    effects: np.ndarray
    own: np.ndarray


def find_rotations(moments: Moments, roots: Sequence[np.ndarray | None]) -> tuple[Rotation | None, ...]:
    """Find the rotation of every factor with a known covariance; it depends on the rows, but not on the response.

    Parameters
    ----------
    moments
        Of the levels.
    roots
        L of each factor, (levels, levels), of one effect; None where levels are independent.
    """
    return tuple(
        None if root is None else _rotation(own[:, 0, 0], root) for own, root in zip(moments.own, roots, strict=True)
    )


def _rotation(own: np.ndarray, root: np.ndarray) -> Rotation:
    values, basis = np.linalg.eigh((root.T * own) @ root)
    return Rotation(basis, root @ basis, np.maximum(values, 0.0))


def rotate(moments: Moments, rotations: Sequence[Rotation | None]) -> Moments:
    """Turn the levels of every factor with a rotation into independent pseudo-levels."""
    for f, rotation in enumerate(rotations):
        if rotation is None:
            continue
        own, dense = list(moments.own), list(moments.dense)
        own[f] = rotation.own[:, None, None]
        dense[f] = np.tensordot(rotation.effects, dense[f], axes=(0, 0))
        moments = replace(moments, own=tuple(own), dense=tuple(dense), couplings=_turned(moments, f, rotation.effects))
    return moments


def _turned(moments: Moments, f: int, effects: np.ndarray) -> tuple[tuple[Coupling, ...], ...]:
    """Couplings with factor f: every pseudo-level shares rows with every level of the others."""
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
