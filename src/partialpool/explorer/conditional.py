"""Estimates of all effects given the sd of one factor: by generalised least squares, once or reweighted.

For a normal response the rows have known weights, 1 / sigma^2 or 1 / se^2, or are whitened by the residuals' covariance
where that has several sds or correlations (`model/whitened_rows.py`). For others, with u = d log p / d eta and W
the information of each row, the working response eta + u / W has weights W; generalised least squares on it is a Newton
step of the penalised likelihood

    log p(y | eta) - r'r / 2 - b' Sigma^-1 b / 2,

over fixed effects, effects of other factors (r) and b; it is repeated until the maximum is reached (penalised
iteratively reweighted least squares; for the mode of b: Bates, Maechler, Bolker & Walker 2015, J. Stat. Softw. 67(1)).
The maximum is the conditional mode given the sd, with flat priors of the fixed effects: for a normal response also the
mean.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

import numpy as np
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.psd_root import singular_root
from partialpool.errors import EngineError
from partialpool.explorer.within_between import Halves, Solution, split_rows
from partialpool.fitting.fit import Fit
from partialpool.fitting.pooling_ends import density_of
from partialpool.marginal.gaussian.standardise import working_response
from partialpool.memory import check_fits
from partialpool.model.covariance import effects_at_means
from partialpool.model.newton import diverging_rows, recession
from partialpool.model.no_pooling import mean_beta, mean_effects
from partialpool.model.pooled_regression import standard_columns
from partialpool.model.predicted_sigma import median_sigma
from partialpool.model.response_density import ResponseDensity
from partialpool.model.whitened_rows import ResidualScale, residual_scale, whiten
from partialpool.names import SIGMA

__all__ = ["Conditional", "GivenSd", "conditional_of", "medians"]

_CLOSE: Final = 1e-7
"""Largest step of a linear predictor, in its own standard errors, at which the iteration ends."""
_ROUNDS: Final = 200
_HALVINGS: Final = 30


@dataclass(frozen=True, eq=False)
class GivenSd:
    """Estimates given one sd.

    Attributes
    ----------
    solution
        All effects.
    halves
        The rows with their weights at these estimates.
    diverging
        Rows whose linear predictors go to infinity, boolean (rows,).
    """

    solution: Solution
    halves: Halves
    diverging: np.ndarray


@dataclass(frozen=True, eq=False)
class Conditional:
    """The model as a function of the sd of one factor.

    Attributes
    ----------
    design, factor
        The model, and the factor whose sd is moved.
    columns
        Columns of the fixed effects, and those of other factors times the root of their covariance, (rows, columns).
    precision
        Diagonal of their prior precision, (columns,): 0 for the fixed effects, else 1.
    root
        L, L L' the covariance of the factor's effects at c = 1.
    back
        Fixed effects from coefficients of their columns here, (coefs, coefs).
    y, weight
        Of a normal response: the response without its offset, and the rows' weights, (rows,); else None.
    scale
        Parameters of residuals with several sds or correlations, or the sd of each row, else None.
    density
        Of other responses: log p of the rows.
    start
        Linear predictor to begin with, (rows,).
    """

    design: Design
    factor: FactorEffects
    columns: np.ndarray
    precision: np.ndarray
    root: np.ndarray
    back: np.ndarray
    y: np.ndarray | None
    weight: np.ndarray
    scale: ResidualScale | None
    density: ResponseDensity | None
    start: np.ndarray

    def at(self, c: float, begin: GivenSd | None = None) -> GivenSd:
        """Estimate at c times the covariance's root, which may be 0 or infinite, from the estimates at another c."""
        if self.density is None:
            return GivenSd(self._fixed.solve(c), self._fixed, np.zeros(self.design.n_rows, bool))
        return self._iterated(c, self.density, begin)

    def told(self) -> np.ndarray:
        """Whether a level's own rows identify each of its effects, boolean (levels, effects)."""
        return self._fixed.told()

    def untold(self) -> np.ndarray:
        """Which fixed effects are not identified without pooling, boolean (coefs,)."""
        return self._fixed.untold()[: len(self.back)]

    def infinite(self, found: GivenSd) -> np.ndarray:
        """Whether estimates of each level's effects go to infinity, boolean (levels, effects)."""
        z = self.factor.freed_values
        out = np.zeros((self.factor.n_levels, z.shape[1]), bool)
        for level, rows in enumerate(self.factor.rows_of_levels):
            if found.diverging[rows].any():
                out[level] = recession(z[rows], ~found.diverging[rows]).changes(np.eye(z.shape[1]))
        return out

    def continued(self, found: GivenSd, before: GivenSd) -> GivenSd:
        """Return estimates at infinity that continue those at the largest sd where some go to infinity.

        The fixed effects that are not identified without pooling, such as the intercept, are means over levels. Where
        a level's estimate goes to infinity they go with it, and have no limit: they stay as they are at the largest
        sd. The effects of the levels change in return, so that every row keeps its linear predictor.
        """
        if not found.diverging.any():
            return found
        free = np.flatnonzero(self.untold())
        rest = found.solution.rest.copy()
        rest[free] = before.solution.rest[free]
        moved = self.columns[:, free] @ (found.solution.rest - rest)[free]
        effects = found.solution.effects.copy()
        for level, rows in enumerate(self._rows_of_levels):
            effects[level] += np.linalg.lstsq(self._z[rows], moved[rows])[0]
        return replace(found, solution=Solution(rest, effects))

    @cached_property
    def _fixed(self) -> Halves:
        """The halves of a normal response; of others, those about the start."""
        y = self.y if self.density is None else np.zeros(self.design.n_rows)
        assert y is not None
        return self._halves(y, self.weight)

    def _halves(self, y: np.ndarray, weight: np.ndarray) -> Halves:
        everything, z = np.concatenate([self.columns, y[:, None]], axis=1), self._z
        if self.scale is None:
            size = np.sqrt(weight)[:, None]
            everything, z = everything * size, z * size
        else:
            everything, z = whiten(self.design, self.scale, everything), whiten(self.design, self.scale, z)
        return split_rows(everything, self.precision, z, self._rows_of_levels, self.root)

    def _iterated(self, c: float, density: ResponseDensity, begin: GivenSd | None) -> GivenSd:
        solution, best = (None, -np.inf) if begin is None else (begin.solution, self._objective(c, begin.solution))
        eta = self.start if begin is None else self._predictor(begin.solution)
        # Estimates at c = 0 have no effects of levels; those at infinity begin where no row is extreme.
        for _ in range(_ROUNDS):
            slope, information = density.curvature(eta)
            halves = self._halves(eta - self._offset + slope / information, information)
            ahead = halves.solve(c)
            if solution is not None and np.isfinite(best):
                ahead, reached = self._risen(c, solution, ahead, best)
            else:
                reached = self._objective(c, ahead)
            moved = self._predictor(ahead) - eta
            solution, best, eta = ahead, reached, eta + moved
            if np.abs(moved * np.sqrt(information)).max() <= _CLOSE:
                can_diverge = np.isinf(c) and not self.design.spec.link_record.is_identity
                return GivenSd(solution, halves, diverging_rows(moved, eta, information) & can_diverge)
        raise EngineError(
            "the estimates at an sd were not found",
            got=f"{_ROUNDS} steps of penalised least squares, the last of size {np.abs(moved).max():.3g}",
            allowed="a likelihood with a maximum at every sd",
            do="use pp.shrinkage, which needs the two ends of the slider only",
        )

    def _risen(self, c: float, now: Solution, ahead: Solution, best: float) -> tuple[Solution, float]:
        """Return the solution ahead, or one on the way to it where the objective does not fall."""
        for _ in range(_HALVINGS):
            reached = self._objective(c, ahead)
            if reached >= best - 1e-9 * (1 + abs(best)):
                return ahead, reached
            ahead = Solution((now.rest + ahead.rest) / 2, (now.effects + ahead.effects) / 2)
        return now, best

    def _objective(self, c: float, solution: Solution) -> float:
        """Evaluate the penalised log likelihood."""
        assert self.density is not None
        with np.errstate(all="ignore"):
            total = float(self.density.log_density(self._predictor(solution)).sum())
        unit = solution.effects @ self._to_unit
        own = 0.0 if c == 0 or np.isinf(c) else float((unit**2).sum()) / c**2
        value = total - own / 2 - float((self.precision * solution.rest**2).sum()) / 2
        return value if np.isfinite(value) else -np.inf

    def _predictor(self, solution: Solution) -> np.ndarray:
        effects = self.factor.of_rows(solution.effects)
        return self._offset + self.columns @ solution.rest + (self._z * effects).sum(axis=1)

    @cached_property
    def _z(self) -> np.ndarray:
        return self.factor.freed_values

    @cached_property
    def _rows_of_levels(self) -> list[np.ndarray]:
        return self.factor.rows_of_levels

    @cached_property
    def _to_unit(self) -> np.ndarray:
        """L^-1, transposed: effects times it have variance c^2."""
        return np.asarray(np.linalg.pinv(self.root).T)

    @cached_property
    def _offset(self) -> np.ndarray:
        return np.zeros(self.design.n_rows) if self.design.offset is None else self.design.offset


