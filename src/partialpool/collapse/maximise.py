"""Maximum likelihood and REML of the same marginal, as lme4 defines them (Bates et al. 2015, J. Stat. Soft. 67:1).

With Lambda relative to sigma, V = I + Z Lambda Lambda' Z' and R = [X y]' V^-1 [X y], beta and sigma profile out:

    beta = R_XX^-1 R_Xy          q = R_yy - R_yX beta
    ML:   -2 log L = log |V| + n (1 + log(2 pi q / n)),                              sigma^2 = q / n
    REML: -2 log L = log |V| + log |R_XX| + (n - p)(1 + log(2 pi q / (n - p))),      sigma^2 = q / (n - p)

Where the maximum lies on the boundary (an sd of 0, a correlation of +-1) its coordinate is put there exactly, and the
others are maximised with it.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.optimize import minimize

from partialpool.collapse.arrange import System
from partialpool.collapse.compiled import kernel
from partialpool.collapse.digits import check_digits
from partialpool.collapse.eliminate import eliminate, make_workspace
from partialpool.collapse.gradient import evaluate_likelihood_gradient
from partialpool.collapse.layout import Layout, Normals, common_of, scales_of, unpack, unpack_many
from partialpool.collapse.marginal import build_flat, coefficient_units
from partialpool.collapse.moments import collect_moments
from partialpool.collapse.recover import conditional_modes, original_beta
from partialpool.collapse.units import choose_units
from partialpool.design.build import Design
from partialpool.design.scaling import default_priors
from partialpool.errors import EngineError

__all__ = ["Maximum", "maximise"]

_NEGLIGIBLE: Final = 1e-9
"""What going to the boundary may cost in -2 log likelihood to count as being there."""
_STEEPEST: Final = 1e-3
"""Largest slope that counts as none; a climb that succeeds ends below 1e-6."""
_PARTIAL_AT_ONE: Final = 19.0
"""atanh of a correlation that is 1 to machine precision."""
SINGULAR: Final = 1e-4
"""Smallest diagonal element of a relative Cholesky factor that counts as above 0, as in lme4."""


@dataclass(frozen=True, eq=False)
class Maximum:
    """A maximum of the likelihood, in the units of the data.

    Attributes
    ----------
    log_likelihood
        At the maximum; of REML, the restricted one.
    beta, covariance
        Coefficients (coefs,) and their covariance given the variances, (coefs, coefs).
    sigma
        Residual sd; None where it is known.
    sd, corr
        Per factor: (effects,), (effects, effects).
    modes
        Conditional modes of the group effects per factor, (levels, effects).
    singular
        Whether some relative Cholesky factor has a diagonal element below 1e-4.
    steepest
        Largest element of the gradient left, in units of log likelihood per log or atanh unit.
    """

    log_likelihood: float
    beta: np.ndarray
    covariance: np.ndarray
    sigma: float | None
    sd: tuple[np.ndarray, ...]
    corr: tuple[np.ndarray, ...]
    modes: tuple[np.ndarray, ...]
    singular: bool
    steepest: float


@dataclass(frozen=True, eq=False)
class _Profile:
    """-2 log likelihood at relative theta, with what is profiled out."""

    deviance: float
    beta: np.ndarray
    sigma: float
    cross: np.ndarray


class _Problem:
    """The likelihood of one design as a function of relative theta: (log sd, atanh partial correlations)."""

    def __init__(self, design: Design, *, reml: bool) -> None:
        # Priors play no part; the defaults give theta its plain coordinates.
        priors = default_priors(design)
        moments = collect_moments(design, choose_units(design))
        self.kept = build_flat(design, priors, moments, integrate=False)
        self.flat = build_flat(design, priors, moments, integrate=True) if reml else self.kept
        self.reml = reml
        self.known_sigma = design.se is not None
        self.size = self.kept.layout.partial_first + len(self.kept.layout.partial_factor)
        self.common = len(design.common.coefs)

    def theta(self, relative: np.ndarray, sigma: float, beta: np.ndarray) -> np.ndarray:
        """Put theta together as the marginals take it."""
        sds = self.kept.layout.partial_first
        theta = np.concatenate([relative[:sds] + np.log(sigma), relative[sds:]])
        theta = theta if self.known_sigma else np.append(theta, np.log(sigma))
        return np.concatenate([theta, beta])

    def profile(self, relative: np.ndarray) -> _Profile:
        layout, system = self.kept.layout, self.kept.arrangement.density
        theta = self.theta(relative, 1.0, np.zeros(self.common))
        log_det, cross = _eliminated(system, layout, self.kept.normals, theta[None])
        p = self.common
        beta = np.linalg.solve(cross[:p, :p], cross[:p, p]) if p else np.zeros(0)
        # Rounding may take q below 0 on the way; what is left at the end is checked.
        q = max(float(cross[p, p] - cross[p, :p] @ beta), np.finfo(float).tiny)
        free = system.rows - (p if self.reml else 0)
        deviance = log_det + (np.linalg.slogdet(cross[:p, :p])[1] if self.reml and p else 0.0)
        if self.known_sigma:
            return _Profile(deviance + free * np.log(2 * np.pi) + q, beta, 1.0, cross)
        return _Profile(deviance + free * (1 + np.log(2 * np.pi * q / free)), beta, np.sqrt(q / free), cross)

    def gradient(self, relative: np.ndarray, at: _Profile) -> np.ndarray:
        """Of the deviance; sigma and beta stand at their best, so that only theta's own slope is left."""
        # Kept coefficients include what the units took off them.
        beta = np.zeros(0) if self.reml else at.beta + self.kept.layout.kept_shift
        theta = self.theta(relative, at.sigma, beta)
        out = np.zeros(len(theta))
        marginal = self.flat
        evaluate_likelihood_gradient(marginal.arrangement.density, marginal.layout, marginal.normals, theta[None], out)
        return -2 * out[: self.size]


