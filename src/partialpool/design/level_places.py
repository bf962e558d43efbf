"""Where each level of a factor stands among the predictors that are not its own effects' columns.

A slope in a level is one number only at one value of everything that changes it. Predictors that share a term with a
varying effect's columns, and do not vary within the levels, stand at each level's own value: a boy's slope is that of
boys. All others are at one place for all levels, so that levels can be compared: numbers at their means, categories
averaged over the rows by their shares. Neither the order of categories nor a predictor's zero decides anything.
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
from partialpool.errors import DataError, DataWarning, nearest
from partialpool.spec.expression import columns_of

__all__ = ["LevelPlaces", "Values", "level_places", "varying_columns"]

_MOSTLY: Final = 0.5
"""Share of the levels within which a predictor may not vary, if it is to be the levels' own."""
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
    """Where the levels of a factor stand.

    Attributes
    ----------
    design, factor
        Whose.
    moving
        Columns that are free.
    own
        Columns that are at each level's own value.
    averaged
        Categories that are averaged over the rows.
    held
        Where the others are.
    varying_within
        Columns that share a term with the moving ones, and vary within levels: a level has no one slope without them.
    places
        Own values of each place at which any level stands; None where the column varies within such a level, which is
        then treated as the others are. One row, without columns, where nothing is the levels' own.
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
        """Say where everything stands that is not moving; empty where nothing else is read."""
        given = [str(held) for held in self.held if held.how == "given"]
        means = [str(held) for held in self.held if held.how != "given"]
        own = [f"{column} (each level's own)" for column in self.own]
        return ", ".join([*given, *own, *means, *(f"{column} (averaged over the rows)" for column in self.averaged)])

    @property
    def differ(self) -> bool:
        """Whether levels stand at different places."""
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
        # Places that lack the same columns are evaluated together.
        for gap in np.unique(gaps, axis=0):
            lacking = [column for column, lacks in zip(self.own, gap, strict=True) if lacks]
            alike = np.flatnonzero((gaps == gap).all(axis=1)[place])
            for some in np.array_split(alike, 1 + rows // _AT_ONCE):
                self._fill(out, some, self._frame(moving.iloc[some], place[some], lacking), lacking)
        return out

    def _frame(self, moving: pd.DataFrame, place: np.ndarray, lacking: Sequence[str]) -> pd.DataFrame:
        """Put a table of predictors together, averaged categories at their first."""
        design = self.design
        columns: dict[str, Any] = {name: moving[name].to_numpy() for name in self.moving}
        columns |= {held.column: held.value for held in self.held}
        for name in (*self.averaged, *self.own):
            if name in self.own and name not in lacking:
                columns[name] = self.places[name].to_numpy()[place]
            else:
                columns[name] = design.frame[name].mean() if is_number(design, name) else categories_of(design, name)[0]
        # Own values are kept as objects, among which None is a gap.
        numbers = {name: float for name in self.own if is_quantity(design.frame[name])}
        return pd.DataFrame(columns, index=range(len(moving))).astype(numbers)

    def _fill(self, out: Values, some: np.ndarray, frame: pd.DataFrame, lacking: Sequence[str]) -> None:
        spec, factor = self.design.spec, self.factor
        averaged = [*self.averaged, *(c for c in lacking if not is_number(self.design, c))]
        own_groups = [group for group in spec.groups if group.factor == factor.name]
        common = self._averaged(self.design.common.recipe, spec.common, frame, averaged)
        out.common[some] = common[:, 1 if spec.intercept else 0 :]
        parts = [
            self._averaged(recipe, group.slopes, frame, averaged)
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
            # Categories that a column's own term does not read are anywhere: no cell of all of them is asked about.
            warnings.simplefilter("ignore", DataWarning)
            out = recipe.apply(frame)
            reads = [
                frozenset(columns_of(terms[t])) & set(averaged) if t >= 0 else frozenset()
                for t in recipe.term_of_column
            ]
            for read in {found for found in reads if found}:
                names = [name for name in averaged if name in read]
                shares = self.design.frame.groupby(names, observed=True, sort=True).size() / self.design.n_rows
                mean = np.zeros(out.shape)
                for values, share in shares.items():
                    one = values if isinstance(values, tuple) else (values,)
                    mean += share * recipe.apply(frame.assign(**dict(zip(names, one, strict=True))))
                columns = np.array([found == read for found in reads])
                out[:, columns] = mean[:, columns]
        return out


def varying_columns(factor: FactorEffects, design: Design) -> tuple[str, ...]:
    """Columns that a factor's effects read, each once; groups of within and between are none."""
    read = dict.fromkeys(column for recipe in factor.recipes for column in recipe.numeric)
    return tuple(c for c in read if c not in design.categories or design.categories[c].coding != "label")


def level_places(design: Design, factor: FactorEffects, moving: Sequence[str], at: Mapping[str, Any]) -> LevelPlaces:
    """Find where the levels of a factor stand.

    Parameters
    ----------
    design, factor
        Whose levels.
    moving
        Columns that are free: those of the factor's effects, or the one along which lines run.
    at
        One value by column, for all levels.

    Raises
    ------
    DataError
        `at` is no mapping, names a column that is not read or is moving, or several values of one.
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
    """Columns that stand in a term with a moving one."""
    spec = design.spec
    slopes = [slope for group in spec.groups if group.factor == factor.name for slope in group.slopes]
    together = [set(columns_of(text)) for text in (*spec.common, *slopes, *spec.offsets)]
    return {column for columns in together if columns & set(moving) for column in columns}


def _own_values(design: Design, factor: FactorEffects, column: str) -> np.ndarray:
    """Value of a column in each level, None where it varies within the level, (levels,)."""
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
    """Whether a column does not vary within most of the levels with rows enough to tell."""
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
                f"{name!r} is what varies over the levels here: it has no one place",
                got=f"at={{{name!r}: {value!r}}}",
                allowed=nearest("", [column for column in read if column not in moving]),
                do="name other predictors in at=, or use pp.recenter to move where it is zero",
            )
        if np.ndim(value) > 0:
            raise DataError(
                "a predictor is held at one value",
                got=f"{name!r}: {value!r}",
                allowed="a number or a category",
                do="ask once for each value",
            )
