"""The likelihood of a model with several linear predictors, by Laplace's approximation with the observed information.

A row i has the predictors eta_i of its mean and of parameters of its family, (predictors,). With standard normal
effects u of all levels and V_i the rows of Z Lambda, one for each predictor,

    h(u) = sum_i log p(y_i | eta_i) - u'u / 2,    eta_i = offset_i + X_i beta + V_i u,
    A = I + sum_i V_i' W_i V_i,                   W_i = -d^2 log p(y_i) / d eta_i d eta_i',
    log p(y | theta) ~ h(u^) - log |A| / 2,       u^ the mode of h,

as in TMB (Kristensen et al. 2016, J. Stat. Soft. 70:5), and so in glmmTMB. W_i, with the terms between predictors, is
from central differences of the slopes. Where the effects are those of the mean of a normal response, h is quadratic in
u, and the likelihood is exact.
"""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from partialpool.likelihood.boundary_optimizer import NO_DENSITY, limited
from partialpool.likelihood.free_parameters import FreeParameters, Point
from partialpool.marginal.gaussian.marginal import Marginal
from partialpool.marginal.glmm.posterior import Response
from partialpool.marginal.glmm.weighted_rows import collect_rows
from partialpool.memory import check_fits

__all__ = ["ObservedLaplace"]

_STEPS: Final = 200
_CLOSE: Final = 1e-9
"""Largest change of a row's predictor, in units of its information to the power -1/2, at the mode."""
_HALVINGS: Final = 40
_ROUNDING: Final = 1e-12
"""Decrease of h, relative to its size, that may be rounding."""
_DIFFERENCE: Final = 1e-4
"""Step of the differences in t."""
_BYTES_PER_PRODUCT: Final = 64
"""Memory for a product of two effects of a row: positions while the pattern is found, and values."""
_WIDEST, _IN_SDS = 1e-4, 1e-3
"""Step of the differences in eta: in units of its predictor, and no more than in units of the row's information."""


@dataclass(frozen=True, eq=False)
class _Place:
    """The rows at some effects.

    Attributes
    ----------
    offsets
        u of every level, (effects,), in order of elimination.
    eta
        The predictors, (predictors x rows,).
    height
        h(u) without the row kernel's constant.
    slope, information
        Of each row in each predictor, as the row kernels give them, (predictors x rows,).
    """

    offsets: np.ndarray
    eta: np.ndarray
    height: float
    slope: np.ndarray
    information: np.ndarray


