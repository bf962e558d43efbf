"""The joint prior of ICC, total sd and shares as a density of the sds, with its gradient, compiled.

With l_k = log v_k of every effect, l_s = 2 log sigma, V = sum_k v_k + sigma^2 = T^2, T = total_sd, p_k = v_k / V,
p_s = sigma^2 / V, icc = sum_k p_k, A = sum_k a_k and K effects (`model/variance_prior.py`), changing variables from
(log T, icc, shares) to log sds gives

    log p(log sd_1, ..., log sd_K, log sigma)
        = log p_T(T) + log T + (alpha - A) log icc + sum_k a_k log p_k + beta log p_s
        + K log 2 - log B(alpha, beta) + log Gamma(A) - sum_k log Gamma(a_k),

where the last two terms apply only with several effects. With a_s = beta its slope along l_j is

    (d log p_T / d log T + 1) p_j / 2 + (alpha - A) (p_j / icc - p_j  or, for sigma,  -p_s) + a_j - p_j (A + beta),

and l = 2 log sd + constant. A latent response has a known residual variance sigma^2: T then follows from the sds, and
the density of log sd_1, ..., log sd_K is the same without log p_T(T) + log T and its slope. Everything is computed from
logarithms, so that an sd may be arbitrarily small.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import betaln, gammaln

from partialpool.design.design import Design
from partialpool.distributions.density_kernel import encode, log_density
from partialpool.distributions.prior import Prior
from partialpool.kernels import part
from partialpool.marginal.gaussian.standardise import Units
from partialpool.model.prior_set import PriorSet
from partialpool.model.variance_prior import decompose
from partialpool.names import ICC, TOTAL_SD

__all__ = ["Joint", "add_joint_gradient", "joint_log_prior", "joint_of", "no_joint"]


class Joint(NamedTuple):
    """The joint prior and the positions of its parameters.

    Attributes
    ----------
    places
        Position in theta of each effect's log sd, (components,); empty if every sd has a separate prior.
    log_squares
        log m of each effect, in `Units`, (components,).
    concentrations
        a of each share, (components,).
    icc
        alpha and beta, (2,).
    constant
        The sum of the terms without theta, except that of total_sd.
    total_kind, total_arguments
        The prior of total_sd, in `Units`; see `scalar.log_density`. Not used where the residual is known.
    log_residual
        log sigma^2, in `Units`, where it is known.
    """

    places: np.ndarray
    log_squares: np.ndarray
    concentrations: np.ndarray
    icc: np.ndarray
    constant: float
    total_kind: int
    total_arguments: np.ndarray
    log_residual: float


def no_joint() -> Joint:
    """Return an empty joint prior: every sd has a separate prior."""
    none = np.zeros(0)
    return Joint(np.zeros(0, np.int64), none, none, np.ones(2), 0.0, 0, np.zeros((1, 4)), 0.0)


def _make_joint(
    places: np.ndarray,
    mean_squares: np.ndarray,
    concentrations: np.ndarray,
    icc: Prior,
    total: tuple[int, np.ndarray],
    *,
    log_residual: float,
) -> Joint:
    """Create the joint prior of effects with the given mean squares, in `Units`.

    Parameters
    ----------
    places, mean_squares, concentrations
        One per effect, (components,).
    icc
        A Beta prior.
    total
        Kind and arguments of the prior of total_sd, in `Units`, from `scalar.encode`.
    log_residual
        log of the residual variance, in `Units`, where it is known.
    """
    alpha, beta = icc.arguments["alpha"], icc.arguments["beta"]
    if len(places) == 1:
        concentrations = np.ones(1)  # a single effect has all of the variance, whatever the prior of shares
    constant = len(places) * np.log(2.0) - betaln(alpha, beta)
    constant += gammaln(concentrations.sum()) - gammaln(concentrations).sum()
    return Joint(
        places.astype(np.int64),
        np.log(mean_squares),
        concentrations.astype(float),
        np.array([alpha, beta]),
        float(constant),
        total[0],
        total[1][None].copy(),
        log_residual,
    )


def joint_of(design: Design, priors: PriorSet, units: Units, elements: list[str]) -> Joint:
    """Return the joint prior of the variances of a design, in units of the algebra; `elements` are those of theta."""
    parts = decompose(design)
    scales = np.concatenate([unit.scale for unit in units.factors])
    kind, arguments, log_residual = 0, np.zeros(4), 0.0
    if parts.residual is None:
        kind, _, arguments = encode(priors[TOTAL_SD].in_units_of(units.unit))
    else:
        log_residual = float(np.log(parts.residual / units.unit**2))
    return _make_joint(
        np.array([elements.index(name) for name in parts.sds]),
        parts.mean_squares / scales**2,
        np.array([priors[name].arguments["a"] if parts.is_split else 1.0 for name in parts.shares]),
        priors[ICC],
        (kind, arguments),
        log_residual=log_residual,
    )


@part
def _log_parts(joint: Joint, sigma: int, thetas: np.ndarray, i: int) -> tuple[np.ndarray, float, float]:
    """Return log p_k of every effect and, last, of sigma, whose position is -1 if it is known; log icc; log V."""
    n = len(joint.places)
    logs = np.empty(n + 1)
    for k in range(n):
        logs[k] = 2.0 * thetas[i, joint.places[k]] + joint.log_squares[k]
    logs[n] = 2.0 * thetas[i, sigma] if sigma >= 0 else joint.log_residual
    most = -np.inf
    for k in range(n):
        most = max(most, logs[k])
    top = max(most, logs[n])
    # If sigma is much larger than all group sds, their sum is computed relative to their own largest term.
    groups, within = 0.0, 0.0
    for k in range(n):
        groups += np.exp(logs[k] - top)
        within += np.exp(logs[k] - most)
    log_whole = top + np.log(groups + np.exp(logs[n] - top))
    for k in range(n + 1):
        logs[k] -= log_whole
    return logs, most + np.log(within) - log_whole, log_whole


@part
def _shares(joint: Joint) -> float:
    """Return A, the sum of the concentrations."""
    total = 0.0
    for k in range(len(joint.concentrations)):
        total += joint.concentrations[k]
    return total


@part
def joint_log_prior(joint: Joint, sigma: int, thetas: np.ndarray, i: int) -> float:
    """Return the log density of the sds and sigma of row i, not of their logs.

    `sigma` is a position in theta, -1 if the residual is known.
    """
    n = len(joint.places)
    logs, log_icc, log_whole = _log_parts(joint, sigma, thetas, i)
    total = joint.constant + (joint.icc[0] - _shares(joint)) * log_icc + joint.icc[1] * logs[n]
    for k in range(n):
        total += joint.concentrations[k] * logs[k] - thetas[i, joint.places[k]]
    if sigma >= 0:
        of_total = log_density(joint.total_kind, joint.total_arguments, 0, np.exp(0.5 * log_whole))[0]
        total += of_total + 0.5 * log_whole - thetas[i, sigma]
    return total


@part
def add_joint_gradient(joint: Joint, sigma: int, thetas: np.ndarray, i: int, gradient: np.ndarray) -> None:
    """Add its gradient with respect to theta, less 1 for each log sd, since it is a density of sds."""
    n = len(joint.places)
    logs, log_icc, log_whole = _log_parts(joint, sigma, thetas, i)
    by_log = 0.0
    if sigma >= 0:
        size = np.exp(0.5 * log_whole)
        by_log = log_density(joint.total_kind, joint.total_arguments, 0, size)[1] * size + 1.0
    weight = _shares(joint)
    for k in range(n + 1):
        q = np.exp(logs[k])
        slope = 0.5 * by_log * q - q * (weight + joint.icc[1])
        excess = joint.icc[0] - weight
        if k < n:
            slope += excess * (np.exp(logs[k] - log_icc) - q) + joint.concentrations[k]
            gradient[joint.places[k]] += 2.0 * slope - 1.0
        elif sigma >= 0:
            slope += -excess * q + joint.icc[1]
            gradient[sigma] += 2.0 * slope - 1.0
