"""Tables that are read in batches: what the package asks of one, and which objects are such tables."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from os import PathLike
from pathlib import Path
from pkgutil import resolve_name
from types import MappingProxyType
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
    kind = next((kind for kind, is_such in _KINDS.items() if is_such(data)), None)
    if kind is None:
        return None
    made: Source = resolve_name(f"partialpool.design.streamed.{kind}")(data)
    return made


def _is_parquet(data: Any) -> bool:
    return isinstance(data, str | PathLike) and (Path(data).suffix.lower() in _PARQUET or Path(data).is_dir())


def _is_dataset(data: Any) -> bool:
    return type(data).__module__.startswith("pyarrow.") and hasattr(data, "to_batches") and hasattr(data, "scanner")


_KINDS: Final[Mapping[str, Callable[[Any], bool]]] = MappingProxyType(
    {
        "parquet_files:ParquetFiles": _is_parquet,
        "arrow_dataset:ArrowDataset": _is_dataset,
        "polars_query:PolarsQuery": nw.dependencies.is_polars_lazyframe,
        "duckdb_relation:DuckDBRelation": nw.dependencies.is_duckdb_relation,
        "dask_partitions:DaskPartitions": nw.dependencies.is_dask_dataframe,
    }
)
"""The class of each kind of source, loaded where it is needed, and what tells that an object is of that kind."""
