"""The posterior density in coordinates that follow theta, and its gradient, compiled.

All unknowns are theta (sds, partial correlations, kept coefficients), the family's own parameters, and standard normal
noise e for everything else. Given theta the stand-in's conditional draw maps e to offsets u, and

    log p(theta, own, e | y) = sum_i log p(y_i | eta_i, own) + log p(theta) + log p(own)
                             - |u - mu|^2 / 2 - log |U(theta)| - N / 2 log(2 pi),

A(theta) = U'U. It is exact whatever the working response is. Where the rows are nearly normal given theta, e is nearly
N(0, I) for every theta: neither the funnel of small sds nor the trade-off of crossed or nested factors is left.
"""

from typing import Any, Final, NamedTuple

import numba as nb
import numpy as np
from numba.experimental import structref

from partialpool.distributions.density_kernel import log_density, place
from partialpool.kernel_address import borrow, by_address
from partialpool.kernels import REORDERED, kernel, part
from partialpool.marginal.gaussian.cholesky import Common, make_workspace
from partialpool.marginal.gaussian.conditional_draw import draw_all
from partialpool.marginal.gaussian.conditional_draw_gradient import pull_back
from partialpool.marginal.gaussian.density import log_prior
from partialpool.marginal.gaussian.elimination_gradient import make_pulled
from partialpool.marginal.gaussian.gradient import add_prior_gradient, add_scales_gradient
from partialpool.marginal.gaussian.nest import Nest, eliminate_all, make_nest_pulled, make_nest_room
from partialpool.marginal.gaussian.ordering import System
from partialpool.marginal.gaussian.parameters import Layout, Normals, Parameters, common_of, scales_of, unpack
from partialpool.marginal.glmm.axes import Axes, place_along, pull_along
from partialpool.marginal.glmm.cutpoints import CutpointsPrior, place_cutpoints, pull_cutpoints
from partialpool.marginal.glmm.information_scale import (
    InformationScale,
    add_slopes_along_root,
    divide_by_root,
    log_root,
    slope_along_root,
    with_root,
)
from partialpool.marginal.glmm.kinship_turn import Turns, turn_effects, turn_slopes
from partialpool.marginal.glmm.weighted_rows import Rows

__all__ = ["ROWS_ARGUMENTS", "VECTOR", "Given", "OwnPriors", "Problem", "evaluate", "make_problem"]


VECTOR: Final = nb.types.Array(nb.types.float64, 1, "C")
ROWS_ARGUMENTS: Final = (VECTOR,) * 7
"""numba's types of the arguments of `RowKernels.rows`."""
_call_rows = by_address(nb.types.float64, ROWS_ARGUMENTS)


class OwnPriors(NamedTuple):
    """Priors of the family's own parameters: distribution, coordinate and arguments of each; its value if it is fixed.

    `fixed` is NaN for a parameter that is estimated. `estimated` counts those. A family has either such scalars, or
    cutpoints.
    """

    kinds: np.ndarray
    coordinates: np.ndarray
    arguments: np.ndarray
    fixed: np.ndarray
    estimated: int
    cutpoints: CutpointsPrior


@part
def _predict(rows: Rows, coefficients: np.ndarray, effects: np.ndarray, eta: np.ndarray) -> None:
    """Write the linear predictor into eta (rows,)."""
    columns, values, places, widths = rows.columns, rows.effects, rows.places, rows.widths
    n = len(eta)
    for i in range(n):
        eta[i] = rows.start[i]
    for c in range(len(coefficients)):
        t = coefficients[c]
        for i in range(n):
            eta[i] += t * columns[c, i]
    for f in range(len(widths)):
        for a in range(widths[f]):
            for i in range(n):
                eta[i] += values[f, a, i] * effects[places[f, i] + a]


