"""A polars LazyFrame as a source of batches."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import pyarrow as pa

from partialpool.design.streamed.read_errors import telling
from partialpool.design.streamed.source import BATCH_ROWS
from partialpool.errors import DataError

__all__ = ["PolarsQuery"]


class PolarsQuery:
    """The rows that a polars query gives, each time that it runs."""

    def __init__(self, query: Any) -> None:
        self._query = query

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return "a polars LazyFrame"

    @property
    def column_names(self) -> list[str]:
        """Its columns."""
        with self._telling():
            return list(self._query.collect_schema().names())

    def count_rows(self) -> int | None:
        """Return None: the query would have to run."""
        return None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Run the query and read some columns of its rows."""
        if not hasattr(self._query, "collect_batches"):
            raise DataError(
                "this version of polars does not give a query's rows in batches",
                got=f"polars {_polars().__version__}",
                allowed="a version whose LazyFrame has collect_batches",
                do="update polars; or write the rows to a file, query.sink_parquet(path), and pass its path",
            )
        with self._telling():
            for part in self._query.select(columns).collect_batches(chunk_size=BATCH_ROWS, maintain_order=False):
                yield from part.to_arrow().to_batches(max_chunksize=BATCH_ROWS)

    def _telling(self) -> AbstractContextManager[None]:
        return telling(self.name, _polars().exceptions.PolarsError)


def _polars() -> Any:
    import polars  # noqa: PLC0415 - the user has it

    return polars
