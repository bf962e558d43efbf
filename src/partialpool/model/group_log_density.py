"""Joint density of sets of rows, such as all of one subject, with effects that occur only there integrated out.

Leaving a set of rows out also removes all information on the effects of levels that occur nowhere else. With those
effects u, Z their columns in the set, r the response minus offset, fixed effects and the effects of levels that occur
elsewhere too:

    normal:  log N(r; 0, Z S Z' + D),  by Woodbury's identity in the dimension of u: with S = L L', W = L' Z' D^-1 Z L,
             -2 log p = n log 2 pi + log |D| + log |I + W| + r' D^-1 r - v' (I + W)^-1 v,  v = L' Z' D^-1 r

    others:  p = int p(y | eta + Z u) N(u; 0, S) du for up to three effects, by adaptive quadrature, draw by draw
             (`quadrature`; for such scores Merkle, Furr & Rabe-Hesketh 2019, Psychometrika 84:802)

Each integral is checked against bounds. An average of p(y | u) cannot be above its largest value. Its log cannot be
below the average of the log (Jensen's inequality), which is a sum over rows of integrals over one normal each.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import Rows, own_rows
from partialpool.design.residual_rows import Series
from partialpool.errors import DataError, EngineError
from partialpool.model.log_concave import is_log_concave
from partialpool.model.predictor import Draws, linear_predictor
from partialpool.model.quadrature import MOST_EFFECTS, log_integral
from partialpool.model.response import given_of, log_density_of
from partialpool.names import RESIDUAL_CORRELATION, b_name, corr_name, sd_name

__all__ = ["joint_log_density"]

_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(5)
_WEIGHTS /= _WEIGHTS.sum()
"""Nodes and weights for the lower bound: a few are enough to detect wrong values."""
_SLACK: Final = 0.02
"""Tolerance by which a score may exceed its bounds, relative to 1 + its size: both are rounded."""
_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, eq=False)
class _Own:
    """Effects of a level that occurs in one set only."""

    factor: int
    level: int
    columns: np.ndarray
    """(rows of the set, effects), 0 in rows of other levels."""


@dataclass(frozen=True, eq=False)
class _Conditional:
    """Rows of a set, given draws of all parameters that other rows inform; eta excludes effects of the set alone."""

    design: Design
    rows: Rows
    y: np.ndarray
    eta: np.ndarray
    draws: Draws

    def log_density(self, shift: np.ndarray | float) -> np.ndarray:
        """Return the log densities of the rows with the linear predictor shifted, (draws, rows)."""
        return log_density_of(self.y, self.design, self.rows, self.eta + shift, self.draws)

    def take(self, draws: np.ndarray) -> "_Conditional":
        """Return the same rows under some of the draws."""
        return replace(self, eta=self.eta[draws], draws={name: values[draws] for name, values in self.draws.items()})


def joint_log_density(
    design: Design, sets: np.ndarray, draws: Draws, *, wanted: Sequence[int] | None = None
) -> np.ndarray:
    """Evaluate log p(rows of a set | all parameters that other rows inform), (draws, sets).

    Parameters
    ----------
    design
        The model.
    sets
        Set of each row, 0, 1, ...: the codes of a factor, of this model or another, (rows,).
    draws
        Posterior variables, chains stacked.
    wanted
        Which sets to evaluate, in this order; all if left out.

    Raises
    ------
    DataError
        More than three effects to integrate out for a response that is not normal; levels with a known covariance.
    EngineError
        A score that is not finite, or not within its bounds.
    """
    if any(other.factors for other in design.parameters.values()):
        design.check_no_parameters(
            "the score of a whole level",
            because="effects of a new level on the parameter would have to be integrated out too",
            do="compare by rows, or leave the grouping terms of the parameter out",
        )
    total = len(next(iter(draws.values())))
    normal = design.spec.is_normal
    asked = range(int(sets.max()) + 1) if wanted is None else wanted
    out = np.empty((total, len(asked)))
    known = [factor.is_split_by(sets) for factor in design.factors]
    every = own_rows(design)
    for column, k in enumerate(asked):
        index = np.flatnonzero(sets == k)
        own = list(_own_effects(design, index, known))
        effects = sum(u.columns.shape[1] for u in own)
        if not normal and effects > MOST_EFFECTS:
            raise DataError(
                "the score of a whole level is integrated over at most three effects where the response is not normal",
                got=f"{effects} effects that occur only in these rows",
                allowed="a factor with no other factor nested in it, and at most two slopes",
                do="compare by rows, or leave out the levels of an inner factor",
            )
        rows, y = every.take(index), design.response.values[index]
        guess = None if normal or not own else _middle(design, own, draws)
        size = max(1, _AT_ONCE // (len(index) * max(1, effects if normal else 1) + effects**2))
        for at in range(0, total, size):
            some = {name: values[at : at + size] for name, values in draws.items()}
            conditional = _Conditional(design, rows, y, _rest(design, rows, known, some), some)
            out[at : at + size, column] = (
                _normal(conditional, own)
                if normal
                else _integrated(conditional, own, guess)
                if guess is not None
                else conditional.log_density(0.0).sum(axis=1)
            )
    return _checked(out)


def _checked(scores: np.ndarray) -> np.ndarray:
    wrong = ~np.isfinite(scores)
    if wrong.any():
        draws, sets = int(wrong.any(axis=1).sum()), int(wrong.any(axis=0).sum())
        raise EngineError(
            "the score of a whole level is not a finite number",
            got=f"{draws} of {len(scores)} draws, in {sets} of {scores.shape[1]} levels",
            allowed="draws under which every response has a density",
            do="check the draws of the sds and of the family's parameters, and their priors",
        )
    return scores


def _own_effects(design: Design, rows: np.ndarray, known: list[np.ndarray]) -> Iterator[_Own]:
    for f, (factor, elsewhere) in enumerate(zip(design.factors, known, strict=True)):
        for level in factor.levels_in(rows):
            if not elsewhere[level]:
                factor.check_unrelated("leaving a level out")
                factor.check_normal("leaving a level out")
                yield _Own(f, int(level), factor.columns_of(level, rows))


def _rest(design: Design, rows: Rows, known: list[np.ndarray], draws: Draws) -> np.ndarray:
    """Return the linear predictor of the rows without the effects that occur only there, (draws, rows)."""
    # Values are set to zero, not effects: a copy of all effects for each set would be quadratic in the levels.
    groups = tuple(group.restricted_to(elsewhere) for group, elsewhere in zip(rows.groups, known, strict=True))
    return linear_predictor(design, replace(rows, groups=groups), draws)


def _covariance_root(design: Design, own: list[_Own], draws: Draws) -> np.ndarray:
    """Return block-diagonal L of the set's own effects, (draws, effects, effects)."""
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
    if given.design.spec.family_record.on_log_scale:
        y = np.log(y)
        jacobian = -y.sum()
    sigma = given_of(given.design, given.rows, given.eta, given.draws).sigma
    noise = np.broadcast_to(sigma**2, given.eta.shape)
    residual = y - given.eta
    if given.rows.residual is not None and given.rows.residual.series is not None:
        return _correlated(given, given.rows.residual.series, noise, residual, own) + jacobian
    log_p = -0.5 * (np.log(2 * np.pi * noise) + residual**2 / noise).sum(axis=1) + jacobian
    if not own:
        return log_p
    turned = _columns(own) @ _covariance_root(given.design, own, given.draws)  # Z L, (draws, rows, effects)
    scaled = turned / noise[:, :, None]
    half = np.linalg.cholesky(np.eye(turned.shape[2]) + turned.transpose(0, 2, 1) @ scaled)
    v = np.einsum("dre,dr->de", scaled, residual)
    solved = np.linalg.solve(half, v[:, :, None])[:, :, 0]
    return log_p - np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1) + 0.5 * (solved**2).sum(axis=1)


