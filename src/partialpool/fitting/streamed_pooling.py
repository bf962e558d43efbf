"""The two ends of partial pooling of a table that was read in batches: least squares from moments in place of rows."""

from dataclasses import dataclass

import numpy as np

from partialpool.errors import DataError
from partialpool.fitting.fit import Fit
from partialpool.marginal.gaussian.accumulated import Accumulated
from partialpool.marginal.gaussian.standardise import EffectUnits, Units
from partialpool.model.level_coefficients import LevelCoefficients
from partialpool.model.no_pooling import Unpooled, mean_beta, mean_effects, unpooled_from_sums
from partialpool.model.pooled_regression import Ungrouped
from partialpool.names import INTERCEPT

__all__ = ["least_squares_from_moments", "level_means_from_moments", "unpooled_from_moments"]


def unpooled_from_moments(fit: Fit, coefficients: LevelCoefficients) -> Unpooled:
    """Regress each level's rows on its effects, after subtracting other effects; see `least_squares_by_level`.

    With C = Z T^-1 the columns of the coefficients, the right-hand side is, summed over the rows of a level,

        C'(y - X beta + C (A beta + a) - sum_f Z_f b_f).
    """
    known = _moments_of(fit)
    design, chosen = fit.design, coefficients.factor
    place = [factor.name for factor in design.factors].index(chosen.name)
    sums = _LevelSums.of(known, place)
    back = np.linalg.inv(coefficients.turn)
    gram = back.T @ sums.gram @ back
    beta = mean_beta(fit.posterior, design)
    line = coefficients.common(beta)[coefficients.places.place_of_level]
    right = (sums.with_y - sums.with_x @ beta) @ back + np.einsum("lij,lj->li", gram, line)
    for f, other in enumerate(design.factors):
        if f != place:
            right -= _with_effects(known, place, f, mean_effects(fit.posterior, other)) @ back
    return unpooled_from_sums(fit.posterior, gram, right)


def least_squares_from_moments(fit: Fit) -> Ungrouped:
    """Regress the response on the fixed effects, ignoring the grouping; see `least_squares`."""
    known = _moments_of(fit)
    common, units = known.moments.common, known.units
    gram, right = common[:-1, :-1], common[:-1, -1]
    inverse = np.linalg.pinv(gram, hermitian=True)
    delta = inverse @ right
    zero = units.original(np.zeros((1, len(delta))))
    turn = units.original(np.eye(len(delta))) - zero
    freedom = known.moments.rows - len(delta)
    scale = float(common[-1, -1] - delta @ right) / freedom if freedom > 0 else np.nan
    # `original` multiplies by the unit of the response, and so is the covariance in the units of the data.
    return Ungrouped(units.original(delta[None])[0], scale * (turn.T @ inverse @ turn), freedom)


def level_means_from_moments(fit: Fit, factor: str) -> np.ndarray:
    """Return the mean of each level's responses, (levels,); NaN where sums of other numbers were kept."""
    known, design = _moments_of(fit), fit.design
    place = [other.name for other in design.factors].index(factor)
    chosen = design.factors[place]
    if INTERCEPT not in chosen.names or design.offset is not None or design.spec.family_record.on_log_scale:
        return np.full(chosen.n_levels, np.nan)
    sums = _LevelSums.of(known, place)
    return sums.with_y[:, chosen.names.index(INTERCEPT)] / chosen.counts


@dataclass(frozen=True, eq=False)
class _LevelSums:
    """Z'Z, Z'[1 X] and Z'y of the rows of each level, in the units of the data; y is less its offset."""

    gram: np.ndarray
    with_x: np.ndarray
    with_y: np.ndarray

    @classmethod
    def of(cls, known: Accumulated, place: int) -> "_LevelSums":
        units, moments = known.units, known.moments
        z = _to_data(units.factors[place])
        dense = z.T @ moments.dense[place]
        with_y = dense[:, :, -1] * units.unit
        if units.location:
            with_y = with_y + units.location * (dense[:, :, :-1] @ _ones(units))
        return cls(z.T @ moments.own[place] @ z, dense[:, :, :-1] @ _columns_to_data(units), with_y)


def _to_data(units: EffectUnits) -> np.ndarray:
    """Return D of Z = Z* D, (effects, effects)."""
    return units.size[:, None] * np.linalg.inv(units.columns.to_zero)


def _columns_to_data(units: Units) -> np.ndarray:
    """Return E of [1 X] = [1 X*] E, (coefs, coefs)."""
    common, first = units.common, 1 if units.common.intercept else 0
    size = first + len(common.names)
    turn = np.zeros((size, size))
    turn[first:, first:] = common.basis.root
    if first:
        turn[0, 0] = 1.0
        turn[0, 1:] = common.center
    return turn


def _ones(units: Units) -> np.ndarray:
    """Return c with [1 X*] c = 1, (coefs,)."""
    if units.common.intercept:
        return np.eye(1 + len(units.common.names))[0]
    assert units.common.basis.constant is not None
    return units.common.basis.root @ units.common.basis.constant


def _with_effects(known: Accumulated, place: int, other: int, effects: np.ndarray) -> np.ndarray:
    """Return Z'Z_f b of two factors, summed over the rows of each level of the first, (levels, effects)."""
    pairs, units = known.moments.coupling(place, other), known.units.factors
    values = _to_data(units[place]).T @ pairs.values @ _to_data(units[other])
    each = np.einsum("pij,pj->pi", values, effects[pairs.second])
    out = np.zeros((len(known.moments.own[place]), each.shape[1]))
    np.add.at(out, pairs.first, each)
    return out


def _moments_of(fit: Fit) -> Accumulated:
    if fit.accumulated is None:
        raise DataError(
            "this fit has no moments of its rows",
            got=f"{fit.spec}",
            allowed="a fit as pp.fit returns it",
            do="fit again",
        )
    return fit.accumulated
