"""Group effects of one factor integrated out level by level, with the gradient: the exact likelihood given theta.

With standard normal effects v of level j, Lambda the root of their covariance and r = X beta + offset,

    p(y_j | theta) = int exp f(v) dv / (2 pi)^(q/2),      f(v) = log p(y_j | r_j + Z_j Lambda v) - v'v / 2.

1. Newton's steps from v = 0, shortened until f increases, find the mode m; there C C' = I + Lambda'Z'WZ Lambda. The
   result does not depend on what was evaluated before.
2. In v = m + C'^-1 x, the points are found along every axis, in both directions, where f has fallen by 24 to 34.
3. The trapezoidal rule on the product of these ranges, without nodes outside their ellipsoid. Its error decreases
   geometrically in the number of nodes (Trefethen & Weideman 2014, SIAM Review 56:385): halving the step squares it, or
   better, so that the square of the change bounds it. The step is halved, level by level, until that is below 1e-9.

Gauss-Hermite rules about the mode (Pinheiro & Bates 1995, J. Comput. Graph. Stat. 4:12) need fewer nodes where f is
nearly quadratic, and hundreds where it is not: all responses of a level equal, and a large sd.

By Fisher's identity the gradient is an average over p(v | y_j), on the same nodes: with s the rows' slopes in their
linear predictors,

    d log p / d beta = sum_i E[s_i] x_i,      d log p / d Lambda = sum_i E[s_i z_i v'].
"""

from typing import Final, NamedTuple

import numba as nb
import numpy as np

from partialpool.kernel_address import by_address
from partialpool.kernels import REORDERED, kernel, part
from partialpool.marginal.gaussian.dense import solve_factored
from partialpool.marginal.glmm.level_rows import LevelRows

__all__ = ["COARSE", "FALL", "INTERVALS", "NEGLIGIBLE", "Level", "Sums", "integrate_level", "integrate_levels"]

_VECTOR: Final = nb.types.Array(nb.types.float64, 1, "C")
_call_rows = by_address(nb.types.float64, (_VECTOR,) * 7)
_CLIMB: Final = 100
"""Largest number of Newton steps; most levels need four."""
_NEAR: Final = 1e-6
"""Squared length of a step, in sds of the integrand, at which the mode is near enough: the rule needs no more."""
_REACH: Final = 7.2
"""Sds to the ends of a range, for a normal integrand."""
FALL: Final = (24.0, 34.0)
"""Range within which f must have fallen at the ends."""
_SEARCH: Final = 60
_PRIOR_REACH: Final = 7.0
"""Sds of the prior within which other modes are searched for."""
_SCAN: Final = 48
INTERVALS: Final = 12
COARSE: Final = 3e-5
"""Largest accepted change of the log integral when the step was halved last: its square bounds the error."""
_HALVINGS: Final = (10, 5, 3)
"""Largest number of halvings, for one, two and three effects."""
NEGLIGIBLE: Final = 1e-18
"""Nodes with less weight than this, relative to the mode, contribute nothing to the gradient."""


class Level(NamedTuple):
    """The rows of one level, and room for what is computed of them."""

    address: int
    y: np.ndarray
    known: np.ndarray
    base: np.ndarray
    turned: np.ndarray
    """Z Lambda, (effects, rows)."""
    own: np.ndarray
    eta: np.ndarray
    slope: np.ndarray
    information: np.ndarray
    own_slope: np.ndarray
    is_concave: bool


class _Plan(NamedTuple):
    """Where the nodes are: v = mode + axes x, x from -below to above; f at the mode, and the log of |det axes|."""

    mode: np.ndarray
    axes: np.ndarray
    below: np.ndarray
    above: np.ndarray
    top: float
    log_scale: float


class Sums(NamedTuple):
    """Sums over nodes, weighted by exp(f - top): weights; slopes of rows; s z v'; slopes in the own parameters."""

    weight: np.ndarray
    scores: np.ndarray
    root: np.ndarray
    own: np.ndarray


@part(fastmath=REORDERED)
def _log_density(level: Level, v: np.ndarray) -> float:
    """Evaluate log p(y | v), the rows' slopes and informations."""
    q, n = level.turned.shape
    for i in range(n):
        level.eta[i] = level.base[i]
    for c in range(q):
        t = v[c]
        for i in range(n):
            level.eta[i] += t * level.turned[c, i]
    given = (level.y, level.known, level.eta, level.own, level.slope, level.information, level.own_slope)
    return _call_rows(level.address, given)


@part
def _penalty(v: np.ndarray) -> float:
    s = 0.0
    for c in range(len(v)):
        s += 0.5 * v[c] * v[c]
    return s


@part(fastmath=REORDERED)
def _fill_newton(level: Level, v: np.ndarray, gradient: np.ndarray, factor: np.ndarray) -> None:
    """Write the gradient of f and the Cholesky factor of I + Lambda'Z'WZ Lambda, of what was evaluated last at v."""
    q, n = level.turned.shape
    for c in range(q):
        s = -v[c]
        for i in range(n):
            s += level.turned[c, i] * level.slope[i]
        gradient[c] = s
        for d in range(c + 1):
            s = 1.0 if c == d else 0.0
            for i in range(n):
                s += level.turned[c, i] * level.information[i] * level.turned[d, i]
            for e in range(d):
                s -= factor[c, e] * factor[d, e]
            factor[c, d] = np.sqrt(s) if c == d else s / factor[d, d]


