"""Group effects of two nested factors integrated out, parent by parent, with the gradient.

With one effect each, v of a child and u of its parent, both standard normal,

    p(y_j | theta) = int exp F(u) du / (2 pi)^(1/2),    F(u) = sum_k g_k(u) - u^2 / 2,
    g_k(u) = log int p(y_k | r_k + z'_k lambda' u + z_k lambda v) exp(-v^2 / 2) dv / (2 pi)^(1/2),

sum over the children k of parent j, lambda' the sd of parents. g_k is that of `level_integrals`, with the slopes of its
rows averaged over the child's effect: F'(u) = sum_i E[s_i] z'_i lambda' - u. F' locates the mode: log p must be concave
in the linear predictor, so that F has no other (Prekopa 1973, Acta Sci. Math. 34:335). The outer rule is the
trapezoidal one of `level_integrals`, refined in the same way. By Fisher's identity the gradient is the average of those
of g_k over its nodes.
"""

from typing import Final, NamedTuple

import numpy as np

from partialpool.kernels import kernel, part
from partialpool.marginal.glmm.level_integrals import NEGLIGIBLE, Sums, integrate_level
from partialpool.marginal.glmm.level_integrand import FOR_LIKELIHOOD, Level
from partialpool.marginal.glmm.level_rows import LevelRows, NestedRows
from partialpool.marginal.glmm.row_density import RowDensity

__all__ = ["integrate_parents"]

_SEARCH: Final = 60
_CLOSE: Final = 0.5
"""Width of the bracket of the mode, in sds of the integrand, at which it is near enough: the rule needs no more."""
_HALVINGS: Final = 8


class _Parent(NamedTuple):
    """The rows of one parent, and room for what is computed of them.

    Attributes
    ----------
    rows, above
        All rows, by child, and the column of the parents' effect.
    children
        First and last child.
    density, own
        Of the row kernel; the family's parameters.
    base, turned, shifted, eta, slope, information
        X beta and offset; z lambda; the predictor without the child's effect; as in `Level`, (rows of the parent,).
    scale
        lambda'.
    own_room
        Room for slopes in the own parameters, (own,).
    sums
        Those of a child.
    scores
        E[s_i], (rows of the parent,).
    found
        F'(u), sum E[s_i z_i v], sum E[s_i] z'_i; the bound of the error; nodes along an axis, (5,).
    found_own
        Slopes in the own parameters, (own,).
    """

    rows: LevelRows
    above: np.ndarray
    children: tuple[int, int]
    density: RowDensity
    own: np.ndarray
    base: np.ndarray
    turned: np.ndarray
    shifted: np.ndarray
    eta: np.ndarray
    slope: np.ndarray
    information: np.ndarray
    scale: float
    own_room: np.ndarray
    sums: Sums
    scores: np.ndarray
    found: np.ndarray
    found_own: np.ndarray


@part
def _height(parent: _Parent, u: float) -> float:
    """Evaluate F(u) without the row kernel's constant; fill scores, found and found_own."""
    rows, sums, found = parent.rows, parent.sums, parent.found
    first, last = parent.children
    start = rows.first[first]
    total = -0.5 * u * u
    found[0], found[1], found[2], found[3] = -u, 0.0, 0.0, 0.0
    for m in range(len(parent.found_own)):
        parent.found_own[m] = 0.0
    for k in range(first, last):
        a, b = rows.first[k], rows.first[k + 1]
        n, at = b - a, a - start
        for i in range(n):
            parent.shifted[at + i] = parent.base[at + i] + parent.scale * u * parent.above[a + i]
        width = len(rows.known) // len(rows.y)
        level = Level(
            parent.density,
            FOR_LIKELIHOOD,
            rows.y[a:b],
            rows.known[width * a : width * b],
            parent.shifted[at : at + n],
            parent.turned[at : at + n].reshape((1, n)),
            parent.own,
            parent.eta[:n],
            parent.slope[:n],
            parent.information[:n],
            parent.own_room,
            rows.is_concave,
        )
        value, bound, along = integrate_level(level, rows.effects[:, a:b], sums)
        if not np.isfinite(value):
            return -np.inf
        total += value
        scale = 1.0 / sums.weight[0]
        for i in range(n):
            parent.scores[at + i] = scale * sums.scores[i]
            found[2] += parent.scores[at + i] * parent.above[a + i]
        found[1] += scale * sums.root[0, 0]
        found[3] += bound
        found[4] = max(found[4], float(along))
        for m in range(len(sums.own)):
            parent.found_own[m] += scale * sums.own[m]
    found[0] += parent.scale * found[2]
    return total


