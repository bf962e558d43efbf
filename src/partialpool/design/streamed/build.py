"""Build the design of a table that was read in batches, from the first pass and the sums of the second."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from partialpool.design.aliasing import Aliases
from partialpool.design.checks import (
    check_columns,
    check_digits,
    check_effects_vary,
    check_factor,
    check_some_parameter,
    warn_dropped,
    warn_independent_far_from_zero,
    warn_weak_slopes,
)
from partialpool.design.column_types import value_columns
from partialpool.design.factor_terms import join_terms
from partialpool.design.odd_labels import (
    CountedLabels,
    OddLabels,
    find_numbers_and_dates,
    find_odd_counts,
    warn_odd,
)
from partialpool.design.recipe import Recipe
from partialpool.design.response import Response
from partialpool.design.response_values import constant_response
from partialpool.design.streamed.absent_rows import AbsentColumn, AbsentFrame, AbsentRows
from partialpool.design.streamed.batch_columns import BatchColumns
from partialpool.design.streamed.column_sums import (
    ColumnSums,
    aliases_from_sums,
    common_basis_from_sums,
    effect_basis_from_sums,
    freed_from_sums,
    sizes_from_sums,
)
from partialpool.design.streamed.streamed_design import StreamedCommon, StreamedDesign, StreamedFactor
from partialpool.design.streamed.survey import Survey
from partialpool.names import INTERCEPT

__all__ = ["FactorSums", "TableSums", "build_streamed_design"]

_WITHIN: Final = 1e-12
"""Share of a column's variation within levels that counts as rounding error."""


@dataclass(frozen=True, eq=False)
class FactorSums:
    """Sums of the columns of one factor's effects.

    Attributes
    ----------
    columns
        Sums over all rows.
    within
        Sum of squared deviations of each column from the means of the levels, as a share of that from the mean of all
        rows, (effects,).
    parents
        By position of another factor, the level of it that contains each level, where there is one, (levels,).
    """

    columns: ColumnSums
    within: np.ndarray
    parents: Mapping[int, np.ndarray]


@dataclass(frozen=True, eq=False)
class TableSums:
    """Sums over all rows of a table.

    Attributes
    ----------
    common
        All columns of the fixed effects but the intercept.
    working
        The response, as the model is normal in it, less the offset.
    factors
        By factor.
    has_offset
        Whether some row's offset is not 0.
    """

    common: ColumnSums
    working: ColumnSums
    factors: tuple[FactorSums, ...]
    has_offset: bool


def build_streamed_design(
    columns: BatchColumns, sums: TableSums, source: str, units: Mapping[str, str]
) -> StreamedDesign:
    """Build the design, with the checks of `build_design` that do not need rows.

    Parameters
    ----------
    columns
        How the columns are computed.
    sums
        From all rows.
    source
        The table, in words.
    units
        Units of the columns.

    Raises
    ------
    DataError
        The table does not fit the model.
    """
    spec, survey = columns.spec, columns.survey
    absent = _absent(source)
    if sums.working.ranges.constant[0] and survey.n_rows > 1 and not sums.has_offset:
        raise constant_response(spec.response_term, f"{sums.working.lowest[0]:g}")
    common = _common_effects(columns, sums, absent)
    check_some_parameter(spec, common)
    factors = tuple(_factor(columns, k, factor, sums.factors[k], absent) for k, factor in enumerate(spec.factors))
    frame = AbsentFrame({name: _column(columns, name, source) for name in spec.columns}, source)
    design = StreamedDesign(
        spec=spec,
        response=Response(spec.response_term.name, absent("the responses")),
        common=common,
        factors=factors,
        offset=absent("the offset") if spec.offsets else None,
        offset_recipes=columns.offsets,
        se=None,
        precision=None,
        residual=None,
        rows=absent("the row numbers"),
        n_given=survey.n_given,
        frame=cast(Any, frame),
        units=MappingProxyType(dict(units)),
        left_out=survey.left_out,
        n_used=survey.n_rows,
        source=source,
        examples=survey.frame(survey.examples),
        category_counts=MappingProxyType(
            {name: pd.Series(known.counts, index=list(known.labels)) for name, known in survey.labels.items()}
        ),
        working=sums.working,
        has_offset=sums.has_offset,
    )
    warn_odd(_odd_labels(survey, design))
    return design


def _odd_labels(survey: Survey, design: StreamedDesign) -> tuple[OddLabels, ...]:
    """Find labels that are likely to be typing errors, as in memory; what would name rows is left out."""
    known, values = survey.labels, value_columns(design.spec)
    text = [
        pd.Series(pd.Categorical(known[name].labels, known[name].labels), name=name)
        for name in sorted(known)
        if name in values and known[name].is_text
    ]
    counted = [
        CountedLabels(name, dict(zip(labels.labels, labels.counts.tolist(), strict=True)))
        for name, labels in known.items()
        if labels.are_categories or name in design.categories
    ]
    return find_odd_counts(
        counted, design.categories, [odd for column in text for odd in find_numbers_and_dates(column)]
    )


