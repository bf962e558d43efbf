"""A level's coefficients: the fixed effects at the level's values of the predictors, plus its own effects.

On the rows of level j, with all predictors other than those of its effects at the level's values (`level_places`), the
fixed effects' columns are X_j = Z A_j (a slope's interaction with sex is A = 1 for the boys and 0 for the girls; an
intercept and a difference are combinations of cell means), so that

    eta = X_j beta + offset + Z b_j = Z (A_j beta + a_j + b_j)

and A_j beta + a_j + b_j are the level's coefficients, for any coding of the columns. Some columns of fixed effects are
not a combination of Z. Those of the varying columns' degree or above, such as a square where only the slope varies, are
included by least squares over all rows: the slope is the average slope of the curve. Those of lower degree (the
constant, where only a slope varies) are not part of a level's coefficients.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import xarray as xr

from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.held import Held
from partialpool.design.level_places import LevelPlaces, level_places, varying_columns
from partialpool.design.own_effects import OwnEffects, own_effects
from partialpool.errors import DataError
from partialpool.model.covariance import effect_covariance
from partialpool.model.newton import Recession
from partialpool.names import BETA, INTERCEPT, b_name
from partialpool.spec.degree import degree_of

__all__ = ["LevelCoefficients", "level_coefficients"]

_AT_ONCE: Final = 300_000
"""Largest number of rows evaluated: if there are more values of the varying columns, they are thinned evenly."""
_ROUNDING: Final = 1e-11
_NOTHING: Final = 1e-16
"""Share of a column's sum of squares that counts as rounding error."""