@part
def _find_mode(parent: _Parent) -> tuple[float, float, float]:
    """Return a point near a mode, F there, and the sd of F's curvature; F is -inf where there is no density."""
    near, top = 0.0, _height(parent, 0.0)
    if not np.isfinite(top):
        return 0.0, -np.inf, 1.0
    near_slope = parent.found[0]
    step = 1.0 if near_slope >= 0.0 else -1.0
    far, far_slope = step, near_slope
    for _ in range(_SEARCH):
        height = _height(parent, far)
        far_slope = parent.found[0]
        if not np.isfinite(height):
            far = 0.5 * (near + far)
            continue
        if far_slope * step <= 0.0:
            break
        near, near_slope, step = far, far_slope, 2.0 * step
        far = near + step
    spread = 1.0
    for _ in range(_SEARCH):
        # F' is nearly linear between the ends of a narrow bracket, as wide as its fall says F is.
        fall = abs(near_slope - far_slope)
        spread = np.sqrt(abs(far - near) / fall) if fall > 0.0 else 1.0
        if abs(far - near) < _CLOSE * spread:
            break
        middle = 0.5 * (near + far)
        _height(parent, middle)
        if parent.found[0] * step > 0.0:
            near, near_slope = middle, parent.found[0]
        else:
            far, far_slope = middle, parent.found[0]
    fall = near_slope - far_slope
    mode = near + (far - near) * near_slope / fall if fall != 0.0 else near
    return mode, _height(parent, mode), spread


@part
def _find_end(parent: _Parent, mode: float, top: float, spread: float, sign: float) -> float:
    """Return the distance from the mode at which F has fallen enough."""
    near, far, end = 0.0, np.inf, FOR_LIKELIHOOD.reach * spread
    for _ in range(_SEARCH):
        fall = top - _height(parent, mode + sign * end)
        if fall < FOR_LIKELIHOOD.least_fall:
            near = end
        elif fall <= FOR_LIKELIHOOD.most_fall:
            break
        else:
            far = end
        end = 2.0 * end if np.isinf(far) else 0.5 * (near + far)
    return end


class _Means(NamedTuple):
    """Sums over a parent's nodes, weighted by exp(F - top).

    `numbers` has those of 1, of E[s_i z_i v] and u E[s_i] z'_i over rows, and the largest bound of an error, (4,);
    `scores` those of E[s_i], (rows,); `own` those of slopes in the own parameters, (own,).
    """

    numbers: np.ndarray
    scores: np.ndarray
    own: np.ndarray


@part
def _add_node(parent: _Parent, u: float, top: float, means: _Means) -> None:
    """Add one node."""
    weight = np.exp(_height(parent, u) - top)
    numbers, found = means.numbers, parent.found
    numbers[0] += weight
    if weight < NEGLIGIBLE:
        return
    numbers[1] += weight * found[1]
    numbers[2] += weight * found[2] * u
    numbers[3] = max(numbers[3], found[3])
    for i in range(len(means.scores)):
        means.scores[i] += weight * parent.scores[i]
    for m in range(len(means.own)):
        means.own[m] += weight * parent.found_own[m]


