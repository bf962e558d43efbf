"""The marginal of a model whose residuals have several standard deviations or are correlated."""

import sys
from dataclasses import dataclass, fields, replace
from functools import cached_property
from typing import Final, override

import numba as nb
import numpy as np

from partialpool.compile_side_by_side import compiled_elsewhere
from partialpool.design.design import Design
from partialpool.distributions.density_kernel import placed
from partialpool.kernels import awaits_compilation
from partialpool.marginal.gaussian.blend import Sets, stack_sets
from partialpool.marginal.gaussian.blended_density import (
    draw_effects_blended,
    evaluate_blended,
    evaluate_blended_gradient,
)
from partialpool.marginal.gaussian.crossproducts import Moments
from partialpool.marginal.gaussian.marginal import SLOPES_FROM, Marginal, build_marginal
from partialpool.marginal.gaussian.ordering import arrange
from partialpool.marginal.gaussian.residual_sets import Parameters, ResidualSets, collect_sets, find_sets
from partialpool.model.partial_correlations import cholesky_of_partials
from partialpool.model.prior_set import PriorSet
from partialpool.names import RESIDUAL_CORRELATION, SIGMA

__all__ = ["ResidualMarginal", "build_residual_marginal", "with_sets"]

_STEP: Final = 1e-4
"""Step of the differences by which coefficients are differentiated; their error is of its fourth power."""


