"""The collapsed posterior density of theta, compiled: log p(y | theta) + log p(theta).

theta = (log sd and atanh partial correlations of every factor, log sigma, kept common coefficients), all in `Units`.
A correlation matrix is L L' with rows built from partial correlations z = tanh(x) (Lewandowski, Kurowicka & Joe
2009): L_ij = z_ij prod_(k<j) s_ik, L_ii = prod_k s_ik, s = sech(x), so that nothing cancels as z goes to 1.
"""

from typing import NamedTuple

import numpy as np

from partialpool.collapse.arrange import System
from partialpool.collapse.compiled import kernel
from partialpool.collapse.eliminate import Common, Forward, Scales, eliminate, make_workspace
from partialpool.collapse.scalar import log_density, place

__all__ = ["Layout", "Normals", "Parameters", "common_of", "evaluate", "log_likelihood", "scales_of", "unpack"]


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


@kernel
def unpack(layout: Layout, thetas: np.ndarray, i: int) -> Parameters:
    """Take row i of thetas (n, elements) apart."""
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    sd = np.zeros((factors, most))
    corr = np.zeros((factors, most, most))
    for f in range(factors):
        for a in range(layout.effects[f]):
            x = layout.first[f] + a
            sd[f, a] = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])[0]
            corr[f, a, a] = 1.0
    for n in range(len(layout.partial_factor)):
        f, row, column = layout.partial_factor[n], layout.partial_row[n], layout.partial_column[n]
        x = thetas[i, layout.partial_first + n]
        # L_ii holds what is left of the row so far.
        left = corr[f, row, row]
        corr[f, row, column] = np.tanh(x) * left
        corr[f, row, row] = left / np.cosh(x)
    sigma = 1.0
    if layout.sigma >= 0:
        x = layout.sigma
        sigma = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])[0]
    kept = np.zeros(thetas.shape[1] - layout.kept)
    for k in range(len(kept)):
        x = layout.kept + k
        kept[k] = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])[0]
    return Parameters(sd, corr, sigma, kept)


@kernel
def scales_of(layout: Layout, parameters: Parameters) -> Scales:
    """Lambda of every factor relative to sigma, B diag(sd) L / sigma, and the right-hand side's combination."""
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    relative = np.zeros((factors, most, most))
    for f in range(factors):
        for a in range(layout.effects[f]):
            for b in range(layout.effects[f]):
                s = 0.0
                for c in range(b, layout.effects[f]):
                    s += layout.shifts[f, a, c] * parameters.sd[f, c] * parameters.corr[f, c, b]
                relative[f, a, b] = s / parameters.sigma
    combine = np.ones(len(parameters.kept) + 1)
    for k in range(len(parameters.kept)):
        combine[k] = layout.kept_shift[k] - parameters.kept[k]
    return Scales(relative, parameters.sigma, combine)


@kernel
def common_of(normals: Normals, sigma: float) -> Common:
    """Priors of the common columns relative to sigma; a flat one has sigma for its unit."""
    scale = np.ones(len(normals.sd))
    for i in range(len(scale)):
        if normals.precision[i] > 0.0:
            scale[i] = normals.sd[i] / sigma
    return Common(scale, normals.mean, normals.precision)


@kernel
def log_likelihood(system: System, normals: Normals, sigma: float, forward: Forward) -> float:
    """Return log p(y* | theta); flat common columns are integrated against d beta."""
    flat = 0.0
    for i in range(len(normals.precision)):
        flat += 1.0 - normals.precision[i]
    return -0.5 * (
        (system.rows - flat) * np.log(2.0 * np.pi * sigma**2)
        + forward.log_det
        + forward.log_det_common
        + forward.quadratic / sigma**2
    )


@kernel
def log_prior(layout: Layout, thetas: np.ndarray, i: int) -> float:
    """Log prior density of row i of thetas, as a density on the real line."""
    total = 0.0
    for x in range(thetas.shape[1]):
        v, _, log_slope, _ = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])
        total += log_slope + log_density(layout.kinds[x], layout.arguments, x, v)[0]
    return total


@kernel
def evaluate(system: System, layout: Layout, normals: Normals, thetas: np.ndarray, out: np.ndarray) -> None:
    """Evaluate the log posterior density, up to p(y), of each row of thetas (n, elements) into out (n,)."""
    room = make_workspace(system)
    for i in range(len(thetas)):
        out[i] = -np.inf
        prior = log_prior(layout, thetas, i)
        parameters = unpack(layout, thetas, i)
        if np.isfinite(prior) and parameters.sigma > 0.0:
            forward = eliminate(system, scales_of(layout, parameters), common_of(normals, parameters.sigma), room)
            total = prior + log_likelihood(system, normals, parameters.sigma, forward)
            if forward.ok and np.isfinite(total):
                out[i] = total