@part
def _integrate(parent: _Parent, means: _Means) -> tuple[float, float, int]:
    """Return the log integral of a parent, the bound of its error, and the largest number of nodes along an axis."""
    mode, top, spread = _find_mode(parent)
    if not np.isfinite(top):
        return -np.inf, np.inf, 0
    below, above = _find_end(parent, mode, top, spread, -1.0), _find_end(parent, mode, top, spread, 1.0)
    change, value, intervals = np.inf, 0.0, FOR_LIKELIHOOD.intervals
    for halving in range(_HALVINGS + 1):
        for step in range(intervals + 1):
            if halving == 0 or step % 2 == 1:
                _add_node(parent, mode - below + (below + above) * step / intervals, top, means)
        finer = np.log(means.numbers[0]) - np.log(float(intervals))
        change, value = abs(finer - value) if halving > 0 else np.inf, finer
        if change < FOR_LIKELIHOOD.coarse:
            break
        intervals *= 2
    value += top + np.log(below + above) - 0.5 * np.log(2.0 * np.pi)
    bound = change * change if change < FOR_LIKELIHOOD.coarse else change
    return value, means.numbers[3] + bound, max(intervals + 1, int(parent.found[4]))


@kernel
def integrate_parents(
    density: RowDensity,
    rows: NestedRows,
    roots: np.ndarray,
    beta: np.ndarray,
    own: np.ndarray,
    values: np.ndarray,
    roots_slope: np.ndarray,
    beta_slope: np.ndarray,
    own_slope: np.ndarray,
) -> tuple[float, float, int]:
    """Integrate the effects of every parent and its children out.

    Parameters
    ----------
    density
        How rows are evaluated.
    rows
        The rows by parent and child.
    roots, beta, own
        lambda and lambda' (2,), coefficients (coefs,), the family's parameters on their natural scale.
    values
        Overwritten with log p(y_j | beta, lambda, own) without the row kernel's constant, (parents,).
    roots_slope, beta_slope, own_slope
        Overwritten with the gradient of their sum, in the shapes of `roots`, `beta` and `own`.

    Returns
    -------
    float, float, int
        The sum, -inf where a parent has no density; a bound of its error; the largest number of nodes along an axis.
    """
    parents, level_rows = len(rows.parents) - 1, rows.children
    roots_slope[:], beta_slope[:], own_slope[:] = 0.0, 0.0, 0.0
    most = 0
    for j in range(parents):
        most = max(most, level_rows.first[rows.parents[j + 1]] - level_rows.first[rows.parents[j]])
    base, turned, shifted, scores, mean = np.empty(most), np.empty(most), np.empty(most), np.empty(most), np.empty(most)
    eta, slope, information = np.empty(most), np.empty(most), np.empty(most)
    sums = Sums(np.zeros(1), np.zeros((2, 1)), np.empty(most), np.zeros((1, 1)), np.zeros(len(own)))
    numbers, found, found_own, own_room, own_mean = (
        np.zeros(4),
        np.zeros(5),
        np.zeros(len(own)),
        np.zeros(len(own)),
        np.zeros(len(own)),
    )
    total, error, nodes = 0.0, 0.0, 0
    for j in range(parents):
        first, last = rows.parents[j], rows.parents[j + 1]
        start, stop = level_rows.first[first], level_rows.first[last]
        for i in range(stop - start):
            base[i] = level_rows.start[start + i]
            for c in range(len(beta)):
                base[i] += beta[c] * level_rows.columns[c, start + i]
            turned[i] = roots[0] * level_rows.effects[0, start + i]
        parent = _Parent(
            level_rows,
            rows.above,
            (first, last),
            density,
            own,
            base,
            turned,
            shifted,
            eta,
            slope,
            information,
            roots[1],
            own_room,
            sums,
            scores,
            found,
            found_own,
        )
        means = _Means(numbers, mean[: stop - start], own_mean)
        numbers[:], means.scores[:], own_mean[:] = 0.0, 0.0, 0.0
        values[j], bound, along = _integrate(parent, means)
        if not np.isfinite(values[j]):
            return -np.inf, np.inf, along
        total += values[j]
        error += bound
        nodes = max(nodes, along)
        scale = 1.0 / numbers[0]
        roots_slope[0] += scale * numbers[1]
        roots_slope[1] += scale * numbers[2]
        for m in range(len(own)):
            own_slope[m] += scale * own_mean[m]
        for c in range(len(beta)):
            s = 0.0
            for i in range(stop - start):
                s += level_rows.columns[c, start + i] * means.scores[i]
            beta_slope[c] += scale * s
    return total, error, nodes
