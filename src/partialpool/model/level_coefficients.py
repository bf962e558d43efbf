"""A level's coefficients: what the fixed effects come to where it stands, and its own effects.

On the rows of level j, with everything but the columns of its effects at the level's place, the fixed effects' columns
are X_j = Z A_j (a slope's interaction with sex is A = 1 for the boys and 0 for the girls; an intercept and a difference
are combinations of cell means), so that

    eta = X_j beta + offset + Z b_j = Z (A_j beta + a_j + b_j)

and A_j beta + a_j + b_j are the level's coefficients, whichever way the columns are coded. Some common columns are no
combination of Z. Those of the varying columns' degree or above, such as a square where the slope alone varies, count by
least squares over all rows: the slope is that of the curve on average. Those of lower degree (the constant, where only
a slope varies) are no part of a level's coefficients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.effect_basis import is_far_from_zero
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.held import Held
from partialpool.design.level_places import LevelPlaces, level_places, varying_columns
from partialpool.model.covariance import effect_covariance
from partialpool.names import BETA, INTERCEPT, b_name
from partialpool.spec.degree import degree_of

__all__ = ["LevelCoefficients", "level_coefficients"]

_AT_ONCE: Final = 300_000
"""Rows evaluated in all: more values of the varying columns are thinned evenly."""
_ROUNDING: Final = 1e-11
_NOTHING: Final = 1e-16
"""Share of a column's square that is rounding."""


@dataclass(frozen=True, eq=False)
class LevelCoefficients:
    """How a factor's coefficients follow from the fixed effects and its own.

    Attributes
    ----------
    design, factor
        Whose.
    places
        Where the levels stand.
    weights
        A, (places, effects, coefs).
    known
        a, what the offset adds, (places, effects).
    turn
        T: effects as they are answered, T b; the identity, or what brings a far zero to the predictors' means.
    """

    design: Design
    factor: FactorEffects
    places: LevelPlaces
    weights: np.ndarray
    known: np.ndarray
    turn: np.ndarray

    @property
    def columns(self) -> np.ndarray:
        """Z of the coefficients, (rows, effects)."""
        return self.factor.values @ np.linalg.inv(self.turn)

    @property
    def origin(self) -> str:
        """Where the varying predictors are for the intercept, in words; empty at zero."""
        if np.array_equal(self.turn, np.eye(len(self.turn))):
            return ""
        columns = zip(self.factor.names, self.factor.values.T, strict=True)
        moved = [Held(name, float(values.mean()), "mean") for name, values in columns if name != INTERCEPT]
        return ", ".join(map(str, moved))

    @property
    def in_words(self) -> dict[str, str]:
        """Where the levels stand, for an answer's attrs.

        `held`: the other predictors. `origin`: the varying ones, for the intercept. `varies_within`: which of the held
        change the effects and vary within levels, so that a level has no one slope without them.
        """
        return {
            "held": self.places.in_words or "nothing",
            "origin": self.origin or "zero",
            "varies_within": ", ".join(self.places.varying_within) or "nothing",
        }

    def common(self, beta: np.ndarray) -> np.ndarray:
        """What beta (..., coefs) comes to at each place, without the levels' own effects, (..., places, effects)."""
        return np.einsum("pec,...c->...pe", self.weights, beta) + self.known

    def common_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Of the posterior, (chains, draws, places, effects)."""
        shape = (posterior.sizes["chain"], posterior.sizes["draw"], len(self.design.common.coefs))
        beta = posterior[BETA].transpose("chain", "draw", ...).to_numpy() if BETA in posterior else np.zeros(shape)
        return self.common(beta)

    def own_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """The levels' own effects, (chains, draws, levels, effects)."""
        return posterior[b_name(self.factor.name)].transpose("chain", "draw", ...).to_numpy() @ self.turn.T

    def covariance_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Of the levels' own effects, (chains, draws, effects, effects)."""
        return self.turn @ effect_covariance(posterior, self.factor) @ self.turn.T

    def standard_errors(self, covariance: np.ndarray) -> np.ndarray:
        """Of the common part, from the covariance of beta, (places, effects)."""
        return np.sqrt(np.einsum("pec,cd,ped->pe", self.weights, covariance, self.weights))

    def off_the_lines(self, beta: np.ndarray) -> np.ndarray:
        """What lifts each row, its offset taken off, above its level's line, (rows,), at given beta (coefs,)."""
        design, here = self.design, self.factor.of_rows(self.places.place_of_level)
        first = np.ones((design.n_rows, 1 if design.common.intercept else 0))
        fixed = np.concatenate([first, design.common.values], axis=1) @ beta
        return fixed - (self.columns * self.common(beta)[here]).sum(axis=1)

    @property
    def beside(self) -> np.ndarray:
        """Which fixed effects lift rows above their levels' lines, boolean (coefs,)."""
        design, here = self.design, self.factor.of_rows(self.places.place_of_level)
        first = np.ones((design.n_rows, 1 if design.common.intercept else 0))
        x = np.concatenate([first, design.common.values], axis=1)
        made = np.einsum("re,rec->rc", self.columns, self.weights[here])
        return np.square(x - made).mean(axis=0) > _NOTHING * np.square(x).mean(axis=0)

    def own_deviations(self, estimate: np.ndarray, beta: np.ndarray) -> np.ndarray:
        """How far coefficients (levels, effects) are from what beta comes to, as effects at zero, (levels, effects)."""
        deviations = estimate - self.common(beta)[self.places.place_of_level]
        return np.asarray(deviations @ np.linalg.inv(self.turn).T)

    def by_level(self, values: np.ndarray, axis: int) -> np.ndarray:
        """Spread values by place over the levels."""
        return np.take(values, self.places.place_of_level, axis=axis)


