"""The joint density of sets of rows, such as all of one subject, with the effects that are theirs alone integrated out.

Whoever leaves a set of rows out leaves out what only these rows tell: effects of levels that occur nowhere else.
With those effects u, Z their columns in the set, r what is left of the response after offset, common effects and the
effects of levels that occur elsewhere too:

    normal:  log N(r; 0, Z S Z' + D),  by Woodbury's identity in the dimension of u: with S = L L', W = L' Z' D^-1 Z L,
             -2 log p = n log 2 pi + log |D| + log |I + W| + r' D^-1 r - v' (I + W)^-1 v,  v = L' Z' D^-1 r

    others:  p = int p(y | eta + Z u) N(u; 0, S) du for one or two effects, by adaptive Gauss-Hermite quadrature: nodes
             at the mode of the integrand, scaled by its curvature there, draw by draw (Pinheiro & Bates 1995, JCGS
             4:12; for such scores Merkle, Furr & Rabe-Hesketh 2019, Psychometrika 84:802)
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Final

import numpy as np
from scipy import special

from partialpool.design.build import Design
from partialpool.design.rows import Rows, own_rows
from partialpool.errors import DataError
from partialpool.names import b_name, corr_name, sd_name
from partialpool.observe.predictor import Draws, linear_predictor
from partialpool.observe.response import log_density_of

__all__ = ["joint_log_density"]

_NODES: Final = {1: 9, 2: 7}
"""Quadrature nodes per effect, by how many effects there are."""
_CLIMB: Final = 30
"""Newton steps towards the mode at most; most sets need three or four."""
_NEAR: Final = 0.1
"""Sds of the integrand from its mode at which the climb ends: the rule does not ask for more."""
_STEP: Final = 1e-3
"""Distance, on the scale of the linear predictor, of the differences that give slope and curvature."""
_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, eq=False)
class _Own:
    """Effects of one level that occurs in one set only."""

    factor: int
    level: int
    columns: np.ndarray
    """(rows of the set, effects), 0 in rows of other levels."""


@dataclass(frozen=True, eq=False)
class _Conditional:
    """Rows of a set given some draws of everything that other rows tell of: eta leaves out what is the set's alone."""

    design: Design
    rows: Rows
    y: np.ndarray
    eta: np.ndarray
    draws: Draws

    def log_density(self, shift: np.ndarray | float) -> np.ndarray:
        """Densities of the rows with the linear predictor shifted, (draws, rows)."""
        return log_density_of(self.y, self.design, self.rows, self.eta + shift, self.draws)


