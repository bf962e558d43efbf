"""The categories of a column, in order, and the reference category that the others are compared with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from partialpool.errors import DataError, nearest

__all__ = ["Categories", "Coding", "find_categories", "merge_categories"]

Coding = Literal["treatment", "sum", "each", "label", "value"]
"""`treatment`: coefficients are differences from the reference. `sum`: differences from the mean of all categories; the
reference is minus the sum of the others. `each`: every category has a coefficient. `label`: the groups of within and
between. `value`: text or booleans that an expression computes with."""
_RANK: tuple[Coding, ...] = ("treatment", "sum", "each", "value", "label")


@dataclass(frozen=True)
class Categories:
    """The categories of one column, by how the formula uses it.

    Attributes
    ----------
    column
        The column of the table.
    values
        Its categories: in the declared order, else sorted; False, True for booleans.
    reference
        The category without a coefficient; None where each has one, or where the categories have no coefficients.
    coding
        How they become columns.
    """

    column: str
    values: tuple[str | int | float | bool, ...]
    reference: str | int | float | bool | None = None
    coding: Coding = "value"

    @property
    def first(self) -> str | int | float | bool:
        """The category at which the column is fixed by default: the reference of treatment coding, else the first."""
        return self.reference if self.coding == "treatment" and self.reference is not None else self.values[0]

    @property
    def is_boolean(self) -> bool:
        """Whether the categories are False and True."""
        return all(isinstance(value, bool | np.bool_) for value in self.values)

    @property
    def in_words(self) -> str:
        """The reference as text: `arm = placebo`; empty where there is none."""
        if self.reference is None:
            return ""
        means = " (minus the sum of the others)" if self.coding == "sum" else ""
        return f"{self.column} = {self.reference}{means}"

    def encode(self, values: pd.Series) -> np.ndarray:
        """Return the position of each value among the categories, shape (rows,).

        Raises
        ------
        DataError
            Values that are not among the categories.
        """
        codes = pd.Index(self.values, dtype=object).get_indexer(pd.Index(values.astype(object)))
        unseen = codes < 0
        if unseen.any():
            self._refuse(values[unseen])
        return codes

    def _refuse(self, unseen: pd.Series) -> None:
        number = pd.api.types.is_numeric_dtype(unseen) and not pd.api.types.is_bool_dtype(unseen)
        learned_number = isinstance(self.values[0], int | float | np.number) and not self.is_boolean
        if number != learned_number and not self.is_boolean:
            was, now = ("numbers", "categories") if learned_number else ("categories", "numbers")
            raise DataError(
                f"column {self.column!r} is of another type than when the model was fitted",
                got=now,
                allowed=f"{was}: {self._listed(str(unseen.iloc[0]))}",
                do="convert the column",
            )
        found = list(dict.fromkeys(unseen.tolist()))
        raise DataError(
            "the new table has categories that the model has not seen",
            got=f"{', '.join(repr(v) for v in found[:5])} in column {self.column!r}"
            + (f" and {len(found) - 5} more" if len(found) > 5 else ""),
            allowed="the categories of the table the model was fitted to: " + self._listed(str(found[0])),
            do="recode or drop these rows",
        )

    def _listed(self, sought: str) -> str:
        if isinstance(self.values[0], str):
            return nearest(sought, [str(value) for value in self.values])
        shown = ", ".join(repr(value) for value in self.values[:12])
        return shown + (f" and {len(self.values) - 12} more" if len(self.values) > 12 else "")


def find_categories(column: pd.Series, name: str) -> Categories:
    """Return the categories of a column of the table: in declared order, sorted, or False and True."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return Categories(name, tuple(column.cat.remove_unused_categories().cat.categories.tolist()))
    if pd.api.types.is_bool_dtype(column):
        return Categories(name, (False, True))
    return Categories(name, tuple(sorted(column.unique().tolist())))


def merge_categories(*several: Mapping[str, Categories]) -> dict[str, Categories]:
    """Merge the categories found in several terms: of each column, keep the coding that comes first in `_RANK`."""
    merged: dict[str, Categories] = {}
    for one in (categories for mapping in several for categories in mapping.values()):
        known = merged.get(one.column)
        if known is None or _RANK.index(one.coding) < _RANK.index(known.coding):
            merged[one.column] = one
    return merged