@part(fastmath=REORDERED)
def _add_slopes(rows: Rows, slope: np.ndarray, effects: np.ndarray, levels: int, coefficients: np.ndarray) -> None:
    """Write the derivatives in effects and coefficients, given those in the linear predictor."""
    columns, values, places, widths = rows.columns, rows.effects, rows.places, rows.widths
    n = len(slope)
    for c in range(len(coefficients)):
        s = 0.0
        for i in range(n):
            s += slope[i] * columns[c, i]
        coefficients[c] = s
    for j in range(levels):
        effects[j] = 0.0
    for f in range(len(widths)):
        for a in range(widths[f]):
            # Rows of one level often follow each other: their sum is kept until the level changes.
            at, s = places[f, 0], 0.0
            for i in range(n):
                if places[f, i] != at:
                    effects[at + a] += s
                    at, s = places[f, i], 0.0
                s += values[f, a, i] * slope[i]
            effects[at + a] += s


@part
def _unscale_levels(
    widths: np.ndarray, levels: np.ndarray, relative: np.ndarray, offsets: np.ndarray, out: np.ndarray
) -> None:
    """Write Lambda u of every level into out, in elimination order; the common columns are left out."""
    at = 0
    for f in range(len(widths)):
        q = widths[f]
        for _ in range(levels[f]):
            for a in range(q):
                s = 0.0
                for b in range(q):
                    s += relative[f, a, b] * offsets[at + b]
                out[at + a] = s
            at += q


@part
def _own_parameters(own: OwnPriors, x: np.ndarray, first: int, values: np.ndarray) -> float:
    """Write the family's own parameters into values; return their log prior density on the real line."""
    if own.cutpoints.number > 0:
        return place_cutpoints(own.cutpoints, x, first, values)
    kinds, coordinates, arguments, fixed = own.kinds, own.coordinates, own.arguments, own.fixed
    total, at = 0.0, first
    for k in range(len(kinds)):
        values[k] = fixed[k]
        if np.isnan(fixed[k]):
            v, _, log_slope, _ = place(coordinates[k], arguments, k, x[at])
            values[k] = v
            total += log_slope + log_density(kinds[k], arguments, k, v)[0]
            at += 1
    return total


@part
def _own_gradient(
    own: OwnPriors, x: np.ndarray, first: int, values: np.ndarray, slope: np.ndarray, out: np.ndarray
) -> None:
    """Write the derivatives along the own parameters' places, given those of the rows in the parameters."""
    if own.cutpoints.number > 0:
        pull_cutpoints(own.cutpoints, x, first, values, slope, out)
        return
    kinds, coordinates, arguments, fixed = own.kinds, own.coordinates, own.arguments, own.fixed
    at = first
    for k in range(len(kinds)):
        if np.isnan(fixed[k]):
            v, by, _, by_log = place(coordinates[k], arguments, k, x[at])
            out[at] = by_log + by * (slope[k] + log_density(kinds[k], arguments, k, v)[1])
            at += 1


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


class Given(NamedTuple):
    """All that `evaluate` needs beside x.

    Attributes
    ----------
    system, nest
        The stand-in's, from `arrange_by_level`.
    layout, normals
        The stand-in's.
    known
        What is taken off the response for each integrated column, (integrated,).
    own, rows, turns
        The family's own parameters, the rows, and the rotations of levels with a known covariance.
    information
        How the rows' information grows with the own parameters.
    constant
        What the family's row kernel leaves out of the log density.
    address
        Of the family's row kernel.
    axes
        The map from z, the first elements of x, to (theta, own).
    """

    system: System
    nest: Nest
    layout: Layout
    normals: Normals
    known: np.ndarray
    own: OwnPriors
    rows: Rows
    turns: Turns
    information: InformationScale
    constant: float
    address: int
    axes: Axes


@structref.register
class ProblemType(nb.types.StructRef):
    """numba's type of a `Problem`."""


class Problem(structref.StructRefProxy):
    """A `Given`, as one reference: unpacking dozens of arrays at each call takes longer than a small model does."""


structref.define_proxy(Problem, ProblemType, ["given"])


