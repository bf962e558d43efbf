"""Minimum deviances for many responses of one design, for simulated null distributions.

`maximise` spends most of its time on the conversion from Cholesky factors T to theta and back, and on digits that a
simulation does not need. Here the marginal's kernels take T itself: with sds at sigma, correlations at 0 and the
units' B replaced by B C T (C: the inverse of B within blocks), Lambda is the same up to a rotation, and the gradient
with respect to log sds and partial correlations is M - J I of `conditional_moments`. As dLambda = Lambda T^-1 dT,

    d log p / d T = T^-T (M - J I)        on the elements of T, block by block.
"""

from collections.abc import Callable
from itertools import product
from typing import Final

import numpy as np
from scipy.optimize import minimize

from partialpool.design.design import Design
from partialpool.likelihood.covariance_factor import covariance_roots, relative_coordinates
from partialpool.likelihood.maximise import eliminated
from partialpool.marginal.gaussian.crossproducts import collect_moments
from partialpool.marginal.gaussian.gradient import evaluate_likelihood_gradient
from partialpool.marginal.gaussian.kinship_rotation import rotate
from partialpool.marginal.gaussian.marginal import build_flat
from partialpool.marginal.gaussian.ordering import System, arrange
from partialpool.marginal.gaussian.standardise import choose_units
from partialpool.model.default_priors import default_priors

__all__ = ["Replicates"]

_LEAST: Final = 0.1
"""Smallest relative sd of a starting point: at 0 there is no slope to follow."""
_LIFTS: Final = tuple(float(lift) for lift in np.geomspace(1e-4, 10, 11))
_NEAR_ZERO: Final = 1e-3
"""Diagonal elements below this are tried at 0, and lifted from there."""
_CLEARLY: Final = 1e-6
"""Smallest decrease of the deviance for which the search continues from a lifted point."""
_FLOOR: Final = 1e-7
"""Value at which the slope in a diagonal element of 0 is evaluated; the slope's error is of this size."""
_ROUNDS: Final = 4

Value = Callable[[np.ndarray], float]
Slope = Callable[[np.ndarray], tuple[float, np.ndarray]]


