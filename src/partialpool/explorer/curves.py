"""Estimates of every level as functions of the factor's sd, from complete pooling to no pooling."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.own_effects import own_effects
from partialpool.errors import DataError, nearest
from partialpool.explorer.conditional import GivenSd, conditional_of, medians
from partialpool.explorer.within_between import Solution
from partialpool.fitting.fit import Fit
from partialpool.model.level_coefficients import level_coefficients
from partialpool.model.no_pooling import without_trials
from partialpool.names import INTERCEPT

__all__ = ["PoolingCurves", "Pull", "chosen_effect", "pooling_curves"]

_AT_THE_MEAN: Final = 0.1
"""Distance from the population mean, relative to the root mean square of all, below which no share is computed."""


class Pull(StrEnum):
    """Kind of number, if any, that describes how far a level is pulled towards the population."""

    WEIGHT = "weight"
    """One varying effect and nothing else: the weight of its own rows, n sd^2 / (n sd^2 + sigma^2) or similar."""
    SHARE = "share"
    """With other factors: the remaining share of the distance between no pooling and the population mean."""
    MATRIX = "matrix"
    """The factor's other effects change too: no single number."""


@dataclass(frozen=True, eq=False)
class PoolingCurves:
    """Estimates of one effect in every level of one factor, given the sd.

    Attributes
    ----------
    labels
        The levels.
    rows
        Rows of each level, or trials where rows have several, (levels,).
    sds
        The sds of the curves, ascending, (sds,); 0 is complete pooling, infinity no pooling.
    values
        E(fixed effect + b_j | sd, y), or its mode, (sds, levels), at the level's values of other predictors, as in
        `shrinkage`; NaN at infinity where a level's own rows do not identify it.
    pull
        Meaning of the shares.
    shares
        Position of an estimate between the population mean (0) and the level's own (1), (sds, levels). With
        `Pull.WEIGHT` the weight of the level's own rows given the fixed effects, sd^2 Z'V^-1 Z. With `Pull.SHARE`
        (value - population) / (value at infinity - population); NaN where that is not between 0 and 1, or the level's
        own estimate is at the population mean. With `Pull.MATRIX` NaN.
    population
        E(fixed effect | sd, y) at each level's values of other predictors, (sds, levels); 0 if there is no fixed
        effect.
    own_errors
        Standard error of least squares on the level's own rows, all else known, (levels,): `no_pooling_se` of
        `shrinkage`, with sigma at its median; NaN where the rows do not identify the effect.
    held, origin
        Values of other predictors, and of the varying ones for an intercept, in words; empty where there are none, or
        where they are zero.
    empty
        Whether a level has no trials, boolean (levels,). It has no estimate of its own, and its rows have no weight.
    infinite
        Whether a level's own estimate is infinite, boolean (levels,): only successes, only zeros, or a predictor that
        separates the outcomes. Its value at infinity is NaN.
    given
        Fixed effects that do not vary over the factor and are estimated from all rows at every sd.
    untold
        Those of `given` that are not identified without pooling, such as coefficients of predictors that are constant
        within levels: the values at infinity are limits.
    """

    labels: tuple[str, ...]
    rows: np.ndarray
    sds: np.ndarray
    values: np.ndarray
    pull: Pull
    shares: np.ndarray
    population: np.ndarray
    own_errors: np.ndarray
    empty: np.ndarray
    infinite: np.ndarray
    held: str
    origin: str
    given: tuple[str, ...]
    untold: tuple[str, ...]

    @property
    def differ(self) -> bool:
        """Whether levels have different values of other predictors, so that complete pooling has several estimates."""
        return bool(np.ptp(self.population, axis=1).max() > 0)


