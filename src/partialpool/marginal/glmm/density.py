"""The posterior density in coordinates that follow theta, and its gradient, compiled.

All unknowns are theta (sds, partial correlations, kept coefficients), the family's own parameters, and standard normal
noise e for everything else. Given theta the stand-in's conditional draw maps e to offsets u, and

    log p(theta, own, e | y) = sum_i log p(y_i | eta_i, own) + log p(theta) + log p(own)
                             - |u - mu|^2 / 2 - log |U(theta)| - N / 2 log(2 pi),

A(theta) = U'U. Effects with a Student t distribution have its density in place of the normal one (`heavy_effects.py`),
and their degrees of freedom follow the family's own parameters, out of sight of the rows. The density is exact whatever
the working response is. Where the rows are nearly normal given theta, e is nearly N(0, I) for every theta: neither the
funnel of small sds nor the trade-off of crossed or nested factors is left.
"""

from typing import Any, Final

import numba as nb
import numpy as np

from partialpool.distributions.density_kernel import place
from partialpool.kernels import REORDERED, kernel, part
from partialpool.lent_record import pointer_to
from partialpool.marginal.gaussian.cholesky import Common
from partialpool.marginal.gaussian.conditional_draw import put_back
from partialpool.marginal.gaussian.dense import copied
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.elimination_gradient import PulledScales
from partialpool.marginal.gaussian.gradient import add_prior_gradient, add_scales_gradient
from partialpool.marginal.gaussian.parameters import Layout, Parameters, common_of, scaled_factors, scales_of, unpack
from partialpool.marginal.glmm.axes import Axes, place_along, pull_along
from partialpool.marginal.glmm.given_theta import call_backward, call_forward
from partialpool.marginal.glmm.heavy_effects import (
    add_heavy_slopes,
    exchange_densities,
    stretch_levels,
    take_heavy_products,
)
from partialpool.marginal.glmm.information_scale import (
    add_slopes_along_root,
    divide_by_root,
    log_root,
    slope_along_root,
    with_root,
)
from partialpool.marginal.glmm.kinship_turn import turn_effects, turn_slopes
from partialpool.marginal.glmm.own_priors import place_own, pull_own
from partialpool.marginal.glmm.row_density import sum_rows
from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["EVALUATE_ARGUMENTS", "VECTOR", "WRITE_ARGUMENTS", "evaluate", "write_effects"]


VECTOR: Final = nb.types.Array(nb.types.float64, 1, "C")
EVALUATE_ARGUMENTS: Final = (VECTOR,) * 3
WRITE_ARGUMENTS: Final = (nb.types.Array(nb.types.float64, 2, "C"),) * 3
"""Those of `evaluate` and `write_effects` after the problem."""


@part
def _predict(rows: Rows, coefficients: np.ndarray, effects: np.ndarray, eta: np.ndarray) -> None:
    """Write the linear predictor into eta (rows,)."""
    columns, values, places, spans = rows.columns, rows.effects, rows.places, rows.spans
    n = len(eta)
    for i in range(n):
        eta[i] = rows.start[i]
    for c in range(len(coefficients)):
        t = coefficients[c]
        for i in range(n):
            eta[i] += t * columns[c, i]
    for f in range(len(spans)):
        for a in range(spans[f]):
            for i in range(n):
                eta[i] += values[f, a, i] * effects[places[f, i] + a]


@part(fastmath=REORDERED)
def _add_slopes(rows: Rows, slope: np.ndarray, effects: np.ndarray, levels: int, coefficients: np.ndarray) -> None:
    """Write the derivatives in effects and coefficients, given those in the linear predictor."""
    columns, values, places, spans = rows.columns, rows.effects, rows.places, rows.spans
    n = len(slope)
    for c in range(len(coefficients)):
        s = 0.0
        for i in range(n):
            s += slope[i] * columns[c, i]
        coefficients[c] = s
    for j in range(levels):
        effects[j] = 0.0
    for f in range(len(spans)):
        for a in range(spans[f]):
            # Rows of one level often follow each other: their sum is kept until the level changes.
            at, s = places[f, 0], 0.0
            for i in range(n):
                if places[f, i] != at:
                    effects[at + a] += s
                    at, s = places[f, i], 0.0
                s += values[f, a, i] * slope[i]
            effects[at + a] += s


@part
def _coefficients(
    offsets: np.ndarray,
    levels: int,
    common: Common,
    known: np.ndarray,
    parameters: Parameters,
    layout: Layout,
    out: np.ndarray,
) -> float:
    """Write the coefficients of every column, integrated ones first; return the log density of all offsets."""
    scale, mean, precision, kept, shift = (
        common.scale,
        common.mean,
        common.precision,
        parameters.kept,
        layout.kept_shift,
    )
    integrated = len(scale)
    total = 0.0
    for j in range(levels):
        total -= 0.5 * offsets[j] * offsets[j]
    for c in range(integrated):
        u = offsets[levels + c]
        out[c] = u * scale[c] + known[c]
        total -= 0.5 * precision[c] * (u - mean[c]) ** 2
    for k in range(len(kept)):
        out[integrated + k] = kept[k] - shift[k]
    return total


@part
def _place_all(axes: Axes, x: np.ndarray, at: np.ndarray, theta: np.ndarray, noise: np.ndarray) -> float:
    """Write theta and the own parameters' places into `at`, theta alone into its row, and the noise.

    Return the log Jacobian of the axes.
    """
    log_slope = place_along(axes, x, at)
    for i in range(theta.shape[1]):
        theta[0, i] = at[i]
    for j in range(len(noise)):
        noise[j] = x[len(at) + j]
    return log_slope


