"""The likelihood of a generalised model by Laplace's approximation, for any number of grouping factors.

With standard normal effects u of all levels and Lambda the roots of their covariances,

    h(u) = log p(y | X beta + Z Lambda u) - u'u / 2,        A = I + Lambda'Z'W Z Lambda,
    log p(y | theta) ~ h(u^) - log |A| / 2,                 u^ the mode of h,

W the rows' information at u^ (Breslow & Clayton 1993, J. Am. Stat. Assoc. 88:9; lme4's nAGQ = 1). A Newton step is the
conditional mean of the normal model that stands in for the rows (`marginal/glmm/weighted_rows.py`).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from partialpool.likelihood.boundary_optimizer import NO_DENSITY, limited
from partialpool.likelihood.free_parameters import FreeParameters, Point
from partialpool.marginal.gaussian.conditional_mean import conditional_mean
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.posterior import Response
from partialpool.marginal.glmm.weighted_rows import collect_rows, working_moments

__all__ = ["Laplace"]

_STEPS: Final = 200
_CLOSE: Final = 1e-9
"""Largest change of a row's linear predictor, in units of its information to the power -1/2, at the mode."""
_NEARLY: Final = 2e-8
"""The same for the differences, of modes that are 1e-4 standard errors apart: one Newton step, where W is the observed
information."""
_HALVINGS: Final = 40
_ROUNDING: Final = 1e-12
"""Decrease of h, relative to its size, that may be rounding."""
_DIFFERENCE: Final = 1e-4
"""Step of the differences in t."""


@dataclass(frozen=True, eq=False)
class _Mode:
    """The conditional mode of the effects under some parameters.

    Attributes
    ----------
    offsets
        u^ of every level, (effects,), in order of elimination.
    eta
        The linear predictor, (rows,).
    log_density
        log p(y | eta) without the row kernel's constant.
    normal
        The normal model that stands in for the rows there.
    """

    offsets: np.ndarray
    eta: np.ndarray
    log_density: float
    normal: Marginal

    @property
    def height(self) -> float:
        """h(u^)."""
        return self.log_density - 0.5 * float(self.offsets @ self.offsets)


