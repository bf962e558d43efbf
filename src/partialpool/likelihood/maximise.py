"""Maximum likelihood and REML of the same marginal, as lme4 defines them (Bates et al. 2015, J. Stat. Soft. 67:1).

With Lambda relative to sigma, V = I + Z Lambda Lambda' Z' and R = [X y]' V^-1 [X y], beta and sigma profile out:

    beta = R_XX^-1 R_Xy          q = R_yy - R_yX beta
    ML:   -2 log L = log |V| + n (1 + log(2 pi q / n)),                              sigma^2 = q / n
    REML: -2 log L = log |V| + log |R_XX| + (n - p)(1 + log(2 pi q / (n - p))),      sigma^2 = q / (n - p)

The search runs over relative covariance factors (`covariance_factor`); a maximum on the boundary (an sd of 0, a
correlation of +-1) is placed there exactly.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.errors import EngineError
from partialpool.kernels import kernel
from partialpool.likelihood.boundary_optimizer import NO_DENSITY, descend, has_density, limited, polish
from partialpool.likelihood.covariance_factor import Relative, relative_coordinates, relative_diagonal
from partialpool.likelihood.maximum import EXACT, SINGULAR, Maximum
from partialpool.likelihood.starting_points import starting_points
from partialpool.marginal.gaussian.cholesky import eliminate, make_workspace
from partialpool.marginal.gaussian.crossproducts import collect_moments
from partialpool.marginal.gaussian.gradient import evaluate_likelihood_gradient
from partialpool.marginal.gaussian.marginal import build_flat
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scales_of, unpack
from partialpool.marginal.gaussian.precision import check_digits, smallest_noise
from partialpool.marginal.gaussian.recover import conditional_modes, original_beta, original_covariance
from partialpool.marginal.gaussian.standardise import choose_units
from partialpool.marginal.gaussian.unpacked import unpack_many
from partialpool.model.default_priors import default_priors

__all__ = ["eliminated", "maximise"]

_STEEPEST: Final = 1e-3
"""Largest slope that counts as zero; a successful search ends below 1e-6."""
_STARTS: Final = (1.0, 0.1)
"""Relative sds to start from; only the first is used if an evaluation takes milliseconds."""
_LARGE: Final = 10.0
"""Relative sd at or above which it is checked whether the residual sd is 0."""
_LEVEL: Final = 1e-6
"""How much a constant deviance may rise by rounding."""


@dataclass(frozen=True, eq=False)
class _Profile:
    """-2 log likelihood at relative theta, with the parameters that are profiled out."""

    deviance: float
    beta: np.ndarray
    sigma: float
    cross: np.ndarray


class _Problem:
    """The likelihood of one design as a function of relative theta: (log sd, atanh partial correlations)."""

    def __init__(self, design: Design, *, reml: bool) -> None:
        # Priors are not used; the defaults give theta its plain coordinates.
        priors = default_priors(design)
        moments = collect_moments(design, choose_units(design))
        self.kept = build_flat(design, priors, moments, integrate=False)
        self.flat = build_flat(design, priors, moments, integrate=True) if reml else self.kept
        self.reml = reml
        self.known_sigma = design.se is not None
        self.size = self.kept.layout.sds + len(np.unique(self.kept.layout.partial_at))
        self.common = len(design.common.coefs)

    def theta(self, relative: np.ndarray, sigma: float, beta: np.ndarray) -> np.ndarray:
        """Assemble theta in the form that the marginal takes."""
        sds = self.kept.layout.sds
        theta = np.concatenate([relative[:sds] + np.log(sigma), relative[sds:]])
        theta = theta if self.known_sigma else np.append(theta, np.log(sigma))
        return np.concatenate([theta, beta])

    def profile(self, relative: np.ndarray) -> _Profile:
        layout, system = self.kept.layout, self.kept.arrangement.density
        theta = self.theta(relative, 1.0, np.zeros(self.common))
        log_det, cross = eliminated(system, layout, self.kept.normals, theta[None])
        p = self.common
        beta = _solved(cross[:p, :p], cross[:p, p])
        # Rounding may make q negative during the search; the residual at the end is checked.
        q = max(float(cross[p, p] - cross[p, :p] @ beta), np.finfo(float).tiny)
        free = system.rows - (p if self.reml else 0)
        deviance = log_det + (np.linalg.slogdet(cross[:p, :p])[1] if self.reml and p else 0.0)
        if self.known_sigma:
            return _Profile(deviance + free * np.log(2 * np.pi) + q, beta, 1.0, cross)
        return _Profile(deviance + free * (1 + np.log(2 * np.pi * q / free)), beta, np.sqrt(q / free), cross)

    def gradient(self, relative: np.ndarray, at: _Profile) -> np.ndarray:
        """Return the gradient of the deviance; sigma and beta are at their optimum and contribute no slope."""
        beta = np.zeros(0) if self.reml else at.beta + self.kept.layout.kept_shift
        theta = self.theta(relative, at.sigma, beta)
        out = np.zeros(len(theta))
        marginal = self.flat
        evaluate_likelihood_gradient(marginal.arrangement.density, marginal.layout, marginal.normals, theta[None], out)
        return -2 * out[: self.size]


def _solved(matrix: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Solve, also if an enormous variance during the search has made a column vanish."""
    try:
        return np.linalg.solve(matrix, right)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(matrix, right, rcond=None)[0]


