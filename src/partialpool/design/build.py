"""Specification and table become named arrays: the Design."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.aliasing import find_aliases, find_empty
from partialpool.design.categories import Categories, merge_categories
from partialpool.design.checks import (
    check_common,
    check_digits,
    check_effects_vary,
    check_factor,
    warn_dropped,
    warn_independent_far_from_zero,
    warn_weak_slopes,
)
from partialpool.design.column_types import value_columns
from partialpool.design.common_basis import CommonBasis, make_common_basis
from partialpool.design.effect_basis import EffectBasis, is_far_from_zero, make_effect_basis
from partialpool.design.evaluate import learn_columns, learn_expression
from partialpool.design.factors import Levels, learn_levels
from partialpool.design.identifiability import warn_not_identified
from partialpool.design.kinship import Kinship, match_levels
from partialpool.design.odd_labels import warn_odd_labels
from partialpool.design.recipe import Recipe
from partialpool.design.response import Response, read_response_values, read_standard_errors
from partialpool.design.table import Missing, read_table
from partialpool.errors import DataError, nearest
from partialpool.names import INTERCEPT
from partialpool.spec.model import ModelSpec

__all__ = ["CommonEffects", "Design", "FactorEffects", "build_design"]


@dataclass(frozen=True, eq=False)
class CommonEffects:
    """Population-level columns, without the intercept.

    Attributes
    ----------
    names
        Coefficients, as in the formula.
    values
        X, shape (rows, columns), on the original scale.
    center, scale
        Mean and sd (ddof 0) of each column, shape (columns,); without an intercept the centre is 0 and the
        scale is the root mean square, since nothing could take up the shift.
    intercept
        Whether there is an intercept.
    basis
        The columns made orthonormal.
    """

    names: tuple[str, ...]
    values: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    intercept: bool
    recipe: Recipe
    basis: CommonBasis

    @property
    def coefs(self) -> tuple[str, ...]:
        """All coefficients, `Intercept` first where there is one."""
        return ((INTERCEPT,) if self.intercept else ()) + self.names

    @property
    def standardised(self) -> np.ndarray:
        """X centred and scaled, as samplers see it, shape (rows, columns)."""
        return (self.values - self.center) / self.scale


@dataclass(frozen=True, eq=False)
class FactorEffects:
    """The effects that vary over one factor.

    Attributes
    ----------
    levels
        The factor and its labels.
    codes
        Level of each row, shape (rows,).
    names
        Effects; those of one block stand together.
    values
        Z without its dummy columns: the effects' values, shape (rows, effects), on the original scale.
    basis
        What the effects' priors are stated of.
    blocks
        Positions of the effects that share one correlation matrix.
    recipes
        How each group's columns are made from a table.
    kinship
        The known covariance among the levels; None where they are independent.
    """

    levels: Levels
    codes: np.ndarray
    names: tuple[str, ...]
    values: np.ndarray
    basis: EffectBasis
    blocks: tuple[tuple[int, ...], ...]
    recipes: tuple[Recipe, ...]
    kinship: Kinship | None = None

    @property
    def name(self) -> str:
        """The factor."""
        return self.levels.factor

    @property
    def n_levels(self) -> int:
        """How many levels it has."""
        return len(self.levels.labels)

    @property
    def how_many(self) -> str:
        """Its levels in words: `18 levels`."""
        related = "" if self.kinship is None else "related "
        mean = f" (mean own entry of cov {self.mean_own:.4g})" if abs(self.mean_own - 1) > 1e-9 else ""
        return f"{self.n_levels} {related}levels{mean}"

    @property
    def own(self) -> np.ndarray:
        """Own entry of each row's level in its known covariance, shape (rows,); 1 without one."""
        return np.ones(len(self.codes)) if self.kinship is None else self.kinship.own[self.codes]

    @property
    def mean_own(self) -> float:
        """Mean own entry over the rows: sd sqrt(mean_own) is the sd of a row's level on average."""
        return float(self.own.mean())

    @property
    def correlated(self) -> bool:
        """Whether any two effects share a correlation."""
        return any(len(block) > 1 for block in self.blocks)

    @property
    def freed_values(self) -> np.ndarray:
        """Z*, the columns of the effects that priors are stated of, at the predictors' means, (rows, effects)."""
        return self.basis.columns.of(self.values)

    @property
    def is_far_from_zero(self) -> bool:
        """Whether effects at zero are far from any data, where priors are stated at the predictors' means."""
        return not self.basis.is_plain and any(is_far_from_zero(column) for column in self.values.T)

    @property
    def root(self) -> np.ndarray | None:
        """Lower Cholesky factor of the known covariance among the levels, (levels, levels); None without one."""
        return None if self.kinship is None else self.kinship.root

    def check_unrelated(self, asked: str) -> None:
        """Refuse a question about one level by itself where levels covary.

        Raises
        ------
        DataError
            The levels have a known covariance.
        """
        if self.kinship is not None:
            raise DataError(
                f"{asked} is about levels that are independent, and those of {self.name} covary",
                got=f"a known covariance among {self.n_levels} levels",
                allowed="factors without cov",
                do="look at pp.group_effects, pp.variance_components or pp.predict",
            )


