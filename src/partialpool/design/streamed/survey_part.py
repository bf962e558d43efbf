"""The first pass over a part of a table: what it learns, and how parts are put together."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pyarrow as pa

from partialpool.design.streamed.batch_reader import BatchReader, is_number
from partialpool.design.streamed.complete_rows import LeftOutRows, complete_rows
from partialpool.design.streamed.number_summary import NumberSummary
from partialpool.design.streamed.read_batch import ReadBatch
from partialpool.errors import DataError
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec

__all__ = ["SurveyPart"]

_EXAMPLES: Final = 512
"""Rows of the first batch on which the terms are evaluated once, to learn their columns."""
_FROM_EVERY_BATCH: Final = 16
"""Rows of every batch among the examples."""


class SurveyPart:
    """What is known of the rows so far.

    Attributes
    ----------
    given, rows
        Number of rows, and of complete rows.
    left
        What the other rows lack.
    numbers
        Columns of numbers.
    counts
        Rows of each level, by factor, in order of appearance.
    kinds
        The type of each column.
    keeps_order
        Whether the order of a column's categories is declared.
    examples
        Some rows of every batch.
    reader
        The labels so far.
    """

    def __init__(self, spec: ModelSpec, source: str, *, examples: int = _EXAMPLES) -> None:
        self._source, self._wanted = source, examples
        self.reader = BatchReader(spec, tuple(spec.columns))
        self.left = LeftOutRows(columns_of(spec.response_term.expression), spec.factors)
        self.numbers: dict[str, NumberSummary] = {}
        self.counts: dict[str, np.ndarray] = {factor: np.zeros(0, np.int64) for factor in spec.factors}
        self.kinds: dict[str, Any] = {}
        self.keeps_order: dict[str, bool] = {}
        self.examples: list[ReadBatch] = []
        self.given = self.rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Learn from some rows.

        Raises
        ------
        DataError
            A column of another type than before; an infinite number.
        """
        for field in batch.schema:
            self._note_kind(field.name, field.type.value_type if pa.types.is_dictionary(field.type) else field.type)
        self.keeps_order |= {f.name: _keeps_order(f.type, batch.schema) for f in batch.schema}
        complete, incomplete = complete_rows(batch)
        if incomplete is not None:
            self.left.add(incomplete)
        self.given += batch.num_rows
        if not complete.num_rows:
            return
        seen = {name: len(labels) for name, labels in self.reader.labels.items()}
        read = self.reader.read(complete, first=True)
        for name, values in read.numbers.items():
            _check_finite(name, values, self.given - batch.num_rows)
            self.numbers[name] = self.numbers.get(name, NumberSummary()) + NumberSummary.of(values)
        for factor, codes in read.factors.items():
            more = np.bincount(codes, minlength=len(self.counts[factor]))
            more[: len(self.counts[factor])] += self.counts[factor]
            self.counts[factor] = more
        self.examples.append(_examples(read, seen, self.reader, max(self._wanted - self.rows, 0)))
        self.rows += complete.num_rows

    def absorb(self, other: "SurveyPart") -> "SurveyPart":
        """Learn what another part knows, as if its rows followed, and return this one.

        Raises
        ------
        DataError
            A column of another type.
        """
        for name, kind in other.kinds.items():
            self._note_kind(name, kind)
        self.keeps_order |= other.keeps_order
        self.left.absorb(other.left)
        columns, factors = self.reader.absorb(other.reader)
        for name, summary in other.numbers.items():
            self.numbers[name] = self.numbers.get(name, NumberSummary()) + summary
        for factor, codes in factors.items():
            known = self.counts[factor]
            total = np.zeros(max(len(known), int(codes.max(initial=-1)) + 1), np.int64)
            total[: len(known)] = known
            total[codes] += other.counts[factor]
            self.counts[factor] = total
        self.examples += [
            ReadBatch(one.numbers, {name: columns[name][codes] for name, codes in one.codes.items()}, {}, one.rows)
            for one in other.examples
        ]
        self.given, self.rows = self.given + other.given, self.rows + other.rows
        return self

    def _note_kind(self, name: str, kind: Any) -> None:
        if pa.types.is_null(kind):  # every value of the batch is missing
            return
        known = self.kinds.setdefault(name, kind)
        if known != kind and not (is_number(known) and is_number(kind)):
            raise DataError(
                f"column {name!r} has another type in some of the rows",
                got=f"{kind}, and {known} before, in {self._source}",
                allowed="one type; whole and other numbers may be mixed",
                do="convert the column",
            )


def _keeps_order(kind: Any, schema: Any) -> bool:
    """Whether the order of a dictionary's categories is declared: pandas wrote it, or it says so."""
    return pa.types.is_dictionary(kind) and bool(kind.ordered or b"pandas" in (schema.metadata or {}))


def _check_finite(name: str, values: np.ndarray, before: int) -> None:
    if values.dtype.kind == "i" or np.isfinite(values).all():
        return
    bad = np.flatnonzero(~np.isfinite(values))
    raise DataError(
        f"column {name!r} has infinite values",
        got=f"{values[bad[0]]} in the {len(values)} rows that follow the first {before}",
        allowed="finite numbers",
        do="correct these rows, or mark the values as missing to drop the rows",
    )


def _examples(read: ReadBatch, seen: Mapping[str, int], reader: BatchReader, some: int) -> ReadBatch:
    """Return the first rows of a batch, some of its others, and a row of each category that is new.

    A table may be sorted by a predictor: its first rows alone could have one value of it.
    """
    spread = np.linspace(0, read.rows - 1, min(_FROM_EVERY_BATCH, read.rows)).astype(int)
    wanted = [np.arange(min(some, read.rows)), spread]
    for name in reader.evaluated:
        if name in read.numbers:
            wanted.append(np.array([read.numbers[name].argmin(), read.numbers[name].argmax()]))
        codes = read.codes.get(name)
        if codes is not None and len(reader.labels[name]) > seen.get(name, 0):
            new = np.flatnonzero(codes >= seen.get(name, 0))
            wanted.append(new[np.unique(codes[new], return_index=True)[1]])
    rows = np.unique(np.concatenate(wanted))
    return ReadBatch(
        {name: values[rows] for name, values in read.numbers.items()},
        {name: values[rows] for name, values in read.codes.items()},
        {},
        len(rows),
    )
