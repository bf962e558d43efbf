"""Evaluate terms as columns of numbers, and keep a recipe, so that new data get the same columns.

formulae evaluates the terms. The functions that it may call are passed to it here, by name; it can access no others.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
from formulae.environment import Environment
from formulae.matrices import DesignMatrices
from formulae.terms.variable import Variable

from partialpool.design.categories import Categories, find_categories, merge_categories
from partialpool.design.category_columns import CategoryColumn, CodedColumn, categories_coded
from partialpool.design.column_types import is_quantity
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.design.recipe import Recipe, check_finite, quiet_evaluation
from partialpool.design.transforms import ALLOWED, use_ours
from partialpool.errors import DataError
from partialpool.names import INTERCEPT
from partialpool.spec.expression import columns_of, describe_terms, is_single
from partialpool.spec.formula import ResponseTerm
from partialpool.spec.model import ModelSpec
from partialpool.spec.uses import Use, column_uses
from partialpool.spec.whitelist import CODING

__all__ = [
    "ModelColumns",
    "PredictorColumns",
    "evaluate",
    "evaluate_model",
    "evaluate_predictor",
    "evaluate_response",
    "evaluate_trials",
    "learn_columns",
    "learn_expression",
]


@dataclass(frozen=True, eq=False)
class ModelColumns:
    """Every expression of a model, evaluated on a table.

    Attributes
    ----------
    response
        Numbers, or the column of categories that the response is, indexed by the row numbers of the table.
    trials
        Trials of each row, where the response counts successes; None elsewhere.
    predictor
        The terms of the linear predictor.
    """

    response: pd.Series
    trials: pd.Series | None
    predictor: "PredictorColumns"


@dataclass(frozen=True, eq=False)
class PredictorColumns:
    """Every term of a linear predictor, evaluated on a table.

    Attributes
    ----------
    offsets
        Recipe and values (rows,) of each offset.
    common
        Recipe and columns (rows, columns) of the fixed effects.
    groups
        Recipe and columns (rows, columns) of each grouping term.
    """

    offsets: tuple[tuple[Recipe, np.ndarray], ...]
    common: tuple[Recipe, np.ndarray]
    groups: tuple[tuple[Recipe, np.ndarray], ...]

    @property
    def offset(self) -> np.ndarray | None:
        """The sum of the offsets, (rows,); None without one."""
        return np.sum([values for _, values in self.offsets], axis=0) if self.offsets else None


def evaluate_model(spec: ModelSpec, frame: pd.DataFrame) -> ModelColumns:
    """Evaluate every expression of a model on the complete rows of a table.

    Raises
    ------
    DataError
        As `learn_columns`; an offset is not one column of numbers.
    """
    term = spec.response_term
    return ModelColumns(
        response=evaluate_response(term, frame),
        trials=evaluate_trials(term, frame),
        predictor=evaluate_predictor(spec, frame),
    )


def evaluate_predictor(spec: ModelSpec, frame: pd.DataFrame) -> PredictorColumns:
    """Evaluate the terms of a linear predictor on the complete rows of a table; errors are those of `learn_columns`."""
    return PredictorColumns(
        offsets=tuple(learn_expression(expression, frame) for expression in spec.offsets),
        common=learn_columns(spec.common, frame, intercept=spec.intercept),
        groups=tuple(learn_columns(g.evaluated_terms, frame, intercept=g.evaluates_intercept) for g in spec.groups),
    )


def evaluate_response(term: ResponseTerm, frame: pd.DataFrame) -> pd.Series:
    """Return the response of each row: numbers, or the column of categories that it is."""
    column = frame.get(term.name)
    labels = None if column is None or pd.api.types.is_numeric_dtype(column) else column
    return evaluate(term.expression, frame) if labels is None else labels


def evaluate_trials(term: ResponseTerm, frame: pd.DataFrame) -> pd.Series | None:
    """Return the number of trials of each row; None where the response does not count successes."""
    if term.trials is None:
        return None
    if term.trials.isdigit():
        return pd.Series(float(term.trials), index=frame.index)
    return evaluate(term.trials, frame)


def learn_columns(terms: Iterable[str], frame: pd.DataFrame, *, intercept: bool) -> tuple[Recipe, np.ndarray]:
    """Evaluate terms on a table.

    Parameters
    ----------
    terms
        Canonical terms of a `ModelSpec`.
    frame
        The table's complete rows.
    intercept
        Whether a column of ones comes first, which also decides how categories are coded.

    Returns
    -------
    Recipe, numpy.ndarray
        How the columns are computed, and the columns, shape (rows, columns).

    Raises
    ------
    DataError
        A function is applied to text, a term does not give a column, a categorical predictor is the same in every row,
        or a result is not finite.
    """
    terms = tuple(terms)
    used = tuple(dict.fromkeys(c for term in terms for c in columns_of(term)))
    for column in used:
        if not is_quantity(frame[column]) and frame[column].nunique() < 2:
            raise DataError(
                f"the predictor {column!r} does not vary",
                got=f"the same value in every row: {frame[column].iloc[0]!r}",
                allowed="two values or more",
                do="leave it out",
            )
    uses = column_uses(terms)
    known = _categories_read(uses, frame)
    model = describe_terms(terms, intercept=intercept) if terms else None
    if model is None:
        names: tuple[str, ...] = (INTERCEPT,) if intercept else ()
        return Recipe(names, MappingProxyType({}), MappingProxyType({}), None), np.ones((len(frame), len(names)))
    try:
        with quiet_evaluation():
            _read_as_categories(model, frame, known)
            matrices = DesignMatrices(model, frame, Environment([dict(ALLOWED)]))
        labels = [str(label) for term in matrices.common.terms.values() for label in term.labels]
        values = np.asarray(matrices.common.design_matrix, dtype=float).reshape(len(frame), -1)
        if len(labels) != values.shape[1]:
            raise ValueError(f"{values.shape[1]} columns for {len(labels)} names")
    except Exception as error:
        for column in used:
            if not is_quantity(frame[column]):
                _check_not_numbers_as_text(column, frame)
        raise DataError(
            "cannot evaluate the terms on this table",
            got=f"{' + '.join(terms)}: {error}",
            allowed="numbers inside functions and powers; numbers or categories as terms",
            do="check the types of the columns " + ", ".join(repr(c) for c in used),
        ) from error
    categories = _categories_used(matrices, frame, uses, known)
    numeric = MappingProxyType({column: column not in categories for column in used})
    recipe = Recipe(tuple(labels), numeric, MappingProxyType(categories), matrices)
    return recipe, check_finite(values, tuple(labels), frame)


def learn_expression(expression: str, frame: pd.DataFrame) -> tuple[Recipe, np.ndarray]:
    """Evaluate one numeric expression, shape (rows,), and return the recipe for new data with it."""
    category = frame.get(expression)
    text = expression if is_single(expression) else f"I({expression})"
    if category is not None and not is_quantity(category):
        _check_not_numbers_as_text(expression, frame)
        raise _not_one_column(expression, f"categories such as {category.iloc[0]!r}")
    recipe, values = learn_columns([text], frame, intercept=False)
    if len(recipe.names) != 1 or not recipe.is_number:
        raise _not_one_column(expression, ", ".join(recipe.names[:3]))
    return recipe, values[:, 0]


def _check_not_numbers_as_text(column: str, frame: pd.DataFrame) -> None:
    """Name the cells that are not numbers in a column of text that is computed with, if most of its cells are."""
    numbers = numbers_as_text(frame[column])
    if numbers is not None:
        raise DataError(
            f"column {column!r} has text where numbers are needed", got=numbers.got, allowed="numbers", do=numbers.do
        )


def _not_one_column(expression: str, got: str) -> DataError:
    return DataError(
        f"{expression!r} is not one column of numbers", got=got, allowed="numbers", do="check the column's type"
    )


def evaluate(expression: str, frame: pd.DataFrame) -> pd.Series:
    """Evaluate one numeric expression of the response; booleans count as 0 and 1."""
    truths = [name for name in columns_of(expression) if pd.api.types.is_bool_dtype(frame[name])]
    values = learn_expression(expression, frame.astype(dict.fromkeys(truths, "int64")))[1]
    return pd.Series(values, index=frame.index)


def _categories_read(uses: Mapping[str, frozenset[Use]], frame: pd.DataFrame) -> dict[str, Categories]:
    """Find the categories of the columns that are not numbers, or that terms read as labels; uncoded."""
    labels = {"category", "label"}
    return {
        name: find_categories(frame[name], name) for name in uses if uses[name] & labels or not is_quantity(frame[name])
    }


def _read_as_categories(model: Any, frame: pd.DataFrame, known: Mapping[str, Categories]) -> None:
    """Replace formulae's columns of categories by those that keep the declared order and accept booleans."""
    for term in model.common_terms:
        if hasattr(term, "components"):
            term.components = [_exchanged(component, frame, known) for component in term.components]


def _exchanged(component: Any, frame: pd.DataFrame, known: Mapping[str, Categories]) -> Any:
    if isinstance(component, Variable):
        return component if is_quantity(frame[component.name]) else CategoryColumn(known[component.name])
    use_ours(component.call)
    coded = [name for name, uses in column_uses([component.name]).items() if "category" in uses]
    return CodedColumn(component.call, known[coded[0]]) if component.call.callee in CODING and coded else component


def _categories_used(
    matrices: DesignMatrices, frame: pd.DataFrame, uses: Mapping[str, frozenset[Use]], known: Mapping[str, Categories]
) -> dict[str, Categories]:
    """Return the columns that the terms use as categories, with their coding."""
    coded: list[Mapping[str, Categories]] = [
        {component.categories.column: categories_coded(component)}
        for term in matrices.common.terms.values()
        for component in getattr(term, "components", ())
        if isinstance(component, CategoryColumn | CodedColumn)
    ]
    # Text and booleans are categories inside calls too; groups of within and between are labels.
    other = {
        name: replace(one, coding="label" if "label" in uses[name] else "value")
        for name, one in known.items()
        if "label" in uses[name] or not is_quantity(frame[name])
    }
    return merge_categories(*coded, other)