@dataclass(frozen=True, eq=False)
class ResidualMarginal(Marginal):
    """A `Marginal` in whose moments R^-1 depends on theta; sigma is 1 in its algebra.

    Attributes
    ----------
    sets
        Moments by set.
    residual_sets
        Their coefficients.
    first
        Position in theta of the first parameter of the residuals: standard deviations, then correlations.
    strata, visits
        Number of standard deviations, and of visits whose correlations are unstructured.
    """

    sets: Sets
    residual_sets: ResidualSets
    first: int
    strata: int
    visits: int

    @property
    @override
    def work(self) -> float:
        """Number of multiplications of one evaluation."""
        sets = self.sets
        return self.arrangement.work + float(sum(a.size for a in (sets.gram, sets.tail_values, sets.dense, sets.tail)))

    @property
    @override
    def has_cheap_gradient(self) -> bool:
        return self.size >= SLOPES_FROM

    def residual_parameters(self, thetas: np.ndarray) -> Parameters:
        """Return the residuals' parameters of each row of thetas (n, elements), sds in `Units.residual`."""
        layout, at = self.layout, self.first
        found = [
            placed(int(layout.coordinates[x]), layout.arguments[x], thetas[:, x]) for x in range(at, at + self.strata)
        ]
        sigma = np.stack(found, axis=1)
        at += self.strata
        n, none = len(thetas), np.zeros((len(thetas), 0, 0))
        if self.visits:
            count = self.visits * (self.visits - 1) // 2
            half = cholesky_of_partials(np.tanh(thetas[:, at : at + count]), self.visits)
            return Parameters(sigma, np.zeros(n), half @ half.transpose(0, 2, 1))
        if at < layout.kept:
            return Parameters(sigma, placed(int(layout.coordinates[at]), layout.arguments[at], thetas[:, at]), none)
        return Parameters(sigma, np.zeros(n), none)

    @override
    def sigma(self, theta: np.ndarray) -> float:
        """Return the smallest residual sd of one theta in the units of the algebra."""
        return float(self.residual_parameters(theta[None]).sigma.min())

    @override
    def residual_draws(self, thetas: np.ndarray) -> dict[str, np.ndarray]:
        given, residual = self.residual_parameters(thetas), self.design.residual
        sigma = given.sigma * self.units.residual
        found = {SIGMA: sigma if residual is not None and residual.is_stratified else sigma[:, 0]}
        if residual is not None and residual.series is not None:
            found[RESIDUAL_CORRELATION] = given.correlation if self.visits else given.rho
        return found

    @override
    def _evaluate(self, thetas: np.ndarray, out: np.ndarray) -> None:
        evaluate_blended(self.sets, self.layout, self.normals, thetas, *self.coefficients(thetas), out)

    @override
    def gradient(self, theta: np.ndarray) -> tuple[float, np.ndarray]:
        out, by_weight = np.zeros(self.size), np.zeros(len(self.residual_sets))
        weights, log_det = self.coefficients(theta[None])
        value = evaluate_blended_gradient(
            self.sets, self.layout, self.normals, theta[None].copy(), weights, out, by_weight
        )
        if np.isfinite(value):
            out[self.own] += self.pulled_back(theta, by_weight)
        return float(value - 0.5 * log_det[0] + self.log_constant), out

    @override
    def draw_effects(self, thetas: np.ndarray, noise: np.ndarray, effects: np.ndarray, out: np.ndarray) -> None:
        thetas = np.ascontiguousarray(thetas)
        weights, log_dets = self.coefficients(thetas)
        draw_effects_blended(
            self.sets, self._levels, self.layout, self.normals, thetas, weights, log_dets, noise, effects, out
        )
        out += self.log_constant

    @override
    def compile(self) -> None:
        rows, line = np.empty((0, 0)), np.empty(0)
        given = (self.sets, self._levels, self.layout, self.normals, rows, rows, line, rows, rows, line)
        with compiled_elsewhere([(draw_effects_blended, tuple(map(nb.typeof, given)))]):
            self.log_density(np.zeros(self.size))

    @override
    def awaits_compilation(self) -> bool:
        return awaits_compilation(evaluate_blended) or awaits_compilation(draw_effects_blended)

    @cached_property
    def _levels(self) -> np.ndarray:
        return np.array([self.design.factors[f].n_levels for f in self.arrangement.order], np.int64)

    @property
    def own(self) -> slice:
        """The residuals' parameters in theta."""
        return slice(self.first, self.layout.kept)

    def coefficients(self, thetas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the coefficients of the sets (n, sets), and log |R| (n,); NaN where R is singular."""
        with np.errstate(all="ignore"):
            try:
                weights, log_dets = self.residual_sets.coefficients(self.residual_parameters(thetas))
            except np.linalg.LinAlgError:  # one of many is singular: one at a time
                return self._one_by_one(thetas)
        bad = ~np.isfinite(weights).all(axis=1)
        return np.ascontiguousarray(np.where(bad[:, None], 0.0, weights)), np.where(bad, np.nan, log_dets)

    def _one_by_one(self, thetas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights, log_dets = np.zeros((len(thetas), len(self.residual_sets))), np.full(len(thetas), np.nan)
        for i in range(len(thetas)):
            try:
                found = self.residual_sets.coefficients(self.residual_parameters(thetas[i : i + 1]))
            except np.linalg.LinAlgError:
                continue
            weights[i], log_dets[i] = found[0][0], found[1][0]
        return weights, log_dets

    def pulled_back(self, theta: np.ndarray, by_weight: np.ndarray) -> np.ndarray:
        """Return the derivatives in the residuals' parameters, by differences of the coefficients of fourth order."""
        own = np.arange(self.first, self.layout.kept)
        steps = np.zeros((len(own), len(theta)))
        steps[np.arange(len(own)), own] = _STEP
        points = np.concatenate([theta + s * steps for s in (1, -1, 2, -2)])
        weights, log_dets = self.coefficients(points)
        value = (weights @ by_weight - 0.5 * log_dets).reshape(4, len(own))
        slope: np.ndarray = (8 * (value[0] - value[1]) - (value[2] - value[3])) / (12 * _STEP)
        return slope


def build_residual_marginal(design: Design, priors: PriorSet) -> ResidualMarginal:
    """Build the marginal of a design whose residuals have several standard deviations or are correlated.

    Raises
    ------
    EngineError
        The series cross a grouping factor; too many patterns.
    """
    return with_sets(build_marginal(design, priors))


def with_sets(plain: Marginal) -> ResidualMarginal:
    """Replace the moments of a marginal by those of each set.

    Raises
    ------
    EngineError
        The series cross a grouping factor; too many patterns.
    """
    design = plain.design
    if design.residual is None:
        raise TypeError("the residuals of this design have one sd and are independent")
    found = find_sets(design.residual)
    moments = [_as_in(plain, one) for one in collect_sets(design, plain.units, found)]
    whole = moments[0]
    for one in moments[1:]:
        whole = whole + one
    arranged = [
        arrange(one, plain.integrated, branch_from=sys.maxsize, merged=False)
        for one in (replace(whole, rows=design.n_rows), *moments)
    ]
    series = design.residual.series
    given = {field.name: getattr(plain, field.name) for field in fields(Marginal)}
    given["arrangement"] = arranged[0]
    given["layout"] = plain.layout._replace(has_branch=False)
    return ResidualMarginal(
        **given,
        sets=stack_sets(arranged[0].density, [one.density for one in arranged[1:]]),
        residual_sets=found,
        first=plain.elements.index(design.residual.sigma_names[0]),
        strata=len(design.residual.strata),
        visits=0 if series is None else len(series.visits),
    )


def _as_in(plain: Marginal, moments: Moments) -> Moments:
    """Return moments of the common columns that the algebra uses, less what is known of the response."""
    known = np.zeros(len(plain.integrated))
    known[plain.integrated] = plain.known
    if not np.array_equal(plain.turn, np.eye(len(plain.turn))):
        moments = moments.turned(plain.turn)
    return moments.less(known)