@dataclass(frozen=True, eq=False)
class Design:
    """A model's arrays, with names, and everything learned from the table.

    Attributes
    ----------
    spec
        The specification.
    response
        What was observed.
    common
        Population-level columns.
    factors
        One entry per grouping factor.
    offset
        Known part of the linear predictor, shape (rows,), or None.
    offset_recipes
        How each part of the offset is made from a table.
    se
        Known standard errors of the response, shape (rows,), or None.
    rows
        Row numbers in the table as given, shape (rows,).
    n_given
        Rows of the table as given.
    frame
        The columns and rows the model read.
    units
        Unit of each column, where the table's `attrs["units"]` says one.
    """

    spec: ModelSpec
    response: Response
    common: CommonEffects
    factors: tuple[FactorEffects, ...]
    offset: np.ndarray | None
    offset_recipes: tuple[Recipe, ...]
    se: np.ndarray | None
    rows: np.ndarray
    n_given: int
    frame: pd.DataFrame
    units: Mapping[str, str] = MappingProxyType({})

    @property
    def n_rows(self) -> int:
        """Rows used."""
        return len(self.rows)

    @property
    def recipes(self) -> tuple[Recipe, ...]:
        """How columns are made: of the common effects, of each factor's, of the offset."""
        return (self.common.recipe, *(r for factor in self.factors for r in factor.recipes), *self.offset_recipes)

    @property
    def categories(self) -> Mapping[str, Categories]:
        """The columns that are categories by how terms use them, with their order and reference.

        Every other column that terms read is a quantity.
        """
        return MappingProxyType(merge_categories(*(recipe.categories for recipe in self.recipes)))

    @property
    def references(self) -> str:
        """The reference category of each column, for a reader: `arm = placebo, sex = f`; empty where there is none."""
        return ", ".join(c.in_words for c in self.categories.values() if c.in_words)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Columns of common and varying effects that are left out: the rows do not identify them."""
        return tuple(dict.fromkeys(name for recipe in self.recipes for name in recipe.dropped))

    def factor_named(self, factor: str | None) -> FactorEffects:
        """Return a grouping factor by name; the only one, where there is only one and none is named.

        Raises
        ------
        DataError
            No such factor, or none named where there are several.
        """
        names = [f.name for f in self.factors]
        if not names:
            raise DataError(
                "this model has no groups",
                got=f"{self.spec}",
                allowed="a model with a grouping term, such as (1 | g)",
                do="add a grouping term and fit again",
            )
        chosen = names[0] if factor is None and len(names) == 1 else factor
        if chosen not in names:
            raise DataError(
                "no such grouping factor" if factor is not None else "name a grouping factor",
                got=repr(factor),
                allowed=nearest(str(factor), names),
                do="name one of these",
            )
        return self.factors[names.index(chosen)]

    def with_origin(self, rows: np.ndarray, n_given: int, units: Mapping[str, str]) -> "Design":
        """Return the same design, its rows numbered as in the table they came from, with that table's units."""
        return replace(
            self, rows=rows, n_given=n_given, frame=self.frame.set_axis(rows), units=MappingProxyType(dict(units))
        )


