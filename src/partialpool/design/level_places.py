"""Values of the other predictors at which the effects of each level of a factor are evaluated.

The slope of a level is a single number only when every predictor that modifies it has one value. Predictors that share
a term with a varying effect's columns, and do not vary within the levels, have each level's own value: the slope of a
boy is that of boys. All others have the same value for all levels, so that levels can be compared: numbers their means,
categorical predictors an average over the rows, weighted by shares. The result depends neither on the order of
categories nor on the origin of a predictor.
"""

import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from partialpool.design.column_types import is_quantity
from partialpool.design.design import Design
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.grid import check_places
from partialpool.design.held import Held, categories_of, hold, is_number
from partialpool.design.recipe import Recipe
from partialpool.design.with_columns import with_columns
from partialpool.errors import DataError, DataWarning, nearest
from partialpool.spec.expression import columns_of

__all__ = ["LevelPlaces", "Values", "level_places", "varying_columns"]

_MOSTLY: Final = 0.5
"""Share of the levels within which a predictor must be constant to be evaluated at each level's own value."""
_AT_ONCE: Final = 200_000


@dataclass(frozen=True, eq=False)
class Values:
    """A model's columns on some rows.

    Attributes
    ----------
    common
        X without the intercept, (rows, columns).
    effects
        Z's columns of the factor, (rows, effects).
    offset
        Known part of the linear predictor, (rows,); 0 where the model has none.
    """

    common: np.ndarray
    effects: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, eq=False)
