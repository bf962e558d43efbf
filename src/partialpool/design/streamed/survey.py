"""The first pass over a table that is read in batches: levels, categories, ranges of numbers, missing values."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from partialpool.design.column_types import computed_columns, value_columns
from partialpool.design.factors import Levels, joined_label
from partialpool.design.left_out import LeftOut
from partialpool.design.row_names import BATCH_ROW
from partialpool.design.streamed.complete_rows import LeftOutRows, complete_rows
from partialpool.design.streamed.label_codes import GrowingLabels, Labels
from partialpool.design.streamed.number_summary import NumberSummary
from partialpool.design.streamed.read_batch import ReadBatch, joined
from partialpool.design.streamed.source import Source
from partialpool.design.table import Missing, check_missing, check_names, report_missing
from partialpool.errors import DataError
from partialpool.spec.columns_read import evaluated_texts
from partialpool.spec.expression import columns_of
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import factor_columns
from partialpool.spec.uses import column_uses

__all__ = ["StreamedLevels", "Survey", "read_again", "survey_source"]

_EXAMPLES: Final = 512
"""Rows of the first batch on which the terms are evaluated once, to learn their columns."""
_FROM_EVERY_BATCH: Final = 16
"""Rows of every batch among the examples."""
_LARGEST: Final = 2**63 - 1
_JOIN: Final = 2**31
"""Above every code: codes of two columns are one integer."""


@dataclass(frozen=True, eq=False)
class StreamedLevels:
    """The levels of a factor.

    Attributes
    ----------
    levels
        The factor and its labels, in order.
    place
        Position of each level, given its code by appearance.
    counts
        Rows of each level, in order.
    """

    levels: Levels
    place: np.ndarray
    counts: np.ndarray


@dataclass(frozen=True, eq=False)
class Survey:
    """What the first pass learns of a table.

    Attributes
    ----------
    n_given, n_rows
        Number of rows, and of complete rows.
    left_out
        What the other rows lack; None where there are none.
    numbers
        Columns of numbers.
    labels
        Columns of labels, by column.
    factors
        The levels of each factor.
    examples
        Some rows, among them one of every category that terms read: columns of numbers, and codes.
    """

    n_given: int
    n_rows: int
    left_out: LeftOut | None
    numbers: Mapping[str, NumberSummary]
    whole: frozenset[str]
    labels: Mapping[str, Labels]
    factors: Mapping[str, StreamedLevels]
    examples: ReadBatch
    reader: "Reader"

    def frame(self, read: ReadBatch) -> pd.DataFrame:
        """Return the columns that expressions read, as pandas, of some rows."""
        columns: dict[str, Any] = {}
        for name in self.reader.evaluated:
            columns[name] = (
                read.numbers[name] if name in read.numbers else self.labels[name].column(read.codes[name]).array
            )
        return pd.DataFrame(columns, index=pd.RangeIndex(read.rows, name=BATCH_ROW))


class Reader:
    """How the columns of a batch become numbers and codes; it knows the labels that it has seen."""

    def __init__(self, spec: ModelSpec, columns: tuple[str, ...]) -> None:
        self.columns = columns
        uses = column_uses(evaluated_texts(spec))
        response = columns_of(spec.response_term.expression)
        self.evaluated = tuple(dict.fromkeys([*response, *spec.expression_columns]))
        self._coded = {name for name in uses if uses[name] & {"category", "label"}}
        self._factors = tuple(spec.factors)
        self._of_factors = {column for factor in spec.factors for column in factor_columns(factor)}
        self.labels: dict[str, GrowingLabels] = {}
        self.joint: dict[str, list[GrowingLabels]] = {
            factor: [GrowingLabels() for _ in factor_columns(factor)[1:]] for factor in self._factors
        }

    def read(self, batch: pa.RecordBatch, *, first: bool) -> ReadBatch:
        """Read the complete rows of a batch; only in the first pass, `first`, new labels are learned.

        Raises
        ------
        DataError
            In a later pass, a label that is new.
        """
        numbers, codes = {}, {}
        for name in self.columns:
            column = batch.column(name)
            number = _is_number(column.type)
            if number and name in self.evaluated:
                numbers[name] = _as_numbers(name, column)
            if not number or name in self._coded or name in self._of_factors:
                codes[name] = self._code(self.labels.setdefault(name, GrowingLabels()), column, name, first=first)
        factors = {}
        for factor in self._factors:
            head, *others = factor_columns(factor)
            found = codes[head]
            for column, joint in zip(others, self.joint[factor], strict=True):
                found = self._code(joint, found * _JOIN + codes[column], factor, first=first)
            factors[factor] = found
        return ReadBatch(numbers, codes, factors, batch.num_rows)

    @staticmethod
    def _code(labels: GrowingLabels, column: Any, name: str, *, first: bool) -> np.ndarray:
        found = labels.code(column) if first else labels.code_known(column)
        if found is None:
            raise _changed(f"a new value of {name!r} in the second pass")
        return found


def survey_source(
    spec: ModelSpec, source: Source, *, missing: Missing, told: Callable[[int], object] = lambda rows: None
) -> Survey:
    """Read a table once.

    Parameters
    ----------
    spec
        The model.
    source
        The table.
    missing
        `drop` or `error`, as for `read_table`.
    told
        Function called with the number of rows so far.

    Raises
    ------
    DataError
        As `read_table`.
    """
    columns = tuple(spec.columns)
    check_missing(missing)
    check_names(source.column_names, columns)
    reader = Reader(spec, columns)
    left = LeftOutRows(columns_of(spec.response_term.expression), spec.factors)
    numbers: dict[str, NumberSummary] = {}
    counts: dict[str, np.ndarray] = {factor: np.zeros(0, np.int64) for factor in spec.factors}
    kinds: dict[str, Any] = {}
    examples: list[ReadBatch] = []
    given = done = 0
    keeps_order: dict[str, bool] = {}
    for batch in source.batches(columns):
        _check_types(kinds, batch, source.name)
        keeps_order |= {f.name: _keeps_order(f.type, batch.schema) for f in batch.schema}
        complete, incomplete = complete_rows(batch)
        if incomplete is not None:
            left.add(incomplete)
        given += batch.num_rows
        told(given)
        if not complete.num_rows:
            continue
        seen = {name: len(labels) for name, labels in reader.labels.items()}
        read = reader.read(complete, first=True)
        for name, values in read.numbers.items():
            _check_finite(name, values, given - batch.num_rows)
            numbers[name] = numbers.get(name, NumberSummary()) + NumberSummary.of(values)
        for factor, codes in read.factors.items():
            more = np.bincount(codes, minlength=len(counts[factor]))
            more[: len(counts[factor])] += counts[factor]
            counts[factor] = more
        examples.append(_examples(read, seen, reader, max(_EXAMPLES - done, 0)))
        done += complete.num_rows
    if not given:
        raise DataError(
            "the table is empty", got="0 rows", allowed="one row or more", do="check how it was read or filtered"
        )
    if left.rows:
        report_missing(left.columns, left.rows, given, missing)
    labels = _labels(spec, reader, keeps_order)
    return Survey(
        given,
        done,
        left.counted(),
        MappingProxyType(numbers),
        frozenset(name for name, kind in kinds.items() if pa.types.is_integer(kind)),
        labels,
        MappingProxyType({factor: _levels(factor, reader, labels, counts[factor]) for factor in spec.factors}),
        joined(examples),
        reader,
    )


def read_again(
    survey: Survey, source: Source, told: Callable[[int], object] = lambda rows: None
) -> Iterator[ReadBatch]:
    """Read the complete rows of the table once more, in batches.

    Raises
    ------
    DataError
        These are not the rows of the first pass.
    """
    given = rows = 0
    bits: dict[str, NumberSummary] = {}
    counts = {factor: np.zeros(len(found.place), np.int64) for factor, found in survey.factors.items()}
    for batch in source.batches(survey.reader.columns):
        complete, _ = complete_rows(batch)
        given += batch.num_rows
        rows += complete.num_rows
        told(given)
        if not complete.num_rows:
            continue
        read = survey.reader.read(complete, first=False)
        for name, values in read.numbers.items():
            bits[name] = bits.get(name, NumberSummary()) + NumberSummary.of(values)
        for factor, codes in read.factors.items():
            counts[factor] += np.bincount(codes, minlength=len(counts[factor]))
        yield read
    if (given, rows) != (survey.n_given, survey.n_rows):
        raise _changed(
            f"{given} rows, {rows} of them complete, and at first {survey.n_given}, {survey.n_rows} complete"
        )
    for name, found in bits.items():
        if found.bits != survey.numbers[name].bits:
            raise _changed(f"other values of {name!r} in the second pass")
    for factor, known in survey.factors.items():
        if not np.array_equal(np.bincount(known.place, counts[factor], len(known.counts)), known.counts):
            raise _changed(f"other numbers of rows of the levels of {factor!r} in the second pass")


def _changed(got: str) -> DataError:
    return DataError(
        "the table changed between two passes",
        got=got,
        allowed="the same rows each time that the table is read, in any order",
        do="fit again when nothing writes to the table; write what a query with random numbers gives to a file first",
    )


def _check_types(kinds: dict[str, Any], batch: pa.RecordBatch, source: str) -> None:
    for field in batch.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_null(kind):  # every value of the batch is missing
            continue
        known = kinds.setdefault(field.name, kind)
        if known != kind and not (_is_number(known) and _is_number(kind)):
            raise DataError(
                f"column {field.name!r} has another type in some of the rows",
                got=f"{kind}, and {known} before, in {source}",
                allowed="one type; whole and other numbers may be mixed",
                do="convert the column",
            )


def _keeps_order(kind: Any, schema: Any) -> bool:
    """Whether the order of a dictionary's categories is declared: pandas wrote it, or it says so."""
    return pa.types.is_dictionary(kind) and bool(kind.ordered or b"pandas" in (schema.metadata or {}))


