"""Errors of the libraries that read tables in batches, told as this package's: which table, and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import pyarrow as pa

from partialpool.errors import DataError, FileError, PartialPoolError

__all__ = ["telling"]

_OF_TYPES: Final = ("cast", "not in range", "mismatch", "conversion", "parse string")
"""Words of pyarrow, polars and DuckDB about a value or a file that has not the type of its column."""

_OF_CONNECTIONS: Final = frozenset({"ConnectionError", "TimeoutError", "CommClosedError"})
"""Errors of the system, and Dask's, that are not of a table: a computer cannot be reached."""


@contextmanager
def telling(name: str, *kinds: type[Exception]) -> Iterator[None]:
    """Raise errors of reading as errors that name the table.

    Parameters
    ----------
    name
        What is read.
    kinds
        Errors of the library that reads, beside those of the system and of pyarrow.

    Raises
    ------
    DataError
        A column has not one type.
    FileError
        A file is gone, cut short, damaged, or of another format.
    """
    try:
        yield
    except (OSError, pa.ArrowException, *kinds) as error:
        if any(kind.__name__ in _OF_CONNECTIONS for kind in type(error).__mro__):
            raise
        raise _told(name, error) from error


def _told(name: str, error: Exception) -> PartialPoolError:
    got = f"{name}: {(str(error).splitlines() or [type(error).__name__])[0].rstrip('.')}"
    if any(words in str(error).lower() for words in _OF_TYPES):
        return DataError(
            "a column has another type in some of the rows",
            got=got,
            allowed="columns of one type",
            do="write the files again with one type of this column: text, for whole numbers above 2**53",
        )
    return FileError(
        "a table cannot be read to its end",
        got=got,
        allowed="complete files",
        do="write or copy the file again: it is gone, cut short, damaged, or of another format",
    )
