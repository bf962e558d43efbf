"""The complete rows of a batch, and counts of what the others lack."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from partialpool.design.left_out import LeftOut
from partialpool.spec.terms import factor_columns

__all__ = ["LeftOutRows", "complete_rows"]


def complete_rows(batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch | None]:
    """Split a batch into the rows with a value in every column, and the others; None where there are none.

    A number that is not a number (NaN) is a missing value, as in tables in memory.
    """
    lacks = None
    for column in batch.columns:
        here = pc.is_null(column, nan_is_null=True)
        if column.null_count or (pa.types.is_floating(column.type) and pc.any(here).as_py()):
            lacks = here if lacks is None else pc.or_(lacks, here)
    if lacks is None:
        return batch, None
    return batch.filter(pc.invert(lacks)), batch.filter(lacks)


class LeftOutRows:
    """Counts of rows with missing values, batch after batch."""

    def __init__(self, response: Iterable[str], factors: Sequence[str]) -> None:
        self._response, self._factors = frozenset(response), tuple(factors)
        self._columns: Counter[str] = Counter()
        self._without_response = self._without_predictor = 0
        self._levels: dict[str, set[Any]] = {factor: set() for factor in self._factors}
        self.rows = 0

    def add(self, rows: pa.RecordBatch) -> None:
        """Count the missing values of some incomplete rows."""
        self.rows += rows.num_rows
        lacks = {name: pc.is_null(rows.column(name), nan_is_null=True) for name in rows.schema.names}
        for name, here in lacks.items():
            self._columns[name] += int(pc.sum(here).as_py() or 0)
        own = [here for name, here in lacks.items() if name in self._response]
        others = [here for name, here in lacks.items() if name not in self._response]
        self._without_response += _rows_with_any(own)
        self._without_predictor += _rows_with_any(others)
        table = pa.Table.from_batches([rows])
        for factor in self._factors:
            columns = list(factor_columns(factor))
            plain = table.select(columns).drop_null()
            plain = plain.cast(pa.schema([(field.name, _plain(field.type)) for field in plain.schema]))
            found = plain.group_by(columns).aggregate([])
            self._levels[factor].update(zip(*(found.column(name).to_pylist() for name in columns), strict=True))

    def absorb(self, other: "LeftOutRows") -> None:
        """Add the counts of other rows."""
        self.rows += other.rows
        self._columns += other._columns
        self._without_response += other._without_response
        self._without_predictor += other._without_predictor
        for factor, levels in other._levels.items():
            self._levels[factor] |= levels

    @property
    def columns(self) -> dict[str, int]:
        """By column, the number of rows without a value, where there are such."""
        return {name: count for name, count in self._columns.items() if count}

    def counted(self) -> LeftOut | None:
        """Return the counts; None where no row was incomplete."""
        if not self.rows:
            return None
        levels = {factor: len(found) for factor, found in self._levels.items()}
        return LeftOut(self.columns, self._without_response, self._without_predictor, levels)


def _rows_with_any(several: Sequence[Any]) -> int:
    if not several:
        return 0
    joint = several[0]
    for one in several[1:]:
        joint = pc.or_(joint, one)
    return int(pc.sum(joint).as_py() or 0)


def _plain(kind: Any) -> Any:
    return kind.value_type if pa.types.is_dictionary(kind) else kind
