"""Group effects of one factor integrated out level by level, with the gradient: the exact likelihood given theta.

With standard normal effects v of level j, Lambda the root of their covariance and r = X beta + offset,

    p(y_j | theta) = int exp f(v) dv / (2 pi)^(q/2),      f(v) = log p(y_j | r_j + Z_j Lambda v) - v'v / 2.

The trapezoidal rule is applied to the product of the ranges outside which f is negligible (`level_integrand.py`). Its
error decreases geometrically in the number of nodes (Trefethen & Weideman 2014, SIAM Review 56:385): halving the step
squares it, or better, so that the square of the change bounds it. The step is halved, level by level, until that is
below 1e-9 (scores: 1e-5). A range is widened where its outermost nodes matter: off the axes f may fall more slowly than
on them.

Gauss-Hermite rules about the mode (Pinheiro & Bates 1995, J. Comput. Graph. Stat. 4:12) need fewer nodes where f is
nearly quadratic, and hundreds where it is not: all responses of a level equal, and a large sd.

By Fisher's identity the gradient is an average over p(v | y_j), on the same nodes: with s the rows' slopes in their
linear predictors,

    d log p / d beta = sum_i E[s_i] x_i,      d log p / d Lambda = sum_i E[s_i z_i v'].
"""

from typing import Final, NamedTuple

import numpy as np

from partialpool.kernels import REORDERED, kernel, part
from partialpool.marginal.glmm.level_integrand import FOR_LIKELIHOOD, Level, Plan, log_density, make_plan, penalty
from partialpool.marginal.glmm.level_rows import LevelRows
from partialpool.marginal.glmm.row_density import RowDensity

__all__ = ["MOST_EFFECTS", "NEGLIGIBLE", "Sums", "integrate_level", "integrate_levels"]

_WIDER: Final = 1.5
_ROUNDS: Final = 24
"""Largest number of times a range is widened."""
_HALVINGS: Final = (10, 5, 3)
"""Largest number of halvings, for one, two and three effects."""
MOST_EFFECTS: Final = len(_HALVINGS)
"""Largest number of effects: nodes are a product over effects, and four effects would take hours."""
NEGLIGIBLE: Final = 1e-18
"""Nodes with less weight than this, relative to the mode, contribute nothing to the gradient."""


class Sums(NamedTuple):
    """Sums over nodes, weighted by exp(f - top).

    Those of 1, (1,), and over the outermost nodes, (2, effects); of slopes of rows; of s z v'; of slopes in the own
    parameters.
    """

    weight: np.ndarray
    rim: np.ndarray
    scores: np.ndarray
    root: np.ndarray
    own: np.ndarray


@part(fastmath=REORDERED)
def _add_node(level: Level, effects: np.ndarray, plan: Plan, v: np.ndarray, sums: Sums) -> float:
    """Add one node; return its weight."""
    weight = np.exp(log_density(level, v) - penalty(v) - plan.top)
    sums.weight[0] += weight
    if weight < NEGLIGIBLE:
        return weight
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
    return weight


@part
def _add_nodes(level: Level, effects: np.ndarray, plan: Plan, intervals: int, sums: Sums) -> None:
    """Add the nodes of a product of trapezoidal rules; those of the rule with half as many are in already."""
    q = len(plan.mode)
    v, index = np.empty(q), np.zeros(q, np.int64)
    for _ in range((intervals + 1) ** q):
        is_new = intervals == level.rule.intervals
        for c in range(q):
            v[c] = plan.mode[c]
            is_new = is_new or index[c] % 2 == 1
        for k in range(q):
            x = -plan.below[k] + (plan.below[k] + plan.above[k]) * index[k] / intervals
            for c in range(k + 1):
                v[c] += plan.axes[c, k] * x
        if is_new:
            weight = _add_node(level, effects, plan, v, sums)
            for k in range(q):
                if index[k] == 0:
                    sums.rim[0, k] += weight
                elif index[k] == intervals:
                    sums.rim[1, k] += weight
        for k in range(q):
            index[k] += 1
            if index[k] <= intervals:
                break
            index[k] = 0


@part
def _clear(sums: Sums, rows: int) -> None:
    sums.weight[0] = 0.0
    for a in range(len(sums.root)):
        sums.rim[0, a], sums.rim[1, a] = 0.0, 0.0
        for c in range(len(sums.root)):
            sums.root[a, c] = 0.0
    for i in range(rows):
        sums.scores[i] = 0.0
    for k in range(len(sums.own)):
        sums.own[k] = 0.0


@part
def _widen(plan: Plan, sums: Sums, largest: float) -> bool:
    """Widen the ranges whose outermost nodes matter; return whether there are any."""
    most, any_narrow = largest * sums.weight[0], False
    for k in range(len(plan.mode)):
        if sums.rim[0, k] > most:
            plan.below[k] *= _WIDER
            any_narrow = True
        if sums.rim[1, k] > most:
            plan.above[k] *= _WIDER
            any_narrow = True
    return any_narrow


@part
def integrate_level(level: Level, effects: np.ndarray, sums: Sums) -> tuple[float, float, int]:
    """Return the log integral of a level, the bound of its error, and the nodes along an axis."""
    q, rule = level.turned.shape[0], level.rule
    plan = make_plan(level)
    if not np.isfinite(plan.top):
        return -np.inf, np.inf, 0
    value, change, intervals = 0.0, np.inf, rule.intervals
    for _ in range(_ROUNDS):
        _clear(sums, level.turned.shape[1])
        is_narrow, change, intervals = False, np.inf, rule.intervals
        for halving in range(_HALVINGS[q - 1] + 1):
            intervals = rule.intervals << halving
            _add_nodes(level, effects, plan, intervals, sums)
            is_narrow = _widen(plan, sums, rule.rim)
            if is_narrow:
                break
            finer = np.log(sums.weight[0]) - q * np.log(float(intervals))
            change, value = np.inf if halving == 0 else abs(finer - value), finer
            if change < rule.coarse:
                break
        if not is_narrow:
            break
        change = np.inf
    value += plan.top + plan.log_scale - 0.5 * q * np.log(2.0 * np.pi)
    for k in range(q):
        value += np.log(plan.below[k] + plan.above[k])
    return value, change * change if change < rule.coarse else change, intervals + 1


@kernel
def integrate_levels(
    density: RowDensity,
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
    density
        How rows are evaluated.
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
    most, predictors = 0, rows.predictors
    for j in range(levels):
        most = max(most, predictors * (rows.first[j + 1] - rows.first[j]))
    base, eta, slope, information, scores = (
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
        np.empty(most),
    )
    turned, own_here = np.empty(q * most), np.zeros(len(own))
    sums = Sums(np.zeros(1), np.zeros((2, q)), scores, np.zeros((q, q)), np.zeros(len(own)))
    total, error, nodes = 0.0, 0.0, 0
    for j in range(levels):
        y_from, y_to = rows.first[j], rows.first[j + 1]
        a, b = predictors * y_from, predictors * y_to
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
            density,
            FOR_LIKELIHOOD,
            rows.y[y_from:y_to],
            rows.known[width * y_from : width * y_to],
            base[:n],
            here,
            own,
            eta[:n],
            slope[:n],
            information[:n],
            own_here,
            rows.is_concave,
        )
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