@dataclass(frozen=True, eq=False)
class _Levels:
    """Where the effects of each row are, and the pattern of A, which is the same under all parameters.

    Attributes
    ----------
    columns
        Positions of the effects of a row's levels among all effects, the same for each of its predictors, (rows, own).
    pattern
        A with ones where it may not be 0, by columns.
    diagonal, cells
        Positions in its data of the diagonal, and of the own effects of each row: (effects,), (rows x own x own,).
    """

    columns: np.ndarray
    pattern: sparse.csc_array
    diagonal: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, columns: np.ndarray, effects: int) -> Self:
        """Find the pattern.

        Raises
        ------
        EngineError
            The products of the effects of each row do not fit into memory.
        """
        own = columns.shape[1]
        check_fits(
            float(_BYTES_PER_PRODUCT) * len(columns) * own**2,
            wrong="the likelihood of several predictors does not fit into memory",
            got=f"{len(columns)} rows with {own} effects each, curves included",
            do="use pp.fit for the posterior, or fewer knots or categories of curves",
        )
        row, column = np.repeat(columns, own, axis=1).ravel(), np.tile(columns, own).ravel()
        keys = np.concatenate([np.arange(effects) * (effects + 1), column * effects + row])
        known, at = np.unique(keys, return_inverse=True)
        ends = np.searchsorted(known, np.arange(effects + 1) * effects)
        pattern = sparse.csc_array((np.ones(len(known)), known % max(effects, 1), ends), shape=(effects, effects))
        return cls(columns, pattern, at[:effects], at[effects:])

    def predicted(self, loadings: np.ndarray, offsets: np.ndarray) -> np.ndarray:
        """Return V u, (predictors x rows,), for V (predictors, rows, own)."""
        return np.asarray((loadings * offsets[self.columns]).sum(axis=2).ravel())

    def gathered(self, loadings: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Return V' s, (effects,), for s (predictors x rows,)."""
        parts = (loadings * slope.reshape(len(loadings), -1)[:, :, None]).sum(axis=0)
        return np.bincount(self.columns.ravel(), parts.ravel(), len(self.diagonal))

    def factored(self, loadings: np.ndarray, bends: np.ndarray) -> SuperLU | None:
        """Factorise A, from W (predictors, predictors, rows); None where it is not positive definite."""
        own = np.ascontiguousarray(loadings.transpose(1, 0, 2))
        blocks = own.transpose(0, 2, 1) @ (bends.transpose(2, 0, 1) @ own)
        if not np.isfinite(blocks).all():
            return None
        data = np.bincount(self.cells, blocks.ravel(), self.pattern.nnz)
        data[self.diagonal] += 1.0
        whole = sparse.csc_array((data, self.pattern.indices, self.pattern.indptr), shape=self.pattern.shape)
        try:
            found = splu(whole, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
        except RuntimeError:  # exactly singular
            return None
        return found if (found.U.diagonal() > 0).all() else None


class ObservedLaplace:
    """-2 log p(y | parameters) by Laplace's approximation.

    Parameters
    ----------
    marginal
        A normal model of the rows of all predictors, one below the other, that keeps all coefficients.
    response
        The response and its row kernels.
    parameters
        The coordinates.
    units
        Unit of each predictor, (predictors,).
    """

    def __init__(self, marginal: Marginal, response: Response, parameters: FreeParameters, units: np.ndarray) -> None:
        assert all(factor.kinship is None for factor in marginal.design.factors), "levels are independent here"
        self.parameters, self.response = parameters, response
        self._marginal = marginal
        self._rows = rows = collect_rows(marginal, response.y, response.known)
        self._effects = int((rows.levels * rows.widths).sum())
        self._units, self._size = units, len(response.y)
        spans = zip(rows.places[:, : self._size], rows.spans.tolist(), strict=True)
        columns = [places[:, None] + np.arange(width) for places, width in spans]
        self._levels = _Levels.of(np.concatenate([np.zeros((self._size, 0), int), *columns], axis=1), self._effects)
        self._last = np.zeros(self._effects)

    def value(self, t: np.ndarray) -> float:
        """Evaluate -2 log p(y | t); `NO_DENSITY` where a row has none."""
        point = self.parameters.point(t)
        loadings = self._loadings(point)
        mode = self._mode(point, loadings)
        return NO_DENSITY if mode is None else self._deviance(mode, point, loadings)

    def slope(self, t: np.ndarray) -> tuple[float, np.ndarray]:
        """Evaluate -2 log p(y | t) and its gradient, (size,); `NO_DENSITY` where a row has none.

        The gradient is by central differences, each by a Newton step from the mode at t: what is left of the distance
        to the mode is of the second order in the difference, and the same on both sides.
        """
        point = self.parameters.point(t)
        loadings = self._loadings(point)
        mode = self._mode(point, loadings)
        if mode is None:
            return NO_DENSITY, np.zeros(len(t))
        gradient = np.empty(len(t))
        for k, step in enumerate(_DIFFERENCE * np.eye(len(t))):
            ahead, behind = self._near(mode, t + step), self._near(mode, t - step)
            gradient[k] = (ahead - behind) / (2 * _DIFFERENCE)
        return self._deviance(mode, point, loadings), np.nan_to_num(gradient, nan=0.0, posinf=0.0, neginf=0.0)

    def modes(self, t: np.ndarray) -> tuple[np.ndarray, ...]:
        """Return the conditional modes of the group effects per factor of the design, (levels, effects)."""
        point = self.parameters.point(t)
        mode = self._mode(point, self._loadings(point))
        offsets = np.zeros(self._effects) if mode is None else mode.offsets
        marginal, out, at = self._marginal, {}, 0
        for place, f in enumerate(marginal.arrangement.order):
            levels, width = int(self._rows.levels[place]), int(self._rows.widths[place])
            own = offsets[at : at + levels * width].reshape(levels, width) @ point.roots[place, :width, :width].T
            units = marginal.units.factors[f]
            # Lambda u are effects of Z*, B times those for which priors are stated.
            out[f] = np.linalg.solve(units.shift, own.T).T @ (units.to_data.T * marginal.units.unit)
            at += levels * width
        return tuple(out[f] for f in range(len(out)))

    def _loadings(self, point: Point) -> np.ndarray:
        """Return V of the effects of each row, (predictors, rows, own)."""
        rows = self._rows
        values = [np.zeros((len(rows.start), 0))]
        for place, width in enumerate(rows.spans.tolist()):
            values.append(rows.effects[place, :width].T @ point.roots[place, :width, :width])
        each = np.concatenate(values, axis=1)
        return each.reshape(len(self._units), self._size, -1)

    def _start(self, point: Point) -> np.ndarray:
        """Return the predictors without group effects, (predictors x rows,)."""
        return np.asarray(self._rows.start + point.beta @ self._rows.columns)

    def _at(self, point: Point, loadings: np.ndarray, offsets: np.ndarray) -> _Place | None:
        """Describe the rows at some effects; None where a row has no density."""
        eta = self._start(point) + self._levels.predicted(loadings, offsets)
        log_density = self.response.log_density(eta, point.own)
        if not np.isfinite(log_density):
            return None
        slope, information = self.response.curvature(eta, point.own)
        if not (np.isfinite(slope).all() and np.isfinite(information).all()):
            return None
        return _Place(offsets, eta, log_density - 0.5 * float(offsets @ offsets), slope, information)

    def _mode(self, point: Point, loadings: np.ndarray) -> _Place | None:
        """Find the conditional mode; None where no row has a density.

        The search begins at the mode that was found last, or at effects of 0, whichever is higher.
        """
        begins = [self._at(point, loadings, offsets) for offsets in (np.zeros(self._effects), self._last)]
        known = [one for one in begins if one is not None]
        if not known:
            return None
        mode = max(known, key=lambda one: one.height)
        for _ in range(_STEPS if self._effects else 0):
            before, mode = mode, self._higher(mode, point, loadings)
            if float(np.max(np.abs(mode.eta - before.eta) * np.sqrt(before.information), initial=0.0)) < _CLOSE:
                break
        self._last = mode.offsets
        return mode

    def _higher(self, here: _Place, point: Point, loadings: np.ndarray) -> _Place:
        """Take a Newton step, halved until h is not lower; return the place itself if no step is higher.

        Where h is not concave, the expected information stands in for the observed one.
        """
        factored = self._factored(here, point, loadings)
        if factored is None:
            count = len(self._units)
            expected = np.eye(count)[:, :, None] * here.information.reshape(count, -1)
            factored = self._levels.factored(loadings, expected)
        if factored is None:
            return here
        change = factored.solve(self._levels.gathered(loadings, here.slope) - here.offsets)
        for _ in range(_HALVINGS):
            moved = self._at(point, loadings, here.offsets + change)
            if moved is not None and moved.height >= here.height - _ROUNDING * abs(here.height):
                return moved
            change = 0.5 * change
        return here

    def _near(self, mode: _Place, t: np.ndarray) -> float:
        """Evaluate the deviance at a t near that of a mode, by a Newton step from there; NaN where there is none."""
        point = self.parameters.point(t)
        loadings = self._loadings(point)
        place = self._at(point, loadings, mode.offsets)
        if place is None:
            return np.nan
        if self._effects:
            factored = self._factored(place, point, loadings)
            if factored is None:
                return np.nan
            moved = place.offsets + factored.solve(self._levels.gathered(loadings, place.slope) - place.offsets)
            place = self._at(point, loadings, moved)
        return np.nan if place is None else self._deviance(place, point, loadings)

    def _deviance(self, mode: _Place, point: Point, loadings: np.ndarray) -> float:
        """Return -2 log p(y) at the mode; `NO_DENSITY` where h is not concave there."""
        log_det = 0.0
        if self._effects:
            factored = self._factored(mode, point, loadings)
            if factored is None:
                return NO_DENSITY
            log_det = float(np.log(factored.U.diagonal()).sum())
        return limited(log_det - 2 * (mode.height + self.response.constant))

    def _factored(self, place: _Place, point: Point, loadings: np.ndarray) -> SuperLU | None:
        """Factorise A; None where it is not positive definite."""
        return self._levels.factored(loadings, self._bends(place, point))

    def _bends(self, place: _Place, point: Point) -> np.ndarray:
        """Return W of each row, (predictors, predictors, rows)."""
        count, size = len(self._units), self._size
        out = np.empty((count, count, size))
        roots = np.sqrt(place.information)
        step = np.minimum(_WIDEST * np.repeat(self._units, size), _IN_SDS / np.where(roots > 0, roots, np.inf))
        step = np.where(step > 0, step, _WIDEST * np.repeat(self._units, size))
        for r in range(count):
            moved = np.zeros(count * size)
            moved[r * size : (r + 1) * size] = step[r * size : (r + 1) * size]
            ahead, behind = place.eta + moved, place.eta - moved
            width = (ahead - behind)[r * size : (r + 1) * size]
            slopes = self.response.curvature(ahead, point.own)[0] - self.response.curvature(behind, point.own)[0]
            out[:, r] = -slopes.reshape(count, size) / width
        return 0.5 * (out + out.transpose(1, 0, 2))
