"""Labels of a column that is read in batches: codes in order of appearance, and the order of the labels at the end."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from partialpool.design.columns import read_column
from partialpool.design.factors import distinct_levels
from partialpool.design.numbers_as_text import numbers_as_text
from partialpool.errors import DataError
from partialpool.spec.whitelist import quote_name

__all__ = ["GrowingLabels", "Labels"]

_FEW: Final = 10
"""Most labels that are accepted as categories although they are numbers."""


class GrowingLabels:
    """Labels of the rows so far, coded in order of appearance, with the number of rows of each."""

    def __init__(self) -> None:
        self._index: pd.Index | None = None
        self._kind: Any = None
        self._declared: list[Any] | None = None
        self._order_is_one = True
        self.counts = np.zeros(0, np.int64)

    def __len__(self) -> int:
        return 0 if self._index is None else len(self._index)

    @property
    def values(self) -> list[Any]:
        """The labels, in order of appearance."""
        return [] if self._index is None else self._index.tolist()

    def code(self, column: Any) -> np.ndarray:
        """Code an array (of pyarrow, or integers of NumPy) without missing values, (rows,); new labels are added."""
        codes, labels = _distinct(column)
        if isinstance(column, pa.Array):
            self._kind = column.type
            if pa.types.is_dictionary(column.type):
                self._kind = column.type.value_type
                self._note_order(column.dictionary.to_pylist())
        found = self._codes_of(labels)[codes]
        self._count(found)
        return found

    def absorb(self, other: "GrowingLabels") -> np.ndarray:
        """Add the labels of other rows, as if these followed; return the code here of each code there."""
        if other._index is None:
            return np.zeros(0, np.int64)
        if other._kind is not None:
            self._kind = other._kind
        if other._declared is not None:
            self._note_order(other._declared)
            self._order_is_one = self._order_is_one and other._order_is_one
        return self._absorb(other._index, other.counts)

    def absorb_counted(self, values: np.ndarray, counts: np.ndarray) -> np.ndarray:
        """Add integers of other rows, each once, with the number of rows of each; return their codes."""
        return self._absorb(pd.Index(values, dtype=np.int64), counts)

    def _absorb(self, labels: pd.Index, counts: np.ndarray) -> np.ndarray:
        found = self._codes_of(labels)
        total = np.zeros(len(self), np.int64)
        total[: len(self.counts)] = self.counts
        total[found] += counts
        self.counts = total
        return found

    def _codes_of(self, labels: pd.Index) -> np.ndarray:
        """Return the codes of distinct labels; new ones are added."""
        index = labels[:0] if self._index is None else self._index
        known = index.get_indexer(labels)
        new = known < 0
        if new.any() or self._index is None:
            known[new] = len(index) + np.arange(np.count_nonzero(new))
            self._index = index.append(labels[new])
        return known

    def code_known(self, column: Any) -> np.ndarray | None:
        """Code an array as `code` did, (rows,); None where it has a label that is new."""
        codes, labels = _distinct(column)
        known = labels[:0].get_indexer(labels) if self._index is None else self._index.get_indexer(labels)
        return None if (known < 0).any() else known[codes]

    @property
    def _is_text(self) -> bool:
        kind = self._kind
        return kind is not None and (pa.types.is_string(kind) or pa.types.is_large_string(kind))

    def _count(self, codes: np.ndarray) -> None:
        more = np.bincount(codes, minlength=len(self))
        more[: len(self.counts)] += self.counts
        self.counts = more

    def _note_order(self, categories: list[Any]) -> None:
        """Keep the declared order of categories, as long as every batch declares the same."""
        if self._declared is None:
            self._declared = categories
        self._order_is_one = self._order_is_one and self._declared == categories

    def finished(self, name: str, *, is_value: bool, is_computed: bool, keeps_order: bool) -> "Labels":
        """Read the labels as `read_table` reads the cells of a column.

        Parameters
        ----------
        name, is_value, is_computed
            As for `read_column`.
        keeps_order
            Whether the order in which a dictionary declares the categories counts; else they are sorted.
        """
        native = pa.array(self.values, type=self._kind).to_pandas()
        if self._declared is not None and self._order_is_one and keeps_order:
            declared = [label for label in self._declared if label is not None]
            native = pd.Series(pd.Categorical(native, categories=declared))
        # What the reader says of text names rows, and these are labels: text is checked here.
        text = self._is_text and native.dtype != "category"
        if text and is_value:
            _check_not_broken_numbers(name, native, is_computed=is_computed)
        read = read_column(name, native, is_value and not text, is_computed).rename(name)
        place, labels = distinct_levels(read)
        counts = np.bincount(place, self.counts, len(labels)).astype(np.int64)
        return Labels(read, place, tuple(labels), counts, bool(text))


@dataclass(frozen=True, eq=False)
class Labels:
    """The labels of a column of which every row has been seen.

    Attributes
    ----------
    read
        The labels in order of appearance, as the model reads the column: numbers, booleans, or categories in order.
    place
        Position of each of them among `labels`, (labels by appearance,).
    labels
        The levels: in declared order, else sorted.
    counts
        Number of rows of each, (labels,).
    is_text
        Whether they are text that is not declared as categories.
    """

    read: pd.Series
    place: np.ndarray
    labels: tuple[str | int | float | bool, ...]
    counts: np.ndarray
    is_text: bool

    @property
    def are_categories(self) -> bool:
        """Whether they are text, or declared as categories."""
        return isinstance(self.read.dtype, pd.CategoricalDtype)

    def column(self, codes: np.ndarray) -> pd.Series:
        """Return the column of rows that have codes by appearance, (rows,)."""
        if isinstance(self.read.dtype, pd.CategoricalDtype):
            return pd.Series(
                pd.Categorical.from_codes(self.read.cat.codes.to_numpy()[codes], dtype=self.read.dtype),
                name=self.read.name,
            )
        return pd.Series(self.read.to_numpy()[codes], name=self.read.name)


def _check_not_broken_numbers(name: str, labels: pd.Series, *, is_computed: bool) -> None:
    """Refuse numbers stored as text because of a few cells: they would become hundreds of categories."""
    numbers = numbers_as_text(labels)
    if numbers is None or (numbers.distinct + len(numbers.odd) <= _FEW and not is_computed):
        return
    odd = ", ".join(repr(label) for label, _ in numbers.odd[:3])
    raise DataError(
        f"column {name!r} has text where numbers are needed",
        got=f"{odd + ', and ' if odd else ''}{numbers.distinct} different numbers written as text",
        allowed="numbers" if is_computed else "numbers; or categories, declared as such",
        do="convert the column where the table is made" + ("" if is_computed else f"; or write C({quote_name(name)})"),
    )


def _distinct(column: Any) -> tuple[np.ndarray, pd.Index]:
    """Return codes of the rows, (rows,), and the labels they stand for, each once."""
    if isinstance(column, np.ndarray):
        codes, labels = pd.factorize(column)
        return codes, pd.Index(labels, dtype=np.int64)
    if pa.types.is_dictionary(column.type):
        used = column.indices.to_numpy(zero_copy_only=False).astype(np.int64, copy=False)
        codes, own = pd.factorize(used)
        every = column.dictionary.to_pylist()
        return codes, pd.Index([every[k] for k in own.tolist()], dtype=object)
    if pa.types.is_integer(column.type):
        codes, labels = pd.factorize(column.to_numpy(zero_copy_only=False))
        return codes, pd.Index(labels)
    if pa.types.is_floating(column.type):
        column = pc.add(column, pa.scalar(0.0, column.type))  # -0.0 + 0.0 is 0.0, the same label
    encoded = column.dictionary_encode()
    return encoded.indices.to_numpy(zero_copy_only=False), pd.Index(encoded.dictionary.to_pylist(), dtype=object)
