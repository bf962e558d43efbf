"""Terms of formulae that code categories: in the order that the table declares, booleans too."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from formulae.categorical import Treatment
from formulae.terms.call import Call
from formulae.terms.variable import Variable

from partialpool.design.categories import Categories, Coding

__all__ = ["CategoryColumn", "CodedColumn", "categories_coded"]


class CategoryColumn(Variable):
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


class CodedColumn(Call):
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


def categories_coded(component: CategoryColumn | CodedColumn) -> Categories:
    """Return its categories with their coding, and the reference: the category without a column."""
    matrix, values = component.contrast_matrix.matrix, component.categories.values
    codings: tuple[tuple[Coding, int], ...] = (("treatment", 0), ("sum", -1))
    for coding, entry in codings:
        alone = (matrix == entry).all(axis=1)
        if alone.any() and not component.spans_intercept:
            return replace(component.categories, reference=values[int(np.argmax(alone))], coding=coding)
    return replace(component.categories, coding="each")