@part
def _climb(level: Level, mode: np.ndarray, factor: np.ndarray) -> float:
    """Move `mode` from 0 to the mode of f; write the factor of the curvature there; return f, -inf without density."""
    q = len(mode)
    step, trial = np.empty(q), np.empty(q)
    for c in range(q):
        mode[c] = 0.0
    top = _log_density(level, mode)
    for _ in range(_CLIMB):
        if not np.isfinite(top):
            return -np.inf
        _fill_newton(level, mode, step, factor)
        if not solve_factored(factor, step) > _NEAR:
            break
        part_of_step, higher = 1.0, -np.inf
        for _ in range(_SEARCH):
            for c in range(q):
                trial[c] = mode[c] + part_of_step * step[c]
            higher = _log_density(level, trial) - _penalty(trial)
            if higher >= top:
                break
            part_of_step *= 0.5
        if not higher >= top:
            # No step improves: rounding. What is left in `level` must be of the mode itself.
            top = _log_density(level, mode) - _penalty(mode)
            _fill_newton(level, mode, step, factor)
            break
        top = higher
        for c in range(q):
            mode[c] = trial[c]
    return top


@part
def _find_end(level: Level, plan: _Plan, axis: int, sign: float, trial: np.ndarray) -> float:
    """Search along an axis for the distance from the mode at which f has fallen enough."""
    near, far, end = 0.0, np.inf, _REACH
    for _ in range(_SEARCH):
        for c in range(len(trial)):
            trial[c] = plan.mode[c] + sign * end * plan.axes[c, axis]
        fall = plan.top - (_log_density(level, trial) - _penalty(trial))
        if fall < FALL[0]:
            near = end
        elif fall <= FALL[1]:
            break
        else:
            far = end
        end = 2.0 * end if np.isinf(far) else 0.5 * (near + far)
    return end


@part
def _reach_other_modes(level: Level, plan: _Plan, axis: int, sign: float, trial: np.ndarray) -> float:
    """Return the end of an axis, moved to where f is large again within the range of the prior."""
    far, size = 0.0, 0.0
    for c in range(len(trial)):
        far += plan.mode[c] * plan.mode[c]
        size += plan.axes[c, axis] * plan.axes[c, axis]
    step = (np.sqrt(far) + _PRIOR_REACH) / np.sqrt(size) / _SCAN
    end = plan.above[axis] if sign > 0.0 else plan.below[axis]
    for k in range(1, _SCAN + 1):
        x = k * step
        if x > end:
            for c in range(len(trial)):
                trial[c] = plan.mode[c] + sign * x * plan.axes[c, axis]
            if plan.top - (_log_density(level, trial) - _penalty(trial)) < FALL[0]:
                end = x + step
    return end


@part
def _make_plan(level: Level) -> _Plan:
    """Find the mode, the axes and the ends of a level's integrand."""
    q = level.turned.shape[0]
    mode, factor, axes, trial = np.zeros(q), np.zeros((q, q)), np.zeros((q, q)), np.empty(q)
    top = _climb(level, mode, factor)
    plan = _Plan(mode, axes, np.full(q, _REACH), np.full(q, _REACH), top, 0.0)
    if not np.isfinite(top):
        return plan
    log_scale = 0.0
    for k in range(q):
        log_scale -= np.log(factor[k, k])
        # Column k of C'^-1, by back-substitution.
        for c in range(k, -1, -1):
            s = 1.0 if c == k else 0.0
            for d in range(c + 1, k + 1):
                s -= factor[d, c] * axes[d, k]
            axes[c, k] = s / factor[c, c]
    for k in range(q):
        plan.below[k] = _find_end(level, plan, k, -1.0, trial)
        plan.above[k] = _find_end(level, plan, k, 1.0, trial)
        if not level.is_concave:
            plan.below[k] = _reach_other_modes(level, plan, k, -1.0, trial)
            plan.above[k] = _reach_other_modes(level, plan, k, 1.0, trial)
    return _Plan(mode, axes, plan.below, plan.above, top, log_scale)


@part(fastmath=REORDERED)
def _add_node(level: Level, effects: np.ndarray, plan: _Plan, v: np.ndarray, sums: Sums) -> None:
    """Add one node."""
    weight = np.exp(_log_density(level, v) - _penalty(v) - plan.top)
    sums.weight[0] += weight
    if weight < NEGLIGIBLE:
        return
    q, n = level.turned.shape
    for i in range(n):
        sums.scores[i] += weight * level.slope[i]
    for a in range(q):
        s = 0.0
        for i in range(n):
            s += effects[a, i] * level.slope[i]
        for c in range(q):
            sums.root[a, c] += weight * s * v[c]
    for k in range(len(sums.own)):
        sums.own[k] += weight * level.own_slope[k]