def _correlated(
    given: _Conditional, series: Series, noise: np.ndarray, residual: np.ndarray, own: list[_Own]
) -> np.ndarray:
    """Evaluate the log density of normal rows whose residuals are correlated within series, (draws,)."""
    every = np.arange(residual.shape[1])
    corr = series.correlation(every, every, given.draws[RESIDUAL_CORRELATION])
    sd = np.sqrt(noise)
    cov = np.where(series.of_row[:, None] == series.of_row, corr, 0.0) * (sd[:, :, None] * sd[:, None, :])
    if own:
        turned = _columns(own) @ _covariance_root(given.design, own, given.draws)
        cov = cov + turned @ turned.transpose(0, 2, 1)
    half = np.linalg.cholesky(cov)
    away = np.linalg.solve(half, residual[:, :, None])[:, :, 0]
    log_det = np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(-0.5 * (away**2).sum(axis=1) - log_det - 0.5 * len(every) * np.log(2 * np.pi))


def _columns(own: list[_Own]) -> np.ndarray:
    return np.concatenate([u.columns for u in own], axis=1)


def _middle(design: Design, own: list[_Own], draws: Draws) -> np.ndarray:
    """Return the means of the effects' draws, which are near the mode of the integrand, (effects,)."""
    return np.concatenate([draws[b_name(design.factors[u.factor].name)][:, u.level].mean(axis=0) for u in own])


def _integrated(given: _Conditional, own: list[_Own], guess: np.ndarray) -> np.ndarray:
    """Return the log density with the set's own effects integrated out, (draws,), after checking its bounds."""
    z, root = _columns(own), _covariance_root(given.design, own, given.draws)
    found = log_integral(given, z, root, guess, concave=is_log_concave(given.design.spec))
    spread = np.sqrt(((root.transpose(0, 2, 1) @ z.T) ** 2).sum(axis=1))
    with np.errstate(all="ignore"):
        rows = sum(weight * given.log_density(node * spread) for node, weight in zip(_NODES, _WEIGHTS, strict=True))
    lowest = np.where(np.isnan(rows), -np.inf, rows).sum(axis=1)
    slack = _SLACK * (1 + np.abs(found.value))
    wrong = ~((found.value > lowest - slack) & (found.value < found.highest + slack))
    if wrong.any():
        raise EngineError(
            "the score of a whole level is outside its bounds",
            got=f"{int(wrong.sum())} of {len(wrong)} draws, such as {found.value[wrong][0]:.6g}",
            allowed=f"{lowest[wrong][0]:.6g} to {found.highest[wrong][0]:.6g} there",
            do="compare by rows, and please report this: it is an error in the package",
        )
    return found.value
