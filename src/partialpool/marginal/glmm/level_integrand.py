"""The integrand of one level's group effects: its mode, and the ranges outside which it is negligible.

With standard normal effects v of a level, Lambda the root of their covariance and r the linear predictor without them,

    f(v) = log p(y | r + Z Lambda v) - v'v / 2.

Newton's steps from v = 0, shortened until f increases, find the mode m; there C C' = I + Lambda'Z'WZ Lambda. The result
does not depend on what was evaluated before. In v = m + C'^-1 x, the points are found along every axis, in both
directions, where f has fallen by 24 to 34 (scores: by 11.5 to 19).
"""

from typing import Final, NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, part
from partialpool.marginal.gaussian.dense import solve_factored
from partialpool.marginal.glmm.row_density import RowDensity, sum_rows

__all__ = ["FOR_LIKELIHOOD", "FOR_SCORES", "Level", "Plan", "Rule", "log_density", "make_plan", "penalty"]


class Rule(NamedTuple):
    """How far and how finely the trapezoidal rule goes.

    Attributes
    ----------
    reach
        Sds to the ends of a range, for a normal integrand.
    least_fall, most_fall
        Range within which f must have fallen at the ends.
    rim
        Largest accepted share of the integral in the outermost nodes of one end.
    scan
        Number of places in each direction where other modes are searched for.
    intervals
        Number of steps along an axis to begin with.
    coarse
        Largest accepted change of the log integral when the step was halved last: its square bounds the error.
    """

    reach: float
    least_fall: float
    most_fall: float
    rim: float
    scan: int
    intervals: int
    coarse: float


FOR_LIKELIHOOD: Final = Rule(7.2, 24.0, 34.0, 1e-10, 48, 12, 3e-5)
"""Likelihoods are maximised: their errors must be far below the differences that the search sees."""
FOR_SCORES: Final = Rule(5.0, 11.5, 19.0, 1e-5, 24, 6, 3e-3)
"""Scores are averaged over draws."""
_CLIMB: Final = 100
"""Largest number of Newton steps; most levels need four."""
_NEAR: Final = 1e-6
"""Squared length of a step, in sds of the integrand, at which the mode is near enough: the rule needs no more."""
_SEARCH: Final = 60
_PRIOR_REACH: Final = 7.0
"""Sds of the prior within which other modes are searched for."""


class Level(NamedTuple):
    """The rows of one level, and room for what is computed of them.

    Where several parameters have predictors, `base`, `eta`, `slope` and `information` have the rows of each predictor
    one below the other, and so has `turned`.
    """

    density: RowDensity
    rule: Rule
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


class Plan(NamedTuple):
    """Where the nodes are: v = mode + axes x, x from -below to above; f at the mode, and the log of |det axes|."""

    mode: np.ndarray
    axes: np.ndarray
    below: np.ndarray
    above: np.ndarray
    top: float
    log_scale: float


@part(fastmath=REORDERED)
def log_density(level: Level, v: np.ndarray) -> float:
    """Evaluate log p(y | v), the rows' slopes and informations."""
    q, n = level.turned.shape
    for i in range(n):
        level.eta[i] = level.base[i]
    for c in range(q):
        t = v[c]
        for i in range(n):
            level.eta[i] += t * level.turned[c, i]
    return sum_rows(
        level.density, level.y, level.known, level.eta, level.own, level.slope, level.information, level.own_slope
    )


@part
def penalty(v: np.ndarray) -> float:
    """Return v'v / 2."""
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
    top = log_density(level, mode)
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
            higher = log_density(level, trial) - penalty(trial)
            if higher >= top:
                break
            part_of_step *= 0.5
        if not higher >= top:
            # No step improves: rounding. What is left in `level` must be of the mode itself.
            top = log_density(level, mode) - penalty(mode)
            _fill_newton(level, mode, step, factor)
            break
        top = higher
        for c in range(q):
            mode[c] = trial[c]
    return top


@part
def _find_end(level: Level, plan: Plan, axis: int, sign: float, trial: np.ndarray) -> float:
    """Search along an axis for the distance from the mode at which f has fallen enough."""
    near, far, end = 0.0, np.inf, level.rule.reach
    for _ in range(_SEARCH):
        for c in range(len(trial)):
            trial[c] = plan.mode[c] + sign * end * plan.axes[c, axis]
        fall = plan.top - (log_density(level, trial) - penalty(trial))
        if fall < level.rule.least_fall:
            near = end
        elif fall <= level.rule.most_fall:
            break
        else:
            far = end
        end = 2.0 * end if np.isinf(far) else 0.5 * (near + far)
    return end


@part
def _reach_other_modes(level: Level, plan: Plan, axis: int, sign: float, trial: np.ndarray) -> float:
    """Return the end of an axis, moved to where f is large again within the range of the prior."""
    far, size = 0.0, 0.0
    for c in range(len(trial)):
        far += plan.mode[c] * plan.mode[c]
        size += plan.axes[c, axis] * plan.axes[c, axis]
    step = (np.sqrt(far) + _PRIOR_REACH) / np.sqrt(size) / level.rule.scan
    end = plan.above[axis] if sign > 0.0 else plan.below[axis]
    for k in range(1, level.rule.scan + 1):
        x = k * step
        if x > end:
            for c in range(len(trial)):
                trial[c] = plan.mode[c] + sign * x * plan.axes[c, axis]
            if plan.top - (log_density(level, trial) - penalty(trial)) < level.rule.least_fall:
                end = x + step
    return end


@part
def make_plan(level: Level) -> Plan:
    """Find the mode, the axes and the ends of a level's integrand."""
    q = level.turned.shape[0]
    mode, factor, axes, trial = np.zeros(q), np.zeros((q, q)), np.zeros((q, q)), np.empty(q)
    top = _climb(level, mode, factor)
    plan = Plan(mode, axes, np.full(q, level.rule.reach), np.full(q, level.rule.reach), top, 0.0)
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
    return Plan(mode, axes, plan.below, plan.above, top, log_scale)