@part
def _add_nodes(level: Level, effects: np.ndarray, plan: _Plan, intervals: int, sums: Sums) -> None:
    """Add the nodes of a product of trapezoidal rules; those of the rule with half as many are in already."""
    q = len(plan.mode)
    v, index = np.empty(q), np.zeros(q, np.int64)
    for _ in range((intervals + 1) ** q):
        is_new, radius = intervals == INTERVALS, 0.0
        for c in range(q):
            v[c] = plan.mode[c]
            is_new = is_new or index[c] % 2 == 1
        for k in range(q):
            x = -plan.below[k] + (plan.below[k] + plan.above[k]) * index[k] / intervals
            radius += (x / (plan.above[k] if x > 0.0 else plan.below[k])) ** 2
            for c in range(k + 1):
                v[c] += plan.axes[c, k] * x
        if is_new and radius < 1.0 + 1e-9:
            _add_node(level, effects, plan, v, sums)
        for k in range(q):
            index[k] += 1
            if index[k] <= intervals:
                break
            index[k] = 0


@part
def integrate_level(level: Level, effects: np.ndarray, sums: Sums) -> tuple[float, float, int]:
    """Return the log integral of a level, the bound of its error, and the nodes along an axis."""
    q = level.turned.shape[0]
    plan = _make_plan(level)
    if not np.isfinite(plan.top):
        return -np.inf, np.inf, 0
    constant = plan.top + plan.log_scale - 0.5 * q * np.log(2.0 * np.pi)
    for k in range(q):
        constant += np.log(plan.below[k] + plan.above[k])
    intervals = INTERVALS
    _add_nodes(level, effects, plan, intervals, sums)
    value, change = np.log(sums.weight[0]) - q * np.log(float(intervals)), np.inf
    for _ in range(_HALVINGS[q - 1]):
        intervals *= 2
        _add_nodes(level, effects, plan, intervals, sums)
        finer = np.log(sums.weight[0]) - q * np.log(float(intervals))
        change, value = abs(finer - value), finer
        if change < COARSE:
            break
    return constant + value, change * change if change < COARSE else change, intervals + 1


@kernel
def integrate_levels(
    address: int,
    rows: LevelRows,
    root: np.ndarray,
    beta: np.ndarray,
    own: np.ndarray,
    values: np.ndarray,
    root_slope: np.ndarray,
    beta_slope: np.ndarray,
    own_slope: np.ndarray,
) -> tuple[float, float, int]:
    """Integrate the effects of every level out.

    Parameters
    ----------
    address
        Of the family's row kernel, `RowKernels.rows`.
    rows
        The rows by level.
    root, beta, own
        Lambda (effects, effects), coefficients (coefs,), the family's parameters on their natural scale.
    values
        Overwritten with log p(y_j | beta, Lambda, own) without the row kernel's constant, (levels,).
    root_slope, beta_slope, own_slope
        Overwritten with the gradient of their sum, in the shapes of `root`, `beta` and `own`.

    Returns
    -------
    float, float, int
        The sum, -inf where a level has no density; a bound of its error; the largest number of nodes along an axis.
    """
    q, levels = len(root), len(rows.first) - 1
    root_slope[:], beta_slope[:], own_slope[:] = 0.0, 0.0, 0.0
    most = 0
    for j in range(levels):
        most = max(most, rows.first[j + 1] - rows.first[j])
    base, eta, slope, information, scores = (
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
    )
    turned, own_here = np.empty(q * most), np.zeros(len(own))
    sums = Sums(np.zeros(1), scores, np.zeros((q, q)), np.zeros(len(own)))
    total, error, nodes = 0.0, 0.0, 0
    for j in range(levels):
        a, b = rows.first[j], rows.first[j + 1]
        n = b - a
        effects = rows.effects[:, a:b]
        here = turned[: q * n].reshape((q, n))
        for i in range(n):
            base[i] = rows.start[a + i]
            for c in range(len(beta)):
                base[i] += beta[c] * rows.columns[c, a + i]
            for c in range(q):
                here[c, i] = 0.0
                for d in range(q):
                    here[c, i] += effects[d, i] * root[d, c]
        width = len(rows.known) // len(rows.y)
        level = Level(
            address,
            rows.y[a:b],
            rows.known[width * a : width * b],
            base[:n],
            here,
            own,
            eta[:n],
            slope[:n],
            information[:n],
            own_here,
            rows.is_concave,
        )
        sums.weight[0] = 0.0
        sums.scores[:n] = 0.0
        sums.root[:] = 0.0
        sums.own[:] = 0.0
        values[j], bound, along = integrate_level(level, effects, sums)
        if not np.isfinite(values[j]):
            return -np.inf, np.inf, along
        total += values[j]
        error += bound
        nodes = max(nodes, along)
        scale = 1.0 / sums.weight[0]
        for c in range(len(beta)):
            s = 0.0
            for i in range(n):
                s += rows.columns[c, a + i] * sums.scores[i]
            beta_slope[c] += scale * s
        for c in range(q):
            for d in range(q):
                root_slope[c, d] += scale * sums.root[c, d]
        for k in range(len(own)):
            own_slope[k] += scale * sums.own[k]
    return total, error, nodes