def conditional_of(fit: Fit, factor: FactorEffects) -> Conditional:
    """Prepare a fit's rows for estimates at any sd of a factor.

    Raises
    ------
    EngineError
        The design columns of the other factors do not fit into memory.
    """
    posterior, design = fit.posterior, fit.design
    others = [other for other in design.factors if other is not factor]
    width = sum(other.n_levels * len(other.names) for other in others)
    common = design.common
    check_fits(
        3 * 8.0 * design.n_rows * (len(common.coefs) + width),
        wrong="the other factors have too many levels to be estimated at every sd",
        got=f"{design.n_rows} rows x {width} effects of other factors",
        do="explore a model of this factor alone, or fewer rows",
    )
    fixed, back = standard_columns(design)
    columns = [fixed, *(_level_columns(posterior, other) for other in others)]
    y, weight, density, start = None, np.ones(design.n_rows), None, np.zeros(design.n_rows)
    scale: ResidualScale | None = None
    if fit.spec.is_normal:
        y = working_response(design)
        if design.parameters:
            scale = median_sigma(design, fit.stacked())
        elif design.residual is not None:
            scale = residual_scale(posterior)
        else:
            weight = design.row_weights
            weight = weight if design.se is not None else weight / float(posterior[SIGMA].median()) ** 2
    else:
        density, start = density_of(fit), _mean_predictor(posterior, design)
        weight = density.curvature(start)[1]
    return Conditional(
        design, factor, np.concatenate(columns, axis=1), np.concatenate([np.zeros(len(common.coefs)), np.ones(width)]),
        _root(posterior, factor), back, y, weight, scale, density, start,
    )  # fmt: skip