def build_design(spec: ModelSpec, data: Any, *, missing: Missing = "drop") -> Design:
    """Build the arrays of a model.

    Parameters
    ----------
    spec
        The model.
    data
        A pandas, polars or pyarrow table, or a dictionary of columns.
    missing
        `drop` (with a warning that counts) or `error`.

    Raises
    ------
    DataError
        The table does not fit the model; the text says how, and what to do.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> design = build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch/cask)"), load_dataset("pastes"))
    >>> [(f.name, f.n_levels) for f in design.factors]
    [('batch', 10), ('batch:cask', 30)]
    """
    # 1. The columns the model reads, complete rows only.
    table = read_table(data, spec.columns, missing=missing, predictors=value_columns(spec))
    frame = table.frame
    # 2. Response, known standard errors, offset.
    response = read_response_values(spec.response_term, spec.family_record, frame, table.unused)
    se = read_standard_errors(spec.se, frame) if spec.se else None
    offsets = [learn_expression(expression, frame) for expression in spec.offsets]
    offset = np.sum([values for _, values in offsets], axis=0) if offsets else None
    # 3. Common effects.
    common = _common_effects(spec, frame)
    warn_dropped("common effects", (common.recipe,))
    own = [name for name, _ in spec.family_record.parameters if name != "sigma" or se is None]
    if not (common.coefs or spec.groups or own):
        raise DataError(
            "the model has no parameter",
            got=str(spec),
            allowed="an intercept, a predictor or a grouping term",
            do="leave out the 0, or add a term",
        )
    # 4. Group effects, one entry per factor.
    factors = tuple(_factor_effects(spec, factor, frame) for factor in spec.factors)
    for factor in factors:
        # Relatives tell a level's effect from the residual, even where each level has one row.
        alone = _has_free_sigma(spec) and (factor.kinship is None or factor.kinship.is_diagonal)
        warn_dropped(f"effects over {factor.name}", factor.recipes)
        check_factor(factor.name, factor.codes, factor.n_levels, factor.names, residual_free=alone)
        check_effects_vary(factor.name, factor.names, factor.values)
        check_digits(factor.name, factor.names, factor.values, factor.blocks)
        warn_weak_slopes(factor.name, factor.codes, factor.n_levels, factor.names, factor.values)
        warn_independent_far_from_zero(factor.name, factor.names, factor.values, factor.blocks)
    design = Design(
        spec=spec,
        response=response,
        common=common,
        factors=factors,
        offset=offset,
        offset_recipes=tuple(recipe for recipe, _ in offsets),
        se=se,
        rows=table.rows,
        n_given=table.n_given,
        frame=frame,
        units=_units_of(data),
    )
    warn_odd_labels(frame, design.categories, table.text.intersection(value_columns(spec)))
    # 5. What the data cannot tell of the covariances.
    warn_not_identified(design)
    return design


def _units_of(data: Any) -> Mapping[str, str]:
    units = data.attrs.get("units") if isinstance(data, pd.DataFrame) else None
    return MappingProxyType({str(k): str(v) for k, v in units.items()} if isinstance(units, Mapping) else {})


def _has_free_sigma(spec: ModelSpec) -> bool:
    return spec.se is None and spec.family_record.is_normal


def _common_effects(spec: ModelSpec, frame: pd.DataFrame) -> CommonEffects:
    recipe, values = learn_columns(spec.common, frame, intercept=spec.intercept)
    recipe, values = recipe.without(find_aliases(values, recipe.term_of_column, recipe.crossed), values)
    names = recipe.names[1:] if spec.intercept else recipe.names
    values = values[:, 1:] if spec.intercept else values
    center = values.mean(axis=0) if spec.intercept else np.zeros(values.shape[1])
    scale = (values - center).std(axis=0) if spec.intercept else np.sqrt((values**2).mean(axis=0))
    # An ordinal model's cutpoints are its intercepts.
    has_intercept = spec.intercept and not spec.family_record.has_cutpoints
    check_common(names, values, center, scale, intercept=has_intercept)
    basis = make_common_basis(values, center, scale, intercept=spec.intercept)
    return CommonEffects(names, values, center, scale, has_intercept, recipe, basis)


def _factor_effects(spec: ModelSpec, factor: str, frame: pd.DataFrame) -> FactorEffects:
    levels, codes = learn_levels(factor, frame)
    recipes, columns = [], []
    blocks: list[tuple[int, ...]] = []
    at_means: list[bool] = []
    start = 0
    for group in (g for g in spec.groups if g.factor == factor):
        recipe, values = learn_columns(group.slopes, frame, intercept=group.intercept)
        recipe, values = recipe.without(find_empty(values, recipe.crossed), values)
        recipes.append(recipe)
        columns.append(values)
        positions = range(start, start + len(recipe.names))
        added = [tuple(positions)] if group.correlated else [(position,) for position in positions]
        blocks += added
        at_means += [group.origin == "means"] * len(added)
        start += len(recipe.names)
    values = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
    names = tuple(name for recipe in recipes for name in recipe.names)
    if len(set(names)) < len(names):
        doubled = sorted({n for n in names if names.count(n) > 1})
        raise DataError(
            f"an effect varies twice over {factor}",
            got=", ".join(doubled),
            allowed="each effect once per factor",
            do="write 0 + in one of the terms, or name the category in one of them only",
        )
    known = next((group.cov for group in spec.groups if group.factor == factor), None)
    kinship = None if known is None else match_levels(known, factor, levels.labels)
    basis = make_effect_basis(names, values, blocks, at_means=at_means, own=kinship.own[codes] if kinship else None)
    return FactorEffects(levels, codes, names, values, basis, tuple(blocks), tuple(recipes), kinship)
