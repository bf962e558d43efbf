"""No pooling: the estimate from each level's own rows, with the rest of the model at its posterior means.

Normal responses: least squares, generalised where residuals have several sds or are correlated. Others: maximum
likelihood.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.model.level_coefficients import LevelCoefficients
from partialpool.model.newton import maximise_by_group, unit_grams
from partialpool.model.response_density import ResponseDensity
from partialpool.model.whitened_rows import ResidualScale, whiten
from partialpool.names import BETA, SIGMA, b_name

__all__ = ["INFINITE", "NOT_IDENTIFIED", "NO_TRIALS", "Unpooled", "generalised_by_level", "least_squares_by_level",
           "likelihood_by_level", "mean_beta", "mean_effects", "unpooled_from_sums", "without_trials"]  # fmt: skip

NOT_IDENTIFIED: Final = "not identified by the level's rows"
INFINITE: Final = "infinite"
NO_TRIALS: Final = "no trials"
"""Reasons why a level has no estimate."""


@dataclass(frozen=True, eq=False)
class Unpooled:
    """Estimates of every level from its own rows only.

    Attributes
    ----------
    gram
        Z_j'W_j Z_j, (levels, effects, effects). Normal responses: W_j = I, or diag(1 / se^2) where standard errors are
        known; where residuals have several sds or are correlated, R_j^-1 under each draw, (chains, draws, levels,
        effects, effects). Others: the information of the level's rows about their linear predictors, at these
        predictors' posterior means.
    estimate, error
        The level's own effects, including the fixed effects, and their standard errors, (levels, effects); NaN where
        there is none.
    no_estimate
        Why there is none, (levels, effects): `NOT_IDENTIFIED`, `INFINITE`, `NO_TRIALS`, or an empty text.
    sigma2
        Residual variance per draw that divides `gram`, (chains, draws); 1, (1, 1), where `gram` is the information.
    """

    gram: np.ndarray
    estimate: np.ndarray
    error: np.ndarray
    no_estimate: np.ndarray
    sigma2: np.ndarray

    @property
    def reasons(self) -> np.ndarray:
        """Why each level has no line, (levels,): the reason of any of its effects, or an empty text."""
        reasons = (NO_TRIALS, INFINITE, NOT_IDENTIFIED)
        return np.select([(self.no_estimate == reason).any(axis=1) for reason in reasons], reasons, "")


def least_squares_by_level(posterior: xr.Dataset, coefficients: LevelCoefficients, y: np.ndarray) -> Unpooled:
    """Regress each level's rows on its effects, after subtracting other effects at their posterior means.

    Standard errors have sigma^2 at its posterior mean.

    Parameters
    ----------
    posterior
        Posterior of a fit of a normal response.
    coefficients
        Coefficients of the factor's levels.
    y
        The response minus its offset, (rows,).
    """
    design, factor = coefficients.design, coefficients.factor
    z = coefficients.own_columns
    weight = design.row_weights
    gram = factor.sum(weight[:, None, None] * z[:, :, None] * z[:, None, :], axis=0)
    sigma2 = np.ones((1, 1))
    if design.se is None:
        sigma2 = posterior[SIGMA].transpose("chain", "draw").to_numpy() ** 2
    rest = _rest(posterior, coefficients)
    right = factor.sum(weight[:, None] * z * (y - rest)[:, None], axis=0)
    return _unpooled(gram, right, sigma2)


def unpooled_from_sums(posterior: xr.Dataset, gram: np.ndarray, right: np.ndarray) -> Unpooled:
    """Return the least-squares estimates of each level, given the sums over its rows.

    Parameters
    ----------
    posterior
        Posterior of a fit of a normal response, with sigma.
    gram, right
        Z_j'Z_j and Z_j'r_j, r what other effects leave of the response, (levels, effects, effects), (levels, effects).
    """
    return _unpooled(gram, right, posterior[SIGMA].transpose("chain", "draw").to_numpy() ** 2)


def _unpooled(gram: np.ndarray, right: np.ndarray, sigma2: np.ndarray) -> Unpooled:
    estimate, error = _solved(gram, right, float(sigma2.mean()))
    return Unpooled(gram, estimate, error, np.where(np.isnan(estimate), NOT_IDENTIFIED, ""), sigma2)


def generalised_by_level(
    posterior: xr.Dataset, coefficients: LevelCoefficients, y: np.ndarray, gram: np.ndarray, scale: ResidualScale
) -> Unpooled:
    """Estimate each level's effects from its own rows by generalised least squares, R given.

    With R_j the covariance of the residuals of level j's rows, Z_j the values of its effects there, and r_j what is
    left of y_j without other effects at their posterior means,

        (Z_j'R_j^-1 Z_j)^-1 Z_j'R_j^-1 r_j,    with covariance    (Z_j'R_j^-1 Z_j)^-1.

    R has the residual sds at their posterior medians, and correlations at their posterior means.

    Parameters
    ----------
    posterior
        Posterior of a fit whose residuals have several sds, or are correlated within series that are within levels.
    coefficients
        Coefficients of the factor's levels.
    y
        The response minus its offset, (rows,).
    gram
        Z_j'R_j^-1 Z_j under each draw, (chains, draws, levels, effects, effects).
    scale
        The residuals' parameters, in the middle of their posterior.
    """
    design, factor = coefficients.design, coefficients.factor
    left = np.concatenate([coefficients.own_columns, (y - _rest(posterior, coefficients))[:, None]], axis=1)
    whitened = whiten(design, scale, left)
    z, r = whitened[:, :-1], whitened[:, -1:]
    own = factor.sum(z[:, :, None] * z[:, None, :], axis=0)
    estimate, error = _solved(own, factor.sum(z * r, axis=0), 1.0)
    return Unpooled(gram, estimate, error, np.where(np.isnan(estimate), NOT_IDENTIFIED, ""), np.ones((1, 1)))


def likelihood_by_level(posterior: xr.Dataset, coefficients: LevelCoefficients, density: ResponseDensity) -> Unpooled:
    """Maximise the likelihood of each level's rows over its effects, other effects at their posterior means.

    Standard errors are from the inverse information Z_j'W_j Z_j at the estimate. A level with only successes, only
    zeros under a log link, or a predictor that separates its outcomes has an infinite estimate; one whose rows have
    no trials has none.

    Parameters
    ----------
    posterior
        Posterior of a fit.
    coefficients
        Coefficients of the factor's levels.
    density
        log p of the rows, the family's own parameters at their posterior means.
    """
    design, factor = coefficients.design, coefficients.factor
    z = coefficients.own_columns
    rest = _rest(posterior, coefficients) + (0.0 if design.offset is None else design.offset)
    common = coefficients.common(mean_beta(posterior, design))[coefficients.places.place_of_level]
    start = np.nan_to_num(coefficients.own_of(common + mean_effects(posterior, factor) @ coefficients.turn.T))
    can_diverge = not design.spec.link_record.is_identity
    level_of_row = factor.of_rows(np.arange(factor.n_levels))
    found = maximise_by_group(density, z, level_of_row, rest, start, can_diverge=can_diverge)
    _, information = density.curvature(rest + (z * factor.of_rows(start)).sum(axis=1))
    gram = factor.sum(information[:, None, None] * z[:, :, None] * z[:, None, :], axis=0)
    reason = np.where(found.identified[:, None], np.where(found.is_infinite, INFINITE, ""), NOT_IDENTIFIED)
    reason = np.where(without_trials(design, factor)[:, None], NO_TRIALS, reason)
    error = np.sqrt(np.diagonal(found.covariance, axis1=1, axis2=2))
    known = reason == ""
    return Unpooled(
        gram, np.where(known, found.estimate, np.nan), np.where(known, error, np.nan), reason, np.ones((1, 1))
    )


def _rest(posterior: xr.Dataset, coefficients: LevelCoefficients) -> np.ndarray:
    """Return what the level's coefficients leave out of the linear predictor, without its offset, (rows,)."""
    design, factor = coefficients.design, coefficients.factor
    rest = coefficients.off_the_lines(mean_beta(posterior, design))
    for other in design.factors:
        if other is not factor:
            rest += other.apply(mean_effects(posterior, other))
    return rest


def without_trials(design: Design, factor: FactorEffects) -> np.ndarray:
    """Whether no row of a level has a trial, 0 successes of 0, boolean (levels,)."""
    return np.asarray(factor.sum(np.asarray(design.response.n_trials, float)) == 0)


def mean_beta(posterior: xr.Dataset, design: Design) -> np.ndarray:
    """Return the posterior means of the fixed effects, (coefs,)."""
    if BETA not in posterior:
        return np.zeros(len(design.common.coefs))
    means: np.ndarray = posterior[BETA].mean(("chain", "draw")).to_numpy()
    return means


def mean_effects(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Return the posterior means of a factor's effects, (levels, effects)."""
    return posterior[b_name(factor.name)].transpose("chain", "draw", ...).to_numpy().mean(axis=(0, 1))


def _solved(gram: np.ndarray, right: np.ndarray, sigma2: float) -> tuple[np.ndarray, np.ndarray]:
    levels, q = right.shape
    scale, unit, told = unit_grams(gram)
    estimate, error = np.full((levels, q), np.nan), np.full((levels, q), np.nan)
    inverse = np.linalg.inv(unit[told]) / (scale[told][:, :, None] * scale[told][:, None, :])
    estimate[told] = np.einsum("lij,lj->li", inverse, right[told])
    error[told] = np.sqrt(sigma2 * np.diagonal(inverse, axis1=1, axis2=2))
    return estimate, error