def joint_log_density(design: Design, sets: np.ndarray, draws: Draws) -> np.ndarray:
    """Evaluate log p(rows of a set | everything that other rows tell of), (draws, sets).

    Parameters
    ----------
    design
        The model.
    sets
        Set of each row, 0, 1, ...: the codes of a factor, of this model or another, (rows,).
    draws
        Posterior variables, chains stacked.

    Raises
    ------
    DataError
        A response that is not normal, and more than two effects to integrate out; levels with a known covariance.
    """
    for factor in design.factors:
        factor.check_unrelated("leaving a level out")
    total = len(next(iter(draws.values())))
    normal = design.spec.is_normal
    out = np.empty((total, int(sets.max()) + 1))
    known = [_levels_elsewhere(factor.codes, sets) for factor in design.factors]
    every = own_rows(design)
    for k in range(out.shape[1]):
        index = np.flatnonzero(sets == k)
        own = list(_own_effects(design, index, known))
        effects = sum(u.columns.shape[1] for u in own)
        if not normal and effects > max(_NODES):
            raise DataError(
                "the score of a whole level is integrated over one or two effects where the response is not normal",
                got=f"{effects} effects that occur in these rows alone",
                allowed="a factor with no other factor nested in it, and at most one slope",
                do="compare by rows, or leave out the levels of an inner factor",
            )
        rows, y = every.take(index), design.response.values[index]
        start = None if normal or not own else _middle(design, own, draws)
        size = max(1, _AT_ONCE // (len(index) * max(1, effects) + effects**2))
        for at in range(0, total, size):
            some = {name: values[at : at + size] for name, values in draws.items()}
            conditional = _Conditional(design, rows, y, _rest(design, rows, known, some), some)
            out[at : at + size, k] = (
                _normal(conditional, own)
                if normal
                else _quadrature(conditional, own, start)
                if start is not None
                else conditional.log_density(0.0).sum(axis=1)
            )
    return out


def _levels_elsewhere(codes: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Whether each level occurs in more than one set, (levels,)."""
    pairs = np.unique(np.stack([codes, sets]), axis=1)
    return np.bincount(pairs[0]) > 1


def _own_effects(design: Design, rows: np.ndarray, known: list[np.ndarray]) -> Iterator[_Own]:
    for f, (factor, elsewhere) in enumerate(zip(design.factors, known, strict=True)):
        codes = factor.codes[rows]
        for level in np.unique(codes):
            if not elsewhere[level]:
                yield _Own(f, int(level), factor.values[rows] * (codes == level)[:, None])


def _rest(design: Design, rows: Rows, known: list[np.ndarray], draws: Draws) -> np.ndarray:
    """Linear predictor of the rows without the effects that are theirs alone, (draws, rows)."""
    # Values are set to zero, not effects: a copy of all effects for each set would be quadratic in the levels.
    groups = tuple(
        replace(group, values=group.values * elsewhere[group.codes][:, None])
        for group, elsewhere in zip(rows.groups, known, strict=True)
    )
    return linear_predictor(design, replace(rows, groups=groups), draws)


def _covariance_root(design: Design, own: list[_Own], draws: Draws) -> np.ndarray:
    """Block-diagonal L of the set's own effects, (draws, effects, effects)."""
    total = len(next(iter(draws.values())))
    width = sum(u.columns.shape[1] for u in own)
    root = np.zeros((total, width, width))
    at = 0
    for u in own:
        factor = design.factors[u.factor]
        sd, q = draws[sd_name(factor.name)], u.columns.shape[1]
        block = np.broadcast_to(np.eye(q), (total, q, q))
        if factor.correlated:
            block = np.linalg.cholesky(draws[corr_name(factor.name)] + 1e-12 * np.eye(q))
        root[:, at : at + q, at : at + q] = sd[:, :, None] * block
        at += q
    return root


def _normal(given: _Conditional, own: list[_Own]) -> np.ndarray:
    y, jacobian = given.y, 0.0
    if given.design.spec.family == "lognormal":
        y = np.log(y)
        jacobian = -y.sum()
    noise = given.draws["sigma"][:, None] ** 2 if given.rows.se is None else given.rows.se**2
    noise = np.broadcast_to(noise, given.eta.shape)
    residual = y - given.eta
    log_p = -0.5 * (np.log(2 * np.pi * noise) + residual**2 / noise).sum(axis=1) + jacobian
    if not own:
        return log_p
    turned = _columns(own) @ _covariance_root(given.design, own, given.draws)  # Z L, (draws, rows, effects)
    scaled = turned / noise[:, :, None]
    half = np.linalg.cholesky(np.eye(turned.shape[2]) + turned.transpose(0, 2, 1) @ scaled)
    v = np.einsum("dre,dr->de", scaled, residual)
    solved = np.linalg.solve(half, v[:, :, None])[:, :, 0]
    return log_p - np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1) + 0.5 * (solved**2).sum(axis=1)


def _columns(own: list[_Own]) -> np.ndarray:
    return np.concatenate([u.columns for u in own], axis=1)


def _middle(design: Design, own: list[_Own], draws: Draws) -> np.ndarray:
    """Mean of the effects' draws: where the climb to the mode starts, (effects,)."""
    return np.concatenate([draws[b_name(design.factors[u.factor].name)][:, u.level].mean(axis=0) for u in own])


def _quadrature(given: _Conditional, own: list[_Own], start: np.ndarray) -> np.ndarray:
    z, root = _columns(own), _covariance_root(given.design, own, given.draws)
    m = z.shape[1]
    # In standard coordinates v, u = L v, the prior is N(0, I) whatever the units.
    turned = z @ root  # (draws, rows, effects)
    v = np.linalg.solve(root, np.broadcast_to(start, (len(root), m))[:, :, None])[:, :, 0]
    v, half = _climb(given, turned, v)
    log_scale = -np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(_NODES[m])
    terms = []
    for index in product(range(len(nodes)), repeat=m):
        x = nodes[list(index)]
        place = v + np.linalg.solve(half.transpose(0, 2, 1), np.broadcast_to(x, v.shape)[:, :, None])[:, :, 0]
        # The weights carry exp(-x^2 / 2), which the integrand does not have.
        log_weight = np.log(weights[list(index)]).sum() + 0.5 * x @ x
        prior = -0.5 * (place**2).sum(axis=1) - 0.5 * m * np.log(2 * np.pi)
        joint = given.log_density(np.einsum("dre,de->dr", turned, place)).sum(axis=1)
        terms.append(log_weight + prior + joint)
    return special.logsumexp(np.stack(terms), axis=0) + log_scale


def _climb(given: _Conditional, turned: np.ndarray, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Climb to the mode of p(y | v) N(v; 0, I) and return it with the Cholesky factor of the curvature there."""
    half = np.empty(0)
    for _ in range(_CLIMB):
        shift = np.einsum("dre,de->dr", turned, v)
        below, here, above = (given.log_density(shift + step) for step in (-_STEP, 0.0, _STEP))
        slope = (above - below) / (2 * _STEP)
        # Where a density is not log-concave its curvature may have the wrong sign: the prior's alone is used there.
        curvature = np.maximum(-(above - 2 * here + below) / _STEP**2, 0.0)
        inner = np.eye(v.shape[1]) + turned.transpose(0, 2, 1) @ (turned * curvature[:, :, None])
        half = np.linalg.cholesky(inner)
        gradient = np.einsum("dre,dr->de", turned, slope) - v
        step = np.linalg.solve(inner, gradient[:, :, None])[:, :, 0]
        # Where a likelihood is flat the prior's curvature alone would send a step too far.
        v = v + step * np.minimum(1.0, 2.0 / np.maximum(np.linalg.norm(step, axis=1), 1e-300))[:, None]
        if np.einsum("de,def,df->d", step, inner, step).max() < _NEAR**2:
            break
    return v, half
