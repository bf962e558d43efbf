"""Joint density of sets of rows, such as all of one subject, with effects that occur only there integrated out.

Leaving a set of rows out also removes all information on the effects of levels that occur nowhere else. With those
effects u, Z their columns in the set, r the response minus offset, fixed effects and the effects of levels that occur
elsewhere too:

    normal:  log N(r; 0, Z S Z' + D),  by Woodbury's identity in the dimension of u: with S = L L', W = L' Z' D^-1 Z L,
             -2 log p = n log 2 pi + log |D| + log |I + W| + r' D^-1 r - v' (I + W)^-1 v,  v = L' Z' D^-1 r

    others:  p = int p(y | eta + Z u) N(u; 0, S) du for up to three effects, by adaptive quadrature, draw by draw
             (`glmm/level_under_draws`; for such scores Merkle, Furr & Rabe-Hesketh 2019, Psychometrika 84:802)

Where parameters of the family have predictors, `eta` has their rows below those of the mean, and effects on them are
integrated out too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.newdata import Rows, own_rows
from partialpool.design.residual_rows import Series
from partialpool.errors import DataError, EngineError
from partialpool.marginal.effects_of_set import EffectsOfSet, SetsOfRows, covariance_root
from partialpool.marginal.glmm.level_integrals import MOST_EFFECTS
from partialpool.marginal.glmm.rows_under_draws import RowsUnderDraws, as_contrasts
from partialpool.model.log_concave import is_log_concave
from partialpool.model.predictor import Draws
from partialpool.model.response import given_of, log_density_of
from partialpool.names import RESIDUAL_CORRELATION

__all__ = ["joint_log_density"]

_MOST_ERROR: Final = 0.01
"""Largest error of a score, in log density, by the rule's own bound."""
_AT_ONCE: Final = 4_000_000