@kernel
def eliminated(system: System, layout: Layout, normals: Normals, thetas: np.ndarray) -> tuple[float, np.ndarray]:
    """Return log |V| and R at thetas[0], whose sigma is 1."""
    parameters = unpack(layout, thetas, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, 1.0)
    forward = eliminate(system, scales, common, make_workspace(system.tail))
    return forward.log_det, forward.remainder


@dataclass(frozen=True, eq=False)
class _OfFactor:
    """The deviance as a function of relative covariance factors."""

    problem: _Problem
    coordinates: Relative

    def value(self, t: np.ndarray) -> float:
        """Evaluate it; `NO_DENSITY` where correlations next to their bounds leave nothing but rounding error."""
        return limited(self.problem.profile(self.coordinates.to_theta(t)).deviance)

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate it and its gradient."""
        relative = self.coordinates.to_theta(t)
        at = self.problem.profile(relative)
        if not has_density(limited(at.deviance)):
            return NO_DENSITY, np.zeros(len(t))
        return at.deviance, self.coordinates.pull_back(t, self.problem.gradient(relative, at))


def maximise(design: Design, *, reml: bool = False) -> Maximum:
    """Maximise the likelihood, or the restricted likelihood, of a normal model.

    Raises
    ------
    EngineError
        Noise too small to be distinguished from rounding; no maximum found.
    """
    _check_rows(design, reml=reml)
    problem = _Problem(design, reml=reml)
    coordinates = relative_coordinates(problem.kept)
    scales = _STARTS if problem.kept.is_cheap else _STARTS[:1]
    deviance = _OfFactor(problem, coordinates)
    lowest = descend(deviance, coordinates, starting_points(design, coordinates, scales))
    found, steepest = polish(deviance, coordinates.diagonal, lowest)
    nearest = _without_residual(problem, coordinates, found.t)
    relative = coordinates.to_theta(found.t if nearest is None else nearest)
    check_digits(problem.kept.design, problem.kept.units.unit, problem.profile(relative).sigma)
    if not steepest < _STEEPEST:
        raise EngineError(
            "the likelihood could not be maximised",
            got=f"a slope of {steepest:.2g} where the search ended",
            allowed=f"a slope below {_STEEPEST} per unit of a relative Cholesky factor",
            do="check whether the response is computed from its predictors; if not, use fit: a posterior needs no "
            "maximum",
        )
    return _describe(problem, relative, steepest, no_residual=nearest is not None)


def _without_residual(problem: _Problem, coordinates: Relative, t: np.ndarray) -> np.ndarray | None:
    """Return a point whose residual sd is 1e-4 of the largest sd, if the likelihood is no lower there; else None.

    Related levels may explain all of the residual variance. The residual sd is 0 at no finite t, and the likelihood
    rises so slowly towards it that the search ends before.
    """
    largest = float(np.abs(t).max(initial=0.0))
    if problem.known_sigma or largest < _LARGE:
        return None
    here = problem.profile(coordinates.to_theta(t))
    far = t / (SINGULAR * largest)
    there = problem.profile(coordinates.to_theta(far))
    told = there.sigma > smallest_noise(problem.kept.design.n_rows)
    return far if told and there.deviance <= here.deviance + _LEVEL else None


def _check_rows(design: Design, *, reml: bool) -> None:
    columns = len(design.common.coefs)
    if design.n_rows > columns or (not reml and design.se is not None):
        return
    raise EngineError(
        "no degrees of freedom remain after fitting the fixed effects",
        got=f"{design.n_rows} rows, {columns} fixed effects",
        allowed=f"{columns + 1} rows or more",
        do="leave out fixed effects, or use fit, whose priors make up for missing rows",
    )


def _describe(problem: _Problem, relative: np.ndarray, steepest: float, *, no_residual: bool) -> Maximum:
    kept = problem.kept
    units, design = kept.units, kept.design
    at = problem.profile(relative)
    theta = problem.theta(relative, at.sigma, at.beta + kept.layout.kept_shift)
    unpacked = unpack_many(kept.layout, theta[None])
    sd, corr, diagonal = {}, {}, {}
    for place, f in enumerate(kept.arrangement.order):
        q = len(design.factors[f].names)
        half = unpacked.corr[0, place, :q, :q]
        own, scaled = units.factors[f], unpacked.sd[0, place, :q]
        own_sd, corr[f] = own.covariance(scaled, half)
        sd[f] = own_sd * units.unit
        # lme4 takes columns as they are, so that an intercept far from the data is almost determined by its slope. Here
        # effects are judged at the predictors' means, columns scaled: no unit and no origin makes a fit singular.
        root = own.shift @ (scaled[:, None] * half) / at.sigma
        diagonal[f] = relative_diagonal(root)
    log_constant = kept.log_constant
    if problem.reml:
        log_constant += units.log_volume
    p = problem.common
    covariance = original_covariance(kept, at.sigma**2 * np.linalg.inv(at.cross[:p, :p]))
    return Maximum(
        -0.5 * at.deviance + log_constant,
        original_beta(kept, at.beta[None])[0],
        covariance,
        None if problem.known_sigma else at.sigma * units.residual,
        tuple(sd[f] for f in range(len(sd))),
        tuple(corr[f] for f in range(len(corr))),
        conditional_modes(kept, theta),
        tuple(diagonal[f] for f in range(len(sd))),
        no_residual,
        steepest,
        {},
        EXACT,
    )
