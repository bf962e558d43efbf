"""Integrals over a few normal effects, draw by draw: log int p(y | v) N(v; 0, I) dv, f(v) the log of the integrand.

1. Find the mode of f by Newton steps, which are shortened until f increases. They start at zero or, where that is
   better, at the mode of a quadratic in u = L v around a guess of the effects u. There is no division by L: an sd may
   be 1e-12 or zero.
2. Use coordinates x in which the curvature at the mode is the identity, v = mode + H^(-T) x. Along each axis, in both
   directions, find the point where f has fallen by 11 to 19, so that the part beyond is about a millionth of the whole.
3. Apply the trapezoidal rule on the product of these ranges. For an integrand that is analytic and vanishes at both
   ends the error decreases geometrically in the number of nodes (Trefethen & Weideman 2014, SIAM Review 56:385):
   halving the step squares it, or better. So the square of the difference from the rule on every other node bounds the
   error. The step is halved in draws in which that difference is large, and the range widened where the outermost nodes
   matter.

A product of Gauss-Hermite rules around the mode (Pinheiro & Bates 1995, JCGS 4:12) needs fewer nodes where the
integrand is near a normal density. For two or more effects it is tried first, and used where rules of two orders agree.
They do not agree where all responses of a level are of one kind and an effect has a large sd.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final, Protocol, Self

import numpy as np
from scipy import special

from partialpool.errors import EngineError

__all__ = ["MOST_EFFECTS", "Integral", "Likelihood", "log_integral"]

MOST_EFFECTS: Final = 3
"""Largest number of effects: nodes are a product over effects, and four effects would take hours."""
_CLIMB: Final = 100
"""Largest number of (full or shortened) Newton steps; most sets need three or four."""
_NEAR: Final = 0.1
"""Distance from the mode, in sds of the integrand, at which the Newton steps stop: the rule needs no more."""
_STEP: Final = 1e-3
"""Step, on the scale of the linear predictor, of the differences for slope and curvature."""
_REACH: Final = 5.0
"""Sds to the ends of the range, for an integrand that is a normal density."""
_FALL: Final = (11.5, 19.0)
"""Range within which f must have fallen at the ends."""
_SEARCH: Final = 60
_PRIOR_REACH: Final = 6.0
"""Range, in sds of the prior, within which other modes are searched for."""
_SCAN: Final = 24
_ORDERS: Final = (5, 7)
_AGREE: Final = 1e-3
"""Largest accepted difference of the logs by Gauss-Hermite rules of two orders."""
_AT_ONCE: Final = 1 << 16
"""Densities evaluated together, such that they fit into the cache."""
_INTERVALS: Final = 12
_HALVINGS: Final = {1: 9, 2: 4, 3: 2}
"""Largest number of halvings of the step, by number of effects."""
_ROUNDS: Final = 24
_COARSE: Final = 0.003
"""Accepted log ratio to the rule on every other node, per effect; for a normal density it is half as large."""
_RIM: Final = 1e-5
"""Largest accepted share of the integral in the outermost nodes of one end."""


class Likelihood(Protocol):
    """Densities of some rows under some draws, as a function of a shift of the linear predictor."""

    def log_density(self, shift: np.ndarray) -> np.ndarray:
        """Evaluate the log densities of the rows, (draws, rows), for a shift of the same shape."""

    def take(self, draws: np.ndarray) -> Self:
        """Return the same under some of the draws."""


@dataclass(frozen=True, eq=False)
class Integral:
    """An integral, and an upper bound.

    Attributes
    ----------
    value
        Its log, (draws,).
    highest
        Largest log p(y | v) evaluated, (draws,): an average over v cannot be above all averaged values.
    """

    value: np.ndarray
    highest: np.ndarray


@dataclass(frozen=True, eq=False)
class _Integrand:
    """p(y | eta + Z L v) N(v; 0, I), without the normal constant."""

    given: Likelihood
    z: np.ndarray
    """(rows, effects)."""
    root: np.ndarray
    """L, (draws, effects, effects)."""

    def take(self, draws: np.ndarray) -> "_Integrand":
        return _Integrand(self.given.take(draws), self.z, self.root[draws])

    def rows(self, v: np.ndarray, step: float = 0.0) -> np.ndarray:
        """Return log densities of the rows, (draws, rows); NaN where a density is not defined."""
        shift = (self.root @ v[:, :, None])[:, :, 0] @ self.z.T
        with np.errstate(all="ignore"):  # a linear predictor may be outside the range where a density is finite
            return self.given.log_density(shift + step if step else shift)

    def parts(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log p(y | v) and f, each (draws,)."""
        likelihood = _number(self.rows(v).sum(axis=1))
        return likelihood, likelihood - 0.5 * (v**2).sum(axis=1)

    def derivatives(self, v: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return log p(y | v), (draws,), gradient of f, (draws, m), and -Hessian, positive definite, (draws, m, m)."""
        m = v.shape[1]
        below, here, above = (self.rows(v, step) for step in (-_STEP, 0.0, _STEP))
        with np.errstate(invalid="ignore"):
            slope = np.nan_to_num((above - below) / (2 * _STEP), nan=0.0, posinf=0.0, neginf=0.0)
            # Where a density is not log-concave its curvature may have the wrong sign: only the prior's is used there.
            bend = np.nan_to_num((2 * here - below - above) / _STEP**2, nan=0.0, posinf=0.0, neginf=0.0).clip(min=0.0)
        turned = self.root.transpose(0, 2, 1)
        gradient = (turned @ (slope @ self.z)[:, :, None])[:, :, 0] - v
        pairs = (self.z[:, :, None] * self.z[:, None, :]).reshape(len(self.z), m * m)
        inner = np.eye(m) + turned @ (bend @ pairs).reshape(-1, m, m) @ self.root
        return _number(here.sum(axis=1)), gradient, (inner + inner.transpose(0, 2, 1)) / 2


@dataclass(frozen=True, eq=False)
class _Plan:
    """Location of the nodes, per draw: mode + H^(-T) x, x from -ends[0] to ends[1]."""

    mode: np.ndarray
    half: np.ndarray
    ends: np.ndarray

    def take(self, draws: np.ndarray) -> "_Plan":
        return _Plan(self.mode[draws], self.half[draws], self.ends[:, draws])

    def place(self, x: np.ndarray) -> np.ndarray:
        """Return v, (draws, effects)."""
        return self.mode + np.linalg.solve(self.half.transpose(0, 2, 1), x[:, :, None])[:, :, 0]


def log_integral(
    given: Likelihood, z: np.ndarray, root: np.ndarray, guess: np.ndarray, *, concave: bool = True
) -> Integral:
    """Integrate p(y | eta + Z u) over u ~ N(0, L L'), for each draw.

    Parameters
    ----------
    given
        Densities of the rows.
    z
        Values of the effects, (rows, effects); up to `MOST_EFFECTS`.
    root
        L, (draws, effects, effects); singular where an sd is zero.
    guess
        Approximate location of the effects, (effects,).
    concave
        Whether the log densities are concave in the linear predictor, so that there is one mode. Otherwise other modes
        are searched for along the axes.

    Returns
    -------
    Integral
        Accurate to a few thousandths in every draw, in most to 1e-5.

    Raises
    ------
    EngineError
        The rule does not converge.
    """
    # Where no response has a density nothing converges, which raises an error.
    with np.errstate(invalid="ignore"):
        return _integrated(_Integrand(given, z, root), guess, concave)


def _integrated(f: _Integrand, guess: np.ndarray, concave: bool) -> Integral:
    total, m = f.root.shape[:2]
    mode, half, highest = _climb(f, guess)
    plan = _Plan(mode, half, np.full((2, total, m), _REACH))
    value, halvings, waiting = np.full(total, np.nan), np.zeros(total, int), np.arange(total)
    if m > 1 and concave:
        low, value = (_gauss_hermite(f, plan, order) for order in _ORDERS)
        waiting = np.flatnonzero(~(np.abs(value - low) < _AGREE))
        if not len(waiting):
            return Integral(value, highest)
    _set_ends(f, plan, waiting)
    if not concave:
        _reach_other_modes(f, plan)
    for _ in range(_ROUNDS):
        left = []
        for k in np.unique(halvings[waiting]):
            some = waiting[halvings[waiting] == k]
            fine, coarse, rim, seen = _rule(f.take(some), plan.take(some), _INTERVALS << int(k))
            value[some], highest[some] = fine, np.maximum(highest[some], seen)
            wide, rough = rim > _RIM, ~(np.abs(coarse - fine) < _COARSE * m)
            plan.ends[:, some] *= np.where(wide, 1.5, 1.0)
            halvings[some] += rough
            left.append(some[rough | wide.any(axis=(0, 2))])
        waiting = np.concatenate(left)
        if not len(waiting):
            return Integral(value, highest)
        if halvings.max() > _HALVINGS[m]:
            break
    raise EngineError(
        "the effects of a level cannot be integrated out",
        got=f"an integral over {m} effects, {len(f.z)} rows, that does not converge in {len(waiting)} of {total} draws",
        allowed="densities that are smooth and have one mode",
        do="check for draws of an sd that are far too large, or compare by rows",
    )


def _number(values: np.ndarray) -> np.ndarray:
    """Replace NaN by minus infinity: a density of zero."""
    return np.where(np.isnan(values), -np.inf, values)


def _climb(f: _Integrand, guess: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find the mode, (draws, m), and there the Cholesky factor of the curvature and log p(y | v)."""
    v = np.zeros(f.root.shape[:2])
    ahead = _linearised(f, guess)
    v = np.where((f.parts(ahead)[1] > f.parts(v)[1])[:, None], ahead, v)
    likelihood, gradient, inner = f.derivatives(v)
    step, part = np.linalg.solve(inner, gradient[:, :, None])[:, :, 0], np.ones(len(v))
    moving = np.arange(len(v))
    for _ in range(_CLIMB):
        length = np.einsum("de,def,df->d", step[moving], inner[moving], step[moving])
        moving = moving[length * part[moving] ** 2 > _NEAR**2]
        if not len(moving):
            break
        trial = v[moving] + part[moving, None] * step[moving]
        found, slope, curvature = f.take(moving).derivatives(trial)
        with np.errstate(invalid="ignore"):
            gain = found - likelihood[moving] - 0.5 * ((trial**2).sum(axis=1) - (v[moving] ** 2).sum(axis=1))
        up = gain >= -1e-9 * (1 + np.abs(likelihood[moving]))
        part[moving] = np.where(up, 1.0, part[moving] / 4)
        at = moving[up]
        v[at], likelihood[at], inner[at] = trial[up], found[up], curvature[up]
        step[at] = np.linalg.solve(curvature[up], slope[up][:, :, None])[:, :, 0]
    return v, np.linalg.cholesky(inner), likelihood


def _linearised(f: _Integrand, guess: np.ndarray) -> np.ndarray:
    """Find the mode of f with log p(y | u) made quadratic around a guess: (I + L'CL) v = L'(C guess + slope)."""
    eye, place = np.eye(len(guess)), np.broadcast_to(guess, f.root.shape[:2])
    _, gradient, inner = _Integrand(f.given, f.z, np.broadcast_to(eye, f.root.shape)).derivatives(place)
    bend, slope, turned = inner - eye, gradient + place, f.root.transpose(0, 2, 1)
    right = turned @ (bend @ place[:, :, None] + slope[:, :, None])
    return np.linalg.solve(eye + turned @ bend @ f.root, right)[:, :, 0]


def _gauss_hermite(f: _Integrand, plan: _Plan, order: int) -> np.ndarray:
    """Return the log of the integral by a product rule, (draws,)."""
    m = plan.mode.shape[1]
    nodes, weights = np.polynomial.hermite_e.hermegauss(order)
    terms = []
    for index in product(range(order), repeat=m):
        x = nodes[list(index)]
        value = f.parts(plan.place(np.broadcast_to(x, plan.mode.shape)))[1]
        # The weights include exp(-x^2 / 2), which is not part of the integrand.
        terms.append(value + np.log(weights[list(index)]).sum() + 0.5 * x @ x)
    return special.logsumexp(np.stack(terms), axis=0) - _log_scale(plan)


def _log_scale(plan: _Plan) -> np.ndarray:
    """Return the log of the divisor that converts volumes of x to those of v, with the normal constant, (draws,)."""
    m = plan.mode.shape[1]
    return np.log(np.diagonal(plan.half, axis1=1, axis2=2)).sum(axis=1) + 0.5 * m * np.log(2 * np.pi)


def _set_ends(f: _Integrand, plan: _Plan, draws: np.ndarray) -> None:
    """Search along each axis, in both directions, for the point where f has fallen enough."""
    top = f.parts(plan.mode)[1]
    total, m = plan.mode.shape
    for side, axis in product((0, 1), range(m)):
        near, far, moving = np.zeros(total), np.full(total, np.inf), draws
        ends = plan.ends[side, :, axis]
        for _ in range(_SEARCH):
            x = np.zeros((len(moving), m))
            x[:, axis] = (2 * side - 1) * ends[moving]
            fall = top[moving] - f.take(moving).parts(plan.take(moving).place(x))[1]
            short, long = fall < _FALL[0], fall > _FALL[1]
            near[moving[short]], far[moving[long]] = ends[moving[short]], ends[moving[long]]
            moving = moving[short | long]
            if not len(moving):
                break
            middle = (near[moving] + far[moving]) / 2
            ends[moving] = np.where(np.isfinite(middle), middle, 2 * near[moving])


def _reach_other_modes(f: _Integrand, plan: _Plan) -> None:
    """Extend the ends to points where f is large again, within the range of the prior."""
    top = f.parts(plan.mode)[1]
    m = plan.mode.shape[1]
    for side, axis in product((0, 1), range(m)):
        direction = np.zeros(plan.mode.shape)
        direction[:, axis] = 2 * side - 1
        ends = plan.ends[side, :, axis]
        unit = np.linalg.norm(plan.place(direction) - plan.mode, axis=1)
        step = (np.linalg.norm(plan.mode, axis=1) + _PRIOR_REACH) / unit / _SCAN
        for k in range(1, _SCAN + 1):
            x = k * step
            large = (x > ends) & (top - f.parts(plan.place(direction * x[:, None]))[1] < _FALL[0])
            ends[:] = np.where(large, x + step, ends)


def _rule(f: _Integrand, plan: _Plan, intervals: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Apply the trapezoidal rule with this number of intervals along each axis.

    Returns
    -------
    tuple
        Log of the integral and of that by every other node, (draws,); share of the outermost nodes by end and effect,
        (2, draws, m); the largest log p(y | v) evaluated, (draws,).
    """
    total, m = plan.mode.shape
    below, above = plan.ends
    nodes = np.stack(np.unravel_index(np.arange((intervals + 1) ** m), (intervals + 1,) * m), axis=1)
    at_once = min(max(1, _AT_ONCE // (total * len(f.z))), len(nodes))
    same = np.tile(np.arange(total), at_once)
    fine, coarse, highest = (np.full(total, -np.inf) for _ in range(3))
    rim = np.full((2, total, m), -np.inf)
    wide, spread = f.take(same) if at_once > 1 else f, plan.take(same)
    for start in range(0, len(nodes), at_once):
        some = nodes[start : start + at_once]
        if len(some) < at_once:
            same = same[: len(some) * total]
            wide, spread = f.take(same), plan.take(same)
        x = -below + (below + above) * some[:, None, :] / intervals
        likelihood, value = (part.reshape(-1, total) for part in wide.parts(spread.place(x.reshape(-1, m))))
        fine = np.logaddexp(fine, special.logsumexp(value, axis=0))
        highest = np.maximum(highest, likelihood.max(axis=0))
        even = ~(some % 2).any(axis=1)
        if even.any():
            coarse = np.logaddexp(coarse, special.logsumexp(value[even], axis=0))
        for (side, outermost), axis in product(enumerate((0, intervals)), range(m)):
            edge = some[:, axis] == outermost
            if edge.any():
                rim[side, :, axis] = np.logaddexp(rim[side, :, axis], special.logsumexp(value[edge], axis=0))
    volume = np.log((below + above) / intervals).sum(axis=1) - _log_scale(plan)
    with np.errstate(invalid="ignore"):
        return fine + volume, coarse + volume + m * np.log(2), np.exp(rim - fine[:, None]), highest