@dataclass(frozen=True, eq=False)
class _Conditional:
    """Rows of a set, given draws of all parameters that other rows inform; eta excludes effects of the set alone."""

    partition: SetsOfRows
    index: np.ndarray
    rows: Rows
    eta: Mapping[str, np.ndarray]
    draws: Draws

    @property
    def design(self) -> Design:
        """The model."""
        return self.partition.design

    @property
    def y(self) -> np.ndarray:
        """The response, (rows,)."""
        return self.design.response.values[self.index]


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
        More than three effects to integrate out for a response that is not normal, those on all categories counted;
        levels with a known covariance.
    EngineError
        A score that is not finite, or a rule that does not converge.
    """
    total = len(next(iter(draws.values())))
    asked = range(int(sets.max()) + 1) if wanted is None else wanted
    out = np.empty((total, len(asked)))
    partition, every = SetsOfRows(design, sets), own_rows(design)
    for column, k in enumerate(asked):
        index = np.flatnonzero(sets == k)
        own = partition.effects_of(index)
        is_normal = design.spec.is_normal and not any(one.on_parameters for one in own)
        effects = sum(one.columns.shape[1] for one in own)
        if not is_normal and effects > MOST_EFFECTS:
            raise DataError(
                "the score of a whole level is integrated over at most three effects where the response is not normal",
                got=f"{effects} effects that occur only in these rows",
                allowed="intercepts of three or four categories, or one slope of three"
                if design.spec.family_record.has_predictors_of_categories
                else "a factor with no other factor nested in it, and at most two slopes",
                do="compare by rows, or leave out the levels of an inner factor",
            )
        rows = every.take(index)
        size = max(1, _AT_ONCE // (len(index) * max(1, effects if is_normal else 1) + effects**2))
        for at in range(0, total, size):
            some = {name: values[at : at + size] for name, values in draws.items()}
            given = _Conditional(partition, index, rows, partition.rest(rows, some), some)
            out[at : at + size, column] = _log_density(given, own, is_normal)
    return _checked(out)


def _log_density(given: _Conditional, own: Sequence[EffectsOfSet], is_normal: bool) -> np.ndarray:
    """Return the log density of a set, (draws,)."""
    if is_normal:
        return _normal(given, own)
    if own:
        return _integrated(given, own)
    return log_density_of(given.y, given.design, given.rows, given.eta[""], given.draws).sum(axis=1)


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


def _normal(given: _Conditional, own: Sequence[EffectsOfSet]) -> np.ndarray:
    y, jacobian = given.y, 0.0
    if given.design.spec.family_record.on_log_scale:
        y = np.log(y)
        jacobian = -y.sum()
    eta = given.eta[""]
    sigma = given_of(given.design, given.rows, eta, given.draws).sigma
    noise = np.broadcast_to(sigma**2, eta.shape)
    residual = y - eta
    if given.rows.residual is not None and given.rows.residual.series is not None:
        return _correlated(given, given.rows.residual.series, noise, residual, own) + jacobian
    log_p = -0.5 * (np.log(2 * np.pi * noise) + residual**2 / noise).sum(axis=1) + jacobian
    if not own:
        return log_p
    turned = _columns(own) @ covariance_root(own, given.draws)  # Z L, (draws, rows, effects)
    scaled = turned / noise[:, :, None]
    half = np.linalg.cholesky(np.eye(turned.shape[2]) + turned.transpose(0, 2, 1) @ scaled)
    v = np.einsum("dre,dr->de", scaled, residual)
    solved = np.linalg.solve(half, v[:, :, None])[:, :, 0]
    return log_p - np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1) + 0.5 * (solved**2).sum(axis=1)


def _correlated(
    given: _Conditional, series: Series, noise: np.ndarray, residual: np.ndarray, own: Sequence[EffectsOfSet]
) -> np.ndarray:
    """Evaluate the log density of normal rows whose residuals are correlated within series, (draws,)."""
    every = np.arange(residual.shape[1])
    corr = series.correlation(every, every, given.draws[RESIDUAL_CORRELATION])
    sd = np.sqrt(noise)
    cov = np.where(series.of_row[:, None] == series.of_row, corr, 0.0) * (sd[:, :, None] * sd[:, None, :])
    if own:
        turned = _columns(own) @ covariance_root(own, given.draws)
        cov = cov + turned @ turned.transpose(0, 2, 1)
    half = np.linalg.cholesky(cov)
    away = np.linalg.solve(half, residual[:, :, None])[:, :, 0]
    log_det = np.log(np.diagonal(half, axis1=1, axis2=2)).sum(axis=1)
    return np.asarray(-0.5 * (away**2).sum(axis=1) - log_det - 0.5 * len(every) * np.log(2 * np.pi))


def _columns(own: Sequence[EffectsOfSet]) -> np.ndarray:
    return np.concatenate([one.columns for one in own], axis=1)


def _integrated(given: _Conditional, own: Sequence[EffectsOfSet]) -> np.ndarray:
    """Return the log density with the set's own effects integrated out by quadrature, (draws,)."""
    design = given.design
    rows = RowsUnderDraws.of(design, given.partition.response.take(given.index), given.eta, given.draws)
    of_categories = design.spec.family_record.has_predictors_of_categories
    is_concave = is_log_concave(design.spec) and (of_categories or not any(one.on_parameters for one in own))
    columns = _columns(own)
    if of_categories:
        columns = as_contrasts(design, columns, axis=0)
    values, errors = rows.integrals(columns, covariance_root(own, given.draws), is_concave=is_concave)
    unknown = np.isfinite(values) & ~(errors < _MOST_ERROR)
    if unknown.any():
        raise EngineError(
            "the effects of a level cannot be integrated out",
            got=f"an integral over {columns.shape[1]} effects, {len(given.index)} rows, that does not converge in "
            f"{int(unknown.sum())} of {len(values)} draws",
            allowed="densities that are smooth and have one mode",
            do="check for draws of an sd that are far too large, or compare by rows",
        )
    return values
