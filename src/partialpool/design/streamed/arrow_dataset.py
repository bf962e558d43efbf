"""A pyarrow dataset as a source of batches."""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import pyarrow as pa
import pyarrow.dataset as ds

from partialpool.design.streamed.read_errors import telling
from partialpool.design.streamed.source import BATCH_ROWS

__all__ = ["ArrowDataset", "scanned"]

_BATCHES_AHEAD: Final = 4
_FILES_AHEAD: Final = 2
"""Batches and files that pyarrow reads before they are asked for: its own defaults hold some gigabytes."""


class ArrowDataset:
    """The rows of a pyarrow dataset."""

    def __init__(self, dataset: Any) -> None:
        self._dataset = dataset

    @property
    def name(self) -> str:
        """What it is, for messages."""
        files = list(getattr(self._dataset, "files", ()))
        return (
            f"a pyarrow dataset of {len(files)} file{'' if len(files) == 1 else 's'}" if files else "a pyarrow dataset"
        )

    @property
    def column_names(self) -> list[str]:
        """Its columns."""
        return list(self._dataset.schema.names)

    def count_rows(self) -> int | None:
        """Return the number of rows, which files of the Parquet format say at their end."""
        kind = getattr(getattr(self._dataset, "format", None), "default_extname", "")
        with telling(self.name):
            return int(self._dataset.count_rows()) if kind == "parquet" else None

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns of all rows."""
        return scanned(self._dataset, columns, self.name)


def scanned(dataset: Any, columns: Sequence[str], name: str) -> Iterator[pa.RecordBatch]:
    """Read some columns of a pyarrow dataset in batches, with errors that name it."""
    kind = getattr(getattr(dataset, "format", None), "default_extname", "")
    # By default pyarrow reads a whole file ahead.
    options = {"fragment_scan_options": ds.ParquetFragmentScanOptions(pre_buffer=False, use_buffered_stream=True)}
    with telling(name):
        yield from dataset.to_batches(
            columns={column: ds.field(column) for column in columns},
            batch_size=BATCH_ROWS,
            batch_readahead=_BATCHES_AHEAD,
            fragment_readahead=_FILES_AHEAD,
            **(options if kind == "parquet" else {}),
        )
