"""The elements of theta: their positions and meanings.

theta = (log sd and atanh partial correlations of every factor, log sigma, kept fixed effects), all in `Units`.
A correlation matrix is L L' with rows built from partial correlations z = tanh(x) (Lewandowski, Kurowicka & Joe
2009): L_ij = z_ij prod_(k<j) s_ik, L_ii = prod_k s_ik, s = sech(x), so that nothing cancels as z goes to 1.
"""

from typing import NamedTuple

import numpy as np

from partialpool.distributions.density_kernel import place
from partialpool.kernels import part
from partialpool.marginal.gaussian.cholesky import Common, Scales
from partialpool.marginal.gaussian.partial_correlation import FREE, partial_correlation
from partialpool.marginal.gaussian.variance_prior import Joint

__all__ = [
    "Layout",
    "Normals",
    "Parameters",
    "common_of",
    "partial_of",
    "scaled_factors",
    "scales_of",
    "unpack",
]


class Layout(NamedTuple):
    """Positions of the parameters in theta.

    Attributes
    ----------
    effects
        Effects of each factor, in elimination order: leaf, branch (if any), tail factors.
    sd_at
        Position in theta of each effect's log sd, (factors, most effects); effects may share one.
    partial_factor, partial_row, partial_column
        Factor (in elimination order), row and column of each partial correlation, row by row.
    partial_at, partial_kind, partial_order
        Position in theta of what determines each partial correlation; how it does (`partial_correlation.py`); the row's
        place among the effects of its block.
    sds
        Number of elements that are log sds; the first ones.
    sigma
        Position of log sigma; -1 if the residual sds are known.
    kept
        Position of the first kept coefficient.
    kept_shift
        What the units subtracted from each kept coefficient (the response's location, from the intercept).
    shifts
        B of each factor, (factors, most effects, most effects).
    has_branch
        Whether the second factor is the branch.
    kinds, coordinates, arguments
        Prior of each element: distribution, coordinate, arguments.
    joint
        The joint prior of sds and sigma, if they have one.
    """

    effects: np.ndarray
    sd_at: np.ndarray
    partial_factor: np.ndarray
    partial_row: np.ndarray
    partial_column: np.ndarray
    partial_at: np.ndarray
    partial_kind: np.ndarray
    partial_order: np.ndarray
    sds: int
    sigma: int
    kept: int
    kept_shift: np.ndarray
    shifts: np.ndarray
    has_branch: bool
    kinds: np.ndarray
    coordinates: np.ndarray
    arguments: np.ndarray
    joint: Joint


class Normals(NamedTuple):
    """Normal priors of the integrated common columns, in `Units`: sd, mean / sd, precision (1, or 0 for flat)."""

    sd: np.ndarray
    mean: np.ndarray
    precision: np.ndarray


class Parameters(NamedTuple):
    """The parameters of one theta, transformed back from log and atanh coordinates.

    Attributes
    ----------
    sd
        (factors, most effects).
    corr
        Cholesky factor of each factor's correlation matrix, (factors, most effects, most effects).
    sigma
        Residual sd.
    kept
        Kept fixed effects.
    """

    sd: np.ndarray
    corr: np.ndarray
    sigma: float
    kept: np.ndarray


@part
def unpack(layout: Layout, thetas: np.ndarray, i: int) -> Parameters:
    """Unpack row i of thetas (n, elements)."""
    factors, most = layout.shifts.shape[0], layout.shifts.shape[1]
    sd = np.zeros((factors, most))
    corr = np.zeros((factors, most, most))
    for f in range(factors):
        for a in range(layout.effects[f]):
            x = layout.sd_at[f, a]
            sd[f, a] = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])[0]
            corr[f, a, a] = 1.0
    for n in range(len(layout.partial_factor)):
        f, row, column = layout.partial_factor[n], layout.partial_row[n], layout.partial_column[n]
        z, rest, _ = partial_of(layout, n, thetas, i)
        # L_ii holds the remainder of the row so far.
        left = corr[f, row, row]
        corr[f, row, column] = z * left
        corr[f, row, row] = left * rest
    sigma = 1.0
    if layout.sigma >= 0:
        x = layout.sigma
        sigma = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])[0]
    kept = np.zeros(thetas.shape[1] - layout.kept)
    for k in range(len(kept)):
        x = layout.kept + k
        kept[k] = place(layout.coordinates[x], layout.arguments, x, thetas[i, x])[0]
    return Parameters(sd, corr, sigma, kept)


@part
def partial_of(layout: Layout, n: int, thetas: np.ndarray, i: int) -> tuple[float, float, float]:
    """Return partial correlation n, z, of row i of thetas; sqrt(1 - z^2); the slope of atanh z along its element."""
    x, kind, order = layout.partial_at[n], layout.partial_kind[n], layout.partial_order[n]
    rho, slope = thetas[i, x], 1.0
    if kind != FREE:
        rho, slope, _, _ = place(layout.coordinates[x], layout.arguments, x, rho)
    z, rest, by_rho = partial_correlation(kind, order, order - (layout.partial_row[n] - layout.partial_column[n]), rho)
    return z, rest, by_rho * slope


@part
def scaled_factors(parameters: Parameters) -> np.ndarray:
    """Return diag(sd) L of every factor, (factors, most effects, most effects)."""
    out = np.empty(parameters.corr.shape)
    for f in range(out.shape[0]):
        for a in range(out.shape[1]):
            for b in range(out.shape[2]):
                out[f, a, b] = parameters.sd[f, a] * parameters.corr[f, a, b]
    return out


@part
def scales_of(layout: Layout, parameters: Parameters) -> Scales:
    """Return Lambda of every factor relative to sigma, B diag(sd) L / sigma, and the right-hand side's combination."""
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


@part
def common_of(normals: Normals, sigma: float) -> Common:
    """Return priors of the common columns relative to sigma; a flat one has sigma as its unit."""
    scale = np.ones(len(normals.sd))
    for i in range(len(scale)):
        if normals.precision[i] > 0.0:
            scale[i] = normals.sd[i] / sigma
    return Common(scale, normals.mean, normals.precision)
