"""A Parquet file, or a folder of such files, as a source of batches."""

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.dataset as ds
from pyarrow import fs

from partialpool.design.streamed.arrow_dataset import scanned
from partialpool.design.streamed.read_errors import telling
from partialpool.errors import DataError, FileError

__all__ = ["ParquetFiles"]


class ParquetFiles:
    """The rows of Parquet files; parts of a folder's name such as `year=2020` are columns."""

    def __init__(self, path: str | PathLike[str]) -> None:
        self._path = path = Path(path)
        files = [path]
        if path.is_dir():
            found = (file for file in path.rglob("*") if file.suffix.lower() in (".parquet", ".pq") and file.is_file())
            files = sorted(file for file in found if not any(map(_is_hidden, file.relative_to(path).parts)))
        elif not path.exists():
            raise FileError(
                "no such file",
                got=str(path),
                allowed="the path of a Parquet file or folder",
                do="correct the path; for files in a remote store pass a pyarrow dataset",
            )
        if not files:
            raise FileError(
                "the folder has no Parquet files",
                got=str(path),
                allowed="files whose names end in .parquet or .pq, also in folders below",
                do="correct the path; read other files with pyarrow.dataset.dataset(path, format='csv')",
            )
        self._schemas = {str(file): _schema(file) for file in files}
        self._dataset = self._made(next(iter(self._schemas.values())))

    @property
    def name(self) -> str:
        """What it is, for messages."""
        count = len(self._schemas)
        return (
            f"{count} Parquet files of {self._path}" if count > 1 else f"the Parquet file {next(iter(self._schemas))}"
        )

    @property
    def column_names(self) -> list[str]:
        """Its columns: those of the first file."""
        return list(self._dataset.schema.names)

    def count_rows(self) -> int | None:
        """Return the number of rows."""
        return int(self._dataset.count_rows())

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Read some columns of all rows."""
        return scanned(self._made(self._one_schema(columns)), columns, self.name)

    def _made(self, schema: Any) -> Any:
        """Return the dataset of all files, whose columns are read with the types of a schema."""
        files = list(self._schemas)
        if not self._path.is_dir():
            return ds.dataset(files, schema=schema, format="parquet")
        base = str(self._path)
        named = ds.dataset(files, format="parquet", partitioning="hive", partition_base_dir=base).schema
        in_names = [field for field in named if field.name not in schema.names]
        return ds.dataset(
            files,
            schema=pa.schema([*schema, *in_names], metadata=schema.metadata),
            format="parquet",
            partitioning=ds.partitioning(pa.schema(in_names), flavor="hive"),
            partition_base_dir=base,
        )

    def _one_schema(self, columns: Sequence[str]) -> Any:
        """Return the first file's schema, with numbers of different width in the widest type of all files.

        Raises
        ------
        DataError
            A file lacks a column, or has another type of it.
        """
        (first, schema), *others = self._schemas.items()
        for column in (column for column in columns if column in schema.names):
            for file, other in others:
                if column not in other.names:
                    raise DataError(
                        f"one of the files has no column {column!r}",
                        got=f"{file}, with {', '.join(map(repr, other.names[:6]))}; {first} has it",
                        allowed="the same columns in every file",
                        do="write this file again with the column, or take it out of the folder",
                    )
                at = schema.get_field_index(column)
                joint = _joint_type(schema.field(at).type, other.field(column).type)
                if joint is None:
                    raise DataError(
                        f"column {column!r} has another type in one of the files",
                        got=f"{other.field(column).type} in {file}, {schema.field(at).type} in {first}",
                        allowed="one type in all files; whole and other numbers may be mixed",
                        do="write this file again with the type of the others",
                    )
                schema = schema.set(at, pa.field(column, joint))
        return schema


def _is_hidden(part: str) -> bool:
    """Whether a file or folder is not part of the data, as in pyarrow: `_temporary`, `.ipynb_checkpoints`."""
    return part.startswith((".", "_")) and "=" not in part


def _schema(file: Path) -> Any:
    with telling(f"the Parquet file {file}"):
        return ds.ParquetFileFormat().inspect(str(file), filesystem=fs.LocalFileSystem())


def _joint_type(first: Any, second: Any) -> Any:
    """Return the type that holds the values of both; None where they are of different kinds."""
    if first.equals(second) or pa.types.is_null(second):  # a file in which the column has no values
        return first
    if pa.types.is_null(first):
        return second
    number = [pa.types.is_integer(kind) or pa.types.is_floating(kind) for kind in (first, second)]
    if all(number):
        whole = pa.types.is_integer(first) and pa.types.is_integer(second)
        return pa.int64() if whole else pa.float64()
    plain = [kind.value_type if pa.types.is_dictionary(kind) else kind for kind in (first, second)]
    text = [pa.types.is_string(kind) or pa.types.is_large_string(kind) for kind in plain]
    return pa.large_string() if all(text) and not any(map(pa.types.is_dictionary, (first, second))) else None
