"""Evaluate terms as columns of numbers, and keep a recipe, so that new data get the same columns.

formulae evaluates the terms. The functions that it may call are passed to it here, by name; it can access no others.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from formulae.categorical import Treatment
from formulae.environment import Environment
from formulae.matrices import DesignMatrices
from formulae.terms.call import Call
from formulae.terms.variable import Variable
from formulae.transforms import BSpline

from partialpool.design.categories import Categories, Coding, find_categories, merge_categories
from partialpool.design.column_types import is_quantity
from partialpool.design.recipe import Recipe, check_finite, quiet_evaluation
from partialpool.errors import DataError, DataWarning, warn
from partialpool.names import INTERCEPT
from partialpool.spec.expression import columns_of, describe_terms, is_single
from partialpool.spec.uses import column_uses
from partialpool.spec.whitelist import CODING

__all__ = ["ALLOWED", "evaluate", "learn_columns", "learn_expression"]


class Between:
    """Mean of x over the levels of a factor, as learned; a new level has the mean of its own rows."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self.means: pd.Series | None = None

    def __call__(self, x: pd.Series, by: pd.Series) -> np.ndarray:
        """Return each row's level mean, shape (rows,)."""
        labels = pd.Series(np.asarray(by, dtype=object))
        own = pd.Series(np.asarray(x, dtype=float)).groupby(labels, sort=False).mean()
        if self.means is None:
            self.means = own
        new = own.index.difference(self.means.index, sort=False)
        if len(new):
            some = ", ".join(map(str, new[:3])) + (f" and {len(new) - 3} more" if len(new) > 3 else "")
            warn(
                f"the means of {getattr(x, 'name', 'a predictor')!r} over levels the fit has not seen ({some}) are "
                f"those of the rows given here: predictions for a row depend on the other rows of its level; pass all "
                "rows of a new level together",
                DataWarning,
            )
        return labels.map(self.means).fillna(labels.map(own)).to_numpy(dtype=float)


class Within(Between):
    """Deviation of x from its level's mean."""

    def __call__(self, x: pd.Series, by: pd.Series) -> np.ndarray:
        """Return each row's deviation, shape (rows,)."""
        return np.asarray(x, dtype=float) - super().__call__(x, by)


class Scale:
    """x minus its mean, divided by its sd with divisor n - 1, as R's `scale`; both as learned."""

    __stateful_transform__ = True

    def __init__(self) -> None:
        self.learned: tuple[float, float] | None = None

    def __call__(self, x: pd.Series) -> np.ndarray:
        """Return the standardised values, shape (rows,)."""
        values = np.asarray(x, dtype=float)
        if self.learned is None:
            self.learned = float(values.mean()), float(values.std(ddof=1))
        mean, sd = self.learned
        return (values - mean) / sd


class Spline(BSpline):
    """formulae's B-spline, with a warning where new values are beyond those it was learned from."""

    def __init__(self) -> None:
        super().__init__()
        self.learned: tuple[float, float] | None = None

    def __call__(self, x: pd.Series, *given: Any, **named: Any) -> np.ndarray:
        """Return the basis at each row's value, (rows, columns)."""
        values = np.asarray(x, dtype=float)
        if self.learned is None:
            self.learned = float(values.min()), float(values.max())
        low, high = self.learned
        beyond = (values < low) | (values > high)
        if beyond.any():
            far = values[beyond][np.argmax(np.abs(values[beyond] - (low + high) / 2))]
            warn(
                f"the spline of {getattr(x, 'name', 'a predictor')!r} was fitted to values from {low:g} to {high:g}, "
                f"and is evaluated at {far:g}: beyond its range a spline is arbitrary",
                DataWarning,
            )
        return np.asarray(super().__call__(x, *given, **named))


