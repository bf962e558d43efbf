"""Turn terms into columns of numbers, and remember how, so that new data get the same columns.

formulae evaluates; what it may call is given to it here, by name, and nothing else is in reach.
"""

import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
from formulae.environment import Environment
from formulae.matrices import DesignMatrices

from partialpool.errors import DataError
from partialpool.names import INTERCEPT
from partialpool.spec.expression import columns_of, describe_terms, is_single

__all__ = ["ALLOWED", "Recipe", "evaluate", "learn_columns", "learn_expression"]


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
        return labels.map(self.means).fillna(labels.map(own)).to_numpy(dtype=float)


class Within(Between):
    """Deviation of x from its level's mean."""

    def __call__(self, x: pd.Series, by: pd.Series) -> np.ndarray:
        """Return each row's deviation, shape (rows,)."""
        return np.asarray(x, dtype=float) - super().__call__(x, by)


def _of_one(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Take one argument only: a NumPy function's second would be where it writes."""
    return lambda x: function(x)


_NUMPY: Final = ("abs", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10", "sin", "cos", "tan", "tanh")
_FROM_FORMULAE: Final = ("I", "center", "scale", "standardize", "poly", "bs", "C", "T", "S", "offset")
ALLOWED: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {name: _of_one(getattr(np, name)) for name in _NUMPY} | {"between": Between, "within": Within}
)
"""Functions given to formulae; the others of `spec.guard.FUNCTIONS` are its own."""


@dataclass(frozen=True, eq=False)
class Recipe:
    """How terms become columns, learned once: coding of categories, means, knots.

    Attributes
    ----------
    names
        Columns, in order; the intercept is called `Intercept`.
    """

    names: tuple[str, ...]
    numeric: Mapping[str, bool]
    """For each column read, whether it held numbers."""
    _matrices: DesignMatrices | None = field(repr=False)

    @property
    def is_number(self) -> bool:
        """Whether every term gives numbers, not categories."""
        return self._matrices is None or all(t.kind == "numeric" for t in self._matrices.common.terms.values())

    @property
    def term_of_column(self) -> tuple[int, ...]:
        """Position among the terms of each column's own, -1 for the intercept."""
        if self._matrices is None:
            return (-1,) * len(self.names)
        terms = self._matrices.common.terms
        first = -1 if INTERCEPT in terms else 0
        return tuple(at for at, term in enumerate(terms.values(), start=first) for _ in term.labels)

    def apply(self, frame: pd.DataFrame) -> np.ndarray:
        """Evaluate the same columns on new data, shape (rows, columns).

        Raises
        ------
        DataError
            A category that the model has not seen; numbers where there was text; a result that is not finite.
        """
        if self._matrices is None:
            return np.ones((len(frame), len(self.names)))
        for column, numeric in self.numeric.items():
            if pd.api.types.is_numeric_dtype(frame[column]) != numeric:
                was, now = ("numbers", "categories") if numeric else ("categories", "numbers")
                raise DataError(
                    f"column {column!r} is of another kind than when the model was fitted",
                    got=now,
                    allowed=was,
                    do="convert the column",
                )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # non-finite results are refused below, by name
            try:
                values = self._matrices.common.evaluate_new_data(frame).design_matrix
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    "the new table has categories that the model has not seen",
                    got=str(error),
                    allowed="the categories of the table the model was fitted to",
                    do="recode or drop these rows",
                ) from error
        return _finite(np.asarray(values, dtype=float), self.names, frame)


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
        How it was done, and the columns, shape (rows, columns).

    Raises
    ------
    DataError
        A function got text, a term gave something that is not a column, a category is the same in every
        row, a result is not finite.
    """
    terms = tuple(terms)
    used = tuple(dict.fromkeys(c for term in terms for c in columns_of(term)))
    numeric = MappingProxyType({c: pd.api.types.is_numeric_dtype(frame[c]) for c in used})
    for column in used:
        if not numeric[column] and frame[column].nunique() < 2:
            raise DataError(
                f"the predictor {column!r} does not vary",
                got=f"{frame[column].iloc[0]!r} in every row",
                allowed="two categories or more",
                do="leave it out",
            )
    model = describe_terms(terms, intercept=intercept) if terms else None
    if model is None:
        names: tuple[str, ...] = (INTERCEPT,) if intercept else ()
        return Recipe(names, numeric, None), np.ones((len(frame), len(names)))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # non-finite results are refused below, by name
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
            do="check the kinds of the columns " + ", ".join(repr(c) for c in used),
        ) from error
    return Recipe(tuple(labels), numeric, matrices), _finite(values, tuple(labels), frame)


def learn_expression(expression: str, frame: pd.DataFrame) -> tuple[Recipe, np.ndarray]:
    """Evaluate one numeric expression, shape (rows,), and remember how.

    Raises
    ------
    DataError
        The expression gives categories or several columns.
    """
    category = frame.get(expression)
    text = expression if is_single(expression) else f"I({expression})"
    if category is not None and not pd.api.types.is_numeric_dtype(category):
        raise _not_one_column(expression, f"categories such as {category.iloc[0]!r}")
    recipe, values = learn_columns([text], frame, intercept=False)
    if len(recipe.names) != 1 or not recipe.is_number:
        raise _not_one_column(expression, ", ".join(recipe.names[:3]))
    return recipe, values[:, 0]


def _not_one_column(expression: str, got: str) -> DataError:
    return DataError(
        f"{expression!r} is not one column of numbers", got=got, allowed="numbers", do="check the column's kind"
    )


def evaluate(expression: str, frame: pd.DataFrame) -> np.ndarray:
    """Evaluate one numeric expression, shape (rows,)."""
    return learn_expression(expression, frame)[1]


def _finite(values: np.ndarray, names: tuple[str, ...], frame: pd.DataFrame) -> np.ndarray:
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"the term {names[column]!r} is not finite",
            got=f"{values[row, column]} in row {frame.index[row]} ({int(bad.any(axis=1).sum())} rows in all)",
            allowed="finite numbers",
            do="check the expression (a log of 0 or less, a division by 0) or drop these rows",
        )
    return values
