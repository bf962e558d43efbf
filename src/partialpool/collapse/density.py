"""The collapsed posterior density of theta, compiled: log p(y | theta) + log p(theta), and its gradient.

theta = (log sd and atanh partial correlations of every factor, log sigma, kept common coefficients), all in `Units`.
A correlation matrix is L L' with rows built from partial correlations z = tanh(x) (Lewandowski, Kurowicka & Joe
2009): L_ij = z_ij prod_(k<j) s_ik, L_ii = prod_k s_ik, s = sech(x), so that nothing cancels as z goes to 1.
"""

from typing import NamedTuple

import numba as nb
import numpy as np

from partialpool.collapse.arrange import System
from partialpool.collapse.eliminate import Common, Forward, Scales, eliminate
from partialpool.collapse.expect import second_moments
from partialpool.collapse.scalar import log_density, place

__all__ = ["Layout", "Normals", "Parameters", "evaluate", "evaluate_many", "log_likelihood", "unpack"]


class Layout(NamedTuple):
    """Where everything stands in theta.

    Attributes
    ----------
    effects
        Effects of each factor, in elimination order: leaf, branch (if any), tail factors.
    first
        Position in theta of each factor's first log sd.
    partial_factor, partial_row, partial_column
        Factor (in elimination order), row and column of each partial correlation, row by row.
    partial_first
        Position in theta of the first partial correlation; they stand together.
    sigma
        Position of log sigma; -1 where the residual sds are known.
    kept
        Position of the first kept coefficient.
    kept_shift
        What the units took off each kept coefficient (the response's location, off the intercept).
    shifts
        B of each factor, (factors, most effects, most effects).
    has_branch
        Whether the second factor is the branch.
    kinds, coordinates, arguments
        Prior of each element: distribution, coordinate, arguments.
    """

    effects: np.ndarray
    first: np.ndarray
    partial_factor: np.ndarray
    partial_row: np.ndarray
    partial_column: np.ndarray
    partial_first: int
    sigma: int
    kept: int
    kept_shift: np.ndarray
    shifts: np.ndarray
    has_branch: bool
    kinds: np.ndarray
    coordinates: np.ndarray
    arguments: np.ndarray


class Normals(NamedTuple):
    """Normal priors of the integrated common columns, in `Units`: sd, mean / sd, precision (1, or 0 for flat)."""

    sd: np.ndarray
    mean: np.ndarray
    precision: np.ndarray


class Parameters(NamedTuple):
    """theta in its own units.

    Attributes
    ----------
    sd
        (factors, most effects).
    corr
        Cholesky factor of each factor's correlation matrix, (factors, most effects, most effects).
    sigma
        Residual sd.
    kept
        Kept common coefficients.
    """

    sd: np.ndarray
    corr: np.ndarray
    sigma: float
    kept: np.ndarray


@nb.njit(cache=True, nogil=True)
def unpack(layout: Layout, theta: np.ndarray) -> Parameters:
    """Take theta (elements,) apart."""
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    sd = np.zeros((factors, most))
    corr = np.zeros((factors, most, most))
    for f in range(factors):
        for a in range(layout.effects[f]):
            x = layout.first[f] + a
            sd[f, a] = place(layout.coordinates[x], layout.arguments[x], theta[x])[0]
            corr[f, a, a] = 1.0
    for n in range(len(layout.partial_factor)):
        f, i, j = layout.partial_factor[n], layout.partial_row[n], layout.partial_column[n]
        x = theta[layout.partial_first + n]
        # L_ii holds what is left of the row so far.
        left = corr[f, i, i]
        corr[f, i, j] = np.tanh(x) * left
        corr[f, i, i] = left / np.cosh(x)
    sigma = 1.0
    if layout.sigma >= 0:
        sigma = place(layout.coordinates[layout.sigma], layout.arguments[layout.sigma], theta[layout.sigma])[0]
    kept = np.zeros(len(theta) - layout.kept)
    for k in range(len(kept)):
        x = layout.kept + k
        kept[k] = place(layout.coordinates[x], layout.arguments[x], theta[x])[0]
    return Parameters(sd, corr, sigma, kept)


@nb.njit(cache=True, nogil=True)
def _relative(layout: Layout, parameters: Parameters, f: int) -> np.ndarray:
    """Lambda of one factor relative to sigma: B diag(sd) L / sigma."""
    q = layout.effects[f]
    out = np.zeros((q, q))
    for a in range(q):
        for b in range(q):
            for c in range(b, q):
                out[a, b] += layout.shifts[f, a, c] * parameters.sd[f, c] * parameters.corr[f, c, b]
            out[a, b] /= parameters.sigma
    return out


@nb.njit(cache=True, nogil=True)
def scales_of(layout: Layout, parameters: Parameters) -> Scales:
    """Lambda of every factor, as elimination takes it."""
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    leaf = _relative(layout, parameters, 0) if factors > 0 else np.zeros((1, 1))
    branch = _relative(layout, parameters, 1) if layout.has_branch else np.zeros((0, 0))
    skip = (2 if layout.has_branch else 1) if factors > 0 else 0
    tail = np.zeros((factors - skip, most, most))
    for f in range(skip, factors):
        q = layout.effects[f]
        tail[f - skip, :q, :q] = _relative(layout, parameters, f)
    combine = np.ones(len(parameters.kept) + 1)
    combine[:-1] = layout.kept_shift - parameters.kept
    return Scales(leaf, branch, tail, parameters.sigma, combine)


