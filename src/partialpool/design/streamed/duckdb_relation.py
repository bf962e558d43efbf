"""A DuckDB relation as a source of batches."""

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from partialpool.design.streamed.read_errors import telling
from partialpool.design.streamed.source import BATCH_ROWS

__all__ = ["DuckDBRelation"]


class DuckDBRelation:
    """The rows that a DuckDB query gives, each time that it runs."""

    def __init__(self, relation: Any) -> None:
        self._relation = relation

    @property
    def name(self) -> str:
        """What it is, for messages."""
        return "a DuckDB relation"

    @property
    def column_names(self) -> list[str]:
        """Its columns."""
        return list(self._relation.columns)

    def count_rows(self) -> int | None:
        """Return None: the query would have to run."""
        return None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Run the query and read some columns of its rows."""
        import duckdb  # noqa: PLC0415 - the user has it

        quoted = ('"' + column.replace('"', '""') + '"' for column in columns)
        with telling(self.name, duckdb.Error):
            # A projection is a new relation, which runs from its beginning.
            chosen = self._relation.project(", ".join(quoted))
            # Versions before 2 have another name for it, which is deprecated since.
            begin = getattr(chosen, "to_arrow_reader", None) or chosen.fetch_record_batch
            with begin(BATCH_ROWS) as reader:
                yield from reader
