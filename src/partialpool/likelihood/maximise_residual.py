"""Maximum likelihood and REML where residuals have several standard deviations or are correlated.

As in `maximise.py`, beta profiles out; sigma does not. With V = R + Z Lambda Lambda' Z' and C = [X y]' V^-1 [X y],

    ML:   -2 log L = log |V| + n log(2 pi) + q,               q = C_yy - C_yX beta,  beta = C_XX^-1 C_Xy
    REML: -2 log L = log |V| + log |C_XX| + (n - p) log(2 pi) + q

The search runs over covariance factors of the group effects (`covariance_factor`) and the residuals' parameters.
"""

from dataclasses import dataclass

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.likelihood.boundary_optimizer import descend, polish
from partialpool.likelihood.covariance_factor import Relative, relative_coordinates, relative_diagonal
from partialpool.likelihood.maximum import EXACT, Maximum
from partialpool.likelihood.starting_points import starting_points
from partialpool.marginal.gaussian.blended_density import eliminate_blended, evaluate_blended_likelihood_gradient
from partialpool.marginal.gaussian.crossproducts import collect_moments
from partialpool.marginal.gaussian.marginal import build_flat
from partialpool.marginal.gaussian.recover import conditional_modes, original_beta, original_covariance
from partialpool.marginal.gaussian.residual_marginal import ResidualMarginal, with_sets
from partialpool.marginal.gaussian.standardise import choose_units
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.default_priors import default_priors

__all__ = ["maximise_residual"]

_STEEPEST = 1e-3
"""Largest slope that counts as zero, as in `maximise.py`."""
_SIZE = 0.5
"""Sd of group effects at the start, in the response's sd."""


@dataclass(frozen=True, eq=False)
class _Coordinates:
    """Covariance factors T of the group effects, then the residuals' parameters on the real line."""

    effects: Relative
    own: int

    @property
    def diagonal(self) -> np.ndarray:
        return np.concatenate([self.effects.diagonal, np.zeros(self.own, bool)])

    @property
    def reach(self) -> np.ndarray:
        return np.concatenate([self.effects.reach, np.full(self.own, np.inf)])

    def same(self, t: np.ndarray, k: int) -> list[np.ndarray]:
        size = self.effects.size
        return [np.concatenate([other, t[size:]]) for other in self.effects.same(t[:size], k)]


@dataclass(frozen=True, eq=False)
class _Profile:
    """-2 log likelihood, with what is profiled out, and theta with these coefficients."""

    deviance: float
    beta: np.ndarray
    cross: np.ndarray
    theta: np.ndarray