def level_coefficients(
    design: Design, factor: FactorEffects, at: Mapping[str, Any], *, at_means: bool = False
) -> LevelCoefficients:
    """Find what the fixed effects come to in each level.

    Parameters
    ----------
    design, factor
        Whose levels.
    at
        One value by column, for all levels, instead of where they stand: of predictors that do not vary the effects.
    at_means
        Whether effects are at the varying predictors' means, as their priors are, also where zero is near.

    Raises
    ------
    DataError
        `at` names a column that the model does not read, or whose effect varies; several values; a new category.
    """
    moving = varying_columns(factor, design)
    places = level_places(design, factor, moving, at)
    turn = factor.basis.to_means if at_means else _turn(factor)
    seen, share = _seen(design, moving, len(places.places))
    count, points = len(places.places), len(seen)
    grid = seen.iloc[np.tile(np.arange(points), count)]
    values = places.values(grid, np.repeat(np.arange(count), points))
    z = values.effects.reshape(count, points, -1) @ np.linalg.inv(turn)
    first = np.ones((count * points, 1 if design.common.intercept else 0))
    x = np.concatenate([first, values.common, values.offset[:, None]], axis=1).reshape(count, points, -1)
    found = _parts(z, x, share, _of_lower_degree(design, factor))
    return LevelCoefficients(design, factor, places, found[..., :-1], found[..., -1], turn)


def _of_lower_degree(design: Design, factor: FactorEffects) -> np.ndarray:
    """Which coefficients, and the offset, are of lower degree than the factor's effects, boolean (coefs + 1,)."""
    # Of terms, not of coefficients: a category in a coefficient's name may hold anything.
    highest = max(
        (degree_of(slope) for group in design.spec.groups if group.factor == factor.name for slope in group.slopes),
        default=0,
    )
    terms = [t for t in design.common.recipe.term_of_column if t >= 0]
    own = [0] * design.common.intercept + [degree_of(design.spec.common[t]) for t in terms]
    return np.array([*own, 0]) < highest


def _turn(factor: FactorEffects) -> np.ndarray:
    """T: to the predictors' means where one of them is far from its zero, else the identity."""
    slopes = [values for name, values in zip(factor.names, factor.values.T, strict=True) if name != INTERCEPT]
    far = INTERCEPT in factor.names and any(np.ptp(values) > 0 and is_far_from_zero(values) for values in slopes)
    return factor.basis.to_means if far else np.eye(len(factor.names))


def _seen(design: Design, moving: tuple[str, ...], places: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Values of the moving columns in the rows, sorted, and their shares; thinned evenly where there are very many."""
    if not moving:
        return pd.DataFrame(index=range(1)), np.ones(1)
    counts = design.frame.groupby(list(moving), observed=True, sort=True, dropna=False).size()
    table = counts.index.to_frame(index=False)
    most = max(_AT_ONCE // places, 50)
    chosen = np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).round().astype(int))
    return table.iloc[chosen].reset_index(drop=True), (counts.to_numpy() / counts.sum())[chosen]


def _parts(z: np.ndarray, x: np.ndarray, share: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """Parts that Z has in X; columns of lower degree that Z does not make are beside it, and so is a constant.

    Parameters
    ----------
    z, x
        (places, points, effects) and (places, points, columns).
    share
        Weight of each point.
    lower
        Which columns of X are of lower degree than Z, boolean (columns,).
    """
    one = np.ones((*z.shape[:2], 1))
    every = np.concatenate([x, one], axis=2)
    left = np.square(every - z @ _least_squares(z, every, share)).mean(axis=(0, 1))
    not_made = left > _NOTHING * np.square(every).mean(axis=(0, 1))
    beside = every[..., not_made & np.append(lower, True)]
    return _least_squares(np.concatenate([z, beside], axis=2), x, share)[:, : z.shape[2]]


def _least_squares(z: np.ndarray, x: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Coefficients of columns Z (places, points, effects) that come nearest to X, (places, effects, columns)."""
    root = np.sqrt(share)[:, None]
    size = np.sqrt((share[:, None] * z**2).sum(axis=1, keepdims=True))
    size[size == 0] = 1.0
    found = np.linalg.pinv(root * z / size, rcond=1e-10) @ (root * x) / np.swapaxes(size, 1, 2)
    # Whole numbers, of which most are, are taken back from rounding.
    whole = np.round(found) + 0.0
    return np.where(np.abs(found - whole) <= _ROUNDING * np.maximum(np.abs(whole), 1), whole, found)
