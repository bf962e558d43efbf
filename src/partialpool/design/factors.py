"""Grouping factors as integer codes and labels, without a column per level."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from partialpool.design.columns import label_text
from partialpool.spec.terms import factor_columns

__all__ = ["Levels", "distinct_levels", "joined_label", "learn_levels"]


@dataclass(frozen=True, eq=False)
class Levels:
    """The levels of one factor.

    Attributes
    ----------
    factor
        `Subject`, or `batch:cask` for combinations.
    labels
        One per level: the data's own values, or `"A:a"` for combinations.
    """

    factor: str
    labels: tuple[str | int | float | bool, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of the table whose values are the labels."""
        return factor_columns(self.factor)

    def encode(self, frame: pd.DataFrame) -> tuple[np.ndarray, tuple[str | int | float | bool, ...]]:
        """Code rows of a table, shape (rows,); labels not seen before get codes from `len(labels)` on.

        Where ids are part number and part text (1, 2, '3b'), the number 1 is the level '1', as in lme4.

        Returns
        -------
        numpy.ndarray, tuple
            Codes, and the labels that are new, in order of appearance.
        """
        return self.of_labels(_row_labels(self.factor, frame))

    def of_labels(self, labels: np.ndarray) -> tuple[np.ndarray, tuple[str | int | float | bool, ...]]:
        """Code labels, an array of objects, as `encode` codes rows."""
        index = pd.Index(self.labels, dtype=object)
        codes = index.get_indexer(pd.Index(labels))
        if (codes < 0).any() and self._has_mixed_ids:
            codes = index.get_indexer(pd.Index([label_text(label) for label in labels], dtype=object))
        unseen = codes < 0
        if not unseen.any():
            return codes, ()
        extra, values = pd.factorize(labels[unseen])
        codes[unseen] = len(self.labels) + extra
        return codes, tuple(values.tolist())

    def positions(self, wanted: Sequence[Any]) -> list[int | None]:
        """Return the position of each wanted level, None where there is none; a level is identified by its text.

        Examples
        --------
        >>> Levels("site", (101, 102)).positions(["102", 101.0, "x"])
        [1, 0, None]
        """
        place = {label_text(label): position for position, label in enumerate(self.labels)}
        return [place.get(label_text(level)) for level in wanted]

    @property
    def _has_mixed_ids(self) -> bool:
        """Whether the labels are text of which some, not all, would read as numbers."""
        if not all(isinstance(label, str) for label in self.labels):
            return False
        return pd.to_numeric(pd.Series(self.labels, dtype=object), errors="coerce").notna().nunique() == 2


def learn_levels(factor: str, frame: pd.DataFrame) -> tuple[Levels, np.ndarray]:
    """Find a factor's levels and code the rows.

    Categoricals keep their order; other values are sorted. A combination `a:b` has one level for
    each pair that occurs, in the order of a, then b.

    Returns
    -------
    Levels, numpy.ndarray
        The levels, and codes of shape (rows,).
    """
    parts = [distinct_levels(frame[column]) for column in factor_columns(factor)]
    codes, values = parts[0]
    if len(parts) == 1:
        return Levels(factor, tuple(values)), codes
    sizes = [len(v) for _, v in parts]
    joint = np.ravel_multi_index([c for c, _ in parts], sizes)
    seen, codes = np.unique(joint, return_inverse=True)
    each = np.unravel_index(seen, sizes)
    labels = zip(*([v[i] for i in index] for (_, v), index in zip(parts, each, strict=True)), strict=True)
    return Levels(factor, tuple(map(joined_label, labels))), codes


def joined_label(labels: Sequence[str | int | float | bool]) -> str:
    """Write a combination of the labels of several columns."""
    return ":".join(_part(label) for label in labels)


def distinct_levels(column: pd.Series) -> tuple[np.ndarray, list[str | int | float | bool]]:
    """Code the rows of a column, (rows,), and list its levels: categories in order, other values sorted."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        column = column.cat.remove_unused_categories()
        return column.cat.codes.to_numpy(dtype=np.int64), _as_integers(column.cat.categories.tolist())
    codes, values = pd.factorize(column, sort=True)
    return codes.astype(np.int64), _as_integers(values.tolist())


def _as_integers(values: Sequence[str | int | float | bool]) -> list[str | int | float | bool]:
    """Return whole floats as integers: a missing value elsewhere in the column turned them into floats."""
    if values and all(isinstance(v, float) and v.is_integer() for v in values):
        return [int(v) for v in values]
    return list(values)


def _part(label: str | int | float | bool) -> str:
    """Write one column's label in a combination, such that different combinations have different text."""
    if isinstance(label, float) and label.is_integer():
        return str(int(label))
    return f"'{label}'" if isinstance(label, str) and ":" in label else str(label)


def _row_labels(factor: str, frame: pd.DataFrame) -> np.ndarray:
    """Label every row, as `learn_levels` labels levels, shape (rows,) of objects."""
    parts = []
    for column in factor_columns(factor):
        codes, values = distinct_levels(frame[column])
        parts.append(np.asarray(values, dtype=object)[codes])
    if len(parts) == 1:
        return parts[0]
    return np.array([joined_label(row) for row in zip(*parts, strict=True)], dtype=object)