def medians(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Return the posterior medians of the sds of a factor's effects at the predictors' means, (effects,)."""
    return np.asarray(np.median(effects_at_means(posterior, factor)[0], axis=(0, 1)))


def _mean_predictor(posterior: xr.Dataset, design: Design) -> np.ndarray:
    """Return the posterior mean of the linear predictor, (rows,)."""
    first = np.ones((design.n_rows, 1 if design.common.intercept else 0))
    eta = np.concatenate([first, design.common.values], axis=1) @ mean_beta(posterior, design)
    eta = eta + sum(factor.apply(mean_effects(posterior, factor)) for factor in design.factors)
    return np.asarray(eta if design.offset is None else eta + design.offset)


def _level_columns(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Z times the root of the effects' covariance as one column per level and effect, (rows, levels x effects)."""
    among = np.eye(factor.n_levels) if factor.root is None else factor.root
    own = factor.freed_values @ _root(posterior, factor)
    return (factor.of_rows(among)[:, :, None] * own[:, None, :]).reshape(len(own), -1)


def _root(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """L, L L' the covariance of the effects at the predictors' means, at medians of sds and means of correlations."""
    sd, corr = effects_at_means(posterior, factor)
    return np.median(sd, axis=(0, 1))[:, None] * singular_root(corr.mean(axis=(0, 1)))