@dataclass(frozen=True, eq=False)
class _Deviance:
    """The deviance as a function of the coordinates."""

    kept: ResidualMarginal
    flat: ResidualMarginal
    coordinates: _Coordinates
    reml: bool

    def value(self, t: np.ndarray) -> float:
        """Evaluate it."""
        return self.profile(t).deviance

    def profile(self, t: np.ndarray) -> _Profile:
        """Evaluate it, with everything that is profiled out."""
        kept, size = self.kept, self.coordinates.effects.size
        p = len(kept.design.common.coefs)
        theta = np.concatenate([self.coordinates.effects.to_theta(t[:size]), t[size:], np.zeros(p)])
        weights, log_det = kept.coefficients(theta[None])
        if not np.isfinite(log_det[0]):
            return _Profile(np.inf, np.zeros(p), np.eye(p + 1), theta)
        of_effects, cross = eliminate_blended(kept.sets, kept.layout, kept.normals, theta[None], weights)
        beta = np.linalg.lstsq(cross[:p, :p], cross[:p, p], rcond=None)[0] if p else np.zeros(0)
        q = float(cross[p, p] - cross[p, :p] @ beta)
        deviance = of_effects + log_det[0] + (kept.design.n_rows - p * self.reml) * np.log(2 * np.pi) + q
        if self.reml and p:
            deviance += np.linalg.slogdet(cross[:p, :p])[1]
        theta[kept.layout.kept :] = beta + kept.layout.kept_shift
        return _Profile(float(deviance), beta, cross, theta)

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate it and its gradient: beta is at its optimum and contributes no slope."""
        at, size, marginal = self.profile(t), self.coordinates.effects.size, self.flat
        if not np.isfinite(at.deviance):
            return at.deviance, np.zeros(len(t))
        theta = at.theta[: marginal.size].copy()
        weights, _ = marginal.coefficients(theta[None])
        out, by_weight = np.zeros(len(theta)), np.zeros(len(marginal.residual_sets))
        evaluate_blended_likelihood_gradient(
            marginal.sets, marginal.layout, marginal.normals, theta[None], weights, out, by_weight
        )
        own = marginal.pulled_back(theta, by_weight)
        effects = self.coordinates.effects.pull_back(t[:size], -2 * out[:size])
        return at.deviance, np.concatenate([effects, -2 * own])


def maximise_residual(design: Design, *, reml: bool = False) -> Maximum:
    """Maximise the likelihood, or the restricted likelihood.

    Raises
    ------
    EngineError
        No maximum found; the series cross a grouping factor.
    """
    priors, units = default_priors(design), choose_units(design)
    moments = collect_moments(design, units)
    kept = with_sets(build_flat(design, priors, moments, integrate=False))
    flat = with_sets(build_flat(design, priors, moments, integrate=True)) if reml else kept
    coordinates = _Coordinates(relative_coordinates(kept), kept.layout.kept - kept.first)
    deviance = _Deviance(kept, flat, coordinates, reml)
    effects = starting_points(design, coordinates.effects, (_SIZE,))
    starts = [np.concatenate([start, np.zeros(coordinates.own)]) for start in effects]
    found, steepest = polish(deviance, coordinates.diagonal, descend(deviance, coordinates, starts))
    if not steepest < _STEEPEST:
        raise EngineError(
            "the likelihood could not be maximised",
            got=f"a slope of {steepest:.2g} where the search ended",
            allowed=f"a slope below {_STEEPEST} per unit of a covariance factor or residual parameter",
            do="use fit: a posterior needs no maximum; residual sds of few rows, or both (1 | g) and cosy(gr=g), may "
            "have no maximum",
        )
    return _describe(deviance, found.t, steepest)


def _describe(deviance: _Deviance, t: np.ndarray, steepest: float) -> Maximum:
    kept, reml = deviance.kept, deviance.reml
    design, units = kept.design, kept.units
    at = deviance.profile(t)
    unpacked = unpack_many(kept.layout, at.theta[None])
    residual = kept.residual_draws(at.theta[None])
    typical = float(np.sqrt(np.mean(kept.residual_parameters(at.theta[None]).sigma ** 2)))
    sd, corr, diagonal = {}, {}, {}
    for place, f in enumerate(kept.arrangement.order):
        q = len(design.factors[f].names)
        half, scaled = unpacked.corr[0, place, :q, :q], unpacked.sd[0, place, :q]
        own_sd, corr[f] = units.factors[f].covariance(scaled, half)
        sd[f] = own_sd * units.unit
        diagonal[f] = relative_diagonal(units.factors[f].shift @ (scaled[:, None] * half) / typical)
    p = len(design.common.coefs)
    return Maximum(
        -0.5 * at.deviance + kept.log_constant + (units.log_volume if reml else 0.0),
        original_beta(kept, at.beta[None])[0],
        original_covariance(kept, np.linalg.inv(at.cross[:p, :p])),
        None,
        tuple(sd[f] for f in range(len(sd))),
        tuple(corr[f] for f in range(len(corr))),
        conditional_modes(kept, at.theta),
        tuple(diagonal[f] for f in range(len(sd))),
        no_residual=False,
        steepest=steepest,
        own={},
        method=EXACT,
        residual={name: values[0] for name, values in residual.items()},
    )
