"""Recipes: how terms are evaluated as columns, learned once from a table, so that new data get the same columns."""

import io
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.aliasing import Aliases
from partialpool.design.categories import Categories
from partialpool.design.column_parts import ColumnPart, parts_of_term
from partialpool.design.row_names import such_rows_in_words
from partialpool.design.with_columns import with_columns
from partialpool.errors import DataError, DataWarning, warn
from partialpool.names import INTERCEPT

__all__ = ["Recipe", "check_finite", "quiet_evaluation"]


@contextmanager
def quiet_evaluation() -> Iterator[None]:
    """Silence formulae during evaluation: results that are not finite, and failures, raise errors afterwards."""
    with warnings.catch_warnings(), redirect_stdout(io.StringIO()):  # it prints a line before it raises
        warnings.simplefilter("ignore", RuntimeWarning)
        yield


@dataclass(frozen=True, eq=False)
class Recipe:
    """How terms are evaluated as columns, learned once: coding of categories, means, knots.

    Attributes
    ----------
    names
        Columns, in order; the intercept is called `Intercept`.
    numeric
        For each column of the table that is read, whether the terms use it as a number.
    categories
        The categories of the other columns, by column.
    """

    names: tuple[str, ...]
    numeric: Mapping[str, bool]
    categories: Mapping[str, Categories]
    _matrices: Any = field(repr=False)
    _aliases: Aliases | None = field(default=None, repr=False)

    @property
    def is_number(self) -> bool:
        """Whether every term gives numbers, not categories."""
        return self._matrices is None or all(t.kind == "numeric" for t in self._matrices.common.terms.values())

    @property
    def dropped(self) -> tuple[str, ...]:
        """Columns that are left out because the rows do not identify their coefficients."""
        return () if self._aliases is None else tuple(self._every_name[at] for at in self._aliases.dropped)

    @property
    def term_of_column(self) -> tuple[int, ...]:
        """Position of each column's term among the terms, -1 for the intercept."""
        if self._matrices is None:
            return (-1,) * len(self.names)
        terms = self._matrices.common.terms
        first = -1 if INTERCEPT in terms else 0
        every = tuple(at for at, term in enumerate(terms.values(), start=first) for _ in term.labels)
        return every if self._aliases is None else tuple(every[at] for at in self._aliases.kept)

    @property
    def crossed(self) -> tuple[int, ...]:
        """Number of components of each column's term, where one of them has categories, else 0."""
        if self._matrices is None:
            return (0,) * len(self.names)
        terms = self._matrices.common.terms.values()
        counts = [len(term.components) if _has_categories(term) else 0 for term in terms]
        return tuple(count for count, term in zip(counts, terms, strict=True) for _ in term.labels)

    @property
    def parts(self) -> tuple[tuple[ColumnPart, ...], ...]:
        """The expressions whose product is each column; none for the intercept."""
        if self._matrices is None:
            return ((),) * len(self.names)
        every = [parts for term in self._matrices.common.terms.values() for parts in parts_of_term(term)]
        return tuple(every if self._aliases is None else (every[at] for at in self._aliases.kept))

    @property
    def calls(self) -> tuple[Any, ...]:
        """Calls of functions in the terms, and those in their arguments, as formulae keeps them."""
        if self._matrices is None:
            return ()
        terms = self._matrices.common.terms.values()
        calls = [c.call for term in terms for c in getattr(term, "components", ()) if hasattr(c, "call")]
        return tuple(inner for call in calls for inner in _calls_in(call))

    def without(self, aliases: Aliases | None, values: np.ndarray) -> tuple["Recipe", np.ndarray]:
        """Return the recipe for the columns that are kept, and their values, shape (rows, columns)."""
        if aliases is None:
            return self, values
        names = tuple(self.names[at] for at in aliases.kept)
        return replace(self, names=names, _aliases=aliases), values[:, aliases.kept]

    def apply(self, frame: pd.DataFrame) -> np.ndarray:
        """Evaluate the same columns on new data, shape (rows, columns).

        Raises
        ------
        DataError
            A category that the model has not seen; numbers in place of text; a result that is not finite.

        Warns
        -----
        DataWarning
            Rows of a cell without rows of data: predictions for them depend on which column is left out.
        """
        values = self._evaluate(frame)
        if self._aliases is None:
            return values
        unobserved = self._aliases.not_estimable(values)
        if unobserved.any():
            warn(self._unobserved_in_words(frame[unobserved]), DataWarning)
        return values[:, self._aliases.kept]

    def unobserved(self, frame: pd.DataFrame) -> np.ndarray:
        """Whether each row belongs to a cell that no row of the data informs, shape (rows,)."""
        if self._aliases is None:
            return np.zeros(len(frame), dtype=bool)
        return self._aliases.not_estimable(self._evaluate(frame))

    @property
    def _every_name(self) -> tuple[str, ...]:
        if self._matrices is None:
            return self.names
        return tuple(str(label) for term in self._matrices.common.terms.values() for label in term.labels)

    def _unobserved_in_words(self, frame: pd.DataFrame) -> str:
        columns = [column for column in self.categories if self.categories[column].coding != "label"]
        cells = frame[columns].astype(str).drop_duplicates()
        named = ["(" + ", ".join(f"{c} = {v}" for c, v in zip(columns, row, strict=True)) + ")" for row in cells.values]
        more = f" and {len(named) - 3} more" if len(named) > 3 else ""
        return (
            f"no row of the data informs the cells {', '.join(named[:3])}{more}: got {len(frame)} such rows; allowed, "
            f"but the result for them treats the coefficients that were left out ({', '.join(self.dropped[:3])}"
            f"{', ...' if len(self.dropped) > 3 else ''}) as 0, and would differ if others had been left out"
        )

    def _evaluate(self, frame: pd.DataFrame) -> np.ndarray:
        """Evaluate all columns, including those left out."""
        if self._matrices is None:
            return np.ones((len(frame), len(self.names)))
        frame = self._checked(frame)
        with quiet_evaluation():
            try:
                values = self._matrices.common.evaluate_new_data(frame).design_matrix
            except (ValueError, KeyError, TypeError) as error:
                raise DataError(
                    "cannot evaluate the terms on the new table",
                    got=str(error),
                    allowed="columns of the same types as in the table the model was fitted to",
                    do="recode or drop these rows",
                ) from error
        return check_finite(np.asarray(values, dtype=float), self._every_name, frame)

    def _checked(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Check types and categories; booleans written as 0 and 1 become booleans."""
        truths = {}
        for column, numeric in self.numeric.items():
            categories = self.categories.get(column)
            if categories is not None and categories.coding != "label":
                codes = categories.encode(frame[column])
                if categories.is_boolean:
                    truths[column] = codes == categories.values.index(True)
            elif categories is None and pd.api.types.is_numeric_dtype(frame[column]) != numeric:
                raise DataError(
                    f"column {column!r} is of another type than when the model was fitted",
                    got="categories" if numeric else "numbers",
                    allowed="numbers" if numeric else "categories",
                    do="convert the column",
                )
        return with_columns(frame, truths) if truths else frame


def _calls_in(call: Any) -> Iterator[Any]:
    if hasattr(call, "callee"):
        yield call
    for argument in (*getattr(call, "args", ()), *getattr(call, "kwargs", {}).values()):
        yield from _calls_in(argument)


def _has_categories(term: Any) -> bool:
    return any(component.kind == "categoric" for component in getattr(term, "components", ()))


def check_finite(values: np.ndarray, names: tuple[str, ...], frame: pd.DataFrame) -> np.ndarray:
    """Refuse columns that are not finite, by name; return them otherwise.

    Raises
    ------
    DataError
        The message names the first such column and row.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        row, column = (int(i) for i in np.argwhere(bad)[0])
        raise DataError(
            f"the term {names[column]!r} is not finite",
            got=f"{values[row, column]} {such_rows_in_words(frame.index, row, int(bad.any(axis=1).sum()))}",
            allowed="finite numbers",
            do="check the expression (a log of 0 or less, a division by 0) or drop these rows",
        )
    return values
