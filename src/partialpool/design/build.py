"""Build the `Design`: the named arrays of a specification and a table."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from partialpool.design.aliasing import find_aliases, find_empty
from partialpool.design.censoring import check_some_seen
from partialpool.design.checks import (
    check_common,
    check_digits,
    check_effects_vary,
    check_factor,
    check_some_parameter,
    warn_dropped,
    warn_independent_far_from_zero,
    warn_unlogged_offset,
    warn_weak_slopes,
    weak_slopes,
)
from partialpool.design.column_types import computed_columns, value_columns
from partialpool.design.common_basis import make_common_basis
from partialpool.design.design import CommonEffects, Design
from partialpool.design.effect_basis import make_effect_basis
from partialpool.design.evaluate import (
    ModelColumns,
    PredictorColumns,
    evaluate_model,
    evaluate_predictor,
    learn_columns,
)
from partialpool.design.factor_effects import FactorEffects
from partialpool.design.factor_terms import join_terms
from partialpool.design.factors import Levels, learn_levels
from partialpool.design.frequencies import repeat_rows
from partialpool.design.identifiability import warn_not_identified
from partialpool.design.kinship import match_levels
from partialpool.design.known_bounds import with_known_bounds
from partialpool.design.left_out import count_left_out
from partialpool.design.member_effects import MemberEffects
from partialpool.design.memberships import learn_memberships
from partialpool.design.odd_labels import find_odd_labels, warn_odd
from partialpool.design.recipe import Recipe
from partialpool.design.residual_rows import read_residual_rows
from partialpool.design.response import Response
from partialpool.design.response_values import read_positive, read_response_values
from partialpool.design.smooth_effects import smooth_effects
from partialpool.design.structured_blocks import check_structure
from partialpool.design.table import Missing, Table, column_names, read_table
from partialpool.design.threshold_effects import same_at_all_thresholds
from partialpool.errors import DataError
from partialpool.names import THRESHOLDS
from partialpool.spec.additions import trunc_columns
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec
from partialpool.spec.predictor_spec import predictor_spec
from partialpool.spec.terms import blank_where_zero, members_of
from partialpool.workers import single_lapack

__all__ = ["build_design", "build_design_of_means"]


def build_design(spec: ModelSpec, data: Any, *, missing: Missing = "drop") -> Design:
    """Build the arrays of a model.

    Parameters
    ----------
    spec
        The model.
    data
        A pandas, polars or pyarrow table, or a dictionary of columns.
    missing
        What to do with incomplete rows: `drop` them (with a warning that gives their number) or raise an `error`.

    Raises
    ------
    DataError
        The table does not fit the model; the message says why, and what to do.

    Examples
    --------
    >>> from partialpool.datasets.load import load_dataset
    >>> design = build_design(ModelSpec.from_formula("strength ~ 1 + (1 | batch/cask)"), load_dataset("pastes"))
    >>> [(f.name, f.n_levels) for f in design.factors]
    [('batch', 10), ('batch:cask', 30)]
    """
    with single_lapack():  # a design does not depend on the number of threads, to the last digit
        means = build_design_of_means(spec, data, missing=missing)
        # 7. Rows whose residuals have sds of their own or are correlated.
        design = replace(means, residual=read_residual_rows(means.frame, spec.residual, spec.sigma))
        # 8. Covariance parameters that the data do not identify.
        warn_not_identified(design)
        return design


def build_design_of_means(spec: ModelSpec, data: Any, *, missing: Missing = "drop") -> Design:
    """Build the arrays of a model except those of correlated residuals, which several tables may not share.

    Parameters and errors are those of `build_design`.
    """
    # 1. The columns the model reads, complete rows only.
    predictors, computed = value_columns(spec), computed_columns(spec)
    table = read_table(
        data,
        spec.columns,
        missing=missing,
        predictors=predictors,
        computed=computed,
        blank=blank_where_zero(spec.groups),
        cens=spec.cens,
        endless=trunc_columns(spec.trunc),
    )
    if spec.frequency is not None:
        table = repeat_rows(table, spec.frequency)
    frame = table.frame
    spec.units.check_columns(dict.fromkeys([*spec.columns, *column_names(data)]))
    stated = dict(spec.units)
    spec = spec.with_units(spec.units)
    # 2. Every expression, evaluated.
    columns = evaluate_model(spec, frame)
    # 3. Response, known standard errors, offset.
    response = _read_response(spec, table, columns)
    se = read_positive("standard errors", frame[spec.se]) if spec.se else None
    precision = read_positive("precisions", frame[spec.precision]) if spec.precision else None
    offset = columns.predictor.offset
    if spec.link_record.coefficients_are_log_ratios:
        trials = np.log(np.maximum(response.n_trials, 1))
        for expression, (_, values) in zip(spec.offsets, columns.predictor.offsets, strict=True):
            others = trials + sum(other for _, other in columns.predictor.offsets if other is not values)
            warn_unlogged_offset(expression, values, response.values, others)
    # 4. Fixed effects.
    common = _common_effects(spec, *columns.predictor.common)
    warn_dropped("fixed effects", (common.recipe,))
    check_some_parameter(spec, common)
    # 5. Group effects, one entry per factor.
    factors = _grouping_factors(spec, frame, table.incomplete, columns.predictor)
    _check_factors(spec, factors, frame, residual_free=spec.se is None and spec.family_record.is_normal)
    factors += tuple(smooth_effects(smooth, frame) for smooth in spec.smooths)
    design = Design(
        spec=spec,
        response=response,
        common=common,
        factors=factors,
        offset=offset,
        offset_recipes=tuple(recipe for recipe, _ in columns.predictor.offsets),
        se=se,
        precision=precision,
        residual=None,
        rows=table.rows,
        n_given=table.n_given,
        frame=frame,
        units=MappingProxyType(_units_of(data) | stated),
        left_out=count_left_out(table.incomplete, columns_of(spec.response_term.expression), spec.factors),
    )
    text = sorted(table.text.intersection(value_columns(spec)))
    warn_odd(find_odd_labels(frame, design.categories, text))
    # 6. Predictors of the family's parameters, of thresholds, or of categories.
    if spec.family_record.has_predictors_of_categories:
        return _predictors_of_categories(design)
    others = {name: _predictor_of(design, name, table.incomplete) for name in spec.parameters}
    if spec.cs:
        others |= same_at_all_thresholds(design, _predictor_of(design, THRESHOLDS, table.incomplete))
    return replace(design, parameters=MappingProxyType(others))


def _read_response(spec: ModelSpec, table: Table, columns: ModelColumns) -> Response:
    """Read the response, which of its rows are bounds only, and between which bounds all are."""
    term, family = spec.response_term, spec.family_record
    response = read_response_values(term, family, columns.response, columns.trials, table.unused)
    response = with_known_bounds(spec, response, table.frame)
    if response.censoring is not None:
        check_some_seen(term, response.values, response.censoring)
    return response


def _predictors_of_categories(design: Design) -> Design:
    """Give every category but the first all terms of the model, and the mean none."""
    categories = [label.replace("/", "_") for label in design.response.categories[1:]]
    rows = design.n_rows
    none = CommonEffects(
        (),
        np.empty((rows, 0)),
        np.empty(0),
        np.empty(0),
        intercept=False,
        recipe=learn_columns((), design.frame, intercept=False)[0],
        basis=make_common_basis(np.empty((rows, 0)), np.empty(0), np.empty(0), intercept=False),
    )
    parameters = MappingProxyType(dict.fromkeys(categories, design))
    return replace(design, common=none, factors=(), offset=None, offset_recipes=(), parameters=parameters)


def _predictor_of(design: Design, name: str, left_out: pd.DataFrame) -> Design:
    """Build the arrays of the predictor of a parameter: a design of the same rows, with other terms."""
    spec, frame = predictor_spec(design.spec, name), design.frame
    columns = evaluate_predictor(spec, frame)
    common = _common_effects(spec, *columns.common)
    warn_dropped(f"fixed effects of {name}", (common.recipe,))
    if not (common.coefs or spec.groups):
        raise DataError(
            f"the predictor of {name} has no parameter",
            got=f"{name} ~ {design.spec.parameters.get(name, ' + '.join(design.spec.cs))}",
            allowed="an intercept, a predictor or a grouping term",
            do="leave out the 0, or add a term",
        )
    factors = _grouping_factors(spec, frame, left_out, columns)
    _check_factors(spec, factors, frame, residual_free=False)
    factors += tuple(smooth_effects(smooth, frame) for smooth in spec.smooths)
    return replace(
        design,
        spec=spec,
        common=common,
        factors=factors,
        offset=columns.offset,
        offset_recipes=tuple(recipe for recipe, _ in columns.offsets),
        se=None,
        precision=None,
    )


def _grouping_factors(
    spec: ModelSpec, frame: pd.DataFrame, left_out: pd.DataFrame, columns: PredictorColumns
) -> tuple[FactorEffects, ...]:
    """Build the effects that vary over each grouping factor."""
    return tuple(
        _factor_effects(spec, *_levels(spec, factor, frame, left_out), columns.groups) for factor in spec.factors
    )


def _check_factors(
    spec: ModelSpec, factors: Sequence[FactorEffects], frame: pd.DataFrame, *, residual_free: bool
) -> None:
    """Refuse group effects that the rows cannot inform, and warn of those that they hardly inform.

    Parameters
    ----------
    residual_free
        Whether the rows have a residual sd that is estimated.
    """
    for group in spec.groups:
        check_structure(group, next(factor for factor in factors if factor.name == group.factor), frame)
    for factor in factors:
        # Relatives separate a level's effect from the residual, even where each level has one row.
        alone = residual_free and (factor.kinship is None or factor.kinship.is_diagonal)
        warn_dropped(f"effects over {factor.name}", factor.recipes)
        check_factor(factor.name, factor.counts, len(factor.values), factor.names, residual_free=alone)
        check_effects_vary(factor.name, factor.names, factor.ranges)
        check_digits(factor.name, factor.names, factor.ranges, factor.blocks)
        if not isinstance(factor, MemberEffects):
            warn_weak_slopes(factor.name, weak_slopes(factor.codes, factor.n_levels, factor.names, factor.values))
        warn_independent_far_from_zero(factor.name, factor.names, factor.ranges, factor.blocks)


def _units_of(data: Any) -> dict[str, str]:
    units = data.attrs.get("units") if isinstance(data, pd.DataFrame) else None
    stated = units.items() if isinstance(units, Mapping) else ()
    return {str(column): unit for column, unit in stated if isinstance(unit, str)}


def _common_effects(spec: ModelSpec, recipe: Recipe, values: np.ndarray) -> CommonEffects:
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


def _levels(
    spec: ModelSpec, factor: str, frame: pd.DataFrame, left_out: pd.DataFrame
) -> tuple[Levels, np.ndarray | sparse.csr_array]:
    """Find a factor's levels, and the level of each row, or their weights where a row has several."""
    members = members_of(spec.groups, factor)
    return learn_levels(factor, frame) if members is None else learn_memberships(members, frame, left_out)


