"""The departures of a smooth from a straight line, as effects with equal sds.

All effects are of one level, which every row has, one set of them for each category of `by`: its columns are those of
the basis in the rows of the category, and 0 in the others. Where the curves of all categories share one sd, categories
are levels instead, which takes a column of the basis once.
"""

from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import pandas as pd

from partialpool.design.column_types import is_quantity
from partialpool.design.effect_basis import make_effect_basis
from partialpool.design.effect_structure import EffectStructure
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.factors import Levels, learn_levels
from partialpool.design.recipe import Recipe, check_finite
from partialpool.design.smooth_basis import SmoothBasis, learn_basis
from partialpool.errors import DataError
from partialpool.spec.smooth import Smooth

__all__ = ["smooth_effects"]

_ALL: tuple[str, ...] = ("all rows",)


@dataclass(frozen=True, eq=False)
class _OneLevel(Levels):
    """The level of a smooth without `by`: all rows."""

    @property
    def columns(self) -> tuple[str, ...]:
        """No column has it."""
        return ()

    def encode(self, frame: pd.DataFrame) -> tuple[np.ndarray, tuple[str | int | float | bool, ...]]:
        """Code every row as the one level."""
        return np.zeros(len(frame), dtype=np.int64), ()


@dataclass(frozen=True, eq=False)
class _ByCategory(Levels):
    """The levels of a smooth with `by`: the categories of that column."""

    by: str = ""

    @property
    def columns(self) -> tuple[str, ...]:
        """The column of `by`."""
        return (self.by,)

    def encode(self, frame: pd.DataFrame) -> tuple[np.ndarray, tuple[str | int | float | bool, ...]]:
        """Code rows by category; the main effect of the column refuses new ones."""
        return Levels(self.by, self.labels).encode(frame)


@dataclass(frozen=True, eq=False)
class _SmoothRecipe(Recipe):
    """How the columns of a smooth are computed from a table."""

    column: str = ""
    basis: SmoothBasis | None = field(default=None, repr=False)
    categories_of: Levels | None = None

    @property
    def is_number(self) -> bool:
        """Whether it gives numbers."""
        return True

    def apply(self, frame: pd.DataFrame) -> np.ndarray:
        """Evaluate the columns on new data, shape (rows, columns)."""
        assert self.basis is not None
        if not is_quantity(frame[self.column]):
            raise DataError(
                f"column {self.column!r} is of another type than when the model was fitted",
                got="categories",
                allowed="numbers",
                do="convert the column",
            )
        values = self.basis.of(frame[self.column].to_numpy(dtype=float))
        if self.categories_of is not None:
            codes = self.categories_of.encode(frame)[0]  # the main effect of the column refuses new categories
            inside = codes[:, None] == np.arange(len(self.categories_of.labels))
            values = (inside[:, :, None] * values[:, None]).reshape(len(frame), -1)
        return check_finite(values, self.names, frame)


def smooth_effects(smooth: Smooth, frame: pd.DataFrame) -> FactorEffects:
    """Learn a smooth from the rows of a table.

    Raises
    ------
    DataError
        The predictor has categories, or fewer distinct values than knots; `by` is a number.
    """
    column = frame[smooth.x]
    if not is_quantity(column):
        raise DataError(
            f"a smooth needs a numeric predictor, and {smooth.x!r} has categories",
            got=f"{smooth}, with values such as {column.iloc[0]!r}",
            allowed="numbers",
            do=f"write {smooth.x} for an effect of each category, or (1 | {smooth.x}) for partial pooling",
        )
    x = column.to_numpy(dtype=float)
    distinct = len(np.unique(x))
    if distinct < smooth.k:
        fewer = f"s({smooth.x}, k={distinct})" if distinct >= 4 else f"the straight line, {smooth.x}"
        raise DataError(
            f"the smooth of {smooth.x!r} has more knots than the predictor has distinct values",
            got=f"k={smooth.k} and {distinct} distinct values",
            allowed=f"k up to {distinct}",
            do=f"write {fewer}",
        )
    if smooth.by is not None and is_quantity(frame[smooth.by]):
        raise DataError(
            f"by of a smooth must have categories, and {smooth.by!r} has numbers",
            got=f"{smooth}, with values such as {frame[smooth.by].iloc[0]!r}",
            allowed="a column of text, booleans or categories",
            do=f"make {smooth.by!r} a categorical in the table, if its numbers are codes of categories",
        )
    basis = learn_basis(x, smooth.k, cyclic=smooth.bs == "cc")
    wiggles = [f"wiggle {n}" for n in range(1, basis.weights.shape[1] + 1)]
    levels: Levels = _OneLevel(smooth.name, _ALL)
    codes, categories, parts = np.zeros(len(frame), dtype=np.int64), None, [""]
    if smooth.by is not None:
        found, of_rows = learn_levels(smooth.by, frame)
        if smooth.hom:
            levels, codes = _ByCategory(smooth.name, found.labels, smooth.by), of_rows
        else:
            categories, parts = found, [str(label) for label in found.labels]
    names = tuple(f"{part} {wiggle}".strip() for part in parts for wiggle in wiggles)
    curves = tuple(part or "departures" for part in parts for _ in wiggles)
    numeric = MappingProxyType({smooth.x: True})
    recipe = _SmoothRecipe(names, numeric, MappingProxyType({}), None, None, smooth.x, basis, categories)
    values = recipe.apply(frame)
    blocks = tuple((n,) for n in range(len(names)))
    structure = EffectStructure("diag", tuple(n - n % len(wiggles) for n in range(len(names))))
    effects = make_effect_basis(names, values, blocks, at_means=[False] * len(names))
    # The sd of a curve is its root mean square over all rows, however many are of its category.
    effects = replace(effects, scale=np.ones(len(names)))
    return FactorEffects(levels, codes, names, values, effects, blocks, (recipe,), structure, curves=curves)
