"""The posterior density in coordinates that follow theta, and its gradient, compiled.

All unknowns are theta (sds, partial correlations, kept coefficients), the family's own parameters, and standard normal
noise e for everything else. Given theta the stand-in's conditional draw maps e to offsets u, and

    log p(theta, own, e | y) = sum_i log p(y_i | eta_i, own) - |u - mu|^2 / 2 - log |U(theta)|
                             + log p(theta) + log p(own) - N / 2 log(2 pi),

A(theta) = U'U, exact whatever the working response is. Where the rows are nearly normal given theta, e is nearly N(0, I)
for every theta: neither the funnel of small sds nor the trade-off of crossed or nested factors is left.
"""

from typing import NamedTuple

import numpy as np

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernels import kernel, part
from partialpool.marginal.gaussian.cholesky import Scales, eliminate, make_workspace
from partialpool.marginal.gaussian.conditional_draw import put_back
from partialpool.marginal.gaussian.conditional_draw_gradient import make_pulled, pull_back
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.gradient import add_prior_gradient, add_scales_gradient
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.parameters import Layout, Normals, common_of, scales_of, unpack
from partialpool.marginal.glmm.row_call import call_rows
from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["OwnCodes", "evaluate"]


class OwnCodes(NamedTuple):
    """Priors of the family's own parameters: distribution, coordinate and arguments of each."""

    kinds: np.ndarray
    coordinates: np.ndarray
    arguments: np.ndarray


@part
def _predict(rows: Rows, coefficients: np.ndarray, effects: np.ndarray, eta: np.ndarray) -> None:
    """Write the linear predictor into eta (rows,)."""
    n = len(eta)
    for i in range(n):
        eta[i] = rows.start[i]
    for c in range(len(coefficients)):
        t = coefficients[c]
        for i in range(n):
            eta[i] += t * rows.columns[c, i]
    for f in range(len(rows.widths)):
        for a in range(rows.widths[f]):
            for i in range(n):
                eta[i] += rows.effects[f, a, i] * effects[rows.codes[f, i] + a]


@part
def _add_slopes(rows: Rows, slope: np.ndarray, coefficients: np.ndarray, effects: np.ndarray) -> None:
    """Write the derivatives in coefficients and effects, given those in the linear predictor."""
    n = len(slope)
    for c in range(len(coefficients)):
        s = 0.0
        for i in range(n):
            s += slope[i] * rows.columns[c, i]
        coefficients[c] = s
    for j in range(len(effects)):
        effects[j] = 0.0
    for f in range(len(rows.widths)):
        for a in range(rows.widths[f]):
            for i in range(n):
                effects[rows.codes[f, i] + a] += rows.effects[f, a, i] * slope[i]


@part
def _unscale_levels(layout: Layout, system: System, scales: Scales, offsets: np.ndarray, out: np.ndarray) -> None:
    """Write Lambda u of every level into out, in elimination order; the common columns are left out."""
    at = 0
    skip = 2 if layout.has_branch else 1
    for f in range(len(layout.effects)):
        q = layout.effects[f]
        if f == 0:
            levels = len(system.leaf.level)
        elif f < skip:
            levels = system.branch.gram.shape[0]
        else:
            levels = system.tail.levels[f - skip]
        for _ in range(levels):
            for a in range(q):
                s = 0.0
                for b in range(q):
                    s += scales.relative[f, a, b] * offsets[at + b]
                out[at + a] = s
            at += q


@kernel
def evaluate(
    system: System,
    layout: Layout,
    normals: Normals,
    known: np.ndarray,
    own: OwnCodes,
    rows: Rows,
    address: int,
    x: np.ndarray,
    eta: np.ndarray,
    out: np.ndarray,
) -> float:
    """Evaluate the log density at x = (theta, own parameters, noise), and its gradient into out, same shape.

    Parameters
    ----------
    system
        The stand-in's, its leaf with every level by itself.
    known
        What is taken off the response for each integrated column, (integrated,).
    address
        Of the family's row kernel.
    eta
        Overwritten with the linear predictor, (rows,).

    Returns
    -------
    float
        Up to what the row kernel leaves out; -inf where a row or the prior has no density.
    """
    for i in range(len(x)):
        out[i] = 0.0
    elements, parameters_own = layout.kept, len(own.kinds)
    kept = system.tail.gram.shape[0] - system.tail.columns - system.tail.common - 1
    elements += kept
    theta = np.empty((1, elements))
    for i in range(elements):
        theta[0, i] = x[i]
    total = log_prior(layout, theta, 0)
    values, own_slope = np.empty(parameters_own), np.zeros(parameters_own)
    for k in range(parameters_own):
        v, _, log_slope, _ = place(own.coordinates[k], own.arguments, k, x[elements + k])
        values[k] = v
        total += log_slope + log_density(own.kinds[k], own.arguments, k, v)[0]
    if not np.isfinite(total):
        return -np.inf
    parameters = unpack(layout, theta, 0)
    scales, common = scales_of(layout, parameters), common_of(normals, 1.0)
    room = make_workspace(system)
    forward = eliminate(system, scales, common, room)
    if not forward.ok:
        return -np.inf
    first = elements + parameters_own
    size = len(x) - first
    noise = x[first:]
    offsets, effects = np.empty((1, size)), np.empty((1, size))
    for j in range(size):
        offsets[0, j] = noise[j]
    put_back(system.leaf, system, layout, parameters, scales, common, forward, offsets, effects, 0)
    levels = size - system.tail.common
    _unscale_levels(layout, system, scales, offsets[0], effects[0])
    coefficients = np.empty(system.tail.common + kept)
    for c in range(system.tail.common):
        coefficients[c] = offsets[0, levels + c] * common.scale[c] + known[c]
        total -= 0.5 * common.precision[c] * (offsets[0, levels + c] - common.mean[c]) ** 2
    for k in range(kept):
        coefficients[system.tail.common + k] = parameters.kept[k] - layout.kept_shift[k]
    for j in range(levels):
        total -= 0.5 * offsets[0, j] ** 2
    _predict(rows, coefficients, effects[0], eta)
    slope = np.empty(len(eta))
    total += call_rows(address, rows.y, rows.known, eta, values, slope, own_slope)
    total -= 0.5 * (forward.log_det + forward.log_det_common + size * np.log(2.0 * np.pi))
    if not np.isfinite(total):
        return -np.inf
    pulled = make_pulled(system.leaf, system, scales)
    _add_slopes(rows, slope, coefficients, effects[0])
    for j in range(levels):
        pulled.effects[j] = effects[0, j]
    for c in range(system.tail.common):
        pulled.effects[levels + c] = coefficients[c]
    pull_back(system.leaf, system, scales, common, forward, room, offsets[0], noise, pulled)
    gradient = out[:elements]
    add_prior_gradient(layout, theta, gradient)
    add_scales_gradient(layout, parameters, pulled.products, theta[0], gradient)
    for k in range(kept):
        at = layout.kept + k
        by = place(layout.coordinates[at], layout.arguments, at, x[at])[1]
        out[at] += by * (coefficients[system.tail.common + k] - pulled.combine[k])
    for k in range(parameters_own):
        v, by, _, by_log = place(own.coordinates[k], own.arguments, k, x[elements + k])
        out[elements + k] = by_log + by * (own_slope[k] + log_density(own.kinds[k], own.arguments, k, v)[1])
    for j in range(size):
        out[first + j] = pulled.effects[j]
    return total