@kernel
def make_problem(given: Given) -> Any:
    """Keep what is given as one reference."""
    return Problem(given)


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


@kernel
def evaluate(problem: Any, x: np.ndarray, eta: np.ndarray, out: np.ndarray) -> float:
    """Evaluate the log density at x = (z, noise), and its gradient into out, same shape.

    The Jacobian of the axes' `factor` is left out: it is a constant. `eta` is overwritten with the linear predictor,
    (rows,).

    Returns
    -------
    float
        -inf where a row or the prior has no density.
    """
    given = borrow(problem)
    system, nest, layout, own, rows = given.system, given.nest, given.layout, given.own, given.rows
    rhs = len(layout.kept_shift)
    elements = layout.kept + rhs
    first = elements + own.estimated
    size, integrated = len(x) - first, len(given.normals.sd)
    of_family = len(own.kinds) + own.cutpoints.number
    theta, values, own_slope = np.empty((1, elements)), np.empty(of_family), np.zeros(of_family)
    at, slopes, noise = np.empty(first), np.zeros(first), np.empty(size)
    total = given.constant + _place_all(given.axes, x, at, theta, noise)
    for i in range(len(x)):
        out[i] = 0.0
    total += log_prior(layout, theta, 0) + _own_parameters(own, at, elements, values)
    if not np.isfinite(total):
        return -np.inf
    parameters = unpack(layout, theta, 0)
    stated, stated_common = scales_of(layout, parameters), common_of(given.normals, 1.0)
    root = np.exp(log_root(given.information, at, elements))
    scales, common = with_root(stated, stated_common, root)
    room, nest_room = make_workspace(system), make_nest_room(nest)
    forward = eliminate_all(system, nest, scales, common, room, nest_room)
    if not forward.ok:
        return -np.inf
    offsets = noise.copy()
    draw_all(system.leaf, system, nest, scales, common, forward, nest_room, offsets.reshape((1, size)), 0)
    coefficients, slope, information = np.empty(integrated + rhs), np.empty(len(eta)), np.empty(len(eta))
    pulled, nest_pulled = make_pulled(system, scales, size), make_nest_pulled(nest, len(room.left))
    bar = pulled.effects
    _unscale_levels(rows.widths, rows.levels, stated.relative, offsets, bar)
    effects = bar.copy()
    turn_effects(given.turns, bar)
    total += _coefficients(offsets, size - integrated, stated_common, given.known, parameters, layout, coefficients)
    _predict(rows, coefficients, bar, eta)
    total += _call_rows(given.address, (rows.y, rows.known, eta, values, slope, information, own_slope))
    total -= 0.5 * (forward.log_det + forward.log_det_common + size * np.log(2.0 * np.pi))
    if not np.isfinite(total):
        return -np.inf
    _add_slopes(rows, slope, bar, size - integrated, coefficients)
    turn_slopes(given.turns, bar)
    for c in range(integrated):
        bar[size - integrated + c] = coefficients[c]
        effects[size - integrated + c] = offsets[size - integrated + c] * stated_common.scale[c]
    along_root = divide_by_root(bar, effects, root)
    pull_back(system, scales, common, forward, room, offsets, noise, pulled, nest, nest_room, nest_pulled)
    add_prior_gradient(layout, theta, slopes)
    add_scales_gradient(layout, parameters, pulled.products, theta[0], slopes)
    for k in range(rhs):
        here = layout.kept + k
        by = place(layout.coordinates[here], layout.arguments, here, at[here])[1]
        slopes[here] += by * (coefficients[integrated + k] - root * pulled.combine[k])
    _own_gradient(own, at, elements, values, own_slope, slopes)
    along_root += slope_along_root(scales, pulled)
    add_slopes_along_root(given.information, along_root, at, elements, slopes)
    pull_along(given.axes, x, slopes, out)
    for j in range(size):
        out[first + j] = bar[j]
    return total