@nb.njit(cache=True, nogil=True)
def common_of(normals: Normals, sigma: float) -> Common:
    """Priors of the common columns relative to sigma; a flat one has sigma for its unit."""
    return Common(np.where(normals.precision > 0, normals.sd / sigma, 1.0), normals.mean, normals.precision)


@nb.njit(cache=True, nogil=True)
def log_likelihood(system: System, normals: Normals, sigma: float, forward: Forward) -> float:
    """log p(y* | theta); flat common columns are integrated against d beta."""
    flat = len(normals.precision) - normals.precision.sum()
    return -0.5 * (
        (system.rows - flat) * np.log(2.0 * np.pi * sigma**2)
        + forward.log_det
        + forward.log_det_common
        + forward.quadratic / sigma**2
    )


@nb.njit(cache=True, nogil=True)
def evaluate(system: System, layout: Layout, normals: Normals, theta: np.ndarray, gradient: np.ndarray) -> float:
    """Evaluate the log posterior density of theta, up to p(y); gradient (elements,), or (0,) if not wanted, is overwritten."""
    prior = 0.0
    for x in range(len(theta)):
        v, slope, log_slope, log_slope_slope = place(layout.coordinates[x], layout.arguments[x], theta[x])
        value, value_slope = log_density(layout.kinds[x], layout.arguments[x], v)
        prior += value + log_slope
        if len(gradient):
            gradient[x] = value_slope * slope + log_slope_slope
    if not np.isfinite(prior):
        return -np.inf
    parameters = unpack(layout, theta)
    if not (parameters.sigma > 0.0):
        return -np.inf
    scales = scales_of(layout, parameters)
    common = common_of(normals, parameters.sigma)
    forward = eliminate(system, scales, common)
    if not forward.ok:
        return -np.inf
    total = prior + log_likelihood(system, normals, parameters.sigma, forward)
    if len(gradient) and np.isfinite(total):
        _add_gradient(system, layout, scales, common, parameters, forward, theta, gradient)
    return total if np.isfinite(total) else -np.inf


@nb.njit(cache=True, nogil=True)
def _add_gradient(
    system: System,
    layout: Layout,
    scales: Scales,
    common: Common,
    parameters: Parameters,
    forward: Forward,
    theta: np.ndarray,
    gradient: np.ndarray,
) -> None:
    """Add the gradient of the log likelihood: d Lambda = Lambda L^-1 e e' L for log sd, Lambda L^-1 dL for corr."""
    moments = second_moments(system, scales, common, forward)
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    skip = 2 if layout.has_branch else 1
    solved = np.zeros((factors, most, most))  # (M - J I) L^-1
    integrated = float(system.tail.common)
    for f in range(factors):
        q = layout.effects[f]
        if f == 0:
            excess, levels = moments.leaf.copy(), system.leaf.count.sum()
        elif f < skip:
            excess, levels = moments.branch.copy(), float(system.branch.gram.shape[0])
        else:
            excess = moments.tail[f - skip, :q, :q].copy()
            levels = float(system.tail.levels[f - skip])
        integrated += levels * q
        factor = parameters.corr[f, :q, :q]
        for a in range(q):
            excess[a, a] -= levels
        for a in range(q):
            # Row by row: x L = e  from the last column back.
            for b in range(q - 1, -1, -1):
                s = excess[a, b]
                for c in range(b + 1, q):
                    s -= solved[f, a, c] * factor[c, b]
                solved[f, a, b] = s / factor[b, b]
        for a in range(q):
            s = 0.0
            for b in range(a + 1):
                s += factor[a, b] * solved[f, b, a]
            x = layout.first[f] + a
            gradient[x] += s * _log_slope(layout, theta, x)
    for n in range(len(layout.partial_factor)):
        f, i, j = layout.partial_factor[n], layout.partial_row[n], layout.partial_column[n]
        z = np.tanh(theta[layout.partial_first + n])
        factor = parameters.corr[f]
        # s^2 times what the row had left before this partial correlation.
        left = factor[i, i]
        for m in range(n, len(layout.partial_factor)):
            if layout.partial_factor[m] == f and layout.partial_row[m] == i:
                left *= np.cosh(theta[layout.partial_first + m])
        s = left * (1.0 - z * z) * solved[f, j, i] - z * factor[i, i] * solved[f, i, i]
        for m in range(n + 1, len(layout.partial_factor)):
            if layout.partial_factor[m] == f and layout.partial_row[m] == i:
                k = layout.partial_column[m]
                s -= z * factor[i, k] * solved[f, k, i]
        gradient[layout.partial_first + n] += s
    if layout.sigma >= 0:
        by_log = forward.quadratic / parameters.sigma**2 - moments.squared + integrated - system.rows
        gradient[layout.sigma] += by_log * _log_slope(layout, theta, layout.sigma)
    for k in range(len(parameters.kept)):
        x = layout.kept + k
        slope = place(layout.coordinates[x], layout.arguments[x], theta[x])[1]
        gradient[x] += slope * moments.slope[k] / parameters.sigma**2


@nb.njit(cache=True, nogil=True)
def _log_slope(layout: Layout, theta: np.ndarray, x: int) -> float:
    """d log v / dx: 1 where the coordinate is log v."""
    v, slope, _, _ = place(layout.coordinates[x], layout.arguments[x], theta[x])
    return slope / v if slope != v else 1.0


@nb.njit(cache=True, nogil=True)
def evaluate_many(system: System, layout: Layout, normals: Normals, thetas: np.ndarray, out: np.ndarray) -> None:
    """Evaluate the log density of each row of thetas (n, elements) into out (n,)."""
    none = np.zeros(0)
    for i in range(len(thetas)):
        out[i] = evaluate(system, layout, normals, thetas[i], none)