def _is_number(kind: Any) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _as_numbers(name: str, column: Any) -> np.ndarray:
    """Return whole numbers as int64 and others as float64, (rows,)."""
    if not pa.types.is_integer(column.type):
        plain = column.cast(pa.float64()) if column.type != pa.float64() else column
        return np.asarray(plain.to_numpy(zero_copy_only=False))
    values = column.to_numpy(zero_copy_only=False)
    if values.dtype == np.uint64 and len(values) and int(values.max()) > _LARGEST:
        raise DataError(
            f"column {name!r} has integers that are too large",
            got=f"{values.max()}",
            allowed="up to 2**63 - 1",
            do="make the column text if it is a label, or floats if it is a quantity",
        )
    return values.astype(np.int64, copy=False)


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


def _examples(read: ReadBatch, seen: Mapping[str, int], reader: Reader, some: int) -> ReadBatch:
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


def _labels(spec: ModelSpec, reader: Reader, keeps_order: Mapping[str, bool]) -> Mapping[str, Labels]:
    values, computed = value_columns(spec), computed_columns(spec)
    return MappingProxyType(
        {
            name: found.finished(
                name,
                is_value=name in values,
                is_computed=name in computed,
                keeps_order=keeps_order.get(name, False),
            )
            for name, found in reader.labels.items()
        }
    )


def _levels(factor: str, reader: Reader, labels: Mapping[str, Labels], counts: np.ndarray) -> StreamedLevels:
    """Put the levels of a factor in order: those of a column, or the combinations that occur."""
    head, *others = factor_columns(factor)
    own = labels[head]
    if not others:
        return StreamedLevels(Levels(factor, own.labels), own.place, own.counts)
    # Codes of the columns of each level, from the last column that was joined to the first.
    codes, parts = np.arange(len(counts)), []
    for column, joint in reversed(list(zip(others, reader.joint[factor], strict=True))):
        codes, last = np.divmod(np.array(joint.values, np.int64)[codes], _JOIN)
        parts.append(labels[column].place[last])
    parts = [own.place[codes], *reversed(parts)]
    every = [labels[column].labels for column in (head, *others)]
    found, place = np.unique(np.stack(parts), axis=1, return_inverse=True)
    place = place.ravel()
    texts = (joined_label([names[k] for names, k in zip(every, level, strict=True)]) for level in found.T)
    total = np.bincount(place, counts, found.shape[1]).astype(np.int64)
    return StreamedLevels(Levels(factor, tuple(texts)), place, total)