def _absent(source: str) -> Any:
    return lambda what: cast(Any, AbsentRows(what, source))


def _column(columns: BatchColumns, name: str, source: str) -> AbsentColumn:
    survey = columns.survey
    if name in survey.numbers:
        kind = np.dtype(np.int64 if name in survey.whole else np.float64)
        return AbsentColumn(name, kind, survey.numbers[name], source)
    return AbsentColumn(name, survey.labels[name].read.dtype, None, source)


def _common_effects(columns: BatchColumns, sums: TableSums, absent: Any) -> StreamedCommon:
    first = 1 if columns.spec.intercept else 0
    full = columns.common
    every = _with_intercept(sums.common) if first else sums.common
    aliases = aliases_from_sums(every, full.term_of_column, full.crossed)
    recipe = _without(full, aliases)
    warn_dropped("fixed effects", (recipe,))
    kept = np.arange(len(full.names)) if aliases is None else aliases.kept
    own = every.of(kept[first:])
    names = recipe.names[first:]
    center = own.mean if first else np.zeros(len(names))
    scale = own.sd if first else own.rms
    products = own.covariance if first else own.second_moment
    size = np.where(scale > 0, scale, 1.0)
    check_columns(names, own.ranges.magnitude, scale, products / np.outer(size, size), intercept=bool(first))
    basis = common_basis_from_sums(own, scale, intercept=bool(first))
    values = absent("the columns of the fixed effects")
    return StreamedCommon(names, values, center, scale, bool(first), recipe, basis, own, kept[first:])


def _with_intercept(sums: ColumnSums) -> ColumnSums:
    """Return the sums of the columns with one of ones before them."""
    places = np.concatenate([[0, 0], np.arange(1, len(sums.products))])
    return ColumnSums(
        sums.rows,
        np.concatenate([[0.0], sums.origin]),
        np.concatenate([[1.0], sums.unit]),
        sums.products[np.ix_(places, places)],
        np.concatenate([[1.0], sums.lowest]),
        np.concatenate([[1.0], sums.highest]),
    )


def _without(recipe: Recipe, aliases: Aliases | None) -> Recipe:
    return recipe.without(aliases, np.empty((0, len(recipe.names))))[0]


def _factor(columns: BatchColumns, k: int, factor: str, sums: FactorSums, absent: Any) -> StreamedFactor:
    """Build the effects of one factor, the `k`th."""
    spec, survey = columns.spec, columns.survey
    recipes, kept, start = [], [], 0
    for group, full in zip(spec.groups, columns.groups, strict=True):
        if group.factor != factor:
            continue
        own = sums.columns.of(np.arange(start, start + len(full.names)))
        aliases = _empty(own, full.crossed)
        recipes.append(_without(full, aliases))
        kept += [start + int(at) for at in (range(len(full.names)) if aliases is None else aliases.kept)]
        start += len(full.names)
    terms, own = join_terms(spec, factor, recipes), sums.columns.of(kept)
    basis = effect_basis_from_sums(terms.names, own, terms.blocks, at_means=terms.at_means)
    freed = freed_from_sums(terms.names, own)
    levels = survey.factors[factor]
    made = StreamedFactor(
        levels=levels.levels,
        codes=absent(f"the level of {factor} of each row"),
        names=terms.names,
        values=absent(f"the columns of the effects over {factor}"),
        basis=basis.with_equal_sds(terms.structure.sd_of),
        blocks=terms.blocks,
        recipes=terms.recipes,
        structure=terms.structure,
        rows_of_level=levels.counts,
        sums=own,
        freed=freed,
        sizes=sizes_from_sums(terms.names, own, freed)[0],
        parents=MappingProxyType({spec.factors[g]: level for g, level in sums.parents.items()}),
        kept=tuple(kept),
    )
    _check_factor(made, survey.n_rows, sums.within[kept])
    return made


def _check_factor(factor: StreamedFactor, rows: int, within: np.ndarray) -> None:
    warn_dropped(f"effects over {factor.name}", factor.recipes)
    check_factor(factor.name, factor.counts, rows, factor.names, residual_free=True)
    check_effects_vary(factor.name, factor.names, factor.ranges)
    check_digits(factor.name, factor.names, factor.ranges, factor.blocks)
    weak = [name for name, share in zip(factor.names, within, strict=True) if share <= _WITHIN]
    if INTERCEPT in factor.names:
        warn_weak_slopes(factor.name, [name for name in weak if name != INTERCEPT])
    warn_independent_far_from_zero(factor.name, factor.names, factor.ranges, factor.blocks)


def _empty(sums: ColumnSums, lengths: tuple[int, ...]) -> Aliases | None:
    """Find the columns that are 0 in every row; see `find_empty`."""
    zero = (sums.lowest == 0) & (sums.highest == 0) & np.array([length > 1 for length in lengths], dtype=bool)
    if not zero.any():
        return None
    kept, dropped = np.flatnonzero(~zero), np.flatnonzero(zero)
    return Aliases(kept, dropped, np.zeros((len(kept), len(dropped))))
