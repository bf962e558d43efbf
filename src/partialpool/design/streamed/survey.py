"""The first pass over a table that is read in batches: levels, categories, ranges of numbers, missing values."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from partialpool.design.column_types import computed_columns, value_columns
from partialpool.design.factors import Levels, joined_label
from partialpool.design.left_out import LeftOut
from partialpool.design.row_names import BATCH_ROW
from partialpool.design.streamed.batch_reader import JOIN, BatchReader, changed
from partialpool.design.streamed.complete_rows import complete_rows
from partialpool.design.streamed.label_codes import Labels
from partialpool.design.streamed.number_summary import NumberSummary
from partialpool.design.streamed.read_batch import ReadBatch, joined
from partialpool.design.streamed.source import Source
from partialpool.design.streamed.survey_part import SurveyPart
from partialpool.design.table import Missing, check_missing, check_names, report_missing
from partialpool.errors import DataError
from partialpool.spec.model import ModelSpec
from partialpool.spec.terms import factor_columns

__all__ = ["RowsRead", "StreamedLevels", "Survey", "check_columns", "read_again", "survey_of", "survey_source"]


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
    reader: BatchReader

    def frame(self, read: ReadBatch) -> pd.DataFrame:
        """Return the columns that expressions read, as pandas, of some rows."""
        columns: dict[str, Any] = {}
        for name in self.reader.evaluated:
            columns[name] = (
                read.numbers[name] if name in read.numbers else self.labels[name].column(read.codes[name]).array
            )
        return pd.DataFrame(columns, index=pd.RangeIndex(read.rows, name=BATCH_ROW))


@dataclass
class RowsRead:
    """What the second pass has read, to be compared with the first; that of several parts adds up.

    Attributes
    ----------
    given, rows
        Number of rows, and of complete rows.
    bits
        Columns of numbers.
    counts
        Rows of each level, by factor, in order of appearance.
    """

    given: int
    rows: int
    bits: dict[str, NumberSummary]
    counts: dict[str, np.ndarray]

    @classmethod
    def nothing(cls, survey: Survey) -> "RowsRead":
        """Return the beginning."""
        return cls(0, 0, {}, {factor: np.zeros(len(f.place), np.int64) for factor, f in survey.factors.items()})

    def read(self, survey: Survey, batch: pa.RecordBatch) -> ReadBatch | None:
        """Read the complete rows of a batch, and note them; None where there are none.

        Raises
        ------
        DataError
            A label that is new.
        """
        complete, _ = complete_rows(batch)
        self.given += batch.num_rows
        self.rows += complete.num_rows
        if not complete.num_rows:
            return None
        read = survey.reader.read(complete, first=False)
        for name, values in read.numbers.items():
            self.bits[name] = self.bits.get(name, NumberSummary()) + NumberSummary.of(values)
        for factor, codes in read.factors.items():
            self.counts[factor] += np.bincount(codes, minlength=len(self.counts[factor]))
        return read

    def __add__(self, other: "RowsRead") -> "RowsRead":
        names = dict.fromkeys([*self.bits, *other.bits])
        none = NumberSummary()
        return RowsRead(
            self.given + other.given,
            self.rows + other.rows,
            {name: self.bits.get(name, none) + other.bits.get(name, none) for name in names},
            {factor: counts + other.counts[factor] for factor, counts in self.counts.items()},
        )

    def check(self, survey: Survey) -> None:
        """Refuse rows that are not those of the first pass.

        Raises
        ------
        DataError
            The table changed.
        """
        if (self.given, self.rows) != (survey.n_given, survey.n_rows):
            raise changed(
                f"{self.given} rows, {self.rows} of them complete, and at first {survey.n_given}, "
                f"{survey.n_rows} complete"
            )
        for name, found in self.bits.items():
            if found.bits != survey.numbers[name].bits:
                raise changed(f"other values of {name!r} in the second pass")
        for factor, known in survey.factors.items():
            if not np.array_equal(np.bincount(known.place, self.counts[factor], len(known.counts)), known.counts):
                raise changed(f"other numbers of rows of the levels of {factor!r} in the second pass")


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
    check_columns(spec, source, missing)
    part = SurveyPart(spec, source.name)
    for batch in source.batches(tuple(spec.columns)):
        part.add(batch)
        told(part.given)
    return survey_of(spec, part, missing)


def check_columns(spec: ModelSpec, source: Source, missing: Missing) -> None:
    """Refuse a table without the columns of the model, before it is read."""
    check_missing(missing)
    check_names(source.column_names, tuple(spec.columns))


def survey_of(spec: ModelSpec, part: SurveyPart, missing: Missing) -> Survey:
    """Return what the first pass learned of a whole table.

    Raises
    ------
    DataError
        No row; missing values, which are an error; labels that cannot be read.
    """
    if not part.given:
        raise DataError(
            "the table is empty", got="0 rows", allowed="one row or more", do="check how it was read or filtered"
        )
    if part.left.rows:
        report_missing(part.left.columns, part.left.rows, part.given, missing)
    labels = _labels(spec, part.reader, part.keeps_order)
    return Survey(
        part.given,
        part.rows,
        part.left.counted(),
        MappingProxyType(part.numbers),
        frozenset(name for name, kind in part.kinds.items() if pa.types.is_integer(kind)),
        labels,
        MappingProxyType(
            {factor: _levels(factor, part.reader, labels, part.counts[factor]) for factor in spec.factors}
        ),
        joined(part.examples),
        part.reader,
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
    seen = RowsRead.nothing(survey)
    for batch in source.batches(survey.reader.columns):
        read = seen.read(survey, batch)
        told(seen.given)
        if read is not None:
            yield read
    seen.check(survey)


def _labels(spec: ModelSpec, reader: BatchReader, keeps_order: Mapping[str, bool]) -> Mapping[str, Labels]:
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


def _levels(factor: str, reader: BatchReader, labels: Mapping[str, Labels], counts: np.ndarray) -> StreamedLevels:
    """Put the levels of a factor in order: those of a column, or the combinations that occur."""
    head, *others = factor_columns(factor)
    own = labels[head]
    if not others:
        return StreamedLevels(Levels(factor, own.labels), own.place, own.counts)
    # Codes of the columns of each level, from the last column that was joined to the first.
    codes, parts = np.arange(len(counts)), []
    for column, joint in reversed(list(zip(others, reader.joint[factor], strict=True))):
        codes, last = np.divmod(np.array(joint.values, np.int64)[codes], JOIN)
        parts.append(labels[column].place[last])
    parts = [own.place[codes], *reversed(parts)]
    every = [labels[column].labels for column in (head, *others)]
    found, place = np.unique(np.stack(parts), axis=1, return_inverse=True)
    place = place.ravel()
    texts = (joined_label([names[k] for names, k in zip(every, level, strict=True)]) for level in found.T)
    total = np.bincount(place, counts, found.shape[1]).astype(np.int64)
    return StreamedLevels(Levels(factor, tuple(texts)), place, total)