def chosen_effect(design: Design, factor: str | None, effect: str | None) -> tuple[FactorEffects, str]:
    """Return a factor (by default the first) and one of its effects (by default the intercept, else the first).

    Raises
    ------
    DataError
        No groups; no such factor; no such effect of it; levels with a known covariance.
    """
    first = design.grouping[0].name if design.grouping else None
    chosen = design.factor_named(first if factor is None else factor)
    chosen.check_unrelated("an estimate between complete pooling and no pooling")
    chosen.check_normal("an estimate given one sd")
    own = own_effects(design, chosen)
    if own is not None:
        raise DataError(
            f"the explorer moves one sd, and {chosen.name} has sds for each {own.by}",
            got=", ".join(chosen.names),
            allowed=f"a factor without by={own.by}",
            do=f"explore a fit of the rows of one {own.by}; pp.shrinkage takes this model",
        )
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
    """Estimate every level given each sd, by generalised least squares.

    The estimate is E(beta_e + b_je | sd, everything else fixed, y), where beta_e is the sum of the fixed effects at
    level j's values of other predictors. Sigma, the covariance of the factor's effects, is at the posterior medians of
    its sds and the posterior means of its correlations, times (sd / median of the sd)^2: the sds of its other effects
    move in proportion, so that sd = 0 gives one line for all levels (of one sex, say, where slopes differ by sex) and
    sd = infinity gives each level its own line. Effects of a correlated block are evaluated at the predictors' means,
    where its priors are stated (b* = T b, see `design.effect_basis`). The sds of other factors and sigma are at their
    posterior medians, correlations of other factors at their means (a mean of correlation matrices is one, a median
    need not be). Fixed effects are integrated out under flat priors, effects of other factors under N(0, Sigma_f): with
    V = sum_f Z_f Sigma_f Z_f' + sigma^2 I,

        beta = (X' V^-1 X)^-1 X' V^-1 y          b = Sigma Z' V^-1 (y - X beta)

    At sd = 0 and without other factors this is least squares on all rows, `complete_pooling` of `shrinkage`. At
    infinity it is least squares with effects of every level among the predictors, which is `no_pooling` of `shrinkage`
    where all fixed effects vary over the factor and there is no other factor. `shrinkage` fixes the rest of the model
    at its posterior means; here it is estimated anew at every sd.

    For a response that is not normal, estimates are the conditional modes of the effects given sd, the family's own
    parameters at their posterior means (`explorer.conditional`): at 0 and infinity maximum likelihood, as in
    `shrinkage`. Where a level's own estimate is infinite, fixed effects that are not identified without pooling have no
    limit: at infinity they stay as they are at the largest finite sd.

    Parameters
    ----------
    fit
        A fit of any family but those of categories.
    factor, effect
        From `chosen_effect`.
    sds
        In units of the effect, ascending from 0; the last may be infinity.
    """
    design, posterior, trials = fit.design, fit.posterior, fit.design.response.trials
    at = factor.names.index(effect)
    median = float(medians(posterior, factor)[at])
    model = conditional_of(fit, factor)
    coefs = design.common.coefs
    coefficients = level_coefficients(design, factor, {}, at_means=True)

    def common(solution: Solution) -> np.ndarray:
        """Return the sum of the fixed effects in each level, (levels,)."""
        beta = model.back @ solution.rest[: len(model.back)]
        return coefficients.by_level(coefficients.common(beta), 0)[:, at]

    found: list[GivenSd] = []
    for sd in sds[np.isfinite(sds)]:
        found.append(model.at(float(sd) / median, found[-1] if found else None))
    before = found[-1] if found else model.at(0.0)
    limit = model.continued(model.at(np.inf, before), before)
    found += [limit] * int(np.isinf(sds).sum())
    empty = without_trials(design, factor)
    infinite = model.infinite(limit)[:, at] & ~empty
    told = model.told()[:, at] & ~infinite & ~empty
    means = np.stack([common(one.solution) for one in found])
    curves = means + np.stack([one.solution.effects[:, at] for one in found])
    curves[np.ix_(np.isinf(sds), ~told)] = np.nan
    pull = Pull.MATRIX if len(factor.names) > 1 else Pull.SHARE if len(design.factors) > 1 else Pull.WEIGHT
    if pull is Pull.WEIGHT:
        shares = np.stack([one.halves.weights(float(sd) / median)[:, at] for one, sd in zip(found, sds, strict=True)])
        shares[:, empty] = 0.0
    elif pull is Pull.SHARE:
        own = np.where(told, limit.solution.effects[:, at] + common(limit.solution), np.nan)
        shares = _shares(curves, means, own)
    else:
        shares = np.full(curves.shape, np.nan)
    given, untold = coefficients.beside, model.untold()
    return PoolingCurves(
        labels=tuple(str(label) for label in factor.levels.labels),
        rows=factor.counts if trials is None else factor.sum(np.asarray(trials, float)).round().astype(int),
        sds=sds,
        values=curves,
        pull=pull,
        shares=shares,
        population=means,
        own_errors=np.where(told, limit.halves.own_errors()[:, at], np.nan),
        empty=empty,
        infinite=infinite,
        held=coefficients.places.in_words,
        origin=coefficients.origin if effect == INTERCEPT else "",
        given=tuple(name for name, kept in zip(coefs, given, strict=True) if kept),
        untold=tuple(name for name, kept in zip(coefs, given & untold, strict=True) if kept),
    )


def _shares(values: np.ndarray, population: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return the position of values between the population (0) and the levels' own estimates (1), (sds, levels)."""
    way = own - population
    size = np.sqrt(np.nanmean(way**2, axis=1, keepdims=True)) if np.isfinite(own).any() else np.inf
    clear = np.abs(way) > _AT_THE_MEAN * size
    share = np.divide(values - population, way, out=np.full(way.shape, np.nan), where=clear)
    # Rounding may leave 1e-12 beyond an end.
    return np.where((share > -1e-9) & (share < 1 + 1e-9), np.clip(share, 0.0, 1.0), np.nan)
