"""Tables that are read in batches: what the package asks of one, and which objects are such tables."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, Final, Protocol

import narwhals as nw
import pyarrow as pa

__all__ = ["BATCH_ROWS", "Source", "as_source"]

BATCH_ROWS: Final = 2**18
"""Most rows of a batch: with some ten columns, tens of megabytes."""
_PARQUET: Final = frozenset({".parquet", ".pq"})


class Source(Protocol):
    """A table whose rows are read in batches, as often as needed, in any order.

    Attributes
    ----------
    name
        What it is, for messages: `the Parquet file visits.parquet`.
    column_names
        Its columns.
    """

    @property
    def name(self) -> str:
        """What it is, for messages."""

    @property
    def column_names(self) -> list[str]:
        """Its columns."""

    def count_rows(self) -> int | None:
        """Return the number of rows if it is known without reading them."""

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns of all rows, at most `BATCH_ROWS` rows at a time.

        Raises
        ------
        FileError
            A file that cannot be read to its end.
        DataError
            A column with different types in different files or parts.
        """


def as_source(data: Any) -> Source | None:
    """Return what reads a table in batches; None for tables that are in memory, and for other objects.

    Parameters
    ----------
    data
        The path of a Parquet file or of a folder of such files, a pyarrow dataset, a polars LazyFrame, a DuckDB
        relation, or a Dask DataFrame.

    Raises
    ------
    FileError
        A path without Parquet files; a file that is not complete.
    """
    # Each is imported where it is needed: none of these libraries but pyarrow has to be installed.
    if isinstance(data, str | PathLike):
        path = Path(data)
        if path.suffix.lower() not in _PARQUET and not path.is_dir():
            return None
        from partialpool.design.streamed.parquet_files import ParquetFiles  # noqa: PLC0415

        return ParquetFiles(path)
    if (
        type(data).__module__.partition(".")[0] == "pyarrow"
        and hasattr(data, "to_batches")
        and hasattr(data, "scanner")
    ):
        from partialpool.design.streamed.arrow_dataset import ArrowDataset  # noqa: PLC0415

        return ArrowDataset(data)
    if nw.dependencies.is_polars_lazyframe(data):
        from partialpool.design.streamed.polars_query import PolarsQuery  # noqa: PLC0415

        return PolarsQuery(data)
    if nw.dependencies.is_duckdb_relation(data):
        from partialpool.design.streamed.duckdb_relation import DuckDBRelation  # noqa: PLC0415

        return DuckDBRelation(data)
    if nw.dependencies.is_dask_dataframe(data):
        from partialpool.design.streamed.dask_partitions import DaskPartitions  # noqa: PLC0415

        return DaskPartitions(data)
    return None