class Replicates:
    """The likelihood of a design as a function of its response.

    Parameters
    ----------
    design
        The design; its response only sets the units.
    reml
        Whether to use the restricted likelihood.
    """

    def __init__(self, design: Design, *, reml: bool) -> None:
        units = choose_units(design)
        moments, priors = collect_moments(design, units), default_priors(design)
        self._design, self._units, self._reml = design, units, reml
        self._kept = build_flat(design, priors, moments, integrate=False)
        self._flat = build_flat(design, priors, moments, integrate=True) if reml else self._kept
        self._common = len(design.common.coefs)
        self._constant = -2 * self._kept.log_constant
        if reml:
            self._constant -= 2 * units.log_volume
        self._lay_out()

    def _lay_out(self) -> None:
        """Find the elements of T, and the place of each in the gradient with respect to theta."""
        layout = self._kept.layout
        self._roots, self._coordinates = covariance_roots(self._kept), relative_coordinates(self._kept)
        self._diagonal = self._coordinates.diagonal
        partial = layout.sds + np.cumsum(~self._diagonal) - 1
        self._slope = np.where(self._diagonal, layout.sd_at[self._roots.place, self._roots.row], partial)

    def start(self, sd: list[np.ndarray], corr: list[np.ndarray], sigma: float | None) -> np.ndarray:
        """Return the elements of T, (size,), near these sds and correlations per factor, but away from 0."""
        residual = self._units.unit * (1.0 if sigma is None else sigma / self._units.residual)
        factors = self._roots.padding.copy()
        for place, f in enumerate(self._kept.arrangement.order):
            units, basis = self._units.factors[f], self._design.factors[f].basis
            own_sd, own_corr = basis.at_means(sd[f], corr[f])
            relative = np.maximum(own_sd * units.scale / residual, _LEAST)
            # Half of each correlation: a start on the boundary has no slope away from it.
            cov = relative[:, None] * (own_corr + np.eye(len(relative))) / 2 * relative
            for block in self._design.factors[f].blocks:
                inside = np.ix_(block, block)
                factors[place][inside] = np.linalg.cholesky(units.shift[inside] @ cov[inside] @ units.shift[inside].T)
        return self._roots.elements(factors)

    def deviance(self, design: Design, start: np.ndarray) -> float:
        """Return the least -2 log likelihood, accurate to about 1e-8 of its size unless a maximum is missed.

        The Jacobian of a lognormal response is that of the first response: it cancels between models.

        Parameters
        ----------
        design
            The same design with another response.
        start
            From `start`.
        """
        moments = rotate(collect_moments(design, self._units), self._kept.rotations)
        kept = arrange(moments, np.zeros(self._common, bool)).density
        flat = arrange(moments, np.ones(self._common, bool)).density if self._reml else kept

        def value(t: np.ndarray) -> float:
            return self._profile(kept, t)[0]

        def slope(t: np.ndarray) -> tuple[float, np.ndarray]:
            deviance, beta, sigma = self._profile(kept, t)
            return deviance, self._gradient(flat, t, beta, sigma)

        if not len(start):
            return value(start) + self._constant
        lowest, t = self._descend(value, slope, start)
        if self._diagonal.sum() > 1 and (t[self._diagonal] == 0).any():
            # With several variances and one at the boundary, another maximum may be higher.
            lowest = min(lowest, self._descend(value, slope, self._coordinates.start(1.0))[0])
        return lowest + self._constant

    def _descend(self, value: Value, slope: Slope, begin: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the least deviance found from one start, and the last t."""
        bounds = [(0.0, None) if bounded else (None, None) for bounded in self._diagonal]
        options = {"ftol": 1e-11, "gtol": 1e-4, "maxls": 30}
        lowest, t = np.inf, begin
        for _ in range(_ROUNDS):
            found = minimize(slope, begin, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
            if not found.fun < lowest:
                break
            lowest, t, lifted = self._lifted(value, found.x, float(found.fun))
            if lifted is None:
                break
            begin = lifted
        return lowest, t

    def _lifted(self, value: Value, t: np.ndarray, deviance: float) -> tuple[float, np.ndarray, np.ndarray | None]:
        """Try diagonal elements near 0 at 0 and, as `descend` does, above it from every T of the same Sigma.

        Returns the least deviance with elements near 0 set to 0, its t, and a t where it is clearly lower, if any.
        """
        lowest = deviance
        for k in np.flatnonzero(self._diagonal & (t > 0) & (t < _NEAR_ZERO)):
            moved = t.copy()
            moved[k] = 0.0
            tried = value(moved)
            if tried < deviance + _CLEARLY:
                t, lowest = moved, min(lowest, tried)
        least, lifted = lowest - _CLEARLY, None
        for k in np.flatnonzero(self._diagonal & (t == 0)):
            for equal, lift in product([t, *self._coordinates.same(t, int(k))], _LIFTS):
                moved = equal.copy()
                moved[k] = lift
                tried = value(moved)
                if tried < least:
                    least, lifted = tried, moved
        return lowest, t, lifted

    def _profile(self, system: System, t: np.ndarray) -> tuple[float, np.ndarray, float]:
        """Return -2 log likelihood, beta and sigma at T; see `maximise`."""
        p = self._common
        layout = self._kept.layout
        if len(t):
            layout = layout._replace(shifts=self._roots.of(t))
        theta = np.zeros((1, self._kept.size))
        log_det, cross = eliminated(system, layout, self._kept.normals, theta)
        beta = np.linalg.lstsq(cross[:p, :p], cross[:p, p], rcond=None)[0] if p else np.zeros(0)
        q = max(float(cross[p, p] - cross[p, :p] @ beta), np.finfo(float).tiny)
        free = system.rows - (p if self._reml else 0)
        deviance = log_det + (float(np.linalg.slogdet(cross[:p, :p])[1]) if self._reml and p else 0.0)
        if self._design.se is not None:
            return deviance + free * np.log(2 * np.pi) + q, beta, 1.0
        return deviance + free * (1 + np.log(2 * np.pi * q / free)), beta, float(np.sqrt(q / free))

    def _gradient(self, system: System, t: np.ndarray, beta: np.ndarray, sigma: float) -> np.ndarray:
        """Return the gradient of the deviance with respect to T's elements, (size,)."""
        t = np.where(self._diagonal, np.maximum(t, _FLOOR), t)
        roots, factors = self._roots, self._roots.factors(t)
        layout = self._flat.layout._replace(shifts=roots.of(t))
        theta = np.zeros(self._flat.size)
        theta[: layout.sds] = np.log(sigma)
        if layout.sigma >= 0:
            theta[layout.sigma] = np.log(sigma)
        if not self._reml:
            theta[layout.kept :] = beta + layout.kept_shift
        out = np.zeros(len(theta))
        evaluate_likelihood_gradient(system, layout, self._flat.normals, theta[None], out)
        excess = np.zeros_like(factors)
        excess[roots.place, roots.row, roots.column] = out[self._slope]
        excess[roots.place, roots.column, roots.row] = out[self._slope]
        return -2 * roots.elements(np.linalg.solve(factors.transpose(0, 2, 1), excess))