def _factor_effects(
    spec: ModelSpec,
    levels: Levels,
    codes: np.ndarray | sparse.csr_array,
    evaluated: Sequence[tuple[Recipe, np.ndarray]],
) -> FactorEffects:
    factor = levels.factor
    kept = [
        full.without(find_empty(every, full.crossed), every)
        for group, (full, every) in zip(spec.groups, evaluated, strict=True)
        if group.factor == factor
    ]
    columns = [values for _, values in kept]
    values = columns[0] if len(columns) == 1 else np.concatenate(columns, axis=1)
    terms = join_terms(spec, factor, [recipe for recipe, _ in kept])
    names, blocks, structure, at_means = terms.names, terms.blocks, terms.structure, terms.at_means
    known = next((group.cov for group in spec.groups if group.factor == factor), None)
    kinship = None if known is None else match_levels(known, factor, levels.labels)
    if isinstance(codes, sparse.csr_array):
        own = np.asarray(codes.power(2).sum(axis=1)).ravel()
        basis = make_effect_basis(names, values, blocks, at_means=at_means, own=own)
        return MemberEffects(levels, names, values, basis, blocks, terms.recipes, structure, weights=codes)
    of_relatives = kinship.own[codes] if kinship else None
    basis = make_effect_basis(names, values, blocks, at_means=at_means, own=of_relatives)
    basis = basis.with_equal_sds(structure.sd_of)
    heavy = any(group.is_heavy for group in spec.groups if group.factor == factor)
    return FactorEffects(levels, codes, names, values, basis, blocks, terms.recipes, structure, kinship, is_heavy=heavy)
