"""Covariances with a structure whose parameters the data cannot identify.

With Sigma_f a function of few parameters theta (sds that effects share, one correlation rho), the data's covariance has
the derivatives

    dV / d theta_k = sum over entries (a, b) of J_ab,k D_ab,    J = d Sigma / d theta,

and theta is identified at a point where these are linearly independent (Rothenberg 1971), D_ab as in
`covariance_gram.py`. The point is one without symmetries, so that what is not identified there is identified nowhere,
but for a few points: sds that are all different, rho = 0.4.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.csgraph import connected_components

from partialpool.design.covariance_gram import Part, common_basis, gram_matrices, part_of, residual_part
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects

__all__ = ["StructuredSet", "structured_sets"]

_TOLERANCE = 1e-10
"""Eigenvalues of the Gram matrix (of matrices of norm 1) that count as zero: rounding errors are about 1e-14."""
_INVOLVED = 1e-4
"""Share of a direction above which a parameter counts as part of it."""
_RHO = 0.4
_MOST_ENTRIES = 600
"""Most entries of all Sigmas for which this is judged: the Gram matrix has their number squared."""


@dataclass(frozen=True)
class StructuredSet:
    """Parameters that the data do not identify together.

    Attributes
    ----------
    sds, correlations
        Names of sds and correlations.
    factors
        Positions of their factors among the grouping factors.
    has_residual
        Whether the residual is among them.
    """

    sds: tuple[str, ...]
    correlations: tuple[str, ...]
    factors: tuple[int, ...]
    has_residual: bool


@dataclass(frozen=True, eq=False)
class _Column:
    """One parameter: its name, its factor (-1 for the residual), and its column of J over the entries of its part."""

    name: str
    factor: int
    is_sd: bool
    entries: np.ndarray


def structured_sets(design: Design, *, has_residual: bool) -> list[StructuredSet]:
    """Find the sets of parameters, with those of a structured covariance among them, that are not identified."""
    structured = [k for k, factor in enumerate(design.grouping) if factor.structure.is_stated]
    parts = [part_of(factor) for factor in design.grouping]
    if not structured or sum(len(part.pairs) for part in parts) > _MOST_ENTRIES:
        return []
    if has_residual:
        parts.append(residual_part(design.n_rows))
    plain, projected = gram_matrices(parts, common_basis(design))
    columns, starts = [], np.cumsum([0, *(len(part.pairs) for part in parts)])
    for k, part in enumerate(parts):
        columns.append(_columns(part, k, np.diagonal(plain)[starts[k] : starts[k + 1]]))
    flat = [column for own in columns for column in own]
    jacobian = np.zeros((len(plain), len(flat)))
    at = 0
    for k, own in enumerate(columns):
        for column in own:
            jacobian[starts[k] : starts[k + 1], at] = column.entries
            at += 1
    size = np.sqrt(np.einsum("ek,ef,fk->k", jacobian, plain, jacobian))
    jacobian /= np.where(size > 0, size, 1.0)
    values, vectors = np.linalg.eigh(jacobian.T @ projected @ jacobian)
    null = vectors[:, values <= _TOLERANCE]
    shares = null @ null.T
    _, component = connected_components(sparse.csr_array(np.abs(shares) > _INVOLVED**2), directed=False)
    found = []
    for one in np.unique(component[np.diagonal(shares) > _INVOLVED**2]):
        members = [flat[k] for k in np.flatnonzero(component == one)]
        if any(member.factor in structured for member in members):
            found.append(_described(members))
    return found


def _described(members: Sequence[_Column]) -> StructuredSet:
    own = [member for member in members if member.factor >= 0]
    return StructuredSet(
        tuple(member.name for member in own if member.is_sd),
        tuple(member.name for member in own if not member.is_sd),
        tuple(dict.fromkeys(member.factor for member in own)),
        len(own) < len(members),
    )


def _columns(part: Part, place: int, norms: np.ndarray) -> list[_Column]:
    """Return the parameters of a part; those of an unstructured one are the entries of Sigma."""
    factor = part.factor
    if factor is None:
        return [_Column("", -1, is_sd=True, entries=np.ones(1))]
    if factor.structure.is_stated:
        return _structured(part, factor, place)
    own = {a: np.sqrt(norm) for (a, b), norm in zip(part.pairs, norms, strict=True) if a == b}
    found = []
    for k, (a, b) in enumerate(part.pairs):
        entries = np.zeros(len(part.pairs))
        entries[k] = 1 / np.sqrt(own[a] * own[b])
        found.append(_Column(_name(factor, part.effects[a], part.effects[b]), place, is_sd=a == b, entries=entries))
    return found


def _structured(part: Part, factor: FactorEffects, place: int) -> list[_Column]:
    """Return the sds and correlations of a covariance with a structure, at a point without symmetries."""
    effects, structure = list(part.effects), factor.structure
    root = np.linalg.inv(part.to_own)
    rms = np.sqrt((factor.values[:, effects] ** 2).mean(axis=0))
    shared = np.array([structure.sd_of[effect] for effect in effects])
    first = {own: k for k, own in enumerate(dict.fromkeys(shared.tolist()))}
    sd = np.array([(1 + 0.3 * np.sqrt(2 + first[own]) % 1) for own in shared.tolist()]) / rms
    corr, slope, blocks = np.eye(len(effects)), np.zeros((len(effects), len(effects))), []
    for block in part.blocks:
        apart = np.abs(np.subtract.outer(np.arange(len(block)), np.arange(len(block))))
        apart = np.minimum(apart, 1) if structure.kind == "cs" else apart
        inside = np.ix_(block, block)
        if structure.has_one_correlation and len(block) > 1:
            corr[inside] = _RHO**apart
            slope[inside] = apart * _RHO ** np.maximum(apart - 1, 0)
            blocks.append(block)
    found = []
    for own in first:
        here = (shared == own).astype(float)
        change = (np.outer(here, sd) + np.outer(sd, here)) * corr
        name = _name(factor, own, own)
        found.append(_Column(name, place, is_sd=True, entries=_entries(part, root @ change @ root.T)))
    for block in blocks:
        change = np.zeros_like(corr)
        inside = np.ix_(block, block)
        change[inside] = (sd[:, None] * slope * sd)[inside]
        name = _name(factor, effects[block[0]], effects[block[1]])
        found.append(_Column(name, place, is_sd=False, entries=_entries(part, root @ change @ root.T)))
    return found


def _entries(part: Part, change: np.ndarray) -> np.ndarray:
    """Return a symmetric matrix as coefficients of the entries, of which those off the diagonal have length 1."""
    return np.array([change[a, b] * (1.0 if a == b else np.sqrt(2)) for a, b in part.pairs])


def _name(factor: FactorEffects, a: int, b: int) -> str:
    names = factor.names
    return f"sd_{factor.name}[{names[a]}]" if a == b else f"corr_{factor.name}[{names[a]}, {names[b]}]"
