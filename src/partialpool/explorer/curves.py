"""Where every level's estimate stands at every sd of its factor, from complete pooling to no pooling."""

from dataclasses import dataclass

import numpy as np
import xarray as xr

from partialpool.collapse.memory import check_fits
from partialpool.collapse.units import working_response
from partialpool.design.build import Design, FactorEffects
from partialpool.design.roots import singular_root
from partialpool.errors import DataError, nearest
from partialpool.explorer.halves import Halves, split_rows
from partialpool.fitting import Fit
from partialpool.names import INTERCEPT, SIGMA, corr_name, sd_name

__all__ = ["PoolingCurves", "chosen_effect", "pooling_curves"]


@dataclass(frozen=True, eq=False)
class PoolingCurves:
    """Estimates of one effect in every level of one factor, given the sd.

    Attributes
    ----------
    labels
        The levels.
    rows
        Rows of each level, (levels,).
    sds
        Where the curves are known, ascending; 0 is complete pooling, infinity no pooling, (sds,).
    values
        E(common effect + b_j | sd, y), (sds, levels); NaN at infinity where a level's own rows do not tell it.
    weights
        Weight of a level's own rows, (sds, levels): diagonal of Sigma Z' V^-1 Z, n sd^2 / (n sd^2 + sigma^2) for a
        varying intercept and nothing else.
    population
        E(common effect | sd, y), (sds,): 0 for an effect without one.
    own_errors
        Standard error of the estimate without pooling, (levels,); NaN as above.
    """

    labels: tuple[str, ...]
    rows: np.ndarray
    sds: np.ndarray
    values: np.ndarray
    weights: np.ndarray
    population: np.ndarray
    own_errors: np.ndarray


def chosen_effect(design: Design, factor: str | None, effect: str | None) -> tuple[FactorEffects, str]:
    """Return a factor, the first unless named, and one of its effects, the intercept or else the first unless named.

    Raises
    ------
    DataError
        No groups; no such factor; no such effect of it; levels with a known covariance.
    """
    first = design.factors[0].name if design.factors else None
    chosen = design.factor_named(first if factor is None else factor)
    chosen.check_unrelated("an estimate between complete pooling and no pooling")
    if effect is None:
        return chosen, INTERCEPT if INTERCEPT in chosen.names else chosen.names[0]
    if effect not in chosen.names:
        raise DataError(
            f"this effect does not vary over {chosen.name!r}",
            got=repr(effect),
            allowed=nearest(str(effect), chosen.names),
            do="name one of these, or another factor by factor=",
        )
    return chosen, effect


def pooling_curves(fit: Fit, factor: FactorEffects, effect: str, sds: np.ndarray) -> PoolingCurves:
    """Estimate every level given each sd in turn, by generalised least squares.

    E(beta_e + b_je | sd, y) where Sigma, the covariance of the factor's effects, is that at the posterior medians of
    its sds and the posterior means of its correlations, times (sd / median of the sd)^2: the sds of its other effects
    move in proportion, so that sd = 0 leaves one line for all levels and sd = infinity gives each level its own. sds of
    other factors and sigma are at their posterior medians, correlations of other factors at their means (a mean of
    correlation matrices is one, a median need not be). Common effects are integrated out under flat priors, effects of
    other factors under N(0, Sigma_f): with V = sum_f Z_f Sigma_f Z_f' + sigma^2 I,

        beta = (X' V^-1 X)^-1 X' V^-1 y          b = Sigma Z' V^-1 (y - X beta)

    At sd = 0 and with no other factor this is least squares of all rows, `complete_pooling` of `shrinkage`. At
    infinity it is least squares with effects of every level among the predictors, which is `no_pooling` of `shrinkage`
    where all common effects vary over the factor and there is no other factor; `shrinkage` holds what is left of the
    model at its posterior means, here it is estimated along.

    Parameters
    ----------
    fit
        A fit of a normal response.
    factor, effect
        From `chosen_effect`.
    sds
        In units of the effect, from 0; may end in infinity.
    """
    design, posterior = fit.design, fit.posterior
    at = factor.names.index(effect)
    median = float(_medians(posterior, factor)[at])
    halves, back = _halves(posterior, design, factor)
    coefs = design.common.coefs
    own = coefs.index(effect) if effect in coefs else None
    values, weights, population = [], [], []
    for sd in sds:
        solution = halves.solve(float(sd) / median)
        common = float(back[own] @ solution.rest[: len(coefs)]) if own is not None else 0.0
        population.append(common)
        values.append(common + solution.effects[:, at])
        weights.append(halves.weights(float(sd) / median)[:, at])
    told = halves.told()[:, at]
    curves = np.stack(values)
    curves[np.ix_(np.isinf(sds), ~told)] = np.nan
    return PoolingCurves(
        labels=tuple(str(label) for label in factor.levels.labels),
        rows=np.bincount(factor.codes, minlength=factor.n_levels),
        sds=sds,
        values=curves,
        weights=np.clip(np.stack(weights), 0.0, 1.0),
        population=np.array(population),
        own_errors=np.where(told, halves.own_errors()[:, at], np.nan),
    )


def _halves(posterior: xr.Dataset, design: Design, factor: FactorEffects) -> tuple[Halves, np.ndarray]:
    """The rows over their residual sds, split by the factor; what turns standardised coefficients back."""
    noise = design.se if design.se is not None else np.full(design.n_rows, float(posterior[SIGMA].median()))
    others = [other for other in design.factors if other is not factor]
    width = sum(other.n_levels * len(other.names) for other in others)
    common = design.common
    check_fits(
        3 * 8.0 * design.n_rows * (len(common.coefs) + width),
        wrong="the other factors have too many levels to be estimated along",
        got=f"{design.n_rows} rows x {width} effects of other factors",
        do="explore a model of this factor alone, or fewer rows",
    )
    first = 1 if common.intercept else 0
    columns = [np.ones((design.n_rows, first)), common.standardised]
    columns += [_level_columns(posterior, other) for other in others]
    everything = np.concatenate([*columns, working_response(design)[:, None]], axis=1) / noise[:, None]
    precision = np.concatenate([np.zeros(len(common.coefs)), np.ones(width)])
    halves = split_rows(everything, precision, factor.values / noise[:, None], factor.codes, _root(posterior, factor))
    back = np.diag(np.concatenate([np.ones(first), 1 / common.scale]))
    back[:first, first:] = -common.center / common.scale
    return halves, back


def _level_columns(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """Z times the root of the effects' covariance as one column per level and effect, (rows, levels x effects)."""
    among = np.eye(factor.n_levels) if factor.root is None else factor.root
    own = factor.values @ _root(posterior, factor)
    return (among[factor.codes][:, :, None] * own[:, None, :]).reshape(len(own), -1)


def _root(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    """L, L L' the covariance at medians of sds and means of correlations."""
    sd = _medians(posterior, factor)
    if not factor.correlated:
        return np.diag(sd)
    return sd[:, None] * singular_root(posterior[corr_name(factor.name)].mean(("chain", "draw")).to_numpy())


def _medians(posterior: xr.Dataset, factor: FactorEffects) -> np.ndarray:
    return posterior[sd_name(factor.name)].median(("chain", "draw")).to_numpy()