@dataclass(frozen=True, eq=False)
class LevelCoefficients:
    """How the coefficients of a factor's levels follow from the fixed effects and the levels' own effects.

    Attributes
    ----------
    design, factor
        The model, and the factor.
    places
        Values of the other predictors for the levels.
    weights
        A, (places, effects, coefs).
    known
        a, the contribution of the offset, (places, effects).
    turn
        T: effects are reported as T b. The identity, or the change to the predictors' means if zero is far away.
    own
        The effects that each level has, where these differ by category; None where every level has all.
    """

    design: Design
    factor: FactorEffects
    places: LevelPlaces
    weights: np.ndarray
    known: np.ndarray
    turn: np.ndarray
    own: OwnEffects | None

    @property
    def names(self) -> tuple[str, ...]:
        """A level's own effects."""
        return self.factor.names if self.own is None else self.own.names

    @property
    def own_columns(self) -> np.ndarray:
        """Z of a level's own effects, (rows, own effects)."""
        if self.own is None:
            return self.columns
        places = self.factor.of_rows(self.own.places)
        return np.where(places >= 0, np.take_along_axis(self.columns, np.maximum(places, 0), 1), 0.0)

    def own_of(self, by_level: np.ndarray) -> np.ndarray:
        """Return a level's own ones of values of all effects, (..., levels, effects) to (..., levels, own effects)."""
        return by_level if self.own is None else self.own.take(by_level)

    @property
    def columns(self) -> np.ndarray:
        """Z of the coefficients, (rows, effects)."""
        return self.factor.values @ np.linalg.inv(self.turn)

    @property
    def origin(self) -> str:
        """Values of the varying predictors at the intercept, in words; empty at zero."""
        if np.array_equal(self.turn, np.eye(len(self.turn))):
            return ""
        columns = zip(self.factor.names, self.factor.ranges.mean, strict=True)
        moved = [Held(name, float(mean), "mean") for name, mean in columns if name != INTERCEPT]
        return ", ".join(map(str, moved))

    @property
    def in_words(self) -> dict[str, str]:
        """Values of the predictors, for the attrs of a result.

        `held`: the other predictors. `origin`: the varying ones, at the intercept. `varies_within`: those of `held`
        that modify the effects and vary within levels, so that a level has no single slope without them.
        """
        return {
            "held": ", ".join([*filter(None, [self.places.in_words]), *self._curves]) or "nothing",
            "origin": self.origin or "zero",
            "varies_within": ", ".join(self.places.varying_within) or "nothing",
        }

    @property
    def _curves(self) -> list[str]:
        """The smooths, whose departures are centred over the rows: none is added to the levels' own line."""
        return [f"{smooth.name} (averaged over the rows)" for smooth in self.design.spec.smooths]

    def common(self, beta: np.ndarray) -> np.ndarray:
        """Return A beta + a for beta (..., coefs): the part without the levels' own effects, (..., places, effects)."""
        return np.einsum("pec,...c->...pe", self.weights, beta) + self.known

    def common_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return `common` for the draws of a posterior, (chains, draws, places, effects)."""
        shape = (posterior.sizes["chain"], posterior.sizes["draw"], len(self.design.common.coefs))
        beta = posterior[BETA].transpose("chain", "draw", ...).to_numpy() if BETA in posterior else np.zeros(shape)
        return self.common(beta)

    def own_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return the levels' own effects, (chains, draws, levels, effects)."""
        return posterior[b_name(self.factor.name)].transpose("chain", "draw", ...).to_numpy() @ self.turn.T

    def covariance_draws(self, posterior: xr.Dataset) -> np.ndarray:
        """Return the covariance of the levels' own effects, (chains, draws, effects, effects)."""
        return self.turn @ effect_covariance(posterior, self.factor) @ self.turn.T

    def standard_errors(self, covariance: np.ndarray) -> np.ndarray:
        """Return standard errors of `common`, from the covariance of beta, (places, effects)."""
        return np.sqrt(np.einsum("pec,cd,ped->pe", self.weights, covariance, self.weights))

    def without_infinite(self, common: np.ndarray, infinite: Recession | None) -> np.ndarray:
        """Return `common` (places, effects) at an estimate of beta, NaN where it goes to infinity with that."""
        return common if infinite is None else np.where(infinite.changes(self.weights), np.nan, common)

    def off_the_lines(self, beta: np.ndarray) -> np.ndarray:
        """Return X beta minus the level's line in each row, without the offset, (rows,), for beta (coefs,)."""
        design, here = self.design, self.factor.of_rows(self.places.place_of_level)
        first = np.ones((design.n_rows, 1 if design.common.intercept else 0))
        fixed = np.concatenate([first, design.common.values], axis=1) @ beta
        return fixed - (self.columns * self.common(beta)[here]).sum(axis=1)

    @property
    def beside(self) -> np.ndarray:
        """Whether each fixed effect moves rows off their levels' lines, boolean (coefs,)."""
        design, here = self.design, self.factor.of_rows(self.places.place_of_level)
        first = np.ones((design.n_rows, 1 if design.common.intercept else 0))
        x = np.concatenate([first, design.common.values], axis=1)
        made = np.einsum("re,rec->rc", self.columns, self.weights[here])
        return np.square(x - made).mean(axis=0) > _NOTHING * np.square(x).mean(axis=0)

    def own_deviations(self, estimate: np.ndarray, beta: np.ndarray) -> np.ndarray:
        """Return coefficients (levels, own effects) minus `common` at beta, as effects at zero, (levels, effects)."""
        deviations = estimate - self.own_of(self.common(beta)[self.places.place_of_level])
        deviations = deviations if self.own is None else self.own.put(deviations)
        return np.asarray(deviations @ np.linalg.inv(self.turn).T)

    def by_level(self, values: np.ndarray, axis: int) -> np.ndarray:
        """Return values by level from values by place."""
        return np.take(values, self.places.place_of_level, axis=axis)


def level_coefficients(
    design: Design, factor: FactorEffects, at: Mapping[str, Any], *, at_means: bool = False
) -> LevelCoefficients:
    """Find how the coefficients of each level follow from the fixed effects.

    Parameters
    ----------
    design, factor
        The model, and the factor.
    at
        One value by column, for all levels, in place of the defaults: for predictors whose effects do not vary.
    at_means
        Whether effects are at the varying predictors' means, as in their priors, also if zero is near.

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
    found = _parts(z, x, share, _of_lower_degree(design, factor), exact=not design.has_rows)
    return LevelCoefficients(design, factor, places, found[..., :-1], found[..., -1], turn, own_effects(design, factor))


def _of_lower_degree(design: Design, factor: FactorEffects) -> np.ndarray:
    """Whether each coefficient, and the offset, is of lower degree than the factor's effects, boolean (coefs + 1,)."""
    # Degrees of terms, not of coefficients: a category in a coefficient's name may contain any text.
    highest = max(
        (degree_of(slope) for group in design.spec.groups if group.factor == factor.name for slope in group.slopes),
        default=0,
    )
    terms = [t for t in design.common.recipe.term_of_column if t >= 0]
    own = [0] * design.common.intercept + [degree_of(design.spec.common[t]) for t in terms]
    return np.array([*own, 0]) < highest