@part
def _add_kept_slopes(
    layout: Layout, at: np.ndarray, coefficients: np.ndarray, root: float, pulled: PulledScales, slopes: np.ndarray
) -> None:
    """Add the derivatives along the kept coefficients, which are the last among the derivatives in coefficients."""
    rhs = len(layout.kept_shift)
    before = len(coefficients) - rhs
    for k in range(rhs):
        place_of = layout.kept + k
        by = place(layout.coordinates[place_of], layout.arguments, place_of, at[place_of])[1]
        slopes[place_of] += by * (coefficients[before + k] - root * pulled.combine[k])


@kernel
def evaluate(problem: Any, x: np.ndarray, eta: np.ndarray, out: np.ndarray) -> float:
    """Evaluate the log density at x = (z, noise), and its gradient into out, same shape.

    The Jacobian of the axes' `factor` is left out: it is a constant. `eta` is overwritten with the linear
    predictors, (predictors x rows,).

    Returns
    -------
    float
        -inf where a row or the prior has no density.
    """
    layout, normals, own, rows = problem.layout, problem.normals, problem.own, problem.rows
    axes, growth, turns = problem.axes, problem.information, problem.turns
    here, rhs = pointer_to(problem), len(layout.kept_shift)
    elements, of_family = layout.kept + rhs, len(own.kinds) + own.cutpoints.number
    heavy, behind = problem.heavy, elements + own.estimated
    first = behind + heavy.priors.estimated
    size, integrated = len(x) - first, len(normals.sd)
    theta, values, own_slope = np.empty((1, elements)), np.empty(of_family), np.zeros(of_family)
    at, slopes, noise, nu = np.empty(first), np.zeros(first), np.empty(size), np.empty(len(heavy.first))
    total = problem.constant + _place_all(axes, x, at, theta, noise)
    for i in range(len(x)):
        out[i] = 0.0
    total += (
        log_prior(layout, theta, 0) + place_own(own, at, elements, values) + place_own(heavy.priors, at, behind, nu)
    )
    if not np.isfinite(total):
        return -np.inf
    parameters = unpack(layout, theta, 0)
    stated, stated_common = scales_of(layout, parameters), common_of(normals, 1.0)
    root = np.exp(log_root(growth, at, elements))
    scales, common = with_root(stated, stated_common, root)
    offsets = copied(noise)
    factorised = call_forward(problem.forward, (here, scales, common, offsets.reshape((1, size))))
    forward = factorised.forward
    if not forward.ok:
        return -np.inf
    coefficients, slope, information = np.empty(integrated + rhs), np.empty(len(eta)), np.empty(len(eta))
    bar = np.empty(size)
    put_back(rows.widths, rows.levels, stated.relative, offsets, bar)
    effects = copied(bar)
    turn_effects(turns, bar)
    known = problem.known
    total += _coefficients(offsets, size - integrated, stated_common, known, parameters, layout, coefficients)
    total += exchange_densities(heavy, offsets, nu) - 0.5 * (
        forward.log_det + forward.log_det_common + size * np.log(2.0 * np.pi)
    )
    _predict(rows, coefficients, bar, eta)
    total += sum_rows(problem.row_density, rows.y, rows.known, eta, values, slope, information, own_slope)
    if not np.isfinite(total):
        return -np.inf
    _add_slopes(rows, slope, bar, size - integrated, coefficients)
    turn_slopes(turns, bar)
    for c in range(integrated):
        bar[size - integrated + c] = coefficients[c]
        effects[size - integrated + c] = offsets[size - integrated + c] * stated_common.scale[c]
    along_root = divide_by_root(bar, effects, root)
    added = add_heavy_slopes(heavy, parameters, root, offsets, nu, bar)
    pulled = call_backward(problem.backward, (here, scales, common, factorised, offsets, noise, bar))
    take_heavy_products(heavy, added, pulled.products)
    add_prior_gradient(layout, theta, slopes)
    add_scales_gradient(layout, parameters, pulled.products, theta, slopes)
    _add_kept_slopes(layout, at, coefficients, root, pulled, slopes)
    pull_own(own, at, elements, values, own_slope, slopes)
    pull_own(heavy.priors, at, behind, nu, added.nu, slopes)
    along_root += slope_along_root(scales, pulled)
    add_slopes_along_root(growth, along_root, at, elements, slopes)
    pull_along(axes, x, slopes, out)
    for j in range(size):
        out[first + j] = bar[j]
    return total


@kernel
def write_effects(problem: Any, x: np.ndarray, offsets: np.ndarray, effects: np.ndarray) -> None:
    """Write u and diag(sd) L u of each row of x, (draws, size), in elimination order, as `evaluate` has them at x.

    Both are (draws, effects); coefficients that are integrated out come last. NaN where there is no density.
    """
    layout, normals, axes, growth = problem.layout, problem.normals, problem.axes, problem.information
    widths, levels, heavy = problem.rows.widths, problem.rows.levels, problem.heavy
    here = pointer_to(problem)
    elements = layout.kept + len(layout.kept_shift)
    size = effects.shape[1]
    before = elements + problem.own.estimated + heavy.priors.estimated
    at, theta, noise = np.empty(before), np.empty((1, elements)), np.empty((1, size))
    for i in range(len(x)):
        _place_all(axes, x[i], at, theta, noise[0])
        parameters = unpack(layout, theta, 0)
        root = np.exp(log_root(growth, at, elements))
        scales, common = with_root(scales_of(layout, parameters), common_of(normals, 1.0), root)
        factorised = call_forward(problem.forward, (here, scales, common, noise))
        for j in range(size):
            offsets[i, j] = noise[0, j] if factorised.forward.ok else np.nan
            effects[i, j] = offsets[i, j]
        put_back(widths, levels, scaled_factors(parameters), offsets[i], effects[i])
        stretch_levels(heavy, offsets[i])
        stretch_levels(heavy, effects[i])