@kernel
def _eliminated(system: System, layout: Layout, normals: Normals, thetas: np.ndarray) -> tuple[float, np.ndarray]:
    """Return log |V| and R at thetas[0], whose sigma is 1."""
    parameters = unpack(layout, thetas, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, 1.0)
    forward = eliminate(system, scales, common, make_workspace(system))
    return forward.log_det, forward.remainder


def maximise(design: Design, *, reml: bool = False) -> Maximum:
    """Maximise the likelihood, or the restricted likelihood, of a normal model.

    Raises
    ------
    EngineError
        Noise too small to be told from rounding; no maximum found.
    """
    problem = _Problem(design, reml=reml)
    relative = np.zeros(problem.size)
    free = np.ones(problem.size, bool)
    while free.any():
        relative = _climb(problem, relative, free)
        touching = _at_boundary(problem, relative, free)
        if not touching.any():
            break
        relative[touching] = np.where(
            _is_sd(problem)[touching], -np.inf, np.copysign(_PARTIAL_AT_ONE, relative[touching])
        )
        free &= ~touching
    check_digits(problem.kept, problem.profile(relative).sigma)
    found = _describe(problem, relative, free)
    if not found.steepest < _STEEPEST:
        raise EngineError(
            "the likelihood could not be maximised",
            got=f"a slope of {found.steepest:.2g} where the climb ended",
            allowed=f"a slope below {_STEEPEST} per log or atanh unit",
            do="look whether the response is computed from its predictors; if not, use fit: a posterior needs no "
            "maximum",
        )
    return found


def _is_sd(problem: _Problem) -> np.ndarray:
    return np.arange(problem.size) < problem.kept.layout.partial_first


def _climb(problem: _Problem, start: np.ndarray, free: np.ndarray) -> np.ndarray:
    """BFGS over the free elements, then Newton steps on the gradient, which the deviance's rounding cannot blur."""

    def whole(x: np.ndarray) -> np.ndarray:
        relative = start.copy()
        relative[free] = np.clip(x, -25.0, 25.0)
        return relative

    def descend(x: np.ndarray) -> tuple[float, np.ndarray]:
        relative = whole(x)
        at = problem.profile(relative)
        return at.deviance, problem.gradient(relative, at)[free]

    x = np.asarray(minimize(descend, start[free], jac=True, method="BFGS", options={"gtol": 1e-6}).x)
    for _ in range(4):
        slope = descend(x)[1]
        steps = 1e-4 * np.eye(len(x))
        hessian = np.array([(descend(x + s)[1] - descend(x - s)[1]) / 2e-4 for s in steps])
        curvature, axes = np.linalg.eigh((hessian + hessian.T) / 2)
        if curvature[0] < 1e-6:  # on its way to the boundary
            break
        move = axes @ ((axes.T @ slope) / curvature)
        if np.abs(move).max() > 0.1:
            break
        x = x - move
        if np.abs(move).max() < 1e-10:
            break
    return whole(x)


def _at_boundary(problem: _Problem, relative: np.ndarray, free: np.ndarray) -> np.ndarray:
    """Which free elements may go to the boundary at no cost."""
    here = problem.profile(relative).deviance
    touching = np.zeros(problem.size, bool)
    for k in np.flatnonzero(free):
        moved = relative.copy()
        is_sd = k < problem.kept.layout.partial_first
        if (is_sd and relative[k] > np.log(1e-2)) or (not is_sd and abs(relative[k]) < np.arctanh(0.999)):
            continue
        moved[k] = -np.inf if is_sd else np.copysign(_PARTIAL_AT_ONE, relative[k])
        touching[k] = problem.profile(moved).deviance <= here + _NEGLIGIBLE * max(1.0, abs(here))
    return touching


def _describe(problem: _Problem, relative: np.ndarray, free: np.ndarray) -> Maximum:
    kept = problem.kept
    units, design = kept.units, kept.design
    at = problem.profile(relative)
    coefficients = coefficient_units(design, units)
    theta = problem.theta(relative, at.sigma, at.beta + kept.layout.kept_shift)
    scaled_sd, cholesky, _, _ = unpack_many(kept.layout, theta[None])
    sd, corr, smallest = {}, {}, np.inf
    for place, f in enumerate(kept.arrangement.order):
        q = len(design.factors[f].names)
        half = cholesky[0, place, :q, :q]
        sd[f] = scaled_sd[0, place, :q] * units.unit / units.factors[f].scale
        corr[f] = half @ half.T
        # lme4 takes columns as they are; its relative factor is ours in the units of the data.
        spread = sd[f] / (at.sigma * units.unit)
        smallest = min(smallest, float((spread * np.diagonal(half)).min()))
    slopes = problem.gradient(relative, at) / 2
    log_constant = kept.log_constant
    if problem.reml:
        log_constant += float(sum(np.log(u) for _, u in coefficients))
    p = problem.common
    turn = original_beta(kept, np.eye(p)) - original_beta(kept, np.zeros((1, p)))  # rows: images of unit vectors
    covariance = at.sigma**2 * turn.T @ np.linalg.inv(at.cross[:p, :p]) @ turn
    return Maximum(
        -0.5 * at.deviance + log_constant,
        original_beta(kept, at.beta[None])[0],
        covariance,
        None if problem.known_sigma else at.sigma * units.unit,
        tuple(sd[f] for f in range(len(sd))),
        tuple(corr[f] for f in range(len(corr))),
        conditional_modes(kept, theta),
        bool(smallest < SINGULAR),
        float(np.abs(slopes[free]).max(initial=0.0)),
    )