def _turn(factor: FactorEffects) -> np.ndarray:
    """Return T: the change to the predictors' means where one of them is far from zero, else the identity."""
    slopes = [name != INTERCEPT for name in factor.names]
    far = INTERCEPT in factor.names and factor.ranges.far_from_zero[slopes].any()
    return factor.basis.to_means if far else np.eye(len(factor.names))


def _seen(design: Design, moving: tuple[str, ...], places: int) -> tuple[pd.DataFrame, np.ndarray]:
    """Return the moving columns' values in the rows, sorted, and their shares; thinned evenly where there are many."""
    if not moving:
        return pd.DataFrame(index=range(1)), np.ones(1)
    table, shares = design.some_rows(moving)
    most = max(_AT_ONCE // places, 50)
    chosen = np.unique(np.linspace(0, len(table) - 1, min(most, len(table))).round().astype(int))
    return table.iloc[chosen].reset_index(drop=True), shares[chosen]


def _parts(z: np.ndarray, x: np.ndarray, share: np.ndarray, lower: np.ndarray, *, exact: bool) -> np.ndarray:
    """Regress X on Z, jointly with the columns of lower degree, and a constant, that Z does not span.

    Parameters
    ----------
    z, x
        (places, points, effects) and (places, points, columns).
    share
        Weight of each point.
    lower
        Whether each column of X is of lower degree than Z, boolean (columns,).
    exact
        Whether the points are only some of those of the rows, so that a column that Z does not make has no average.

    Raises
    ------
    DataError
        Under `exact`, a column of X that Z and the columns of lower degree do not make.
    """
    one = np.ones((*z.shape[:2], 1))
    every = np.concatenate([x, one], axis=2)
    left = np.square(every - z @ _least_squares(z, every, share)).mean(axis=(0, 1))
    not_made = left > _NOTHING * np.square(every).mean(axis=(0, 1))
    if exact and np.linalg.matrix_rank(z.reshape(-1, z.shape[2])) < z.shape[2]:
        raise DataError(
            "a level's coefficients are not determined by the rows that were kept of a table read in batches",
            got=f"{z.shape[1]} values of the predictors whose effects vary, which are linearly dependent",
            allowed="values that differ as those of all rows do",
            do="fit a random sample of the rows that fits into memory, and ask that fit",
        )
    if exact and (not_made[:-1] & ~lower).any():
        raise DataError(
            "a level's coefficients depend on where its rows are, and the table was read in batches",
            got="fixed effects that are not linear in the effects that vary, such as a square",
            allowed="fixed effects that are, on the rows of a level, combinations of the effects that vary",
            do="let the square vary too, or fit a random sample of the rows and ask that fit",
        )
    beside = every[..., not_made & np.append(lower, True)]
    return _least_squares(np.concatenate([z, beside], axis=2), x, share)[:, : z.shape[2]]


def _least_squares(z: np.ndarray, x: np.ndarray, share: np.ndarray) -> np.ndarray:
    """Return least-squares coefficients of X on Z (places, points, effects), (places, effects, columns)."""
    root = np.sqrt(share)[:, None]
    size = np.sqrt((share[:, None] * z**2).sum(axis=1, keepdims=True))
    size[size == 0] = 1.0
    found = np.linalg.pinv(root * z / size, rcond=1e-10) @ (root * x) / np.swapaxes(size, 1, 2)
    # Most coefficients are integers: rounding errors of those are removed.
    whole = np.round(found) + 0.0
    return np.where(np.abs(found - whole) <= _ROUNDING * np.maximum(np.abs(whole), 1), whole, found)
