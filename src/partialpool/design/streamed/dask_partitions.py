"""A Dask DataFrame as a source of batches: one partition after the other."""

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd
import pyarrow as pa

from partialpool.design.streamed.read_errors import telling
from partialpool.design.streamed.source import BATCH_ROWS
from partialpool.errors import DataError

__all__ = ["DaskPartitions", "batches_of"]


class DaskPartitions:
    """The rows of a Dask DataFrame; memory holds one partition at a time."""

    def __init__(self, frame: Any) -> None:
        self._frame = frame

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return f"a Dask DataFrame of {self._frame.npartitions} partitions"

    @property
    def column_names(self) -> list[str]:
        """Its columns."""
        return [str(column) for column in self._frame.columns]

    def count_rows(self) -> int | None:
        """Return None: the partitions would have to be computed."""
        return None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Compute some columns of one partition after the other."""
        chosen = self._frame[list(columns)]
        schema = None
        for k in range(chosen.npartitions):
            with telling(self.name):
                part: pd.DataFrame = chosen.get_partition(k).compute()
            if not len(part):
                continue
            table = _arrow(part, schema, f"partition {k} of {self.name}")
            if schema is None and not any(pa.types.is_null(kind) for kind in table.schema.types):
                schema = table.schema
            yield from table.to_batches(max_chunksize=BATCH_ROWS)

    def parts(self, columns: Sequence[str]) -> list[Any]:
        """Return some columns of every partition, to be computed where it is: Dask's delayed objects."""
        found: list[Any] = self._frame[list(columns)].to_delayed()
        return found


def batches_of(part: pd.DataFrame, where: str) -> Iterator[pa.RecordBatch]:
    """Read a partition in batches; `where` is what it is, for messages."""
    if len(part):
        yield from _arrow(part, None, where).to_batches(max_chunksize=BATCH_ROWS)


def _arrow(part: pd.DataFrame, schema: Any, where: str) -> pa.Table:
    try:
        return pa.Table.from_pandas(part, schema=schema, preserve_index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise DataError(
            "a column has another type in one of the partitions",
            got=f"{where}: {str(error).splitlines()[0]}",
            allowed="columns of one type",
            do="convert the column: frame.astype({...})",
        ) from error