class LevelPlaces:
    """Values of the predictors for the levels of a factor.

    Attributes
    ----------
    design, factor
        The model, and the factor.
    moving
        Columns whose values are given at evaluation.
    own
        Columns that have each level's own value.
    averaged
        Categorical columns that are averaged over the rows.
    held
        Values of the other columns.
    varying_within
        Columns that share a term with the moving ones and vary within levels: without them a level's slope is not a
        single number.
    places
        The distinct combinations of own values; None where the column varies within a level, for which it is then
        treated like the other columns. One row without columns if no column has own values.
    place_of_level
        Row of `places` of each level, (levels,).
    """

    design: Design
    factor: FactorEffects
    moving: tuple[str, ...]
    own: tuple[str, ...]
    averaged: tuple[str, ...]
    held: tuple[Held, ...]
    varying_within: tuple[str, ...]
    places: pd.DataFrame
    place_of_level: np.ndarray

    @property
    def in_words(self) -> str:
        """Describe the values of all columns that are not moving; empty where the model reads no others."""
        given = [str(held) for held in self.held if held.how == "given"]
        means = [str(held) for held in self.held if held.how != "given"]
        own = [f"{column} (each level's own)" for column in self.own]
        return ", ".join([*given, *own, *means, *(f"{column} (averaged over the rows)" for column in self.averaged)])

    @property
    def differ(self) -> bool:
        """Whether levels have different own values."""
        return len(self.places) > 1

    def values(self, moving: pd.DataFrame, place: np.ndarray) -> Values:
        """Evaluate the model's columns at values of the moving columns.

        Parameters
        ----------
        moving
            The moving columns, (rows,).
        place
            Row of `places` of each row, (rows,).
        """
        rows = len(moving)
        factor, common = self.factor, self.design.common
        out = Values(np.empty((rows, len(common.names))), np.empty((rows, len(factor.names))), np.empty(rows))
        gaps = self.places.isna().to_numpy()
        # Rows of `places` that lack the same columns are evaluated together.
        for gap in np.unique(gaps, axis=0):
            lacking = [column for column, lacks in zip(self.own, gap, strict=True) if lacks]
            alike = np.flatnonzero((gaps == gap).all(axis=1)[place])
            for some in np.array_split(alike, 1 + rows // _AT_ONCE):
                self._fill(out, some, self._frame(moving.iloc[some], place[some], lacking), lacking)
        return out

    def _frame(self, moving: pd.DataFrame, place: np.ndarray, lacking: Sequence[str]) -> pd.DataFrame:
        """Assemble a table of predictors, with averaged categorical columns at their first category."""
        design = self.design
        columns: dict[str, Any] = {name: moving[name].to_numpy() for name in self.moving}
        columns |= {held.column: held.value for held in self.held}
        for name in (*self.averaged, *self.own):
            if name in self.own and name not in lacking:
                columns[name] = self.places[name].to_numpy()[place]
            else:
                columns[name] = design.frame[name].mean() if is_number(design, name) else categories_of(design, name)[0]
        # Own values are stored as objects; None marks a missing one.
        numbers = {name: float for name in self.own if is_quantity(design.frame[name])}
        return pd.DataFrame(columns, index=range(len(moving))).astype(numbers)

    def _fill(self, out: Values, some: np.ndarray, frame: pd.DataFrame, lacking: Sequence[str]) -> None:
        spec, factor = self.design.spec, self.factor
        averaged = [*self.averaged, *(c for c in lacking if not is_number(self.design, c))]
        own_groups = [group for group in spec.groups if group.factor == factor.name]
        common = self._averaged(self.design.common.recipe, spec.common, frame, averaged)
        out.common[some] = common[:, 1 if spec.intercept else 0 :]
        parts = [
            self._averaged(recipe, group.evaluated_terms, frame, averaged)
            for recipe, group in zip(factor.recipes, own_groups, strict=True)
        ]
        out.effects[some] = np.concatenate(parts, axis=1)
        offsets = zip(self.design.offset_recipes, spec.offsets, strict=True)
        out.offset[some] = sum(self._averaged(r, [text], frame, averaged)[:, 0] for r, text in offsets)

    def _averaged(
        self, recipe: Recipe, terms: Sequence[str], frame: pd.DataFrame, averaged: Sequence[str]
    ) -> np.ndarray:
        """Evaluate columns, each averaged over the categories that its term reads, by their shares of the rows."""
        if not averaged:
            return recipe.apply(frame)
        with warnings.catch_warnings():
            # Categories that a column's term does not read are arbitrary: warnings about their cells do not apply.
            warnings.simplefilter("ignore", DataWarning)
            out = recipe.apply(frame)
            reads = [
                frozenset(columns_of(terms[t])) & set(averaged) if t >= 0 else frozenset()
                for t in recipe.term_of_column
            ]
            for read in {found for found in reads if found}:
                names = [name for name in averaged if name in read]
                table, shares = self.design.distinct_rows(names)
                mean = np.zeros(out.shape)
                for one, share in zip(table.itertuples(index=False, name=None), shares, strict=True):
                    mean += share * recipe.apply(with_columns(frame, dict(zip(names, one, strict=True))))
                columns = np.array([found == read for found in reads])
                out[:, columns] = mean[:, columns]
        return out


def varying_columns(factor: FactorEffects, design: Design) -> tuple[str, ...]:
    """Return the columns that a factor's effects read, each once, without the groups of within and between."""
    read = dict.fromkeys(column for recipe in factor.recipes for column in recipe.numeric)
    return tuple(c for c in read if c not in design.categories or design.categories[c].coding != "label")


def level_places(design: Design, factor: FactorEffects, moving: Sequence[str], at: Mapping[str, Any]) -> LevelPlaces:
    """Find the values of the predictors for the levels of a factor.

    Parameters
    ----------
    design, factor
        The model, and the factor.
    moving
        Columns whose values are given at evaluation: those of the factor's effects, or the one along which lines run.
    at
        One value by column, for all levels.

    Raises
    ------
    DataError
        `at` is not a mapping, names a column that is not read or is moving, or has several values for a column.
    """
    check_places(at)
    read = [*dict.fromkeys([*design.common.recipe.numeric, *_of_factor(design, factor)])]
    _check_given(at, read, moving)
    free = [column for column in read if column not in moving and column not in at]
    changing = _sharing_a_term(design, factor, moving)
    labels = {column for column, found in design.categories.items() if found.coding == "label"}
    table = {column: _own_values(design, factor, column) for column in free if column in changing or column in labels}
    own = tuple(c for c, values in table.items() if _belongs(values, factor))
    rest = [column for column in free if column not in own]
    places, place_of_level = _distinct({column: table[column] for column in own}, factor.n_levels)
    held = [Held(column, value, "given") for column, value in at.items()]
    held += [hold(design, column) for column in sorted(rest) if is_number(design, column)]
    return LevelPlaces(
        design=design,
        factor=factor,
        moving=tuple(moving),
        own=own,
        averaged=tuple(column for column in rest if not is_number(design, column)),
        held=tuple(held),
        varying_within=tuple(column for column in rest if column in changing),
        places=places,
        place_of_level=place_of_level,
    )


def _of_factor(design: Design, factor: FactorEffects) -> Iterable[str]:
    return [column for recipe in (*factor.recipes, *design.offset_recipes) for column in recipe.numeric]


def _sharing_a_term(design: Design, factor: FactorEffects, moving: Sequence[str]) -> set[str]:
    """Return the columns that share a term with a moving one."""
    spec = design.spec
    slopes = [slope for group in spec.groups if group.factor == factor.name for slope in group.evaluated_terms]
    together = [set(columns_of(text)) for text in (*spec.common, *slopes, *spec.offsets)]
    return {column for columns in together if columns & set(moving) for column in columns}


def _own_values(design: Design, factor: FactorEffects, column: str) -> np.ndarray:
    """Return the value of a column in each level, None where it varies within the level, (levels,)."""
    values = design.frame[column].astype(object).to_numpy()
    codes, _ = pd.factorize(values)
    first = np.full(factor.n_levels, -1)
    first[factor.codes[::-1]] = codes[::-1]
    alike = np.ones(factor.n_levels, bool)
    np.logical_and.at(alike, factor.codes, codes == first[factor.codes])
    out = np.full(factor.n_levels, None, dtype=object)
    out[factor.codes] = values
    out[~alike] = None
    return out


def _belongs(values: np.ndarray, factor: FactorEffects) -> bool:
    """Whether a column is constant within most of the levels that have two rows or more."""
    many = np.bincount(factor.codes, minlength=factor.n_levels) > 1
    told = values[many] if many.any() else values
    return bool(np.mean([value is not None for value in told]) > _MOSTLY)


def _distinct(own: Mapping[str, np.ndarray], levels: int) -> tuple[pd.DataFrame, np.ndarray]:
    if not own:
        return pd.DataFrame(index=range(1)), np.zeros(levels, dtype=int)
    table = pd.DataFrame(dict(own), dtype=object)
    found = table.groupby(list(own), dropna=False, sort=False).ngroup().to_numpy()
    _, at = np.unique(found, return_index=True)
    return table.iloc[at].reset_index(drop=True), found


def _check_given(at: Mapping[str, Any], read: Sequence[str], moving: Sequence[str]) -> None:
    for name, value in at.items():
        if name not in read:
            raise DataError(
                "the model does not read this column",
                got=repr(name),
                allowed=nearest(str(name), [column for column in read if column not in moving]),
                do="name a predictor of the model in at=",
            )
        if name in moving:
            raise DataError(
                f"{name!r} is the predictor that varies here: it cannot be fixed at one value",
                got=f"at={{{name!r}: {value!r}}}",
                allowed=nearest("", [column for column in read if column not in moving]),
                do="name other predictors in at=, or use pp.recenter to move its zero",
            )
        if np.ndim(value) > 0:
            raise DataError(
                "a predictor can be fixed at one value only",
                got=f"{name!r}: {value!r}",
                allowed="a number or a category",
                do="call the function once for each value",
            )