class Laplace:
    """-2 log p(y | parameters) by Laplace's approximation.

    Parameters
    ----------
    marginal
        A normal model of the rows that keeps all coefficients: it determines the columns and the order of elimination.
    response
        The response and its row kernels.
    parameters
        The coordinates.
    """

    def __init__(self, marginal: Marginal, response: Response, parameters: FreeParameters) -> None:
        self.parameters, self.response = parameters, response
        self._start = marginal
        self._rows = collect_rows(marginal, response.y, response.known)
        self._effects = int((self._rows.levels * self._rows.widths).sum())

    def value(self, t: np.ndarray) -> float:
        """Evaluate -2 log p(y | t); `NO_DENSITY` where a row has none."""
        point = self.parameters.point(t)
        mode = self._mode(point)
        return NO_DENSITY if mode is None else self._deviance(mode, point)

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate -2 log p(y | t) and its gradient, (size,); `NO_DENSITY` where a row has none.

        The gradient is by central differences, each by Newton steps from the mode at t: the mode's own movement counts,
        since W depends on it.
        """
        point = self.parameters.point(t)
        mode = self._mode(point)
        if mode is None:
            return NO_DENSITY, np.zeros(len(t))
        gradient = np.empty(len(t))
        for k, step in enumerate(_DIFFERENCE * np.eye(len(t))):
            ahead, behind = self._near(mode, t + step), self._near(mode, t - step)
            gradient[k] = (ahead - behind) / (2 * _DIFFERENCE)
        return self._deviance(mode, point), -2 * np.nan_to_num(gradient)

    def _deviance(self, mode: _Mode, point: Point) -> float:
        log_det = self._step(mode.normal, point)[1]
        return limited(log_det - 2 * (mode.height + self.response.constant))

    def modes(self, t: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the conditional modes of the group effects per factor of the design, (levels, effects)."""
        point = self.parameters.point(t)
        mode = self._mode(point)
        offsets = np.zeros(self._effects) if mode is None else mode.offsets
        marginal, out = self._start, {}
        for f, own in zip(marginal.arrangement.order, self._effects_of(point, offsets), strict=True):
            units = marginal.units.factors[f]
            # Lambda u are effects of Z*, B times those for which priors are stated.
            out[f] = np.linalg.solve(units.shift, own.T).T @ (units.to_data.T * marginal.units.unit)
        return tuple(out[f] for f in range(len(out)))

    def _near(self, mode: _Mode, t: np.ndarray) -> float:
        """Evaluate the log likelihood at a t near that of a mode, by Newton steps from there."""
        point = self.parameters.point(t)
        eta = self._predict(point, self._step(mode.normal, point)[0])
        for _ in range(_STEPS):
            normal, before = self._stand_in(eta, point), eta
            offsets, log_det = self._step(normal, point)
            eta = self._predict(point, offsets)
            if self._moved(eta, before, point) < _NEARLY:
                break
        return float(self.response.log_density(eta, point.own) - 0.5 * offsets @ offsets - 0.5 * log_det)

    def _moved(self, eta: np.ndarray, before: np.ndarray, point: Point) -> float:
        """Return the largest change of a row's linear predictor, in units of its information to the power -1/2."""
        scale = np.sqrt(self.response.curvature(eta, point.own)[1])
        return float(np.max(np.abs(eta - before) * scale, initial=0.0))

    def _mode(self, point: Point) -> _Mode | None:
        """Find the conditional mode by Newton steps, halved until h increases; None where no row has a density."""
        begin = self._at(point, np.zeros(self._effects)) or self._at(point, self._step(self._start, point)[0])
        if begin is None:
            return None
        mode = begin
        for _ in range(_STEPS):
            before, mode = mode, self._higher(mode, point)
            if self._moved(mode.eta, before.eta, point) < _CLOSE:
                break
        return mode

    def _higher(self, mode: _Mode, point: Point) -> _Mode:
        """Take a Newton step, halved until h is not lower; return the mode itself if no step is higher."""
        offsets = self._step(mode.normal, point)[0]
        for _ in range(_HALVINGS):
            moved = self._at(point, offsets)
            if moved is not None and moved.height >= mode.height - _ROUNDING * abs(mode.height):
                return moved
            offsets = 0.5 * (offsets + mode.offsets)
        return mode

    def _at(self, point: Point, offsets: np.ndarray) -> _Mode | None:
        """Describe the rows at some offsets; None where a row has no density."""
        eta = self._predict(point, offsets)
        log_density = self.response.log_density(eta, point.own)
        if not np.isfinite(log_density):
            return None
        return _Mode(offsets, eta, log_density, self._stand_in(eta, point))

    def _stand_in(self, eta: np.ndarray, point: Point) -> Marginal:
        """Build the normal model of the rows at a linear predictor."""
        slope, information = self.response.curvature(eta, point.own)
        marginal = self._start
        return marginal.with_moments(working_moments(marginal.design, marginal.units, eta, slope, information))

    def _step(self, normal: Marginal, point: Point) -> tuple[np.ndarray, float]:
        """Return the conditional mean of the offsets in a normal model of the rows, (effects,), and log |A|."""
        # With log sds and free correlations at 0, Lambda is `shifts`.
        layout = normal.layout._replace(partial_kind=np.zeros_like(normal.layout.partial_kind))
        if len(point.roots):
            layout = layout._replace(shifts=np.ascontiguousarray(point.roots))
        theta, offsets = np.zeros((1, normal.size)), np.zeros((1, self._effects))
        theta[0, layout.kept :] = point.beta + layout.kept_shift
        log_det = conditional_mean(*normal.for_draws, layout, normal.normals, theta, offsets)
        for f, own in zip(normal.arrangement.order, self._by_factor(offsets[0]), strict=True):
            rotation = normal.rotations[f]
            if rotation is not None:
                own[:] = rotation.basis @ own
        return offsets[0], log_det

    def _by_factor(self, offsets: np.ndarray) -> list[np.ndarray]:
        """Return views of the offsets of every factor in order of elimination, (levels, effects) each."""
        shapes = list(zip(self._rows.levels, self._rows.widths, strict=True))
        ends = np.cumsum([levels * width for levels, width in shapes], dtype=int)
        pieces = np.split(offsets, ends[:-1]) if shapes else []
        return [piece.reshape(shape) for piece, shape in zip(pieces, shapes, strict=True)]

    def _effects_of(self, point: Point, offsets: np.ndarray) -> list[np.ndarray]:
        """Return Lambda u of every factor in order of elimination, (levels, effects) each; L Lambda u of relatives."""
        out = []
        for place, own in enumerate(self._by_factor(offsets)):
            width = own.shape[1]
            root = self._start.design.factors[self._start.arrangement.order[place]].root
            effects = own @ point.roots[place, :width, :width].T
            out.append(effects if root is None else root @ effects)
        return out

    def _predict(self, point: Point, offsets: np.ndarray) -> np.ndarray:
        """Return the linear predictor, (rows,)."""
        rows = self._rows
        effects = np.concatenate([np.zeros(0), *(own.ravel() for own in self._effects_of(point, offsets))])
        eta = rows.start + point.beta @ rows.columns
        for place, width in enumerate(rows.widths):
            for a in range(width):
                eta += rows.effects[place, a] * effects[rows.places[place] + a]
        return eta