def _of_one(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Allow one argument only: the second argument of a NumPy function is the array it writes to."""
    return lambda x: function(x)


_NUMPY: Final = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "tanh")
_FROM_FORMULAE: Final = ("I", "center", "scale", "standardize", "poly", "bs", "C", "T", "S", "offset")
ALLOWED: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {name: _of_one(getattr(np, name)) for name in _NUMPY} | {"between": Between, "within": Within}
)
"""Functions passed to formulae; the others of `spec.whitelist.FUNCTIONS` are formulae's own."""
_INSTEAD: Final[Mapping[str, Callable[[], Any]]] = MappingProxyType(
    {"scale": Scale, "standardize": Scale, "bs": Spline}
)
"""Functions that replace formulae's own functions of the same name, which formulae would find first."""


class _CategoryColumn(Variable):
    """A column of categories as a term, in the order that the table declares; formulae would sort them."""

    def __init__(self, categories: Categories) -> None:
        super().__init__(categories.column)
        self.categories = categories

    def set_type(self, data_mask: pd.DataFrame) -> None:
        """Treat the column as categories, also where it is boolean."""
        self.kind = "categoric"
        self._intermediate_data = data_mask[self.name]

    def eval_categoric(self, x: pd.Series, spans_intercept: bool) -> None:
        """Code the categories against the first, or with one column for each."""
        self.levels = list(self.categories.values)
        self.contrast_matrix = _contrasts(Treatment(), self.levels, spans_intercept)
        self.value = self.contrast_matrix.matrix[self.categories.encode(x)]
        self.spans_intercept = spans_intercept

    def eval_new_data(self, data_mask: pd.DataFrame) -> np.ndarray:
        """Code new values as learned, shape (rows, columns)."""
        return self.contrast_matrix.matrix[self.categories.encode(data_mask[self.categories.column])]


class _CodedColumn(Call):
    """`C(x)`, `T(x)`, `S(x)`: a column read as categories, in the order the table declares."""

    def __init__(self, call: Any, categories: Categories) -> None:
        super().__init__(call)
        self.categories = categories

    def eval_categorical_box(self, box: Any, spans_intercept: bool) -> None:
        """Code the categories as specified in the call."""
        self.levels = list(self.categories.values)
        self.contrast_matrix = _contrasts(box.contrast or Treatment(), self.levels, spans_intercept)
        self.value = self.contrast_matrix.matrix[self.categories.encode(pd.Series(box.data))]
        self.spans_intercept = spans_intercept

    def eval_new_data(self, data_mask: pd.DataFrame) -> np.ndarray:
        """Code new values as learned, shape (rows, columns)."""
        return self.contrast_matrix.matrix[self.categories.encode(data_mask[self.categories.column])]


def _contrasts(coding: Any, levels: list[Any], spans_intercept: bool) -> Any:
    return coding.code_with_intercept(levels) if spans_intercept else coding.code_without_intercept(levels)


def _read_as_categories(model: Any, frame: pd.DataFrame) -> None:
    """Replace formulae's columns of categories by those that keep the declared order and accept booleans."""
    for term in model.common_terms:
        if hasattr(term, "components"):
            term.components = [_exchanged(component, frame) for component in term.components]


def _put_instead(call: Any) -> None:
    """Replace formulae's functions by those of `_INSTEAD` in a call and in the calls among its arguments."""
    if getattr(call, "callee", None) in _INSTEAD:
        call.stateful_transform = _INSTEAD[call.callee]()
    for argument in (*getattr(call, "args", ()), *getattr(call, "kwargs", {}).values()):
        _put_instead(argument)


def _exchanged(component: Any, frame: pd.DataFrame) -> Any:
    if isinstance(component, Variable):
        column = frame[component.name]
        return component if is_quantity(column) else _CategoryColumn(find_categories(column, component.name))
    _put_instead(component.call)
    coded = [name for name, uses in column_uses([component.name]).items() if "category" in uses]
    if component.call.callee in CODING and coded:
        return _CodedColumn(component.call, find_categories(frame[coded[0]], coded[0]))
    return component


def _categories_of(terms: Iterable[str], frame: pd.DataFrame, matrices: DesignMatrices | None) -> dict[str, Categories]:
    """Collect the columns that the terms use as categories."""
    if matrices is None:
        return {}
    coded: list[Mapping[str, Categories]] = [
        {component.categories.column: _with_coding(component)}
        for term in matrices.common.terms.values()
        for component in getattr(term, "components", ())
        if isinstance(component, _CategoryColumn | _CodedColumn)
    ]
    # Text and booleans are categories inside calls too; groups of within and between are labels.
    other = {
        name: replace(find_categories(frame[name], name), coding="label" if "label" in uses else "value")
        for name, uses in column_uses(terms).items()
        if "label" in uses or not is_quantity(frame[name])
    }
    return merge_categories(*coded, other)


def _with_coding(component: "_CategoryColumn | _CodedColumn") -> Categories:
    """Find the reference, the category without a column, and the coding."""
    matrix, values = component.contrast_matrix.matrix, component.categories.values
    codings: tuple[tuple[Coding, int], ...] = (("treatment", 0), ("sum", -1))
    for coding, entry in codings:
        alone = (matrix == entry).all(axis=1)
        if alone.any() and not component.spans_intercept:
            return replace(component.categories, reference=values[int(np.argmax(alone))], coding=coding)
    return replace(component.categories, coding="each")


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
    model = describe_terms(terms, intercept=intercept) if terms else None
    if model is None:
        names: tuple[str, ...] = (INTERCEPT,) if intercept else ()
        return Recipe(names, MappingProxyType({}), MappingProxyType({}), None), np.ones((len(frame), len(names)))
    try:
        with quiet_evaluation():
            _read_as_categories(model, frame)
            matrices = DesignMatrices(model, frame, Environment([dict(ALLOWED)]))
        labels = [str(label) for term in matrices.common.terms.values() for label in term.labels]
        values = np.asarray(matrices.common.design_matrix, dtype=float).reshape(len(frame), -1)
        if len(labels) != values.shape[1]:
            raise ValueError(f"{values.shape[1]} columns for {len(labels)} names")
    except Exception as error:
        raise DataError(
            "cannot evaluate the terms on this table",
            got=f"{' + '.join(terms)}: {error}",
            allowed="numbers inside functions and powers; numbers or categories as terms",
            do="check the types of the columns " + ", ".join(repr(c) for c in used),
        ) from error
    categories = _categories_of(terms, frame, matrices)
    numeric = MappingProxyType({column: column not in categories for column in used})
    recipe = Recipe(tuple(labels), numeric, MappingProxyType(categories), matrices)
    return recipe, check_finite(values, tuple(labels), frame)


def learn_expression(expression: str, frame: pd.DataFrame) -> tuple[Recipe, np.ndarray]:
    """Evaluate one numeric expression, shape (rows,), and return the recipe for new data with it.

    Raises
    ------
    DataError
        The expression gives categories or several columns.
    """
    category = frame.get(expression)
    text = expression if is_single(expression) else f"I({expression})"
    if category is not None and not is_quantity(category):
        raise _not_one_column(expression, f"categories such as {category.iloc[0]!r}")
    recipe, values = learn_columns([text], frame, intercept=False)
    if len(recipe.names) != 1 or not recipe.is_number:
        raise _not_one_column(expression, ", ".join(recipe.names[:3]))
    return recipe, values[:, 0]


def _not_one_column(expression: str, got: str) -> DataError:
    return DataError(
        f"{expression!r} is not one column of numbers", got=got, allowed="numbers", do="check the column's type"
    )


def evaluate(expression: str, frame: pd.DataFrame) -> np.ndarray:
    """Evaluate one numeric expression of the response, shape (rows,); booleans count as 0 and 1."""
    truths = [name for name in columns_of(expression) if pd.api.types.is_bool_dtype(frame[name])]
    return learn_expression(expression, frame.astype(dict.fromkeys(truths, "int64")))[1]
